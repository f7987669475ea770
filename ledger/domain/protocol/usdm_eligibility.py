"""From the population and the criteria of a USDM design to eligibility.

Rules: a criterion's text is free text, so it is `attested` (the reporter says yes or no), under the identifier that the
file gives it in its note. Planned ages in years and a single sex, which the population has as values, become criteria
that are checked. A population that says none of it, but whose cohorts all say the same, is taken to say that.
"""

from decimal import Decimal
from typing import Any, Final

from ledger.domain.protocol import usdm_codes as codes
from ledger.domain.protocol.base import Problem
from ledger.domain.protocol.usdm_record import Texts, Usdm
from ledger.proof.canonical import Json

_AGE: Final[dict[str, Json]] = {
    "name": "age_years",
    "label": "Age at screening, in completed years",
    "type": "integer",
    "unit": "a",
    "min": 0,
    "max": 130,
}
_SEX: Final[dict[str, Json]] = {"name": "sex", "label": "Sex", "type": "term", "terms": ["F", "M"]}
_FROM_VALUE: Final = "from a value of the population, not from a criterion of the file"


class _Lists:
    """Variables and criteria as they grow; ids count up within each kind."""

    def __init__(self) -> None:
        self.variables: list[dict[str, Json]] = []
        self.criteria: list[dict[str, Json]] = []
        self._last = {"I": 0, "E": 0}

    def attested(self, letter: str, text: str, note: str) -> None:
        name = f"{letter.lower()}{self._last[letter] + 1}_attested"
        self.add(letter, text, {"name": name, "label": text, "type": "yes_no"}, {"attested": name}, note)

    def add(self, letter: str, text: str, variable: dict[str, Json], test: dict[str, Json], note: str) -> None:
        self._last[letter] += 1
        kind = "INCLUSION" if letter == "I" else "EXCLUSION"
        identity = f"{letter}{self._last[letter]}"
        self.criteria.append({"id": identity, "kind": kind, "text": text, "test": test, "note": note})
        if variable not in self.variables:
            self.variables.append(variable)


def read_eligibility(read: Usdm, texts: Texts, version: str, design: str, notes: list[str]) -> dict[str, Json]:
    """The eligibility of a protocol, as JSON; adds to `notes` what was uncertain."""
    lists = _Lists()
    population = f"{design}.population"
    items = read.by_id(f"{version}.eligibilityCriterionItems")
    criteria = read.by_id(f"{design}.eligibilityCriteria")
    for identity, path in criteria.items():
        category = read.code(f"{path}.category", required=True)
        item = read.follow(f"{path}.criterionItemId", items, "EligibilityCriterionItem")
        if item is None:
            if read.peek(f"{path}.criterionItemId") is None:
                read.problems.append(Problem(f"{path}.criterionItemId", "is required"))
            continue
        text = texts.plain(item, required=True)
        kind = codes.CATEGORIES.get(category.code) if category else None
        if category is not None and kind is None:
            read.problems.append(Problem(f"{path}.category", f"{category} is neither inclusion nor exclusion"))
        if text is None or kind is None:
            continue
        named = read.said(f"{path}.identifier") or read.said(f"{path}.name") or identity
        lists.attested(kind[0], text, f"{named} of the file")
    if lists.criteria:
        notes.append(f"{len(lists.criteria)} criteria are free text, to be attested: yes or no")
    _unlisted(read, population, criteria, notes)
    return {**_values(read, population, lists, notes), "variables": lists.variables, "criteria": _sorted(lists)}


def planned(read: Usdm, population: str, notes: list[str]) -> int | None:
    """How many subjects are planned: of the population, else of all its cohorts together."""
    own = _count(read, f"{population}.plannedEnrollmentNumber", notes)
    cohorts = [_count(read, f"{one}.plannedEnrollmentNumber", notes) for one in read.items(f"{population}.cohorts")]
    known = [count for count in cohorts if count is not None]
    together = sum(known) if known and len(known) == len(cohorts) else None
    if own is not None and together is not None and own != together:
        notes.append(f"{population}: {own} subjects are planned, and {together} in its cohorts together")
    if own is None and together is not None:
        notes.append(f"{population}.plannedEnrollmentNumber: none; the cohorts' together, {together}, is taken")
    return together if own is None else own


