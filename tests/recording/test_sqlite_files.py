"""Files that cannot be used, disks that are full or read-only: each says which, and nothing is lost."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from eventsourcing.persistence import OperationalError

from ledger.proof.ledger_file import LedgerFileError
from ledger.recording.books import Books
from ledger.recording.drafts import Append
from ledger.recording.engine import connect, create_ledger, require_safe_sqlite
from ledger.recording.sqlite import SQLiteBooks
from tests.crash.whole import Watch
from tests.recording.ledgers import ORIGIN, append, drafts, mark, new_ledger, open_books
from tests.unprivileged import unprivileged


def written(folder: Path) -> Path:
    """A ledger with a few entries in both books."""
    path = new_ledger(folder)
    books = open_books(path)
    for n in range(1, 6):
        books.append(append(books, f"c-{n}", [("s", n)], ["arm/s"]))
    books.close()
    return path


def big(books: Books, number: int, size: int) -> Append:
    """An append of about `size` bytes."""
    command = mark(f"big-{number}")
    return Append(command, drafts(books, command, [(f"big/{number}", 1)], text="x" * size))


@pytest.fixture
def own_folder() -> Iterator[Path]:
    """A folder that an unprivileged user can reach."""
    folder = Path(tempfile.mkdtemp(prefix="trial-ledger-"))
    folder.chmod(0o755)
    yield folder
    for each in (folder, *folder.iterdir()):
        each.chmod(0o755)
    shutil.rmtree(folder)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB; skips where none can be mounted."""
    folder = tmp_path / "small"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("a small file system cannot be mounted here (needs root)")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(books: Books, start: int) -> int:
    """Append until the disk is full; the number of the append that did not fit."""
    for number in range(start, start + 10_000):
        try:
            books.append(big(books, number, 20_000))
        except OperationalError as error:
            assert str(error).endswith("the disk is full; nothing was recorded by this")  # noqa: PT017
            return number
    raise AssertionError("the disk is not small")


def test_a_full_disk_refuses_cleanly_and_goes_on_once_there_is_room(small_disk: Path) -> None:
    filler = small_disk / "filler"
    filler.write_bytes(bytes(400_000))
    path = new_ledger(small_disk)
    books = open_books(path)
    refused = fill(books, 0)
    assert refused > 0
    watch = Watch(path)
    assert set(watch.check().open) == {f"big-{n}" for n in range(refused)}
    with pytest.raises(OperationalError, match="disk is full"):
        books.append(big(books, refused, 20_000))
    filler.unlink()
    assert not books.append(big(books, refused, 20_000)).repeated
    assert set(watch.check().open) == {f"big-{refused}"}
    books.close()


def test_a_full_disk_in_an_append_of_both_books_records_neither_half(tmp_path: Path) -> None:
    path = new_ledger(tmp_path)
    books = open_books(path)
    books.append(append(books, "first", [("s", 1)], ["arm/s"]))
    assert isinstance(books, SQLiteBooks)
    private: Any = books._connection
    pages = private.pragma("page_count")
    private.pragma("max_page_count", pages + 12)
    with pytest.raises(OperationalError, match="disk is full"):
        books.append(append(books, "both", [("t", n) for n in range(1, 60)], ["arm/s"] * 60))
    watch = Watch(path)
    assert set(watch.check().open) == {"first"}
    small = books.append(append(books, "small", [("s", 2)], ["arm/s"]))
    assert (small.open_seq, small.sealed_seq) == (1, 1)
    private.pragma("max_page_count", 10**6)
    assert books.append(append(books, "both", [("t", n) for n in range(1, 60)], ["arm/s"] * 60)).open_seq == 2
    books.close()
    assert {"small", "both"} == set(watch.check().open)


def test_a_read_only_file_is_read_and_not_written(own_folder: Path) -> None:
    path = written(own_folder)
    path.chmod(0o444)
    own_folder.chmod(0o777)
    with unprivileged():
        books = SQLiteBooks(path)
        with pytest.raises(OperationalError, match=r"cannot be written \(read-only file, folder or disk\)"):
            books.append(append(books, "c-6", [("s", 6)]))
        books.close()
    Watch(path).check()


def test_a_read_only_folder_is_refused_with_a_sentence(own_folder: Path) -> None:
    path = written(own_folder)
    path.chmod(0o666)
    own_folder.chmod(0o555)
    with unprivileged():
        with pytest.raises(OperationalError, match="cannot be written"):
            SQLiteBooks(path)
        with pytest.raises(LedgerFileError, match="cannot be created here"):
            create_ledger(own_folder / "other.db", ORIGIN)
    own_folder.chmod(0o755)
    Watch(path).check()


def other_database(path: Path, application: int, version: int) -> None:
    connection = apsw.Connection(str(path))
    connection.pragma("application_id", application)
    connection.pragma("user_version", version)
    connection.execute("CREATE TABLE t (a)")
    connection.close()


