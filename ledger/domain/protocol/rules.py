"""Eligibility as data: variables, a closed language of rules over them, and criteria made of rules.

A variable declares a value that a screening may bring (name, type, unit, terms, bounds). A rule is one of:

    {"value": "age_years", "op": ">=", "than": 18}                compare a number
    {"value": "rt_pcr_result", "one_of": ["POSITIVE"]}            a term is one of these
    {"value": "intubated", "answer": true}                        a yes/no is so answered
    {"value": "last_dvt_pe_date", "within": 3, "unit": "years"}   a date lies in the N units up to the
    screening {"attested": "i1_attested"}                                   the reporter attests a free text:
    yes or no {"all": [...]}   {"any": [...]}   {"not": {...}}              combinations

There is no other form, and no code: whoever reads the file can check a screening by hand. For an inclusion
criterion the rule says when it is met; for an exclusion criterion, when it applies.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag

from ledger.domain.protocol.base import Number, Part, Problem, Text

Name: TypeAlias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Term: TypeAlias = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,62}$")]
CriterionId: TypeAlias = Annotated[str, Field(pattern=r"^[IE][1-9][0-9]{0,2}$")]
CriterionKind: TypeAlias = Literal["INCLUSION", "EXCLUSION"]
VariableType: TypeAlias = Literal["number", "integer", "term", "yes_no", "date"]


class VariableSpec(Part):
    """A value that a screening may bring. `unit` is a UCUM unit; `min` and `max` are inclusive, in that unit.

    For a term, `terms` is the list to choose from. For a date, it is what may stand instead of one ("NEVER").
    """

    name: Name
    label: Text
    type: VariableType
    unit: Text | None = None
    terms: tuple[Term, ...] = ()
    min: Number | None = None
    max: Number | None = None


class Compare(Part):
    """A number against a constant, in the variable's unit."""

    value: Name
    op: Literal["<", "<=", "==", "!=", ">=", ">"]
    than: Number


class OneOf(Part):
    """A term (or a word that stands for a date) is one of these."""

    value: Name
    one_of: Annotated[tuple[Term, ...], Field(min_length=1)]


class Answered(Part):
    """A yes/no value is so answered."""

    value: Name
    answer: bool


class Within(Part):
    """A date lies in the `within` units up to and including the day of screening, first day included."""

    value: Name
    within: Annotated[int, Field(ge=1, le=1200)]
    unit: Literal["days", "months", "years"]


class Attested(Part):
    """A free text that no machine can check: the reporter attests that it holds (yes) or not (no)."""

    attested: Name


class AllOf(Part):
    """Every one holds."""

    all: Annotated[tuple["Rule", ...], Field(min_length=1)]


class AnyOf(Part):
    """At least one holds."""

    any: Annotated[tuple["Rule", ...], Field(min_length=1)]


class Not(Part):
    """It does not hold."""

    negated: "Rule" = Field(alias="not")


_FORMS: Final[tuple[tuple[str, str, type[Part]], ...]] = (
    ("than", "~compare", Compare),
    ("one_of", "~one_of", OneOf),
    ("answer", "~answered", Answered),
    ("within", "~within", Within),
    ("attested", "~attested", Attested),
    ("all", "~all", AllOf),
    ("any", "~any", AnyOf),
    ("not", "~not", Not),
)


def _form(rule: Any) -> str | None:
    """Which form a rule has: told by the one key that only this form has."""
    for key, tag, kind in _FORMS:
        if isinstance(rule, kind) or (isinstance(rule, dict) and key in rule):
            return tag
    return None


Rule: TypeAlias = Annotated[
    Annotated[Compare, Tag("~compare")]
    | Annotated[OneOf, Tag("~one_of")]
    | Annotated[Answered, Tag("~answered")]
    | Annotated[Within, Tag("~within")]
    | Annotated[Attested, Tag("~attested")]
    | Annotated[AllOf, Tag("~all")]
    | Annotated[AnyOf, Tag("~any")]
    | Annotated[Not, Tag("~not")],
    Discriminator(
        _form,
        custom_error_type="rule_form",
        custom_error_message="is no rule: needs than, one_of, answer, within, attested, all, any or not",
    ),
]
Leaf: TypeAlias = Compare | OneOf | Answered | Within | Attested

