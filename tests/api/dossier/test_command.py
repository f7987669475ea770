"""`reconstruct`: of a ledger and of a bundle, with what it refuses."""

import csv
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from api.bootstrap import viewing
from ledger.keys.folder import keys_folder
from tests.api.cli_runs import Demo, here, process, size_of

_MASKED = ("--role", "sponsor", "--actor", "s-1")
_UNMASKED = ("--role", "statistician", "--actor", "st-1")


@pytest.fixture(scope="module")
def ledger(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return demo.copy(tmp_path_factory.mktemp("reconstruct"))


def test_it_says_where_the_dossier_is_and_as_json_what_is_in_it(ledger: Path, tmp_path: Path) -> None:
    done = here("reconstruct", ledger, "--at", "halt", "-o", tmp_path / "one", *_MASKED)
    assert done.code == 0, done.err
    assert "a dossier for the role sponsor" in done.out
    done = here("reconstruct", ledger, "--at", "100", "--since", "50", "-o", tmp_path / "two", *_MASKED, "--json")
    assert done.json["manifest"]["kind"] == "dossier"
    assert done.json["manifest"]["position"]["open"]["seq"] == 100
    assert done.json["manifest"]["since"] == "50"
    assert {"index.html", "dossier.json", "integrity.json"} <= {one["name"] for one in done.json["manifest"]["files"]}


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (("--at", "never"), ("never",), 2),
        (("--at", "999999"), ("ends at position",), 2),
        (("--at", "10", "--since", "halt"), ("--since halt", "lies after the point"), 2),
        (("--at", "halt", "--since", "soon"), ("--since soon",), 2),
        (("--at", "halt", "--site", "S99"), ("--site", "S99"), 2),
        (("--at", "halt", "--keys", "kek"), ("--keys", "archive"), 2),
        (("--at", "halt", "--policy", "nowhere"), ("nowhere", "cannot be read"), 3),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence_and_leaves_nothing(
    ledger: Path, tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...], code: int
) -> None:
    done = here("reconstruct", ledger, "-o", tmp_path / "out", *_MASKED, *arguments)
    done.refused_in_one_sentence(*words, code=code)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_left_as_it_is(ledger: Path, tmp_path: Path) -> None:
    here("reconstruct", ledger, "--at", "halt", "-o", tmp_path, *_MASKED).refused_in_one_sentence("exists already")


def test_without_keys_arms_are_refused(ledger: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    shutil.copy(ledger, copy)
    done = here("reconstruct", copy, "--at", "halt", "-o", tmp_path / "out", *_UNMASKED)
    assert done.code == 3
    assert not (tmp_path / "out").exists()


def bundle(ledger: Path, folder: Path, role: str, *more: object) -> Path:
    output = folder / f"{role}.zip"
    done = here("export", "bundle", ledger, "-o", output, "--for", role, "--actor", f"{role}-9", *more)
    assert done.code == 0, done.err
    return output


def views(folder: Path) -> dict[str, object]:
    sections = json.loads((folder / "dossier.json").read_text())["sections"]
    return {name: section["views"] for name, section in sections.items()}


def test_of_a_bundle_the_dossier_says_the_same_and_that_nothing_was_recorded(ledger: Path, tmp_path: Path) -> None:
    made = bundle(ledger, tmp_path, "sponsor")
    before = made.read_bytes()
    assert here("reconstruct", ledger, "--at", "halt", "-o", tmp_path / "own", *_MASKED).code == 0
    done = here("reconstruct", made, "--at", "halt", "-o", tmp_path / "out", *_MASKED, "--json")
    assert done.code == 0, done.err
    assert views(tmp_path / "out") == views(tmp_path / "own")
    manifest = done.json["manifest"]
    assert (manifest["recorded"], manifest["bundle"]["name"]) == (False, "sponsor.zip")
    assert "nothing can be recorded" in manifest["remark"]
    assert "nothing can be recorded" in (tmp_path / "out" / "index.html").read_text()
    assert made.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"own", "out", "sponsor.zip"}


def test_of_a_masked_bundle_nobody_is_shown_arms(ledger: Path, tmp_path: Path) -> None:
    made = bundle(ledger, tmp_path, "sponsor")
    done = here("reconstruct", made, "--at", "halt", "-o", tmp_path / "out", *_UNMASKED)
    done.refused_in_one_sentence("role statistician", "without the sealed book")
    assert not (tmp_path / "out").exists()