def test_each_file_that_is_no_ledger_is_refused_in_its_own_words(tmp_path: Path) -> None:
    whole = written(tmp_path).read_bytes()
    (tmp_path / "folder.db").mkdir()
    (tmp_path / "text.db").write_text("subject,arm\n" * 50)
    (tmp_path / "empty.db").touch()
    (tmp_path / "stump.db").write_bytes(whole[:60])
    (tmp_path / "half.db").write_bytes(whole[: len(whole) // 2])
    other_database(tmp_path / "other.db", 7, 1)
    newer = bytearray(whole)
    newer[60:64] = (2).to_bytes(4, "big")
    (tmp_path / "newer.db").write_bytes(newer)
    older = bytearray(whole)
    older[60:64] = bytes(4)
    (tmp_path / "older.db").write_bytes(older)
    damaged = bytearray(whole)
    damaged[100:4096] = b"\xff" * 3996
    (tmp_path / "damaged.db").write_bytes(damaged)
    said = {}
    for name in ["missing", "folder", "text", "empty", "stump", "half", "other", "newer", "older", "damaged"]:
        path = tmp_path / f"{name}.db"
        with pytest.raises(LedgerFileError) as caught:
            SQLiteBooks(path)
        said[name] = str(caught.value).removeprefix(f"{path}: ")
        assert said[name] != str(caught.value), "the message names the file"
    half = len(whole) // 2
    assert said == {
        "missing": "there is no such file",
        "folder": "is a folder, not a ledger file",
        "text": "is not a ledger (not an SQLite database)",
        "empty": "is not a ledger (not an SQLite database)",
        "stump": "the file is truncated: only 60 bytes are left",
        "half": f"the file is truncated: {half} bytes, where {len(whole)} belong",
        "other": "is not a ledger (an SQLite database of another application)",
        "newer": "has format 2; this version reads up to format 1",
        "older": "has format 0, which no released version wrote",
        "damaged": said["damaged"],
    }
    assert said["damaged"].startswith("the database is damaged")
    assert len(set(said.values())) == 9, "text and empty files are the same case"


def test_a_book_that_does_not_end_in_its_stored_head_is_not_appended_to(tmp_path: Path) -> None:
    path = written(tmp_path)
    connection = connect(path)
    connection.execute("UPDATE head SET hash = zeroblob(32) WHERE book = 'open'")
    connection.close()
    with pytest.raises(LedgerFileError, match="does not end in its stored head; run verify, append nothing"):
        SQLiteBooks(path)


@pytest.mark.parametrize("version", ["3.40.1", "3.51.2", "3.7.17", "3.51"])
def test_an_sqlite_that_can_lose_commits_is_refused(version: str) -> None:
    with pytest.raises(LedgerFileError, match=rf"SQLite {version} is too old: before 3\.51\.3 .* can lose commits"):
        require_safe_sqlite(version)


@pytest.mark.parametrize("version", ["3.51.3", "3.54.1", "4.0.0"])
def test_a_safe_sqlite_is_taken(version: str) -> None:
    require_safe_sqlite(version)


def test_a_ledger_is_never_overwritten(tmp_path: Path) -> None:
    path = written(tmp_path)
    before = path.read_bytes()
    with pytest.raises(LedgerFileError, match="exists already; a ledger is never overwritten"):
        create_ledger(path, ORIGIN)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == [path.name], "nothing half made is left behind"


@pytest.mark.parametrize(
    "statement",
    [
        *(f"DELETE FROM {table}" for table in ("open_stream", "open_entry", "sealed_entry", "head")),
        "UPDATE open_stream SET name = 'other'",
        "UPDATE open_entry SET version = version + 100",
        "UPDATE open_entry SET sections = x''",
        "UPDATE sealed_entry SET entry = entry WHERE seq = 0",
        "UPDATE head SET origin = 'other', size = size + 1",
        "UPDATE head SET book = 'other' WHERE book = 'open'",
        # REPLACE deletes without asking the triggers against DELETE.
        "INSERT OR REPLACE INTO head SELECT book, origin, 0, hash, frontier FROM head",
        "INSERT OR REPLACE INTO open_stream (id, name) VALUES (1, 'other')",
        "INSERT OR REPLACE INTO open_stream (id, name) VALUES (9, 's')",
        "INSERT OR REPLACE INTO sealed_entry (seq, open_seq, slot, command, entry, sections) "
        "SELECT seq, open_seq, slot, command, entry, x'00' FROM sealed_entry WHERE seq = 1",
        "INSERT OR REPLACE INTO sealed_entry (seq, open_seq, slot, command, entry, sections) "
        "SELECT 99, open_seq, slot, command, entry, sections FROM sealed_entry WHERE seq = 1",
    ],
)
def test_a_statement_that_would_change_the_record_is_refused_by_the_file(tmp_path: Path, statement: str) -> None:
    path = written(tmp_path)
    connection = apsw.Connection(str(path))
    with pytest.raises(apsw.ConstraintError):
        connection.execute(statement)
    connection.close()
    Watch(path).check()
