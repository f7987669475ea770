"""Screening: each criterion of a protocol, computed from the values that were recorded.

Rules:
- A result is MET, NOT_MET, NOT_APPLICABLE or MISSING. For an exclusion criterion MET means that it applies.
- A value that is absent (or null) is not known. What is not known stays not known through `all`, `any` and
  `not` (Kleene's three values), unless the rest decides already: who has two of three failed does not need
  the third.
- A partial date answers only what holds for each day that it may mean.
- Eligible is: something was checked, every inclusion criterion MET or NOT_APPLICABLE, every exclusion
  criterion NOT_MET or NOT_APPLICABLE. MISSING is never eligible.
- Values are checked before anything is computed: unknown names, wrong types, terms and bounds are refused.
"""

import operator
from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Final, Literal, TypeAlias

from ledger.domain.protocol.base import Part, Problem, ProtocolError, number_json, read_number
from ledger.domain.protocol.model import Protocol
from ledger.domain.protocol.partial import earliest, latest, months_before, precision
from ledger.domain.protocol.rules import (
    AllOf,
    Answered,
    AnyOf,
    Attested,
    Compare,
    Criterion,
    CriterionKind,
    Leaf,
    Not,
    OneOf,
    Rule,
    VariableSpec,
    Within,
    leaves,
    value_name,
)

ResultTerm: TypeAlias = Literal["MET", "NOT_MET", "NOT_APPLICABLE", "MISSING"]
Value: TypeAlias = Decimal | bool | str

