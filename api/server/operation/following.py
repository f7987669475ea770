"""Kept views, brought to the head in the background, so that whoever opens a page does not pay for what was recorded.

1. One thread for each trial and audience. The two never wait for each other: what masked people are shown must not be
   later because somebody recorded into the sealed book.
2. A thread looks at the size of the books `EVERY` seconds, and after folding rests for `REST` seconds and `TIMES` as
   long as that took: under a steady stream of commands views lie a little behind, and recording goes on.
3. A view that lies behind is nobody's loss: who asks has it brought to the head then. So a thread that fails is told of
   (`lag`), tries again, and stops nothing.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from api.bootstrap import viewing
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
        self._served = served
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
                with self._lock:
                    self._behind = self._behind if self._behind is not None else began
                    told, self._failed = self._failed, True
                if not told:
                    _log.warning("%s: the views cannot be kept at the head", self._served.name, exc_info=error)
                rest = _AGAIN

    def step(self) -> bool:
        """Look once, and fold if there is anything new. Whether there was."""
        head = self._head()
        with self._lock:
            self._seen = head
            if head == self._caught and not self._failed:
                return False
            if self._behind is None:
                self._behind = self._now()
        viewing(self._served.path, _ROLES[self._audience]).catch_up()
        caught = self._kept()
        with self._lock:
            self._caught = caught
            self._failed = False
            if caught.open >= head.open and (caught.sealed or 0) >= (head.sealed or 0):
                self._behind = None
        return True

    def _head(self) -> Position:
        if self._audience is Audience.MASKED:
            with self._served.open_book() as reader:
                return reader.head()
        path = self._served.path
        reader = LedgerReader(path, books=frozenset(Book), classes=frozenset({PLAIN}))
        with closing(reader), reader:
            return reader.head()

    def _kept(self) -> Position:
        """Up to where all kept views are folded, as their file says: what could not be kept is not taken for kept."""
        views = [view for view in VIEWS.values() if view.kept and view.exists_for(self._audience)]
        with open_store(views_folder(self._served.path), self._audience) as store, store.reading():
            places = [store.place(view) for view in views]
        found = [place for place in places if place is not None]
        if len(found) < len(views):
            return Position(0, None)
        sealed = [place.sealed_size for place in found if place.sealed_size is not None]
        return Position(min(place.open_size for place in found), min(sealed) if sealed else None)


class Following:
    """The followers of all trials."""

    def __init__(self, served: list[Served]) -> None:
        self._all = {(one.name, audience): Follower(one, audience) for one in served for audience in Audience}

    def start(self) -> None:
        for one in self._all.values():
            one.start()

    def close(self, seconds: float = 5.0) -> None:
        """Stop; what is being folded is waited for, for a while. A fold that is cut off is undone, and made again."""
        for one in self._all.values():
            one.close()
        until = time.monotonic() + seconds
        for one in self._all.values():
            one.join(max(0.0, until - time.monotonic()))

    def lag(self, trial: str, audience: Audience) -> Lag:
        """How far an audience's views of a trial lie behind."""
        return self._all[trial, audience].lag()
