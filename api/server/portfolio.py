"""All trials of a server at a glance: a row for each in which somebody has a role, and what they come to together.

1. A row is what the role may see of that trial: each is looked at through the person's own session with it, which
   records the look first, and is made from the views that the trial's own pages are made of. A trial in which the
   person has no role is neither listed nor counted.
2. What could not be read is named, with why; it is never left out in silence, and the others are counted without it.
   `complete` says whether the totals are of all. Databases are read at the same time, and none is waited for longer
   than `SECONDS`: what is not there by then is named so. What was read is kept: asking again goes on from there.
3. Each row says at which position it stands, and, where it was read from a replica, how many open entries that is
   behind. So there is no position of the whole: totals are of rows of different moments.
4. A row depends on the open book alone for who has no arms in sight. Rows are kept in memory by what they were made
   from: trial, role, sight, position, day. A database is asked once how far all its trials have come; where the open
   book has not grown, whoever sees that alone is shown the row that was kept. Who has arms in sight is shown nothing
   without a look at the trial.
"""

import logging
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from api.access import Session
from api.bootstrap import DeniedError
from api.server import standing
from api.server.person import Person
from api.server.placement import UnreachableError
from api.server.problems import Problem
from api.server.served import Served
from api.server.trials import Trials
from ledger.domain.when import recorded
from ledger.keys.file import KeysError
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.sections import ARM
from ledger.recording.engine import StorageError
from ledger.recording.reader import AsOfError, Position
from projections.base import Audience
from projections.result import Result

SECONDS: Final = 20.0
KEPT_ROWS: Final = 20_000
VIEWS: Final = ("duties", "enrolment", "open-adverse-events", "deviations", "serious-events")
"""What a row is made of."""
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Counts:
    """What is counted. `planned`: subjects; `sites`: active ones; `serious`: serious adverse events, open or not."""

    planned: int = 0
    consented: int = 0
    randomized: int = 0
    completed: int = 0
    died: int = 0
    sites: int = 0
    sites_planned: int = 0
    serious: int = 0
    open_events: int = 0
    open_serious: int = 0
    deviations: int = 0
    important: int = 0
    overdue: int = 0
    due: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(**{one: getattr(self, one) + getattr(other, one) for one in COUNTED})

    def to_value(self) -> dict[str, int]:
        """By name."""
        return {one: getattr(self, one) for one in COUNTED}


COUNTED: Final = tuple(one.name for one in fields(Counts))


@dataclass(frozen=True, slots=True)
class Row:
    """A trial as a role may see it at a position. `since`, `why`: of what it stands still for, if it does."""

    trial: str
    role: str
    title: str
    status: str
    since: str | None
    why: str | None
    counts: Counts
    seq: int
    sealed: int | None
    """Of the sealed book, for who has arms in sight."""
    recorded_at: str | None
    behind: int | None = None

    def to_value(self) -> dict[str, Any]:
        """As it is answered."""
        at: dict[str, Any] = {"seq": self.seq, "recorded_at": self.recorded_at}
        if self.sealed is not None:
            at["sealed"] = self.sealed
        told = {"trial": self.trial, "role": self.role, "title": self.title, "status": self.status}
        return {**told, "since": self.since, **self.counts.to_value(), "as_of": at, "behind": self.behind}


@dataclass(frozen=True, slots=True)
class Whole:
    """What somebody is shown. `unread`: trial and problem (a slug); `unlisted`: databases that never said what they
    have."""

    rows: tuple[Row, ...]
    unread: tuple[tuple[str, str], ...]
    unlisted: int

    @property
    def complete(self) -> bool:
        """Whether the totals are of all trials of the person."""
        return not self.unread and not self.unlisted

    @property
    def totals(self) -> Counts:
        """Of all rows."""
        return sum((row.counts for row in self.rows), Counts())

    @property
    def by_status(self) -> dict[str, int]:
        """How many trials stand so."""
        return dict(sorted(Counter(row.status for row in self.rows).items()))

    def to_value(self) -> dict[str, Any]:
        """As it is answered."""
        return {
            "trials": [row.to_value() for row in self.rows],
            "totals": {"trials": len(self.rows), "by_status": self.by_status, **self.totals.to_value()},
            "complete": self.complete,
            "unread": [{"trial": trial, "problem": f"/problems/{slug}"} for trial, slug in self.unread],
            "unlisted": self.unlisted,
        }


