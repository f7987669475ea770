"""Folding a ledger into views, and showing them.

Rules
- A stored view is caught up from where it stands: the keys of the new facts are folded again, the others stay.
- It starts over when its version, columns or source changed, when the schema of the file changed, or when the ledger
  has not the same entries at the stored position (another ledger, or one that was rolled back).
- The store's transaction begins before the ledger's snapshot. So a view can't stand further than the snapshot,
  unless the ledger went back; and of two processes the second finds the work of the first done.
- A ledger of up to `IN_MEMORY` facts is read once and held until it is folded. Of a larger one the names of the
  streams alone are held, and some streams are read and folded at a time. Where all of a long ledger is to be folded,
  other processes fold along, if there are any (`parts.py`); what comes of it is the same.
- An as-of is made of what is stored: keys that have had facts since are folded again up to it, the others stand as
  they stood. So the newest past costs what the present costs. Of a past far back, and where views can't be kept in a
  file, or are not to be, everything is folded in memory from the facts up to it.
- Who asks is checked again here, whatever was checked before: nothing is shown that is not in sight.
- After a rebuild nothing of what the file held before is left in it, its log included: an erasure ends with one.
"""

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from heapq import merge
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import projections
from ledger.domain.events.base import TRIAL_STREAM
from ledger.domain.history import corrected
from ledger.domain.roles import Sight
from ledger.domain.vocabulary import Book
from ledger.recording.reader import Position
from projections.base import Audience, Context, Stored, UnknownViewError, View, ViewDeniedError
from projections.histories import History, by_stream, visible
from projections.naming import named_histories
from projections.parts import LONG, Others, Task, fold, fold_part, fold_together, heads_at, parts_of
from projections.plan import plan_of
from projections.reading import Reader
from projections.result import AsOf, Result
from projections.store import Contribution, Place, StoreUnavailableError, ViewStore, open_store
from projections.views import VIEWS, view_for
from projections.watched import IN_MEMORY, Watched

_SHARED: Final = (
    "ledger.domain.history",
    "ledger.domain.routing",
    "ledger.domain.roles",
    "ledger.domain.when",
    "ledger.domain.vocabulary",
    "ledger.domain.events",
    "ledger.domain.duties",
)
# Reading stream by stream may cost this many times more a fact than reading the books in order: a stream is one
# query, its part in the sealed book one query a fact.
_STREAM_COST: Final = 4
# From which part of a ledger on the facts since an as-of are too many to fold their keys again.
_FAR_BACK: Final = 4


def views_folder(ledger: Path) -> Path:
    """Where the views of a ledger file lie: `<ledger>.views/`."""
    return ledger.with_name(ledger.name + ".views")


def show(
    reader: Reader,
    view_name: str,
    audience: Audience,
    *,
    sight: Sight | None = None,
    role: str = "",
    as_of: str | int | None = None,
    folder: Path | None = None,
    today: str | None = None,
    others: Others | None = None,
) -> Result:
    """The view as of a position or recorded time (None: now), kept in `folder` if there is one.

    `today`: the day of the question (YYYY-MM-DD, UTC), where it is not that of the position. `others`: processes that
    may fold along, where a kept view was never folded.

    `sight` and `role` are those of who asks; without them there is no view that needs names or is for certain roles.
    `reader` is handed over not entered. Raises UnknownViewError, ViewDeniedError, and ValueError for an as-of that
    means no position.
    """
    if sight is not None and audience is Audience.UNMASKED and not sight.arms:
        raise ViewDeniedError("sight: has no arms in it, and so no unmasked view")
    view = view_for(view_name, audience, sight, role)
    if view.needs_identity and sight is not None:
        with reader:
            position = _for(Audience.MASKED, reader.position_at(as_of))
            histories = named_histories(view, reader, position, sight, IN_MEMORY)
            return _result(view, Audience.MASKED, reader, position, _stored(view, Audience.MASKED, histories), today)
    if folder is not None and view.kept:
        try:
            with open_store(folder, audience) as store:
                return _show_stored(store, reader, view, as_of, today, others)
        except StoreUnavailableError:
            pass  # a view that can't be kept can still be made
    with reader:
        position = _for(audience, reader.position_at(as_of))
        return _result(view, audience, reader, position, _in_memory(view, audience, reader, position), today)


def catch_up(
    reader: Reader,
    audience: Audience,
    folder: Path,
    names: Iterable[str] | None = None,
    *,
    others: Others | None = None,
) -> Position:
    """Bring the kept views (all of the audience, or those named) to the head. Raises StoreUnavailableError.

    `others`: processes that may fold along, where it is much that is to be folded.
    """
    with open_store(folder, audience) as store, store.writing(), reader:
        return _advance(store, reader, _views(audience, names), others)


