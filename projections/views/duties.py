"""What the law asks to be done, by when, and whether the record shows it done: one row a duty that was raised.

Rules
- The rules, their sources and dates are those of `docs/duties.md`, with those that the protocol adds or changes. Which
  of them are in force follows from the countries of the protocol's sites, from when the trial began (as the protocol
  says, else when it was registered) and from the day of the trigger.
- `since` is the day from which the clock runs, `due` its last day (null: promptly). Days are calendar days as stated;
  `day`, by which something is overdue, is that of the question (`Context.today`), by UTC.
- `status` is DONE, DUE, OVERDUE, or NOT-YET: of what may not be destroyed before `due`, and of a halted trial that
  counts as ended unless it is resumed by then. OVERDUE of a halt says that it does.
- `to` are those to be told, `missing` those of whom no record says that they were. `late`: it was done after `due`.
- `events` are the seqs of the open book that raised it, `done` those that show it done; for those who may see arms
  `sealed_events` and `sealed_done` are those of the sealed book.
- `about` is the id of the command that raised it: a notification names it where a rule has been raised more than once.
  `notifications_of_no_duty` are the seqs of those that show nothing done: of what was not, or of what was told before.
- Unexpected reactions are sealed. Masked audiences have no row of one, and nothing of theirs depends on one.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ledger.domain.duties import Duty, Happening, countries_without_rules, duties_of, jurisdictions_of, rules_with
from ledger.domain.duties.evaluate import first_day
from ledger.domain.duties.table import read_rules
from ledger.domain.duties.words import Shown
from ledger.domain.events.base import TRIAL_STREAM
from ledger.domain.vocabulary import Book
from projections.base import Audience, Column, Context, Stored, Table, View
from projections.duty_facts import gathered, of_subject, of_trial
from projections.histories import History
from projections.leaving import part_ended
from projections.subject import Entry, story_of

_COLUMNS: Final = (
    "rule",
    "due",
    "status",
    "late",
    "title",
    "trigger",
    "since",
    "about",
    "missing",
    "events",
    "done",
    "done_on",
    "to",
    "source",
    "jurisdiction",
    "kind",
)
_SEALED: Final = ("subject", "ae", "sealed_events", "sealed_done")


class Duties(View):
    """Rows by the day on which they are due."""

    name = "duties"
    title = "Duties: what is due, by when, and what was done"
    by_day = True
    stored = (
        Column("kind"),
        Column("book"),
        Column("seq", "INTEGER"),
        Column("place", "INTEGER"),
        Column("occurred"),
        Column("known"),
        Column("command"),
        Column("shows"),
        Column("detail"),
        Column("reaction", sealed=True),
    )

    def takes(self, stream: str) -> bool:
        return stream == TRIAL_STREAM or super().takes(stream)

    def rows(self, history: History) -> Iterator[Mapping[str, Any]]:
        if history.key == TRIAL_STREAM:
            yield from of_trial(history)
        else:
            yield from of_subject(history, part_ended(story_of(history)))

    def present(self, rows: Iterable[Stored], context: Context, audience: Audience) -> Table:
        found = gathered(rows)
        protocol = found.protocol
        countries = protocol.get("countries") or ()
        under = jurisdictions_of(countries, protocol.get("fda_regulated_drug"))
        began = None if protocol.get("began") is None else first_day(protocol["began"])
        duties = duties_of(
            rules_with(read_rules(json.dumps(protocol.get("duties") or []).encode())),
            found.happenings if protocol else (),
            began=began,
            jurisdictions=under,
            today=None if context.today is None else first_day(context.today),
        )
        unmasked = audience is Audience.UNMASKED
        extra: dict[str, Any] = {
            "day": context.today,
            "began": None if began is None else began.isoformat(),
            "jurisdictions": sorted(one.value for one in under) if protocol else [],
            "countries_without_rules": countries_without_rules(countries),
        }
        shown = {(fact.book, fact.seq) for duty in duties for fact in duty.done}
        sent = ((fact.book, fact.seq) for fact in found.happenings if Shown.NOTIFICATION in fact.shows)
        extra["notifications_of_no_duty"] = _of(Book.OPEN, (entry for entry in sent if entry not in shown))
        listed = [_row(duty, unmasked=unmasked) for duty in duties if unmasked or not duty.rule.sealed]
        return Table((*_COLUMNS, *_SEALED) if unmasked else _COLUMNS, listed, extra)


def _row(duty: Duty, *, unmasked: bool) -> dict[str, Any]:
    rule, why = duty.rule, duty.why
    raised = [(why.book, why.seq), *why.beside]
    done = [(fact.book, fact.seq) for fact in duty.done]
    row = {
        "rule": rule.id,
        "title": rule.title,
        "source": rule.source,
        "jurisdiction": rule.jurisdiction.value,
        "kind": rule.kind.value,
        "trigger": rule.trigger.value,
        "since": duty.since.isoformat(),
        "about": why.command,
        "due": None if duty.due is None else duty.due.isoformat(),
        "status": duty.status.value,
        "late": duty.late,
        "to": [one.value for one in rule.to],
        "missing": [one.value for one in duty.missing],
        "events": _of(Book.OPEN, raised),
        "done": _of(Book.OPEN, done),
        "done_on": _last(duty.done),
    }
    if unmasked:
        row |= {
            "subject": why.subject,
            "ae": why.ae,
            "sealed_events": _of(Book.SEALED, raised),
            "sealed_done": _of(Book.SEALED, done),
        }
    return row


def _of(book: Book, entries: Iterable[Entry]) -> list[int]:
    return sorted({seq for of, seq in entries if of is book})


def _last(done: Iterable[Happening]) -> str | None:
    return max((fact.day.isoformat() for fact in done), default=None)


VIEW = Duties()
