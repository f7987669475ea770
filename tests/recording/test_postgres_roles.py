"""Roles of a database of ledgers: for each a list of statements that must fail, run against the real server."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import psycopg
import pytest

from ledger.domain.vocabulary import Book
from ledger.proof.link import Link, read_link
from ledger.proof.sections import PLAIN
from ledger.recording.drafts import Append
from ledger.recording.postgres.books import PostgresBooks
from ledger.recording.reader import LedgerReader
from tests.postgres import ROLES, Server
from tests.recording.ledgers import KEYS, append, new_ledger, open_books

NOBODY_MAY: Final = (
    *(
        statement
        for table in ("open_book.entry", "open_book.stream", "open_book.book", "sealed_book.entry", "sealed_book.book")
        for statement in (
            f"UPDATE {table} SET trial = trial",
            f"DELETE FROM {table}",
            f"TRUNCATE {table}",
            f"ALTER TABLE {table} DISABLE TRIGGER ALL",
            f"DROP TABLE {table}",
            f"CREATE INDEX ON {table} (trial)",
            f"LOCK TABLE {table} IN EXCLUSIVE MODE",
        )
    ),
    "INSERT INTO open_book.entry VALUES (1, 10, 1, 9, NULL, '', '')",
    "INSERT INTO open_book.stream VALUES (1, 99, 'x')",
    "INSERT INTO sealed_book.entry VALUES (1, 10, 1, '', '', '', '')",
    "INSERT INTO trial_ledger.trial VALUES (99, 'x')",
    "UPDATE trial_ledger.trial SET name = 'x'",
    "UPDATE trial_ledger.version SET version_num = '0000'",
    "CREATE TABLE open_book.mine (x int)",
    "CREATE TABLE public.mine (x int)",
    "CREATE OR REPLACE FUNCTION trial_ledger.clock() RETURNS text LANGUAGE sql AS $$ SELECT '' $$",
    "DROP TRIGGER no_change ON open_book.entry",
    "SET session_replication_role = replica",
    "SET ROLE pg_write_all_data",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "COPY open_book.entry FROM PROGRAM 'true'",
    "SELECT pg_read_file('PG_VERSION')",
)
SEALED: Final = (
    "SELECT count(*) FROM sealed_book.entry",
    "SELECT 1 FROM sealed_book.entry LIMIT 1",
    "SELECT size FROM sealed_book.book",
    "SELECT * FROM sealed_book.head",
    "SELECT * FROM sealed_book.sealed_entry",
)
COUNTING: Final = (
    "SELECT reltuples FROM pg_class WHERE relname = 'entry'",
    "SELECT relpages FROM pg_class WHERE relname = 'entry'",
    "SELECT * FROM pg_class",
    "SELECT pg_relation_size(oid) FROM pg_class WHERE relname = 'entry'",
    "SELECT pg_total_relation_size(oid) FROM pg_class WHERE relname = 'entry'",
    "SELECT pg_database_size(current_database())",
    "SELECT n_tup_ins FROM pg_stat_all_tables",
    "SELECT * FROM pg_statio_all_tables",
    "SELECT * FROM pg_stat_database",
    "SELECT pg_current_wal_lsn()",
    "SELECT pg_current_xact_id()",
    "SELECT txid_current()",
    "SELECT pg_current_snapshot()",
    "SELECT xmin FROM open_book.entry",
    "SELECT ctid FROM open_book.entry",
    "SELECT * FROM pg_locks",
    "SELECT * FROM pg_stat_activity",
    "SELECT * FROM pg_statistic",
    "SELECT age('3'::xid)",
    "SELECT pg_xact_status('3')",
    "SELECT txid_status(3)",
    "SELECT pg_logical_emit_message(false, 'x', 'y')",
    "SELECT * FROM pg_control_checkpoint()",
    "SELECT pg_export_snapshot()",
    "SELECT lo_create(0)",
    "CREATE TEMP TABLE mine (x int)",
    "SELECT turn FROM open_book.book",
)
REFUSED_TO_ALL: Final = ("SELECT * FROM pg_statistic", "CREATE TEMP", "SELECT pg_export")
APPENDING: Final = (
    "SELECT * FROM trial_ledger.hold(1)",
    "SELECT * FROM trial_ledger.heads(1)",
    "SELECT trial_ledger.create_trial('x', 'y')",
    "SELECT trial_ledger.drop_empty(1)",
    "SELECT trial_ledger.taken(1, '{}')",
    "SELECT * FROM trial_ledger.sealed_of(1, '')",
    "SELECT * FROM trial_ledger.sealed_at(1, '')",
    "SELECT * FROM trial_ledger.sealed_hashes(1, 0, 9)",
)
VIEWS: Final = ("CREATE TABLE projections.mine (x int)",)
MUST_FAIL: Final = {
    "writer": (*NOBODY_MAY, *SEALED, *COUNTING, *VIEWS),
    "pharmacy_writer": (*NOBODY_MAY, *COUNTING, *VIEWS),
    "projector": (*NOBODY_MAY, *COUNTING, *APPENDING),
    "masked_reader": (*NOBODY_MAY, *SEALED, *COUNTING, *APPENDING, *VIEWS),
    "unmasked_reader": (*NOBODY_MAY, *COUNTING, *APPENDING, *VIEWS),
    "auditor": (*NOBODY_MAY, *APPENDING, *VIEWS),
}
OPEN: Final = (
    "SELECT count(seq) FROM open_book.entry",
    "SELECT size, hash FROM open_book.book",
    "SELECT name FROM trial_ledger.trial",
    "SELECT seq, at, type FROM open_book.open_event",
)
MAY: Final = {
    "writer": (*OPEN, *APPENDING[:2]),
    "pharmacy_writer": (*OPEN, *SEALED, *APPENDING[:2]),
    "projector": (*OPEN, *SEALED, "CREATE TABLE projections.mine (x int)", "DROP TABLE projections.mine"),
    "masked_reader": OPEN,
    "unmasked_reader": (*OPEN, *SEALED),
    "auditor": (
        *OPEN,
        *SEALED,
        *(each for each in COUNTING if " open_book" not in each and not each.startswith(REFUSED_TO_ALL)),
    ),
}


@pytest.fixture(scope="module")
def logins(server: Server, database: str) -> Iterator[dict[str, str]]:
    """A login for each role: its URL."""
    name = _name(database)
    for role in MUST_FAIL:
        server.run(f"CREATE ROLE {name}_{role}_login LOGIN IN ROLE {name}_{role}", database=name)
    yield {role: server.url(name, f"{name}_{role}_login") for role in MUST_FAIL}
    for role in MUST_FAIL:
        server.run(f"DROP OWNED BY {name}_{role}_login", f"DROP ROLE {name}_{role}_login", database=name)


@pytest.mark.parametrize("role", MUST_FAIL)
@pytest.mark.usefixtures("in_postgres")
def test_what_a_role_must_not_do_fails_and_what_it_may_do_does_not(
    tmp_path: Path, logins: dict[str, str], role: str
) -> None:
    books = open_books(new_ledger(tmp_path))
    books.append(append(books, "c", [("s", 1)], ["arm"]))
    books.close()
    with psycopg.connect(logins[role], autocommit=True) as db:
        for statement in MAY[role]:
            db.execute(statement.encode())
        succeeded = []
        for statement in MUST_FAIL[role]:
            with db.transaction(force_rollback=True), suppress(psycopg.errors.InsufficientPrivilege):
                with db.transaction():
                    db.execute(statement.encode())
                succeeded.append(statement)
        assert succeeded == []


@pytest.mark.usefixtures("in_postgres")
def test_not_even_the_owner_changes_what_is_recorded(tmp_path: Path, server: Server, database: str) -> None:
    books = open_books(new_ledger(tmp_path))
    books.append(append(books, "c", [("s", 1)], ["arm"]))
    books.close()
    name = _name(database)
    for table in ("open_book.entry", "open_book.stream", "sealed_book.entry"):
        for statement in (f"UPDATE {table} SET trial = trial", f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
                server.run(f"SET ROLE {name}_owner; {statement}", database=name)
    for statement in ("SET size = 0", "SET origin = 'x'", "SET trial = 99"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="only grows"):
            server.run(f"SET ROLE {name}_owner; UPDATE open_book.book {statement} WHERE size > 0", database=name)


@pytest.mark.usefixtures("in_postgres")
def test_a_writer_appends_to_both_books_and_the_pharmacy_writer_to_the_sealed_one_alone(
    tmp_path: Path, logins: dict[str, str]
) -> None:
    path = new_ledger(tmp_path)
    link = read_link(path)
    assert link is not None
    for number, role in enumerate(("writer", "pharmacy_writer"), 1):
        theirs = tmp_path / role
        theirs.write_bytes(Link(logins[role], link.trial, link.origin).encode())
        books = PostgresBooks(theirs, keys=KEYS)
        for turn in range(20):
            version = 20 * (number - 1) + turn + 1
            books.append(append(books, f"{role}-{turn}", [("s", version)], ["arm"]))
        alone: Append = append(books, f"{role}-alone", [], ["arm"])
        if role == "writer":
            with pytest.raises(Exception, match="sealed book alone"):
                books.append(alone)
        else:
            assert books.append(alone).sealed_count == 1
        books.close()


@pytest.mark.usefixtures("in_postgres")
def test_a_masked_reader_reads_the_open_book_as_if_there_were_no_other(tmp_path: Path, logins: dict[str, str]) -> None:
    path = new_ledger(tmp_path)
    books = open_books(path, every=0)
    books.append(append(books, "c", [("s", 1)], ["arm"] * 3))
    books.close()
    link = read_link(path)
    assert link is not None
    theirs = tmp_path / "theirs"
    theirs.write_bytes(Link(logins["masked_reader"], link.trial, link.origin).encode())
    reader = LedgerReader(theirs, books=frozenset({Book.OPEN}), classes=frozenset({PLAIN}))
    with reader:
        assert [fact.stream for fact in reader.facts()] == ["s"]
        assert reader._query("SELECT book, size FROM head", ()) == [("open", 1)]
    reader.close()
    sealed = LedgerReader(theirs, books=frozenset(Book), classes=frozenset({PLAIN}), keys=KEYS)
    with pytest.raises(Exception, match="no sealed book"), sealed:
        pass
    sealed.close()


def test_every_role_is_tried() -> None:
    assert set(MUST_FAIL) | {"owner"} == set(ROLES)


def _name(database: str) -> str:
    return database.partition("?")[0].rpartition("/")[2]
