"""Readers of an open book that nobody uses at the moment, kept for whoever wants one next."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.domain.vocabulary import Book
from ledger.proof.sections import PLAIN
from ledger.recording.reader import LedgerReader


class Readers:
    """Readers of the open book, without anybody's name. Safe for several threads. `keeps`: whether any are kept."""

    def __init__(self) -> None:
        self.keeps = True
        self._lock = threading.Lock()
        self._idle: dict[Path, list[LedgerReader]] = {}

    @contextmanager
    def of(self, path: Path) -> Iterator[LedgerReader]:
        """A snapshot of the open book at `path`."""
        with self._lock:
            idle = self._idle.get(path)
            reader = idle.pop() if idle else None
        if reader is None:
            reader = LedgerReader(path, books=frozenset({Book.OPEN}), classes=frozenset({PLAIN}))
        try:
            with reader:
                yield reader
        except BaseException:
            reader.close()
            raise
        with self._lock:
            if self.keeps:
                self._idle.setdefault(path, []).append(reader)
                return
        reader.close()

    def close(self) -> None:
        """Close those that nobody uses."""
        with self._lock:
            idle, self._idle = self._idle, {}
        for reader in (one for readers in idle.values() for one in readers):
            reader.close()
