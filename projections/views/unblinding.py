"""Who knows an arm, of whom, since when and how; and who is still masked.

Rules
- A row KNOWS is an act by which a person came to know the arm of `subject`, or (where null) all arms: EMERGENCY (the
  actor), PLANNED (whom the approved request names), ENVELOPE, INADVERTENT, GRANTED (an auditor or inspector who may
  look is taken to know), LIST OPENED (everybody, and so no person). `since` is when it was recorded.
- REQUESTED is a planned unblinding that nobody has approved: it unblinds nobody. CLAIMED is an imported source's.
- A row MASKED is a person who has acted, or looked, in a role that has no arms in sight, and does not know all of
  them; `but_for` are the subjects whose arm he knows. A masked role in which nobody was seen has a row of no person.
- Roles that always see arms are not rows. Once the list is opened nobody is masked but participants.
- What a person is called in another role is another row, but knowledge is the person's.
- Those who may see arms see the subject's arm too, and how often the person looked at arms (`looks`).
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ledger.domain.events.access import ACCESS_STREAM
from ledger.domain.events.base import TRIAL_STREAM
from ledger.domain.history import Fact
from ledger.domain.roles import ROLES
from ledger.domain.vocabulary import Book
from ledger.proof.sections import ARM
from projections.base import Audience, Column, Context, Stored, Table, View
from projections.histories import History

KNOWS: Final = "KNOWS"
REQUESTED: Final = "REQUESTED"
CLAIMED: Final = "CLAIMED"
MASKED: Final = "MASKED"
_COLUMNS: Final = (
    "status",
    "person",
    "role",
    "subject",
    "since",
    "occurred_at",
    "how",
    "reason",
    "asked_by",
    "approved_by",
    "but_for",
)
_LIST_OPENED: Final = "LIST OPENED"
_SEEN: Final = "seen"  # not an act: that a person acted in a role, an arm, looks
_ROLES_IN_ORDER: Final = tuple(str(role) for role in ROLES)


class Unblinding(View):
    """Acts in the order of recording, then those who are still masked, by role and person."""

    name = "unblinding"
    title = "Who knows an arm, and who is masked"
    stored = (
        Column("place", "INTEGER"),
        Column("kind"),
        *(Column(name) for name in ("person", "role", "since", "occurred_at", "reason", "by", "request", "subjects")),
        Column("arm", sealed=True),
        Column("looks", "INTEGER", sealed=True),
    )

    def takes(self, stream: str) -> bool:
        return stream in (TRIAL_STREAM, ACCESS_STREAM) or super().takes(stream)

    def rows(self, history: History) -> Iterator[Mapping[str, Any]]:
        seen: dict[tuple[str, str], int] = {}
        arm = None
        for fact in history.corrected:
            if fact.type == "arm.assigned/1":
                arm = fact.data.get("arm")
            if fact.actor.role in _ROLES_IN_ORDER:
                who = (fact.actor.id, fact.actor.role)
                seen[who] = seen.get(who, 0) + (fact.type == "arm.accessed/1")
            if fact.book is Book.OPEN:
                act = _act(fact)
                if act is not None:
                    yield act
        if arm is not None:
            yield {"kind": _SEEN, "subjects": _listed([history.key.removeprefix("subject/")]), "arm": arm}
        for (person, role), looks in sorted(seen.items()):
            yield {"kind": _SEEN, "person": person, "role": role, "looks": looks}

    def present(self, rows: Iterable[Stored], context: Context, audience: Audience) -> Table:
        stored = list(rows)
        acts = sorted((row for row in stored if row["kind"] != _SEEN), key=lambda row: (row["place"], row["key"]))
        seen = [row for row in stored if row["kind"] == _SEEN and row["person"] is not None]
        listed = list(_known(acts, _roles_of(seen)))
        listed += _masked(listed, seen, context)
        columns: tuple[str, ...] = _COLUMNS
        if audience is Audience.UNMASKED:
            columns = (*_COLUMNS, "arm", "looks")
            labels: dict[str | None, str] = {arm.code: arm.label for arm in context.plan.arms}
            arms = {json.loads(row["subjects"])[0]: row["arm"] for row in stored if row["arm"] is not None}
            looks: Counter[str] = Counter()
            for row in seen:
                looks[row["person"]] += row["looks"] or 0
            for row in listed:
                code = arms.get(row["subject"])
                row |= {"arm": labels.get(code, code), "looks": looks[row["person"]] if row["person"] else None}
        return Table(columns, listed)


def _act(fact: Fact) -> dict[str, Any] | None:
    """The stored row of an act, if the fact is one; `by` is who did it, where that is not the one who knows."""
    data, actor = fact.data, fact.actor
    named = data.get("subjects", ())
    row: dict[str, Any] = {
        "place": fact.seq,
        "since": fact.at,
        "occurred_at": data.get("occurred_at"),
        "reason": data.get("reason"),
        "person": data.get("person"),
        "role": data.get("role"),
        "subjects": _listed([data["subject"]] if "subject" in data else named if isinstance(named, list) else ()),
        "by": actor.id,
    }
    match fact.type:
        case "code.broken/1":
            imported = data.get("provenance") or {}
            if imported.get("kind") == "import":
                return {**row, "kind": CLAIMED, "person": imported.get("claimed_actor"), "role": None}
            return {**row, "kind": "EMERGENCY", "person": actor.id, "role": actor.role}
        case "unblinding.requested/1":
            return {**row, "kind": REQUESTED, "request": fact.command}
        case "unblinding.approved/1":
            return {**row, "kind": "PLANNED", "request": data.get("request")}
        case "unblinding.reported/1":
            return {**row, "kind": "INADVERTENT", "reason": data.get("how")}
        case "envelope.opened/1":
            return {**row, "kind": "ENVELOPE"}
        case "access.granted/1" if ARM in data.get("classes", ()):
            return {**row, "kind": "GRANTED"}
        case "allocation.opened/1":
            return {**row, "kind": _LIST_OPENED}
    return None


def _known(acts: list[Stored], roles: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """The rows of the acts, one for each subject that an act is about."""
    asked = {row["request"]: row for row in acts if row["kind"] == REQUESTED}
    approved = {row["request"] for row in acts if row["kind"] == "PLANNED"}
    for row in acts:
        kind = row["kind"]
        if kind == REQUESTED and row["request"] in approved:
            continue
        request = asked.get(row["request"]) if kind in ("PLANNED", REQUESTED) else None
        shown = dict.fromkeys(_COLUMNS) | {
            "status": kind if kind in (REQUESTED, CLAIMED) else KNOWS,
            "person": row["person"],
            "role": row["role"] or roles.get(row["person"]),
            "since": None if kind == REQUESTED else row["since"],
            "occurred_at": row["occurred_at"],
            "how": {REQUESTED: "PLANNED", CLAIMED: "EMERGENCY"}.get(kind, kind),
            "reason": row["reason"] if request is None else request["reason"],
            "asked_by": None if request is None else request["by"],
            "approved_by": row["by"] if kind in ("PLANNED", "GRANTED") else None,
            "but_for": [],
        }
        for subject in json.loads(row["subjects"]) or (None,):
            yield {**shown, "subject": subject}


def _masked(known: list[dict[str, Any]], seen: list[Stored], context: Context) -> Iterator[dict[str, Any]]:
    """A row for each masked person, and for each masked role in which nobody was seen."""
    of: defaultdict[str, set[str | None]] = defaultdict(set)
    for row in known:
        if row["status"] == KNOWS and row["person"] is not None:
            of[row["person"]].add(row["subject"])
    opened = any(row["how"] == _LIST_OPENED for row in known)
    for role in _ROLES_IN_ORDER:
        if _sees(role, context) or (opened and not _grant(role).never_arms):
            continue
        persons = sorted({row["person"] for row in seen if row["role"] == role})
        for person in persons or (None,):
            subjects = of[person] if person is not None else set()
            if None not in subjects:
                but_for = sorted(subject for subject in subjects if subject is not None)
                yield dict.fromkeys(_COLUMNS) | {"status": MASKED, "person": person, "role": role, "but_for": but_for}


def _grant(role: str) -> Any:
    return next(grant for known, grant in ROLES.items() if known == role)


def _sees(role: str, context: Context) -> bool:
    """Whether a role has arms in sight whoever is in it."""
    grant = _grant(role)
    return bool(grant.everything or (role not in context.plan.masked if grant.arms is None else grant.arms))


def _roles_of(seen: list[Stored]) -> dict[str, str]:
    """Person -> the role in which he acted: of several, the last in the order of their names."""
    return {row["person"]: row["role"] for row in sorted(seen, key=lambda row: (row["person"], row["role"]))}


def _listed(values: Iterable[str]) -> str:
    return json.dumps(list(values))


VIEW = Unblinding()
