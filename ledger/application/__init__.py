"""What a command goes through, from what it says to its answer."""

from ledger.application.answers import Answer, CommandRefusedError
from ledger.application.ledger import TrialLedger

__all__ = ["Answer", "CommandRefusedError", "TrialLedger"]
