"""From the eligibility module of a registry record to criteria.

Rules: the text is split into items, and stays verbatim in `Eligibility.text`. A machine cannot check free
text, so an item becomes an `attested` criterion (the reporter says yes or no), unless it says nothing but
the record's minimum age, or "both sexes". Ages and a single sex that the record has as fields, and the text
not as such an item, become criteria of their own. A line that runs two criteria together stays one: nothing
in it says where to cut.
"""

import re
from typing import Final, get_args

from ledger.domain.protocol import terms
from ledger.domain.protocol.ctgov_record import Record
from ledger.domain.protocol.ctgov_text import read_minimum_age, says_both_sexes, split_criteria
from ledger.proof.canonical import Json

_MODULE: Final = "protocolSection.eligibilityModule"
_AGE: Final[dict[str, Json]] = {
    "name": "age_years",
    "label": "Age at screening, in completed years",
    "type": "integer",
    "unit": "a",
    "min": 0,
    "max": 130,
}
_SEX: Final[dict[str, Json]] = {"name": "sex", "label": "Sex", "type": "term", "terms": ["F", "M"]}


def read_eligibility(read: Record, notes: list[str]) -> dict[str, Json]:
    """The eligibility of a protocol, as JSON; adds to `notes` what was uncertain."""
    text = read.text(f"{_MODULE}.eligibilityCriteria")
    minimum = read.text(f"{_MODULE}.minimumAge")
    maximum = read.text(f"{_MODULE}.maximumAge")
    sexes = read.term(f"{_MODULE}.sex", get_args(terms.Sexes))
    items, uncertain = split_criteria(text or "")
    notes.extend(f"{_MODULE}.eligibilityCriteria: {note}" for note in uncertain)

    lists = _Lists()
    for item in items:
        age = read_minimum_age(item.text) if item.inclusion else None
        if age is not None and age == _years(minimum):
            lists.add_age(item.text, ">=", age, f"checked by the record's minimum age, {minimum}")
        elif item.inclusion and says_both_sexes(item.text):
            lists.add_sex(item.text, ["F", "M"], None)
        else:
            lists.add_attested("I" if item.inclusion else "E", item.text, None)
    if minimum and not lists.asks_for("age_years"):
        lists.add_bound(f"Minimum age: {minimum}", ">=", _years(minimum))
    if maximum:
        lists.add_bound(f"Maximum age: {maximum}", "<=", _years(maximum))
    if sexes in ("FEMALE", "MALE") and not lists.asks_for("sex"):
        lists.add_sex(f"Sex: {sexes}", [sexes[0]], _FROM_FIELD)
    if lists.attested:
        notes.append(f"{lists.attested} of {len(lists.criteria)} criteria are free text, to be attested: yes or no")
    return {
        "minimum_age": minimum,
        "maximum_age": maximum,
        "sexes": sexes,
        "healthy_volunteers": read.flag(f"{_MODULE}.healthyVolunteers"),
        "text": text,
        "variables": lists.variables,
        "criteria": sorted(lists.criteria, key=lambda criterion: criterion["kind"] == "EXCLUSION"),
    }


_FROM_FIELD: Final = "from a field of the record; its text has no item that says just this"


def _years(age: str | None) -> int | None:
    """An age of the registry in whole years; None for months, weeks and days."""
    match = re.fullmatch(r"(\d{1,3}) Years?", age or "")
    return int(match.group(1)) if match else None


class _Lists:
    """The criteria and variables as they grow; ids count up within each kind."""

    def __init__(self) -> None:
        self.variables: list[dict[str, Json]] = []
        self.criteria: list[dict[str, Json]] = []
        self.attested = 0
        self._last = {"I": 0, "E": 0}

    def asks_for(self, name: str) -> bool:
        """Whether a criterion so far reads this value."""
        return any(criterion["test"].get("value") == name for criterion in self.criteria)

    def add_age(self, text: str, op: str, years: int, note: str) -> None:
        self._add("I", text, _AGE, {"value": "age_years", "op": op, "than": years}, note)

    def add_bound(self, text: str, op: str, years: int | None) -> None:
        if years is None:
            self.add_attested("I", text, _FROM_FIELD)
        else:
            self.add_age(text, op, years, _FROM_FIELD)

    def add_sex(self, text: str, sexes: list[str], note: str | None) -> None:
        self._add("I", text, _SEX, {"value": "sex", "one_of": sexes}, note)

    def add_attested(self, letter: str, text: str, note: str | None) -> None:
        name = f"{letter.lower()}{self._last[letter] + 1}_attested"
        self.attested += 1
        self._add(letter, text, {"name": name, "label": text, "type": "yes_no"}, {"attested": name}, note)

    def _add(self, letter: str, text: str, variable: dict[str, Json], test: dict[str, Json], note: str | None) -> None:
        self._last[letter] += 1
        kind = "INCLUSION" if letter == "I" else "EXCLUSION"
        identity = f"{letter}{self._last[letter]}"
        self.criteria.append({"id": identity, "kind": kind, "text": text, "test": test, "note": note})
        if variable not in self.variables:
            self.variables.append(variable)
