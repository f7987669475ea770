"""What all parts of a protocol share: base model, numbers without floats, errors that name field and rule.

Rules: models are frozen and refuse unknown fields. A `DecimalText` is a Decimal in memory and a string in
JSON; a `Number` is a Decimal in memory and in JSON an integer where it was written as one, else a string.
Integers are counts within the canonical subset. Whatever is wrong with an input is reported at once, as a
list.
"""

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Any, Final, NamedTuple, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError

from ledger.proof.canonical import MAX_INTEGER

_DECIMAL: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")


class Problem(NamedTuple):
    """One thing wrong with an input: the path of the field, and the rule that it breaks."""

    field: str
    rule: str


class ProtocolError(ValueError):
    """A protocol, or something measured against one, cannot be used. `problems` lists every reason found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{field}: {rule}" for field, rule in self.problems))


class Part(BaseModel):
    """Base of every model here: frozen, strict, no unknown fields, JSON under the names that users write."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, serialize_by_alias=True)


def read_decimal(value: object) -> Decimal:
    """A decimal from a Decimal or its plain digits; ValueError for anything else, floats included."""
    text = format(value, "f") if isinstance(value, Decimal) else value
    if not isinstance(text, str) or not _DECIMAL.fullmatch(text):
        raise ValueError("must be a decimal written as a string of at most 15 + 15 digits, such as '1.5'")
    return Decimal(text)


def read_number(value: object) -> Decimal:
    """A number from an integer, a Decimal or a decimal's digits; ValueError otherwise (floats, booleans)."""
    if isinstance(value, int) and not isinstance(value, bool):
        if abs(value) > MAX_INTEGER:
            raise ValueError("is an integer beyond 2^53 - 1")
        return Decimal(value)
    return read_decimal(value)


def number_json(value: Decimal) -> int | str:
    """How a `Number` stands in JSON: an integer if it has no fraction digits, else a string of digits."""
    whole = value == value.to_integral_value() and "." not in format(value, "f")
    return int(value) if whole and abs(value) <= MAX_INTEGER else format(value, "f")


def _decimal_json(value: Decimal) -> str:
    return format(value, "f")


DecimalText: TypeAlias = Annotated[
    Decimal, BeforeValidator(read_decimal), PlainSerializer(_decimal_json, return_type=str)
]
Number: TypeAlias = Annotated[Decimal, BeforeValidator(read_number), PlainSerializer(number_json)]
Text: TypeAlias = Annotated[str, Field(min_length=1)]
Count: TypeAlias = Annotated[int, Field(ge=0, le=MAX_INTEGER)]
Days: TypeAlias = Annotated[int, Field(ge=-36_600, le=36_600)]


def problems_of(error: ValidationError) -> list[Problem]:
    """The problems that a validation found, with paths as users know them (`arms[0].code`)."""
    problems: list[Problem] = []
    for fault in error.errors(include_url=False):
        context: dict[str, Any] = fault.get("ctx", {})
        if "problems" in context:  # cross-checks of the whole name their own fields
            problems.extend(context["problems"])
            continue
        problems.append(Problem(_path(fault["loc"]), _in_words(fault["msg"].removeprefix("Value error, "))))
    return problems


_WORDS: Final = (
    (re.compile(r"Extra inputs are not permitted"), "unknown field"),
    (re.compile(r"Field required"), "is missing"),
    (re.compile(r"(String|Tuple|List|Dictionary) should have at least 1 .*"), "must not be empty"),
    (re.compile(r"(String|Tuple|List|Dictionary) should have "), "must have "),
    (re.compile(r"Input should be "), "must be "),
)
"""What the validating library says, and what is said instead."""


def _in_words(rule: str) -> str:
    for pattern, words in _WORDS:
        if pattern.match(rule):
            return pattern.sub(words, rule)
    return rule[:1].lower() + rule[1:]


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        elif not step.startswith("~"):  # "~" marks the form of a rule, which is not a field
            path += f".{step}" if path else step
    return path or "$"
