"""Scenes in which somebody comes to know an arm. That it happened is open, and the same in both worlds; what that
person enters afterwards is not: a turn.
"""

from tests.trials import ELIGIBLE
from tests.two_worlds.scenes.subjects import consented
from tests.two_worlds.telling import Teller, scenes_of


def unblinded_people(teller: Teller, which: int, variant: int) -> None:
    """Those whose roles always see arms."""
    names = ("pharmacy", "safety", "corrections", "reactions", "looks")
    teller.turn(names[variant % 5], teller.someone(which), variant)


def code_break(teller: Teller, which: int, variant: int) -> None:
    """An emergency; whoever broke the code goes on treating the subject."""
    subject, role = teller.someone(which), ("investigator", "care-provider", "safety-physician")[variant % 3]
    who = f"{role}-2"
    broken = teller.tell("break-code", {"subject": subject, "reason": "anaphylaxis"}, role, who=who)
    if role != "safety-physician":
        knows = {"person": who, "role": role, "after": broken["id"]}
        taken = teller.turn("knows", subject, variant, **knows)
        teller.tell("record-visit", {"subject": subject, "visit": "DAY 3"})
        if variant % 2:
            teller.tell("record-visit", {"subject": subject, "visit": "DAY 7"}, id=taken)
        # What is open whoever gives it, from somebody who knows.
        teller.tell("record-vital-status", {"subject": subject, "status": "ALIVE"}, role, who=who)


def planned_unblinding(teller: Teller, which: int, variant: int) -> None:
    who, subject = "outcomes-assessor-2", teller.someone(which)
    whom = {"subjects": [subject]} if variant % 2 else {}
    data = {"person": who, "role": "outcomes-assessor", "reason": "interim analysis"} | whom
    asked = teller.tell("request-unblinding", data, "sponsor")
    second = ("statistician-1", "statistician") if variant % 3 else ("sponsor-1", "sponsor")
    approved = teller.tell("approve-unblinding", {"request": asked["id"]}, second[1], who=second[0])
    teller.turn("knows", subject, variant, person=who, role="outcomes-assessor", after=approved["id"])
    teller.tell("report-adverse-event", {"subject": subject, "ae": "U1", "term": "rash", "serious": False})


def by_mistake(teller: Teller, which: int, variant: int) -> None:
    who, subject = "investigator-3", teller.someone(which)
    of = {"subject": subject} if variant % 2 else {}
    data = {"person": who, "role": "investigator", "how": "a label was left on"} | of
    reported = teller.tell("report-inadvertent-unblinding", data, ("monitor", "pharmacist")[variant % 3 == 2])
    teller.turn("knows", subject, variant, person=who, role="investigator", after=reported["id"])
    teller.tell("record-visit", {"subject": subject, "visit": "DAY 14"}, "outcomes-assessor")


def a_sponsor_who_knows(teller: Teller, which: int, variant: int) -> None:
    """Of one subject or of all; and somebody masked notifies too."""
    who, subject = "sponsor-2", teller.someone(which)
    of = {"subject": subject} if variant % 2 else {}
    data = {"person": who, "role": "sponsor", "how": "read a letter"} | of
    reported = teller.tell("report-inadvertent-unblinding", data, "monitor")
    teller.tell("halt-trial", {"reason": "lack of money"}, "sponsor")
    teller.turn("notifies", subject, variant, person=who, role="sponsor", after=reported["id"])
    teller.tell("record-notification", {"duty": "EU-CTD-HALT", "recipient": "AUTHORITY"}, "sponsor")
    teller.tell("restart-trial", {"reason": "money"}, "sponsor")


def envelopes(teller: Teller, which: int, variant: int) -> None:
    who, subject = "care-provider-3", teller.someone(which)
    teller.tell("record-envelopes-exported", {"holder": who, "subjects": 2}, "sponsor")
    data = {"subject": subject, "person": who, "reason": "the server was down"}
    opened = teller.tell("report-envelope-opened", data, ("monitor", "data-manager")[variant % 2])
    teller.turn("knows", subject, variant, person=who, role="care-provider", after=opened["id"])


def nameless(teller: Teller, which: int, variant: int) -> None:
    """What is open whoever reports it, from those whose role tells an arm: the same in both worlds."""
    subject = teller.someone(which)
    role = ("pharmacist", "safety-physician", "dmc", "statistician")[variant % 4]
    teller.tell("record-vital-status", {"subject": subject, "status": "ALIVE"}, role)
    if variant > 4:
        teller.tell("record-death", {"subject": subject, "died": teller.at.isoformat()[:10]}, role)
    data = {"subject": subject, "giver": "PATIENT", "scope": "INTERVENTION"}
    given = teller.tell("withdraw-consent", data, role)
    if variant % 2:  # it comes again, and somebody masked takes its id
        teller.tell("withdraw-consent", data, role, id=given["id"], occurred_at=given["occurred_at"])
        teller.tell("record-visit", {"subject": subject, "visit": "DAY 3"}, id=given["id"])


def grants(teller: Teller, which: int, variant: int) -> None:
    """An auditor is granted access; whether they then look is their affair."""
    classes = (["arm"], ["identity"], ["arm", "identity"])[variant % 3]
    data = {"person": f"auditor-{which + 2}", "role": "auditor", "classes": classes, "reason": "an audit"}
    teller.tell("grant-access", data, "sponsor")
    if variant % 2:
        teller.turn("looks", teller.someone(which), variant)
    revoked = {name: data[name] for name in ("person", "role")} | {"reason": "it is over"}
    teller.tell("revoke-access", revoked, "sponsor")


def names_erased(teller: Teller, which: int, variant: int) -> None:
    subject = teller.someone(which)
    teller.tell("erase-identity", {"subject": subject, "reason": "asked for"}, ("investigator", "sponsor")[variant % 2])
    data = {"subject": subject, "form": "WRITTEN", "giver": "FAMILY_MEMBER", "document_version": "1.0"}
    teller.tell("renew-consent", data | {"reason": "OTHER", "giver_name": "Somebody"})


def list_gone_wrong(teller: Teller, which: int, variant: int) -> None:
    """A stratum that is found wrong, and an index that was given out of turn."""
    wrong = {"subject": teller.someone(which), "stratum": ("S02", "S01")[variant % 2], "reason": "the wrong site"}
    teller.tell("report-wrong-stratum", wrong, ("investigator", "monitor")[variant % 2])
    subject = consented(teller)
    teller.tell("record-screening", {"subject": subject, "values": ELIGIBLE})
    teller.tell("enrol-subject", {"subject": subject})
    given = {"subject": subject, "index": 40 + 2 * variant, "reason": "an envelope was opened"}
    teller.tell("record-allocation-out-of-turn", given)
    teller.tell("randomize-subject", {"subject": subject})


SCENES = scenes_of(globals())
