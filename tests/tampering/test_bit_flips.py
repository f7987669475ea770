"""3,000 random bit flips over whole ledger files: whatever changes what the product returns is found.

A flip that the verifier does not find changes nothing that the product reads, by the rows, the indexes and the reader
of facts, and lies where SQLite itself does not look (`tests/sqlite_bytes.py`), or in a field that says nothing of the
content (SILENT). All bits of the file's header are tried, and not only those that chance picks.

Two files: as `settle` leaves it, and one that grew, with free pages, free blocks and a write-ahead log that is gone.
"""

import re
import sqlite3
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any, Final

import apsw
import pytest

from ledger.domain.vocabulary import Book
from ledger.proof import verify
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.sections import ANCHOR, ARM, HEADER, IDENTITY, PLAIN
from ledger.recording.reader import LedgerReader
from ledger.verifying.fast import verify_fast
from tests.sqlite_bytes import (
    EXPANSION,
    FRAGMENT,
    FREE_BLOCK,
    FREE_PAGE,
    KEY_TYPE,
    SCHEMA_NUMBER,
    TRUNK_REST,
    UNALLOCATED,
    UNUSED,
    uses,
)
from tests.tampering.ledgers import KEYS, behind_its_back, build, fill, new_books, places
from tests.thorough import THOROUGH

SEED: Final = 20_201_122
SILENT: Final = {
    "header: file change counter": "tells other connections that are open that the file changed; nothing is open",
    "header: version-valid-for": "says of which change counter the number of pages is; with another one the length of"
    " the file counts, which is the same",
    "header: version of SQLite": "which release wrote the file last",
    "header: default cache size": "a hint for memory",
    "header: schema cookie": "tells other connections that are open that the schema changed; the schema is compared",
    "header: write version": "says who may write, and how: with a log beside the file, or a journal",
    "header: read version": "1 and 2 are read alike where no log lies beside the file; what is greater is refused",
    "header: schema format": "only its last byte is read, and 0 for 4 says how new tables are laid out, no stored one",
    "header: text encoding": "only its last two bits are read; with these changed the file is refused",
    "header: incremental vacuum": "is not looked at where the largest root page is 0, and that is looked at",
    "free list": "which pages may be written to. Numbers of no page, and pages listed twice, are found; that one of"
    " them is in use is not, and nothing reads by this list",
    KEY_TYPE: "the value is the rowid, whatever is stored in its place; a type with bytes shifts the others",
    SCHEMA_NUMBER: "gives the rows of the schema an order",
}
"""Fields of which a flip may stay unseen, and why it does no harm."""
_TABLES: Final = ("head", "open_stream", "open_entry", "sealed_entry")


def grown(path: Path) -> Path:
    """A ledger that was never vacuumed: free pages, free blocks, and the header of one with a write-ahead log."""
    books = new_books(path)
    fill(books, 6)
    books.close()
    with behind_its_back(path) as connection:  # leaves free blocks where the triggers stood
        connection.execute("CREATE TABLE aside (value BLOB)")
        for number in range(60):
            connection.execute("INSERT INTO aside VALUES (?)", (bytes([number]) * 900,))
        connection.execute("DROP TABLE aside")
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    Path(f"{path}-wal").unlink(missing_ok=True)
    return path


