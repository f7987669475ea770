"""Bytes of the file itself changed at random, pages destroyed, indexes that lie: both verifiers say the same."""

import shutil
import sqlite3
from pathlib import Path
from random import Random

import pytest

from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.verify import verify_ledger
from ledger.verifying.fast import try_fast
from tests.tampering.ledgers import KEYS, build, rows
from tests.tampering.test_bytes import patch
from tests.verifying.both import judged
from tests.verifying.ledgers import common_ledger


@pytest.fixture(scope="module", params=["common", "both books"])
def ledger(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("damage") / "trial.db"
    return common_ledger(path) if request.param == "common" else build(path, commands=12)


@pytest.mark.parametrize("part", range(4))
def test_a_changed_byte_anywhere_is_told_alike(ledger: Path, tmp_path: Path, part: int) -> None:
    content, random, copy = ledger.read_bytes(), Random(f"bytes {part}"), tmp_path / "changed.db"
    found = 0
    for _ in range(75):
        position = random.randrange(len(content))
        copy.write_bytes(content)
        patch(copy, position, bytes([content[position] ^ (1 << random.randrange(8))]))
        try:
            report = judged(copy, keys=random.choice([None, KEYS]))
        except LedgerFileError:
            found += 1
            continue
        found += not report.ok
    assert found > 20


def test_a_changed_byte_of_an_entry_or_a_section_is_never_missed(ledger: Path, tmp_path: Path) -> None:
    content, random, copy = ledger.read_bytes(), Random("entries"), tmp_path / "changed.db"
    stored = [row[name] for row in rows(ledger, "open_entry") for name in ("entry", "sections")]
    places = [content.find(blob) for blob in stored]
    for _ in range(200):
        which = random.randrange(len(stored))
        if places[which] < 0:
            continue  # in two pieces, on two pages
        position = places[which] + random.randrange(len(stored[which]))
        copy.write_bytes(content)
        patch(copy, position, bytes([content[position] ^ (1 << random.randrange(8))]))
        assert try_fast(copy, block=random.choice([None, 4])) is None


def test_a_destroyed_page_is_told_alike(ledger: Path, tmp_path: Path) -> None:
    content, copy = ledger.read_bytes(), tmp_path / "page.db"
    for page in range(1, len(content) // 4096):
        copy.write_bytes(content)
        patch(copy, page * 4096, b"\xff" * 4096)
        assert not judged(copy).ok


@pytest.mark.parametrize(
    ("index", "table", "columns", "again"),
    [
        ("open_entry_command", "open_entry", "(command) WHERE command IS NOT NULL", "command = 'cmd-000001'"),
        ("sealed_entry_slot", "sealed_entry", "(slot)", "slot = (SELECT slot FROM sealed_entry WHERE seq = 0)"),
    ],
)
def test_a_unique_index_that_is_not_one_is_told_by_the_check_of_the_database(
    tmp_path: Path, index: str, table: str, columns: str, again: str
) -> None:
    """On this rests that the fast verifier does not look for what stands twice."""
    path = build(tmp_path / "trial.db")
    connection = sqlite3.connect(path, isolation_level=None)
    (stored,) = connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (index,)).fetchone()
    triggers = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute(f"DROP INDEX {index}")
    connection.execute(f"CREATE INDEX {index} ON {table} {columns}")
    connection.execute(f"UPDATE {table} SET {again} WHERE seq = (SELECT max(seq) FROM {table} WHERE command NOT NULL)")
    for _, sql in triggers:
        connection.execute(sql)
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("UPDATE sqlite_schema SET sql = ? WHERE name = ?", (stored, index))
    connection.close()
    report = judged(path)
    assert any(f"non-unique entry in index {index}" in finding.message for finding in report.findings)


def test_a_file_on_a_medium_that_cannot_be_written_is_read(ledger: Path, tmp_path: Path) -> None:
    folder = tmp_path / "medium"
    folder.mkdir()
    copy = Path(shutil.copy(ledger, folder / "trial.db"))
    copy.chmod(0o400)
    folder.chmod(0o500)
    try:
        assert judged(copy) == verify_ledger(ledger)
    finally:
        folder.chmod(0o700)
