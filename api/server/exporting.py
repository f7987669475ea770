"""Exports that people have a server make: one after the other, in a folder of its own, for who asked and nobody else.

1. An export is made, and recorded, by the person's session as on the command line (`api/exports/making.py`,
   `api/bundle/writing.py`): what is handed out has been recorded before.
2. One thread makes those of people who have no arms in sight and another the others', and each has a line of its own:
   nobody masked waits, or is turned away, for anything that depends on the sealed book.
3. Somebody has at most `MOST` at a time; each is kept `SECONDS`, counted from when it was asked for, and then goes.
4. They lie beside the ledger in `<ledger>.exports/`, for the owner of the process alone. What a process left there that
   is not running any more is taken away by the next one that uses the folder.
5. Only the person who asked may see that there is one, in the same role, and only as long as that role may still see
   what it saw then.
"""

import logging
import os
import secrets
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from api import durable
from api.access import Session
from api.bootstrap import DeniedError
from api.bundle.writing import BundleWriteError, export_bundle
from api.exports.kinds import KINDS
from api.exports.making import MANIFEST, ExportError, export
from api.server.problems import Problem
from api.server.trials import Served
from ledger.domain.roles import Sight, Viewer
from ledger.recording.reader import AsOfError

BUNDLE: Final = "bundle"
MOST: Final = 5
SECONDS: Final = 3600.0
_MOST_WAITING: Final = 50
_LOCK: Final = ".lock"
_NAMED: Final = (ExportError, BundleWriteError, AsOfError, DeniedError)
_FAILED: Final = "it could not be made; the cause is in the server's log"
_log: Final = logging.getLogger(__name__)

State = Literal["waiting", "making", "made", "failed"]


@dataclass(slots=True)
class Export:
    """One export that was asked for. `files`: name, bytes and SHA-256 of each, once they are made."""

    id: str
    served: Served
    session: Session
    sight: Sight
    kind: str
    at: str | None
    until: float
    """When it is taken away (monotonic seconds)."""
    state: State = "waiting"
    why: str | None = None
    sha256: str | None = None
    files: tuple[dict[str, Any], ...] = ()
    folder: Path | None = None
    """Where the files lie by their names."""

    @property
    def viewer(self) -> Viewer:
        return self.session.viewer

    def path(self, name: str) -> Path | None:
        """Where one of its files lies; None where it has no such file."""
        if self.folder is None or name not in {file["name"] for file in self.files}:
            return None
        return self.folder / name


