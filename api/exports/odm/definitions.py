"""The metadata of this ledger's own events: made from the catalogue, so that it has every field of every event.

1. An item group `IG.<type>` for each type of event, or (where it can be about the trial as a whole) `IGR.<type>`, which
   is reference data; an item `I.<type>.<field>` for each field. A form for each module of the catalogue, one study
   event for all.
2. Fields that name a person are not among them, nor, for masked people, anything of the sealed book.
3. A field that is no single value (a list, an object) is text: JSON with sorted names.
4. A correction and a voiding have no group of their own: they stand where the record stands that they are about.
"""

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import AfterValidator
from pydantic.fields import FieldInfo

from api.exports.odm.model import CodeList, Container, Definitions, GroupDef, ItemDef
from ledger.domain.events import CATALOGUE, Event
from ledger.domain.events.base import SubjectEvent
from ledger.domain.events.source import SourceRecordClaimed
from ledger.domain.history import CORRECTIONS, VOIDS
from ledger.domain.vocabulary import Book
from ledger.domain.when import check_when
from ledger.proof.sections import ANCHOR, IDENTITY

EVENT_OID: Final = "SE.SUBJECT"
UNKNOWN: Final = "unknown"
"""The group of events whose type this version does not know: nothing says which of their values name a person."""
_ELSEWHERE: Final = frozenset({"provenance"})
"""Fields that stand in the audit record."""
_WITHOUT: Final = frozenset({SourceRecordClaimed.type, *CORRECTIONS.values(), *VOIDS.values()})


def group_oid(type_: str, *, reference: bool) -> str:
    """The OID of the item group of a type of event."""
    return f"{'IGR' if reference else 'IG'}.{type_ if type_ in _types() else UNKNOWN}"


def item_oid(type_: str, name: str) -> str:
    """The OID of the item of a field."""
    return f"I.{type_}.{name}"


def form_oid(type_: str) -> str:
    """The OID of the form that a type of event stands in."""
    cls = CATALOGUE.get(type_) if type_ in _types() else None
    return "F." + (UNKNOWN if cls is None else _module(cls))


@cache
def fields_of(type_: str) -> frozenset[str]:
    """The fields of a type of event that become items; none of a type that is not known."""
    cls = CATALOGUE.get(type_)
    if cls is None or type_ in _WITHOUT:
        return frozenset()
    hidden = {name for section in (IDENTITY, ANCHOR) for name in cls.sections.get(section, ())}
    return frozenset(cls.model_fields) - hidden - _ELSEWHERE


def as_text(value: Any) -> str | None:
    """A value of an event as an item has it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def native(oid: str, *, unmasked: bool) -> Definitions:
    """The metadata version of this ledger's own events."""
    classes = [cls for cls in CATALOGUE if cls.type in _types() and (unmasked or cls.book is Book.OPEN)]
    items: list[ItemDef] = []
    groups: list[GroupDef] = []
    codes: dict[str, CodeList] = {}
    forms: dict[str, list[str]] = {}
    for cls in classes:
        mine = list(_items(cls, codes))
        items += mine
        oids = tuple(item.oid for item in mine)
        kinds = (False,) if issubclass(cls, SubjectEvent) else (False, True)
        for reference in kinds:
            name = cls.title + (" (of the trial)" if reference else "")
            oid_ = group_oid(cls.type, reference=reference)
            groups.append(GroupDef(oid_, name, oids, _sentence(cls), reference=reference))
        forms.setdefault(form_oid(cls.type), []).append(group_oid(cls.type, reference=False))
    for reference in (False, True):
        groups.append(
            GroupDef(group_oid(UNKNOWN, reference=reference), "Not known to this version", (), None, reference)
        )
    forms.setdefault(form_oid(UNKNOWN), []).append(group_oid(UNKNOWN, reference=False))
    return Definitions(
        oid,
        "Events of the trial ledger",
        (Container(EVENT_OID, "Events of a subject", tuple(forms)),),
        tuple(Container(form, form.removeprefix("F.").capitalize(), tuple(held)) for form, held in forms.items()),
        tuple(groups),
        tuple(items),
        tuple(codes.values()),
    )


@cache
def _types() -> frozenset[str]:
    return frozenset(cls.type for cls in CATALOGUE) - _WITHOUT


def _module(cls: type[Event]) -> str:
    return cls.__module__.rpartition(".")[2]


def _sentence(cls: type[Event]) -> str:
    return " ".join((cls.__doc__ or cls.title).strip().split("\n\n")[0].split())


def _items(cls: type[Event], codes: dict[str, CodeList]) -> Iterator[ItemDef]:
    for name in sorted(fields_of(cls.type)):
        field = cls.model_fields[name]
        type_, terms, length = _type_of(field)
        oid = None
        if terms is not None:
            list_name, values = terms
            oid = f"CL.{list_name or f'{cls.type}.{name}'}"
            codes.setdefault(oid, CodeList(oid, list_name or f"{cls.title}: {name}", values))
        yield ItemDef(item_oid(cls.type, name), name, type_, field.is_required(), None, length, oid)


_Terms = tuple[str | None, tuple[str, ...]] | None


def _type_of(field: FieldInfo) -> tuple[str, _Terms, int | None]:
    """The data type, the terms (with the name of their list), and the greatest length of a field."""
    metadata = list(field.metadata)
    annotation = field.annotation
    while True:
        origin, arguments = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            annotation, metadata = arguments[0], [*metadata, *arguments[1:]]
        elif origin in (Union, UnionType) and len(known := [one for one in arguments if one is not NoneType]) == 1:
            annotation = known[0]
        else:
            break
    if any(isinstance(mark, AfterValidator) and mark.func is check_when for mark in metadata):
        return "partialDatetime", None, None
    if origin is Literal:
        return "text", (None, tuple(map(str, arguments))), max(len(str(one)) for one in arguments)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        values = tuple(str(one.value) for one in annotation)
        return "text", (annotation.__name__, values), max(map(len, values))
    if annotation is str:
        lengths = [length for mark in metadata if (length := getattr(mark, "max_length", None)) is not None]
        return "text", None, lengths[0] if lengths else None
    simple: Mapping[Any, str] = {bool: "boolean", int: "integer", Decimal: "float"}
    return simple.get(annotation, "text"), None, None
