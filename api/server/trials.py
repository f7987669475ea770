"""The trials of a server: each one's file, its ledger for recording, and what the people who are signed in look at.

1. Whoever has no role in a trial is answered as if it did not exist.
2. Everything that is shown goes through a `Session`, which records looks first: once for each token or sign-in, and
   class of data. Rights are looked at anew after `RIGHTS_SECONDS`, and whenever the trial as a whole has moved on.
3. Answers are kept in memory by what they were made from: view, audience, position. Views with names never are.
4. Nothing that is done for somebody masked reads the sealed book, nor waits for what does.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from api.access import Session, viewer_of
from api.bootstrap import UnknownSiteError, Viewing, open_trial, own_keys, viewing
from api.server.kept import Answers
from api.server.person import Person
from api.server.problems import Problem
from ledger.application import TrialLedger
from ledger.domain.events.base import TRIAL_STREAM, Event
from ledger.domain.roles import Viewer
from ledger.domain.vocabulary import Book
from ledger.proof.entry import Actor
from ledger.proof.sections import IDENTITY, PLAIN
from ledger.recording.live import utc_now
from ledger.recording.reader import LedgerReader, Position
from projections.base import Audience
from projections.result import Result
from projections.views import VIEWS
from projections.watched import Progress

RIGHTS_SECONDS: Final = 60.0
KEPT_RESULTS: Final = 64
"""Of each audience of a trial."""
KEPT_CELLS: Final = 2_000_000
"""Values in all answers of an audience, some 200 MB; no single one has more than a quarter of them. (Longer ones lie in
files of which one thread at a time can read, `projections/spooled.py`.)"""
KEPT_SESSIONS: Final = 10_000


class Key(NamedTuple):
    """What an answer was made from. `today`: for views that depend on the day of the question."""

    view: str
    audience: Audience
    role: str
    position: Position
    today: str | None


@dataclass(frozen=True, slots=True)
class _Held:
    session: Session
    trial_version: int
    looked_up: float


class Served:
    """One trial as the server holds it. Safe for several threads."""

    def __init__(self, name: str, path: Path, *, clock: Callable[[], datetime] = utc_now) -> None:
        self.name = name
        self.path = path
        self.clock = clock
        self._lock = threading.Lock()
        self._ledger: TrialLedger | None = None
        self._sessions: OrderedDict[tuple[Viewer, str], _Held] = OrderedDict()
        # Apart by audience, so that what unmasked people look at pushes out nothing of the others'.
        self._results: dict[Audience, OrderedDict[Key, Result]] = {one: OrderedDict() for one in Audience}
        self.answers: Mapping[Audience, Answers] = {one: Answers() for one in Audience}
        self._making: dict[Key, threading.Lock] = {}
        self._idle: list[LedgerReader] = []

    def close(self) -> None:
        """Let go of the files."""
        with self._lock:
            if self._ledger is not None:
                self._ledger.close()
                self._ledger = None
            while self._idle:
                self._idle.pop().close()

    def ledger(self) -> TrialLedger:
        """The ledger for recording, opened when it is first needed. Raises what `open_trial` raises."""
        with self._lock:
            if self._ledger is None:
                self._ledger = open_trial(self.path, clock=self.clock)
            return self._ledger

    def session(self, person: Person) -> Session:
        """The person's session with this trial. Raises Problem: 404 without a role in it, and DeniedError."""
        right = person.rights.get(self.name)
        if right is None:
            raise Problem("not-found", "there is no such trial")
        viewer = _viewer_of(person.id, right.role.value, person.org, right.sites)
        key = (viewer, person.session)
        with self.open_book() as reader:
            version = reader.version(TRIAL_STREAM)
        with self._lock:
            held = self._sessions.get(key)
        now = time.monotonic()
        if held is not None and held.trial_version == version and now - held.looked_up < RIGHTS_SECONDS:
            return held.session
        try:
            session = Session(
                self.path,
                viewer,
                clock=self.clock,
                record=self._record,
                viewing_of=self._viewing,
                earlier=None if held is None else held.session,
            )
        except UnknownSiteError as error:
            raise Problem("not-permitted", f"the sites that the token names: {error}") from None
        with self._lock:
            self._sessions[key] = _Held(session, version, now)
            self._sessions.move_to_end(key)
            while len(self._sessions) > KEPT_SESSIONS:
                self._sessions.popitem(last=False)
        return session

    def held(self, person: Person) -> Session | None:
        """The session that the person has had with this trial, if it is still held; none is made."""
        right = person.rights.get(self.name)
        if right is None:
            return None
        key = (_viewer_of(person.id, right.role.value, person.org, right.sites), person.session)
        with self._lock:
            held = self._sessions.get(key)
        return None if held is None else held.session

    def ask_anew_who_knows(self) -> None:
        """Somebody may have come to know an arm: where looks leave their trace is decided anew, for everybody."""
        with self._lock:
            for held in self._sessions.values():
                held.session.ask_anew_who_knows()

    @contextmanager
    def open_book(self) -> Iterator[LedgerReader]:
        """A snapshot of the open book, without anybody's name: what everybody with a role here may read."""
        with self._lock:
            reader = self._idle.pop() if self._idle else None
        if reader is None:
            reader = LedgerReader(self.path, books=frozenset({Book.OPEN}), classes=frozenset({PLAIN}))
        try:
            with reader:
                yield reader
        except BaseException:
            reader.close()
            raise
        with self._lock:
            self._idle.append(reader)

    @contextmanager
    def reader(self, session: Session) -> Iterator[LedgerReader]:
        """A snapshot of what a session has in sight, without names. Whoever reads arms by it was admitted before."""
        sight = session.sight
        if not sight.arms:
            with self.open_book() as reader:
                yield reader
            return
        with closing(own_keys(self.path)) as keys:
            opened = LedgerReader(self.path, books=sight.books, classes=sight.classes - {IDENTITY}, keys=keys)
            with closing(opened), opened:
                yield opened

    def position(self, session: Session, as_of: str | None = None) -> Position:
        """The position that is meant, in the books that the session has in sight. Raises AsOfError."""
        with self.reader(session) as reader:
            return reader.position_at(as_of)

    def _record(self, cls: type[Event], actor: Actor, **said: object) -> None:
        self.ledger().record_access(cls, actor, **said)

    def _viewing(self, path: Path, viewer: Viewer, *, now: str) -> Viewing:
        plain = viewing(path, viewer, now=now)
        return KeptViewing(plain.path, plain.role, plain.sight, self)

    def kept(self, key: Key, make: Callable[[], Result]) -> Result:
        """The answer from memory, or made; by one thread where several want the same."""
        results = self._results[key.audience]
        with self._lock:
            found = results.get(key)
            if found is not None:
                results.move_to_end(key)
                return found
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if (found := results.get(key)) is not None:
                    return found
            try:
                found = make()
            finally:
                with self._lock:
                    self._making.pop(key, None)
            if _cells(found) <= KEPT_CELLS // 4:
                with self._lock:
                    results[key] = found
                    weight = sum(map(_cells, results.values()))
                    while len(results) > KEPT_RESULTS or weight > KEPT_CELLS:
                        weight -= _cells(results.popitem(last=False)[1])
        return found


