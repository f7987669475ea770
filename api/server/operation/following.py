"""Kept views, brought to the head in the background, so that whoever opens a page does not pay for what was recorded.

1. One thread for each trial and audience. The two never wait for each other: what masked people are shown must not be
   later because somebody recorded into the sealed book.
2. A thread looks at the size of the books `EVERY` seconds, and after folding rests for `REST` seconds and `TIMES` as
   long as that took: under a steady stream of commands views lie a little behind, and recording goes on.
3. A view that lies behind is nobody's loss: who asks has it brought to the head then. So a thread that fails is told of
   (`lag`), tries again, and stops nothing.
4. Of the many trials of a placement, one thread for each database and audience goes round: no database waits for
   another. Where views are folded from a replica, it is those that are brought to its head. Between two rounds
   databases are asked whether they have more trials.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from api.bootstrap import viewing
from api.server.placement import Database
from api.server.trials import Served
from ledger.domain.vocabulary import Book
from ledger.proof.sections import PLAIN
from ledger.recording.reader import LedgerReader, Position
from ledger.recording.rows import ClosedBookError
from projections.base import Audience
from projections.runner import views_folder
from projections.store import open_store
from projections.views import VIEWS

EVERY: Final = 0.5
REST: Final = 1.0
TIMES: Final = 4.0
MORE_SECONDS: Final = 60.0
"""After how long databases are asked again which trials they have."""
_AGAIN: Final = 10.0
"""Seconds after which what failed is tried again."""
_ROLES: Final = {Audience.MASKED: "participant", Audience.UNMASKED: "statistician"}
"""Who never sees an arm, and who always does."""
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lag:
    """How far the kept views of an audience lie behind: in open entries, and since when (seconds; None: they do not).

    `entries` is None before it was looked for the first time.
    `failed`: they could not be brought to the head when that was tried last.
    """

    entries: int | None
    since: float | None
    failed: bool


class Follower:
    """Keeps one audience's views of one trial at the head."""

    def __init__(self, served: Served, audience: Audience, now: Callable[[], float] = time.monotonic) -> None:
        self.served = self._served = served
        self._audience = audience
        self._now = now
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._seen: Position | None = None
        self._caught = Position(0, None)
        self._behind: float | None = now()
        self._failed = False
        name = f"views-{audience.value}-{served.name}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop after what is being folded."""
        self._stop.set()

    def join(self, seconds: float) -> None:
        if self._thread.ident is not None:
            self._thread.join(seconds)

    def lag(self) -> Lag:
        """How far the views lie behind."""
        with self._lock:
            since = None if self._behind is None else self._now() - self._behind
            behind = None if self._seen is None else max(0, self._seen.open - self._caught.open)
            return Lag(behind, since, self._failed)

    def _run(self) -> None:
        rest = 0.0
        while not self._stop.wait(max(EVERY, rest)):
            began = self._now()
            try:
                rest = REST + TIMES * (self._now() - began) if self.step() else 0.0
            except ClosedBookError:  # a file that was restored without the sealed book has no such views
                return
            except Exception as error:
                self._fail(error, began)
                rest = _AGAIN

    def turn(self) -> None:
        """Look once, in a round; what fails is tried again in the next one."""
        began = self._now()
        with suppress(ClosedBookError):
            try:
                self.step()
            except ClosedBookError:
                raise
            except Exception as error:
                self._fail(error, began)

    def _fail(self, error: Exception, began: float) -> None:
        with self._lock:
            self._behind = self._behind if self._behind is not None else began
            told, self._failed = self._failed, True
        if not told:
            _log.warning("%s: the views cannot be kept at the head", self._served.name, exc_info=error)

    def step(self) -> bool:
        """Look once, and fold if there is anything new. Whether there was."""
        head = self._head()
        with self._lock:
            self._seen = head
            if head == self._caught and not self._failed:
                return False
            if self._behind is None:
                self._behind = self._now()
        at = self._at()
        seen = viewing(self._served.path, _ROLES[self._audience])
        replace(seen, reads=None if at == self._served.path else at).catch_up()
        caught = self._kept()
        with self._lock:
            self._caught = caught
            self._failed = False
            if caught.open >= head.open and (caught.sealed or 0) >= (head.sealed or 0):
                self._behind = None
        return True

    def _head(self) -> Position:
        if self._audience is Audience.MASKED:
            with self._served.open_book(shown=True) as reader:
                return reader.head()
        self._served.place.reach()
        reader = LedgerReader(self._at(), books=frozenset(Book), classes=frozenset({PLAIN}))
        with closing(reader), reader:
            return reader.head()

    def _at(self) -> Path:
        return self._served.place.looked_at()

    def _kept(self) -> Position:
        """Up to where all kept views are folded, as their file says: what could not be kept is not taken for kept."""
        views = [view for view in VIEWS.values() if view.kept and view.exists_for(self._audience)]
        with open_store(views_folder(self._at()), self._audience) as store, store.reading():
            places = [store.place(view) for view in views]
        found = [place for place in places if place is not None]
        if len(found) < len(views):
            return Position(0, None)
        sealed = [place.sealed_size for place in found if place.sealed_size is not None]
        return Position(min(place.open_size for place in found), min(sealed) if sealed else None)


