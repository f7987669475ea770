"""A refresh: when there is one, what is recorded of it, what readers meet meanwhile, and what a crash leaves."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import apsw
import psycopg
import pytest

from api.access import Session, viewer_of
from api.bootstrap import viewing
from api.publishing import making, writing
from api.publishing.publication import Publication, PublishError
from api.publishing.target import target_of
from ledger.recording.engine import fetch, open_reading
from projections.base import Audience
from projections.sql import relations as catalogue
from projections.sql.relations import relations
from tests.api.publishing.conftest import ROLES, copy_of
from tests.api.publishing.published import Place, in_sqlite, publish, publisher
from tests.shared_data import ROOT
from tests.unprivileged import NOBODY

POSITIONS = "SELECT DISTINCT seq, head FROM position"
AUDIT = "SELECT max(seq) FROM audit WHERE book = 'open'"


def sizes(ledger: Path) -> tuple[int, int]:
    """How long the books are."""
    with closing(open_reading(ledger)) as connection:
        found = dict(fetch(connection, "SELECT book, size FROM head"))
    return int(str(found["open"])), int(str(found["sealed"]))


def something_happens(ledger: Path) -> None:
    """An entry of the open book: a monitor was refused a name."""
    with pytest.raises(PermissionError):
        Session(ledger, viewer_of("monitor-1", "monitor", "FJD")).show("identities")


@pytest.mark.parametrize("role", ROLES)
def test_publishing_is_recorded_once_before_it_and_nothing_is_where_nothing_moved(
    ledger: Path, places: dict[str, Place], role: str
) -> None:
    before = sizes(ledger)
    made = publish(ledger, role, places[role].where)
    after = sizes(ledger)
    assert made is not None
    assert made.place.seq == after[0] - 1
    if role == "sponsor":
        assert (after[0] - before[0], after[1] - before[1]) == (1, 0)
    else:  # the look and the export, both sealed; the open book has grown by nothing but an anchor, if one was due
        assert after[1] - before[1] == 2
        assert after[0] == before[0]
        assert made.place.sealed_seq == after[1] - 1
    assert publish(ledger, role, places[role].where) is None
    assert sizes(ledger) == after
    audit = viewing(ledger, "statistician").show("audit", None).rows[-1]
    assert audit["after"]["kind"] == "publish"
    assert audit["who"] == f"{role}-1"


def test_a_run_that_follows_records_once(ledger: Path, places: dict[str, Place]) -> None:
    by = publisher(ledger, "sponsor")
    target = target_of(places["sponsor"].where, by.audience)
    target.prepare()
    assert by.refresh(target) is not None
    for _ in range(2):
        size = sizes(ledger)[0]
        something_happens(ledger)
        made = by.refresh(target)
        assert made is not None
        assert made.place.seq == sizes(ledger)[0] - 1 == size
        assert by.refresh(target) is None


def test_what_is_due_is_published_anew_on_a_new_day(ledger: Path, places: dict[str, Place]) -> None:
    now = [datetime.now(UTC)]
    by = publisher(ledger, "sponsor", clock=lambda: now[0])
    target = target_of(places["sponsor"].where, by.audience)
    target.prepare()
    by.refresh(target)
    assert by.refresh(target) is None
    days = "SELECT DISTINCT day FROM position WHERE relation IN ('duties', 'follow_up') AND trial <> ''"
    first = places["sponsor"].rows(days)
    now[0] += timedelta(days=40)
    assert by.refresh(target) is not None
    assert by.refresh(target) is None
    second = places["sponsor"].rows(days)
    assert (str(first[0][0]), str(second[0][0])) == tuple(
        f"{now[0] - timedelta(days=days):%Y-%m-%d}" for days in (40, 0)
    )


def test_who_knows_an_arm_publishes_no_masked_relations(the_demo: Path) -> None:
    knowing = viewing(the_demo, "sponsor").show("unblinding", None).rows
    person, role = next((row["person"], row["role"]) for row in knowing if row["how"] == "INADVERTENT")
    before = sizes(the_demo)
    with pytest.raises(PublishError, match="knows an arm"):
        making.Publisher(the_demo, viewer_of(person, role, "FJD"))
    assert sizes(the_demo) == before
    another = making.Publisher(the_demo, viewer_of("care-FJD-99", role, "FJD"))
    assert another.audience is Audience.MASKED


def test_a_reader_in_a_transaction_meets_one_position_throughout(ledger: Path, places: dict[str, Place]) -> None:
    place = places["sponsor"]
    publish(ledger, "sponsor", place.where)
    with closing(Reading(place)) as reader:
        first = (reader(POSITIONS), reader(AUDIT))
        something_happens(ledger)
        assert publish(ledger, "sponsor", place.where) is not None
        assert (reader(POSITIONS), reader(AUDIT)) == first
        assert place.rows(POSITIONS) != first[0]
        assert place.rows(AUDIT) > first[1]
        reader.begin_anew()
        assert reader(POSITIONS) == place.rows(POSITIONS)  # the same connection, without opening the file anew


class Reading:
    """Somebody who reads in a transaction, of SQLite or of PostgreSQL."""

    def __init__(self, place: Place) -> None:
        self._db: Any
        if place.where.startswith("sqlite:"):
            path = Path(place.where.removeprefix("sqlite:")) / "open.sqlite"
            self._db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
            self._begin = "BEGIN"
        else:
            self._db = psycopg.connect(place.where, autocommit=True)
            self._begin = "BEGIN ISOLATION LEVEL REPEATABLE READ"
        self._db.execute(self._begin)

    def __call__(self, sql: str) -> Any:
        return self._db.execute(sql).fetchall()

    def begin_anew(self) -> None:
        self._db.execute("COMMIT")
        self._db.execute(self._begin)

    def close(self) -> None:
        self._db.close()


_KILLED = """
import os, signal, sys
from pathlib import Path
from api.publishing import writing
from tests.api.publishing.published import publish

