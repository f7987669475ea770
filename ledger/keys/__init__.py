"""Signing and sealing keys."""
