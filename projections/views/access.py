"""Who looked at which class of data, who took some away, who was refused, and what was granted to whom.

Rules
- One row an entry, in the order of the books. `what` is LOOK, EXPORT, REFUSED, GRANT or REVOCATION; `classes` are those
  looked at, taken away, wanted, or granted; `about` says what it was for, where that does not name a person.
- Of looks at names the open book says that there was one, when, and by whom; at whose names is in no view.
- Looks at arms, and whatever those look at who see arms, are in the sealed book: rows for those who may see arms.
- It is for those who oversee the trial. What was seen in a copy of the file is recorded nowhere.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ledger.domain.events.access import ACCESS_STREAM
from ledger.domain.events.base import TRIAL_STREAM
from ledger.domain.history import Fact
from ledger.domain.vocabulary import Book, Role
from ledger.proof.sections import ARM, IDENTITY
from projections.base import Audience, Column, Context, Stored, Table, View
from projections.histories import History

_COLUMNS: Final = (
    "book",
    "seq",
    "recorded_at",
    "who",
    "org",
    "role",
    "what",
    "classes",
    "about",
    "person",
    "person_role",
    "until",
    "reason",
    "digest",
)
# Type -> what it is, and the classes that it is always about.
_KINDS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "identity.accessed/1": ("LOOK", (IDENTITY,)),
    "sealed-identity.accessed/1": ("LOOK", (IDENTITY,)),
    "arm.accessed/1": ("LOOK", (ARM,)),
    "access.refused/1": ("REFUSED", ()),
    "sealed-access.refused/1": ("REFUSED", ()),
    "export.made/1": ("EXPORT", ()),
    "sealed-export.made/1": ("EXPORT", ()),
    "access.granted/1": ("GRANT", ()),
    "access.revoked/1": ("REVOCATION", ()),
}


class Access(View):
    """One row an entry; `person` to `reason` are of grants and revocations, `digest` is the SHA-256 of an export."""

    name = "access"
    title = "Access to names and arms"
    roles = frozenset({Role.AUDITOR, Role.INSPECTOR, Role.SPONSOR, Role.DATA_MANAGER, Role.ARCHIVE})
    kept = False  # every look adds to the one stream that it is made of
    stored = (Column("place", "INTEGER"), *(Column(n, "INTEGER" if n == "seq" else "TEXT") for n in _COLUMNS))

    def takes(self, stream: str) -> bool:
        return stream in (ACCESS_STREAM, TRIAL_STREAM)

    def rows(self, history: History) -> Iterator[Mapping[str, Any]]:
        for fact in history.corrected:
            if fact.type in _KINDS:
                yield _row(fact)

    def present(self, rows: Iterable[Stored], context: Context, audience: Audience) -> Table:  # noqa: ARG002
        columns = _COLUMNS if audience is Audience.UNMASKED else _COLUMNS[1:]
        listed = []
        for row in sorted(rows, key=lambda row: (row["place"], row["book"] == Book.SEALED.value, row["seq"])):
            shown = {name: row[name] for name in columns}
            shown["classes"] = json.loads(row["classes"])
            listed.append(shown)
        return Table(columns, listed)


def _row(fact: Fact) -> dict[str, Any]:
    data = fact.data
    what, classes = _KINDS[fact.type]
    wanted = (data["wanted"],) if "wanted" in data else tuple(data.get("classes", ()))
    return {
        "place": fact.open_seq,
        "book": fact.book.value,
        "seq": fact.seq,
        "recorded_at": fact.at,
        "who": fact.actor.id,
        "org": fact.actor.org,
        "role": fact.actor.role,
        "what": what,
        "classes": json.dumps(sorted(classes or wanted)),
        "about": data.get("what", data.get("kind")),
        "person": data.get("person"),
        "person_role": data.get("role"),
        "until": data.get("until"),
        "reason": data.get("reason"),
        "digest": data.get("sha256"),
    }


VIEW = Access()
