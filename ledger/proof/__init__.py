"""Pure: the bytes of a ledger and their verification. Imports the standard library and cryptography only.

    report = verify_ledger(Path("trial.db"))
    report.ok, report.root, report.findings

or, from a shell, `python -m ledger.proof trial.db`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ledger.proof.findings import Finding, Report, TreeHead
    from ledger.proof.ledger_file import LedgerFileError
    from ledger.proof.verify import verify_ledger

__all__ = ["Finding", "LedgerFileError", "Report", "TreeHead", "verify_ledger"]

# Loaded when asked for: whoever needs one module of this package does not wait for the others.
_PLACES = {
    "Finding": "findings",
    "LedgerFileError": "ledger_file",
    "Report": "findings",
    "TreeHead": "findings",
    "verify_ledger": "verify",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
