"""Minimisation after Pocock and Simon (1975), as `docs/allocation.md` section 4 states it.

1. A subject's *levels* are the parts of its stratum between "/", one for each factor. All strata draw from one list.
2. For each arm t, the subject is counted as if it were in t: for each factor, with x(a) the number of subjects of the
   subject's level who were drawn to arm a before (and the subject itself, in t), d is the range max x - min x, or the
   variance as the integer n * (sum of x²) - (sum of x)², n the number of arms. G(t) is the sum of weight * d over
   the factors.
3. The draws of index k are made below the numbers named, from the stream of bytes of the name "ALL/k":
   among the arms with the least G, in the protocol's order, the preferred one by a draw below their number;
   with a draw below the denominator that is less than the numerator, the subject gets the preferred arm;
   otherwise the arm, of all others in the protocol's order, of a draw below their number.
4. "Before" is the order in which the draws were recorded. It is that of the indices, unless one was taken out of turn.
   Allocations that a source claims are no draws of this list, and are not counted.

So the arm is a function of the seed and of what the open book says of the draws; nothing sealed is read for it.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from ledger.proof.allocation_parameters import RANGE, Arms, Parameters
from ledger.proof.word_stream import WordStream

ALL: Final = "ALL"
"""The name of the list of all strata."""


class Minimisation:
    """The list of a trial, as far as it was drawn. Going on where the last draw ended takes no second look back."""

    def __init__(self, seed: bytes, parameters: Parameters, arms: Arms) -> None:
        self._seed, self._parameters = seed, parameters
        self._codes = [code for code, _ in arms]
        self._begin()

    def _begin(self) -> None:
        self._done: tuple[tuple[int, str], ...] = ()
        self._totals: defaultdict[tuple[int, str], list[int]] = defaultdict(lambda: [0] * len(self._codes))

    def arm(self, drawn: Sequence[tuple[int, str]], stratum: str, index: int) -> str:
        """The arm of a subject of `stratum` who draws `index` after `drawn`. Raises ValueError for other factors."""
        drawn = tuple(drawn)
        if drawn[: len(self._done)] != self._done:
            self._begin()
        for earlier_index, earlier in drawn[len(self._done) :]:
            place = self._place(earlier, earlier_index)
            for factor in self._levels(earlier):
                self._totals[factor][place] += 1
        self._done = drawn
        return self._codes[self._place(stratum, index)]

    def _levels(self, stratum: str) -> list[tuple[int, str]]:
        levels = list(enumerate(stratum.split("/")))
        if len(levels) != len(self._parameters.weights):
            raise ValueError(f"stratum: {stratum!r} has {len(levels)} levels, not {len(self._parameters.weights)}")
        return levels

    def _imbalance(self, levels: list[tuple[int, str]], arm: int) -> int:
        total = 0
        for weight, factor in zip(self._parameters.weights, levels, strict=True):
            counts = list(self._totals.get(factor, [0] * len(self._codes)))
            counts[arm] += 1
            if self._parameters.measure == RANGE:
                total += weight * (max(counts) - min(counts))
            else:
                total += weight * (len(counts) * sum(x * x for x in counts) - sum(counts) ** 2)
        return total

    def _place(self, stratum: str, index: int) -> int:
        """The arm's place in the protocol's order (steps 2 and 3)."""
        levels, places = self._levels(stratum), range(len(self._codes))
        imbalances = [self._imbalance(levels, place) for place in places]
        least = [place for place in places if imbalances[place] == min(imbalances)]
        words = WordStream(self._seed, f"{ALL}/{index}")
        preferred = least[words.below(len(least))]
        numerator, denominator = self._parameters.probability
        others = [place for place in places if place != preferred]
        if words.below(denominator) < numerator or not others:
            return preferred
        return others[words.below(len(others))]
