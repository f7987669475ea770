"""How far the allocation has come: of the trial (committed, bound, opened) and of one list (which indices are drawn).

1. The next index due is the smallest that nobody has: one that was skipped comes before those beyond it.
2. An allocation that a source claims takes an index as any other, and is none of our list otherwise: minimisation
   does not count it.
3. Nothing here knows an arm. `AllocationPlan` does, which lies with the keys.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from ledger.domain.history import Fact
from ledger.domain.protocol import Protocol
from ledger.proof.allocation import MINIMISATION, PERMUTED_BLOCKS, AllocationPlan, Parameters, list_of, seed_of


@dataclass(frozen=True, slots=True)
class AllocationState:
    """What the open book says of the trial's allocation list. `outside` is the outside value, in base64.

    Times are when things occurred; `exhausted` are the names of the lists that are drawn to their end.
    """

    commitment: str | None = None
    method: str | None = None
    committed_at: str | None = None
    outside: str | None = None
    bound_at: str | None = None
    exhausted: tuple[str, ...] = ()
    opened_at: str | None = None

    @property
    def committed(self) -> bool:
        return self.commitment is not None

    @property
    def bound(self) -> bool:
        return self.outside is not None

    @property
    def opened(self) -> bool:
        return self.opened_at is not None

    @property
    def outside_value(self) -> bytes | None:
        """The outside value to which the list is bound."""
        return None if self.outside is None else base64.b64decode(self.outside)

    def list_of(self, stratum: str) -> str:
        """The name of the list from which a subject of the stratum is drawn."""
        return list_of(self.method or PERMUTED_BLOCKS, stratum)

    @classmethod
    def apply(cls, state: AllocationState, fact: Fact) -> AllocationState:
        """The state one fact of the stream `trial` further."""
        data, at = fact.data, fact.data["occurred_at"]
        if fact.type == "allocation.committed/1":
            return replace(state, commitment=data["commitment"], method=data["method"], committed_at=at)
        if fact.type == "allocation.bound/1":
            return replace(state, outside=data["value"], bound_at=at)
        if fact.type == "allocation.exhausted/1":
            return replace(state, exhausted=(*state.exhausted, data["list_name"]))
        return replace(state, opened_at=at) if fact.type == "allocation.opened/1" else state


NO_ALLOCATION: Final = AllocationState()
"""Before anything is committed to."""
ALLOCATION_ACTS: Final = (
    "allocation.committed/1",
    "allocation.bound/1",
    "allocation.exhausted/1",
    "allocation.opened/1",
)
"""The types of event that change an `AllocationState`."""


@dataclass(frozen=True, slots=True)
class ListState:
    """How far one list is drawn.

    `due`: the next index. `ahead`: those beyond it that are drawn already. `version`: the number of draws, which is
    the version of the list's stream. `draws`: (index, stratum) of each draw but the claimed, in the order of drawing.
    """

    due: int = 1
    ahead: frozenset[int] = frozenset()
    version: int = 0
    draws: tuple[tuple[int, str], ...] = ()

    def drawn(self, index: int) -> bool:
        """Whether somebody has the index."""
        return index < self.due or index in self.ahead

    def after(self, index: int, stratum: str, *, claimed: bool = False) -> ListState:
        """The state one draw further."""
        due, ahead = self.due, self.ahead
        if index == due:
            due += 1
            while due in ahead:
                ahead, due = ahead - {due}, due + 1
        elif index > due:
            ahead |= {index}
        draws = self.draws if claimed else (*self.draws, (index, stratum))
        return ListState(due, ahead, self.version + 1, draws)

    @classmethod
    def apply(cls, state: ListState, fact: Fact) -> ListState:
        """The state one fact of the list's stream further."""
        data = fact.data
        return state.after(data["index"], data["stratum"], claimed=data.get("claimed", False))

    @classmethod
    def fold(cls, facts: Iterable[Fact]) -> ListState:
        """The state after the facts of the list's stream."""
        state = cls()
        for fact in facts:
            state = cls.apply(state, fact)
        return state


NOTHING_DRAWN: Final = ListState()
"""Before the first draw."""


def arms_of(protocol: Protocol) -> tuple[tuple[str, int], ...]:
    """(code, ratio) of each arm, in the protocol's order, as the list takes them."""
    return tuple((arm.code, arm.ratio) for arm in protocol.arms)


def default_parameters(protocol: Protocol, method: str = PERMUTED_BLOCKS) -> dict[str, Any]:
    """The parameters that are offered where nobody names others: blocks of once, twice and three times the ratios.

    For minimisation: the range, a probability of 4/5, and factors of equal weight. Raises ValueError where the
    method is not for these arms.
    """
    value: dict[str, Any] = {"method": method}
    if method == PERMUTED_BLOCKS:
        shares = sum(ratio for _, ratio in arms_of(protocol))
        value["block_sizes"] = [shares, 2 * shares, 3 * shares]
    if method == MINIMISATION:
        factors = len(protocol.settings.stratification.factors) or 1
        value |= {"measure": "RANGE", "probability": [4, 5], "weights": [1] * factors}
    checked_parameters(value, protocol)
    return value


def checked_parameters(value: dict[str, Any], protocol: Protocol) -> Parameters:
    """The parameters in a JSON value. Raises ValueError where they do not fit the arms and factors of the protocol."""
    parameters = Parameters.from_value(value)
    parameters.check(arms_of(protocol))
    factors = len(protocol.settings.stratification.factors) or 1
    if parameters.method == MINIMISATION and len(parameters.weights) != factors:
        raise ValueError(f"weights: the protocol has {factors} factors, and each needs one")
    return parameters


def plan_of(secret: bytes, parameters: Parameters, outside_value: bytes, protocol: Protocol) -> AllocationPlan:
    """The lists that follow from a secret and the outside value. Raises ValueError."""
    return AllocationPlan(seed_of(secret, outside_value), parameters, arms_of(protocol))
