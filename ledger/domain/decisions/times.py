"""What holds for every date and time of a command: not in the future, and with an offset where a person states it."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from ledger.domain.decisions.base import Command, Refusal
from ledger.domain.events.base import Facts
from ledger.domain.when import Moment, parse_recorded

MAY_LIE_AHEAD: Final = frozenset({"cut_off", "until"})
"""A cut-off is declared for a day that is still to come; so does a grant of access end."""
CLOCKS_DIFFER: Final = timedelta(minutes=5)
TIMES: Final = frozenset(
    {"onset", "ended", "died", "started", "started_at", "ended_at", "stopped_at", "resumed_at", "cut_off"}
    | {"until", "aware_at"}
)
"""The fields of commands' data that are dates or times."""


def times_of(data: Facts, path: str = "data") -> Iterator[tuple[str, str]]:
    """(path, value) of each date or time in a command's data."""
    for name in type(data).model_fields:
        value = getattr(data, name)
        if name in TIMES and value is not None:
            yield f"{path}.{name}", value
        elif isinstance(value, tuple):
            for index, item in enumerate(value):
                if isinstance(item, Facts):
                    yield from times_of(item, f"{path}.{name}[{index}]")


def check_times(command: Command[Facts], now: str) -> None:
    """Refuse a command with a time in the future, or (unless imported) a time of day without an offset."""
    for path, value in [("occurred_at", command.occurred_at), *times_of(command.data)]:
        check_time(value, path, now, imported=command.imported)


def check_time(value: str, path: str, now: str, *, imported: bool) -> None:
    """Refuse one such time.

    What has an offset is compared exactly, with some minutes for clocks that differ. Without one, a day more than
    today's is allowed: somewhere it is tomorrow already.
    """
    moment = Moment(value)
    if moment.has_time and not moment.has_offset and not imported:
        raise Refusal("offset", path, f"{value} has no offset from UTC, such as +02:00 or Z")
    ahead_allowed = path.rpartition(".")[2] in MAY_LIE_AHEAD
    if moment.instant is not None and not ahead_allowed:
        if moment.instant > parse_recorded(now) + CLOCKS_DIFFER:
            raise Refusal("future", path, f"{value} lies in the future (it is {now})")
        return
    limit = date.fromisoformat(now[:10]) + timedelta(days=1)
    if not ahead_allowed and value[: moment.precision] > limit.isoformat()[: moment.precision]:
        raise Refusal("future", path, f"{value} lies in the future (it is {now})")
