"""Whether a payload is an object in canonical JSON, told fast. `docs/format.md` section 2.

msgspec reads and writes the value; what comes back the same has sorted keys, each once, no white space, the shortest
escapes. What that would let through is ruled out by the type that it is read as (fractions, integers beyond 2^53 - 1,
other things than objects) and by a look at the keys (which have to be ASCII). Whatever msgspec does not take, among it
nesting of more than a few levels, is left to `ledger.proof.canonical`, which decides: a payload that is refused here
is refused there.
"""

from collections.abc import Sequence
from operator import eq
from typing import Annotated, Any, Final, TypeAlias

import msgspec

from ledger.proof.canonical import MAX_INTEGER, is_canonical

_LEVELS: Final = 4
"""Of lists and objects within the outermost object; what is deeper is left to the reference."""

_HOLDING: Final = frozenset({dict, list})

_Integer: TypeAlias = Annotated[int, msgspec.Meta(ge=-MAX_INTEGER, le=MAX_INTEGER)]


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


def all_canonical_objects(payloads: Sequence[bytes], others: Sequence[bytes] = ()) -> bool:
    """Whether all of them are; `payloads` are in ASCII, `others` may not be."""
    try:
        if all(map(eq, map(encode, map(decode, payloads)), payloads)):
            return all(map(is_canonical_object, others))
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        pass  # something that is left to the reference
    return all(map(is_canonical_object, (*payloads, *others)))


def _has_ascii_keys(value: Any) -> bool:
    if type(value) is dict:
        if not "".join(value).isascii():
            return False
        value = value.values()
    return all(_has_ascii_keys(each) for each in value if type(each) in _HOLDING)
