"""`show` and `rebuild`: every view in every form, as one role may see it, as known at any position.

What a look leaves in the ledger is in `test_access.py`; here the demo of the session gets more of them with each test.
"""

import csv
import io
import shutil
from pathlib import Path

import pytest

from api.bootstrap import viewing
from api.cli.output import print_table
from ledger.proof.verify import verify_ledger
from tests.api.cli_runs import Demo, here, process, small_disk

VIEWS = [
    "subjects",
    "enrolment",
    "disposition",
    "adverse-events",
    "exposure",
    "survival",
    "ae-rate",
    "deviations",
    "audit",
]
PROMISED = {"view", "version", "as_of", "head", "rows"}


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_as_json_has_the_promised_members(demo: Demo, view: str) -> None:
    done = here("show", view, demo.ledger, "--json", "--role", "statistician")
    assert (done.code, done.err) == (0, "")
    answer = done.json
    assert answer.keys() >= PROMISED
    assert (answer["view"], type(answer["version"])) == (view, int)
    report = verify_ledger(demo.ledger)
    assert answer["head"] == report.head.hex()
    assert answer["as_of"].keys() == {"seq", "recorded_at", "sealed", "sealed_head"}
    assert (answer["as_of"]["seq"], answer["as_of"]["sealed"]) == (report.size - 1, report.sealed.size - 1)
    assert answer["as_of"]["sealed_head"] == report.sealed.head.hex()
    assert answer["rows"]
    assert done.stdout.endswith(b"\n")


def test_adverse_events_are_as_issue_2_promises_them(demo: Demo) -> None:
    answer = here("show", "adverse-events", demo.ledger, "--json", "--role", "statistician").json
    assert all(arm.keys() == {"arm", "n"} for arm in answer["arms"])
    for row in answer["rows"]:
        assert row.keys() == {"soc", "pt", "cells"}
        assert [cell.keys() for cell in row["cells"]] == [{"subjects", "events"}] * len(answer["arms"])
    assert any(row["pt"] is None for row in answer["rows"])


@pytest.mark.parametrize("view", [view for view in VIEWS if view != "exposure"])
def test_a_masked_role_sees_the_view_without_the_sealed_book(demo: Demo, view: str) -> None:
    answer = here("show", view, demo.ledger, "--json", "--role", "investigator").json
    assert answer.keys() >= PROMISED
    assert answer["as_of"].keys() == {"seq", "recorded_at"}
    assert not {"TREATMENT", "Treatment", "CONTROL", "Control"} & {
        str(value) for row in answer["rows"] for value in row.values()
    }
    assert [arm["arm"] for arm in answer.get("arms", [])] in ([], ["Total"])


@pytest.mark.parametrize("role", ["sponsor", "investigator", "participant", "auditor", "data-manager"])
def test_exposure_is_denied_to_who_may_not_see_arms(demo: Demo, role: str) -> None:
    done = here("show", "exposure", demo.ledger, "--json", "--role", role)
    done.refused_in_one_sentence(role, "'exposure' tells the arm")


@pytest.mark.parametrize("view", VIEWS)
def test_csv_and_table_hold_the_same_rows_as_the_grid_of_json(demo: Demo, view: str) -> None:
    at = here("show", view, demo.ledger, "--json", "--role", "dmc").json["as_of"]
    as_of = f"--as-of={at['seq']}/{at['sealed']}"  # each look adds to the record, and so to what the next one shows
    answer = here("show", view, demo.ledger, "--json", "--role", "dmc", as_of).json
    text = here("show", view, demo.ledger, "--csv", "--role", "dmc", as_of).stdout
    assert text.count(b"\n") == text.count(b"\r\n")
    header, *lines = csv.reader(io.StringIO(text.decode(), newline=""))
    assert len(lines) == len(answer["rows"])
    assert all(len(line) == len(header) == len(set(header)) for line in lines)
    table = here("show", view, demo.ledger, "--role", "dmc", as_of).out
    assert "(as dmc)" in table.splitlines()[0]
    assert sum(line.startswith("│") for line in table.splitlines()) >= len(lines)


def test_json_is_utf_8_in_every_locale(demo: Demo) -> None:
    done = process("show", "audit", demo.ledger, "--json", PYTHONIOENCODING="ascii")
    assert done.code == 0
    assert done.stdout == here("show", "audit", demo.ledger, "--json").stdout
    assert not done.stdout.isascii()


def test_a_table_is_shown_where_the_terminal_is_not_utf_8(demo: Demo) -> None:
    done = process("show", "audit", demo.ledger, PYTHONIOENCODING="ascii")
    assert (done.code, done.err) == (0, "")
    assert done.stdout.isascii()


def test_an_as_of_takes_in_what_was_recorded_up_to_it(demo: Demo) -> None:
    rows = here("show", "audit", demo.ledger, "--json").json["rows"]
    at = here("show", "audit", demo.ledger, "--json", "--as-of", 100).json
    assert at["as_of"]["seq"] == 100
    assert [row["seq"] for row in at["rows"]] == [row["seq"] for row in rows][:101]
    moment = at["as_of"]["recorded_at"]
    for as_of in (moment, moment.replace("Z", "+00:00"), moment[:10]):
        found = here("show", "audit", demo.ledger, "--json", "--as-of", as_of).json
        assert found["as_of"]["seq"] >= 100
        assert found["as_of"]["recorded_at"][: len(as_of) if "T" not in as_of else 19] == as_of[:19]
    assert here("show", "subjects", demo.ledger, "--as-of", 0).code == 0


