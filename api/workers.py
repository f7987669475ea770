"""How many processes fold a long ledger: `--workers`, the setting `workers`, TRIAL_LEDGER_WORKERS, or as many as fit.

1 says that no other is started. A ledger that is not long is folded by one process (`projections/parts.py`).
"""

import os
from collections.abc import Callable
from typing import Final

from ledger.proof.ledger_file import LedgerFileError
from projections.parts import Others, OwnReader, processes

VARIABLE: Final = "TRIAL_LEDGER_WORKERS"
MOST: Final = 64
_set: list[int] = []


def use(count: int | None) -> None:
    """Let so many processes fold from now on; None: as many as the environment says, or as fit."""
    _set[:] = [] if count is None else [count]


def others(open_reader: Callable[[], OwnReader]) -> Others | None:
    """Who may fold along beside this process. Raises LedgerFileError where the environment says no number."""
    count = _set[0] if _set else _from_environment() or processes()
    return Others(count - 1, open_reader) if count > 1 else None


def _from_environment() -> int | None:
    said = os.environ.get(VARIABLE)
    if not said:
        return None
    if not (said.isascii() and said.isdigit() and 1 <= int(said) <= MOST):
        raise LedgerFileError(f"{VARIABLE}: {said[:40]!r} is not a number of processes from 1 to {MOST}")
    return int(said)
