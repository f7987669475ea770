"""What the integrity statement claims: of a whole file, or of the open book alone for whoever may know no more."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from api.access import Session, viewer_of
from api.cli import demo
from api.dossier.integrity import SHOWN, of_open_book
from api.dossier.making import dossier
from api.exports.making import Exported, export
from ledger.proof.findings import CODES, Finding
from ledger.proof.verify import verify_ledger
from ledger.proof.words import in_words

MASKED, SEEING = "investigator", "statistician"
Damage = Callable[[Path], None]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "NCT04348461.db"
    demo.play(path, 4, 16, demo.SeededRandomness(4))
    return path


@pytest.fixture
def copy(ledger: Path, tmp_path: Path) -> Path:
    there = tmp_path / "copy.db"
    for suffix in ("", ".keys", ".evidence"):
        source = ledger.with_name(ledger.name + suffix)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, there.with_name(there.name + suffix))
    return there


def make(path: Path, role: str, output: Path) -> Exported:
    return export(Session(path, viewer_of(f"{role}-1", role, "FJD")), dossier(), output, "halt")


def said(done: Exported) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((done.path / "integrity.json").read_bytes())
    return value


def changing(path: Path, *statements: str) -> None:
    """Do to the file what its triggers forbid; they are there again afterwards."""
    with closing(sqlite3.connect(path)) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f'DROP TRIGGER "{name}"')
        for statement in statements:
            connection.execute(statement)
        for _, sql in triggers:
            connection.execute(sql)
        connection.commit()


def row_gone(path: Path) -> None:
    changing(path, "DELETE FROM sealed_entry WHERE seq = 5")


def sealed_index_cleared(path: Path) -> None:
    """The root page of the index `sealed_entry_slot`, with a stretch of it overwritten."""
    with closing(sqlite3.connect(path)) as connection:
        ((root,),) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'sealed_entry_slot'")
        ((size,),) = connection.execute("PRAGMA page_size")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek((root - 1) * size + size - 60)
        file.write(bytes(40))


def sealed_index_renamed(path: Path) -> None:
    changing(path, "DROP INDEX sealed_entry_slot", "CREATE UNIQUE INDEX other ON sealed_entry (slot)")


DAMAGE: list[Damage] = [row_gone, sealed_index_cleared, sealed_index_renamed]


@pytest.mark.parametrize("damage", DAMAGE)
def test_of_damage_in_the_sealed_book_masked_people_are_told_no_word(
    copy: Path, tmp_path: Path, damage: Damage
) -> None:
    damage(copy)
    found = verify_ledger(copy).findings
    assert any("sealed" in str(one) for one in found), "or there is nothing to be told"
    done = make(copy, MASKED, tmp_path / "out")
    report = said(done)["report"]
    assert not any("sealed" in json.dumps(one) for one in report["findings"])
    assert {one["message"] for one in report["findings"]} <= {*CODES.values()}
    assert {one["book"] for one in report["sound"]} == {"open"}
    shown = (done.path / "index.html").read_text() + (done.path / "integrity.html").read_text()
    assert not any(one in shown for one in ("sealed_entry", "slot", "Tree "))


def test_damage_in_the_sealed_book_alone_leaves_the_open_one_verified_and_the_claim_is_of_no_more(
    copy: Path, tmp_path: Path
) -> None:
    row_gone(copy)
    done = make(copy, MASKED, tmp_path / "out")
    told = json.loads((done.path / "dossier.json").read_bytes())["integrity"]
    assert told["ok"] is True
    assert not any("whole file" in line.lower() for line in told["said"])
    assert any(line.endswith("Of the sealed book nothing is said.") for line in told["said"])
    assert not said(done)["warning"]


def test_who_sees_arms_is_told_of_the_whole_file_and_all_that_is_found(copy: Path, tmp_path: Path) -> None:
    whole = json.loads((make(copy, SEEING, tmp_path / "whole").path / "dossier.json").read_bytes())["integrity"]
    assert any("whole file" in line for line in whole["said"])


def test_what_is_found_of_the_file_itself_is_said_without_the_words_of_sqlite(ledger: Path) -> None:
    report = verify_ledger(ledger)
    found = [
        Finding("database", None, None, None, "SQLite's own check says: Tree 12 page 345 cell 2: out of order"),
        Finding("database", None, None, None, "SQLite's own check says: Tree 12 page 346 cell 3: out of order"),
        Finding("database", None, None, None, "SQLite's own check says: row 5 missing from index sealed_entry_slot"),
        Finding("schema", None, None, None, "the index sealed_entry_slot is missing"),
        Finding("anchor", "open", 64, "anchors", "the sealed book had 3 entries after it had 57"),
        Finding("tie", "sealed", 3, None, "says that the open book had 9 entries"),
    ]
    masked = of_open_book(replace(report, findings=found))
    assert [(one.code, one.book, one.message) for one in masked.findings] == [
        ("database", None, CODES["database"]),
        ("anchor", "open", CODES["anchor"]),
    ]


def test_a_payload_that_nobody_could_open_is_not_claimed(ledger: Path) -> None:
    masked = of_open_book(verify_ledger(ledger))
    assert masked.closed
    assert masked.closed.keys() <= {"anchor", "identity"}
    assert "column and payload that is readable is" in in_words(masked)


def test_of_many_checkpoints_the_page_shows_the_last_ones_and_the_file_has_all(ledger: Path, tmp_path: Path) -> None:
    done = make(ledger, MASKED, tmp_path / "out")
    checkpoints = json.loads((done.path / "dossier.json").read_bytes())["signatures"]
    total = len(checkpoints)
    assert total > SHOWN, "or nothing is cut"
    sizes = [line.partition(",")[0] for line in (done.path / "tables" / "checkpoints.csv").read_text().splitlines()]
    assert sizes == ["entries", *(str(one["entries"]) for one in checkpoints)]
    page = (done.path / "index.html").read_text()
    assert f"The last {SHOWN} of {total} checkpoints; tables/checkpoints.csv has all of them." in page
