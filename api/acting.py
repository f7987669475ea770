"""Commands that the program makes itself, for whoever sits before it: who acts, and what is said, as one command.

The same commands, decisions and refusals as those of `submit`; nothing is recorded here by another way.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ledger.domain.commands import Command, parse_command
from ledger.domain.events.base import Facts
from ledger.recording.live import utc_now


@dataclass(frozen=True, slots=True)
class Who:
    """Who acts: a pseudonym, the organisation, and the role in which it is done."""

    id: str
    org: str
    role: str


def command_of(
    type_: str,
    data: Mapping[str, Any],
    who: Who,
    *,
    clock: Callable[[], datetime] = utc_now,
    random: Callable[[int], bytes] = os.urandom,
) -> Command[Facts]:
    """A command given now. Raises CommandError for what is not of the form of its type."""
    return parse_command(
        {
            "id": f"{type_}-{random(16).hex()}",
            "type": type_,
            "actor": {"id": who.id, "org": who.org, "role": who.role},
            "occurred_at": clock().isoformat(timespec="seconds"),
            "data": dict(data),
        }
    )