real = writing.rows_of
def dying(relation, trial, result):
    for number, row in enumerate(real(relation, trial, result)):
        if relation.name == sys.argv[4] and number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        yield row
writing.rows_of = dying
publish(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
"""


@pytest.mark.parametrize("dies_at", ["allocation", "unblinding", "nowhere"])
def test_a_kill_in_the_middle_leaves_what_there_was(ledger: Path, places: dict[str, Place], dies_at: str) -> None:
    place = places["sponsor"]
    publish(ledger, "sponsor", place.where)
    before = list(place.everything())
    something_happens(ledger)
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, str(ledger), "sponsor", place.where, dies_at],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    if dies_at == "nowhere":  # the control: but for the kill, it would be there
        assert done.returncode == 0
        assert list(place.everything()) != before
        return
    assert done.returncode == -signal.SIGKILL
    assert list(place.everything()) == before
    made = publish(ledger, "sponsor", place.where)
    assert made is not None
    assert place.rows(POSITIONS) == [(made.place.seq, made.place.head)]


@pytest.mark.parametrize("places", ["postgres"], indirect=True)  # a row of SQLite has no place by which it is seen
def test_only_what_has_changed_is_written_again(
    the_demo: Path, places: dict[str, Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "_LINES", 100)
    place = places["sponsor"]
    publish(the_demo, "sponsor", place.where)
    stands = "SELECT ctid::text FROM audit_v3 ORDER BY line"
    before = place.rows(stands)
    something_happens(the_demo)
    publish(the_demo, "sponsor", place.where)
    after = place.rows(stands)
    whole = len(before) // 100 * 100
    assert after[:whole] == before[:whole]
    assert len(after) == len(before) + 2  # what happened, and that it is published
    assert place.rows("SELECT max(line) FROM audit") == [(len(after),)]


def test_rows_that_are_gone_go_with_the_next_refresh(
    ledger: Path, the_demo: Path, places: dict[str, Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "_LINES", 7)
    place = places["sponsor"]
    publish(the_demo, "sponsor", place.where)
    publish(ledger, "sponsor", place.where, take_over=True)  # the same trial, in a shorter ledger
    shorter = list(place.everything())
    other = copy_of(ledger, ledger.parent / "other")
    anew = in_sqlite(ledger.parent / "anew", "sponsor") if place.where.startswith("sqlite") else None
    if anew is not None:
        assert publish(other, "sponsor", anew.where) is not None
        assert dict(anew.everything())["subjects"] == dict(shorter)["subjects"]
    ((count, last),) = place.rows("SELECT count(*), max(line) FROM audit")
    assert count == last == sizes(ledger)[0]


def test_several_trials_lie_in_one_database(
    ledger: Path, the_demo: Path, places: dict[str, Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = places["sponsor"]
    publish(ledger, "sponsor", place.where)
    with pytest.raises(PublishError, match="from another ledger"):  # the demo is of the same trial
        publish(the_demo, "sponsor", place.where)
    real = making.Publisher._publication

    def of_another_trial(self: making.Publisher, source: Any) -> Publication:
        return replace(real(self, source), trial="NCT00000002")

    first = place.rows("SELECT * FROM audit ORDER BY line")
    monkeypatch.setattr(making.Publisher, "_publication", of_another_trial)
    publish(the_demo, "sponsor", place.where)
    assert place.rows("SELECT trial FROM trials ORDER BY trial") == [("NCT00000002",), ("NCT04348461",)]
    assert place.rows("SELECT * FROM audit WHERE trial = 'NCT04348461' ORDER BY line") == first
    ((count,),) = place.rows("SELECT count(*) FROM audit WHERE trial = 'NCT00000002'")
    assert count > len(first)


def test_another_ledger_of_a_trial_takes_its_place_when_that_is_asked_for(
    ledger: Path, the_demo: Path, places: dict[str, Place]
) -> None:
    place = places["sponsor"]
    publish(ledger, "sponsor", place.where)
    before = sizes(the_demo)
    with pytest.raises(PublishError, match="--take-over"):
        publish(the_demo, "sponsor", place.where)
    assert sizes(the_demo) == before  # nothing was published, and nothing is recorded as published
    made = publish(the_demo, "sponsor", place.where, take_over=True)
    assert made is not None
    assert place.rows("SELECT DISTINCT seq FROM position") == [(made.place.seq,)]


def _newer(monkeypatch: pytest.MonkeyPatch, by: int) -> None:
    """A release in which the relation of survival has another version."""
    catalogue.relation_of.cache_clear()
    monkeypatch.setattr(catalogue, "_CHANGED", {"survival": by})


def test_the_version_before_stays_as_it_was_for_one_release(
    ledger: Path, places: dict[str, Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = places["sponsor"]
    made = publish(ledger, "sponsor", place.where)
    assert made is not None
    version = next(one.version for one in made.relations if one.name == "survival")
    assert version is not None
    old = place.rows(f"SELECT * FROM survival_v{version} ORDER BY line")
    listed = "SELECT version, newest FROM relations WHERE relation = 'survival' ORDER BY version"
    try:
        for newer in (1, 2):
            something_happens(ledger)
            _newer(monkeypatch, newer)
            now = publish(ledger, "sponsor", place.where)
            assert now is not None
            found = [(number, bool(newest)) for number, newest in place.rows(listed)]
            assert found == [(version + newer - 1, False), (version + newer, True)]
            assert place.rows("SELECT * FROM survival ORDER BY line") == place.rows(
                f"SELECT * FROM survival_v{version + newer} ORDER BY line"
            )
            stand: dict[int, int] = dict(place.rows("SELECT version, seq FROM position WHERE relation = 'survival'"))
            assert stand[version + newer] == now.place.seq
            if newer == 1:
                assert place.rows(f"SELECT * FROM survival_v{version} ORDER BY line") == old
                assert stand[version] == made.place.seq
        _newer(monkeypatch, 0)
        something_happens(ledger)
        with pytest.raises(PublishError, match="a newer trial-ledger has published version"):
            publish(ledger, "sponsor", place.where)
    finally:
        monkeypatch.undo()
        catalogue.relation_of.cache_clear()
    assert relations(Audience.MASKED)


def test_nobody_but_its_owner_can_reach_the_unmasked_file(ledger: Path, tmp_path: Path) -> None:
    for role in ROLES:
        publish(ledger, role, f"sqlite:{tmp_path}/out")
    for path, mode in (("open.sqlite", 0o640), ("unmasked", 0o700), ("unmasked/unmasked.sqlite", 0o600)):
        assert stat.S_IMODE((tmp_path / "out" / path).stat().st_mode) == mode
    for beside in ("-wal", "-shm"):
        assert stat.S_IMODE((tmp_path / "out" / f"unmasked/unmasked.sqlite{beside}").stat().st_mode) == 0o600
    (tmp_path / "out/unmasked").chmod(0o755)
    publish(ledger, "statistician", f"sqlite:{tmp_path}/out")
    assert stat.S_IMODE((tmp_path / "out/unmasked").stat().st_mode) == 0o700


def test_from_outside_nobody_sees_when_the_unmasked_file_is_refreshed(ledger: Path, tmp_path: Path) -> None:
    def seen() -> list[tuple[int, ...]]:
        found = [path.stat() for path in (tmp_path / "out", tmp_path / "out" / "unmasked")]
        return [(one.st_mtime_ns, one.st_ctime_ns, one.st_size, one.st_nlink) for one in found]

    def refreshed() -> int:
        return (tmp_path / "out" / "unmasked" / "unmasked.sqlite").stat().st_mtime_ns

    publish(ledger, "statistician", f"sqlite:{tmp_path}/out")
    before, at = seen(), refreshed()
    something_happens(ledger)
    assert publish(ledger, "statistician", f"sqlite:{tmp_path}/out") is not None
    assert refreshed() > at
    assert seen() == before


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be two people")
def test_who_may_only_read_meets_each_refresh_and_never_the_unmasked(ledger: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="published-"))
    folder.chmod(0o755)
    out = folder / "out"
    try:
        for role in ROLES:
            publish(ledger, role, f"sqlite:{out}")
        for path in (out, *out.glob("open.sqlite*")):
            os.chown(path, 0, NOBODY)  # the group that dashboards run in
        with _somebody_else(out) as ask:
            first = ask(AUDIT)
            assert isinstance(first, int)
            assert ask("DELETE FROM survival_v3") == "ReadOnlyError"
            assert ask("unmasked/unmasked.sqlite") == ask("unmasked") == "PermissionError"
            assert ask("open.sqlite") == "is there"
            something_happens(ledger)
            publish(ledger, "sponsor", f"sqlite:{out}")
            assert ask(AUDIT) > first
    finally:
        shutil.rmtree(folder)


@contextmanager
def _somebody_else(out: Path) -> Iterator[Callable[[str], Any]]:
    """Another process, of the group alone, that has the masked file open; asked for SQL, or whether a file is there."""
    here, there = socket.socketpair()
    child = os.fork()
    if child == 0:
        try:
            here.close()
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            db = apsw.Connection(str(out / "open.sqlite"), flags=apsw.SQLITE_OPEN_READONLY)
            while asked := there.recv(4096).decode():
                try:
                    if " " in asked:
                        answer = db.execute(asked).fetchall()[0][0]
                    else:
                        path = out / asked
                        answer = "is there" if path.stat() and (path.is_file() or list(path.iterdir())) else ""
                except (apsw.Error, OSError) as error:
                    answer = type(error).__name__
                there.send(json.dumps(answer).encode())
        finally:
            os._exit(0)
    there.close()
    here.settimeout(30)

    def ask(what: str) -> Any:
        here.send(what.encode())
        return json.loads(here.recv(4096))

    try:
        yield ask
    finally:
        here.close()
        os.waitpid(child, 0)


def test_what_is_no_longer_published_is_no_longer_in_the_file(ledger: Path, tmp_path: Path) -> None:
    publish(ledger, "sponsor", f"sqlite:{tmp_path}/out")
    head = in_sqlite(tmp_path / "out", "sponsor").rows("SELECT head FROM position")[0][0].encode()

    def held() -> bytes:
        return b"".join(path.read_bytes() for path in (tmp_path / "out").glob("open.sqlite*"))

    assert head in held()
    something_happens(ledger)
    publish(ledger, "sponsor", f"sqlite:{tmp_path}/out")
    assert head not in held()


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("mysql://x/y", "TARGET: is sqlite:FOLDER or postgresql://"),
        ("sqlite:", "after sqlite: comes a folder"),
        ("sqlite:/nowhere/at/all", "No such file"),
        ("postgresql://u:secret@127.0.0.1:1/db", "127.0.0.1/db: connection"),
        ("postgresql://u:secret@[::1/db?x=1", "is no URL of PostgreSQL"),
    ],
)
def test_what_cannot_be_published_is_said_and_not_recorded(ledger: Path, where: str, said: str) -> None:
    before = sizes(ledger)
    with pytest.raises(PublishError) as caught:
        publish(ledger, "sponsor", where)
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)
    assert sizes(ledger) == before


def test_a_file_that_is_no_database_is_left_as_it_is(ledger: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "open.sqlite").write_bytes(b"something else" * 100)
    with pytest.raises(PublishError, match="is no SQLite file"):
        publish(ledger, "sponsor", f"sqlite:{tmp_path}/out")
    assert (tmp_path / "out" / "open.sqlite").read_bytes() == b"something else" * 100


def test_without_psycopg_it_is_said_what_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "api.publishing.postgres", raising=False)
    with pytest.raises(PublishError, match=r"trial-ledger\[postgres\]"):
        target_of("postgresql://x/y", Audience.MASKED)
