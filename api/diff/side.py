"""One of the two histories: a ledger file or a bundle, read as it lies and without any key.

Whoever compares sees what the files show to anybody: of sealed entries the header, where a bundle gives it opened.
"""

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from api.evidence.proving import own_vkeys
from ledger.domain.vocabulary import Book
from ledger.proof.bundle import is_bundle
from ledger.proof.bundle_reader import BundleBooks
from ledger.proof.evidence import Evidence, evidence_folder, read_evidence
from ledger.proof.note import NoteError, VerifierKey
from ledger.recording.reader import LedgerReader
from ledger.recording.rows import ClosedBookError

BOOKS: Final = ("open", "sealed")
Row = tuple[int, bytes, bytes | None]
"""Seq, entry and sections as they are stored (None: they cannot be told apart)."""
_END: Final = 1 << 62


class Side:
    """A history. Use as a context manager. Raises LedgerFileError, BundleError, EvidenceError, OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with self._stack:
            self._books: BundleBooks | LedgerReader
            self.consistency: dict[int, tuple[bytes, ...]] = {}
            if is_bundle(self.path):
                self._open_bundle()
            else:
                self._open_ledger()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def rows(self, book: str) -> Iterator[Row]:
        """The rows of a book, as they stand."""
        if isinstance(self._books, BundleBooks):
            return ((row[0], row[4], row[5]) for row in self._books.rows(book, _END))
        return self._books.stored(Book(book), 0, self.sizes[book])

    def _open_bundle(self) -> None:
        books = self._stack.enter_context(BundleBooks(self.path))
        self._books = books
        self.kind, self.origin = "bundle", books.manifest.origin
        self.role: str | None = books.manifest.role
        self.sizes = {book: head.size for book, head in books.manifest.books.items()}
        self.heads = {book: head.head for book, head in books.manifest.books.items()}
        self.evidence: Evidence = books.evidence()
        self.consistency = dict(books.consistency)
        self.vkeys = _vkeys(books.log_keys)

    def _open_ledger(self) -> None:
        reader = self._reader({Book.OPEN, Book.SEALED})
        self._books = reader
        self.kind, self.origin, self.role = "ledger", reader.origin(), None
        head = reader.head()
        self.sizes = {"open": head.open} | ({} if head.sealed is None else {"sealed": head.sealed})
        self.heads = {book: bytes.fromhex(reader.head_hash(Book(book), size)) for book, size in self.sizes.items()}
        self.evidence = read_evidence(evidence_folder(self.path))
        self.vkeys = tuple(own_vkeys(self.path))

    def _reader(self, books: set[Book]) -> LedgerReader:
        reader = LedgerReader(self.path, books=frozenset(books), classes=frozenset())
        self._stack.callback(reader.close)
        try:
            return self._stack.enter_context(reader)
        except ClosedBookError:  # it was restored without the sealed book
            return self._reader(books - {Book.SEALED})


def _vkeys(lines: bytes) -> tuple[VerifierKey, ...]:
    found = []
    for line in lines.decode("utf-8", "replace").splitlines():
        with suppress(NoteError):
            found.append(VerifierKey.parse(line))
    return tuple(found)
