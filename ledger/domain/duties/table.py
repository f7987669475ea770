"""The table of rules: the one that ships with the program, and what a protocol adds to it or puts in its place."""

from collections.abc import Iterable
from functools import cache
from importlib import resources

from pydantic import TypeAdapter

from ledger.domain.duties.model import DutyRule

_RULES: TypeAdapter[tuple[DutyRule, ...]] = TypeAdapter(tuple[DutyRule, ...])


def read_rules(data: bytes) -> tuple[DutyRule, ...]:
    """The rules in a JSON array. Raises pydantic's ValidationError, and ValueError for an id that stands twice."""
    rules = _RULES.validate_json(data)
    ids = [rule.id for rule in rules]
    for name in ids:
        if ids.count(name) > 1:
            raise ValueError(f"{name}: stands twice")
    return rules


@cache
def default_rules() -> tuple[DutyRule, ...]:
    """The table that ships with the program."""
    return read_rules(resources.files(__package__).joinpath("rules.json").read_bytes())


def rules_with(own: Iterable[DutyRule]) -> tuple[DutyRule, ...]:
    """The table with a protocol's own rules: one with an id of the table takes its place, the others come after."""
    given = {rule.id: rule for rule in own}
    table = [given.pop(rule.id, rule) for rule in default_rules()]
    return (*table, *given.values())
