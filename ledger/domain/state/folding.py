"""States that facts make, one step at a time.

1. `fold` takes the facts of one stream from its beginning, applies the corrections among them, leaves out what was
   voided, and folds.
2. `apply` goes one fact further. It cannot apply what changes something that came before: it raises, and the caller
   folds the whole stream again (`needs_refold` tells beforehand).
3. A type that is not among a state's steps changes nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Self, TypeAlias

from ledger.domain.history import ABOUT, Fact, corrected

Data: TypeAlias = Mapping[str, Any]


class CorrectionInFoldError(ValueError):
    """A correction was applied to a state; the stream has to be folded again from its beginning."""


class Folded:
    """A state; `steps` tell what a fact of each type makes of it, given (state, fact, the fact's data)."""

    __slots__ = ()
    steps: ClassVar[Mapping[str, Callable[[Any, Fact, Data], Any]]]

    @classmethod
    def apply(cls, state: Self, fact: Fact) -> Self:
        """The state one fact further. Raises CorrectionInFoldError."""
        if is_correction(fact):
            raise CorrectionInFoldError(f"entry {fact.seq} of the {fact.book} book corrects: fold {fact.stream} again")
        step = cls.steps.get(fact.type)
        if step is None:
            return state
        after: Self = step(state, fact, fact.data)
        return after

    @classmethod
    def fold_on(cls, state: Self, facts: Iterable[Fact]) -> Self:
        """The state after these further facts of the stream. Raises CorrectionInFoldError."""
        for fact in facts:
            state = cls.apply(state, fact)
        return state

    @classmethod
    def fold(cls, facts: Iterable[Fact]) -> Self:
        """The state after the facts of one stream."""
        state = cls()
        for fact in corrected(facts):
            if not is_correction(fact):
                state = cls.apply(state, fact)
        return state


def is_correction(fact: Fact) -> bool:
    """Whether a fact corrects another one, or voids it."""
    return fact.type in ABOUT


def needs_refold(facts: Iterable[Fact]) -> bool:
    """Whether these further facts of a stream cannot be applied one by one."""
    return any(is_correction(fact) for fact in facts)
