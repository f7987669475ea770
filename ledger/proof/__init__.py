"""Pure: the bytes of a ledger and their verification. Imports the standard library and cryptography only.

    report = verify_ledger(Path("trial.db"))
    report.ok, report.root, report.findings

or, from a shell, `python -m ledger.proof trial.db`.
"""

from ledger.proof.findings import Finding, Report, TreeHead
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.verify import verify_ledger

__all__ = ["Finding", "LedgerFileError", "Report", "TreeHead", "verify_ledger"]
