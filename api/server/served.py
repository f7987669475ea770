"""One trial of a server: where it lies, its ledger for recording, and what the people who are signed in look at.

1. Whoever has no role in a trial is answered as if it did not exist.
2. Everything that is shown goes through a `Session`, which records looks first: once for each token or sign-in, and
   class of data. Rights are looked at anew after `RIGHTS_SECONDS`, and whenever the trial as a whole has moved on.
3. Answers are kept in memory by what they were made from: view, audience, position. Views with names never are.
4. Nothing that is done for somebody masked reads the sealed book, nor waits for what does.
5. A trial is opened when somebody asks for it. One that rests keeps nothing open, and nothing of it in memory, but who
   has looked; what it was doing, it ends.
6. Where there is a replica, views are folded from it (`shown`); rights, commands, proofs and exports are not.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from api.access import Session, viewer_of
from api.bootstrap import UnknownSiteError, Viewing, open_trial, own_keys, viewing
from api.server.kept import KEPT_BYTES, Answers
from api.server.person import Person
from api.server.placement import Place
from api.server.problems import Problem
from api.server.readers import Readers
from ledger.application import TrialLedger
from ledger.domain.events.base import TRIAL_STREAM, Event
from ledger.domain.roles import Viewer
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
_LEAST_CELLS: Final = 100_000
_LEAST_BYTES: Final = 1 << 20


class Key(NamedTuple):
    """What an answer was made from. `today`: for views that depend on the day of the question."""

    view: str
    audience: Audience
    role: str
    position: Position
    today: str | None


@dataclass(frozen=True, slots=True)
class _Held:
    """`size`: of the open book when the version of the trial was looked at last."""

    session: Session
    trial_version: int
    looked_up: float
    size: int


class Served:
    """One trial as the server holds it. Safe for several threads."""

    def __init__(
        self, name: str, where: Path | Place, *, clock: Callable[[], datetime] = utc_now, share: int = 1
    ) -> None:
        """`share`: of how many trials this one shares the room in memory."""
        self.name = name
        self.place = Place(where) if isinstance(where, Path) else where
        self.path = self.place.path
        self.clock = clock
        self._cells = max(KEPT_CELLS // share, _LEAST_CELLS)
        self._lock = threading.Lock()
        self._opening = threading.Lock()
        self._ledger: TrialLedger | None = None
        self._recording = 0
        self._sessions: OrderedDict[tuple[Viewer, str], _Held] = OrderedDict()
        # Apart by audience, so that what unmasked people look at pushes out nothing of the others'.
        self._results: dict[Audience, OrderedDict[Key, Result]] = {one: OrderedDict() for one in Audience}
        room = max(KEPT_BYTES // share, _LEAST_BYTES)
        self.answers: Mapping[Audience, Answers] = {one: Answers(room) for one in Audience}
        self._making: dict[Key, threading.Lock] = {}
        self.readers = Readers()

    @property
    def awake(self) -> bool:
        """Whether what is opened or made stays for the next who asks."""
        return self.readers.keeps

    def wake(self) -> None:
        """Keep open from now on what is opened."""
        self.readers.keeps = True

    def rest(self) -> None:
        """Keep nothing open, nor in memory, but who has looked; what is under way ends first."""
        self.readers.keeps = False
        self.readers.close()
        with self._lock:
            for results in self._results.values():
                results.clear()
        for answers in self.answers.values():
            answers.clear()
        if self._opening.acquire(blocking=False):  # else whoever opens it now closes it afterwards
            try:
                self._close_idle()
            finally:
                self._opening.release()

    def close(self) -> None:
        """Let go of the files."""
        with self._opening:
            if self._ledger is not None:
                self._ledger.close()
                self._ledger = None
        self.readers.close()

    @contextmanager
    def recording(self) -> Iterator[TrialLedger]:
        """The ledger for recording, opened when it is first needed. Raises what `open_trial` raises."""
        self.place.reach()
        with self._opening:
            if self._ledger is None:
                self._ledger = open_trial(self.path, clock=self.clock)
            ledger = self._ledger
            self._recording += 1
        try:
            yield ledger
        finally:
            with self._opening:
                self._recording -= 1
                if not self.awake:
                    self._close_idle()

    def _close_idle(self) -> None:
        if self._ledger is not None and not self._recording:
            self._ledger.close()
            self._ledger = None

    def session(self, person: Person) -> Session:
        """The person's session with this trial. Raises Problem: 404 without a role in it, and DeniedError."""
        right = person.rights.get(self.name)
        if right is None:
            raise Problem("not-found", "there is no such trial")
        viewer = _viewer_of(person.id, right.role.value, person.org, right.sites)
        key = (viewer, person.session)
        with self.open_book() as reader:
            version, size = reader.version(TRIAL_STREAM), reader.head().open
        now = time.monotonic()
        with self._lock:
            held = self._sessions.get(key)
            if held is not None and held.trial_version == version and now - held.looked_up < RIGHTS_SECONDS:
                self._sessions[key] = replace(held, size=size)
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
            self._sessions[key] = _Held(session, version, now, size)
            self._sessions.move_to_end(key)
            while len(self._sessions) > KEPT_SESSIONS:
                self._sessions.popitem(last=False)
        return session

    def unchanged(self, person: Person, size: int) -> Session | None:
        """The session, if the open book has not grown since that was made or looked at, and is of that size now.

        None where it has to be looked at again. Nothing is read.
        """
        right = person.rights.get(self.name)
        if right is None:
            return None
        key = (_viewer_of(person.id, right.role.value, person.org, right.sites), person.session)
        with self._lock:
            held = self._sessions.get(key)
        if held is None or held.size != size or time.monotonic() - held.looked_up >= RIGHTS_SECONDS:
            return None
        return held.session

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
    def open_book(self, *, shown: bool = False) -> Iterator[LedgerReader]:
        """A snapshot of the open book, without anybody's name: what everybody with a role here may read.

        `shown`: of where views are folded from. Raises UnreachableError.
        """
        self.place.reach()
        with self.readers.of(self.place.looked_at() if shown else self.path) as reader:
            yield reader

    def behind(self) -> int | None:
        """By how many open entries what is shown lies behind what is recorded; None where it is read from there."""
        at = self.place.looked_at()
        if at == self.path:
            return None
        with self.readers.of(at) as shown:
            seen = shown.head().open
        with self.open_book() as reader:
            return max(0, reader.head().open - seen)

    @contextmanager
    def reader(self, session: Session, *, shown: bool = False) -> Iterator[LedgerReader]:
        """A snapshot of what a session has in sight, without names. Whoever reads arms by it was admitted before.

        `shown`: of where views are folded from.
        """
        sight = session.sight
        if not sight.arms:
            with self.open_book(shown=shown) as reader:
                yield reader
            return
        self.place.reach()
        path = self.place.looked_at() if shown else self.path
        with closing(own_keys(self.path)) as keys:
            opened = LedgerReader(path, books=sight.books, classes=sight.classes - {IDENTITY}, keys=keys)
            with closing(opened), opened:
                yield opened

    def position(self, session: Session, as_of: str | None = None) -> Position:
        """The position that is meant, in the books that the session has in sight, as shown. Raises AsOfError."""
        with self.reader(session, shown=True) as reader:
            return reader.position_at(as_of)

    def _record(self, cls: type[Event], actor: Actor, **said: object) -> None:
        with self.recording() as ledger:
            ledger.record_access(cls, actor, **said)

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
            if self.awake and _cells(found) <= self._cells // 4:
                with self._lock:
                    results[key] = found
                    weight = sum(map(_cells, results.values()))
                    while len(results) > KEPT_RESULTS or weight > self._cells:
                        weight -= _cells(results.popitem(last=False)[1])
        return found


