"""What in the record raises duties or shows them done (`ledger/domain/duties`), stream by stream.

Rules
- Of the trial: its sites, halts, restarts, its end, and notifications, each as it was recorded (and corrected).
- Of a subject, for everybody: the first consent, and how its part ended.
- Of a subject, from sealed facts: an adverse event is a suspected unexpected serious reaction while it is serious, the
  last assessment says that it was unexpected, and not every opinion of causality that was given, the reporter's and the
  assessor's, denies the relation: where nobody has an opinion it is suspected.
- Such a reaction is known since the first record that says that it was serious (fatal or life-threatening), or since
  an earlier day on which a report says that the sponsor was aware: that a report names a later day moves nothing.
- One that was known to be fatal or life-threatening at once is not also one of the others.
- Without the sealed book there is no assessment, and so no such row: a masked reader cannot get one from this file.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ledger.domain.duties import Happening, Recipient, Shown, Trigger
from ledger.domain.duties.evaluate import first_day
from ledger.domain.history import Fact
from ledger.domain.vocabulary import Book
from projections.base import Stored
from projections.histories import History, marked
from projections.subject import RELATED, SubjectStory, story_of

PROTOCOL: Final = "PROTOCOL"
SUBJECT: Final = "SUBJECT"
_OF_THE_TRIAL: Final = {
    "trial.temporarily-halted/1": (Trigger.HALTED, None),
    "trial.restarted/1": (Trigger.RESTARTED, Shown.RESTART_OR_END),
    "trial.terminated-early/1": (Trigger.TERMINATED_EARLY, Shown.RESTART_OR_END),
    "notification.sent/1": (None, Shown.NOTIFICATION),
}
_AT_ONCE: Final = frozenset({"DEATH", "LIFE_THREATENING"})
_SAYINGS: Final = ("adverse-event.reported/1", "adverse-event.followed-up/1")
_ASSESSED: Final = "expectedness.assessed/1"
_REPORTED: Final = "unexpected-reaction.reported/1"


def of_trial(history: History) -> Iterator[dict[str, Any]]:
    """The rows of the stream `trial`."""
    facts = history.corrected
    protocol = next((f for f in reversed(facts) if f.type in ("trial.registered/1", "protocol.amended/1")), None)
    if protocol is not None:
        said = json.dumps(_of_protocol(facts, protocol.data["protocol"]))
        yield {"kind": PROTOCOL, **_entry(protocol), "detail": said}
    opened = [fact for fact in facts if fact.type == "site.activated/1"]
    if opened:
        first = min(opened, key=lambda fact: (first_day(fact.data["occurred_at"]), fact.order))
        yield {"kind": Trigger.TRIAL_STARTED, **_entry(first)}
    active: set[str] = set()
    last: Fact | None = None
    for fact in facts:
        if fact.type == "site.activated/1":
            active.add(fact.data["site"])
        elif fact.type == "site.closed/1":
            active.discard(fact.data["site"])
            last = fact
    if last is not None and not active:
        yield {"kind": Trigger.RECRUITMENT_ENDED, **_entry(last)}
    for fact in facts:
        if fact.type in _OF_THE_TRIAL:
            trigger, shows = _OF_THE_TRIAL[fact.type]
            sent = {name: fact.data.get(name) for name in ("duty", "recipient", "about")}
            yield {"kind": trigger, "shows": shows, **_entry(fact), "detail": json.dumps(sent)}


def of_subject(history: History, ended: tuple[str, Book, int] | None) -> Iterator[dict[str, Any]]:
    """The rows of a subject's stream. `ended`: when its part ended, and the entry that says so."""
    story = story_of(history)
    if story.consents:
        said = {"randomized": story.randomized is not None, "ended": ended}
        yield {"kind": SUBJECT, **_entry(story.consents[0]), "detail": json.dumps(said)}
    yield from _reactions(history, story)


def _of_protocol(facts: Iterable[Fact], protocol: Mapping[str, Any]) -> dict[str, Any]:
    start = (protocol.get("start") or {}).get("date")
    registered = next((fact.data["occurred_at"] for fact in facts if fact.type == "trial.registered/1"), None)
    return {
        "began": start or registered,
        "countries": [site.get("country") for site in protocol.get("sites") or ()],
        "fda_regulated_drug": (protocol.get("oversight") or {}).get("fda_regulated_drug"),
        "duties": protocol.get("duties") or [],
    }


def _entry(fact: Fact) -> dict[str, Any]:
    return {
        "book": fact.book.value,
        "seq": fact.seq,
        "place": fact.open_seq,
        "occurred": fact.data["occurred_at"],
        "known": fact.at,
        "command": fact.command,
    }


# -- unexpected reactions ---------------------------------------------------


