"""Checkpoints: what is signed, when, and what never is."""
