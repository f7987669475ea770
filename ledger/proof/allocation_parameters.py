"""The parameters of the allocation: what is concealed until the secret is opened, and committed to with it.

    {"block_sizes": [2, 4, 6], "method": "PERMUTED_BLOCKS"}
    {"method": "SIMPLE"}
    {"measure": "RANGE" | "VARIANCE", "method": "MINIMISATION", "probability": [4, 5], "weights": [1, 1]}

Arms, their ratios and the stratification factors are the protocol's, and open. `weights` has one integer for each
factor (one for none: then all subjects are of the level "ALL"). `probability` is numerator and denominator, at least
1/(number of arms) and less than 1: without a random element everybody could tell the next arm. Minimisation is for
equal ratios: with a biased coin of one probability, unequal ones would not be kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

PERMUTED_BLOCKS: Final = "PERMUTED_BLOCKS"
SIMPLE: Final = "SIMPLE"
MINIMISATION: Final = "MINIMISATION"
RANGE: Final = "RANGE"
VARIANCE: Final = "VARIANCE"

MOST_RATIO: Final = 100

Arms = Sequence[tuple[str, int]]
"""(code, ratio) of each arm, in the protocol's order."""

_MEMBERS: Final[Mapping[str, frozenset[str]]] = {
    PERMUTED_BLOCKS: frozenset({"method", "block_sizes"}),
    SIMPLE: frozenset({"method"}),
    MINIMISATION: frozenset({"method", "measure", "probability", "weights"}),
}
_MOST: Final = {"block_sizes": 1000, "probability": 1_000_000, "weights": 1000}


def check_arms(arms: Arms) -> None:
    """Raise ValueError for no arms, or a ratio that no protocol can have."""
    if not arms or any(not 1 <= ratio <= MOST_RATIO for _, ratio in arms):
        raise ValueError(f"arms: at least one is needed, each with a ratio from 1 to {MOST_RATIO}")


def check_sizes(block_sizes: Sequence[int], arms: Arms) -> None:
    """Raise ValueError for no block sizes, or one in which the arms cannot have their ratios."""
    shares = sum(ratio for _, ratio in arms)
    if not block_sizes or any(size < 1 or size % shares for size in block_sizes):
        raise ValueError(f"block_sizes: each must be a multiple of {shares}, the sum of the ratios")


@dataclass(frozen=True, slots=True)
class Parameters:
    """How the list is laid out. Raises ValueError, which names the member, where they are not of one of the forms."""

    method: str
    block_sizes: tuple[int, ...] = ()
    measure: str | None = None
    probability: tuple[int, ...] = ()
    weights: tuple[int, ...] = ()

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> "Parameters":
        """The parameters in a JSON value."""
        method = value.get("method")
        if not isinstance(method, str) or method not in _MEMBERS:
            raise ValueError(f"method: must be one of {', '.join(_MEMBERS)}")
        if set(value) != _MEMBERS[method]:
            raise ValueError(f"method: {method} has exactly {', '.join(sorted(_MEMBERS[method]))}")
        integers = {name: _integers(name, value[name]) for name in _MOST if name in value}
        return cls(method, measure=value.get("measure"), **integers)

    def __post_init__(self) -> None:
        if self.method == MINIMISATION:
            if self.measure not in (RANGE, VARIANCE):
                raise ValueError(f"measure: must be {RANGE} or {VARIANCE}")
            if len(self.probability) != 2 or self.probability[0] >= self.probability[1]:
                raise ValueError("probability: must be [numerator, denominator], less than 1")

    def to_value(self) -> dict[str, Any]:
        """The JSON value that is committed to."""
        members: dict[str, Any] = {
            "method": self.method,
            "block_sizes": list(self.block_sizes),
            "measure": self.measure,
            "probability": list(self.probability),
            "weights": list(self.weights),
        }
        return {name: member for name, member in members.items() if name in _MEMBERS[self.method]}

    def check(self, arms: Arms) -> None:
        """Raise ValueError unless a list of these arms can be laid out."""
        check_arms(arms)
        if self.method == PERMUTED_BLOCKS:
            check_sizes(self.block_sizes, arms)
        if self.method == MINIMISATION:
            if len({ratio for _, ratio in arms}) != 1:
                raise ValueError("method: minimisation is for arms of equal ratios")
            if self.probability[0] * len(arms) < self.probability[1]:
                raise ValueError(f"probability: must be at least 1/{len(arms)}")


def _integers(name: str, value: Any) -> tuple[int, ...]:
    most = _MOST[name]
    numbers = tuple(value) if isinstance(value, list | tuple) else ()
    if not 1 <= len(numbers) <= 100 or any(type(one) is not int or not 1 <= one <= most for one in numbers):
        raise ValueError(f"{name}: must be a list of integers from 1 to {most}")
    return numbers
