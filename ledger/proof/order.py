"""What each entry says against those before it: recorded times, places in a command, versions of a stream.

Each rule gives what is wrong as the end of a sentence about the entry, or None. `docs/format.md` section 7.
"""

from datetime import datetime
from typing import Any

from ledger.proof.localize import Chain


class Clock:
    """Recorded time: real times that never run backwards within a book."""

    def __init__(self) -> None:
        self._last = b""

    def check(self, at: bytes) -> str | None:
        """What is wrong with the next recorded time, or None."""
        last = self._last
        if at == last:
            return None
        if at[:10] != last[:10] or at[11:19] > b"23:59:59":
            try:
                datetime.fromisoformat(at.decode())
            except ValueError:
                return f"recorded at {at.decode()}, which is no time"
        if at < last:
            return f"recorded at {at.decode()}, which is before the entry before it, at {last.decode()}"
        self._last = at
        return None


class Commands:
    """The events of a command stand together: n counts from 0 to of - 1, and nothing comes between."""

    def __init__(self) -> None:
        self._next_seq = 0
        self._n = 0
        self._of = 0
        self._mark: object = None

    def check(self, seq: int, n: int, of: int, mark: object) -> str | None:
        """What is wrong with the next event's place in its command, or None; `mark` says which command."""
        if n == 0 and of == 1 and self._n == 0 and seq == self._next_seq:
            self._next_seq = seq + 1
            return None
        wrong = None
        if not n < of:
            wrong = f"is event {n} of only {of} events of its command"
        elif seq == self._next_seq and n != self._n:
            wrong = f"is event {n} of its command, where event {self._n} should stand"
        elif seq == self._next_seq and n and (of, mark) != (self._of, self._mark):
            wrong = "stands among the events of another command"
        self._next_seq, self._of, self._mark = seq + 1, of, mark
        self._n = n + 1 if n + 1 < of else 0
        return wrong

    def check_end(self, size: int) -> str | None:
        if self._n and self._next_seq == size:
            return f"is the last, where {self._of - self._n} more events of its command should follow"
        return None


class Versions:
    """The versions of each stream follow each other, from 1 (those of raw streams may begin with 0)."""

    def __init__(self, chain: Chain) -> None:
        self.last: dict[Any, int] = {}
        self._chain = chain
        self._explained = 0

    def check(self, stream: Any, version: int, *, from_zero: bool = False) -> str | None:
        """What is wrong with the next version of a stream, or None."""
        last = self.last.get(stream)
        self.last[stream] = version
        if last is None:
            last = -1 if from_zero and version == 0 else 0
        if version == last + 1:
            return None
        skipped = version - last - 1
        if 0 < skipped <= self._chain.holes - self._explained:
            self._explained += skipped  # the versions between stood in entries that are missing or altered
            return None
        return f"version {version} of its stream follows version {last}"
