"""From the first visit to the end of a subject's part: visits, vital status, withdrawal, death, disposition."""

from collections.abc import Sequence
from datetime import datetime

from api.simulation.clinical import Course
from api.simulation.steps import DAY, HOUR, MINUTE, local
from api.simulation.teller import Ending, Teller
from ledger.domain.protocol import Visit


def tell_visits(teller: Teller, visits: Sequence[Visit], begins: datetime, end: Ending) -> None:
    """The planned visits up to the end of observation; one in twenty is missed, one in sixteen out of its window."""
    rng, traits = teller.rng, teller.part.traits
    late_ones = 0
    for number, visit in enumerate(visits, start=1):
        chance = rng.random()
        missed = visit.day > 0 and (chance < 0.05 or ("MISSES_DAY_7" in traits and visit.name == "DAY 7"))
        outside = "LATE_MONTH_3" in traits and visit.name == "MONTH 3"
        if visit.day == 0:
            started = begins + 40 * MINUTE
        else:
            offset = rng.randint(-visit.early_days, visit.late_days)
            if outside or 0.05 <= chance < 0.11:
                offset = visit.late_days + rng.randint(1, min(3, 1 + visit.late_days))
            planned = (begins + (visit.day + offset) * DAY).replace(hour=8, minute=0)
            started = planned + rng.randrange(6 * 60) * MINUTE
        if started + HOUR >= end.until:
            break
        ended = started + rng.randrange(15, 55) * MINUTE
        at, note = teller.after(ended, 30 * MINUTE, 30 * HOUR), None
        if "LATE_ENTRIES" in traits and visit.day >= 3 and not late_ones:
            late_ones += 1
            at, note = teller.after(ended, 15 * DAY, 35 * DAY), "a visit written down weeks later"
        data = {"visit": visit.name, "number": str(number)}
        if missed:
            data["state"] = "MISSED"
        else:
            data |= {"started": local(started), "ended": local(ended)}
        name = f"visit-{number}"
        teller.write(at, "record-visit", name, started if missed else ended, data, by=teller.scribe, note=note)


def tell_vital_status(teller: Teller, begins: datetime, end: Ending, follow_up: int) -> None:
    """Contacts at 28 days (for the survival rate) and at the end of follow-up."""
    contact = (begins + 28 * DAY).replace(hour=15, minute=10)
    if contact < end.until:
        data = {"status": "ALIVE", "source": teller.rng.choice(("Telephone contact", "Seen on the ward"))}
        teller.write(teller.after(contact, HOUR, DAY), "record-vital-status", "vital-status-28", contact, data)
    last = (begins + follow_up * DAY).replace(hour=15, minute=40)
    if end.lost is not None:
        data = {"status": "UNKNOWN", "source": "Three telephone calls and a letter, unanswered"}
        teller.write(last + HOUR, "record-vital-status", "vital-status-end", last, data)
    elif last < end.until:
        data = {"status": "ALIVE", "source": "Telephone contact"}
        teller.write(teller.after(last, HOUR, DAY), "record-vital-status", "vital-status-end", last, data)


def tell_ending(teller: Teller, begins: datetime, end: Ending, events: Sequence[Course], follow_up: int) -> None:
    """Withdrawal or death, and where the subject's part in treatment and in follow-up ended, and why."""
    if end.withdrew is not None:
        _tell_withdrawal(teller, end.withdrew)
    if end.died is not None and end.known is not None:
        _tell_death(teller, end.died, end.known, events)

    def dispose(epoch: str, seen: datetime, term: str, verbatim: str | None = None) -> None:
        data = {"epoch": epoch, "term": term, "verbatim": verbatim}
        at = teller.after(seen, 4 * HOUR, 3 * DAY)
        if term == "DEATH" and end.known is not None:
            at = max(at, end.known + HOUR)
        teller.write(at, "record-disposition", f"{epoch.lower()}-ended", seen, data)

    treated = (begins + 28 * DAY).replace(hour=16, minute=0)
    if teller.part.fate == "WITHDREW_INTERVENTION" and end.withdrew is not None:
        dispose("TREATMENT", end.withdrew, "WITHDRAWAL BY SUBJECT", "Does not want the intervention")
    elif end.until > treated:
        dispose("TREATMENT", treated, "COMPLETED")
    elif end.died is not None:
        return dispose("TREATMENT", end.died, "DEATH")
    else:
        return dispose("TREATMENT", end.until, "WITHDRAWAL BY SUBJECT")
    finished = (begins + (follow_up + 18) * DAY).replace(hour=11, minute=0)
    if end.died is not None:
        dispose("FOLLOW-UP", end.died, "DEATH")
    elif end.lost is not None:
        dispose("FOLLOW-UP", finished, "LOST TO FOLLOW-UP")
    elif end.until < finished:
        dispose("FOLLOW-UP", end.until, "WITHDRAWAL BY SUBJECT")
    else:
        dispose("FOLLOW-UP", finished, "COMPLETED")
    return None


def _tell_withdrawal(teller: Teller, withdrew: datetime) -> None:
    scope = teller.part.fate.removeprefix("WITHDREW_")
    giver = "FAMILY_MEMBER" if scope == "INTERVENTION" else "PATIENT"
    reason = "Does not want any more appointments" if scope == "FOLLOW_UP" else None
    data = {"giver": giver, "scope": scope, "reason": reason}
    note = f"consent is withdrawn ({scope.lower()})"
    teller.write(withdrew + 40 * MINUTE, "withdraw-consent", "withdrawal", withdrew, data, note=note)


def _tell_death(teller: Teller, died: datetime, known: datetime, events: Sequence[Course]) -> None:
    fatal = next((event for event in events if event.fatal), None)
    if fatal is None:
        seen = {"status": "DEAD", "source": "Civil registry"}
        teller.write(known - HOUR, "record-vital-status", "vital-status-dead", known - 2 * HOUR, seen)
    cause = "not known" if fatal is None else f"{fatal.kind.term} (adverse event {fatal.ae})"
    data = {"died": local(died), "cause": cause}
    teller.write(known, "record-death", "death", died, data, note="a death")
