"""Which duties a trial has on a day, by when, and whether the record shows them done. Pure.

Rules of the file
- Days are calendar days as they were stated, in the time zone of whoever stated them; a partial date counts as its
  first day, so that nothing is due later than it may be. What runs from when something was known runs from the day of
  recording, which is that of UTC, or from an earlier day on which the sponsor says to have been aware. So is the day
  of the question that of UTC. No public holiday or weekend moves a day.
- The day from which a clock runs does not count: 15 days from the 1st end with the 16th. Months and years end on the
  day of the same number, or on the last of a shorter month (Regulation (EEC, Euratom) No 1182/71, Article 3).
- A rule is in force by the day of its trigger. A lapse is by the day of its end: of a halt that began before the rule
  was in force the time counts in full, but no trial counts as ended before the first day on which it was.
- A trial that lapses has ENDED on that day, unless it was terminated or had ended before. Only the first end counts.
- A notification counts for the earliest trigger of its rule that it can be about: sent on that day or later, to a
  recipient who was not told yet; where it names the command that recorded the trigger, for that one alone. One
  recipient of each kind is enough. A report counts if it was sent on the day on which the reaction was known or later.
"""

import calendar
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from ledger.domain.duties.model import Clock, DutyRule, Window
from ledger.domain.duties.words import Jurisdiction, Kind, Recipient, RunsFrom, Shown, Status, Trigger
from ledger.domain.vocabulary import Book

_ENDS: Final = frozenset({Trigger.ENDED, Trigger.ENDED_NOT_EARLY})


@dataclass(frozen=True, slots=True)
class Happening:
    """Something of the record that raises duties (`trigger`) or shows them done (`shows`), or both.

    `occurred` as stated; `known`: since when it was known (a time of recording, or a day). `command` is the id of the
    command that recorded it, `beside` are entries that it takes too. Of a notification `rule`, `recipient`, `about`; of
    a reaction `subject` and `ae`.
    """

    book: Book
    seq: int
    order: tuple[int, bool, int]
    occurred: str
    known: str
    command: str
    trigger: Trigger | None = None
    shows: frozenset[Shown] = frozenset()
    rule: str | None = None
    recipient: Recipient | None = None
    about: str | None = None
    subject: str | None = None
    ae: str | None = None
    beside: tuple[tuple[Book, int], ...] = ()

    @property
    def day(self) -> date:
        """The first day on which it can have happened."""
        return first_day(self.occurred)

    def runs_from(self, clock: Clock | None) -> date:
        """The day from which a clock runs for it."""
        return first_day(self.known) if clock is not None and clock.runs_from is RunsFrom.KNOWN else self.day


@dataclass(frozen=True, slots=True)
class Duty:
    """A duty raised by `why`. `done`: what shows it done, in order; `late`: that it was done after its day.

    `due` is None where it is to be done promptly; `missing`: who has not been told yet.
    """

    rule: DutyRule
    why: Happening
    since: date
    due: date | None
    status: Status
    done: tuple[Happening, ...] = ()
    late: bool = False
    missing: tuple[Recipient, ...] = ()


def first_day(when: str) -> date:
    """The first day that a possibly partial date or time can mean."""
    return date.fromisoformat(f"{when}{'-01-01'[len(when) - 4 :]}"[:10])


def due_on(since: date, clock: Clock) -> date:
    """The last day of a clock that runs from `since`. The last day that there is, where it would be later."""
    try:
        if clock.days is not None:
            return since + timedelta(days=clock.days)
        months = since.month - 1 + (clock.months or 12 * (clock.years or 0))
        year, month = since.year + months // 12, months % 12 + 1
        return date(year, month, min(since.day, calendar.monthrange(year, month)[1]))
    except (OverflowError, ValueError):
        return date.max


def duties_of(
    rules: Iterable[DutyRule],
    happenings: Iterable[Happening],
    *,
    began: date | None,
    jurisdictions: Iterable[Jurisdiction],
    today: date | None,
) -> list[Duty]:
    """The duties raised up to `today` (None: not known, so that nothing is overdue), by the day on which they are due.

    `began`: when the trial began, which decides between a law and the one before it.
    """
    facts = sorted(happenings, key=lambda one: one.order)
    under = frozenset(jurisdictions)
    rules = [rule for rule in rules if rule.jurisdiction in under]
    found: list[Duty] = []
    ends = [fact for fact in facts if fact.trigger in (Trigger.TERMINATED_EARLY, Trigger.ENDED_NOT_EARLY)]
    for rule in rules:
        if rule.kind is Kind.LAPSE:
            lapses = _lapses(rule, facts, began, today)
            found += lapses
            ends += [_ended(lapse) for lapse in lapses if lapse.status is Status.OVERDUE]
    end = min(ends, key=lambda fact: (fact.day, fact.order), default=None)
    for rule in rules:
        if rule.kind is not Kind.LAPSE:
            found += _raised(rule, facts, end, began, today)
    return sorted(found, key=lambda duty: (duty.due or duty.since, duty.why.order, duty.rule.id))


