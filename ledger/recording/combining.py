"""Flat combining: threads that append at the same time share one commit.

A thread that finds nobody writing leads at once: the direct path, without waiting for anybody. Those that come while
it commits queue up and sleep; when it is done, the first of them is woken and commits all that wait, and the others
wake to find their answer. So each commit takes in whatever came during the one before.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar

_W = TypeVar("_W")
_R = TypeVar("_R")
_BATCH: Final = 512


class Ticket(Generic[_W, _R]):
    """Something wanted that waits (an append), and what became of it: a result or an error."""

    __slots__ = ("error", "result", "wanted", "woken")

    def __init__(self, wanted: _W) -> None:
        self.wanted = wanted
        self.result: _R | None = None
        self.error: BaseException | None = None
        self.woken: threading.Event | None = None
        """Set when the append is done, or its thread is to lead; None for a thread that leads at once."""


class Combiner(Generic[_W, _R]):
    """Calls `commit` with batches of tickets, one batch at a time; it gives each of them a result or an error.

    `lock` is held meanwhile: who holds it otherwise has the connection to itself.
    """

    def __init__(self, commit: Callable[[list[Ticket[_W, _R]]], None]) -> None:
        self.lock = threading.Lock()
        self.waiting: deque[Ticket[_W, _R]] = deque()
        self._commit = commit
        self._queue, self._led = threading.Lock(), False

    def submit(self, ticket: Ticket[_W, _R]) -> None:
        """Return when the ticket has its result or its error."""
        with self._queue:
            leads, self._led = not self._led, True
            direct = leads and self.lock.acquire(blocking=False)
            if not direct:
                self.waiting.append(ticket)
            if not leads:
                ticket.woken = threading.Event()
        if direct:  # nobody waits, nobody holds the connection
            try:
                self._commit([ticket])
            finally:
                self.lock.release()
                self._hand_on()
            return
        if ticket.woken is not None:
            self._sleep(ticket, ticket.woken)
        if ticket.result is None and ticket.error is None:
            self._lead()

    def drain(self) -> None:
        """Commit all that wait; the caller holds `lock`."""
        while tickets := self._take():
            self._commit(tickets)
            _wake(tickets)

    def _lead(self) -> None:
        tickets: list[Ticket[_W, _R]] = []
        try:
            with self.lock:
                tickets = self._take()
                self._commit(tickets)
        finally:
            self._hand_on()
            _wake(tickets)

    def _hand_on(self) -> None:
        with self._queue:
            self._led = bool(self.waiting)
            if self._led:
                _wake([self.waiting[0]])

    def _sleep(self, ticket: Ticket[_W, _R], woken: threading.Event) -> None:
        try:
            woken.wait()
        except BaseException:
            # Interrupted: nobody waits for the answer any more. If this thread was to lead, another must.
            with self._queue:
                first = bool(self.waiting) and self.waiting[0] is ticket
                if ticket in self.waiting:
                    self.waiting.remove(ticket)
            if first and woken.is_set():
                self._hand_on()
            raise

    def _take(self) -> list[Ticket[_W, _R]]:
        tickets: list[Ticket[_W, _R]] = []
        with self._queue:
            while self.waiting and len(tickets) < _BATCH:
                tickets.append(self.waiting.popleft())
        return tickets


def _wake(tickets: list[Ticket[_W, _R]]) -> None:
    for ticket in tickets:
        if ticket.woken is not None:
            ticket.woken.set()
