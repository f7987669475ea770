"""Who knows an arm, since when, and of whom: folded from the open facts of unblinding.

1. An emergency code-break unblinds the actor of its entry; a planned unblinding, an inadvertent one and an opened
   envelope unblind the person whom they name. A request alone unblinds nobody.
2. It holds from the moment at which the record says so, and for good: what somebody has seen cannot be taken back.
   That is why no such record is corrected or voided.
3. An import claims what happened elsewhere under other names: it unblinds whom it names, and not its own actor.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from ledger.domain.history import Fact


@dataclass(frozen=True, slots=True)
class Request:
    """A planned unblinding that `by` has asked for; of all subjects, where none is named."""

    by: str
    person: str
    role: str
    subjects: tuple[str, ...]
    approved: bool = False


@dataclass(frozen=True, slots=True)
class Knowledge:
    """(person, subject, or None for the whole trial) -> since when; and the requests, by their command's id."""

    since: Mapping[tuple[str, str | None], str] = field(default_factory=dict)
    requests: Mapping[str, Request] = field(default_factory=dict)

    def of(self, person: str, subject: str | None) -> str | None:
        """Since when `person` has known the arm of `subject`; with None, all arms."""
        known = (self.since.get((person, subject)), self.since.get((person, None)))
        return min((since for since in known if since is not None), default=None)

    @property
    def persons(self) -> frozenset[str]:
        """Everybody who knows an arm, of whomever."""
        return frozenset(person for person, _ in self.since)

    def knowing(self, person: str, subject: str | None, since: str) -> "Knowledge":
        """The same, and `person` knows; who knew before has known since then."""
        key = (person, subject)
        return self if key in self.since else replace(self, since={**self.since, key: since})


NOTHING_KNOWN: Final = Knowledge()


def _broken(knowledge: Knowledge, fact: Fact) -> Knowledge:
    if fact.data.get("provenance", {}).get("kind") == "import":
        return knowledge
    return knowledge.knowing(fact.actor.id, fact.data["subject"], fact.at)


def _named(knowledge: Knowledge, fact: Fact) -> Knowledge:
    return knowledge.knowing(fact.data["person"], fact.data.get("subject"), fact.at)


def _requested(knowledge: Knowledge, fact: Fact) -> Knowledge:
    asked = Request(fact.actor.id, fact.data["person"], fact.data["role"], tuple(fact.data.get("subjects", ())))
    return replace(knowledge, requests={**knowledge.requests, fact.command: asked})


def _approved(knowledge: Knowledge, fact: Fact) -> Knowledge:
    for subject in fact.data.get("subjects") or (None,):
        knowledge = knowledge.knowing(fact.data["person"], subject, fact.at)
    asked = knowledge.requests.get(fact.data["request"])
    if asked is None:
        return knowledge
    return replace(knowledge, requests={**knowledge.requests, fact.data["request"]: replace(asked, approved=True)})


LEARNED: Final[Mapping[str, Callable[[Knowledge, Fact], Knowledge]]] = {
    "code.broken/1": _broken,
    "unblinding.requested/1": _requested,
    "unblinding.approved/1": _approved,
    "unblinding.reported/1": _named,
    "envelope.opened/1": _named,
}
"""Type of open fact -> what is known after it."""
