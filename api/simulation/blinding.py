"""What happens to the blind in the story: a code-break at night, an envelope, a parcel label, a report to an authority.

Rules
- All of it is open, and nothing in it depends on an arm: who comes to know one says nothing of which it is.
- Each is about the first subjects to whom it can happen, so that every story of some length has them all.
- Who is unblinded is somebody who writes little else: what such a person enters afterwards is sealed.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from api.simulation.casting import FJD, HALTED, NORTH, Part
from api.simulation.steps import DAY, HOUR, MINUTE, SPONSOR, STATISTICIAN, Desk, Happening, Place, Step

_INSPECTOR = "insp-1"


def tell_blinding(parts: Sequence[Part], happenings: Sequence[Happening], desk: Desk) -> Iterator[Step]:
    """The unblindings of the story, each about a subject of whom `happenings` tell."""
    places = {part.subject: part.site for part in parts}
    steps = [one for one in happenings if isinstance(one, Step) and one.expect is None]
    randomized = [
        (one.at, one.command["data"]["subject"]) for one in steps if one.command["type"] == "randomize-subject"
    ]
    serious = [one for one in steps if one.command["type"] == "report-adverse-event" and one.command["data"]["serious"]]
    broken = None
    if serious:
        first = serious[0]
        broken = str(first.command["data"]["subject"])
        yield from _code_break(first, places[broken], desk)
    others = [(at, subject) for at, subject in sorted(randomized) if subject != broken]
    if others:
        at, subject = others[0]
        yield _seen_by_mistake(at + 2 * DAY, subject, places[subject], desk)
    yield from _envelopes(others[1:], places, desk)
    if broken is not None:
        yield from _planned(broken, desk)
    yield from _inspection(desk)


def _code_break(reported: Step, site: Place, desk: Desk) -> Iterator[Step]:
    """The physician on call breaks the code, and writes down what was done knowing the arm."""
    subject, ae = reported.command["data"]["subject"], reported.command["data"]["ae"]
    on_call = site.actor("investigator", 2)
    at = reported.at + 25 * MINUTE
    reason = "Serious event at night: the treatment of it depends on whether cells were given."
    command = desk.command(f"{subject}-code-broken", "break-code", on_call, at, {"subject": subject, "reason": reason})
    yield Step(at, command, "an emergency code-break")
    at += 40 * MINUTE
    data = {"subject": subject, "ae": ae, "note": "Seen by the physician on call, who knows the arm."}
    command = desk.command(f"{subject}-ae-{ae}-on-call", "follow-up-adverse-event", on_call, at, data)
    yield Step(at, command, "entered after unblinding, and so sealed")


def _seen_by_mistake(at: datetime, subject: str, site: Place, desk: Desk) -> Step:
    data = {
        "person": site.actor("care-provider", 2)["id"],
        "role": "care-provider",
        "subject": subject,
        "how": "A label was left on the infusion pump.",
    }
    command = desk.command(
        f"{subject}-label-seen", "report-inadvertent-unblinding", site.actor("investigator"), at, data
    )
    return Step(at, command, "an inadvertent unblinding")


def _envelopes(randomized: Sequence[tuple[datetime, str]], places: dict[str, Place], desk: Desk) -> Iterator[Step]:
    if not randomized:
        return
    at = randomized[0][0] + HOUR
    data = {"holder": NORTH.actor("pharmacist")["id"], "subjects": 1, "reason": "For times when the server is down."}
    yield Step(at, desk.command("envelopes", "record-envelopes-exported", STATISTICIAN, at, data), "a sealed envelope")
    opened, subject = at + 3 * DAY, randomized[0][1]
    data = {"subject": subject, "reason": "Server down for an hour; anaphylaxis could not be excluded."}
    actor = places[subject].actor("care-provider", 3)
    command = desk.command(f"{subject}-envelope", "report-envelope-opened", actor, opened, data)
    yield Step(opened + 2 * HOUR, command, "and opened while the server is down")


def _planned(subject: str, desk: Desk) -> Iterator[Step]:
    """One person asks, another approves: a report to the authority needs the arm."""
    at = HALTED + 3 * DAY
    data = {
        "person": "regulatory-1",
        "role": "sponsor",
        "subjects": [subject],
        "reason": "Expedited report to the authority.",
    }
    asked = desk.command("unblinding-requested", "request-unblinding", SPONSOR, at, data)
    yield Step(at, asked, "a planned unblinding is asked for")
    at += 3 * HOUR
    data = {"request": asked["id"]}
    yield Step(at, desk.command("unblinding-approved", "approve-unblinding", STATISTICIAN, at, data), "and approved")


def _inspection(desk: Desk) -> Iterator[Step]:
    at = HALTED + 21 * DAY
    data = {"person": _INSPECTOR, "role": "inspector", "classes": ["identity"], "reason": f"Inspection of {FJD.id}."}
    yield Step(at, desk.command("inspector-granted", "grant-access", SPONSOR, at, data), "an inspector may see names")
    at += 4 * DAY
    data = {"person": _INSPECTOR, "role": "inspector", "reason": "The inspection is over."}
    yield Step(at, desk.command("inspector-revoked", "revoke-access", SPONSOR, at, data))
