"""The demo's story: NCT04348461 from its first site to the halt for lack of money, and through safety follow-up.

It is a simulation, and every command in it says so. Of the trial itself only this is real: the protocol, the start
on 2020-05-06, the first site, and that it was halted for lack of financial support. The subjects, the other sites,
the pause in July and all results are invented.

Rules
- `register-trial` is not in it: whoever creates the ledger registers the trial.
- Happenings come in the order in which they are recorded. Those of one subject are drawn from that subject's own
  random numbers, so that one more subject changes nothing about the others' lives.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from api.simulation import casting
from api.simulation.allocation import tell_list, with_one_out_of_turn
from api.simulation.blinding import tell_blinding
from api.simulation.casting import EAST, EAST_CLOSED, FJD, HALTED, NORTH, PAUSED, RESTARTED, SIMULATED, START, Part
from api.simulation.pharmacy import Pharmacy
from api.simulation.steps import COMMITTEE, DAY, HOUR, MINUTE, SPONSOR, Desk, Happening, Step, local, local_day, utc
from api.simulation.subject import consent_data, tell_subject
from ledger.domain.protocol import Protocol

_DMC: Final = (
    ("2020-06-22T15:00", "CONTINUE", "First ten subjects reviewed; no concern."),
    ("2020-07-27T15:00", "CONTINUE", None),
    ("2020-09-10T15:00", "CONTINUE", "No concern about safety."),
    ("2020-11-16T16:00", "CONTINUE_WITH_CHANGES", "Recruitment is halted; telephone contacts may replace visits."),
)
_HALT_RULE: Final = "halted"
_CLOSED_RULE: Final = "site-not-active"


def story(protocol: Protocol, *, seed: int = 1, subjects: int = 60) -> Iterator[Happening]:
    """The story with so many subjects planned, in recorded order. The same arguments give the same story.

    `protocol` is NCT04348461 as registered: the screening values are its own. The site count and the consent
    document change by amendments in the story.
    """
    desk, rng = Desk(seed), random.Random(seed)
    parts = casting.cast(rng, subjects)
    happenings: list[Happening] = [*_trial(protocol, desk), *tell_list(protocol, desk)]
    for part in parts:
        happenings += tell_subject(part, desk, protocol)
    happenings += _refused_and_late(parts, desk)
    happenings.append(_final_cut_off(desk, max(happening.at for happening in happenings)))
    # The sort is stable: what is recorded in the same minute stays in the order in which it was told.
    happenings.sort(key=_recorded)
    happenings += tell_blinding(parts, happenings, desk)
    yield from with_one_out_of_turn(sorted(happenings, key=_recorded))


def _recorded(happening: Happening) -> datetime:
    return happening.at


def with_treatments(
    told: Iterable[Happening], arm_of: Callable[[str], str | None], pharmacy: Pharmacy
) -> Iterator[Step]:
    """The steps of `told`, with plans turned into the commands that the subjects' arms make of them.

    `arm_of` is asked for a subject's arm when its plan comes up, and answers as a pharmacist sees it (None: none).
    """
    for happening in told:
        if isinstance(happening, Step):
            yield happening
        elif (arm := arm_of(happening.subject)) is not None:
            for command in pharmacy.treatment_commands(happening, arm):
                yield Step(happening.at, command)


def summary(told: Iterable[Happening]) -> dict[str, Any]:
    """What a story contains: commands by type, plans by kind, refusals expected by rule, subjects, first and last."""
    listed = list(told)
    steps = [happening for happening in listed if isinstance(happening, Step)]
    plans = [happening for happening in listed if not isinstance(happening, Step)]
    recorded = [step.command for step in steps if step.expect is None]

    def subjects(kind: str) -> int:
        return len({command["data"]["subject"] for command in recorded if command["type"] == kind})

    return {
        "steps": len(steps),
        "plans": dict(sorted(Counter(plan.kind for plan in plans).items())),
        "commands": dict(sorted(Counter(command["type"] for command in recorded).items())),
        "refused": dict(sorted(Counter(step.expect for step in steps if step.expect is not None).items())),
        "consented": subjects("record-consent"),
        "enrolled": subjects("enrol-subject"),
        "died": subjects("record-death"),
        "first": min((happening.at.isoformat() for happening in listed), default=None),
        "last": max((happening.at.isoformat() for happening in listed), default=None),
    }


def _trial(protocol: Protocol, desk: Desk) -> Iterator[Step]:
    """What happens to the trial as a whole."""

    def act(at: datetime, kind: str, name: str, data: Mapping[str, Any], note: str | None = None) -> Step:
        return Step(at, desk.command(name, kind, SPONSOR, at, data), note)

    yield act(START, "activate-site", "activate-S01", {"site": FJD.id, "reason": "Start of the trial"}, "first site")
    multicenter = protocol.amended({"sites": [*protocol.model_dump(mode="json")["sites"], *_simulated_sites()]})
    amendment = {
        "amendment": "1",
        "protocol": multicenter.model_dump(mode="json"),
        "reason": "Three simulated sites join; the registry lists only Fundación Jiménez Díaz.",
    }
    yield act(utc("2020-05-11T08:00"), "amend-protocol", "amendment-1", amendment, "simulated sites join")
    for days, site in enumerate(SIMULATED):
        opened = utc("2020-05-13T09:00") + days * DAY
        data = {"site": site.id, "reason": "Simulated site opened"}
        yield act(opened, "activate-site", f"activate-{site.id}", data)
    for at, recommendation, text in _DMC:
        advice = {"recommendation": recommendation, "text": text}
        command = desk.command(f"dmc-{at[:10]}", "record-dmc-recommendation", COMMITTEE, utc(at), advice)
        yield Step(utc(at), command, f"DMC: {recommendation}")
    seen, found = utc("2020-06-15T10:00"), "Delegation log signed a week late."
    deviation = {"site": NORTH.id, "category": "SITE", "important": False, "detail": found}
    actor = NORTH.actor("investigator")
    yield Step(seen, desk.command("deviation-S02", "report-deviation", actor, seen, deviation))
    reason = "Simulated: no product released while the cell processing unit is requalified"
    yield act(PAUSED, "halt-trial", "pause", {"reason": reason}, "a first, short halt (invented)")
    settings = {**multicenter.model_dump(mode="json")["settings"], "consent_document_version": "1.1"}
    amendment = {
        "amendment": "2",
        "protocol": multicenter.amended({"settings": settings}).model_dump(mode="json"),
        "reason": "Consent document 1.1 explains the pause.",
    }
    yield act(RESTARTED - HOUR, "amend-protocol", "amendment-2", amendment, "a new consent document")
    yield act(RESTARTED, "restart-trial", "restart", {"reason": "Simulated: product is released again"})
    data = {"site": EAST.id, "reason": "Simulated: no more patients in intensive care"}
    yield act(EAST_CLOSED, "close-site", "close-S04", data)
    halt = {"reason": protocol.why_stopped or "lack of financial support"}
    yield act(HALTED, "halt-trial", "halt", halt, f"the trial is halted: {halt['reason']}")
    data = {"cut_off": local_day(HALTED), "purpose": "What was known when the trial was halted"}
    yield act(HALTED + 7 * DAY, "declare-data-cut-off", "cut-off-at-halt", data)


def _simulated_sites() -> Iterator[dict[str, Any]]:
    for site, direction in zip(SIMULATED, ("North", "South", "East"), strict=True):
        name = f"Simulated site {direction} (not in the registry)"
        yield {"id": site.id, "name": name, "city": None, "country": "Spain", "postal_code": None}


def _refused_and_late(parts: list[Part], desk: Desk) -> Iterator[Step]:
    """A consent at a closed site and one during the halt, both refused; one from before the halt, recorded late."""
    attempts = (
        (EAST, EAST_CLOSED + 7 * DAY, EAST_CLOSED + 7 * DAY + HOUR, "a closed site takes no consent", _CLOSED_RULE),
        (FJD, HALTED + 2 * DAY, HALTED + 2 * DAY + HOUR, "no consent while the trial is halted", _HALT_RULE),
        (NORTH, HALTED - 14 * HOUR, HALTED + 14 * DAY, "a consent from before the halt, recorded two weeks late", None),
    )
    for number, (site, consented, at, note, expect) in enumerate(attempts, start=len(parts) + 1):
        subject = casting.next_subject(parts, site)
        part = Part(subject, number, site, consented, desk.seed, "PLAIN")
        data = {"subject": subject, **consent_data(random.Random(number), part)}
        command = desk.command(f"{subject}-consent", "record-consent", site.actor("investigator"), consented, data)
        yield Step(at, command, note, expect)
    ended = at + 20 * MINUTE
    data = {"subject": subject, "epoch": "SCREENING", "term": "OTHER", "verbatim": "Trial halted before screening"}
    name, actor = f"{subject}-screening-ended", NORTH.actor("investigator")
    yield Step(ended, desk.command(name, "record-disposition", actor, ended, data))


def _final_cut_off(desk: Desk, last: datetime) -> Step:
    at = (last + 3 * DAY).replace(hour=9, minute=0)
    data = {"cut_off": local(at), "purpose": "End of safety follow-up"}
    return Step(at, desk.command("cut-off-final", "declare-data-cut-off", SPONSOR, at, data), "the end of the story")
