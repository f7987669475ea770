"""A database is made and brought on by one command, and looked at by all others."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from ledger.proof.ledger_file import LedgerFileError
from ledger.recording.postgres.connecting import REVISION, Address
from ledger.recording.postgres.creating import create_in
from ledger.recording.postgres.migrating import migrate
from ledger.recording.stores import open_books
from tests import postgres
from tests.recording.ledgers import ORIGIN, append


def test_a_database_without_tables_says_what_to_do(tmp_path: Path, server: postgres.Server) -> None:
    name = f"test_empty_{secrets.token_hex(4)}"
    server.run(f"CREATE DATABASE {name}")
    address = Address(server.url(name), "t")
    with pytest.raises(LedgerFileError, match="trial-ledger database migrate"):
        create_in(address, tmp_path / "t", ORIGIN)
    server.run(f"DROP DATABASE {name}")


@pytest.mark.parametrize(("revision", "said"), [("0001", "database migrate"), ("9999", "install a newer one")])
def test_a_database_of_another_revision_is_not_used(
    tmp_path: Path, server: postgres.Server, revision: str, said: str
) -> None:
    with postgres.database(server, "revision") as url:
        address = Address(url, "t")
        assert migrate(address) == (REVISION, REVISION)
        with psycopg.connect(url) as db:
            db.execute("UPDATE trial_ledger.version SET version_num = %s", (revision,))
        with pytest.raises(LedgerFileError, match=said):
            create_in(address, tmp_path / "t", ORIGIN)
        assert not (tmp_path / "t").exists()


def test_two_who_migrate_at_once_take_turns(server: postgres.Server) -> None:
    name = f"test_two_{secrets.token_hex(4)}"
    server.run(f"CREATE DATABASE {name}")
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(migrate, [Address(server.url(name))] * 2))
    assert sorted(done, key=str) == [(REVISION, REVISION), (None, REVISION)]
    server.run(f"DROP DATABASE {name}", *(f"DROP ROLE {name}_{role}" for role in postgres.ROLES))


def test_who_owns_the_database_and_may_make_roles_migrates_without_being_a_superuser(
    tmp_path: Path, server: postgres.Server
) -> None:
    name = f"test_plain_{secrets.token_hex(4)}"
    server.run(f"CREATE ROLE {name} LOGIN CREATEROLE", f"CREATE DATABASE {name} OWNER {name}")
    address = Address(server.url(name, name), "t")
    assert migrate(address) == (None, REVISION)
    server.run(f"CREATE ROLE {name}_w LOGIN IN ROLE {name}_writer")
    theirs = Address(server.url(name, f"{name}_w"), "t")
    create_in(theirs, tmp_path / "t", ORIGIN)
    books = open_books(tmp_path / "t")
    assert books.append(append(books, "c", [("s", 1)])).open_seq == 0
    books.close()
    from ledger.recording.postgres.connecting import close_pools

    close_pools()
    server.run(
        f"DROP DATABASE {name} WITH (FORCE)", f"DROP ROLE {name}_w",
        *(f"DROP ROLE {name}_{role}" for role in postgres.ROLES), f"DROP ROLE {name}",
    )  # fmt: skip
