"""Bundles as they are made."""
