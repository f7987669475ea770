"""New entries as they come, for many listeners: what they are sent is made once for all of the same audience.

1. One task for each trial and audience looks at how far the books have come, `EVERY` seconds, while anybody listens.
   The one for masked people looks at the open book alone, and so wakes nobody because of the sealed one.
2. A listener holds nothing but the place up to which it was sent. It takes the next batch when its client has taken the
   last; batches are kept for those who come after. So a slow client holds up nobody, and costs nothing.
3. While nothing comes a comment is sent every `HEARTBEAT` seconds, counted from what was sent last.
4. A stream ends when the token does, when what its viewer may see has changed, and when the server ends; a client that
   comes again says up to where it was sent (`Last-Event-ID`), and goes on there.
5. There are at most `MOST` listeners for an audience of a trial, and `MOST_EACH` of one person.
"""

import asyncio
import json
import logging
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.concurrency import run_in_threadpool

from api.access import Session
from api.bootstrap import DeniedError
from api.server.person import Person
from api.server.problems import Problem
from api.server.trail import Facets, Place, Trail
from api.server.trials import Served
from ledger.domain.vocabulary import Book
from ledger.keys.folder import KeysError
from ledger.proof.ledger_file import LedgerFileError
from ledger.recording.engine import StorageError
from ledger.recording.reader import Position
from projections.base import Audience

EVERY: Final = 0.5
HEARTBEAT: Final = 15.0
RIGHTS: Final = 60.0
MOST: Final = 200
MOST_EACH: Final = 6
RETRY_SECONDS: Final = 5
BATCH: Final = 100
_KEPT_BATCHES: Final = 50
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Batch:
    """Some entries as they are sent, and the place of the last one looked at."""

    frames: bytes
    last: Place


