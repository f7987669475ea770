"""Provenance: which entries a resource was made from, by whom, when and why.

1. An entry is named by its AuditEvent, which has its book and seq; no hash of an entry is in it. What made the resource
   is a `source`, a correction a `revision`, a voiding a `removal`.
2. `recorded` is when the last of those entries was. Reasons are those given for corrections, voidings, withdrawals.
"""

from collections.abc import Iterable

from api.exports.fhir import codes
from api.exports.fhir.elements import Ids, Resource, coding, concept, reference, who
from ledger.domain.history import ABOUT, VOIDS, Fact
from ledger.proof.entry import Actor
from projections.histories import History

_REPORTER = "reporter.named/1"


class Entries:
    """The entries of one stream, and what is about which."""

    def __init__(self, history: History) -> None:
        self._about: dict[tuple[str, int], list[Fact]] = {}
        for fact in history.recorded:
            book = ABOUT.get(fact.type)
            if book is not None:
                self._about.setdefault((book.value, fact.data["target_seq"]), []).append(fact)

    def with_changes(self, facts: Iterable[Fact]) -> list[Fact]:
        """The entries with those that correct or void them, in merged order, each once."""
        found = {}
        for fact in facts:
            for entry in (fact, *self._about.get((fact.book.value, fact.seq), ())):
                found[entry.order] = entry
        return [found[order] for order in sorted(found)]


def provenance(kind: str, id_: str, entries: list[Fact], ids: Ids, patient: str | None = None) -> Resource:
    """The provenance of one resource. `entries`: in merged order, at least one."""
    changed = any(fact.type in ABOUT for fact in entries)
    reasons = dict.fromkeys(fact.data["reason"] for fact in entries if fact.data.get("reason"))
    made: Resource = {
        "resourceType": "Provenance",
        "id": ids.of("provenance", kind, id_.removeprefix(f"{ids.trial}-")),
        "target": [reference(kind, id_)],
        "recorded": max(fact.at for fact in entries),
        "activity": concept(coding(codes.LIFECYCLE, "amend" if changed else "originate")),
    }
    if reasons:
        made["authorization"] = [{"concept": concept(text=reason)} for reason in reasons]
    if patient is not None:
        made["patient"] = reference("Patient", patient)
    return made | {"agent": _agents(entries), "entity": [_entity(fact, ids) for fact in entries]}


def _agents(entries: list[Fact]) -> list[Resource]:
    """Everybody who recorded one of the entries, and whom the sealed book names as the one who reported it."""
    found: dict[tuple[str, str, str, str], Resource] = {}
    for fact in entries:
        listed = [("author", fact.actor)]
        if fact.type == _REPORTER:
            data = fact.data
            listed.append(("informant", Actor(data["person"], data["org"], data["role"])))
        for part, actor in listed:
            found.setdefault(
                (part, actor.id, actor.org, actor.role),
                {
                    "type": concept(coding(codes.PARTICIPANT, part)),
                    "role": [concept(coding(codes.ROLE, actor.role))],
                    "who": who(actor),
                },
            )
    return list(found.values())


def _entity(fact: Fact, ids: Ids) -> Resource:
    part = "source" if fact.type not in ABOUT else "removal" if fact.type in VOIDS.values() else "revision"
    return {"role": part, "what": reference("AuditEvent", ids.entry(fact.book, fact.seq))}