def _reactions(history: History, story: SubjectStory) -> Iterator[dict[str, Any]]:
    assessed: dict[str, Fact] = {}
    reports: dict[str, list[Fact]] = {}
    for fact in history.corrected:
        if fact.book is Book.SEALED and fact.type == _ASSESSED:
            assessed[fact.data["ae"]] = fact
        elif fact.book is Book.SEALED and fact.type == _REPORTED:
            reports.setdefault(fact.data["ae"], []).append(fact)
    for ae, assessment in assessed.items():
        event = story.adverse_events.get((ae, False)) or story.adverse_events.get((ae, True))
        if event is None or not event.serious or assessment.data.get("expectedness") != "UNEXPECTED":
            continue
        opinions = [one for one in (event.causality, assessment.data.get("causality")) if one is not None]
        if opinions and not any(opinion in RELATED for opinion in opinions):
            continue
        said = [fact for fact in history.corrected if fact.type in _SAYINGS and _about(fact, ae, story)]
        serious = next((fact for fact in said if fact.data.get("serious") or fact.data.get("seriousness")), None)
        fatal = next((fact for fact in said if _at_once(fact)), None)
        aware = min((fact.data["aware_at"] for fact in reports.get(ae, ()) if "aware_at" in fact.data), default=None)
        if serious is not None and serious is not fatal:
            yield _reaction(Trigger.SUSAR, serious, ae, assessment, aware)
        if fatal is not None:
            yield _reaction(Trigger.FATAL_SUSAR, fatal, ae, assessment, aware if fatal is serious else None)
    for ae, sent in reports.items():
        for fact in sent:
            shows = [Shown.FOLLOW_UP_REPORT if fact.data.get("follows") else Shown.REPORT]
            # What says more of a reaction reports it: a follow-up of the first may be the first that it was fatal.
            shows += [Shown.REPORT] if fact.data.get("follows") else []
            yield {"kind": None, "reaction": json.dumps({"ae": ae, "shows": shows}), **_entry(fact)}


def _about(fact: Fact, ae: str, story: SubjectStory) -> bool:
    """Whether a report or follow-up is of the event with this name that was assessed."""
    own = (ae, True) in story.adverse_events and (ae, False) in story.adverse_events
    return bool(fact.data.get("ae") == ae) and not (own and marked(fact))


def _at_once(fact: Fact) -> bool:
    return fact.data.get("outcome") == "FATAL" or not _AT_ONCE.isdisjoint(fact.data.get("seriousness") or ())


def _reaction(trigger: Trigger, fact: Fact, ae: str, assessment: Fact, aware: str | None) -> dict[str, Any]:
    known = fact.at if aware is None else min(first_day(aware).isoformat(), fact.at)
    said = {"ae": ae, "trigger": trigger, "shows": [], "beside": [[assessment.book.value, assessment.seq]]}
    return {"kind": None, "reaction": json.dumps(said), **_entry(fact), "known": known}


# -- back from the rows -----------------------------------------------------


@dataclass
class Circumstances:
    """The rows of all streams put together: what the protocol says, and what happened."""

    protocol: Mapping[str, Any] = field(default_factory=dict)
    happenings: list[Happening] = field(default_factory=list)


def gathered(rows: Iterable[Stored]) -> Circumstances:
    """The circumstances of a trial from its rows. Subjects come down to the first consent and the end of all parts."""
    found = Circumstances()
    consent: Happening | None = None
    closed: Happening | None = None
    last: tuple[str, Book, int] | None = None
    randomized = 0
    open_parts = 0
    for row in rows:
        said = json.loads(row["detail"]) if row["detail"] is not None else {}
        if row["kind"] == PROTOCOL:
            found.protocol = said
        elif row["kind"] == SUBJECT:
            here = _happening(row, Trigger.FIRST_SUBJECT)
            consent = here if consent is None else min(consent, here, key=lambda one: (one.day, one.order))
            randomized += said["randomized"]
            open_parts += said["randomized"] and said["ended"] is None
            if said["ended"] is not None:
                when, book, seq = said["ended"]
                last = max((when, Book(book), seq), last or ("", Book.OPEN, -1))
        elif row.get("reaction") is not None:
            found.happenings.append(_of_reaction(row))
        else:
            here = _happening(row, Trigger(row["kind"]) if row["kind"] else None, said)
            closed = here if here.trigger is Trigger.RECRUITMENT_ENDED else closed
            found.happenings.append(here)
    if consent is not None:
        found.happenings.append(consent)
    if closed is not None and last is not None and randomized and not open_parts:
        found.happenings.append(_as_planned(closed, *last))
    return found


def _happening(row: Stored, trigger: Trigger | None, said: Mapping[str, Any] | None = None) -> Happening:
    said = said or {}
    return Happening(
        book=Book(row["book"]),
        seq=row["seq"],
        order=(row["place"], row["book"] == Book.SEALED, row["seq"]),
        occurred=row["occurred"],
        known=row["known"],
        command=row["command"],
        trigger=trigger,
        shows=frozenset({Shown(row["shows"])} if row["shows"] else ()),
        rule=said.get("duty"),
        recipient=Recipient(said["recipient"]) if said.get("recipient") else None,
        about=said.get("about"),
    )


def _of_reaction(row: Stored) -> Happening:
    said = json.loads(row["reaction"])
    return Happening(
        book=Book(row["book"]),
        seq=row["seq"],
        order=(row["place"], row["book"] == Book.SEALED, row["seq"]),
        occurred=row["occurred"],
        known=row["known"],
        command=row["command"],
        trigger=Trigger(said["trigger"]) if "trigger" in said else None,
        shows=frozenset(Shown(one) for one in said["shows"]),
        subject=row["key"].removeprefix("subject/"),
        ae=said["ae"],
        beside=tuple((Book(book), seq) for book, seq in said.get("beside", ())),
    )


def _as_planned(closed: Happening, when: str, book: Book, seq: int) -> Happening:
    """The end of the trial as planned: the last of the closing of the last site and the ends of subjects' parts."""
    beside = ((closed.book, closed.seq),)
    ended = Happening(book, seq, closed.order, when, when, "", Trigger.ENDED_NOT_EARLY, beside=beside)
    if closed.day <= ended.day:
        return ended
    return Happening(
        closed.book, closed.seq, closed.order, closed.occurred, closed.known, closed.command,
        Trigger.ENDED_NOT_EARLY, beside=((book, seq),),
    )  # fmt: skip
