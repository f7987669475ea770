"""Leaks to be found: each a small fault planted in the product's own path, that shows an arm to masked people.

What each needs to know of an arm it asks the sealed book, as a fault in the product would. A leak is a context manager
over a world; while it lasts, the product has the fault, in both worlds.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any, Final

import pytest

from ledger.application import ledger as application
from ledger.domain.decisions import Command, Decision, Reads, Refusal, decide
from ledger.domain.events.conduct import DeviationRaised, DispositionRecorded, VisitRecorded
from ledger.domain.events.safety import AdverseEventReported
from ledger.domain.vocabulary import DeviationCategory, DispositionCategory
from ledger.recording.engine import fetch, open_reading
from projections.base import Audience, Context, Stored, Table
from projections.views.audit import Audit
from tests.two_worlds.worlds import World

Change = Callable[[World, Command[Any], Decision], Decision]
"""(world, command, decision) -> the decision as it leaks."""

_real_decide: Final = decide


def _treated(world: World, command: Command[Any]) -> bool:
    subject = getattr(command.data, "subject", None)
    return subject is not None and world.arm_of(subject) == "TREATMENT"


@contextmanager
def _deciding(world: World, change: Change) -> Iterator[None]:
    """Decisions about subjects of the treated arm pass through `change`."""

    def leaking(command: Command[Any], reads: Reads, now: str, **more: Any) -> Decision:
        decision = _real_decide(command, reads, now, **more)
        return change(world, command, decision) if _treated(world, command) else decision

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(application, "decide", leaking)
        yield


def _another_type(_: World, __: Command[Any], decision: Decision) -> Decision:
    """A visit is recorded as a milestone."""
    events = [
        DispositionRecorded(
            occurred_at=one.occurred_at,
            subject=one.subject,
            category=DispositionCategory.PROTOCOL_MILESTONE,
            term=one.visit,
        )
        if isinstance(one, VisitRecorded)
        else one
        for one in decision.open
    ]
    return replace(decision, open=events)


def _one_more(_: World, command: Command[Any], decision: Decision) -> Decision:
    """A visit raises a deviation more."""
    if command.type != "record-visit":
        return decision
    more = DeviationRaised(
        occurred_at=command.occurred_at,
        subject=command.data.subject,
        category=DeviationCategory.DOSE,
        detail="the dose of this visit is missing",
        rule="dose",
    )
    return replace(decision, open=[*decision.open, more])


def _another_order(_: World, __: Command[Any], decision: Decision) -> Decision:
    """The deviation comes before the visit that raised it."""
    return replace(decision, open=decision.open[::-1])


def _longer(_: World, __: Command[Any], decision: Decision) -> Decision:
    """The text of an adverse event is padded."""
    events = [
        one.model_copy(update={"term": f"{one.term} "}) if isinstance(one, AdverseEventReported) else one
        for one in decision.open
    ]
    return replace(decision, open=events)


def _later(world: World, _: Command[Any], decision: Decision) -> Decision:
    """The clock is read once more."""
    world.clock()
    return decision


@contextmanager
def event_type(world: World) -> Iterator[None]:
    with _deciding(world, _another_type):
        yield


@contextmanager
def count(world: World) -> Iterator[None]:
    with _deciding(world, _one_more):
        yield


@contextmanager
def order(world: World) -> Iterator[None]:
    with _deciding(world, _another_order):
        yield


@contextmanager
def size(world: World) -> Iterator[None]:
    with _deciding(world, _longer):
        yield


@contextmanager
def timestamp(world: World) -> Iterator[None]:
    with _deciding(world, _later):
        yield


@contextmanager
def error_text(world: World) -> Iterator[None]:
    """A refusal names the dose that was given."""

    def leaking(command: Command[Any], reads: Reads, now: str, **more: Any) -> Decision:
        try:
            return _real_decide(command, reads, now, **more)
        except Refusal as refusal:
            if not _treated(world, command):
                raise
            raise Refusal(refusal.rule, refusal.field, f"{refusal.message} (dose 1 was given)") from None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(application, "decide", leaking)
        yield


@contextmanager
def audit_row(world: World) -> Iterator[None]:
    """The audit trail of masked people has a row for each entry of the sealed book, without content."""
    real = Audit.present

    def leaking(self: Audit, rows: Iterable[Stored], context: Context, audience: Audience) -> Table:
        table = real(self, rows, context, audience)
        if audience is Audience.UNMASKED:
            return table
        with closing(open_reading(world.path)) as connection:
            sealed = fetch(connection, "SELECT seq FROM sealed_entry ORDER BY seq")
        blank = dict.fromkeys(table.columns)
        return replace(table, rows=[*table.rows, *(blank | {"what": "withheld"} for _ in sealed)])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Audit, "present", leaking)
        yield


LEAKS: Final = {
    "event type": (event_type, "open book, entry"),
    "count": (count, "open book, head"),
    "order": (order, "open book, entry"),
    "size": (size, "open book, columns"),
    "error text": (error_text, "answer"),
    "timestamp": (timestamp, "open book, entry"),
    "audit row": (audit_row, "view audit"),
}
"""Name -> (the leak, how a label begins under which it must be found)."""
