"""One subject, as the sealed book knows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ledger.domain.history import Fact
from ledger.domain.state.folding import Data, Folded


@dataclass(frozen=True, slots=True)
class Dose:
    """A recorded administration."""

    number: int
    product: str
    started_at: str
    given_amount: str
    ended_at: str | None = None


@dataclass(frozen=True, slots=True)
class SealedSubjectState(Folded):
    """One subject, as the sealed book knows it.

    `prepared`: (dose number, product, lot). `expected`: adverse event -> whether it was assessed as expected, last.
    `reports`: the numbers of the unexpected-reaction reports.
    """

    arm: str | None = None
    doses: tuple[Dose, ...] = ()
    prepared: frozenset[tuple[int, str, str]] = frozenset()
    expected: Mapping[str, bool] = field(default_factory=dict)
    reports: frozenset[str] = frozenset()


def _treated(state: SealedSubjectState, _: Fact, data: Data) -> SealedSubjectState:
    dose = Dose(data["dose_number"], data["product"], data["started_at"], data["given_amount"], data.get("ended_at"))
    return replace(state, doses=(*state.doses, dose))


SealedSubjectState.steps = {
    "arm.assigned/1": lambda state, _, data: replace(state, arm=data.get("arm")),
    "treatment.recorded/1": _treated,
    "product.prepared/1": lambda state, _, data: replace(
        state, prepared=state.prepared | {(data["dose_number"], data["product"], data["lot"])}
    ),
    "expectedness.assessed/1": lambda state, _, data: replace(
        state, expected={**state.expected, data["ae"]: data["expectedness"] == "EXPECTED"}
    ),
    "unexpected-reaction.reported/1": lambda state, _, data: replace(state, reports=state.reports | {data["report"]}),
}
