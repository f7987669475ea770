"""How adverse events come into the record: reported, coded, followed up, and now and then corrected."""

from datetime import datetime

from api.simulation.clinical import DICTIONARY, Course
from api.simulation.steps import DATA_MANAGER, DAY, HOUR, MINUTE, local, local_day
from api.simulation.teller import Ending, Teller


def tell_adverse_events(teller: Teller, events: list[Course], end: Ending) -> None:
    """Each event's report, its coding, and what became of it."""
    for event in events:
        reported = _tell_report(teller, event)
        coded = teller.after(reported, DAY, 6 * DAY)
        data = {
            "ae": event.ae,
            "dictionary": DICTIONARY,
            "preferred_term": event.kind.pt,
            "system_organ_class": event.kind.soc,
        }
        teller.write(coded, "code-adverse-event", f"ae-{event.ae}-coded", coded, data, by=DATA_MANAGER)
        _tell_outcome(teller, event, reported, end)


def _tell_report(teller: Teller, event: Course) -> datetime:
    """The report; gives the time at which it was written. A serious event is reported within a day."""
    traits, name = teller.part.traits, f"ae-{event.ae}"
    reported = teller.after(event.observed, 20 * MINUTE, 20 * HOUR)
    note = None
    if "LATE_ENTRIES" in traits and event.ae == "2" and not event.serious:
        reported, note = teller.after(event.observed, 16 * DAY, 40 * DAY), "written down weeks later"
    mistyped = "SEVERITY_MISTYPED" in traits and event.ae == "1"
    severity = ("MILD" if event.severity == "SEVERE" else "SEVERE") if mistyped else event.severity
    data = {
        "ae": event.ae,
        "term": event.kind.term,
        "severity": severity,
        "serious": event.serious,
        "seriousness": [] if event.criterion is None else [event.criterion],
        "causality": event.causality,
        "outcome": "NOT RECOVERED/NOT RESOLVED",
        # Some onsets are known to the day only.
        "onset": local_day(event.onset) if teller.rng.random() < 0.25 else local(event.onset),
    }
    if event.serious:
        note = note or f"serious: {event.criterion}"
    record = teller.write(reported, "report-adverse-event", name, event.observed, data, by=teller.scribe, note=note)
    if mistyped:
        changed = teller.after(reported, 2 * DAY, 5 * DAY)
        correction = {
            "target": {"command": record, "n": 0},
            "changes": [{"field": "severity", "new": event.severity}],
            "reason": "Severity mixed up with that of another patient's event.",
        }
        note = "the severity of an adverse event is corrected"
        teller.write(changed, "correct-record", f"{name}-corrected", changed, correction, note=note)
    return reported


def _tell_outcome(teller: Teller, event: Course, reported: datetime, end: Ending) -> None:
    name = f"ae-{event.ae}-outcome"
    if event.fatal and end.died is not None:
        data = {
            "ae": event.ae,
            "serious": True,
            "seriousness": [*([event.criterion] if event.criterion else []), "DEATH"],
            "outcome": "FATAL",
            "ended": local(end.died),
        }
        at = max(reported, end.known or end.died) + 10 * MINUTE
        teller.write(at, "follow-up-adverse-event", name, end.died, data, note="a fatal adverse event")
        return
    if event.ended is not None:
        # Of some it is known only in which month they ended.
        ended = local(event.ended)[: 7 if teller.rng.random() < 0.05 else 10]
        outcome = "RECOVERED/RESOLVED WITH SEQUELAE" if event.sequelae else "RECOVERED/RESOLVED"
        data = {"ae": event.ae, "outcome": outcome, "ended": ended}
        at = teller.after(max(reported, event.ended), HOUR, 2 * DAY)
        teller.write(at, "follow-up-adverse-event", name, event.ended, data, by=teller.scribe)
        return
    if end.died is not None or end.lost is not None:
        outcome = "NOT RECOVERED/NOT RESOLVED" if end.died is not None else "UNKNOWN"
        seen = max(event.observed, end.until - HOUR)
        at = max(reported, seen, end.known or seen) + 3 * HOUR
        data = {"ae": event.ae, "outcome": outcome, "note": "As it stood when observation ended."}
        teller.write(at, "follow-up-adverse-event", name, seen, data)
