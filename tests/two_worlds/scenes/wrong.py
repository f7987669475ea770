"""Scenes of what goes wrong: repeated and reused ids, commands that are not theirs, clocks that are set back."""

from datetime import timedelta
from typing import Any

from tests.trials import ELIGIBLE
from tests.two_worlds.scenes.subjects import consented
from tests.two_worlds.telling import Teller, Told, scenes_of


def said_again(teller: Teller, which: int, variant: int) -> None:
    """A command that was given before comes again: the same, or with other content under the same id."""
    said = [step for step in teller.steps if isinstance(step, Told)]
    before = said[-1 - which % len(said)]
    command = dict(before.command)
    if variant % 2:
        command["occurred_at"] = teller.at.isoformat(timespec="seconds")
    teller.at += timedelta(minutes=1)
    teller.steps.append(Told(teller.at, command, before.importing))


def id_of_another(teller: Teller, which: int, variant: int) -> None:
    """A masked person's command bears the id under which somebody unblinded has recorded something, or has not."""
    subject = teller.someone(which)
    if variant % 4 == 1:  # the command whose other half is sealed
        subject = consented(teller)
        teller.tell("record-screening", {"subject": subject, "values": ELIGIBLE})
        teller.tell("enrol-subject", {"subject": subject})
        taken = teller.turn("pharmacy", teller.subjects[0], variant)
        teller.tell("randomize-subject", {"subject": subject}, id=taken)
        return
    taken = teller.turn("pharmacy", subject, variant)
    if variant % 4 == 0:
        teller.tell("record-visit", {"subject": subject, "visit": "DAY 3"}, id=taken)
    elif variant % 4 == 2:  # a command that is not theirs to give
        teller.tell("record-action-taken", {"subject": subject, "ae": "A1", "action": "UNKNOWN"}, id=taken)
    else:
        about = {"target": {"command": taken, "n": 0}, "reason": "curious"}
        teller.tell("void-record", about, id=f"{taken}-void")
        teller.tell("void-sealed-record", about, id=f"{taken}-void-sealed")


def not_theirs(teller: Teller, which: int, variant: int) -> None:
    """Masked people who reach for what is not theirs."""
    subject = teller.someone(which)
    role = ("investigator", "sponsor", "participant", "outcomes-assessor", "inspector")[variant % 5]
    dose = {"subject": subject, "dose_number": 1, "product": "X", "given_amount": "1", "unit": "mg"}
    tries: tuple[tuple[str, dict[str, Any]], ...] = (
        ("record-treatment", dose | {"started_at": teller.at.isoformat(timespec="minutes")}),
        ("record-action-taken", {"subject": subject, "ae": "A1", "action": "DRUG WITHDRAWN"}),
        ("claim-randomization", {"subject": subject, "arm": "TREATMENT", "stratum": "S01"}),
        ("report-sealed-import", {"tool": "t", "files": []}),
        ("grant-waiver", {"subject": subject, "criterion": "E1", "reason": "r", "approved_by": "a"}),
    )
    teller.tell(*tries[variant % 5], role)
    arm_target = {"command": teller.target("randomize-subject", which)["command"], "n": 0}
    change = {"target": arm_target, "reason": "r", "changes": [{"field": "arm", "new": "CONTROL"}]}
    teller.tell("correct-sealed-record", change, role)


def malformed(teller: Teller, which: int, variant: int) -> None:
    subject = teller.someone(which)
    teller.tell("randomize-subject", {"subject": subject})
    wrong: dict[str, Any] = ({"subject": "nobody"}, {"subject": subject, "arm": "CONTROL"}, {})[variant % 3]
    teller.tell("randomize-subject", wrong)
    teller.tell("record-death", {"subject": subject, "died": "2031-01-01"})
    teller.tell("no-such-command", {"subject": subject})


def the_clock(teller: Teller, which: int, variant: int) -> None:
    """Days pass; or the clock is set back, and the first to notice may be somebody unblinded."""
    days = (1, 3, 28, 91)[which % 4]
    teller.at += timedelta(days=days) if variant % 3 else -timedelta(hours=5)
    if variant % 2:
        teller.turn("pharmacy", teller.someone(which), variant)
    teller.tell("record-visit", {"subject": teller.someone(which), "visit": "DAY 3"})


SCENES = scenes_of(globals())
