"""The badge of a trial: up to which entry the server has verified the record, when, and who else holds it.

It repeats what the verification in the background has found (`State.more["verifications"]`, as the viewer may see it),
and says that nothing was verified where that has given no verdict.
"""

from dataclasses import dataclass
from typing import Final

from api.server.operation.verifying import Verifications
from api.server.state import Asking, State


@dataclass(frozen=True, slots=True)
class Badge:
    """`good`: None where nothing was verified yet. `position`: the last open entry; `external`: of those, how many
    somebody outside vouches for, and `witnesses` who does.
    """

    good: bool | None = None
    position: int | None = None
    at: str | None = None
    external: int = 0
    witnesses: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()


NOT_VERIFIED: Final = Badge()


def badge_of(state: State, ask: Asking) -> Badge:
    """What is known of the trial's verification."""
    kept = state.more.get("verifications")
    found = kept.newest(ask.served.name) if isinstance(kept, Verifications) else None
    if found is None:
        return NOT_VERIFIED
    told = found.seen(arms=ask.session.sight.arms)
    return Badge(
        good=told.ok,
        position=told.position,
        at=told.at,
        external=told.external,
        witnesses=tuple(told.witnessed_by),
        findings=tuple(str(one["message"]) for one in told.findings[:3]),
    )
