"""Reading from PostgreSQL by many at once, through few connections."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from ledger.domain.vocabulary import Book
from ledger.proof.ledger_file import LedgerFileError
from ledger.recording.postgres.connecting import close_pools
from ledger.recording.reader import LedgerReader, Position
from tests.recording.ledgers import append, new_ledger, open_books

READERS = 12


@pytest.mark.usefixtures("in_postgres")
def test_readers_that_each_need_two_snapshots_never_wait_for_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = new_ledger(tmp_path)
    with closing(open_books(path)) as books:
        books.append(append(books, "c", [("s", 1)]))
    close_pools()
    monkeypatch.setenv("TRIAL_LEDGER_POOL", "2")
    line = threading.Barrier(2)

    def read(number: int) -> int:
        outer, inner = (LedgerReader(path, books=frozenset({Book.OPEN}), classes=frozenset()) for _ in range(2))
        with closing(outer), closing(inner), outer:
            if number < 2:
                line.wait(20)  # both connections of the first pool are taken
            with inner:
                return inner.head().open

    with ThreadPoolExecutor(READERS) as pool:
        assert list(pool.map(read, range(READERS))) == [1] * READERS
    close_pools()


@pytest.mark.usefixtures("in_postgres")
def test_a_snapshot_stands_still_while_others_record(tmp_path: Path) -> None:
    path = new_ledger(tmp_path)
    books = open_books(path, every=0)
    books.append(append(books, "c-1", [("s", 1)], ["arm"]))
    with closing(LedgerReader(path, books=frozenset({Book.OPEN}), classes=frozenset())) as reader:
        with reader:
            assert reader.head() == Position(1, None)
            books.append(append(books, "c-2", [("s", 2)]))
            assert (reader.head(), reader.version("s")) == (Position(1, None), 1)
        with reader:
            assert (reader.head(), reader.version("s")) == (Position(2, None), 2)
    books.close()


@pytest.mark.usefixtures("in_postgres")
def test_a_number_of_connections_that_is_none_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = new_ledger(tmp_path)
    close_pools()
    monkeypatch.setenv("TRIAL_LEDGER_POOL", "many")
    with pytest.raises(LedgerFileError, match="TRIAL_LEDGER_POOL: 'many'"):
        LedgerReader(path, books=frozenset({Book.OPEN}), classes=frozenset())