class Portfolio:
    """Reads the rows of a server's trials. Safe for several threads."""

    def __init__(self, trials: Trials, *, seconds: float = SECONDS, now: Callable[[], float] = time.monotonic) -> None:
        """`seconds`: how long it is waited for; `now`: seconds that never run backwards."""
        self._trials = trials
        self._seconds = seconds
        self._now = now
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, Row] = OrderedDict()

    def read(self, person: Person) -> Whole:
        """All trials of the person (rule 1)."""
        mine = [served for served in self._trials if served.name in person.rights]
        groups: dict[Hashable, list[Served]] = {}
        for served in mine:
            groups.setdefault(served.place.database, []).append(served)
        found: dict[str, Row | str] = {}
        until = self._now() + self._seconds
        reading = [
            threading.Thread(target=self._read_all, args=(group, person, found, until), daemon=True, name="portfolio")
            for database, group in groups.items()
            if database is not None
        ]
        for thread in reading:
            thread.start()
        self._read_all(groups.get(None, ()), person, found, until)
        for thread in reading:
            thread.join(max(0.0, until - self._now()))
        told = {served.name: found.get(served.name, "not-ready") for served in mine}
        return Whole(
            tuple(row for row in told.values() if isinstance(row, Row)),
            tuple((name, slug) for name, slug in told.items() if isinstance(slug, str)),
            self._trials.unlisted,
        )

    def _read_all(self, group: Collection[Served], person: Person, found: dict[str, Row | str], until: float) -> None:
        sizes = _sizes(group)
        for served in group:
            if self._now() >= until:
                return
            found[served.name] = self._unchanged(served, person, sizes) or self._read(served, person)

    def _unchanged(self, served: Served, person: Person, sizes: "_Sizes | None") -> Row | None:
        """The row that was kept, where nothing has been recorded since that it could show."""
        size = None if sizes is None else sizes.recorded.get(served.place.trial)
        session = None if size is None else served.unchanged(person, size)
        if sizes is None or size is None or session is None or session.audience is Audience.UNMASKED:
            return None
        shown = size if sizes.shown is None else sizes.shown.get(served.place.trial)
        if shown is None:
            return None
        behind = None if sizes.shown is None else max(0, size - shown)
        return self._known(served, session, Position(shown, None), behind)

    def _known(self, served: Served, session: Session, position: Position, behind: int | None) -> Row | None:
        key = _key(served, session, position, behind)
        with self._lock:
            known = self._kept.get(key)
            if known is not None:
                self._kept.move_to_end(key)
            return known

    def _read(self, served: Served, person: Person) -> Row | str:
        """The row of a trial, or the slug of the problem for which there is none."""
        try:
            return self._row(served, person)
        except Problem as problem:
            return problem.slug
        except DeniedError:
            return "not-permitted"
        except UnreachableError:
            return "unreachable"
        except AsOfError:  # a replica went away in between
            return "not-ready"
        except (KeysError, LedgerFileError, StorageError, OSError) as error:
            _log.error("portfolio: %s: %s", served.name, error)
            return "not-recorded"
        except Exception as error:
            _log.error("portfolio: %s: %s", served.name, type(error).__name__, exc_info=error)
            return "internal"

    def _row(self, served: Served, person: Person) -> Row:
        session = served.session(person)
        if session.audience is Audience.UNMASKED:
            session.admit(ARM, "the portfolio")
        behind = served.behind()
        position = served.position(session)
        key = _key(served, session, position, behind)
        if (known := self._known(served, session, position, behind)) is not None:
            return known
        day = key[-1]
        at = "/".join(str(size - 1) for size in position if size is not None)
        shown: dict[str, Result] = {view: session.show(view, at, asked=day) for view in VIEWS}
        with served.open_book(shown=True) as reader:
            whole = standing.whole_of(reader, Position(position.open, None))
        row = _row(served.name, session.viewer.role, whole, shown, position, behind)
        with self._lock:
            self._kept[key] = row
            while len(self._kept) > KEPT_ROWS:
                self._kept.popitem(last=False)
        return row


@dataclass(frozen=True, slots=True)
class _Sizes:
    """How far the trials of a database have come, by their names there; `shown`: on its replica, if that is read."""

    recorded: Mapping[str, int]
    shown: Mapping[str, int] | None


def _sizes(group: Collection[Served]) -> _Sizes | None:
    """None of files, and of what cannot be asked: then each trial says so itself."""
    database = next((served.place.database for served in group), None)
    if database is None:
        return None
    try:
        sizes = database.sizes()
    except (LedgerFileError, StorageError, OSError):
        return None
    if database.replica is None:
        return _Sizes(sizes, None)
    try:
        return _Sizes(sizes, database.replica.sizes())
    except (LedgerFileError, StorageError, OSError):
        return _Sizes(sizes, None)


def _key(served: Served, session: Session, position: Position, behind: int | None) -> tuple[Any, ...]:
    """All that a row depends on; the day comes last."""
    day = recorded(served.clock())[:10]
    return served.name, session.viewer.role, session.sight, position, behind, day


def _row(
    trial: str,
    role: str,
    whole: standing.Whole,
    shown: Mapping[str, Result],
    position: Position,
    behind: int | None,
) -> Row:
    numbers = standing.numbers_of(shown.__getitem__)
    state = whole.state
    assert state.protocol is not None
    registration = state.protocol.registration
    counts = Counts(
        planned=numbers.pop("target") or 0,
        sites=sum(site.active for site in state.sites.values()),
        sites_planned=len({site.id for site in state.protocol.sites} | set(state.sites)),
        serious=shown["serious-events"].table.extra["serious"],
        **numbers,
    )
    return Row(
        trial=trial,
        role=role,
        title=registration.acronym or registration.brief_title,
        status=state.status.value,
        since=None if whole.stop is None else whole.stop.data.get("occurred_at"),
        why=whole.reason,
        counts=counts,
        seq=position.open - 1,
        sealed=None if position.sealed is None else position.sealed - 1,
        recorded_at=shown["enrolment"].as_of.recorded_at,
        behind=behind,
    )
