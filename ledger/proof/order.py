"""What each entry says against those before it: recorded times, places in a command, versions of a stream.

Each rule gives what is wrong as the end of a sentence about the entry, or None. `docs/format.md` section 7.
"""

from datetime import datetime
from typing import Any

from ledger.proof.localize import Chain


class Clock:
    """Recorded time: real times, none before that of the entry before.

    Of two entries that disagree, the later one is at fault, unless it fits the time before the earlier one: then the
    earlier one was too late (with those before it of the same time).
    """

    def __init__(self) -> None:
        self._last = b""
        self._before = b""
        self._first = 0
        self._stream: Any = None

    def check(self, seq: int, at: bytes, stream: Any) -> tuple[int, int, str, Any] | None:
        """What is wrong: the first entry at fault, how many, the message and the stream; or None."""
        last = self._last
        if at == last:
            return None
        if at[:10] != last[:10] or at[11:19] > b"23:59:59":
            try:
                datetime.fromisoformat(at.decode())
            except ValueError:
                return seq, 1, f"recorded at {at.decode()}, which is no time", stream
        wrong = None
        if at > last:
            self._before = last
        elif at >= self._before != b"":
            message = f"recorded at {last.decode()}, which is after the entries before and after it"
            wrong = self._first, seq - self._first, message, self._stream
        else:
            message = f"recorded at {at.decode()}, which is before the entry before it, at {last.decode()}"
            wrong = seq, 1, message, stream
        self._last, self._first, self._stream = at, seq, stream
        return wrong


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
        self._claimed: dict[Any, int] = {}
        """The version that an entry at fault says it has: either it or the streams' count goes on."""

    def check(self, stream: Any, version: int, *, from_zero: bool = False) -> str | None:
        """What is wrong with the next version of a stream, or None."""
        last = self.last.get(stream)
        self.last[stream] = version
        begins = last is None
        if last is None:
            last = -1 if from_zero and version == 0 else 0
        if version == last + 1:
            return None
        if self._claimed and self._claimed.pop(stream, -2) + 1 == version:
            return None
        skipped = version - last - 1
        if 0 < skipped <= self._chain.holes - self._explained:
            self._explained += skipped  # the versions between stood in entries that are missing or altered
            return None
        self._claimed[stream] = version
        self.last[stream] = last + 1
        if begins:
            return f"version {version} begins its stream"
        return f"version {version} of its stream follows version {last}"
