"""All trials of a server, by name.

1. Of the trials of a placement at most so many are held open: of more, the one that was asked for longest ago rests.
2. A database all of whose trials are served is asked now and then which it has. One that cannot say keeps those that it
   had; one that has never said is counted (`unlisted`), so that nobody takes what is seen for all.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from api.server.person import Person
from api.server.placement import Database, Nowhere, Place, place_in
from api.server.problems import Problem
from api.server.served import KeptViewing, Served
from api.server.settings import NAME
from ledger.proof.ledger_file import LedgerFileError
from ledger.recording.engine import StorageError
from ledger.recording.live import utc_now

OPEN_TRIALS: Final = 64
_WHOLE_ROOM: Final = 4
"""So many trials have all of the room in memory each; where there are more, they share it."""
_log: Final = logging.getLogger(__name__)


class Names(Collection[str]):
    """The names of a server's trials, as they are at the moment. `complete`: no other can be found later."""

    def __init__(self, known: Callable[[], Mapping[str, object]], *, complete: bool) -> None:
        self._known = known
        self.complete = complete

    def __contains__(self, name: object) -> bool:
        return name in self._known()

    def __iter__(self) -> Iterator[str]:
        return iter(self._known())

    def __len__(self) -> int:
        return len(self._known())


class Trials:
    """All trials of a server, by name."""

    def __init__(
        self,
        places: Mapping[str, Path | Place],
        *,
        clock: Callable[[], datetime] = utc_now,
        whole: Collection[Database] = (),
        most_open: int = OPEN_TRIALS,
    ) -> None:
        """`whole`: databases all of whose trials are served. `most_open`: of trials of a placement (rule 1)."""
        self._clock = clock
        self._most_open = most_open
        self._whole = tuple(whole)
        self._found: dict[str, list[str]] = {}
        self._given = dict(places)
        self._share = max(1, min(len(places), most_open) // _WHOLE_ROOM)
        self._lock = threading.Lock()
        self._awake: OrderedDict[str, Served] = OrderedDict()
        self._served: dict[str, Served] = {name: self._made(name, place) for name, place in sorted(places.items())}
        self.names = Names(lambda: self._served, complete=not whole)

    def __iter__(self) -> Iterator[Served]:
        return iter(tuple(self._served.values()))

    def __len__(self) -> int:
        return len(self._served)

    @property
    def paths(self) -> "Paths":
        """Where each lies, or the link to it, as they are at the moment."""
        return Paths(self)

    def path(self, name: str) -> Path:
        """Where a trial lies. Raises KeyError."""
        return self._served[name].path

    @property
    def unlisted(self) -> int:
        """How many databases there are of which it is not known yet which trials they have."""
        return sum(one.name not in self._found for one in self._whole)

    def of(self, name: str, person: Person) -> Served:
        """The trial, open from now on. Raises Problem: 404 for what is not there, and for what the person has no role
        in, alike; and UnreachableError."""
        served = self._served.get(name)
        if served is None or name not in person.rights:
            raise Problem("not-found", "there is no such trial")
        served.place.reach()
        if served.place.placed:
            self._wake(served)
        return served

    def look_for_more(self) -> None:
        """Ask the databases all of whose trials are served which they have. One that cannot say keeps those it had."""
        for database in self._whole:
            try:
                names = database.trials()
            except (StorageError, LedgerFileError, OSError) as error:
                _log.warning("database %s: its trials cannot be listed: %s", database.name, error)
                continue
            if bad := sorted(name for name in names if not NAME.fullmatch(name)):
                _log.error("database %s: not served, since the name cannot be in an address: %s", database.name, bad[0])
            self._found[database.name] = [name for name in names if NAME.fullmatch(name)]
        places: dict[str, Place] = {}
        lined = {
            (one.database.url, one.trial)
            for one in self._given.values()
            if isinstance(one, Place) and one.database is not None
        }
        for database in self._whole:
            for name in self._found.get(database.name, ()):
                if (database.url, name) in lined or name in self._given:
                    continue
                place = place_in(database, name)
                places[name] = replace(place, database=Nowhere(name, "")) if name in places else place
        served = dict(self._served)
        for name, place in places.items():
            if name not in served or type(served[name].place.database) is not type(place.database):
                former = served.get(name)
                served[name] = self._made(name, place)
                if former is not None:
                    former.rest()
        self._served = dict(sorted(served.items()))

    def close(self) -> None:
        """Let go of all files."""
        for served in self:
            served.close()

    def _made(self, name: str, place: Path | Place) -> Served:
        made = Served(name, place, clock=self._clock, share=self._share)
        if made.place.placed:
            made.rest()
        return made

    def _wake(self, served: Served) -> None:
        with self._lock:
            self._awake[served.name] = served
            self._awake.move_to_end(served.name)
            served.wake()
            longest = [self._awake.popitem(last=False)[1] for _ in range(len(self._awake) - self._most_open)]
        for one in longest:
            one.rest()


class Paths(Mapping[str, Path]):
    """Where the trials lie, by name, as they are at the moment."""

    def __init__(self, trials: Trials) -> None:
        self._trials = trials

    def __getitem__(self, name: str) -> Path:
        return self._trials.path(name)

    def __iter__(self) -> Iterator[str]:
        return iter([served.name for served in self._trials])

    def __len__(self) -> int:
        return len(self._trials)


__all__ = ["OPEN_TRIALS", "KeptViewing", "Names", "Served", "Trials"]