_viewer_of: Final = lru_cache(KEPT_SESSIONS)(viewer_of)
"""It holds what a token says against the rules for names each time, and a token says the same each time."""


def _cells(result: Result) -> int:
    """How many values an answer has."""
    return (len(result.rows) + 1) * len(result.columns)


@dataclass(frozen=True, slots=True)
class KeptViewing(Viewing):
    """A viewing whose answers are kept in memory by the served trial."""

    served: Served

    def show(
        self, view: str, as_of: str | int | None, progress: Progress | None = None, *, today: str | None = None
    ) -> Result:
        known = VIEWS.get(view)
        if known is None or known.needs_identity:
            return Viewing.show(self, view, as_of, progress, today=today)
        with self._reading() as reader:
            position = reader.position_at(as_of)
        seqs = [position.open - 1] + ([] if position.sealed is None else [position.sealed - 1])
        if min(seqs) < 0:
            return Viewing.show(self, view, as_of, progress, today=today)
        exact = "/".join(map(str, seqs))
        role = self.role if known.roles is not None else ""
        key = Key(view, self.audience, role, position, today if known.by_day else None)
        return self.served.kept(key, lambda: Viewing.show(self, view, exact, progress, today=today))

    def _reading(self) -> AbstractContextManager[LedgerReader]:
        return self.served.open_book() if self.audience is Audience.MASKED else self._both()

    @contextmanager
    def _both(self) -> Iterator[LedgerReader]:
        with closing(own_keys(self.path)) as keys:
            reader = LedgerReader(self.path, books=self.sight.books, classes=frozenset({PLAIN}), keys=keys)
            with closing(reader), reader:
                yield reader


class Trials:
    """All trials of a server, by name."""

    def __init__(self, paths: Mapping[str, Path], *, clock: Callable[[], datetime] = utc_now) -> None:
        self._served = {name: Served(name, path, clock=clock) for name, path in sorted(paths.items())}

    def __iter__(self) -> Iterator[Served]:
        return iter(self._served.values())

    def of(self, name: str, person: Person) -> Served:
        """Raises Problem: 404 for what is not there, and for what the person has no role in, alike."""
        served = self._served.get(name)
        if served is None or name not in person.rights:
            raise Problem("not-found", "there is no such trial")
        return served

    def close(self) -> None:
        """Let go of all files."""
        for served in self._served.values():
            served.close()