def test_an_as_of_at_the_end_is_what_is_shown_without_one(demo: Demo) -> None:
    now = here("show", "enrolment", demo.ledger, "--json")
    last = now.json["as_of"]["seq"]
    assert here("show", "enrolment", demo.ledger, "--json", "--as-of", last).stdout == now.stdout


@pytest.mark.parametrize(
    ("as_of", "words"),
    [
        ("nonsense", "neither a position"),
        ("", "neither a position"),
        ("-1", "neither a position"),
        ("1.5", "neither a position"),
        ("²", "neither a position"),
        ("٣", "neither a position"),
        ("2020-02-30", "neither a position"),
        ("0001-01-01T00:00:00+14:00", "neither a position"),
        ("2020-06-01T00:00:00", "needs an offset"),
        ("2019-12-31", "nothing was recorded by then"),
        ("2019-12-31T23:59:59Z", "nothing was recorded by then"),
        ("99999", "ends at position"),
        ("9" * 30, "ends at position"),
        ("9" * 5000, "ends at position"),
    ],
)
def test_an_as_of_that_means_no_position_is_a_usage_error(demo: Demo, as_of: str, words: str) -> None:
    done = here("show", "subjects", demo.ledger, f"--as-of={as_of}")
    done.refused_in_one_sentence("as-of", words, code=2)
    assert len(done.err) < 200


def test_an_auditor_who_holds_the_file_alone_sees_the_same_and_nobody_sees_arms(demo: Demo, tmp_path: Path) -> None:
    alone = demo.copy(tmp_path, keys=False)
    for view in ("audit", "subjects"):
        there = here("show", view, demo.ledger, "--json", "--role", "auditor")
        assert here("show", view, alone, "--json", "--role", "auditor").stdout == there.stdout
    for view, role in (("exposure", "statistician"), ("subjects", "dmc")):
        here("show", view, alone, "--json", "--role", role).refused_in_one_sentence(role, "cannot be", "keys")


def test_a_copy_on_a_read_only_disk_can_be_shown_verified_and_read_but_not_written(demo: Demo, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "8m") as disk:
        copy = demo.copy(disk.path)
        disk.read_only()
        there = here("show", "audit", demo.ledger, "--json", "--role", "auditor")
        assert here("show", "audit", copy, "--json", "--role", "auditor").stdout == there.stdout
        refused = here("show", "exposure", copy, "--json", "--role", "statistician")
        refused.refused_in_one_sentence("statistician", "has to be recorded, and cannot be")
        assert here("verify", copy).code == 0
        assert here("entry", copy, 0).stdout == here("entry", demo.ledger, 0).stdout
        here("rebuild", copy).refused_in_one_sentence("copy.db.views")
        here("submit", "-", copy, stdin=b"{}").refused_in_one_sentence("cannot be written", "read-only")


def test_texts_that_look_like_mark_up_or_move_the_cursor_are_shown_as_they_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table("[bold]t[/]", ["[red]c"], [["[/nonsense] \x1b[2J \u202e"]])
    shown = capsys.readouterr().out
    for text in ("[bold]t[/]", "[red]c", "[/nonsense] \\u001b[2J \\u202e"):
        assert text in shown


# -- rebuild -------------------------------------------------------------------------------------------------------


def test_rebuilt_views_are_the_same_to_the_byte(demo: Demo, tmp_path: Path) -> None:
    copy = demo.copy(tmp_path)
    before = {view: viewing(copy, "dmc").show(view, None).to_json() for view in VIEWS}
    shutil.rmtree(f"{copy}.views")
    done = here("rebuild", copy, "--json")
    assert done.code == 0
    made = done.json["rebuilt"]
    assert [Path(path).name for path in made] == ["open.db", "unmasked.db"]
    assert all(Path(path).is_file() for path in made)
    assert {view: viewing(copy, "dmc").show(view, None).to_json() for view in VIEWS} == before


def test_rebuild_says_what_it_made(demo: Demo, tmp_path: Path) -> None:
    done = process("rebuild", demo.copy(tmp_path))
    assert (done.code, done.stdout) == (0, b"")
    assert [line.split()[0] for line in done.err.splitlines()] == ["rebuilt", "rebuilt"]


@pytest.mark.parametrize("content", [b"", b"nonsense" * 999])
def test_views_that_were_damaged_are_made_again(demo: Demo, tmp_path: Path, content: bytes) -> None:
    copy = demo.copy(tmp_path)
    before = here("show", "subjects", copy, "--json").stdout
    for name in ("open.db", "open.db-wal", "open.db-shm"):
        (Path(f"{copy}.views") / name).unlink(missing_ok=True)
    (Path(f"{copy}.views") / "open.db").write_bytes(content)
    assert here("show", "subjects", copy, "--json").stdout == before


def test_a_file_in_the_place_of_the_views_folder_does_not_keep_views_from_being_shown(
    demo: Demo, tmp_path: Path
) -> None:
    copy = demo.copy(tmp_path)
    Path(f"{copy}.views").write_text("mine")
    assert here("show", "subjects", copy, "--json").stdout == here("show", "subjects", demo.ledger, "--json").stdout
    here("rebuild", copy).refused_in_one_sentence("copy.db.views")
    assert Path(f"{copy}.views").read_text() == "mine"
