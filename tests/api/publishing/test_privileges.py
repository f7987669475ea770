"""What each group role of PostgreSQL can do, and what it can learn, on a real server."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from api.publishing.publication import PublishError
from tests.api.publishing.conftest import copy_of
from tests.api.publishing.published import PUBLISHER, publish
from tests.postgres import ADMINISTRATOR, Server

MASKED, UNMASKED, OTHER = "blinded", "unblinded", "elsewhere"
"""Two databases with relations, and one without."""
_WHERE = {"masked_person": MASKED, "unmasked_person": UNMASKED}
_SCHEMA = {"masked_person": "trial_open", "unmasked_person": "trial_unmasked"}
_OTHER = {"masked_person": UNMASKED, "unmasked_person": MASKED}

FORBIDDEN = (
    "INSERT INTO survival SELECT * FROM survival",
    "UPDATE survival SET survival = 1",
    "DELETE FROM position",
    "TRUNCATE position",
    "DROP TABLE position",
    "DROP VIEW survival",
    "ALTER TABLE position ADD COLUMN more text",
    "CREATE INDEX ON position (seq)",
    "CREATE TABLE {schema}.mine (a int)",
    "CREATE TABLE public.mine (a int)",
    "CREATE TEMPORARY TABLE mine (a int)",
    "CREATE SCHEMA mine",
    "CREATE ROLE mine",
    "CREATE OR REPLACE VIEW survival AS SELECT 1 AS trial",
    "CREATE FUNCTION {schema}.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "BEGIN; LOCK TABLE position IN EXCLUSIVE MODE",
    f"SET ROLE {PUBLISHER}",
    f"SET ROLE {ADMINISTRATOR}",
    "SET ROLE {other}_reader",
    "SET SESSION AUTHORIZATION {other_person}",
    "GRANT {other}_reader TO CURRENT_USER",
    "COPY position TO '/tmp/position'",
    "COPY position TO PROGRAM 'cat'",
    "SELECT pg_read_file('PG_VERSION')",
    "SELECT pg_ls_dir('.')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT pg_database_size('{other}')",
    "SELECT * FROM pg_authid",
    "SELECT * FROM pg_statistic",
)
"""Statements that fail for either reader in its own database."""
LEARNS_NOTHING = (
    "SELECT table_name FROM information_schema.tables WHERE table_schema = '{other_schema}'",
    "SELECT column_name FROM information_schema.columns WHERE table_schema = '{other_schema}'",
    "SELECT nspname FROM pg_namespace WHERE nspname = '{other_schema}'",
    "SELECT relname FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace WHERE nspname = '{other_schema}'",
    "SELECT relname FROM pg_stat_all_tables WHERE schemaname = '{other_schema}'",
    "SELECT pg_relation_size(c.oid) FROM pg_class AS c WHERE relnamespace = to_regnamespace('{other_schema}')",
)
"""Questions to the catalogue that have no answer, and would have one in the other database."""


@dataclass(frozen=True, slots=True)
class Both:
    server: Server

    def run(self, person: str, statement: str, database: str = "") -> list[tuple[object, ...]]:
        other = _OTHER[person]
        group = "masked" if other == MASKED else "unmasked"
        said = (
            statement.replace("{schema}", _SCHEMA[person])
            .replace("{other_schema}", next(_SCHEMA[one] for one in _SCHEMA if one != person))
            .replace("{other}_reader", f"{other}_{group}_reader")
            .replace("{other_person}", next(one for one in _SCHEMA if one != person))
            .replace("{other}", other)
        )
        return self.server.run(said, database=database or _WHERE[person], user=person)


@pytest.fixture(scope="module")
def both(postgres: Server, recorded_trial: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    ledger = copy_of(recorded_trial, tmp_path_factory.mktemp("privileges"))
    for name in (MASKED, UNMASKED, OTHER):
        postgres.run(f"CREATE DATABASE {name} OWNER {PUBLISHER}")
    publish(ledger, "sponsor", postgres.url(MASKED, PUBLISHER))
    publish(ledger, "statistician", postgres.url(UNMASKED, PUBLISHER))
    postgres.run(
        f"CREATE ROLE masked_person LOGIN IN ROLE {MASKED}_masked_reader",
        f"CREATE ROLE unmasked_person LOGIN IN ROLE {UNMASKED}_unmasked_reader",
        "CREATE ROLE nobody_here LOGIN",
    )
    yield Both(postgres)
    for name in (MASKED, UNMASKED, OTHER):
        postgres.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def moving(recorded_trial: Path, tmp_path: Path) -> Path:
    """Another ledger of the trial."""
    return copy_of(recorded_trial, tmp_path / "moving")


@pytest.mark.parametrize("person", sorted(_WHERE))
def test_the_control_a_reader_reads_every_relation_of_his_own(both: Both, person: str) -> None:
    ((views, tables),) = both.run(
        person,
        "SELECT (SELECT count(*) FROM information_schema.views WHERE table_schema = '{schema}'), "
        "(SELECT count(*) FROM information_schema.tables WHERE table_schema = '{schema}')",
    )
    assert views == (17 if person == "masked_person" else 18)
    for (name,) in both.run(person, "SELECT tablename FROM pg_tables WHERE schemaname = '{schema}'"):
        both.run(person, f"SELECT * FROM {name}")
    assert both.run(person, "SELECT * FROM survival")  # without naming the schema
    assert int(str(tables)) > int(str(views))


@pytest.mark.parametrize("person", sorted(_WHERE))
@pytest.mark.parametrize("statement", FORBIDDEN)
def test_a_reader_can_do_nothing_else(both: Both, person: str, statement: str) -> None:
    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.WrongObjectType)) as caught:
        both.run(person, statement)
    if isinstance(caught.value, psycopg.errors.WrongObjectType):
        assert statement.startswith(("CREATE OR REPLACE", "DROP"))


def test_a_reader_cannot_let_anybody_else_in(both: Both) -> None:
    both.run("masked_person", "GRANT SELECT ON position TO PUBLIC")  # PostgreSQL warns, and grants nothing
    asked = "SELECT has_table_privilege('nobody_here', 'trial_open.position', 'SELECT')"
    assert both.server.run(asked, database=MASKED) == [(False,)]


def test_a_reader_who_holds_what_locks_he_can_keeps_no_refresh_waiting(both: Both, moving: Path) -> None:
    with psycopg.connect(both.server.url(MASKED, "masked_person")) as reader:
        reader.execute("LOCK TABLE position IN ACCESS SHARE MODE")
        reader.execute("SELECT * FROM survival")
        made = publish(moving, "sponsor", both.server.url(MASKED, PUBLISHER), take_over=True)
    assert made is not None


def test_the_control_the_publisher_can_do_what_readers_cannot(both: Both) -> None:
    for statement in (
        "BEGIN; SET search_path = trial_open; DELETE FROM position; ROLLBACK",
        "BEGIN; CREATE TABLE trial_open.mine (a int); ROLLBACK",
        "BEGIN; CREATE TEMPORARY TABLE mine (a int); ROLLBACK",
        "BEGIN; SET search_path = trial_open; DROP VIEW survival; ROLLBACK",
    ):
        both.server.run(statement, database=MASKED, user=PUBLISHER)


@pytest.mark.parametrize("person", sorted(_WHERE))
def test_nobody_connects_to_the_database_of_the_other_audience(both: Both, person: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="CONNECT privilege"):
        both.run(person, "SELECT 1", database=_OTHER[person])
    assert both.run(person, "SELECT 1", database=OTHER) == [(1,)]  # the control: one that was not published to


def test_who_is_in_neither_group_connects_to_none(both: Both) -> None:
    for database in (MASKED, UNMASKED):
        with pytest.raises(psycopg.OperationalError, match="CONNECT privilege"):
            both.server.run("SELECT 1", database=database, user="nobody_here")


@pytest.mark.parametrize("question", LEARNS_NOTHING)
def test_the_catalogue_says_nothing_of_the_other_audience(both: Both, question: str) -> None:
    assert both.run("masked_person", question) == []
    told = question.replace("{other_schema}", "trial_unmasked")
    assert both.server.run(told, database=UNMASKED, user="unmasked_person")  # the control: there it would say it


def test_in_one_database_the_catalogue_would_tell_everything(both: Both) -> None:
    """Why an audience has a database of its own: who may not even use a schema reads names and sizes in it."""
    both.server.run(
        "CREATE SCHEMA shut",
        "CREATE TABLE shut.arms AS SELECT n FROM generate_series(1, 1000) AS n",
        "REVOKE ALL ON SCHEMA shut FROM PUBLIC",
        database=MASKED,
        user=PUBLISHER,
    )
    try:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            both.run("masked_person", "SELECT * FROM shut.arms")
        ((name, size),) = both.run(
            "masked_person", "SELECT relname, pg_relation_size(oid) FROM pg_class WHERE relname = 'arms'"
        )
        assert (name, int(str(size)) > 0) == ("arms", True)
    finally:
        both.server.run("DROP SCHEMA shut CASCADE", database=MASKED, user=PUBLISHER)


def test_one_server_tells_how_much_was_written_for_the_other_audience(both: Both) -> None:
    """Why an audience has a server of its own, unless somebody answers for it: no privilege hides this."""
    ((written,),) = both.run("masked_person", "SELECT tup_inserted FROM pg_stat_database WHERE datname = '{other}'")
    assert int(str(written)) > 100
    ((place,),) = both.run("masked_person", "SELECT pg_current_wal_lsn()::text")
    assert place


def test_two_audiences_are_not_published_into_one_database(both: Both, recorded_trial: Path) -> None:
    for role, database in (("statistician", MASKED), ("sponsor", UNMASKED)):
        with pytest.raises(PublishError, match="belong into a database of their own"):
            publish(recorded_trial, role, both.server.url(database, PUBLISHER), same_server=True)


def test_two_audiences_are_published_on_one_server_only_when_that_is_asked_for(
    both: Both, recorded_trial: Path
) -> None:
    for role in ("statistician", "sponsor"):
        with pytest.raises(PublishError, match="--same-server"):
            publish(recorded_trial, role, both.server.url(OTHER, PUBLISHER), same_server=False)
    assert both.server.run("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'trial%'", database=OTHER) == []


def test_a_publisher_who_may_not_see_to_the_readers_publishes_nothing(both: Both, recorded_trial: Path) -> None:
    with pytest.raises(PublishError, match="has to own it"):
        publish(recorded_trial, "sponsor", both.server.url(OTHER, "nobody_here"))
    assert both.server.run("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'trial%'", database=OTHER) == []
