"""What can be read out of the free text of a registry record: lists of criteria, lengths of time, doses,
ages.

Only what is unmistakable is read; the rest stays text. Nothing here drops a word: the importer keeps the
text that it read from.
"""

import re
from decimal import Decimal
from typing import Final, NamedTuple

_HEADING: Final = re.compile(r"\W*(?:key\s+|main\s+|major\s+)?(inclusion|exclusion)(?:\s+criteria)?\s*\W*", re.I)
_BULLET: Final = re.compile(r"(\s*)(?:[*\-•·–]|\d{1,2}[.)])\s+(.*)")  # noqa: RUF001 - registries use these marks
_ESCAPED: Final = re.compile(r"\\([\\<>*_\[\]#.()+~-])")
_FRAME: Final = re.compile(r"(?:up to |through |within |at )?(\d{1,4}) ?(days?|weeks?|months?|years?)\.?", re.I)
_WORDS: Final = {"one": 1, "single": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
_DOSE: Final = re.compile(
    r"\b(?P<doses>\d{1,3}|one|single|two|three|four|five|six)\s+(?:serial\s+|repeated\s+)?doses?\s+of\s+"
    r"(?P<amount>\d{1,9}(?:\.\d{1,9})?)\s+"
    r"(?P<unit>million\s+(?:[a-z-]+\s+){0,8}?cells|cells|mg|g|mcg|mL|IU)\s*"
    r"(?P<per_kg>per\s+kg\b|/\s?kg\b)?",
    re.I,
)
_ROUTES: Final = ("intravenous", "intramuscular", "subcutaneous", "intradermal", "oral", "inhaled", "topical")
_AGE: Final = re.compile(
    r"(?:adults?\s*,?\s*)?(?:patients?\s+|aged?\s+|age\s*)?(?:over|older than|at least|above|>=?|≥)\s*"
    r"(\d{1,3})\s*(?:years?(?:\s+of\s+age|\s+old)?)"
    r"|(\d{1,3})\s+years(?:\s+of\s+age)?\s+(?:and|or)\s+older",
    re.I,
)
_BOTH_SEXES: Final = re.compile(r"(?:both sexes|(?:patients of )?(?:either|any) sex|male (?:or|and) female)", re.I)


class Item(NamedTuple):
    """One item of an eligibility text, in the section that it stands in."""

    inclusion: bool
    text: str


class ReadDose(NamedTuple):
    """A dose as a free text states it."""

    doses: int
    amount: Decimal
    unit: str
    per_kg: bool
    route: str | None


def split_criteria(text: str) -> tuple[list[Item], list[str]]:
    """The items of an eligibility text, and notes on what was uncertain in splitting it.

    A section begins at a line that says inclusion or exclusion (criteria); an item at a bullet or number
    that is indented no deeper than the section's first. Deeper bullets and plain lines continue the item
    before them. A section without bullets has one item per line.
    """
    notes: list[str] = []
    sections: list[tuple[bool, list[str]]] = []
    preamble: list[str] = []
    for line in text.splitlines():
        heading = _HEADING.fullmatch(line)
        if heading:
            sections.append((heading.group(1).lower() == "inclusion", []))
        elif line.strip():
            (sections[-1][1] if sections else preamble).append(line)
    if preamble and sections:
        notes.append(f"eligibility text before the first heading is no criterion: {' '.join(preamble)!r}")
    if preamble and not sections:
        notes.append("the eligibility text has no inclusion or exclusion heading: all of it was taken as inclusion")
        sections.append((True, preamble))
    items = [Item(inclusion, item) for inclusion, lines in sections for item in _items(lines)]
    return items, notes


def _items(lines: list[str]) -> list[str]:
    bullets = [match for line in lines if (match := _BULLET.fullmatch(line))]
    if not bullets:
        return [_plain(line) for line in lines]
    depth = len(bullets[0].group(1))
    items: list[str] = []
    for line in lines:
        match = _BULLET.fullmatch(line)
        if not items or (match and len(match.group(1)) <= depth):
            items.append(_plain(match.group(2) if match else line))
        else:
            items[-1] += f" {_plain(line)}"
    return items


def _plain(text: str) -> str:
    """The text without the registry's Markdown escapes."""
    return _ESCAPED.sub(r"\1", text.strip())


def read_time_frame(text: str) -> tuple[int | None, int | None]:
    """Days and months of a time frame that is one length of time; no months if written in days or weeks."""
    match = _FRAME.fullmatch(text.strip())
    if match is None:
        return None, None
    number, unit = int(match.group(1)), match.group(2).lower().rstrip("s")
    if unit in ("day", "week"):
        return number * (7 if unit == "week" else 1), None
    months = number * (12 if unit == "year" else 1)
    if not 1 <= months <= 1200:
        return None, None
    return days_of_months(months), months


def days_of_months(months: int) -> int:
    """Months as days: round(months * 365.25 / 12), in whole numbers; 6 months are 183 days."""
    return (months * 36525 + 600) // 1200


def read_dose(text: str) -> ReadDose | None:
    """The one dose that a description states; None where it states none, or several."""
    matches = list(_DOSE.finditer(text))
    if len(matches) != 1:
        return None
    match = matches[0]
    count = match["doses"].lower()
    routes = [route for route in _ROUTES if re.search(rf"\b{route}(ly)?\b", text, re.I)]
    return ReadDose(
        doses=_WORDS.get(count) or int(count),
        amount=Decimal(match["amount"]),
        unit="million cells" if match["unit"].lower().startswith("million") else match["unit"],
        per_kg=match["per_kg"] is not None,
        route=routes[0].upper() if len(routes) == 1 else None,
    )


def read_minimum_age(text: str) -> int | None:
    """The age in years that a criterion asks for, if it asks for nothing else."""
    match = _AGE.fullmatch(text.strip().rstrip("."))
    return int(match.group(1) or match.group(2)) if match else None


def says_both_sexes(text: str) -> bool:
    """Whether a criterion says that both sexes may take part, and nothing else."""
    return _BOTH_SEXES.fullmatch(text.strip().rstrip(".")) is not None
