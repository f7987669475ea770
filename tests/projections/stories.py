"""Random ledgers: any event of any subject in any order, corrections and sealed events among them.

Views must be total: whatever was recorded, in whatever order, they say something, and always the same.
"""

from collections.abc import Callable
from datetime import date
from typing import Any, TypeAlias

from hypothesis import strategies as st

from ledger.domain.events.access import ArmAccessed, IdentityAccessed
from ledger.domain.events.base import Event
from ledger.domain.events.conduct import DeviationRaised
from ledger.domain.events.enrolment import AllocationDrawn, ArmAssigned, SubjectEnrolled, SubjectRandomized
from ledger.domain.events.safety import AdverseEventFollowedUp
from ledger.domain.events.treatment import DoseDeviationRaised
from ledger.domain.events.trial import ProtocolAmended
from ledger.domain.events.unblinding import CodeBroken
from ledger.domain.routing import wrapped
from tests.projections import building as b

Step: TypeAlias = tuple[str, str, str, int]
"""What happens, to whom, on which day, and a number that varies it."""

_MAKERS: dict[str, Callable[[str, str, int], Event]] = {
    "consent": lambda s, day, n: b.consented(s, day, site=f"SITE{n % 2}", subject_name="A Name"),
    "screen": lambda s, day, n: b.screened(s, day, eligible=bool(n % 3)),
    "enrol": lambda s, day, n: SubjectEnrolled(occurred_at=day, subject=s, site=f"SITE{n % 2}", number=n + 1),
    "randomize": lambda s, day, n: SubjectRandomized(
        occurred_at=day, subject=s, site=f"SITE{n % 2}", stratum="X", index=n + 1
    ),
    "arm": lambda s, day, n: ArmAssigned(
        occurred_at=day, subject=s, arm=("CONTROL", "TREATMENT", "ODD")[n % 3], stratum="X", index=n + 1
    ),
    "visit": lambda s, day, n: b.visit(s, f"V{n}", day, str(n), state=("DONE", "MISSED")[n % 4 == 3]),
    "ae": lambda s, day, n: b.adverse_event(s, str(n), day if n % 5 else None, serious=n % 2 == 0),
    "follow-up": lambda s, day, n: AdverseEventFollowedUp.model_validate(
        {"occurred_at": day, "subject": s, "ae": str(n), "severity": ("MILD", "SEVERE")[n % 2], "ended": day}
    ),
    "code": lambda s, _, n: b.coded(s, str(n), f"SOC{n % 2}", f"PT{n % 3}"),
    "treat": lambda s, day, n: b.treated(
        s, n + 1, day, f"{n}.5", visit=f"V{n % 3}", **({"frequency": "QD"} if n % 2 else {})
    ),
    "dose-deviation": lambda s, day, n: DoseDeviationRaised(occurred_at=day, subject=s, rule="R", detail=str(n)),
    "end": lambda s, day, n: b.ended(s, ("COMPLETED", "DEATH", "LOST TO FOLLOW-UP", "OTHER")[n % 4], day, f"said {n}"),
    "die": lambda s, day, n: b.died(s, day[: (4, 7, 10, 10)[n % 4]]),
    "dead": lambda s, day, n: b.found_dead(s, day[: (7, 10, 10)[n % 3]]),
    "renew": lambda s, day, _: b.renewed(s, day),
    "fail": lambda s, day, _: b.ended(s, "SCREEN FAILURE", day),
    "alive": lambda s, day, _: b.alive(s, day),
    "withdraw": lambda s, day, n: b.withdrew(s, day, ("ALL", "INTERVENTION")[n % 2]),
    "deviation": lambda s, day, n: DeviationRaised.model_validate(
        {"occurred_at": day, "category": "OTHER", "detail": str(n), **({"subject": s} if n % 2 else {"site": "SITE0"})}
    ),
    "break": lambda s, day, _: CodeBroken(occurred_at=day, subject=s, reason="bleeding"),
    "unblinded-visit": lambda s, day, n: wrapped(b.visit(s, f"V{n}", day, str(n)), f"{day}T12:00:00Z"),
    "unblinded-ae": lambda s, day, n: wrapped(b.adverse_event(s, str(n), day), None),
    "unblinded-follow-up": lambda s, day, n: wrapped(
        AdverseEventFollowedUp.model_validate({"occurred_at": day, "subject": s, "ae": str(n), "severity": "SEVERE"}),
        None,
    ),
    "unblinded-end": lambda s, day, n: wrapped(b.ended(s, ("COMPLETED", "OTHER")[n % 2], day, f"said {n}"), None),
    "draw": lambda s, day, n: AllocationDrawn(occurred_at=day, subject=s, stratum=f"SITE{n % 2}", index=n + 1),
    "look": lambda _, day, n: (IdentityAccessed, ArmAccessed)[n % 2](occurred_at=day, what=f"view {n}"),
    "amend": lambda s, day, n: ProtocolAmended(
        occurred_at=day,
        amendment=f"A{n}",
        protocol={**b.PROTOCOL, "arms": b.PROTOCOL["arms"][n % 2 :]},
        reason=f"for {s}",
    ),
}

_days = st.dates(min_value=date(2020, 5, 1), max_value=date(2021, 2, 1))
_steps: st.SearchStrategy[Step] = st.tuples(
    st.sampled_from([*_MAKERS, "correct", "void"]),
    st.sampled_from(["S1", "S2", "S3", "S10"]),
    _days.map(lambda day: day.isoformat()),
    st.integers(0, 11),
)
steps: st.SearchStrategy[list[Step]] = st.lists(_steps, max_size=40)


def take(ledger: b.MemoryLedger, step: Step) -> None:
    """Record what the step says. A correction gives an earlier record another day; a record is voided but once."""
    what, subject, day, number = step
    at = f"2021-03-{1 + min(27, len(ledger.facts) // 8):02d}"
    if what not in ("correct", "void"):
        ledger.append(_MAKERS[what](subject, day, number), at)
        return
    targets = [fact for fact in ledger.facts if fact.stream.startswith("subject/") and "target_seq" not in fact.data]
    if what == "void":
        voided = {(fact.book, fact.data["target_seq"]) for fact in ledger.facts if "voided" in fact.type}
        targets = [fact for fact in targets if (fact.book, fact.seq) not in voided]
    if targets and what == "void":
        ledger.void(targets[number % len(targets)], at=at)
    elif targets:
        changes: dict[str, Any] = {"occurred_at": day}
        ledger.correct(targets[number % len(targets)], at=at, **changes)


def told(story: list[Step]) -> b.MemoryLedger:
    """The ledger of a story."""
    ledger = b.registered()
    for step in story:
        take(ledger, step)
    return ledger