@pytest.fixture(scope="module", params=["settled", "grown"])
def ledger(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file to be flipped, one bit at a time."""
    path = tmp_path_factory.mktemp("flips") / "trial.db"
    return build(path, commands=6) if request.param == "settled" else grown(path)


def returned(path: Path) -> list[Any]:
    """Whatever the product returns of a file: header fields, schema, rows by table and by index, facts and streams."""
    found: list[Any] = []
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        for pragma in ("user_version", "application_id", "encoding"):
            found.append(connection.execute(f"PRAGMA {pragma}").fetchall())
        found.append(connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema").fetchall())
        for table in (*_TABLES, "open_event"):
            found.append(connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall())
        for sql, values in (
            ("SELECT id FROM open_stream WHERE name = ?", "SELECT name FROM open_stream"),
            ("SELECT seq FROM open_entry WHERE stream = ? ORDER BY version", "SELECT id FROM open_stream"),
            ("SELECT seq FROM open_entry WHERE command = ?", "SELECT command FROM open_entry"),
            ("SELECT seq FROM sealed_entry WHERE slot = ?", "SELECT slot FROM sealed_entry"),
            ("SELECT seq FROM sealed_entry WHERE command = ?", "SELECT command FROM sealed_entry"),
            ("SELECT seq FROM sealed_entry WHERE open_seq <= ?", "SELECT open_seq FROM sealed_entry"),
        ):
            for row in connection.execute(values).fetchall():
                found.append(connection.execute(sql, row).fetchall())
    finally:
        connection.close()
    classes = frozenset({PLAIN, IDENTITY, ANCHOR, ARM, HEADER})
    reader = LedgerReader(path, books=frozenset(Book), classes=classes, keys=KEYS)
    try:
        with reader:
            facts = list(reader.facts())
            found += [reader.head(), reader.origin(), facts, *(reader.stream(fact.stream) for fact in facts[:8])]
    finally:
        reader.close()
    return found


def found_nothing(path: Path) -> bool:
    """Whether the verifier lets a file pass; the fast one is asked too where the reference does."""
    try:
        if not verify.verify_ledger(path, keys=KEYS).ok:
            return False
    except LedgerFileError:
        return False
    assert verify_fast(path, keys=KEYS).ok
    return True


def unseen(path: Path, bits: Iterable[int]) -> Counter[str]:
    """Flip each of these bits of a file alone; where those lie that are not found, having changed nothing."""
    content = path.read_bytes()
    names, before, passed = uses(content), returned(path), Counter[str]()
    with path.open("r+b", buffering=0) as file:
        for bit in bits:
            at, mask = bit // 8, 1 << bit % 8
            file.seek(at)
            file.write(bytes([content[at] ^ mask]))
            try:
                if found_nothing(path):
                    where = f"bit {bit % 8} of byte {at} ({names[at]})"
                    assert returned(path) == before, f"{where} changes what is returned, and is not found"
                    assert names[at] in UNUSED | SILENT.keys(), f"{where} is not found, and lies in what is used"
                    passed[names[at]] += 1
            finally:
                file.seek(at)
                file.write(content[at : at + 1])
    return passed


@pytest.mark.parametrize("part", range(8 if THOROUGH else 2))
def test_every_flipped_bit_that_changes_what_is_returned_is_found_and_the_others_lie_in_unused_bytes(
    ledger: Path, part: int
) -> None:
    random, many = Random(f"{SEED}/{ledger.stat().st_size}/{part}"), 375
    passed = unseen(ledger, random.sample(range(8 * ledger.stat().st_size), many))
    assert 0 < passed.total() < many  # some were found, and some bytes are unused


def test_of_the_files_header_only_fields_that_say_nothing_of_the_content_can_be_changed_unseen(ledger: Path) -> None:
    passed = unseen(ledger, range(800))
    assert passed.keys() <= {*SILENT, EXPANSION}
    assert passed[EXPANSION] == 160
    few = {
        "header: write version": 8,
        "header: read version": 1,
        "header: schema format": 25,
        "header: text encoding": 31,
    }
    assert all(passed[name] <= most for name, most in few.items())


def test_unused_bytes_can_all_be_anything(ledger: Path, tmp_path: Path) -> None:
    content, random = ledger.read_bytes(), Random(SEED)
    names = uses(content)
    copy = tmp_path / "copy.db"
    copy.write_bytes(
        bytes(random.randrange(256) if name in UNUSED else byte for name, byte in zip(names, content, strict=True))
    )
    assert found_nothing(copy)
    assert returned(copy) == returned(ledger)


def test_every_byte_of_an_entry_and_of_its_sections_is_called_used(ledger: Path) -> None:
    content = ledger.read_bytes()
    names = uses(content)
    connection = sqlite3.connect(ledger)
    stored = "SELECT entry FROM open_entry UNION ALL SELECT entry FROM sealed_entry"
    blobs = [blob for (blob,) in connection.execute(stored) if blob in content]
    connection.close()
    assert len(blobs) > 5  # the others are stored in two pieces, on two pages
    for blob in blobs:  # where rows moved, a copy of them may still lie in free space
        copies = [match.start() for match in re.finditer(re.escape(blob), content)]
        assert any(not UNUSED & set(names[at : at + len(blob)]) for at in copies)


@pytest.mark.parametrize(("at", "change"), [(32, 1), (35, 3), (39, 5), (39, 64)])
def test_a_list_of_free_pages_that_is_not_one_is_found(ledger: Path, tmp_path: Path, at: int, change: int) -> None:
    # SQLite's check of a whole database leaves that list out where the schema has a view, as ours has.
    content = bytearray(ledger.read_bytes())
    content[at] ^= change
    copy = tmp_path / "copy.db"
    copy.write_bytes(content)
    assert places(verify.verify_ledger(copy)) == [("database", None, None)]


def test_a_trigger_that_is_said_to_be_of_another_table_is_found(ledger: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    name = b"sealed_entry_no_replacesealed_entryCREATE"  # name, tbl_name and sql of its row
    content = ledger.read_bytes()
    assert content.count(name) == 1
    copy.write_bytes(content.replace(name, b"sealed_entry_no_replaceseaLed_entryCREATE"))
    assert places(verify.verify_ledger(copy)) == [("schema", None, None)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\x17I#\x01\x00indexsqlite_autoindex_open_stream_1", b"\x17I#\x01\x00indexsqlite_autoindex_open_strEam_1"),
        (b"\x17I#\x01\x00indexsqlite_autoindex_open_stream_1", b"\x16I#\x01\x00indexsqlite_autoindex_open_stream_1"),
        (b"\x17!!\x01\x83\x11tableopen_entry", b"\x16!!\x01\x83\x11tableopen_entry"),
    ],
    ids=["the name of SQLite's own index", "its kind as bytes that are no text", "the same of a table"],
)
def test_a_row_of_the_schema_that_reads_almost_the_same_is_found(
    ledger: Path, tmp_path: Path, old: bytes, new: bytes
) -> None:
    content, copy = ledger.read_bytes(), tmp_path / "copy.db"
    assert content.count(old) == 1
    copy.write_bytes(content.replace(old, new))
    try:
        assert "schema" in {code for code, _, _ in places(verify.verify_ledger(copy))}
    except LedgerFileError:
        assert "autoindex" not in repr(old)


def test_the_two_files_have_all_that_a_database_has_of_free_space(tmp_path: Path) -> None:
    settled = Counter(uses(build(tmp_path / "settled.db", commands=6).read_bytes()))
    loose = Counter(uses(grown(tmp_path / "grown.db").read_bytes()))
    assert not settled.keys() & {FREE_PAGE, TRUNK_REST}
    assert loose.keys() >= {FREE_PAGE, TRUNK_REST, UNALLOCATED}
    assert loose.keys() & {FREE_BLOCK, FRAGMENT}


def test_a_verifier_that_overlooks_something_fails_this_test(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = verify.verify_ledger(ledger, keys=KEYS)
    monkeypatch.setattr(verify, "verify_ledger", lambda *_, **__: sound)
    monkeypatch.setattr("tests.tampering.test_bit_flips.verify_fast", lambda *_, **__: sound)
    content = ledger.read_bytes()
    used = uses(content)
    (entry, *_) = [
        match.start() for match in re.finditer(rb'"subject/ES-001","type"', content) if used[match.start()] == "cell"
    ]
    with pytest.raises((AssertionError, LedgerFileError), match=r"changes what is returned|cannot be read"):
        unseen(ledger, [8 * entry + 64])
