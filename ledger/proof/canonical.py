"""Canonical bytes: RFC 8785 (JSON Canonicalization Scheme) of a subset in which it is simple.

The subset: objects with ASCII keys, arrays, strings, booleans, null, and integers with |n| <= 2**53 - 1. No
floats (a decimal travels as a string), no lone surrogates. Within it RFC 8785 says: keys sorted by code unit,
no white space, the shortest escapes, UTF-8. `docs/format.md` section 2.

`parse` is the only reader of JSON from outside. It refuses whatever two readers could understand differently:
duplicate keys, NaN and infinities, lone surrogates, a byte order mark, other encodings than UTF-8, integers
that a double cannot hold, nesting beyond a bound.
"""

import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NoReturn, TypeAlias

Json: TypeAlias = Any
"""A value of the subset: dict[str, Json], list[Json], str, bool, None or int."""

MAX_INTEGER: Final = 2**53 - 1
MAX_DEPTH: Final = 32
_MAX_NUMBER_CHARACTERS: Final = 40

_encode = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"), check_circular=False
).encode
# Outside of a string, a digit followed by one of these is a fraction or an exponent.
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class CanonicalError(ValueError):
    """The bytes or the value lie outside of the subset; the message says where and why."""


def encode(value: Json) -> bytes:
    """The canonical bytes of `value`.

    Raises CanonicalError for whatever the subset has no place for, naming the path to it.
    """
    _check(value, "$", MAX_DEPTH)
    return _encode(value).encode("utf-8")


def encode_trusted(value: Json) -> bytes:
    """`encode` without the walk over the value: for values that a model of ours has just produced."""
    return _encode(value).encode("utf-8")


def parse(data: bytes, *, decimals: bool = False, max_depth: int = MAX_DEPTH) -> Json:
    """Read JSON strictly (canonical or not).

    With `decimals`, a number with a fraction or exponent becomes a `Decimal` of the digits written (for
    commands, where a weight may be written 71.5); without, it is refused. Raises CanonicalError.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CanonicalError(f"not UTF-8 at byte {error.start}") from None
    if text.startswith("\ufeff"):
        raise CanonicalError("begins with a byte order mark, which JSON may not")
    _bound_depth(text, max_depth)
    decoder = _DECIMAL_DECODER if decimals else _DECODER
    try:
        value = decoder.decode(text)
    except json.JSONDecodeError as error:
        raise CanonicalError(f"not JSON: {error.msg} at character {error.pos}") from None
    except RecursionError:
        raise CanonicalError(f"nested deeper than {max_depth}") from None
    if "\\u" in text:  # the only way in for a surrogate: UTF-8 cannot carry one
        _refuse_surrogates(value, "$")
    return value


def is_canonical(data: bytes) -> bool:
    """Whether `data` is exactly what `encode` gives for the value that it holds."""
    try:
        return encode(parse(data)) == data
    except CanonicalError:
        return False


def _check(value: Json, path: str, depth: int) -> None:
    kind = type(value)
    if kind is str:
        if _SURROGATE.search(value):
            raise CanonicalError(f"{path}: a lone surrogate is not a character")
    elif kind is int:
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise CanonicalError(f"{path}: integer beyond 2^53 - 1")
    elif kind is dict:
        if depth == 0:
            raise CanonicalError(f"{path}: nested deeper than {MAX_DEPTH}")
        for key, member in value.items():
            if type(key) is not str or not key.isascii():
                raise CanonicalError(f"{path}: key {key!r} is not an ASCII string")
            _check(member, f"{path}.{key}", depth - 1)
    elif kind is list or kind is tuple:
        if depth == 0:
            raise CanonicalError(f"{path}: nested deeper than {MAX_DEPTH}")
        for index, item in enumerate(value):
            _check(item, f"{path}[{index}]", depth - 1)
    elif value is not None and kind is not bool:
        raise CanonicalError(f"{path}: {kind.__name__} has no place in canonical JSON (decimals are strings)")


def _refuse_surrogates(value: Json, path: str) -> None:
    if isinstance(value, str):
        if _SURROGATE.search(value):
            raise CanonicalError(f"{path}: a lone surrogate is not a character")
    elif isinstance(value, dict):
        for key, member in value.items():
            _refuse_surrogates(member, f"{path}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_surrogates(item, f"{path}[{index}]")


def _bound_depth(text: str, limit: int) -> None:
    """Refuse deep nesting before the parser recurses into it."""
    if text.count("[") + text.count("{") <= limit:
        return
    depth = 0
    for token in _TOKENS.finditer(text):
        opening = token.group()[0]
        if opening in "[{":
            depth += 1
            if depth > limit:
                raise CanonicalError(f"nested deeper than {limit}")
        elif opening in "]}":
            depth -= 1


_TOKENS: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]')


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise CanonicalError(f"key {key!r} stands twice in one object")
            seen.add(key)
    for key in members:
        if not key.isascii():
            raise CanonicalError(f"key {key!r} is not ASCII")
    return members


def _integer(digits: str) -> int:
    if len(digits) > 17 or not -MAX_INTEGER <= (number := int(digits)) <= MAX_INTEGER:
        raise CanonicalError(f"integer {digits[:20]} is beyond 2^53 - 1")
    return number


def _no_float(digits: str) -> NoReturn:
    raise CanonicalError(f"number {digits[:20]} has a fraction or exponent; decimals travel as strings")


def _decimal(digits: str) -> Decimal:
    if len(digits) > _MAX_NUMBER_CHARACTERS:
        raise CanonicalError(f"number {digits[:20]}… has more than {_MAX_NUMBER_CHARACTERS} characters")
    try:
        number = Decimal(digits)
    except InvalidOperation:
        raise CanonicalError(f"number {digits[:20]} cannot be held") from None
    if not -30 <= number.adjusted() <= 15:
        raise CanonicalError(f"number {digits[:20]} is beyond 10^15, or nearer to nothing than 10^-30")
    return number


def _no_constant(name: str) -> NoReturn:
    raise CanonicalError(f"{name} is not a JSON number")


def _decoder(parse_float: Callable[[str], Any]) -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=_pairs, parse_int=_integer, parse_float=parse_float, parse_constant=_no_constant
    )


_DECODER: Final = _decoder(_no_float)
_DECIMAL_DECODER: Final = _decoder(_decimal)


def members(value: Json, path: str, keys: frozenset[str]) -> Mapping[str, Json]:
    """`value` as an object with exactly these keys; CanonicalError names what is missing or too much."""
    if not isinstance(value, dict):
        raise CanonicalError(f"{path}: not an object")
    if value.keys() != keys:
        missing, extra = sorted(keys - value.keys()), sorted(value.keys() - keys)
        raise CanonicalError(f"{path}: missing {missing}, not known {extra}")
    return value