class Exports:
    """All exports of a server. Safe for several threads; `close` takes them all away."""

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._all: dict[str, Export] = {}
        self._lines = {arms: _Line(self._make) for arms in (False, True)}
        self._folders: dict[Path, Path] = {}
        self._held = ExitStack()
        self._closed = False

    def ask(self, served: Served, session: Session, kind: str, at: str | None) -> Export:
        """Have one made. Raises Problem: 400 for a kind that there is not, 429 for too many."""
        if kind != BUNDLE and kind not in KINDS:
            raise Problem("parameter", f"kind: must be one of {', '.join((*KINDS, BUNDLE))}", parameter="kind")
        self._take_away_old()
        with self._lock:
            mine = [one for one in self._all.values() if one.viewer.id == session.viewer.id]
            line = self._lines[session.sight.arms]
            if len(mine) >= MOST or len(line) >= _MOST_WAITING:
                oldest = min((one.until for one in mine), default=self._now() + 60)
                wait = max(1, int(oldest - self._now()) + 1) if len(mine) >= MOST else 60
                detail = f"there are {MOST} exports of yours already; take one away, or wait until it goes"
                if len(mine) < MOST:
                    detail = "too many exports are waiting to be made"
                raise Problem("too-many-requests", detail, headers={"retry-after": str(wait)})
            made = Export(
                secrets.token_urlsafe(18), served, session.of_record(), session.sight, kind, at, self._now() + SECONDS
            )
            self._all[made.id] = made
        line.add(made)
        return made

    def of(self, served: Served, session: Session, id: str) -> Export:
        """One of the person's own. Raises Problem: 404 for any other."""
        self._take_away_old()
        with self._lock:
            found = self._all.get(id)
        if (
            found is None
            or found.served is not served
            or found.viewer != session.viewer
            or not _still_seen(found.sight, session.sight)
        ):
            raise Problem("not-found", "there is no such export")
        return found

    def all_of(self, served: Served, session: Session) -> list[Export]:
        """The person's own of a trial, the oldest first."""
        self._take_away_old()
        with self._lock:
            found = [one for one in self._all.values() if one.served is served and one.viewer == session.viewer]
        return [one for one in found if _still_seen(one.sight, session.sight)]

    def take_away(self, export: Export) -> None:
        """Take one away, made or not."""
        with self._lock:
            self._all.pop(export.id, None)
        self._delete(export)

    def close(self) -> None:
        """Take all away, and end."""
        with self._lock:
            self._closed = True
            gone, self._all = list(self._all.values()), {}
        for line in self._lines.values():
            line.close()
        for one in gone:
            self._delete(one)
        for folder in self._folders.values():
            shutil.rmtree(folder, ignore_errors=True)
        self._held.close()

    # -- making --------------------------------------------------------------------------------------------------------

    def _make(self, asked: Export) -> None:
        with self._lock:
            if self._all.get(asked.id) is not asked:
                return  # taken away while it waited
            asked.state = "making"
        try:
            self._write(asked)
        except _NAMED as error:
            asked.why, asked.state = _without_paths(str(error), asked), "failed"
        except Exception as error:
            _log.exception("export %s of %s failed: %s", asked.kind, asked.served.name, type(error).__name__)
            asked.why, asked.state = _FAILED, "failed"
        with self._lock:
            gone = self._all.get(asked.id) is not asked
        if gone:
            self._delete(asked)

    def _write(self, asked: Export) -> None:
        own = self._folder(asked.served.path) / asked.id
        own.mkdir(mode=0o700)
        clock = asked.served.clock
        if asked.kind == BUNDLE:
            name = f"{asked.served.name}.zip"
            bundle = export_bundle(asked.session, own / name, _seq(asked), clock=clock)
            asked.files = ({"name": name, "bytes": bundle.bytes, "sha256": bundle.sha256},)
            asked.sha256, asked.folder = bundle.sha256, own
        else:
            made = export(asked.session, KINDS[asked.kind], own / "export", asked.at, clock=clock)
            manifest = {"name": MANIFEST, "bytes": (made.path / MANIFEST).stat().st_size, "sha256": made.sha256}
            asked.files = (*made.manifest["files"], manifest)
            asked.sha256, asked.folder = made.sha256, made.path
        asked.state = "made"

    def _folder(self, ledger: Path) -> Path:
        """The folder of this process beside a ledger; those that others left are taken away (rule 4)."""
        with self._lock:
            if ledger not in self._folders:
                parent = ledger.with_name(f"{ledger.name}.exports")
                parent.mkdir(mode=0o700, exist_ok=True)
                for left in parent.iterdir():
                    with suppress(OSError), durable.locked(left / _LOCK, wait=False) as held:
                        if held is not None:
                            shutil.rmtree(left, ignore_errors=True)
                mine = parent / f"{os.getpid()}-{secrets.token_hex(4)}"
                mine.mkdir(mode=0o700)
                self._held.enter_context(durable.locked(mine / _LOCK))
                self._folders[ledger] = mine
            return self._folders[ledger]

    def _take_away_old(self) -> None:
        with self._lock:
            old = [one for one in self._all.values() if one.until <= self._now() and one.state != "making"]
            for one in old:
                del self._all[one.id]
        for one in old:
            self._delete(one)

    def _delete(self, export: Export) -> None:
        folder = self._folders.get(export.served.path)
        if folder is not None:
            shutil.rmtree(folder / export.id, ignore_errors=True)


@dataclass(slots=True)
class _Line:
    """What waits for one thread, which is there while there is something to do."""

    make: Callable[[Export], None]
    _waiting: deque[Export] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _thread: threading.Thread | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, export: Export) -> None:
        with self._lock:
            self._waiting.append(export)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="exports", daemon=True)
                self._thread.start()

    def close(self) -> None:
        with self._lock:
            self._waiting.clear()
            thread = self._thread
        if thread is not None:
            thread.join(5)

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return
                one = self._waiting.popleft()
            self.make(one)


def _seq(asked: Export) -> str | None:
    """Up to where a bundle goes, as a position: what is meant by a time or `halt` is said by the open book."""
    if asked.at is None or "/" in asked.at:
        return asked.at
    with asked.served.open_book() as reader:
        return str(reader.position_at(asked.at).open - 1)


def _still_seen(then: Sight, now: Sight) -> bool:
    """Whether all that was in sight when it was asked for is in sight still."""
    same_sites = now.sites is None or (then.sites is not None and then.sites <= now.sites)
    return then.books <= now.books and then.classes <= now.classes and same_sites


def _without_paths(text: str, export: Export) -> str:
    """What is said of a failure, without where things lie on the server."""
    beside = str(export.served.path.parent)
    return _FAILED if beside in text or "/" in text.split(":", 1)[0] else text
