"""Both verifiers on one file: the fast one has to say what the reference says, however it divides the work."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

import pytest

from ledger.proof.draws import Secret
from ledger.proof.findings import Report
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.sealing import BookKeys
from ledger.proof.verify import Progress, verify_ledger
from ledger.verifying.fast import try_fast, verify_fast

FEW: Final = 4
"""Blocks so small that even a small ledger has many."""
BLOCKS: Final = (None, FEW)
"""Those, and blocks as large as they are."""


def judged(
    path: Path,
    *,
    keys: BookKeys | None = None,
    progress: Progress | None = None,
    secret: Secret | None = None,
    sizes: Collection[int] = (),
) -> Report:
    """The report of the reference; both verifiers agree, or the test fails."""
    asked: dict[str, Any] = {"keys": keys, "secret": secret, "sizes": sizes}
    try:
        report = verify_ledger(path, progress=progress, **asked)
    except LedgerFileError as error:
        with pytest.raises(LedgerFileError, match=f"^{re.escape(str(error))}$"):
            verify_fast(path, **asked)
        raise
    if not report.ok:
        assert try_fast(path, block=FEW, **asked) is None, f"the fast verifier saw nothing of {report.findings[:3]}"
        return report
    for block in BLOCKS:
        fast = try_fast(path, block=block, **asked)
        assert fast == report, f"given up, or something else was seen, in blocks of {block}"
        assert fast.to_json() == report.to_json()
    return report
