"""What auditors and inspectors were granted to see, folded from the open facts of access.

1. A grant is to one person in one role, of classes of data, and stands until it is revoked or its time has come. One
   that ends by itself stands through the last moment that its date may mean: all of the day, the month, the year.
2. What somebody may see is decided by the grants that stand now, whatever position is looked at.
3. Whoever was granted arms is taken to know them from then on, looked or not: whether they looked is sealed, and what
   the open book says must not depend on it. A revocation takes back the access, not the knowledge.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ledger.domain.when import compare
from ledger.proof.sections import ARM


@dataclass(frozen=True, slots=True)
class AccessGrant:
    """What one person was granted, in one role."""

    person: str
    role: str
    classes: frozenset[str]
    until: str | None = None

    @property
    def arms(self) -> bool:
        return ARM in self.classes

    def stands(self, now: str | None) -> bool:
        """Whether it stands at `now`; where nobody says what time it is, one that ends does not."""
        return self.until is None or (now is not None and compare(now, self.until) <= 0)


Grants = tuple[AccessGrant, ...]


def granted(grants: Grants, data: Mapping[str, Any]) -> Grants:
    """The grants after one more. It takes the place of none: each stands for itself."""
    return (*grants, AccessGrant(data["person"], data["role"], frozenset(data["classes"]), data.get("until")))


def revoked(grants: Grants, data: Mapping[str, Any]) -> Grants:
    """The grants after all of a person, in a role, were revoked."""
    return tuple(one for one in grants if (one.person, one.role) != (data["person"], data["role"]))


def classes_of(grants: Grants, person: str, role: str, now: str | None) -> frozenset[str]:
    """The classes of data that a person may see, in a role, by the grants that stand."""
    theirs = (one for one in grants if (one.person, one.role) == (person, role) and one.stands(now))
    return frozenset[str]().union(*(one.classes for one in theirs))
