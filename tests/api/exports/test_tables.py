"""The tables of an export are the views, whichever file format they are in; and what surrounds every export."""

import csv
import hashlib
import io
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import duckdb
import pytest

from api.access import Session, viewer_of
from api.bootstrap import viewing
from api.cli import demo
from api.exports.kinds import KINDS
from api.exports.making import MANIFEST, Exported, ExportError, export
from ledger.domain.roles import ROLES
from projections.views import VIEWS
from tests.projections.whole_trial import MASKABLE_TERMS, NAMES, protocol_masking, whole_trial

FORMATS = ("csv", "sqlite", "parquet", "duckdb")
WHO = ("investigator", "statistician")
"""One masked, one unmasked."""


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "NCT04348461.db"
    demo.play(path, 4, 10, demo.SeededRandomness(4))
    return path


def made(ledger: Path, kind: str, role: str, output: Path, at: str | None = "halt") -> Exported:
    return export(Session(ledger, viewer_of(f"{role}-1", role, "FJD")), KINDS[kind], output, at)


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def tables(folder: Path, kind: str) -> dict[str, list[list[Any]]]:
    """Each table as header and rows, integers as integers, whatever the files are."""
    if kind == "csv":
        return {path.stem: list(csv.reader(io.StringIO(path.read_text()))) for path in folder.glob("*.csv")}
    if kind == "sqlite":
        with closing(apsw.Connection(str(folder / "trial.db"), flags=apsw.SQLITE_OPEN_READONLY)) as db:
            names = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
            return {str(name): _of_sqlite(db, str(name)) for name in names}
    if kind == "parquet":
        with closing(duckdb.connect()) as db:
            return {path.stem: _of_duckdb(db, f"'{path}'") for path in folder.glob("*.parquet")}
    with closing(duckdb.connect(str(folder / "trial.duckdb"), read_only=True)) as db:
        names = [name for (name,) in db.execute("SHOW TABLES").fetchall()]
        return {name: _of_duckdb(db, name) for name in names}


def _of_sqlite(db: apsw.Connection, name: str) -> list[list[Any]]:
    columns = [str(row[1]) for row in db.execute(f"PRAGMA table_info({name})")]
    return [columns, *map(list, db.execute(f"SELECT * FROM {name} ORDER BY rowid"))]


def _of_duckdb(db: duckdb.DuckDBPyConnection, name: str) -> list[list[Any]]:
    rows = db.execute(f"SELECT * FROM {name}")
    assert rows.description is not None
    return [[column[0] for column in rows.description], *map(list, rows.fetchall())]


def in_words(rows: list[list[Any]]) -> list[list[str]]:
    return [["" if cell is None else str(cell) for cell in row] for row in rows]


@pytest.mark.parametrize("role", WHO)
@pytest.mark.parametrize("kind", FORMATS[1:])
def test_every_format_has_the_same_tables_as_csv(ledger: Path, kind: str, role: str, tmp_path: Path) -> None:
    made(ledger, "csv", role, tmp_path / "csv")
    made(ledger, kind, role, tmp_path / kind)
    found = {name: in_words(rows) for name, rows in tables(tmp_path / kind, kind).items()}
    assert found == tables(tmp_path / "csv", "csv")


@pytest.mark.parametrize("role", WHO)
def test_a_table_is_what_show_prints_of_its_view(ledger: Path, role: str, tmp_path: Path) -> None:
    made(ledger, "csv", role, tmp_path / "csv")
    seen = viewing(ledger, role)
    exported = tables(tmp_path / "csv", "csv")
    unnamed = [view for view in VIEWS.values() if not view.needs_identity]
    wanted = {view.name for view in unnamed if view.open_to(seen.audience, seen.sight, role)}
    assert {name.replace("_", "-") for name in exported} - {"tables", "notes"} == wanted
    truth = {"true": "1", "false": "0"}
    for name in wanted:
        shown = list(csv.reader(io.StringIO(seen.show(name, "halt").to_csv())))
        shown = [[truth.get(cell, cell) for cell in row] for row in shown]
        rows = [[truth.get(cell, cell) for cell in row] for row in exported[name.replace("-", "_")]]
        assert [list(map(_loose, row)) for row in rows] == [list(map(_loose, row)) for row in shown], name


