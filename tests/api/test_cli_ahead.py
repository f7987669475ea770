"""A day or time in the future is answered as of the last entry, and the command says so; the answer is the same."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.cli.ahead import note_if_ahead
from tests.api.cli_runs import Demo, here

NOW = datetime(2026, 5, 6, 12, tzinfo=UTC)
SAID = "lies in the future"


@pytest.mark.parametrize("asked", ["2026-05-07", "2999-01-01", "2026-05-06T12:00:01Z", "2026-05-06T14:00:01+02:00"])
def test_what_is_to_come_is_noted(capsys: pytest.CaptureFixture[str], asked: str) -> None:
    note_if_ahead("--at", asked, NOW)
    assert f"--at {asked} {SAID}" in capsys.readouterr().err


@pytest.mark.parametrize(
    "asked", [None, "halt", "7", "20270101", "7/3", "2026-05-06", "2026-05-06T12:00:00Z", "2020-09-15", "x"]
)
def test_what_is_past_today_or_a_position_is_not(capsys: pytest.CaptureFixture[str], asked: str | None) -> None:
    note_if_ahead("--at", asked, NOW)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("form", [(), ("--csv",), ("--json",)])
def test_a_view_is_that_of_now_and_the_note_stands_beside_it(demo: Demo, tmp_path: Path, form: tuple[str, ...]) -> None:
    ledger = demo.copy(tmp_path)
    now, ahead = (here("show", "enrolment", ledger, *form, *as_of) for as_of in ((), ("--as-of", "2999-01-01")))
    assert (now.code, ahead.code) == (0, 0)
    assert now.out == ahead.out
    assert SAID in ahead.err
    assert SAID not in now.err


def test_exports_and_dossiers_say_so_too(demo: Demo, tmp_path: Path) -> None:
    ledger = demo.copy(tmp_path)
    for n, command in enumerate((("export", "csv", ledger, "--for"), ("reconstruct", ledger, "--role"))):
        done = here(*command, "sponsor", "--at", "2999-01-01", "-o", tmp_path / str(n), "--json")
        assert done.code == 0, done.err
        assert SAID in done.err