def _count(read: Usdm, path: str, notes: list[str]) -> int | None:
    if read.peek(f"{path}.maxValue") is not None:
        notes.append(f"{path}: a range; its end is taken")
        path = f"{path}.maxValue"
    value = read.number(f"{path}.value")
    if value is None:
        return None
    if value != value.to_integral_value() or not 0 <= value < 10**9:
        read.problems.append(Problem(f"{path}.value", f"{value} is no number of subjects"))
        return None
    return int(value)


def _values(read: Usdm, population: str, lists: _Lists, notes: list[str]) -> dict[str, Json]:
    """Ages, sexes and healthy volunteers; those that a machine can check become criteria."""
    said = [_of(read, path, notes) for path in (population, *read.items(f"{population}.cohorts"))]
    own, cohorts = said[0], said[1:]
    for name, word in (("minimum", "minimum age"), ("maximum", "maximum age"), ("sexes", "sex")):
        among = {one[name] for one in cohorts}
        if own[name] is None and len(among) == 1 and among != {None}:
            own[name] = among.pop()
            notes.append(f"{population}: the {word}, {own[name]}, is taken from its cohorts, which all say so")
        elif among - {None, own[name]}:
            notes.append(f"{population}: its cohorts say other things of the {word}; theirs is checked for nobody")
    for name, op, word in (("minimum", ">=", "Minimum"), ("maximum", "<=", "Maximum")):
        if own[name] is not None:
            test: dict[str, Json] = {"value": "age_years", "op": op, "than": own[name]}
            lists.add("I", f"{word} age: {own[name]} Years", _AGE, test, _FROM_VALUE)
    if own["sexes"] in ("FEMALE", "MALE"):
        test = {"value": "sex", "one_of": [own["sexes"][0]]}
        lists.add("I", f"Sex: {own['sexes']}", _SEX, test, _FROM_VALUE)
    return {
        "minimum_age": None if own["minimum"] is None else f"{own['minimum']} Years",
        "maximum_age": None if own["maximum"] is None else f"{own['maximum']} Years",
        "sexes": own["sexes"],
        "healthy_volunteers": read.flag(f"{population}.includesHealthySubjects"),
    }


def _of(read: Usdm, path: str, notes: list[str]) -> dict[str, Any]:
    sexes = set()
    for item in read.items(f"{path}.plannedSex"):
        code = read.code(item)
        if code is not None and code.code not in codes.SEXES:
            read.problems.append(Problem(item, f"{code} is no sex of participants"))
        elif code is not None:
            sexes.add(codes.SEXES[code.code])
    age = f"{path}.plannedAge"
    if read.peek(age) is not None and read.flag(f"{age}.isApproximate"):
        notes.append(f"{age}: is approximate, and is checked as if it were exact")
    return {
        "minimum": _years(read, f"{age}.minValue", notes),
        "maximum": _years(read, f"{age}.maxValue", notes),
        "sexes": None if not sexes else sexes.pop() if len(sexes) == 1 else "ALL",
    }


def _years(read: Usdm, path: str, notes: list[str]) -> int | None:
    """An age in whole years; one in another unit is left in the rest."""
    if read.peek(path) is None:
        return None
    unit = read.code(f"{path}.unit")
    value = read.number(f"{path}.value")
    if value is None:
        return None
    if unit is None or unit.code != codes.YEAR or value != value.to_integral_value() or not 0 <= value <= Decimal(130):
        notes.append(f"{path}: is no age in whole years, and is not checked")
        read.leave(f"{path}.value")
        if unit is not None:
            read.untaken(unit)
        return None
    return int(value)


def _unlisted(read: Usdm, population: str, criteria: dict[str, str], notes: list[str]) -> None:
    """Criteria that neither the population nor a cohort lists; and listed ones that are not there."""
    listed: set[str] = set()
    for path in (population, *read.items(f"{population}.cohorts")):
        for item in read.items(f"{path}.criterionIds"):
            if read.follow(item, criteria, "EligibilityCriterion") is not None:
                listed.add(read.peek(item))
    notes += [
        f"{path}: no population lists it; it is taken all the same"
        for id_, path in criteria.items()
        if id_ not in listed
    ]


def _sorted(lists: _Lists) -> list[dict[str, Json]]:
    return sorted(lists.criteria, key=lambda criterion: criterion["kind"] == "EXCLUSION")
