"""A USDM file under a reader that remembers what was read: `ctgov_record.py`, with what USDM has beside plain values.

Rules:
- An empty string, a null and an empty list say nothing. Ids, references, the names of classes and of code systems hold
  the file together: they are followed, and neither kept nor reported.
- The parts of `BULK` are the study's documents and its schedule in full, larger by far than a protocol: they are
  reported with the number of their values, and not kept.
- So are persons (`PERSONS`): a protocol lies where no name may, readable to all. Nor does a text take in a name of one.
- A reference to what is not there, and an id that stands twice in its list, are problems that name their paths.
"""

import re
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from html import unescape
from typing import Any, Final, NamedTuple

from ledger.domain.protocol.base import Problem
from ledger.domain.protocol.ctgov_record import Record
from ledger.proof.canonical import Json

BULK: Final = frozenset(
    {
        "abbreviations",
        "activities",
        "bcCategories",
        "bcSurrogates",
        "biomedicalConcepts",
        "conditions",
        "dictionaries",
        "documentedBy",
        "narrativeContentItems",
        "scheduleTimelines",
    }
)
PERSONS: Final = frozenset({"assignedPersons", "personName"})
_STRUCTURE: Final = re.compile(r"(id|instanceType|codeSystem|codeSystemVersion|\w+Id|\w+Ids\[\d+\])")
_ELEMENT: Final = re.compile(r"</?[A-Za-z][^<>]*>")
_BLOCK: Final = re.compile(r"</?(?:p|li|ul|ol|br|div|h[1-6]|table|tr|td)\b[^<>]*>", re.I)
_TAG: Final = re.compile(r'<usdm:tag\s+name="([^"<>]*)"\s*(?:/>|>\s*</usdm:tag>)')
_REFERENCE: Final = re.compile(
    r'<usdm:ref\b(?=[^<>]*\bid="(?P<id>[^"<>]*)")(?=[^<>]*\battribute="(?P<at>[^"<>]*)")[^<>]*>'
)


class Code(NamedTuple):
    """A term of a code list, and where it stands."""

    path: str
    code: str
    decode: str

    def __str__(self) -> str:
        return f"{self.decode} ({self.code})"


class Usdm(Record):
    """A USDM file."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        super().__init__(_without_nulls(record))

    def said(self, path: str) -> str | None:
        """A text that says something."""
        value = self.peek(path)
        return None if value is None or (isinstance(value, str) and not value.strip()) else self.text(path)

    def named(self, path: str) -> str | None:
        """The label of an object, else its name."""
        return self.said(f"{path}.label") or self.said(f"{path}.name")

    def unnamed(self, path: str) -> None:
        """Give back the name of an object that has no place after all."""
        self.leave(f"{path}.label")
        self.leave(f"{path}.name")

    def code(self, path: str, *, required: bool = False) -> Code | None:
        """A Code, or the standard code of an AliasCode."""
        found = self.peek(path)
        if found is None:
            if required:
                self.problems.append(Problem(path, "is required"))
            return None
        if isinstance(found, dict) and "standardCode" in found:
            path = f"{path}.standardCode"
        code = self.text(f"{path}.code", required=True)
        decode = self.text(f"{path}.decode", required=True)
        return None if code is None or decode is None else Code(path, code, decode)

    def number(self, path: str) -> Decimal | None:
        """A number."""
        found = self.peek(path)
        if found is None:
            return None
        if isinstance(found, bool) or not isinstance(found, int | Decimal):
            self.problems.append(Problem(path, "must be a number"))
            return None
        self._taken.add(path)
        return Decimal(found)

    def untaken(self, code: Code) -> None:
        """Give back a code that has no place after all."""
        self.leave(f"{code.path}.code")
        self.leave(f"{code.path}.decode")

    def by_id(self, path: str) -> dict[str, str]:
        """The ids of a list's items -> their paths."""
        found: dict[str, str] = {}
        for item in self.items(path):
            identity = self.peek(f"{item}.id")
            if not isinstance(identity, str) or not identity:
                self.problems.append(Problem(f"{item}.id", "is required"))
            elif identity in found:
                self.problems.append(Problem(f"{item}.id", f"{identity!r} stands twice"))
            else:
                found[identity] = item
        return found

    def follow(self, path: str, to: dict[str, str], kind: str) -> str | None:
        """The path of what a reference means; None where there is no reference."""
        identity = self.peek(path)
        if identity is None:
            return None
        if not isinstance(identity, str) or identity not in to:
            self.problems.append(Problem(path, f"{str(identity)[:60]!r} is the id of no {kind} of the file"))
            return None
        return to[identity]

    def kept_and_left(self) -> tuple[dict[str, Json], Counter[str]]:
        """What has no field: values kept, by path; and the parts that are left out, with how many values they have."""
        kept: dict[str, Json] = {}
        left: Counter[str] = Counter()
        for path, value in self.rest().items():
            steps = path.split(".")
            if value in (None, "", [], {}) or _STRUCTURE.fullmatch(steps[-1]):
                continue
            bulk = next((n for n, step in enumerate(steps) if step.partition("[")[0] in BULK | PERSONS), None)
            if bulk is None:
                kept[path] = value
            else:
                left[".".join([*steps[:bulk], steps[bulk].partition("[")[0]])] += 1
        return kept, left


class Texts:
    """Texts of a file as plain text: marks of HTML taken out, parameters of its dictionaries put in."""

    def __init__(self, read: Usdm, version: str) -> None:
        self._read = read
        self._objects: dict[str, Any] = {}
        self.unknown: list[str] = []
        self._dictionaries = read.by_id(f"{version}.dictionaries")
        self._tags: dict[str, dict[str, str]] = {}
        for path in self._dictionaries.values():
            self._tags[path] = {
                str(read.peek(f"{item}.tag")): str(read.peek(f"{item}.reference"))
                for item in read.items(f"{path}.parameterMaps")
            }
        _index(read.peek("study"), self._objects)

    def plain(self, of: str, *, required: bool = False) -> str | None:
        """The text of the object at a path, with the parameters of its dictionary."""
        path = f"{of}.text"
        text = self._read.text(path, required=required) if required else self._read.said(path)
        dictionary = self._read.follow(f"{of}.dictionaryId", self._dictionaries, "SyntaxTemplateDictionary")
        if text is None:
            return None
        tags = self._tags.get(dictionary or "", {})
        text = _TAG.sub(lambda found: self._value(found[1], tags, path), text)
        text = _ELEMENT.sub("", _BLOCK.sub(" ", text))
        return " ".join(unescape(text).split()) or None

    def _value(self, tag: str, tags: dict[str, str], path: str) -> str:
        found = _REFERENCE.search(tags.get(tag, ""))
        value = self._objects.get(found["id"], {}).get(found["at"]) if found else tags.get(tag)
        if isinstance(value, dict):
            value = value.get("value")
        if isinstance(value, Decimal):
            value = format(value.normalize(), "f")
        if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
            self.unknown.append(f"{path}: the parameter {tag!r} has no value in the file")
            return f"[{tag}]"
        return str(value)


def _without_nulls(value: Any) -> Any:
    """The same without members that are null: a class may write those that it has no value for, or leave them out."""
    if isinstance(value, Mapping):
        return {name: _without_nulls(member) for name, member in value.items() if member is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _index(value: Any, into: dict[str, Any]) -> None:
    if isinstance(value, dict):
        if isinstance(value.get("id"), str):
            into.setdefault(value["id"], value)
        for name, member in value.items():
            if name not in PERSONS:
                _index(member, into)
    elif isinstance(value, list):
        for item in value:
            _index(item, into)
