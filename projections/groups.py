"""The columns of a table by arm: one cell an arm for those who may see arms, one cell "Total" for everybody else.

Rules
- Only randomized subjects stand in cells, so that the cells of the arms add up to the masked total.
- Arms come in the order of the protocol, under its labels; an arm that the protocol does not have comes after them
  under its code; a randomized subject whose arm is not (yet) known at the position comes last, as NOT ASSIGNED.
  The last two appear only where somebody is in them.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from projections.base import Audience, Context, Stored

TOTAL: Final = "Total"
NOT_ASSIGNED: Final = "NOT ASSIGNED"


@dataclass(frozen=True, slots=True)
class Groups:
    """`labels` and `n` (randomized subjects) of the cells; `codes` are the arms that they stand for."""

    labels: tuple[str, ...]
    codes: tuple[str | None, ...]
    n: tuple[int, ...]
    by_arm: bool

    def __len__(self) -> int:
        return len(self.labels)

    def place(self, row: Stored) -> int | None:
        """The cell of a subject's row (`randomized`, and `arm` where arms are seen); None if not randomized."""
        if row["randomized"] is None:
            return None
        return self.codes.index(row["arm"]) if self.by_arm else 0

    def arms(self) -> list[dict[str, Any]]:
        """The member `arms` of a view's JSON."""
        return [{"arm": label, "n": n} for label, n in zip(self.labels, self.n, strict=True)]


def groups_of(subjects: Iterable[Stored], context: Context, audience: Audience) -> Groups:
    """The groups of the subjects' rows, which have `randomized` and, for the unmasked, `arm`."""
    randomized = [row for row in subjects if row["randomized"] is not None]
    if audience is Audience.MASKED:
        return Groups((TOTAL,), (None,), (len(randomized),), by_arm=False)
    n = Counter(row["arm"] for row in randomized)
    labels: dict[str | None, str] = {arm.code: arm.label for arm in context.plan.arms}
    for code in sorted(code for code in n if code is not None):
        labels.setdefault(code, code)
    if None in n:
        labels[None] = NOT_ASSIGNED
    return Groups(tuple(labels.values()), tuple(labels), tuple(n[code] for code in labels), by_arm=True)


class SubjectCounts:
    """Distinct subjects, and occurrences, per cell."""

    def __init__(self, groups: Groups) -> None:
        self._subjects: list[set[str]] = [set() for _ in range(len(groups))]
        self._events = [0] * len(groups)
        self._outside: set[str] = set()

    def add(self, cell: int | None, key: str) -> None:
        """Count an occurrence of the subject `key`; `cell` None counts a subject who was not randomized."""
        if cell is None:
            self._outside.add(key)
        else:
            self._subjects[cell].add(key)
            self._events[cell] += 1

    @property
    def not_randomized(self) -> int:
        return len(self._outside)

    def subjects(self) -> list[dict[str, Any]]:
        """Cells with subjects alone."""
        return [{"subjects": len(keys)} for keys in self._subjects]

    def subjects_and_events(self) -> list[dict[str, Any]]:
        """Cells with subjects and occurrences."""
        return [
            {"subjects": len(keys), "events": events} for keys, events in zip(self._subjects, self._events, strict=True)
        ]


def group_members(groups: Groups, rows: Sequence[Stored]) -> list[tuple[str, list[Stored]]]:
    """(label, rows of randomized subjects) for each arm, and for all of them together as Total."""
    members: list[tuple[str, list[Stored]]] = [(label, []) for label in groups.labels]
    everybody: list[Stored] = []
    for row in rows:
        cell = groups.place(row)
        if cell is not None:
            members[cell][1].append(row)
            everybody.append(row)
    return [*members, (TOTAL, everybody)] if groups.by_arm else members