def _loose(cell: str) -> Any:
    """A cell; of JSON, its value."""
    return json.loads(cell) if cell[:1] in ("{", "[", '"') else cell


def test_numbers_of_views_are_numbers_to_a_database(ledger: Path, tmp_path: Path) -> None:
    made(ledger, "sqlite", "statistician", tmp_path / "sqlite")
    with closing(apsw.Connection(str(tmp_path / "sqlite/trial.db"), flags=apsw.SQLITE_OPEN_READONLY)) as db:
        ((count, total),) = db.execute("SELECT count(*), sum(seq) FROM audit WHERE book = 'open'").fetchall()
    assert total == sum(range(int(str(count))))


@pytest.mark.parametrize("kind", ["csv", "sqlite", "parquet"])
def test_made_again_an_export_has_the_same_bytes(ledger: Path, kind: str, tmp_path: Path) -> None:
    first = made(ledger, kind, "statistician", tmp_path / "one")
    second = made(ledger, kind, "statistician", tmp_path / "two")
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert first.sha256 == second.sha256


@pytest.mark.parametrize("kind", FORMATS)
def test_the_manifest_names_every_file_with_its_hash_and_the_ledger_knows_the_manifest(
    ledger: Path, kind: str, tmp_path: Path
) -> None:
    done = made(ledger, kind, "investigator", tmp_path / "out")
    there = files(tmp_path / "out")
    manifest = there.pop(MANIFEST)
    assert hashlib.sha256(manifest).hexdigest() == done.sha256
    listed = {one["name"]: one["sha256"] for one in json.loads(manifest)["files"]}
    assert listed == {name: hashlib.sha256(data).hexdigest() for name, data in there.items()}
    last = viewing(ledger, "sponsor").show("audit", None).rows[-1]
    assert (last["type"], last["after"]["kind"], last["after"]["sha256"]) == ("export.made/1", kind, done.sha256)


def test_what_is_exported_to_who_sees_arms_is_recorded_where_nobody_masked_looks(ledger: Path, tmp_path: Path) -> None:
    before = len(viewing(ledger, "sponsor").show("audit", None).rows)
    done = made(ledger, "csv", "statistician", tmp_path / "out")
    assert len(viewing(ledger, "sponsor").show("audit", None).rows) == before
    trail = viewing(ledger, "statistician").show("audit", None).rows
    assert next(row for row in trail if (row["after"] or {}).get("sha256") == done.sha256)["book"] == "sealed"


def test_nobody_is_named_in_any_export(tmp_path: Path) -> None:
    trial = whole_trial(tmp_path, protocol_masking("QUADRUPLE", MASKABLE_TERMS))
    for role in ROLES:
        for kind in FORMATS:
            folder = tmp_path / f"{role}-{kind}"
            made(trial.path, kind, role, folder, at=None)
            for name, data in files(folder).items():
                assert not any(person.encode() in data for person in NAMES), f"{role}, {kind}: {name}"


def test_an_export_never_overwrites_and_leaves_nothing_when_it_fails(ledger: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(ExportError, match="exists already"):
        made(ledger, "csv", "sponsor", tmp_path / "out")
    with pytest.raises(ValueError, match="ends at position"):
        made(ledger, "csv", "sponsor", tmp_path / "new", at="999999")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_export_that_could_not_be_written_is_not_recorded(
    ledger: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fails(*_: Any) -> None:
        raise OSError(28, "No space left on device", "somewhere")

    monkeypatch.setattr("api.exports.csv_files.rows_of", fails)
    before = viewing(ledger, "sponsor").show("audit", None).rows
    with pytest.raises(OSError, match="No space"):
        made(ledger, "csv", "sponsor", tmp_path / "out")
    assert viewing(ledger, "sponsor").show("audit", None).rows == before
    assert not list(tmp_path.iterdir())
