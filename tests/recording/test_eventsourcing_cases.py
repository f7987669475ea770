"""The eventsourcing library's own test cases for recorders, run against ours."""

import secrets
import shutil
import tempfile
from pathlib import Path

import pytest
from eventsourcing.persistence import AggregateRecorder, ApplicationRecorder, DataError, StoredEvent
from eventsourcing.tests import persistence as library

from ledger.proof.sections import MAX_PAYLOAD
from ledger.proof.verify import verify_ledger
from ledger.recording.books import Books
from ledger.recording.engine import create_ledger
from ledger.recording.eventsourcing_recorder import SQLiteAggregateRecorder, SQLiteApplicationRecorder
from ledger.recording.sqlite import SQLiteBooks
from ledger.recording.stores import open_books
from tests.recording.ledgers import MADE_IN


class _OnALedger:
    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="trial-ledger-"))

    def tearDown(self) -> None:
        self.books.close()
        shutil.rmtree(self.folder)

    def new_books(self) -> Books:
        path = self.folder / f"raw-{secrets.token_hex(4)}.db"
        MADE_IN[-1].create(path, "test.example/raw/" + "0" * 32)
        self.books = open_books(path)
        return self.books


class TestAggregateRecorder(_OnALedger, library.AggregateRecorderTestCase):
    def create_recorder(self) -> AggregateRecorder:
        return SQLiteAggregateRecorder(self.new_books())


class TestApplicationRecorder(_OnALedger, library.ApplicationRecorderTestCase[ApplicationRecorder]):
    def create_recorder(self) -> ApplicationRecorder:
        return SQLiteApplicationRecorder(self.new_books())

    def test_insert_subscribe(self) -> None:
        super().optional_test_insert_subscribe()


@pytest.mark.usefixtures("in_postgres")
class TestAggregateRecorderOnPostgreSQL(TestAggregateRecorder):
    pass


@pytest.mark.usefixtures("in_postgres")
class TestApplicationRecorderOnPostgreSQL(TestApplicationRecorder):
    pass


@pytest.mark.parametrize(
    "event",
    [
        StoredEvent("s", 1, "t", bytes(MAX_PAYLOAD + 1)),
        StoredEvent("s" * 9000, 1, "t", b"state"),
        StoredEvent("s", 1, "t" * 9000, b"state"),
    ],
    ids=["a state of over a mebibyte", "a long originator id", "a long topic"],
)
def test_what_the_format_has_no_room_for_is_refused_and_nothing_is_recorded(tmp_path: Path, event: StoredEvent) -> None:
    path = tmp_path / "raw.db"
    create_ledger(path, "test.example/raw/" + "0" * 32)
    books = SQLiteBooks(path)
    recorder = SQLiteApplicationRecorder(books, originator_id_type="text")
    with pytest.raises(DataError):
        recorder.insert_events([StoredEvent("s", 1, "t", b"small"), event])
    assert recorder.max_notification_id() is None
    recorder.insert_events([StoredEvent("s", 1, "t", bytes(MAX_PAYLOAD))])
    books.close()
    assert verify_ledger(path).ok
