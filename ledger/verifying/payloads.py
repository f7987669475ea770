"""Whether a payload is an object in canonical JSON, told fast. `docs/format.md` section 2.

msgspec reads and writes the value; what comes back the same has sorted keys, each once, no white space, the shortest
escapes. What that would let through is ruled out by the type that it is read as (fractions, integers beyond 2^53 - 1,
other things than objects) and by a look at the keys (which have to be ASCII). Whatever msgspec does not take, among it
nesting of more than a few levels, is left to `ledger.proof.canonical`, which decides: a payload that is refused here
is refused there.

What comes again and again is sooner matched than read: see `learn`.
"""

import re
from typing import Annotated, Any, Final, TypeAlias

import msgspec

from ledger.proof.canonical import MAX_INTEGER, is_canonical

_LEVELS: Final = 4
"""Of lists and objects within the outermost object; what is deeper is left to the reference."""

_SHAPES: Final = 4
"""Of one type of event that are remembered."""
_LONGEST: Final = 4096
_HOLDING: Final = frozenset({dict, list})

_Integer: TypeAlias = Annotated[int, msgspec.Meta(ge=-MAX_INTEGER, le=MAX_INTEGER)]

Shape: TypeAlias = Any
"""The method `fullmatch` of a pattern."""


def _object(levels: int) -> Any:
    value: Any = str | _Integer | bool | None
    for _ in range(levels):
        value = str | _Integer | bool | None | list[value] | dict[str, value]
    return dict[str, value]


decode: Final = msgspec.json.Decoder(type=_object(_LEVELS)).decode
encode: Final = msgspec.json.Encoder(order="sorted").encode


def is_canonical_object(payload: bytes) -> bool:
    """Whether `payload` is an object in canonical JSON, as the reference says."""
    try:
        value = decode(payload)
        if encode(value) == payload and (payload.isascii() or _has_ascii_keys(value)):
            return True
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        pass
    return payload[:1] == b"{" and is_canonical(payload)


def learn(shapes: list[Shape], payload: bytes) -> None:
    """Remember the shape of a payload that is a canonical object, so that the next one of it needs only be matched.

    What matches has the same keys in the same order, strings without escapes, and short integers, `true`, `false` or
    `null` where it has any of these; so it is canonical too, if it is UTF-8.
    """
    if len(shapes) < _SHAPES and len(payload) <= _LONGEST:
        try:
            pattern = _pattern(decode(payload))
        except msgspec.MsgspecError:
            return  # nested more deeply than it is read here
        if all(shape.__self__.pattern != pattern for shape in shapes):
            shapes.append(re.compile(pattern).fullmatch)


def _pattern(value: Any) -> bytes:
    if type(value) is dict:
        return rb"\{%s\}" % b",".join(re.escape(encode(key)) + b":" + _pattern(value[key]) for key in sorted(value))
    if type(value) is list:
        return rb"\[%s\]" % b",".join(map(_pattern, value))
    if type(value) is str:
        return rb'"[ !#-\[\]-\xff]*+"'
    return rb"(?:0|-?[1-9][0-9]{0,14})" if type(value) is int else rb"(?:true|false|null)"


def _has_ascii_keys(value: Any) -> bool:
    if type(value) is dict:
        if not "".join(value).isascii():
            return False
        value = value.values()
    return all(_has_ascii_keys(each) for each in value if type(each) in _HOLDING)
