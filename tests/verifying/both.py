"""Both verifiers on one file: the fast one has to say what the reference says, however it divides the work."""

import re
from collections.abc import Collection
from itertools import product
from pathlib import Path
from typing import Any, Final

import pytest

from ledger.proof.draws import Secret
from ledger.proof.findings import Report
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.sealing import BookKeys
from ledger.proof.verify import Progress, verify_ledger
from ledger.verifying.blocks import COMPILED
from ledger.verifying.fast import try_fast, verify_fast

FEW: Final = 4
"""Blocks so small that even a small ledger has many."""
BLOCKS: Final = (None, FEW)
"""Those, and blocks as large as they are."""
WALKS: Final = (True, False) if COMPILED else (False,)
"""Through common rows: by the compiled kernel, if there is one (test_kernel.py says so if not), and by Python."""


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
        for compiled in WALKS:
            fast = try_fast(path, block=FEW, compiled=compiled, **asked)
            assert fast is None, f"the fast verifier saw nothing of {report.findings[:3]} ({compiled=})"
        return report
    for block, compiled in product(BLOCKS, WALKS):
        fast = try_fast(path, block=block, compiled=compiled, **asked)
        assert fast == report, f"given up, or something else was seen, in blocks of {block} ({compiled=})"
        assert fast.to_json() == report.to_json()
    return report