def rebuild(reader: Reader, audience: Audience, folder: Path, *, others: Others | None = None) -> Position:
    """Throw the kept views of the audience away and make them all again. Raises StoreUnavailableError."""
    with open_store(folder, audience) as store:
        with store.writing(), reader:
            store.clear()
            position = _advance(store, reader, _views(audience, None), others)
        store.scrub()
    return position


def code_of(view: View, audience: Audience) -> str:
    """The view's version, columns and source in one hash: what a stored table must have been made by."""
    columns = [[column.name, column.type] for column in view.columns(audience)]
    described = json.dumps([view.name, view.version, columns, _source(type(view).__module__)])
    return hashlib.sha256(described.encode()).hexdigest()


def _views(audience: Audience, names: Iterable[str] | None) -> list[View]:
    views = [view for view in VIEWS.values() if view.kept and view.exists_for(audience)]
    if names is None:
        return views
    wanted = set(names)
    if unknown := sorted(wanted.difference(view.name for view in views)):
        raise UnknownViewError(f"view: {unknown[0]!r} is not kept for this audience")
    return [view for view in views if view.name in wanted]


def _show_stored(
    store: ViewStore, reader: Reader, view: View, as_of: str | int | None, today: str | None, others: Others | None
) -> Result:
    with store.reading(), reader:
        head = _head(reader, store.audience)
        if store.place(view) == _place(view, store.audience, reader, head):
            return _at(store, reader, view, head, as_of, today)
    with store.writing(), reader:
        return _at(store, reader, view, _advance(store, reader, [view], others), as_of, today)


def _at(
    store: ViewStore, reader: Reader, view: View, head: Position, as_of: str | int | None, today: str | None
) -> Result:
    """The view at a position, from what is stored as of `head`."""
    position = head if as_of is None else _for(store.audience, reader.position_at(as_of))
    rows = store.rows(view) if position == head else _past(store, reader, view, position, head)
    return _result(view, store.audience, reader, position, rows, today)


def _past(store: ViewStore, reader: Reader, view: View, at: Position, head: Position) -> Iterator[Stored]:
    """The rows as they were at a position before `head`, up to which they are stored."""
    sealed = store.audience is Audience.UNMASKED
    since = _size(head) - _size(at)
    if since * _FAR_BACK > _size(head):
        return _in_memory(view, store.audience, reader, at)
    touched = sorted(stream for stream in reader.streams(at, head) if view.takes(stream))
    histories = _whole(reader, touched, at, sealed=sealed)
    again = _stored(view, store.audience, (history for history in histories if history.recorded))
    keys = frozenset(touched)
    stand = (row for row in store.rows(view) if row["key"] not in keys)
    return merge(stand, again, key=itemgetter("key"))


def _head(reader: Reader, audience: Audience) -> Position:
    return _for(audience, reader.head())


def _for(audience: Audience, position: Position) -> Position:
    """The position without the sealed book where that is not for the audience, whatever the reader has."""
    return position if audience is Audience.UNMASKED else Position(position.open, None)


def _advance(store: ViewStore, reader: Reader, views: Sequence[View], others: Others | None) -> Position:
    head = _head(reader, store.audience)
    starts: dict[Position, list[View]] = {}
    for view in views:
        place = store.place(view)
        if place is None or not _fits(place, view, store.audience, reader, head):
            store.start_over(view)
            start = Position(0, None if head.sealed is None else 0)
        else:
            start = Position(place.open_size, place.sealed_size)
        if start != head or place is None:
            starts.setdefault(start, []).append(view)
    for start, behind in starts.items():
        _fold_from(store, reader, behind, start, head, others)
    for view in (view for behind in starts.values() for view in behind):
        store.settle(view, _place(view, store.audience, reader, head))
    return head