def test_of_a_bundle_for_who_may_see_arms_the_arms_are_shown(ledger: Path, tmp_path: Path) -> None:
    made = bundle(ledger, tmp_path, "statistician")
    assert here("reconstruct", made, "--at", "halt", "-o", tmp_path / "out", *_UNMASKED).code == 0
    rows = json.loads((tmp_path / "out" / "dossier.json").read_text())["sections"]["flow"]["views"]["consort"]["rows"]
    shown = viewing(ledger, "statistician").show("consort", "halt").rows
    assert rows == list(shown)


def test_an_archive_gives_arms_with_its_keys_alone(ledger: Path, tmp_path: Path) -> None:
    made = bundle(ledger, tmp_path, "archive")
    done = here("reconstruct", made, "--at", "halt", "-o", tmp_path / "no", *_UNMASKED)
    done.refused_in_one_sentence("role statistician", "--keys")
    assert not (tmp_path / "no").exists()
    keys = ("--keys", keys_folder(ledger))
    assert here("reconstruct", made, "--at", "halt", "-o", tmp_path / "out", *_UNMASKED, *keys).code == 0
    assert "treatments" in views(tmp_path / "out")


def test_a_bundle_that_does_not_verify_gives_nothing(ledger: Path, tmp_path: Path) -> None:
    made = bundle(ledger, tmp_path, "sponsor")
    data = made.read_bytes()
    place = data.index(b'"severity":"') + len(b'"severity":"')
    made.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
    done = here("reconstruct", made, "--at", "halt", "-o", tmp_path / "out", *_MASKED)
    assert done.code == 1
    assert "does not verify" in done.err
    assert not (tmp_path / "out").exists()


def test_where_there_is_no_folder_for_it_nothing_is_recorded(ledger: Path, tmp_path: Path) -> None:
    before = size_of(ledger)
    done = process("reconstruct", ledger, "--at", "halt", "-o", tmp_path / "no" / "out", *_MASKED)
    done.refused_in_one_sentence("there is no folder")
    assert size_of(ledger) == before


def test_since_a_date_takes_in_that_whole_day(ledger: Path, tmp_path: Path) -> None:
    def listed(since: str) -> list[int]:
        out = tmp_path / since
        assert here("reconstruct", ledger, "--at", "halt", "--since", since, "-o", out, *_MASKED).code == 0
        with (out / "tables" / "changes.csv").open(newline="") as file:
            return [int(row["seq"]) for row in csv.DictReader(file) if row["recorded_at"].startswith("2020-09-01")]

    assert listed("2020-09-01") == listed("2020-08-31T23:59:59Z") != []
    assert listed("2020-09-02") == []


def test_of_a_ledger_that_does_not_verify_the_first_page_and_the_exit_code_say_so(ledger: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    assert here("reconstruct", ledger, "--at", "halt", "-o", whole, *_MASKED).code == 0
    altered = tmp_path / "altered.db"
    for beside in ("", ".keys", ".evidence"):
        source = Path(f"{ledger}{beside}")
        copy = shutil.copytree if source.is_dir() else shutil.copyfile
        copy(source, f"{altered}{beside}")
    with closing(sqlite3.connect(altered)) as connection, connection:
        rows = connection.execute("SELECT seq, sections FROM open_entry").fetchall()
        seq, sections = next(row for row in rows if b'"severity":"MILD"' in row[1])
        for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        changed = sections.replace(b'"severity":"MILD"', b'"severity":"MOLD"')
        connection.execute("UPDATE open_entry SET sections = ? WHERE seq = ?", (changed, seq))
    done = here("reconstruct", altered, "--at", "halt", "-o", tmp_path / "out", *_MASKED)
    assert done.code == 1
    assert "DOES NOT VERIFY" in done.err
    assert f"entry {seq}" in done.err
    first, last = (tmp_path / "out" / "index.html").read_text(), (whole / "index.html").read_text()
    assert f"entry {seq}" in first[: first.index("<nav")]
    assert "DOES NOT VERIFY" not in last
    told = json.loads((tmp_path / "out" / "dossier.json").read_bytes())
    assert "DOES NOT VERIFY" in json.dumps(told)[:3000]
