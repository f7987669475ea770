"""Tables, indexes and triggers are taken away, changed, or put in."""

import re
import sqlite3
from pathlib import Path

import pytest

from ledger.proof.schema import STATEMENTS
from ledger.proof.verify import verify_ledger
from tests.tampering.ledgers import found, places

NAMED = [re.match(r"CREATE (?:UNIQUE )?(TRIGGER|INDEX) (\w+)", statement) for statement in STATEMENTS]


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        *((f"DROP {named[1]} {named[2]}", named[2]) for named in NAMED if named),
        ("CREATE TABLE notes (text TEXT)", "notes"),
        ("CREATE VIEW looks AS SELECT 1", "looks"),
        ("CREATE TRIGGER quiet AFTER INSERT ON open_entry BEGIN DELETE FROM open_stream; END", "quiet"),
        ("ALTER TABLE open_entry ADD COLUMN remark TEXT", "open_entry"),
    ],
)
def test_a_changed_schema_is_found(ledger: Path, statement: str, name: str) -> None:
    connection = sqlite3.connect(ledger)
    connection.execute(statement)
    connection.close()
    report = verify_ledger(ledger)
    assert [finding.code for finding in report.findings] == ["schema"]
    assert name in report.findings[0].message


def test_an_index_replaced_by_one_that_refuses_less_is_found(ledger: Path) -> None:
    connection = sqlite3.connect(ledger)
    connection.execute("DROP INDEX open_entry_version")
    connection.execute("CREATE INDEX open_entry_version ON open_entry (stream, version)")
    connection.close()
    assert found(ledger) == [("schema", None, None)]


def test_a_renamed_table_of_streams_is_a_finding_and_the_chain_is_still_checked(ledger: Path) -> None:
    connection = sqlite3.connect(ledger)
    connection.execute("ALTER TABLE open_stream RENAME TO streams")
    connection.close()
    codes = [code for code, _, _ in found(ledger)]
    assert codes[-1] == "schema"
    assert "altered" not in codes


def test_a_view_under_the_name_of_a_table_is_not_believed(ledger: Path) -> None:
    connection = sqlite3.connect(ledger)
    connection.execute("ALTER TABLE sealed_entry RENAME TO hidden")
    connection.execute(
        "CREATE VIEW sealed_entry AS WITH RECURSIVE n(seq) AS (SELECT 0 UNION ALL SELECT seq + 1 FROM n) "
        "SELECT seq, 0 AS open_seq, '' AS slot, '' AS command, x'' AS entry, x'' AS sections FROM n"
    )
    connection.close()
    assert ("missing", "sealed", 0) in found(ledger)


def test_a_stale_index_is_found(ledger: Path) -> None:
    """Rows that an index does not know: what a query by the index would give is not what is stored."""
    connection = sqlite3.connect(ledger)
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("DROP INDEX sealed_entry_command")
    connection.execute("CREATE INDEX sealed_entry_command ON sealed_entry (command) WHERE seq < 3")
    connection.execute(
        "UPDATE sqlite_schema SET sql = 'CREATE INDEX sealed_entry_command ON sealed_entry (command)' "
        "WHERE name = 'sealed_entry_command'"
    )
    connection.commit()
    connection.close()
    assert {code for code, _, _ in found(ledger)} == {"database"}


def test_an_entry_that_holds_nothing_is_found_at_its_place(ledger: Path) -> None:
    """No statement can store it; a rewritten schema can."""
    connection = sqlite3.connect(ledger, isolation_level=None)
    (stored,) = connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'open_entry'").fetchone()
    triggers = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    connection.close()
    lax = stored.replace("entry BLOB NOT NULL", "entry BLOB")
    for sql in (lax, stored):
        connection = sqlite3.connect(ledger, isolation_level=None)
        if sql == stored:
            for name, _ in triggers:
                connection.execute(f"DROP TRIGGER {name}")
            connection.execute("UPDATE open_entry SET entry = NULL WHERE seq = 6")
            for _, trigger in triggers:
                connection.execute(trigger)
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_schema SET sql = ? WHERE name = 'open_entry'", (sql,))
        (version,) = connection.execute("PRAGMA schema_version").fetchone()
        connection.execute(f"PRAGMA schema_version = {version + 1}")
        connection.close()
    report = verify_ledger(ledger)
    assert places(report) == [("entry", "open", 6), ("database", None, None)]
    assert list(report.sound) == [("open", 0, 5), ("open", 7, 24), ("sealed", 0, 6)]
