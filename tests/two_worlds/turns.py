"""What unblinded people do in a world: whatever the arm makes of it, so that number, order and content differ.

Each turn is a function of the arm, a seed and what was done for the subject before, to commands. Nobody masked sees
their answers, and so nothing of it may show anywhere that a masked person looks. Where somebody masked has come to know
an arm (`knows`), the commands are those of masked people, and what they become has to be sealed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from ledger.domain.protocol import DosePlan, Protocol
from tests.two_worlds.telling import Turn

Made = tuple[str, str, dict[str, Any]]
"""(role, command type, data)."""
Done = list[tuple[str, str]]
"""(command id, command type) of what unblinded people have recorded about the subject."""

CONSENTS: Final = {"P1": ("c3",), "P2": ("c8",)}
"""The commands by which the consents of the first two subjects of every story were recorded."""


@dataclass(frozen=True, slots=True)
class Scenery:
    """What a turn is played in: `plan` is the dose plan of the subject's arm, None where it has none."""

    random: Random
    subject: str
    plan: DosePlan | None
    at: str
    done: Done
    role: str

    def done_by(self, type_: str) -> list[str]:
        return [id_ for id_, made in self.done if made == type_]


def commands(turn: Turn, protocol: Protocol, arm: str | None, done: Done) -> Iterator[Made]:
    """The commands of a turn in a world in which the subject is in `arm` (None: in none yet)."""
    random = Random(f"{turn.name}/{turn.subject}/{arm}/{turn.seed}")
    plan = None if arm is None else protocol.dose_plan(arm)
    at = turn.at.isoformat(timespec="minutes")
    return TURNS[turn.name](Scenery(random, turn.subject, plan, at, done, turn.role))


def _pharmacy(here: Scenery) -> Iterator[Made]:
    random, subject, plan = here.random, here.subject, here.plan
    doses = len(here.done_by("record-treatment"))
    if plan is None:
        if random.random() < 0.2:  # against the allocation, or before it
            yield "pharmacist", "record-treatment", _dose(here, "Something else", "mg", doses + 1)
        return
    for more in range(random.randint(1, 3)):
        number = 1 if random.random() < 0.2 else doses + more + 1  # sometimes one that is recorded already
        made = {"subject": subject, "dose_number": number, "product": plan.intervention, "lot": "L-1"}
        yield "pharmacist", "prepare-product", made
        yield "pharmacist", "record-treatment", _dose(here, plan.intervention, plan.unit, number)
        if random.random() < 0.5:
            stopped = {"subject": subject, "dose_number": number, "stopped_at": here.at, "reason": "fever"}
            yield "pharmacist", "record-interruption", stopped


def _dose(here: Scenery, product: str, unit: str, number: int) -> dict[str, Any]:
    interrupted = {"interruptions": [{"stopped_at": here.at, "reason": "x" * here.random.randint(1, 400)}]}
    return {
        "subject": here.subject,
        "dose_number": number,
        "product": product,
        "lot": f"L-{here.random.randint(1, 99)}",
        "weight_kg": "80",
        "given_amount": here.random.choice(("120", "6", "60")),
        "unit": unit,
        "started_at": here.at,
    } | (interrupted if here.random.random() < 0.4 else {})


def _safety(here: Scenery) -> Iterator[Made]:
    if here.plan is None:
        return
    for _ in range(here.random.randint(1, 2)):
        action = here.random.choice(("DRUG WITHDRAWN", "DOSE NOT CHANGED", "DRUG INTERRUPTED"))
        data = {"subject": here.subject, "ae": f"A{here.random.randint(1, 2)}", "action": action}
        yield here.random.choice(("pharmacist", "safety-physician")), "record-action-taken", data


def _reactions(here: Scenery) -> Iterator[Made]:
    if here.plan is None:
        return
    about = {"subject": here.subject, "ae": f"A{here.random.randint(1, 2)}"}
    for expectedness in ("EXPECTED", "UNEXPECTED")[here.random.randint(0, 1) :]:
        assessed = about | {"expectedness": expectedness, "reference": "Investigator's Brochure"}
        yield "safety-physician", "assess-expectedness", assessed
    report = about | {"report": f"R-{here.random.randint(1, 3)}", "authority": "AEMPS", "aware_at": here.at}
    yield "safety-physician", "report-unexpected-reaction", report


