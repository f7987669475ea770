"""A ledger that is copied from a file to a database and back is the same; killed and resumed too."""

from pathlib import Path

import psycopg
import pytest

from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.link import Link
from ledger.recording.books import VersionConflict
from ledger.recording.copying import copy_rows, origin_and_books, target_of
from ledger.recording.stores import open_books
from ledger.verifying.fast import verify_fast
from tests.recording.copier import copy, killed_until_done, story
from tests.recording.ledgers import KEYS, ORIGIN, append
from tests.recording.test_postgres_books import heads


def link_to(database: str, name: str) -> Link:
    return Link(database, name, ORIGIN)


def test_there_and_back_is_the_same_and_goes_on_in_both_places(tmp_path: Path, database: str) -> None:
    start, there, back = tmp_path / "start.db", tmp_path / "there", tmp_path / "back.db"
    story(start, 120)
    copy(start, there, link_to(database, "copy-there"), batch=50)
    copy(there, back, None, batch=50)
    assert heads(start) == heads(there) == heads(back)
    for path in (start, there, back):
        assert verify_fast(path, keys=KEYS).ok
        books = open_books(path, keys=KEYS)
        with pytest.raises(VersionConflict):
            books.append(append(books, "late", [("t3", 1)]))
        assert books.append(append(books, "c-3", [("s3", 1), ("t3", 1)])).repeated
        assert books.append(append(books, "new", [("t3", 2)], ["arm"])).open_seq == 240
        books.close()
        assert verify_fast(path, keys=KEYS).ok


def test_a_copy_that_is_killed_again_and_again_comes_out_the_same(tmp_path: Path, database: str) -> None:
    start, there, back = tmp_path / "start.db", tmp_path / "there", tmp_path / "back.db"
    story(start, 400)
    died = killed_until_done(start, there, link_to(database, "copy-killed"), 3, 1)
    died += killed_until_done(there, back, None, 3, 2)
    assert died >= 2, "nothing was killed before it was done"
    assert heads(start) == heads(there) == heads(back)
    assert verify_fast(there, keys=KEYS).ok
    assert not [path for path in tmp_path.iterdir() if "copying" in path.name]


def test_an_unfinished_copy_is_no_ledger_and_that_of_another_one_is_not_gone_on_with(
    tmp_path: Path, database: str
) -> None:
    start, other = tmp_path / "start.db", tmp_path / "other.db"
    story(start, 30)
    story(other, 30)
    for place, link in ((tmp_path / "there", link_to(database, "copy-half")), (tmp_path / "back.db", None)):
        made = target_of(place, link, *origin_and_books(start))
        copy_rows(start, made, batch=10)
        made.close()
        assert not place.exists()
        with pytest.raises(LedgerFileError, match="no beginning of this ledger"):
            copy(other, place, link)
        copy(start, place, link)
        assert heads(place) == heads(start)
        with pytest.raises(LedgerFileError, match="exists already"):
            copy(start, place, link)


def test_a_ledger_that_does_not_hang_together_is_not_taken_in(tmp_path: Path, database: str) -> None:
    start = tmp_path / "start.db"
    story(start, 30)
    made = target_of(tmp_path / "there", link_to(database, "copy-bad"), *origin_and_books(start))
    rows = [(b'{"prev":"' + b"0" * 64 + b'","seq":0,}', b"")]
    with pytest.raises(Exception, match="canonical entry"):
        made.take(next(iter(made.heads())), rows)
    made.close()
    with psycopg.connect(database) as db:
        found = db.execute("SELECT name FROM trial_ledger.trial WHERE name LIKE 'copy-bad%'").fetchall()
    assert found == [("copy-bad.copying",)]