_OPERATORS: Final[dict[str, Callable[[Decimal, Decimal], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    ">": operator.gt,
}


class ScreeningError(ProtocolError):
    """Values that the protocol's variables do not allow; `problems` names each field and rule."""


class PartResult(Part):
    """What one part of a criterion came to."""

    part: str
    result: ResultTerm


class CriterionResult(Part):
    """What one criterion came to, from which values (as JSON), and in a sentence for people."""

    criterion: str
    kind: CriterionKind
    result: ResultTerm
    values: dict[str, bool | int | str]
    missing: tuple[str, ...] = ()
    parts: tuple[PartResult, ...] = ()
    sentence: str

    @property
    def passes(self) -> bool:
        """Whether the subject may take part as far as this criterion goes."""
        good: ResultTerm = "MET" if self.kind == "INCLUSION" else "NOT_MET"
        return self.result in (good, "NOT_APPLICABLE")


def evaluate(protocol: Protocol, values: Mapping[str, object], on: str) -> list[CriterionResult]:
    """One result per criterion, in the protocol's order. `on` is the day of screening, YYYY-MM-DD.

    Raises ScreeningError for values that are not declared, of another type, or out of bounds.
    """
    known = check_values(protocol.eligibility.variables, values, on)
    day = earliest(on)
    return [_result(criterion, known, day) for criterion in protocol.eligibility.criteria]


def failures(results: Iterable[CriterionResult]) -> list[CriterionResult]:
    """The results that stand against eligibility: what a waiver has to name, or what is still missing."""
    return [result for result in results if not result.passes]


def is_eligible(results: Iterable[CriterionResult]) -> bool:
    """Whether the results allow enrolment. No result at all means that nothing was checked: not eligible."""
    results = list(results)
    return bool(results) and not failures(results)


def check_values(variables: Iterable[VariableSpec], values: Mapping[str, object], on: str) -> dict[str, Value]:
    """The values that are known, each of its variable's type. Raises ScreeningError listing all faults."""
    declared = {variable.name: variable for variable in variables}
    problems: list[Problem] = []
    known: dict[str, Value] = {}
    try:
        day = earliest(on)
        if precision(on) != "day" or day.year < 1900:
            raise ValueError("the day of screening must be written YYYY-MM-DD, from 1900 on")
    except ValueError as error:
        raise ScreeningError([Problem("on", str(error))]) from None
    for name, value in values.items():
        variable = declared.get(name)
        if variable is None:
            problems.append(Problem(f"values.{name}", "the protocol declares no such value"))
        elif value is not None:
            try:
                known[name] = _typed(variable, value, day)
            except ValueError as error:
                problems.append(Problem(f"values.{name}", str(error)))
    if problems:
        raise ScreeningError(problems)
    return known


def _typed(variable: VariableSpec, value: object, on: date) -> Value:
    if variable.type == "yes_no":
        if not isinstance(value, bool):
            raise ValueError("must be true or false")
        return value
    if variable.type in ("number", "integer"):
        return _number(variable, value)
    if not isinstance(value, str):
        raise ValueError(f"must be a {variable.type} written as a string")
    if value in variable.terms:
        return value
    if variable.type == "term":
        raise ValueError(f"{value[:40]!r} is not one of {', '.join(variable.terms)}")
    if earliest(value) > on:
        raise ValueError(f"{value} lies after the day of screening ({on})")
    return value


def _number(variable: VariableSpec, value: object) -> Decimal:
    try:
        number = read_number(value)
    except ValueError:
        raise ValueError("must be a number: an integer, or a decimal written as a string") from None
    unit = f" {variable.unit.strip('{}')}" if variable.unit else ""
    if variable.type == "integer" and number != number.to_integral_value():
        raise ValueError("must be a whole number")
    if variable.min is not None and number < variable.min:
        raise ValueError(f"must be at least {variable.min}{unit}")
    if variable.max is not None and number > variable.max:
        raise ValueError(f"must be at most {variable.max}{unit}")
    return number


def _result(criterion: Criterion, known: Mapping[str, Value], on: date) -> CriterionResult:
    condition = criterion.applies_when
    rules = criterion.rules
    applies = True if condition is None else _holds(condition, known, on)
    parts: tuple[PartResult, ...] = ()
    if applies is False and condition is not None:
        term: ResultTerm = "NOT_APPLICABLE"
        read: tuple[Rule, ...] = (condition,)
    elif applies is None and condition is not None:
        term, read = "MISSING", (condition,)
    else:
        term = _term(_all([_holds(rule, known, on) for rule in rules]))
        read = rules if condition is None else (condition, *rules)
        parts = tuple(PartResult(part=part.id, result=_term(_holds(part.test, known, on))) for part in criterion.parts)
    used = {value_name(leaf): leaf for rule in read for leaf in leaves(rule)}
    missing: dict[str, str] = {}
    if term == "MISSING":
        for leaf in (leaf for rule in read for leaf in leaves(rule)):
            if _leaf_holds(leaf, known, on) is None:
                name = value_name(leaf)
                missing[name] = (
                    f"{name} {known[name]} is not precise enough" if name in known else f"{name} is not known"
                )
    values = {name: _json(known[name]) for name in used if name in known}
    return CriterionResult(
        criterion=criterion.id,
        kind=criterion.kind,
        result=term,
        values=values,
        missing=tuple(missing),
        parts=parts,
        sentence=_sentence(criterion, term, read, values, list(missing.values())),
    )


def _sentence(
    criterion: Criterion,
    term: ResultTerm,
    read: tuple[Rule, ...],
    values: Mapping[str, bool | int | str],
    missing: list[str],
) -> str:
    who = f"{criterion.kind.capitalize()} criterion {criterion.id}"
    if term == "MISSING":
        return f"{who} cannot be decided: {'; '.join(missing)}."
    met, unmet = ("is met", "is not met") if criterion.kind == "INCLUSION" else ("applies", "does not apply")
    verdict = {"MET": met, "NOT_MET": unmet, "NOT_APPLICABLE": "is not applicable"}[term]
    seen = ", ".join(f"{name} = {_word(value)}" for name, value in values.items())
    rule = " and ".join(rule_text(rule) for rule in read)
    return f"{who} {verdict}: {seen} (rule: {rule})."


def rule_text(rule: Rule) -> str:
    """A rule in one line for people."""
    match rule:
        case AllOf(all=members):
            return "(" + " and ".join(map(rule_text, members)) + ")"
        case AnyOf(any=members):
            return "(" + " or ".join(map(rule_text, members)) + ")"
        case Not(negated=member):
            return f"not {rule_text(member)}"
        case Compare():
            return f"{rule.value} {rule.op} {rule.than}"
        case OneOf():
            return f"{rule.value} in {'/'.join(rule.one_of)}"
        case Answered():
            return f"{rule.value} is {_word(rule.answer)}"
        case Within():
            return f"{rule.value} within {rule.within} {rule.unit}"
        case Attested():
            return f"attested by the reporter as {rule.attested}"


def _holds(rule: Rule, known: Mapping[str, Value], on: date) -> bool | None:
    """True, False, or None where what is known does not decide."""
    match rule:
        case AllOf(all=members):
            return _all([_holds(member, known, on) for member in members])
        case AnyOf(any=members):
            return _negated(_all([_negated(_holds(member, known, on)) for member in members]))
        case Not(negated=member):
            return _negated(_holds(member, known, on))
        case _:
            return _leaf_holds(rule, known, on)


def _leaf_holds(leaf: Leaf, known: Mapping[str, Value], on: date) -> bool | None:
    value = known.get(value_name(leaf))
    if value is None:
        return None
    match leaf:
        case Compare() if isinstance(value, Decimal):
            return _OPERATORS[leaf.op](value, leaf.than)
        case OneOf():
            return value in leaf.one_of
        case Within() if isinstance(value, str):
            return _lies_within(leaf, value, on)
        case Answered():
            return value is leaf.answer
        case _:
            return value is True


def _lies_within(rule: Within, text: str, on: date) -> bool | None:
    if not text[:1].isdigit():
        return False  # a word such as NEVER: there is no such date
    if rule.unit == "days":
        start = on - timedelta(days=rule.within)
    else:
        start = months_before(on, rule.within * (12 if rule.unit == "years" else 1))
    # Nothing recorded at screening can have happened after it, so a partial date ends there at the latest.
    if earliest(text) >= start:
        return True
    return False if min(latest(text), on) < start else None


def _all(truths: list[bool | None]) -> bool | None:
    if False in truths:
        return False
    return None if None in truths else True


def _negated(truth: bool | None) -> bool | None:
    return None if truth is None else not truth


def _term(truth: bool | None) -> ResultTerm:
    if truth is None:
        return "MISSING"
    return "MET" if truth else "NOT_MET"


def _json(value: Value) -> bool | int | str:
    return number_json(value) if isinstance(value, Decimal) else value


def _word(value: bool | int | str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