@dataclass(slots=True)
class Channel:
    """What comes anew in a trial, for one audience. All of it in the thread of one event loop."""

    served: Served
    audience: Audience
    session: Session
    """Of somebody who listens: by what the books are read."""
    end: Position
    listeners: Counter[str] = field(default_factory=Counter)
    _batches: "OrderedDict[Place, asyncio.Task[Batch | None]]" = field(default_factory=OrderedDict)
    _came: asyncio.Event = field(default_factory=asyncio.Event)
    _watching: asyncio.Task[None] | None = None

    def join(self, person: str) -> None:
        """Raises Problem: 429, 503."""
        retry = {"retry-after": str(RETRY_SECONDS)}
        if self.listeners[person] >= MOST_EACH:
            raise Problem("too-many-requests", f"there are {MOST_EACH} streams of yours already", headers=retry)
        if self.listeners.total() >= MOST:
            raise Problem("not-ready", "too many are listening already", headers=retry)
        self.listeners[person] += 1
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())

    def leave(self, person: str) -> bool:
        """Whether nobody is left."""
        self.listeners -= Counter([person])
        if self.listeners:
            return False
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None
        return True

    async def after(self, place: Place) -> Batch | None:
        """The next entries after a place; None where there are none yet."""
        task = self._batches.get(place)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = asyncio.create_task(run_in_threadpool(self._made, place, self.end))
            self._batches[place] = task
            while len(self._batches) > _KEPT_BATCHES:
                self._batches.popitem(last=False)
        batch = await asyncio.shield(task)
        if batch is None and self._batches.get(place) is task:
            del self._batches[place]
        return batch

    async def news(self, seconds: float) -> None:
        """Wait until something comes, or for so long."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._came.wait(), seconds)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            try:
                end = await run_in_threadpool(self._head)
            except (LedgerFileError, StorageError, KeysError) as error:  # it is looked again
                _log.warning("%s: the books cannot be read for those who listen: %s", self.served.name, error)
                continue
            if end != self.end:
                self.end = end
                came, self._came = self._came, asyncio.Event()
                came.set()

    def _head(self) -> Position:
        with self.served.reader(self.session) as reader:
            return reader.head()

    def _made(self, place: Place, end: Position) -> Batch | None:
        with self.served.reader(self.session) as reader:
            page = Trail(reader, self.audience, end).page(Facets(), limit=BATCH, after=place)
        if not page.rows:
            return None
        frames = [frame(self.served.name, *each) for each in zip(page.rows, page.places, strict=True)]
        return Batch(b"".join(frames), page.places[-1])


def frame(trial: str, row: dict[str, Any], place: Place) -> bytes:
    """One entry as it is sent. `id` is its place: SEQ, or of a sealed one the open SEQ that it follows, and its own."""
    book = "entries" if row["book"] == Book.OPEN.value else "sealed-entries"
    value = {**row, "entry": f"/v1/trials/{trial}/{book}/{row['seq']}"}
    data = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return f"event: entry\nid: {text_of(place)}\ndata: {data}\n\n".encode()


def text_of(place: Place) -> str:
    """The id of a place."""
    return f"{place.open_seq}/{place.seq}" if place.sealed else str(place.open_seq)


def place_of(text: str, audience: Audience) -> Place:
    """The place of an id. Raises Problem (400)."""
    opened, slash, sealed = text.partition("/")
    numbers = [opened, sealed] if slash else [opened]
    if any(not (one.isascii() and one.isdigit() and len(one) <= 16) for one in numbers):
        raise Problem(
            "parameter", "Last-Event-ID: must be the id of an event of this stream", parameter="Last-Event-ID"
        )
    if slash and audience is Audience.MASKED:
        raise Problem(
            "parameter", "Last-Event-ID: must be the id of an event of this stream", parameter="Last-Event-ID"
        )
    return Place(int(opened), bool(slash), int(sealed if slash else opened))


class Tails:
    """The channels of a server, each there while somebody listens."""

    def __init__(self) -> None:
        self._channels: dict[tuple[str, Audience, int], Channel] = {}

    async def listen(
        self, served: Served, session: Session, person: Person, after: Place | None, *, follow: bool
    ) -> AsyncIterator[bytes]:
        """What is to be sent to a listener: all after a place (without: what comes from now on). Raises Problem.

        `follow`: go on when all has been sent.
        """
        loop = asyncio.get_running_loop()
        key = (served.name, session.audience, id(loop))
        channel = self._channels.get(key)
        if channel is None:
            end = await run_in_threadpool(served.position, session)
            channel = self._channels.setdefault(key, Channel(served, session.audience, session, end))
        elif channel.session is not session:
            channel.session = session  # the newest rights are the best to read by
        channel.join(person.id)
        place = _last(channel.end) if after is None else after
        return self._frames(key, channel, served, session, person, place, follow=follow)

    async def _frames(
        self,
        key: tuple[str, Audience, int],
        channel: Channel,
        served: Served,
        session: Session,
        person: Person,
        place: Place,
        *,
        follow: bool,
    ) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        until = loop.time() + person.expires_at - served.clock().timestamp()
        rights = loop.time() + RIGHTS
        drained: Position | None = None
        try:
            yield f"retry: {RETRY_SECONDS * 1000}\n\n".encode()
            heartbeat = loop.time() + HEARTBEAT
            while loop.time() < until:
                if loop.time() >= rights:
                    if not await _still(served, session, person):
                        return
                    rights = loop.time() + RIGHTS
                if (end := channel.end) != drained:
                    batch = await channel.after(place)
                    if batch is None:
                        drained = end
                        continue
                    if session.sight.arms and not await _still(served, session, person):
                        return  # before each batch, lest what was revoked is seen for another minute
                    place = batch.last
                    yield batch.frames
                    heartbeat = loop.time() + HEARTBEAT
                    continue
                if not follow:
                    return
                await channel.news(max(0.0, min(heartbeat, until, rights) - loop.time()))
                if loop.time() >= heartbeat:
                    yield b":\n\n"
                    heartbeat = loop.time() + HEARTBEAT
        finally:
            if channel.leave(person.id):
                self._channels.pop(key, None)


async def _still(served: Served, session: Session, person: Person) -> bool:
    """Whether the person may still see what the stream was begun with."""
    look: Callable[[], Session] = lambda: served.session(person)  # noqa: E731
    try:
        now = await run_in_threadpool(look)
    except (DeniedError, Problem):
        return False
    return now.sight == session.sight


def _last(end: Position) -> Place:
    """The place after which nothing stands as of a position."""
    if end.sealed:
        return Place(end.open - 1, True, end.sealed - 1)
    return Place(end.open - 1, False, end.open - 1)
