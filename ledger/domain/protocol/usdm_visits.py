"""From the main timeline of a USDM design to planned visits.

Rules: a visit's day is that of its encounter's instances, reckoned by their timings back to the timeline's fixed
reference, which is taken for the randomisation (a note says so). Days and weeks count, and hours where they are whole
days; what is shorter is the same day. An encounter of several days is due on the first and may end on the last. One
with an instance whose day cannot be reckoned makes no visit, and is noted.
"""

import re
from typing import Final

from ledger.domain.protocol import usdm_codes as codes
from ledger.domain.protocol.base import Problem
from ledger.domain.protocol.usdm_record import Usdm
from ledger.proof.canonical import Json

_DURATION: Final = re.compile(
    r"P(?:(?P<weeks>\d{1,4})W)?(?:(?P<days>\d{1,5})D)?(?:T(?:(?P<hours>\d{1,5})H)?(?:\d{1,6}M)?(?:\d{1,6}S)?)?"
)
_MOST_DAYS: Final = 36_600
_MOST_WINDOW: Final = 366


def read_visits(read: Usdm, design: str, notes: list[str]) -> list[dict[str, Json]]:
    """The visits that can be placed, in the order of the encounters; adds to `notes` those that cannot."""
    encounters = read.by_id(f"{design}.encounters")
    timelines = read.items(f"{design}.scheduleTimelines")
    main = [path for path in timelines if read.peek(f"{path}.mainTimeline") is True]
    if not encounters or len(main) != 1:
        if encounters:
            notes.append(f"{design}.scheduleTimelines: {len(main)} are the main one; no visit is planned by them")
        return []
    schedule = _Schedule(read, main[0])
    visits: list[dict[str, Json]] = []
    for identity, path in encounters.items():
        name = read.named(path) or identity
        placed = [(schedule.day(one), *schedule.window(one)) for one in schedule.of(identity)]
        known = [(day, early, late) for day, early, late in placed if day is not None and abs(day) <= _MOST_DAYS]
        if not placed or len(known) < len(placed):
            notes.append(f"{path}: {name!r} has no day by the main timeline; no visit is planned for it")
            read.unnamed(path)
            continue
        if any(visit["name"] == name for visit in visits):
            notes.append(f"{path}: {name!r} is the name of an earlier visit; no visit is planned for it")
            read.unnamed(path)
            continue
        first = min(day for day, _, _ in known)
        if any(day != first for day, _, _ in known):
            notes.append(f"{path}: {name!r} takes several days; the visit is due on the first, and late after the last")
        early = max(first - (day - before) for day, before, _ in known)
        late = max(day + after - first for day, _, after in known)
        window = {"early_days": min(early, _MOST_WINDOW), "late_days": min(late, _MOST_WINDOW)}
        visits.append({"name": name, "day": first, **window})
    if visits:
        anchor = f"{main[0]}: its fixed reference is taken for the randomisation, from which visits count; check it"
        notes.append(anchor)
    return visits


class _Schedule:
    """The instances of a timeline, and how far each is from the fixed reference."""

    def __init__(self, read: Usdm, timeline: str) -> None:
        self._read = read
        self._instances = read.by_id(f"{timeline}.instances")
        self._timings: dict[str, str] = {}
        for path in read.items(f"{timeline}.timings"):
            at = f"{path}.relativeFromScheduledInstanceId"
            if read.follow(at, self._instances, "ScheduledInstance") is not None:
                if read.peek(at) in self._timings:
                    read.problems.append(Problem(at, "is the start of an earlier timing too"))
                self._timings[read.peek(at)] = path

    def of(self, encounter: str) -> list[str]:
        """The instances of an encounter."""
        return [id_ for id_, path in self._instances.items() if self._read.peek(f"{path}.encounterId") == encounter]

    def day(self, instance: str) -> int | None:
        """Days from the fixed reference; None where the timings do not lead there."""
        total, seen = 0, set[str]()
        while instance not in seen:
            seen.add(instance)
            path = self._timings.get(instance)
            kind = None if path is None else self._read.peek(f"{path}.type.code")
            if kind == codes.FIXED:
                return total
            days = None if path is None else _days(self._read.peek(f"{path}.value"))
            if path is None or days is None or kind not in (codes.BEFORE, codes.AFTER):
                return None
            total += days if kind == codes.AFTER else -days
            instance = str(self._read.peek(f"{path}.relativeToScheduledInstanceId"))
        return None

    def window(self, instance: str) -> tuple[int, int]:
        """By how many days it may be early and late."""
        path = self._timings.get(instance)
        if path is None:
            return 0, 0
        early, late = (_days(self._read.peek(f"{path}.window{end}")) or 0 for end in ("Lower", "Upper"))
        return early, late


def _days(duration: object) -> int | None:
    """An ISO 8601 duration in days; None for months and years, and for what is none."""
    found = _DURATION.fullmatch(duration) if isinstance(duration, str) else None
    if found is None or found.group() in ("P", "PT"):
        return None
    return int(found["weeks"] or 0) * 7 + int(found["days"] or 0) + int(found["hours"] or 0) // 24
