"""`trial-ledger`: the command line. Each command is a module of this package; heavy imports wait until they are needed."""

from api.cli.app import main

__all__ = ["main"]
