"""Commands as they come in: read strictly, by the closed registry of types, with every fault named.

    {"id", "type", "actor": {"id", "role", "org"}, "occurred_at", "data": {…}, "provenance"?: {…}}

1. Nothing unknown is let in, and nothing is converted: "true" is no yes, "5" no number. A decimal may be written as a
   JSON number or as a string; either way it is its digits.
2. `id` is 1 to 128 printable ASCII characters without spaces; the same id is the same command.
3. All faults of form are reported at once, each with the path of its field.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, Final

from pydantic import ValidationError
from pydantic.json_schema import models_json_schema

from ledger.domain.decisions import COMMANDS, Command, CommandActor, CommandSpec, Refusal
from ledger.domain.events.base import LINES, NO_CONTROLS, Facts, Provenance
from ledger.domain.protocol.base import problems_of
from ledger.proof.canonical import CanonicalError, encode

__all__ = ["COMMANDS", "Command", "CommandActor", "CommandError", "CommandSpec", "command_schema", "parse_command"]

_PATTERN: Final = "string should match pattern "
IN_WORDS: Final = {
    r"^[!-~]{1,128}$": "must be 1 to 128 printable ASCII characters without spaces",
    r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$": (
        "must be 1 to 64 letters, digits, dots, underscores and hyphens, the first a letter or digit"
    ),
    r"^[A-Za-z0-9][A-Za-z0-9 ._/-]{0,63}$": (
        "must be 1 to 64 letters, digits, spaces and ._/- characters, the first a letter or digit"
    ),
    r"^[0-9a-f]{64}$": "must be 64 hexadecimal digits in lower case",
    NO_CONTROLS: "must not have control characters or line breaks in it",
    LINES: "must not have control characters in it, but tabs and line breaks",
}
_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"


class CommandError(ValueError):
    """What came in is not a command. `refusals` names every fault."""

    def __init__(self, refusals: Iterable[Refusal]) -> None:
        self.refusals = tuple(refusals)
        super().__init__("; ".join(f"{fault.field}: {fault.message}" for fault in self.refusals))


class _Envelope(Command[Facts]):
    """The envelope before its type is known."""

    data: dict[str, Any]  # type: ignore[assignment]


def parse_command(value: Any) -> Command[Facts]:
    """The command that a JSON value is. Decimals may come as `Decimal`. Raises CommandError."""
    if not isinstance(value, Mapping):
        raise CommandError([Refusal("form", "$", "must be an object with id, type, actor, occurred_at and data")])
    try:
        raw = encode(_digits(dict(value)))
    except CanonicalError as error:
        path, _, rule = str(error).partition(": ")
        raise CommandError([Refusal("form", path.removeprefix("$").removeprefix(".") or "$", rule or path)]) from None
    spec = COMMANDS.get(value["type"]) if isinstance(value.get("type"), str) else None
    faults: list[Refusal] = []
    envelope = data = None
    try:
        envelope = _Envelope.model_validate_json(raw, strict=True)
    except ValidationError as error:
        faults += _faults(error)
    if spec is None and isinstance(value.get("type"), str):
        alike = " or ".join(get_close_matches(value["type"], COMMANDS, n=2))
        hint = f"; did you mean {alike}?" if alike else ""
        faults.append(Refusal("type", "type", f"{value['type'][:60]!r} is no command{hint}"))
    if spec is not None and isinstance(value.get("data"), Mapping):
        try:
            data = spec.data.model_validate_json(encode(_digits(value["data"])), strict=True)
        except ValidationError as error:
            faults += _faults(error, "data.")
    if faults or envelope is None or data is None:
        raise CommandError(faults)
    return Command(**{name: getattr(envelope, name) for name in Command.model_fields if name != "data"}, data=data)


def _digits(value: Any) -> Any:
    """The value with each Decimal as its digits."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        return {key: _digits(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_digits(item) for item in value]
    return value


def _faults(error: ValidationError, prefix: str = "") -> list[Refusal]:
    faults: dict[str, Refusal] = {}
    for field, rule in problems_of(error):
        path = "data" if prefix and field == "$" else prefix + field
        if path.startswith("data.values."):  # one of three forms: say all of them, once
            path = ".".join(path.split(".")[:3])
            rule = "must be true, false, an integer, or a text of at most 200 characters (decimals too)"
        if rule.startswith(_PATTERN):
            rule = IN_WORDS.get(rule.removeprefix(_PATTERN).strip("'"), rule)
        faults.setdefault(path, Refusal("form", path, rule))
    return list(faults.values())


def command_schema() -> dict[str, Any]:
    """The JSON schema (2020-12) of a command: one form per type."""
    models: set[type[Facts]] = {spec.data for spec in COMMANDS.values()} | {CommandActor, Provenance}
    references, definitions = models_json_schema(
        [(model, "validation") for model in sorted(models, key=lambda model: model.__name__)],
        ref_template="#/$defs/{model}",
    )

    def form(spec: CommandSpec) -> dict[str, Any]:
        return {
            "title": spec.type,
            "description": spec.summary,
            "type": "object",
            "additionalProperties": False,
            "required": ["id", "type", "actor", "occurred_at", "data"],
            "properties": {
                "id": {"type": "string", "pattern": "^[!-~]{1,128}$"},
                "type": {"const": spec.type},
                "actor": references[CommandActor, "validation"],
                "occurred_at": {"type": "string", "description": "ISO 8601, possibly partial"},
                "data": references[spec.data, "validation"],
                "provenance": references[Provenance, "validation"],
            },
        }

    return {
        "$schema": _DRAFT,
        "title": "A command of a trial ledger",
        "oneOf": [form(spec) for spec in COMMANDS.values()],
        "$defs": definitions["$defs"],
    }