def _corrections(here: Scenery) -> Iterator[Made]:
    doses = here.done_by("record-treatment")
    if here.plan is not None and not doses:
        yield from _pharmacy(here)
    for id_ in doses[: here.random.randint(1, 3)]:
        about = {"target": {"command": id_, "n": 0}, "reason": "misread " * here.random.randint(1, 20)}
        change = {"field": "given_amount", "new": str(here.random.randint(1, 300))}
        yield "pharmacist", "correct-sealed-record", about | {"changes": [change]}
        if here.random.random() < 0.5:
            yield "pharmacist", "void-sealed-record", about


def _import(here: Scenery) -> Iterator[Made]:
    if here.plan is None:
        return
    file = {"name": "ex.csv", "sha256": "0" * 64, "rows": 1, "recorded": 1, "rejected": 0}
    yield from _pharmacy(here)
    report = {"tool": "import sdtm", "files": [file] * here.random.randint(1, 3)}
    yield "data-manager", "report-sealed-import", report


def _knows(here: Scenery) -> Iterator[Made]:
    """Somebody who worked masked, and has come to know the arm: more often so where there is a product."""
    subject, random = here.subject, here.random
    events = len(here.done_by("report-adverse-event"))
    made: list[Made] = []
    for n in range(random.randint(0, 1) if here.plan is None else random.randint(2, 5)):
        made.append(
            random.choice(
                (
                    (here.role, "record-visit", {"subject": subject, "visit": random.choice(("DAY 7", "UNPLANNED"))}),
                    (
                        here.role,
                        "report-adverse-event",
                        # Numbers that masked people use too: each book has its own.
                        {
                            "subject": subject,
                            "ae": f"{random.choice('AU')}{events + n + 1}",
                            "term": "infusion reaction " * random.randint(1, 30),
                            "serious": False,
                        },
                    ),
                    (
                        here.role,
                        "report-deviation",
                        {"subject": subject, "category": "DOSE", "detail": "the dose of another subject"},
                    ),
                    (here.role, "follow-up-adverse-event", {"subject": subject, "ae": "A1", "severity": "SEVERE"}),
                    (
                        here.role,
                        "renew-consent",
                        {
                            "subject": subject,
                            "form": "WRITTEN",
                            "giver": "PATIENT",
                            "document_version": "1.0",
                            "reason": "OTHER",
                        }
                        | random.choice(({}, {"witnessed": True, "witness_name": "Somebody"})),
                    ),
                )
            )
        )
    yield from made
    for type_ in ("record-visit", "report-adverse-event"):
        for id_ in here.done_by(type_)[:1] if here.plan is not None else []:
            about = {"target": {"command": id_, "n": 0}, "subject": subject, "reason": "misread"}
            yield here.role, "void-record", about
    for id_ in CONSENTS.get(subject, ())[: random.randint(0, 1)]:  # what somebody masked has recorded
        change = {"field": "document_version", "new": f"{random.randint(2, 9)}.0"}
        yield here.role, "correct-record", {"target": {"command": id_}, "reason": "misread", "changes": [change]}


def _names_somebody(here: Scenery) -> Iterator[Made]:
    """The same, with names, which are refused: they would lie in the sealed book."""
    if here.plan is None:
        return
    consent = {"subject": here.subject, "form": "WRITTEN", "giver": "FAMILY_MEMBER", "document_version": "1.0"}
    yield here.role, "renew-consent", consent | {"reason": "OTHER", "giver_name": "Somebody"}


def _notifies(here: Scenery) -> Iterator[Made]:
    """Somebody of the sponsor's who knows the arm records what was notified, in words that tell it."""
    for n in range(0 if here.plan is None else here.random.randint(1, 3)):
        said = {
            "about": f"reaction-{here.subject}-{n}",
            "note": "a reaction to the product " * here.random.randint(1, 9),
        }
        yield here.role, "record-notification", {"duty": "EU-CTD-HALT", "recipient": "AUTHORITY"} | said
        if here.random.random() < 0.3:  # refused: a name would lie in the sealed book
            yield here.role, "record-notification", {"duty": "EU-CTD-HALT", "recipient": "OTHER", "name": "Somebody"}


def _looks(_: Scenery) -> Iterator[Made]:
    """Looks are no commands: `worlds.py` lets a statistician look where there is a product."""
    return iter(())


TURNS: Final[dict[str, Callable[[Scenery], Iterator[Made]]]] = {
    "pharmacy": _pharmacy,
    "safety": _safety,
    "reactions": _reactions,
    "corrections": _corrections,
    "import": _import,
    "knows": _knows,
    "names somebody": _names_somebody,
    "notifies": _notifies,
    "looks": _looks,
}