class Round:
    """Keeps one audience's views of the trials of a database at the head, one trial after the other."""

    def __init__(self, audience: Audience, name: str, trials: Callable[[], Iterable[Follower]]) -> None:
        self._trials = trials
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"views-{audience.value}-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop after the trial that is being folded."""
        self._stop.set()

    def join(self, seconds: float) -> None:
        if self._thread.ident is not None:
            self._thread.join(seconds)

    def _run(self) -> None:
        rest = EVERY
        while not self._stop.wait(rest):
            began = time.monotonic()
            for follower in self._trials():
                if self._stop.is_set():
                    return
                follower.turn()
            rest = REST + TIMES * (time.monotonic() - began)


class Following:
    """The followers of all trials. `more`: is called now and then, where there may be more trials by and by."""

    def __init__(
        self,
        served: Iterable[Served],
        databases: Iterable[Database] = (),
        more: Callable[[], None] | None = None,
    ) -> None:
        """`served`: is looked through anew for each round. `databases`: of the placement."""
        self._served = served
        self._more = more
        self._lock = threading.Lock()
        self._all: dict[tuple[str, Audience], Follower] = {}
        for one in served:
            for audience in Audience:
                self._of(one, audience)
        self._threads: list[Follower | Round] = [
            self._of(one, audience) for one in served if not one.place.placed for audience in Audience
        ]
        for audience in Audience:
            for database in databases:
                self._threads.append(Round(audience, database.name, partial(self._placed, audience, database)))
        self._asked = time.monotonic()

    def start(self) -> None:
        for one in self._threads:
            one.start()

    def close(self, seconds: float = 5.0) -> None:
        """Stop; what is being folded is waited for, for a while. A fold that is cut off is undone, and made again."""
        for one in self._threads:
            one.close()
        until = time.monotonic() + seconds
        for one in self._threads:
            one.join(max(0.0, until - time.monotonic()))

    def lag(self, trial: str, audience: Audience) -> Lag:
        """How far an audience's views of a trial lie behind."""
        found = self._all.get((trial, audience))
        return Lag(None, None, False) if found is None else found.lag()

    def _of(self, served: Served, audience: Audience) -> Follower:
        with self._lock:
            found = self._all.get((served.name, audience))
            if found is None or found.served is not served:
                found = self._all[served.name, audience] = Follower(served, audience)
            return found

    def _placed(self, audience: Audience, database: Database) -> list[Follower]:
        now = time.monotonic()
        if self._more is not None and audience is Audience.MASKED:
            with self._lock:
                due = now - self._asked >= MORE_SECONDS
                self._asked = now if due else self._asked
            if due:
                self._more()
        return [self._of(one, audience) for one in self._served if one.place.placed and one.place.database is database]
