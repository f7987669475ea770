"""`demo`: what it leaves, what it shows, and what it never touches."""

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from ledger.proof.verify import verify_ledger
from tests.api.cli_runs import Demo, contents, here, process

LEFT = {"NCT04348461.db", "tampered.db"} | {
    f"NCT04348461.db.{what}" for what in ("evidence", "keys", "outbox", "views")
}


def left_in(folder: Path) -> set[str]:
    return {name for name in os.listdir(folder) if not name.endswith(("-wal", "-shm"))}


def test_the_demo_ends_well_and_leaves_its_ledger_keys_views_and_the_tampered_copy(demo: Demo) -> None:
    assert demo.done.code == 0
    assert left_in(demo.folder) == LEFT
    assert verify_ledger(demo.ledger).ok


def test_the_keys_of_the_demo_are_for_their_owner_alone(demo: Demo) -> None:
    keys = demo.folder / "NCT04348461.db.keys"
    assert stat.S_IMODE(keys.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in keys.iterdir()} == {0o600}


def test_the_demo_says_that_it_is_a_simulation_verifies_and_finds_the_altered_byte(demo: Demo) -> None:
    said = demo.done.err
    assert "SIMULATION of NCT04348461" in said
    assert "Verified (consistent)" in said
    altered = int(said.split("one byte of entry ")[1].split()[0])
    assert f"open book, entry {altered} (" in said
    assert "NOT verified" in said
    findings = verify_ledger(demo.folder / "tampered.db").findings
    assert [(finding.code, finding.seq) for finding in findings] == [("commitment", altered)]


def test_tables_go_to_stdout_progress_to_stderr_and_long_tables_are_cut_short(demo: Demo) -> None:
    out = demo.done.out
    for title in ("Enrolment", "Disposition", "Survival", "Adverse event rate", "Exposure", "Protocol deviations"):
        assert title in out
    assert "SIMULATION" not in out
    assert "VISIT" not in out
    assert "month" not in out
    assert "Enrolment" not in demo.done.err
    assert max(map(len, out.splitlines())) <= 160


def test_a_demo_of_default_size_has_500_events_or_more(tmp_path: Path) -> None:
    done = process("demo", "--no-serve", cwd=tmp_path)
    assert done.code == 0, done.err
    assert verify_ledger(tmp_path / "demo" / "NCT04348461.db").size >= 500


def test_the_seed_decides_the_root_and_a_demo_takes_the_place_of_the_one_before_and_of_nothing_else(
    tmp_path: Path,
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    roots = []
    for seed in (1, 2, 1):
        done = here("demo", "--dir", tmp_path, "--no-serve", "--subjects", 1, "--seed", seed)
        assert done.code == 0, done.err
        assert left_in(tmp_path) == LEFT | {"notes.txt"}
        roots.append(verify_ledger(tmp_path / "NCT04348461.db").root)
        (tmp_path / "NCT04348461.db.views" / "mine.txt").write_text("mine")
    assert roots[0] == roots[2]
    assert roots[0] != roots[1]
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert (tmp_path / "NCT04348461.db.views" / "mine.txt").read_text() == "mine"


def _text(path: Path) -> None:
    path.write_text("the only copy of my thesis")


def _other_database(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE patients (name)")
    connection.commit()
    connection.close()


def _real_ledger(path: Path) -> None:
    assert here("init", path).code == 0


def _folder(path: Path) -> None:
    path.mkdir()
    (path / "inside").write_text("mine")


def _link(path: Path) -> None:
    _text(path.with_name("target"))
    path.symlink_to("target")


def _broken_link(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.mark.parametrize("make", [_text, _other_database, _real_ledger, _folder, _link, _broken_link])
@pytest.mark.parametrize("name", ["NCT04348461.db", "tampered.db"])
def test_what_no_demo_made_is_never_overwritten(tmp_path: Path, name: str, make: object) -> None:
    assert callable(make)
    make(tmp_path / name)
    before = contents(tmp_path)
    done = here("demo", "--dir", tmp_path, "--no-serve", "--subjects", 1)
    done.refused_in_one_sentence(name, "left as it is", "--dir")
    assert contents(tmp_path) == before


def test_nothing_of_an_earlier_demo_is_removed_when_one_of_its_files_is_somebody_elses(
    demo: Demo, tmp_path: Path
) -> None:
    demo.copy(tmp_path).rename(tmp_path / "NCT04348461.db")
    _text(tmp_path / "tampered.db")
    before = contents(tmp_path)
    here("demo", "--dir", tmp_path, "--no-serve").refused_in_one_sentence("tampered.db")
    assert contents(tmp_path) == before


def test_keys_whose_ledger_is_elsewhere_are_kept(tmp_path: Path) -> None:
    keys = tmp_path / "NCT04348461.db.keys"
    keys.mkdir()
    (keys / "trial.json").write_text("{}")
    here("demo", "--dir", tmp_path, "--no-serve").refused_in_one_sentence("keys without their ledger")
    assert (keys / "trial.json").read_text() == "{}"


def test_a_file_where_the_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    here("demo", "--dir", tmp_path / "out", "--no-serve").refused_in_one_sentence("is a file", "--dir")
