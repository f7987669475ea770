"""A ledger verified wherever the tests made it: a file by the standard library alone, a database by the fast walk."""

from pathlib import Path

from ledger.proof.findings import Report
from ledger.proof.link import is_link
from ledger.proof.sealing import BookKeys
from ledger.proof.verify import verify_ledger as verify_file
from ledger.verifying.fast import verify_fast


def verify_ledger(path: Path, *, keys: BookKeys | None = None) -> Report:
    """What `verify` finds."""
    return verify_fast(path, keys=keys) if is_link(path) else verify_file(path, keys=keys)
