"""`docs/sql.md`: its part about the relations is made from their catalogue."""

import re
from typing import Final

from projections.base import Audience
from projections.sql.columns import Type
from projections.sql.relations import Relation, fixed, relations
from projections.sql.statements import POSTGRES, SQLITE
from tests.shared_data import ROOT

SQL = ROOT / "docs" / "sql.md"
_GENERATED: Final = re.compile(r"(?<=<!-- relations -->\n).*(?=<!-- end of relations -->)", re.DOTALL)
_TYPES: Final = {
    Type.TEXT: "text",
    Type.INTEGER: "whole number",
    Type.NUMBER: "decimal number",
    Type.BOOLEAN: "true or false",
    Type.DAY: "calendar day",
    Type.STATED: "date or time as it was stated: text, for it may be partial (`2020-05`)",
    Type.INSTANT: "moment in UTC",
    Type.WORDS: "words or numbers with blanks between",
    Type.JSON: "JSON",
}


def document() -> str:
    """The document with its generated part as it is now."""
    return _GENERATED.sub(lambda _: _relations(), SQL.read_text("utf-8"))


def _relations() -> str:
    lines = ["| type | what it is | SQLite | PostgreSQL |", "|---|---|---|---|"]
    lines += [f"| `{kind}` | {_TYPES[kind]} | `{SQLITE[kind]}` | `{POSTGRES[kind]}` |" for kind in Type]
    masked = {relation.name: relation for relation in relations(Audience.MASKED)}
    lines += ["", "### Views", ""]
    for relation in relations(Audience.UNMASKED):
        lines += _one(relation, masked.get(relation.name))
    lines += ["### Beside the views", ""]
    for relation, other in zip(fixed(Audience.UNMASKED), fixed(Audience.MASKED), strict=True):
        lines += _one(relation, other)
    return "\n".join([*lines, ""])


def _one(relation: Relation, masked: Relation | None) -> list[str]:
    """A relation as the unmasked have it, and which of its columns the masked have not."""
    version = "" if relation.version is None else f", version {relation.version}"
    of = f" `trial-ledger show {relation.view}`." if relation.view else ""
    only = " For those who may see arms alone." if masked is None else ""
    lines = [f"#### `{relation.name}`{version}", "", f"{relation.title}.{of}{only} Key: {_key(relation)}.", ""]
    lines += ["| column | type | meaning |", "|---|---|---|"]
    seen = {column.name for column in (relation if masked is None else masked).columns}
    for column in relation.columns:
        meaning = column.meaning + ("" if column.name in seen else " **Unmasked only.**")
        lines.append(f"| `{column.name}` | {column.type} | {meaning} |")
    return [*lines, ""]


def _key(relation: Relation) -> str:
    return ", ".join(f"`{name}`" for name in relation.key)
