"""A dossier at a point says, number by number, what the views said in a run that stopped there.

A run stops at a step that the seed picks; what every view of the dossier says then is kept, and the story goes on to
its end. The dossier of that point is made from what came of it. `DOSSIER_SUBJECTS` tells longer stories.
"""

import json
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from api.access import Session, viewer_of
from api.bootstrap import viewing
from api.cli import demo
from api.dossier import making
from api.dossier.making import dossier
from api.dossier.tables import view_value
from api.evidence import automatic
from api.exports.making import export
from api.report.as_pdf import NoPdfError
from ledger.application import TrialLedger

SEEDS = 50
SUBJECTS = int(os.environ.get("DOSSIER_SUBJECTS", "3"))
MASKED = {
    "enrolment",
    "consort",
    "subjects",
    "open-adverse-events",
    "follow-up",
    "deviations",
    "survival",
    "censoring",
    "ae-rate",
    "adverse-events",
    "duties",
}
VIEWS = {"investigator": MASKED, "statistician": MASKED | {"exposure", "unblinding"}}


class Stopped:
    """What the views said when the story was stopped, and the position in words that `--at` takes."""

    def __init__(self, seed: int) -> None:
        self.role = "statistician" if seed % 2 else "investigator"
        self.at = ""
        self.views: dict[str, Any] = {}

    def look(self, path: Path) -> None:
        seen = viewing(path, self.role)
        results = {name: seen.show(name, None) for name in VIEWS[self.role]}
        as_of = results["subjects"].as_of
        self.at = f"{as_of.seq}/{as_of.sealed}" if as_of.both else str(as_of.seq)
        self.views = {name: json.loads(json.dumps(view_value(result))) for name, result in results.items()}


@contextmanager
def stopping(patch: pytest.MonkeyPatch, path: Path, seed: int) -> Iterator[Stopped]:
    """Under it, a story stops once, at a step that the seed picks, and goes on."""
    stopped, told, tell = Stopped(seed), [0], demo._tell
    # Not before somebody is randomized: an empty dossier would prove nothing.
    when = random.Random(seed).randrange(20, 75)

    def telling(ledger: TrialLedger, step: Any) -> bool:
        recorded = tell(ledger, step)
        told[0] += 1
        if told[0] == when:
            stopped.look(path)
        return recorded

    patch.setattr(demo, "_tell", telling)
    yield stopped


def without_pdf(_: Any) -> bytes:
    raise NoPdfError


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_dossier_equals_what_the_views_said_in_a_run_stopped_there(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "NCT04348461.db"
    monkeypatch.setattr(automatic.CheckpointingLedger, "checkpoint_if_due", lambda *_: None)
    if seed > 1:
        monkeypatch.setattr(making, "as_pdf", without_pdf)
    with stopping(monkeypatch, path, seed) as stopped:
        demo.play(path, seed, SUBJECTS, demo.SeededRandomness(seed))
    if not stopped.at:
        pytest.fail("the story is shorter than the step at which it was to stop")
    session = Session(path, viewer_of("someone", stopped.role, "FJD"))
    done = export(session, dossier(), tmp_path / "out", stopped.at)
    told = json.loads((done.path / "dossier.json").read_text())
    views = {name: view for section in told["sections"].values() for name, view in section["views"].items()}
    assert views.keys() == stopped.views.keys()
    for name, view in views.items():
        assert view == stopped.views[name], f"seed {seed} at {stopped.at}: {name}"
    assert told["known_later"]["counts"]["OTHER"] > 0
    assert stopped.views["subjects"]["rows"]
