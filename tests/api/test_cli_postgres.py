# ruff: noqa: F811  (fixtures that are brought in by their names)
"""The commands over the URL of a database: as over a file, with what belongs to the ledger beside its link."""

import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from api.bootstrap import open_trial
from api.evidence.making import RestoredBackupError
from ledger.proof.link import read_link
from ledger.proof.tree import leaf_hash
from ledger.recording.postgres.connecting import close_pools
from tests import postgres
from tests.api.cli_runs import here, ndjson, process, recommendation
from tests.recording.conftest import database, server  # noqa: F401


@pytest.fixture
def url(tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a new ledger, recorded in."""
    monkeypatch.setenv("TRIAL_LEDGER_HOME", str(tmp_path / "home"))
    found = f"{database}&trial=T-{secrets.token_hex(4)}"
    assert here("init", found).code == 0
    (tmp_path / "commands.ndjson").write_bytes(ndjson(*map(recommendation, range(8))))
    done = here("submit", tmp_path / "commands.ndjson", found)
    assert done.code == 0, done.err
    yield found
    close_pools()


def link(folder: Path) -> Path:
    """The link that lies in the home of the tests."""
    (found,) = (path for path in (folder / "home").rglob("T-*") if read_link(path) is not None)
    return found


def test_a_ledger_in_a_database_is_recorded_shown_and_verified_by_its_url(tmp_path: Path, url: str) -> None:
    again = here("submit", tmp_path / "commands.ndjson", url, "--json")
    assert [line["status"] for line in again.lines] == ["repeated"] * 8
    assert here("show", "audit", url, "--role", "auditor", "--json").json["rows"]
    verified = here("verify", url, "--json").json
    assert (verified["ok"], verified["size"]) == (True, 9)
    assert here("entry", url, "3").stdout.startswith(b'{"actor":')
    here("entry", url, "99").refused_in_one_sentence("no entry 99", "it has 9")
    here("init", url).refused_in_one_sentence("exists already")
    by_link = here("verify", link(tmp_path), "--json").json
    assert by_link["root"] == verified["root"]


def test_a_bundle_of_a_ledger_in_a_database_is_verified_by_anybody(tmp_path: Path, url: str) -> None:
    assert here("checkpoint", url).code == 0
    done = here("export", "bundle", url, "-o", tmp_path / "b.zip", "--for", "auditor")
    assert done.code == 0, done.err
    verified = here("verify", tmp_path / "b.zip", "--json").json
    assert verified["ok"]
    assert verified["size"] >= 9


def test_a_ledger_is_copied_to_a_file_and_to_another_place_with_the_same_root(
    tmp_path: Path,
    url: str,
    database: str,
) -> None:
    verified = here("verify", url, "--json").json
    copied = here("copy", url, tmp_path / "copy.db", "--json").json
    assert copied["root"] == verified["root"] == here("verify", tmp_path / "copy.db", "--json").json["root"]
    keys = f"{link(tmp_path)}.keys"
    back = f"{database}&trial=T-{secrets.token_hex(4)}-back"
    assert here("copy", tmp_path / "copy.db", back, "--json").json["root"] == copied["root"]
    assert here("verify", back, "--json").json["root"] == verified["root"]
    here("copy", url, tmp_path / "copy.db").refused_in_one_sentence("exists already")
    shutil.copytree(keys, tmp_path / "copy.db.keys")
    (tmp_path / "more.ndjson").write_bytes(ndjson(recommendation(50)))
    assert here("submit", tmp_path / "more.ndjson", tmp_path / "copy.db").code == 0


def test_another_machine_finds_the_ledger_by_its_url_and_a_database_without_it_says_so(
    tmp_path: Path,
    url: str,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TRIAL_LEDGER_HOME", str(tmp_path / "elsewhere"))
    assert here("verify", url, "--json").json["ok"]
    here("verify", f"{database}&trial=nobody").refused_in_one_sentence("has no trial nobody")
    here("verify", "postgresql://u:p@host/db").refused_in_one_sentence("holds a password")
    here("verify", "postgresql://127.0.0.1:1/db").refused_in_one_sentence("postgresql://127.0.0.1/db")
    here("database", "migrate", "nothing").refused_in_one_sentence("postgresql://", code=2)


def test_it_runs_as_a_process_of_its_own(tmp_path: Path, url: str) -> None:
    done = process("verify", url, "--json", TRIAL_LEDGER_HOME=str(tmp_path / "home"))
    assert done.code == 0, done.err
    assert done.err == ""
    assert done.json["ok"]


def test_a_superuser_who_makes_the_chain_anew_is_found_against_the_checkpoint(tmp_path: Path, url: str) -> None:
    assert here("checkpoint", url).code == 0
    ours = link(tmp_path)
    before = here("verify", url, "--json").json
    said = read_link(ours)
    assert said is not None
    with psycopg.connect(said.url) as db:
        db.execute("SET session_replication_role = replica")
        ((trial,),) = db.execute("SELECT trial FROM trial_ledger.trial WHERE name = %s", (said.trial,)).fetchall()
        rows = db.execute("SELECT seq, entry FROM open_book.entry WHERE trial = %s ORDER BY seq", (trial,)).fetchall()
        last = b""
        for seq, raw in rows:
            made = raw.replace(b'"id":"sponsor-1"', b'"id":"sponsor-2"') if seq == 5 else raw
            if last:
                start = made.index(b'"prev":"') + 8
                made = made[:start] + leaf_hash(last).hex().encode() + made[start + 64 :]
            last = made
            db.execute("UPDATE open_book.entry SET entry = %s WHERE trial = %s AND seq = %s", (made, trial, seq))
        frontier = _frontier(db, trial)
        db.execute(
            "UPDATE open_book.book SET hash = %s, frontier = %s WHERE trial = %s", (leaf_hash(last), frontier, trial)
        )
    alone = here("verify", url, "--no-keys", "--json", "--evidence", _empty(tmp_path))
    assert alone.json["ok"], "the chain itself is whole: only what lies outside can tell"
    found = here("verify", url, "--no-keys", "--json")
    assert found.code == 1
    assert "checkpoint" in {finding["code"] for finding in found.json["findings"]}
    assert before["ok"]


def _empty(folder: Path) -> Path:
    (folder / "no-evidence").mkdir()
    return folder / "no-evidence"


def _frontier(db: psycopg.Connection[tuple[bytes, ...]], trial: object) -> bytes:
    from ledger.proof.tree import Frontier

    tree = Frontier()
    for (raw,) in db.execute("SELECT entry FROM open_book.entry WHERE trial = %s ORDER BY seq", (trial,)).fetchall():
        tree.append(leaf_hash(raw))
    return tree.to_bytes()


def test_a_restored_backup_of_a_database_is_refused_for_signing_and_recording(
    tmp_path: Path,
    server: postgres.Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TRIAL_LEDGER_HOME", str(tmp_path / "home"))
    with postgres.database(server, "restored") as where:
        name = where.partition("?")[0].rpartition("/")[2]
        found = f"{where}&trial=T-1"
        assert here("init", found).code == 0
        close_pools()
        server.run(f"CREATE DATABASE {name}_backup TEMPLATE {name}")
        (tmp_path / "commands.ndjson").write_bytes(ndjson(*map(recommendation, range(8))))
        assert here("submit", tmp_path / "commands.ndjson", found).code == 0
        assert here("checkpoint", found).code == 0
        close_pools()
        server.run(f"DROP DATABASE {name} WITH (FORCE)", f"ALTER DATABASE {name}_backup RENAME TO {name}")
        for arguments in (("submit", tmp_path / "commands.ndjson", found), ("checkpoint", found)):
            here(*arguments).refused_in_one_sentence("rollback", "1 entries")
        with pytest.raises(RestoredBackupError):
            open_trial(link(tmp_path))
        close_pools()
