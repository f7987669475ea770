"""The eventsourcing library's projection runners, over the events that our ledger has, with a view like `subjects`.

1. The application has one domain event an event of the ledger, with the type and the content of ours, written by the
   library's own mapper into its own recorder. That is the one in memory: its SQLite recorder gives no subscriptions,
   which runners need.
2. The view says of each subject what ours does that is cheapest to say: status, since when, the site, and the days of
   consent, screening, enrolment and randomization, and of the last contact. In memory it is a dictionary; persisted, a
   row of a table of the library's tracking recorder, put in place in the transaction that tracks the position, as the
   library's documentation shows it. (Its rate does not depend on how many events there are; it is that of the first.)
3. What is timed begins with making the runner and ends when it has taken in the last event.
"""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.application import Application
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.domain import DomainEvent
from eventsourcing.persistence import ApplicationRecorder, StoredEvent, Tracking
from eventsourcing.popo import POPOApplicationRecorder, POPOTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from eventsourcing.sqlite import SQLiteTrackingRecorder

from ledger.domain.history import Fact

_STEPS: Final = {
    "consent.obtained/1": ("CONSENTED", "consented"),
    "screening.completed/1": ("ELIGIBLE", "screened"),
    "subject.enrolled/1": ("ENROLLED", "enrolled"),
    "subject.randomized/1": ("RANDOMIZED", "randomized"),
    "disposition.recorded/1": ("ENDED", None),
    "death.recorded/1": ("DIED", None),
    "vital-status.recorded/1": (None, "last_contact"),
    "visit.recorded/1": (None, "last_contact"),
}
_COLUMNS: Final = (
    "site", "status", "since", "consented", "screened", "enrolled", "randomized", "last_contact",
)  # fmt: skip
_WAIT: Final = 1800.0
_BATCH: Final = 1000


class Happened(DomainEvent):
    """An event of the trial."""

    stream: str
    type: str
    data: dict[str, Any]


def told(row: dict[str, str | None], event: Happened) -> bool:
    """Put into a subject's row what the event says; whether it says anything."""
    status, day = _STEPS.get(event.type, (None, None))
    if status is None and day is None:
        return False
    data: Mapping[str, Any] = event.data
    if status is not None:
        row["status"], row["since"] = status, data["occurred_at"][:10]
    if day is not None:
        row[day] = data["occurred_at"][:10]
    if "site" in data:
        row["site"] = data["site"]
    return True


class InMemory(POPOTrackingRecorder):
    """Rows in a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, dict[str, str | None]] = {}

    def take(self, event: Happened, tracking: Tracking) -> None:
        with self._database_lock:
            self._assert_tracking_uniqueness(tracking)
            self._insert_tracking(tracking)
            told(self.rows.setdefault(event.stream, {}), event)


class Persisted(SQLiteTrackingRecorder):
    """Rows in a table of SQLite."""

    def construct_create_table_statements(self) -> list[str]:
        columns = ", ".join(f"{name} TEXT" for name in _COLUMNS)
        return [
            *super().construct_create_table_statements(),
            f"CREATE TABLE IF NOT EXISTS subjects (subject TEXT PRIMARY KEY, {columns}) WITHOUT ROWID",
        ]

    def take(self, event: Happened, tracking: Tracking) -> None:
        row: dict[str, str | None] = {}
        with self.datastore.transaction(commit=True) as c:
            self._insert_tracking(c, tracking)
            if told(row, event):
                names = list(row)
                put = ", ".join(f"{name} = excluded.{name}" for name in names)
                c.execute(
                    f"INSERT INTO subjects (subject, {', '.join(names)}) VALUES (?{', ?' * len(names)}) "
                    f"ON CONFLICT (subject) DO UPDATE SET {put}",
                    (event.stream, *row.values()),
                )


class Subjects(Projection[Any]):
    """Hands each event to the view."""

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """Nothing else is there."""

    @process_event.register
    def happened(self, domain_event: Happened, tracking: Tracking) -> None:
        self.view.take(domain_event, tracking)


class Kept(Application[UUID]):
    """An application whose events in memory outlive it, so that a second runner finds them."""

    recorders: dict[str, POPOApplicationRecorder] = {}  # noqa: RUF012

    def construct_recorder(self) -> ApplicationRecorder:
        return self.recorders.setdefault(self.name, POPOApplicationRecorder())


class Library:
    """The same events, in the library's recorder."""

    def __init__(self, folder: Path, facts: Iterable[Fact], persisted: int) -> None:
        self.folder = folder
        self.count, self.persisted = 0, persisted
        Kept.recorders.clear()
        made: Any = Happened
        with Kept() as kept:
            batch: list[StoredEvent] = []
            for fact in facts:
                event = made(
                    originator_id=uuid5(NAMESPACE_URL, fact.stream),
                    originator_version=fact.version,
                    timestamp=Happened.create_timestamp(),
                    stream=fact.stream,
                    type=fact.type,
                    data=dict(fact.data),
                )
                batch.append(kept.mapper.to_stored_event(event))
                self.count += 1
                if len(batch) == _BATCH:
                    kept.recorder.insert_events(batch)
                    batch = []
            kept.recorder.insert_events(batch)

    def in_memory(self) -> float:
        """Events a second of the runner in memory."""
        return self._run(Kept, InMemory, {}, self.count)

    def in_sqlite(self) -> float:
        """Events a second of the runner whose view lies in SQLite, each event durable before the next."""
        view = self.folder / "library-view.db"
        for name in (view, Path(f"{view}-wal"), Path(f"{view}-shm")):
            name.unlink(missing_ok=True)
        env = {"SUBJECTS_PERSISTENCE_MODULE": "eventsourcing.sqlite", "SUBJECTS_SQLITE_DBNAME": str(view)}
        return self._run(Kept, Persisted, env, min(self.count, self.persisted))

    def _run(self, application: type[Any], view: type[Any], env: dict[str, str], count: int) -> float:
        begun = time.perf_counter()
        with ProjectionRunner(
            application_class=application, projection_class=Subjects, view_class=view, env=env
        ) as runner:
            runner.wait(count, timeout=_WAIT)
            return count / (time.perf_counter() - begun)

    def close(self) -> None:
        """Let the events go."""
        Kept.recorders.clear()
