"""Clock and random source of a live ledger."""

import os
import time
from datetime import UTC, datetime


def utc_now() -> datetime:
    """The clock of a live ledger."""
    return datetime.now(UTC)


class LiveText:
    """`recorded(utc_now())`, with the text of the second kept: it is asked for in each append."""

    def __init__(self) -> None:
        self._kept = (-1, "")

    def __call__(self) -> str:
        second, micro = divmod(time.time_ns() // 1000, 1_000_000)
        kept, text = self._kept
        if second != kept:
            text = datetime.fromtimestamp(second, UTC).isoformat()[:19]
            self._kept = (second, text)
        return f"{text}.{micro:06d}Z"


class OsRandomness:
    """The random source of a live ledger."""

    open = staticmethod(os.urandom)
    sealed = staticmethod(os.urandom)