_viewer_of: Final = lru_cache(KEPT_SESSIONS)(viewer_of)
"""It holds what a token says against the rules for names each time, and a token says the same each time."""


def _cells(result: Result) -> int:
    """How many values an answer has."""
    return (len(result.rows) + 1) * len(result.columns)


@dataclass(frozen=True, slots=True)
class KeptViewing(Viewing):
    """A viewing whose answers are kept in memory by the served trial. `record`: no replica is read."""

    served: Served
    record: bool = False

    def show(
        self, view: str, as_of: str | int | None, progress: Progress | None = None, *, today: str | None = None
    ) -> Result:
        known = VIEWS.get(view)
        if known is None or known.needs_identity:
            return Viewing.show(self, view, as_of, progress, today=today)
        at = self.path if self.record else self.served.place.looked_at()
        seen = replace(self, reads=None if at == self.path else at)
        with seen._reading() as reader:
            position = reader.position_at(as_of)
        seqs = [position.open - 1] + ([] if position.sealed is None else [position.sealed - 1])
        if min(seqs) < 0:
            return Viewing.show(seen, view, as_of, progress, today=today)
        exact = "/".join(map(str, seqs))
        role = self.role if known.roles is not None else ""
        key = Key(view, self.audience, role, position, today if known.by_day else None)
        return self.served.kept(key, lambda: Viewing.show(seen, view, exact, progress, today=today))

    def of_record(self) -> "KeptViewing":
        return replace(self, record=True)

    def _reading(self) -> AbstractContextManager[LedgerReader]:
        if self.audience is Audience.MASKED:
            return self.served.readers.of(self.reads or self.path)
        return self._both()

    @contextmanager
    def _both(self) -> Iterator[LedgerReader]:
        with closing(own_keys(self.path)) as keys:
            at = self.reads or self.path
            reader = LedgerReader(at, books=self.sight.books, classes=frozenset({PLAIN}), keys=keys)
            with closing(reader), reader:
                yield reader
