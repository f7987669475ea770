"""Which arms are compared with which, for those who may see arms.

Rules
- Every arm of the protocol is compared with one of them, the reference: the first without intervention or with a
  comparator (active, placebo, sham); where no arm is one, the first.
- Who has no known arm at the position is in no comparison, nor is an arm that the protocol does not have.
- Masked audiences have one group, and so nothing to compare.
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from projections.base import Context
from projections.groups import Groups

_REFERENCES: Final = frozenset({"NO_INTERVENTION", "PLACEBO_COMPARATOR", "SHAM_COMPARATOR", "ACTIVE_COMPARATOR"})
T = TypeVar("T")


def compared_labels(groups: Groups, context: Context) -> list[str]:
    """The labels of the arms to compare, the reference first; nothing where fewer than two are in sight."""
    arms = context.plan.arms
    if not groups.by_arm or len(arms) < 2:
        return []
    reference = next((arm for arm in arms if arm.type in _REFERENCES), arms[0])
    return [reference.label, *(arm.label for arm in arms if arm is not reference)]


def pairs(labels: Sequence[str], of: Mapping[str, T]) -> list[tuple[str, str, T, T]]:
    """(label, reference, what is of the label, what is of the reference) for each arm but the reference."""
    return [(label, labels[0], of[label], of[labels[0]]) for label in labels[1:]]