def _window(rule: DutyRule, began: date | None, on: date) -> Window | None:
    return next((window for window in rule.in_force if window.holds(began, on)), None)


def _lapses(rule: DutyRule, facts: Sequence[Happening], began: date | None, today: date | None) -> list[Duty]:
    clock, found = rule.clock, []
    windows = [window for window in rule.in_force if window.of_trial(began)]
    for halt in facts:
        if clock is None or halt.trigger is not Trigger.HALTED:
            continue
        since = halt.runs_from(clock)
        dues = [max(due_on(since, clock), window.triggers_from or date.min) for window in windows]
        due = min((due for due in dues if _window(rule, began, due) is not None), default=None)
        if due is None:
            continue
        after = next((one for one in facts if Shown.RESTART_OR_END in one.shows and one.order > halt.order), None)
        if after is not None and after.day <= due:
            found.append(Duty(rule, halt, since, due, Status.DONE, (after,)))
        elif today is None or today <= due:
            found.append(Duty(rule, halt, since, due, Status.NOT_YET))
        else:
            done = () if after is None else (after,)
            found.append(Duty(rule, halt, since, due, Status.OVERDUE, done, late=after is not None))
    return found


def _ended(lapse: Duty) -> Happening:
    """The end of a trial that was not resumed in time, which no entry says: the halt's does."""
    day = "" if lapse.due is None else lapse.due.isoformat()
    return replace(lapse.why, trigger=Trigger.ENDED_NOT_EARLY, shows=frozenset(), occurred=day, known=day)


def _triggers(rule: DutyRule, facts: Sequence[Happening], end: Happening | None) -> list[Happening]:
    if rule.trigger not in _ENDS:
        return [fact for fact in facts if fact.trigger is rule.trigger]
    early = end is not None and end.trigger is Trigger.TERMINATED_EARLY
    return [] if end is None or (early and rule.trigger is Trigger.ENDED_NOT_EARLY) else [end]


def _raised(
    rule: DutyRule, facts: Sequence[Happening], end: Happening | None, began: date | None, today: date | None
) -> list[Duty]:
    found: list[Duty] = []
    used: set[tuple[Book, int]] = set()
    for why in _triggers(rule, facts, end):
        since = why.runs_from(rule.clock)
        if _window(rule, began, since) is None:
            continue
        due = None if rule.clock is None else due_on(since, rule.clock)
        done = _done(rule, why, since, facts, used)
        missing = _missing(rule, done)
        overdue = due is not None and today is not None and today > due
        if rule.kind is Kind.KEEP:
            status = Status.DONE if overdue else Status.NOT_YET
        else:
            status = Status.DONE if done and not missing else Status.OVERDUE if overdue else Status.DUE
        late = due is not None and any(fact.day > due for fact in done)
        found.append(Duty(rule, why, since, due, status, tuple(done), late, missing))
    return found


def _done(
    rule: DutyRule, why: Happening, since: date, facts: Sequence[Happening], used: set[tuple[Book, int]]
) -> list[Happening]:
    """What shows the duty done; a notification is used up by it."""
    if rule.shown_by is Shown.NOTIFICATION:
        done = []
        for recipient in rule.to:
            sent = next((fact for fact in facts if _tells(fact, rule, recipient, why, used)), None)
            if sent is not None:
                used.add((sent.book, sent.seq))
                done.append(sent)
        return sorted(done, key=lambda fact: fact.order)
    about = (fact for fact in facts if rule.shown_by in fact.shows and fact.day >= since)
    first = next((fact for fact in about if (fact.subject, fact.ae) == (why.subject, why.ae)), None)
    return [] if first is None else [first]


def _tells(fact: Happening, rule: DutyRule, recipient: Recipient, why: Happening, used: set[tuple[Book, int]]) -> bool:
    return (
        Shown.NOTIFICATION in fact.shows
        and (fact.rule, fact.recipient) == (rule.id, recipient)
        and fact.day >= why.day
        and fact.about in (None, why.command)
        and (fact.book, fact.seq) not in used
    )


def _missing(rule: DutyRule, done: Sequence[Happening]) -> tuple[Recipient, ...]:
    if rule.kind is Kind.KEEP:
        return ()
    if rule.shown_by is not Shown.NOTIFICATION:
        return () if done else rule.to
    told = {fact.recipient for fact in done}
    return tuple(recipient for recipient in rule.to if recipient not in told)