for _composite in (AllOf, AnyOf, Not):
    _composite.model_rebuild()


class CriterionPart(Part):
    """One of the checks that a criterion lists in one sentence (I5a, I5b, ...)."""

    id: Annotated[str, Field(pattern=r"^[IE][1-9][0-9]{0,2}[a-z]$")]
    text: Text
    test: Rule


class Criterion(Part):
    """One line of the eligibility lists: its text as the source has it, and the rule that checks it.

    Either `test` or `parts` (all of which must hold) is given. `applies_when` limits it to some subjects.
    """

    id: CriterionId
    kind: CriterionKind
    text: Text
    applies_when: Rule | None = None
    test: Rule | None = None
    parts: tuple[CriterionPart, ...] = ()
    note: str | None = None

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All that must hold for the criterion to be met, without `applies_when`."""
        return (*(() if self.test is None else (self.test,)), *(part.test for part in self.parts))


def leaves(rule: Rule) -> Iterator[Leaf]:
    """The rules over single values that `rule` is made of, in the order written."""
    if isinstance(rule, AllOf):
        members: tuple[Rule, ...] = rule.all
    elif isinstance(rule, AnyOf):
        members = rule.any
    elif isinstance(rule, Not):
        members = (rule.negated,)
    else:
        yield rule
        return
    for member in members:
        yield from leaves(member)


def value_name(leaf: Leaf) -> str:
    """The variable that a rule over a single value reads."""
    return leaf.attested if isinstance(leaf, Attested) else leaf.value


def check_rules(path: str, variables: Sequence[VariableSpec], criteria: Sequence[Criterion]) -> list[Problem]:
    """Where variables and criteria do not fit each other: undeclared values, wrong types, terms, ids."""
    problems = list(_check_variables(f"{path}.variables", variables))
    declared = {variable.name: variable for variable in variables}
    for index, criterion in enumerate(criteria):
        where = f"{path}.criteria[{index}]"
        if criterion.id[0] != criterion.kind[0]:
            problems.append(Problem(f"{where}.id", f"{criterion.id} is not the id of an {criterion.kind} criterion"))
        if (criterion.test is None) != bool(criterion.parts):
            problems.append(Problem(where, "needs either test or parts"))
        for part in criterion.parts:
            if part.id[:-1] != criterion.id:
                problems.append(Problem(f"{where}.parts", f"{part.id} is not a part of {criterion.id}"))
        rules = criterion.rules if criterion.applies_when is None else (criterion.applies_when, *criterion.rules)
        for leaf in (leaf for rule in rules for leaf in leaves(rule)):
            fault = _leaf_fault(leaf, declared.get(value_name(leaf)))
            if fault:
                problems.append(Problem(f"{where} ({criterion.id}).{value_name(leaf)}", fault))
    return problems


def _check_variables(path: str, variables: Sequence[VariableSpec]) -> Iterator[Problem]:
    for index, variable in enumerate(variables):
        numeric = variable.type in ("number", "integer")
        if variable.type == "term" and not variable.terms:
            yield Problem(f"{path}[{index}].terms", "a term needs its list of terms")
        if variable.terms and variable.type not in ("term", "date"):
            yield Problem(f"{path}[{index}].terms", f"a {variable.type} has no terms")
        if not numeric and (variable.min is not None or variable.max is not None):
            yield Problem(f"{path}[{index}]", f"a {variable.type} has neither min nor max")
        if variable.min is not None and variable.max is not None and variable.min > variable.max:
            yield Problem(f"{path}[{index}].min", "min is above max")


def _leaf_fault(leaf: Leaf, variable: VariableSpec | None) -> str | None:
    if variable is None:
        return "the variable is not declared"
    wanted: tuple[VariableType, ...]
    match leaf:
        case Compare():
            wanted = ("number", "integer")
        case OneOf():
            wanted = ("term", "date")
        case Within():
            wanted = ("date",)
        case _:
            wanted = ("yes_no",)
    if variable.type not in wanted:
        return f"the variable is of type {variable.type}, the rule needs {' or '.join(wanted)}"
    if isinstance(leaf, OneOf) and (strange := sorted(set(leaf.one_of) - set(variable.terms))):
        return f"{', '.join(strange)}: not among the variable's terms"
    return None
