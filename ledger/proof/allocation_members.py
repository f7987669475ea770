"""What the events of the allocation must hold: one table, and the reading by it. `docs/format.md` section 7.3.

It is that of the classes of these events in the domain, written down once more, as the verifier stands alone; a test
holds the two together. Members that the table does not have are not looked at.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

LONGEST_LIST: Final = 1_000_000
"""Lists are derived from their beginning, so that a place far beyond any would take without end."""
MOST_OUTSIDE: Final = 16_384
"""So many bytes an outside value has at most."""


@dataclass(frozen=True, slots=True)
class Member:
    """The form of a member: its type; of a text its pattern, the values that it may have, or its lengths."""

    type: type = str
    pattern: str | None = None
    values: tuple[str, ...] = ()
    lengths: tuple[int, int] | None = None
    required: bool = True

    def fits(self, value: object) -> bool:
        """Whether a JSON value has this form; of integers, that it counts from 1."""
        if type(value) is not self.type:
            return False
        if isinstance(value, int) and self.type is int:
            return 1 <= value <= LONGEST_LIST
        if not isinstance(value, str):
            return True
        return (
            (self.pattern is None or re.fullmatch(self.pattern, value) is not None)
            and (not self.values or value in self.values)
            and (self.lengths is None or self.lengths[0] <= len(value) <= self.lengths[1])
        )


_LINES: Final = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"
_SUBJECT: Final = Member(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
_CODE: Final = Member(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._/-]{0,63}$")
_LIST: Final = Member(pattern=_CODE.pattern, required=False)
_HEX: Final = Member(pattern=r"^[0-9a-f]{64}$")
_TEXT: Final = Member(pattern=_LINES, lengths=(1, 4000))
_NOTE: Final = Member(pattern=_LINES, lengths=(1, 4000), required=False)
_COUNT: Final = Member(int)
_FLAG: Final = Member(bool, required=False)
_EVERY: Final[Mapping[str, Member]] = {
    "occurred_at": Member(),
    "late": _FLAG,
    "provenance": Member(dict, required=False),
}
_DRAW: Final = {**_EVERY, "subject": _SUBJECT, "stratum": _CODE, "index": _COUNT, "claimed": _FLAG}

MEMBERS: Final[Mapping[str, Mapping[str, Member]]] = {
    "allocation.committed/1": {
        **_EVERY,
        "commitment": _HEX,
        "method": Member(values=("PERMUTED_BLOCKS", "SIMPLE", "MINIMISATION")),
    },
    "allocation.bound/1": {
        **_EVERY,
        "kind": Member(values=("TIMESTAMP_TOKEN", "COSIGNATURE", "BEACON")),
        "value": Member(lengths=(1, 21_848)),
        "note": _NOTE,
        "sha256": _HEX,
    },
    "allocation.drawn/1": {**_DRAW, "list_name": _LIST},
    "allocation.out-of-turn/1": {
        **_EVERY, "subject": _SUBJECT, "stratum": _CODE, "index": _COUNT, "due": _COUNT, "reason": _TEXT,
    },
    "allocation.exhausted/1": {**_EVERY, "list_name": _CODE, "length": _COUNT},
    "allocation.opened/1": {**_EVERY, "secret": _HEX, "parameters": Member(dict), "reason": _TEXT},
    "stratum.found-wrong/1": {
        **_EVERY, "subject": _SUBJECT, "stratum": _CODE, "drawn_for": _CODE, "index": _COUNT, "reason": _TEXT,
    },
    "subject.randomized/1": {**_DRAW, "site": _CODE},
    "arm.assigned/1": {**_DRAW, "arm": _CODE},
}  # fmt: skip
"""Type of event -> its members and their forms."""


class FormError(ValueError):
    """An event does not hold what one of its type must; the message names the member, as the end of a sentence."""


def read_event(type_: str, payload: bytes) -> dict[str, Any]:
    """The members of an event, of the forms of its type. Raises FormError."""
    told = json.loads(payload)
    if not isinstance(told, dict):
        raise FormError("is no object")
    for name, member in MEMBERS.get(type_, {}).items():
        if name in told:
            if not member.fits(told[name]):
                raise FormError(f"{name} is not what it must be")
        elif member.required:
            raise FormError(f"{name} is missing")
    return told


def outside_value(told: Mapping[str, Any]) -> bytes:
    """The outside value of a binding. Raises FormError."""
    try:
        value = base64.b64decode(told["value"], validate=True)
    except (binascii.Error, ValueError):
        value = b""
    if base64.b64encode(value).decode() != told["value"] or not 1 <= len(value) <= MOST_OUTSIDE:
        raise FormError(f"value is not the base64 of 1 to {MOST_OUTSIDE:,} bytes")
    return value


def is_import(told: Mapping[str, Any]) -> bool:
    """Whether the provenance of an event says that it was imported."""
    provenance: dict[str, Any] = told.get("provenance", {})
    return "kind" in provenance and provenance["kind"] == "import"


def arms_of(told: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
    """(code, ratio) of each arm of a protocol that an event holds. Raises FormError."""
    try:
        arms = tuple((arm["code"], arm.get("ratio", 1)) for arm in told["protocol"]["arms"])
    except (KeyError, TypeError, AttributeError):
        raise FormError("protocol.arms cannot be read") from None
    if not all(type(code) is str and _COUNT.fits(ratio) for code, ratio in arms):
        raise FormError("protocol.arms cannot be read")
    return arms


def factors_of(told: Mapping[str, Any]) -> tuple[str, ...]:
    """The stratification factors of a protocol that an event holds; left out, it is the site. Raises FormError."""
    found: Any = told["protocol"]
    try:
        for name in ("settings", "stratification"):
            found = found.get(name, {})
        factors = tuple(found.get("factors", ("SITE",)))
    except (TypeError, AttributeError):
        raise FormError("protocol.settings.stratification.factors cannot be read") from None
    if not all(type(factor) is str for factor in factors):
        raise FormError("protocol.settings.stratification.factors cannot be read")
    return factors
