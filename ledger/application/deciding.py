"""Commands that come at the same time are decided and recorded together: one thread does it for all that wait.

1. Whoever finds nobody at it does it at once; the others sleep until they have their answer (`combining.py`). So a
   command waits once, and not for each lock on the way.
2. Each command is decided as if it were alone, on what was recorded before it. One that reads or writes a stream which
   another of the same round writes is left for the next round.
3. What one command raises is its own: it keeps no other from being recorded.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from ledger.application.answers import CommandRefusedError
from ledger.application.reading import Read
from ledger.domain.commands import Command
from ledger.domain.decisions import CommandSpec, Decision, Refusal
from ledger.domain.events.base import Facts
from ledger.domain.vocabulary import Book
from ledger.recording.books import Books, VersionConflict
from ledger.recording.combining import Combiner, Ticket
from ledger.recording.drafts import Append, Recorded

ATTEMPTS: Final = 50


@dataclass(slots=True)
class Asked:
    """A command to be decided. `fresh`: not on what is remembered, but on what is read anew."""

    command: Command[Facts]
    spec: CommandSpec
    digest: str
    importing: bool
    fresh: bool = False
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Decided:
    """A command that was decided: what was read for it, and what is to be appended."""

    read: Read
    decision: Decision
    append: Append


Outcome: TypeAlias = tuple[Recorded, Decision | None]
"""Where a command was recorded, and, if that is now, what was decided."""
_Waiting: TypeAlias = Ticket[Asked, Outcome]
_Stream: TypeAlias = tuple[Book, str]


class Deciding:
    """`decide` decides one command, or tells where it was recorded before; `learn` is told what was recorded."""

    def __init__(
        self,
        books: Books,
        decide: Callable[[Asked], Decided | Recorded],
        learn: Callable[[Asked, Decided, Recorded], None],
    ) -> None:
        self._books = books
        self._decide = decide
        self._learn = learn
        self._combiner = Combiner[Asked, Outcome](self._together)

    def submit(self, asked: Asked) -> Outcome:
        """Decide a command, and record it, durably. Raises what `TrialLedger.submit` raises."""
        ticket = Ticket[Asked, Outcome](asked)
        self._combiner.submit(ticket)
        if ticket.error is not None:
            raise ticket.error
        assert ticket.result is not None
        return ticket.result

    def _together(self, tickets: list[_Waiting]) -> None:
        left = tickets
        try:
            while left:
                left = self._round(left)
        except BaseException as error:
            for ticket in tickets:
                if ticket.result is None and ticket.error is None:
                    ticket.error = error
            if not isinstance(error, Exception):
                raise

    def _round(self, tickets: list[_Waiting]) -> list[_Waiting]:
        """Decide as many as do not touch each other, and append them; those that are left."""
        ready: list[tuple[_Waiting, Decided]] = []
        again: list[_Waiting] = []
        written: set[_Stream] = set()
        taken = 0
        for ticket in tickets:
            taken += 1
            decided = self._one(ticket, again)
            if decided is None:
                continue
            if not written.isdisjoint(_touched(decided.append)):
                again.append(ticket)  # decided on what is about to change
                break
            written |= {(Book.OPEN, draft.stream) for draft in decided.append.open}
            written |= {(Book.SEALED, draft.stream) for draft in decided.append.sealed}
            ready.append((ticket, decided))
        for (ticket, decided), done in zip(ready, self._appended(ready), strict=True):
            if isinstance(done, VersionConflict):
                self._anew(ticket, again)
            elif isinstance(done, BaseException):
                ticket.error = done
            else:
                self._settle(ticket, decided, done)
        return [*again, *tickets[taken:]]

    def _settle(self, ticket: _Waiting, decided: Decided, done: Recorded) -> None:
        try:
            if not done.repeated:
                self._learn(ticket.wanted, decided, done)
        except Exception as error:  # it is recorded; sent again, it is answered
            ticket.error = error
        else:
            ticket.result = done, decided.decision

    def _one(self, ticket: _Waiting, again: list[_Waiting]) -> Decided | None:
        try:
            decided = self._decide(ticket.wanted)
        except Refusal as refusal:  # on what was remembered: others may have written since
            if ticket.wanted.fresh:
                ticket.error = CommandRefusedError(refusal)
            else:
                self._anew(ticket, again)
            return None
        except Exception as error:  # whoever sent the command is raised it
            ticket.error = error
            return None
        if isinstance(decided, Recorded):
            ticket.result = decided, None
            return None
        return decided

    def _anew(self, ticket: _Waiting, again: list[_Waiting]) -> None:
        asked = ticket.wanted
        asked.fresh, asked.attempts = True, asked.attempts + 1
        if asked.attempts < ATTEMPTS:
            again.append(ticket)
        else:
            message = f"others wrote {ATTEMPTS} times in between; send it again"
            ticket.error = CommandRefusedError(Refusal("busy", "id", message))

    def _appended(self, ready: list[tuple[_Waiting, Decided]]) -> list[Recorded | BaseException]:
        if len(ready) == 1:  # with whatever else is appended just now
            try:
                return [self._books.append(ready[0][1].append)]
            except Exception as error:
                return [error]
        return self._books.append_together([decided.append for _, decided in ready])


def _touched(append: Append) -> set[_Stream]:
    """What has to stand where it stood when the command was decided."""
    return {
        *((guard.book, guard.stream) for guard in append.guards),
        *((Book.OPEN, draft.stream) for draft in append.open),
        *((Book.SEALED, draft.stream) for draft in append.sealed if draft.version is not None),
    }
