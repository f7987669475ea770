"""`trial-ledger`: the command line. What commands need is imported when they run, so that help comes at once."""

from api.cli.app import main

__all__ = ["main"]
