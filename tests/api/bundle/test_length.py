"""Memory does not grow with the books."""

import tracemalloc
from contextlib import closing
from pathlib import Path

from api.bundle.contents import Making, contents_of
from api.bundle.handed import Handed, forms_of
from api.bundle.zipped import write_zip
from ledger.domain.roles import Sight
from ledger.domain.vocabulary import Book
from ledger.proof.evidence import Evidence
from ledger.proof.sections import PLAIN
from ledger.proof.verify import verify_ledger
from ledger.recording.reader import LedgerReader, Position
from tests.proof.bundle_parts import verified
from tests.recording.ledgers import KEYS, append, new_ledger, open_books


def test_memory_does_not_grow_with_the_books_neither_writing_nor_reading(tmp_path: Path) -> None:
    peaks = []
    for commands in (40, 650):
        folder = tmp_path / str(commands)
        folder.mkdir()
        path = _long(folder, commands)
        reader = LedgerReader(path, books=frozenset(Book), classes=frozenset({PLAIN}), keys=KEYS)
        sight = Sight(frozenset(Book), frozenset({"plain", "arm"}))
        forms = forms_of(sight, archive=False)
        output = folder / "x.zip"
        tracemalloc.start()
        with closing(reader), reader, output.open("wb") as file:
            position = Position(*reader.head())
            handed = Handed(forms, KEYS, lambda _: False)
            making = Making(reader, position, handed, "statistician", (), forms, Evidence(), b"", b"")
            write_zip(file, contents_of(making))
        written = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        report = verified(output)
        peaks.append((written, tracemalloc.get_traced_memory()[1]))
        tracemalloc.stop()
        assert report.ok, report.findings
        assert report.size == position.open
    assert position.open + (position.sealed or 0) > 9_500
    for small, large in zip(*peaks, strict=True):
        assert large < small + (8 << 20)


def _long(folder: Path, commands: int) -> Path:
    """A ledger of commands of ten open and five sealed events."""
    path = new_ledger(folder)
    books = open_books(path, every=64)
    for number in range(commands):
        first = number % 4 * 10
        events = [(f"subject/{number // 4}", first + version) for version in range(1, 11)]
        books.append(append(books, f"command-{number}", events, [f"dose/{number // 4}"] * 5))
    books.close()
    assert verify_ledger(path, keys=KEYS).ok
    return path
