"""Scenes at a site: subjects from consent to the end, and what masked people observe and correct."""

from typing import Any

from tests.trials import ELIGIBLE
from tests.two_worlds.telling import Teller, scenes_of


def consented(teller: Teller, variant: int = 0) -> str:
    """A new subject."""
    subject = f"P{len(teller.subjects) + 1}"
    teller.subjects.append(subject)
    consent = {"subject": subject, "site": "S01", "form": "WRITTEN", "giver": "PATIENT", "document_version": "1.0"}
    named = {"subject_name": f"Name of {subject}"} if variant % 2 == 0 else {}
    teller.tell("record-consent", consent | named, ("investigator", "care-provider")[variant % 2])
    return subject


def randomized(teller: Teller, variant: int = 0) -> str:
    """A new subject, up to its place on the list."""
    subject = consented(teller, variant)
    teller.tell("record-screening", {"subject": subject, "values": ELIGIBLE})
    teller.tell("enrol-subject", {"subject": subject})
    teller.tell("randomize-subject", {"subject": subject})
    return subject


# -- at the site ------------------------------------------------------------


def one_more(teller: Teller, which: int, variant: int) -> None:
    """A subject more; sometimes treated at once."""
    subject = randomized(teller, variant)
    if variant % 2:
        teller.turn("pharmacy", subject, which)


def on_a_waiver(teller: Teller, which: int, variant: int) -> None:  # noqa: ARG001
    subject = consented(teller)
    teller.tell("record-screening", {"subject": subject, "values": ELIGIBLE | {"home_oxygen": "CHRONIC"}})
    for criterion in ("E4", "E5"):
        data = {"subject": subject, "criterion": criterion, "reason": "benefit", "approved_by": "Dr. A"}
        teller.tell("grant-waiver", data, ("sponsor", "investigator")[variant % 2])
    teller.tell("enrol-subject", {"subject": subject})
    teller.tell("randomize-subject", {"subject": subject})


def visit(teller: Teller, which: int, variant: int) -> None:
    planned = teller.protocol.settings.visits
    role = ("investigator", "care-provider", "outcomes-assessor")[variant % 3]
    name = planned[variant % len(planned)].name if variant % 4 else "UNPLANNED"
    state = "MISSED" if variant == 5 else "DONE"
    teller.tell("record-visit", {"subject": teller.someone(which), "visit": name, "state": state}, role)


def adverse_event(teller: Teller, which: int, variant: int) -> None:
    subject, role = teller.someone(which), ("investigator", "outcomes-assessor")[variant % 2]
    teller.events[subject] = teller.events.get(subject, 0) + 1
    serious: dict[str, Any] = {"serious": True, "seriousness": ["HOSPITALIZATION"]} if variant % 3 == 0 else {}
    data = {"subject": subject, "ae": f"A{teller.events[subject]}", "term": "fever", "serious": False}
    teller.tell("report-adverse-event", data | serious | {"causality": "POSSIBLE"}, role)
    if variant % 2:
        teller.turn("safety", subject, variant)


def more_of_an_event(teller: Teller, which: int, variant: int) -> None:
    about = {"subject": teller.someone(which), "ae": f"A{1 + variant % 2}"}
    change: dict[str, Any] = ({"outcome": "RECOVERED/RESOLVED"}, {"serious": True}, {"severity": "SEVERE"})[variant % 3]
    teller.tell("follow-up-adverse-event", about | change)
    terms = {"dictionary": "MedDRA", "preferred_term": "Pyrexia", "system_organ_class": "General disorders"}
    teller.tell("code-adverse-event", about | terms, "data-manager")


def alive_or_dead(teller: Teller, which: int, variant: int) -> None:
    subject = teller.someone(which)
    if variant % 3 == 2:
        teller.tell("record-death", {"subject": subject, "died": teller.at.isoformat()[:10], "cause": "ARDS"})
    status = ("ALIVE", "UNKNOWN", "DEAD")[variant % 3]
    teller.tell("record-vital-status", {"subject": subject, "status": status}, "outcomes-assessor")


def consent_again(teller: Teller, which: int, variant: int) -> None:
    data = {"subject": teller.someone(which), "form": "WRITTEN", "giver": "PATIENT", "document_version": "1.0"}
    teller.tell("renew-consent", data | {"reason": ("OTHER", "CAPACITY_REGAINED")[variant % 2]})


def withdrawal(teller: Teller, which: int, variant: int) -> None:
    scope = ("INTERVENTION", "FOLLOW_UP", "ALL")[variant % 3]
    data = {"subject": teller.someone(which), "giver": "PATIENT", "scope": scope}
    teller.tell("withdraw-consent", data, ("participant", "investigator")[variant % 2])


def the_end(teller: Teller, which: int, variant: int) -> None:
    data = {"subject": teller.someone(which), "epoch": "FOLLOW-UP", "term": ("COMPLETED", "OTHER")[variant % 2]}
    teller.tell("record-disposition", data)


def deviation(teller: Teller, which: int, variant: int) -> None:
    about: dict[str, Any] = {"site": "S01"} if variant == 3 else {"subject": teller.someone(which)}
    role = ("monitor", "auditor", "sponsor", "data-manager", "investigator")[variant % 5]
    teller.tell("report-deviation", about | {"category": "PROCEDURE", "detail": "a form was not signed"}, role)


def correction(teller: Teller, which: int, variant: int) -> None:
    type_, change = (
        ("record-visit", {"field": "visit", "new": "DAY 3"}),
        ("report-adverse-event", {"field": "term", "new": "high fever"}),
        ("record-consent", {"field": "subject_name", "new": "Another Name"}),
        ("record-screening", {"field": "values", "new": {**ELIGIBLE, "home_oxygen": "CHRONIC"}}),
        ("randomize-subject", {"field": "index", "new": 9}),
        ("record-death", {"field": "cause", "new": "sepsis"}),
    )[variant % 6]
    data = {"target": teller.target(type_, which), "reason": "misread", "changes": [change]}
    teller.tell("correct-record", data, ("investigator", "data-manager", "outcomes-assessor")[which % 3])


def void(teller: Teller, which: int, variant: int) -> None:
    types = ("record-visit", "report-adverse-event", "record-vital-status", "record-death", "enrol-subject")
    type_ = types[variant % len(types)]
    teller.tell("void-record", {"target": teller.target(type_, which), "reason": "of another subject"})


SCENES = scenes_of(globals())
