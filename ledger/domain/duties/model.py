"""One rule of duties: what it is triggered by, its clock, when it is in force, and what shows it done.

Rules of the file
- Strict: unknown fields, words outside the lists of `words.py` and clocks of two units are refused.
- A rule is in force in any of its windows: for trials that began in a span of days, and for triggers in one. A span
  holds its first day and not its last; what is left out has no bound.
- A duty about an unexpected reaction is shown by a report in the sealed book, every other notification by
  `notification.sent`: an open event about the first would tell the arm.
"""

from datetime import date
from typing import Annotated, Any, Self, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from ledger.domain.duties.words import SEALED_TRIGGERS, Jurisdiction, Kind, Recipient, RunsFrom, Shown, Trigger

RuleId: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$")]
Words: TypeAlias = Annotated[str, Field(min_length=1, max_length=500)]


def _read_day(value: Any) -> Any:
    if not isinstance(value, str) or len(value) != len("2020-01-01"):
        raise ValueError("must be a day such as 2025-01-31")
    return date.fromisoformat(value)


Day: TypeAlias = Annotated[date, BeforeValidator(_read_day), PlainSerializer(date.isoformat, return_type=str)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Window(_Part):
    """When a rule is in force: trials begun, and triggers, from a day on and before another."""

    trials_from: Day | None = None
    trials_before: Day | None = None
    triggers_from: Day | None = None
    triggers_before: Day | None = None

    def holds(self, began: date | None, on: date) -> bool:
        """Whether a trial begun then (None: not known, so that only windows for all trials hold) has it on a day."""
        return self.of_trial(began) and _within(on, self.triggers_from, self.triggers_before)

    def of_trial(self, began: date | None) -> bool:
        """Whether it is for trials begun then, whatever the day of the trigger."""
        if began is None:
            return self.trials_from is None and self.trials_before is None
        return _within(began, self.trials_from, self.trials_before)


class Clock(_Part):
    """How long: days, months or years, one of them; and from which day."""

    days: Annotated[int, Field(ge=0, le=36_600)] | None = None
    months: Annotated[int, Field(ge=1, le=1200)] | None = None
    years: Annotated[int, Field(ge=1, le=100)] | None = None
    runs_from: RunsFrom = RunsFrom.OCCURRED

    @model_validator(mode="after")
    def _one_unit(self) -> Self:
        if sum(unit is not None for unit in (self.days, self.months, self.years)) != 1:
            raise ValueError("must have days, months or years, and one of them")
        return self

    def __str__(self) -> str:
        number, unit = next(
            (number, unit)
            for number, unit in ((self.days, "day"), (self.months, "month"), (self.years, "year"))
            if number is not None
        )
        return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


class DutyRule(_Part):
    """A rule. `source`: the article that it comes from. `clock` None: promptly, without a number of days."""

    id: RuleId
    title: Words
    source: Words
    jurisdiction: Jurisdiction
    kind: Kind = Kind.NOTIFY
    in_force: Annotated[tuple[Window, ...], Field(min_length=1)] = (Window(),)
    trigger: Trigger
    clock: Clock | None
    to: tuple[Recipient, ...] = ()
    shown_by: Shown = Shown.NOTIFICATION

    @property
    def sealed(self) -> bool:
        """Whether it is about what only the sealed book tells."""
        return self.trigger in SEALED_TRIGGERS

    @model_validator(mode="after")
    def _fits(self) -> Self:
        reports = (Shown.REPORT, Shown.FOLLOW_UP_REPORT)
        shows = {
            Kind.KEEP: (Shown.NOTHING,),
            Kind.LAPSE: (Shown.RESTART_OR_END,),
            Kind.NOTIFY: reports if self.sealed else (Shown.NOTIFICATION,),
        }[self.kind]
        if self.shown_by not in shows:
            what = f"{self.kind} on {self.trigger}"
            raise ValueError(f"shown_by: {what} is shown by {' or '.join(shows)}, not by {self.shown_by}")
        if self.kind is Kind.LAPSE and self.trigger is not Trigger.HALTED:
            raise ValueError("trigger: what lapses is a trial that was HALTED")
        if self.kind is not Kind.NOTIFY and self.clock is None:
            raise ValueError(f"clock: {self.kind} needs one")
        if self.sealed and self.kind is not Kind.NOTIFY:
            raise ValueError("kind: of an unexpected reaction somebody is notified")
        if self.kind is Kind.NOTIFY and not self.to:
            raise ValueError("to: says who is to be told")
        if len(set(self.to)) != len(self.to):
            raise ValueError("to: names somebody twice")
        return self


def _within(day: date, first: date | None, before: date | None) -> bool:
    return (first is None or day >= first) and (before is None or day < before)
