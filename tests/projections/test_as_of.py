"""The past of a real ledger: as-of a position is what a ledger says that ends there, and views can be thrown away.

The ledger is the demo's, with corrections, late entries, sealed entries and anchors in it. A cut is a ledger of its
own: the rows up to the position, copied into a new file under heads computed anew.
"""

import json
import random
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from api.bootstrap import rebuild_all, viewing
from api.cli import demo
from ledger.keys.file import keys_folder
from ledger.proof.tree import Frontier, leaf_hash
from ledger.proof.verify import verify_ledger
from ledger.recording.engine import Reading, create_ledger, fetch, open_reading
from projections.runner import views_folder
from projections.views import VIEWS
from tests.thorough import THOROUGH

ROLES = ("investigator", "statistician")
"""One masked, one unmasked."""
CUTS = 40 if THOROUGH else 8


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "NCT04348461.db"
    demo.play(path, 4, 10, demo.SeededRandomness(4))
    return path


def answers(path: Path, as_of: str | int | None = None) -> dict[tuple[str, str], str]:
    """What every view says to every role that may have it."""
    return {
        (seen.role, view.name): seen.show(view.name, as_of).to_json()
        for seen in (viewing(path, role) for role in ROLES)
        for view in VIEWS.values()
        if view.open_to(seen.audience)
    }


def recorded_times(path: Path) -> list[str]:
    """When each open entry was recorded, by seq."""
    with closing(open_reading(path)) as connection:
        return [json.loads(row[0])["at"] for row in fetch(connection, "SELECT entry FROM open_entry ORDER BY seq")]


def cut(path: Path, seq: int, copy: Path) -> Path:
    """The ledger that ends with open entry `seq`: with the sealed entries that name it or an earlier one."""
    with closing(open_reading(path)) as source:
        origin = fetch(source, "SELECT origin FROM head WHERE book = 'open'")[0][0]
        create_ledger(copy, origin)
        with closing(apsw.Connection(str(copy))) as target, target:
            _copy(source, target, "open_stream", f"id IN (SELECT stream FROM open_entry WHERE seq <= {seq})")
            _copy(source, target, "open_entry", f"seq <= {seq}")
            _copy(source, target, "sealed_entry", f"open_seq <= {seq}")
            for book in ("open", "sealed"):
                hashes = [leaf_hash(row[0]) for row in fetch(target, f"SELECT entry FROM {book}_entry ORDER BY seq")]
                frontier = Frontier()
                frontier.extend(hashes)
                if hashes:
                    target.execute(
                        "UPDATE head SET size = ?, hash = ?, frontier = ? WHERE book = ?",
                        (len(hashes), hashes[-1], frontier.to_bytes(), book),
                    )
    shutil.copytree(keys_folder(path), keys_folder(copy))
    return copy


def _copy(source: Reading, target: apsw.Connection, table: str, where: str) -> None:
    columns = [row[0] for row in fetch(source, f"SELECT name FROM pragma_table_info('{table}')")]  # none generated
    names, marks = ", ".join(columns), ", ".join("?" for _ in columns)
    rows = fetch(source, f"SELECT {names} FROM {table} WHERE {where} ORDER BY 1")
    target.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)


@pytest.mark.in_a_file
def test_as_of_any_position_equals_a_ledger_that_ends_there(ledger: Path, tmp_path: Path) -> None:
    last = len(recorded_times(ledger)) - 1
    for seq in sorted({0, last, *random.Random(1).sample(range(last), CUTS)}):
        ended = cut(ledger, seq, tmp_path / f"{seq}.db")
        # A position may lie between two events of one command, which says so.
        assert {finding.code for finding in verify_ledger(ended).findings} <= {"command"}
        assert answers(ledger, seq) == answers(ended), f"as of {seq}"


def test_as_of_a_time_equals_the_position_of_the_last_entry_recorded_by_then(ledger: Path) -> None:
    times = recorded_times(ledger)
    for seq in random.Random(2).sample(range(len(times)), 5):
        day = times[seq][:10]
        for as_of, upto in ((times[seq], times[seq]), (day, f"{day}T23:59:59.999999Z")):
            last = max(number for number, at in enumerate(times) if at <= upto)
            assert answers(ledger, as_of) == answers(ledger, last), f"as of {as_of}"


def test_views_deleted_and_rebuilt_are_the_same_to_the_byte(ledger: Path) -> None:
    shutil.rmtree(views_folder(ledger), ignore_errors=True)
    shown, kept = answers(ledger), list(dump(ledger))
    assert {line.partition(" ")[0] for line in kept} == {"open.db", "unmasked.db"}
    for _ in range(2):
        shutil.rmtree(views_folder(ledger))
        rebuild_all(ledger)
        assert list(dump(ledger)) == kept
        assert answers(ledger) == shown
        assert list(dump(ledger)) == kept


def dump(ledger: Path) -> Iterator[str]:
    """Every table of the views' files, as SQL text and rows."""
    for path in sorted(views_folder(ledger).glob("*.db")):
        with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
            for name, sql in connection.execute("SELECT name, sql FROM sqlite_schema ORDER BY type, name").fetchall():
                yield f"{path.name} {sql}"
                for row in connection.execute(f"SELECT * FROM {name} ORDER BY 1, 2"):
                    yield f"{path.name} {name} {row!r}"