def _fold_from(
    store: ViewStore, reader: Reader, views: Sequence[View], start: Position, head: Position, others: Others | None
) -> None:
    fresh = start.open == 0 and not start.sealed
    size = _size(head)
    added = reader.streams(start, head)
    streams = sorted(stream for stream in added if any(view.takes(stream) for view in views))

    def write(made: Sequence[list[Contribution]], of: Sequence[View] = views) -> None:
        for view, contributions in zip(of, made, strict=True):
            store.replace(view, contributions, fresh=fresh)

    if size <= IN_MEMORY and (fresh or size < added.total() * _STREAM_COST):
        held = by_stream(visible(reader.facts(stop=head), sealed=store.audience is Audience.UNMASKED))
        for stream in streams:  # what views share of a history is folded once for all
            history = History(stream, tuple(held.pop(stream)))
            write([list(fold(view, store.audience, (history,) if view.takes(stream) else ())) for view in views])
        return
    parts = parts_of(streams, added if fresh else Counter())
    along = [view for view in views if view.in_parts] if others is not None and fresh and size > LONG else []
    if along and others is not None:
        task = Task(along, store.audience, head, heads_at(reader, head), parts)
        elsewhere = reader.read_elsewhere if isinstance(reader, Watched) else None
        fold_together(reader, task, others, lambda made: write(made, along), elsewhere)
    alone = [view for view in views if view not in along]
    for part in parts if alone else ():
        write(fold_part(reader, Task(alone, store.audience, head, (), ()), part)[1], alone)


def _size(position: Position) -> int:
    return position.open + (position.sealed or 0)


def _whole(reader: Reader, streams: Sequence[str], stop: Position, *, sealed: bool) -> Iterator[History]:
    for part in parts_of(streams, Counter()):
        for stream, facts in reader.stream_by_stream(part, stop):
            yield History(stream, tuple(visible(facts, sealed=sealed)))


def _in_memory(view: View, audience: Audience, reader: Reader, stop: Position) -> Iterator[Stored]:
    sealed = audience is Audience.UNMASKED
    histories: Iterable[History]
    if _size(stop) <= IN_MEMORY:
        facts = visible(reader.facts(stop=stop), sealed=sealed)
        held = by_stream(fact for fact in facts if view.takes(fact.stream))
        histories = (History(stream, tuple(held[stream])) for stream in held)
    else:
        streams = sorted(stream for stream in reader.streams(stop=stop) if view.takes(stream))
        histories = _whole(reader, streams, stop, sealed=sealed)
    return _stored(view, audience, histories)


def _stored(view: View, audience: Audience, histories: Iterable[History]) -> Iterator[Stored]:
    """The rows as a store would give them back."""
    names = [column.name for column in view.columns(audience)]
    for key, rows in fold(view, audience, histories):
        for row in rows:
            yield {"key": key, **dict(zip(names, row, strict=True))}


def _fits(place: Place, view: View, audience: Audience, reader: Reader, head: Position) -> bool:
    """Whether what is stored was made by this code from a ledger that begins like this one."""
    if place.open_size > head.open or (place.sealed_size or 0) > (head.sealed or 0):
        return False
    at = Position(place.open_size, place.sealed_size)
    return place == _place(view, audience, reader, at)


def _place(view: View, audience: Audience, reader: Reader, at: Position) -> Place:
    sealed = at.sealed if audience is Audience.UNMASKED else None
    return Place(
        code=code_of(view, audience),
        open_size=at.open,
        open_head=reader.head_hash(Book.OPEN, at.open) if at.open else "",
        sealed_size=sealed,
        sealed_head=reader.head_hash(Book.SEALED, sealed) if sealed else None,
    )


def _result(
    view: View, audience: Audience, reader: Reader, at: Position, rows: Iterable[Stored], today: str | None
) -> Result:
    recorded_at = reader.recorded_at(at.open) if at.open else None
    trial = corrected(visible(reader.stream(TRIAL_STREAM, stop=at), sealed=audience is Audience.UNMASKED))
    day = None if recorded_at is None else recorded_at[:10]
    context = Context(plan_of(trial), day, None if day is None else max(day, today or day))
    place = _place(view, audience, reader, at)
    both = audience is Audience.UNMASKED
    as_of = AsOf(
        seq=at.open - 1 if at.open else None,
        recorded_at=recorded_at,
        head=place.open_head or None,
        both=both,
        sealed=place.sealed_size - 1 if place.sealed_size else None,
        sealed_head=place.sealed_head,
    )
    return Result(view.name, view.title, view.version, as_of, view.present(rows, context, audience))


@cache
def _source(module: str) -> str:
    """The hash of the source of a view's module and of all that it is built on."""
    digest = hashlib.sha256()
    folder = Path(str(projections.__file__)).parent
    paths = [*sorted(folder.glob("*.py")), *sorted((folder / "statistics").glob("*.py"))]
    for name in (module, *_SHARED):
        found: Any = sys.modules.get(name)
        if found is not None and found.__file__:
            file = Path(found.__file__)
            paths += sorted(file.parent.glob("*.py")) if file.name == "__init__.py" else [file]
    for path in (path for path in paths if path.is_file()):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
