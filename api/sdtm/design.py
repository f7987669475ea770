"""The parts of a trial's design that are put together from several datasets: arms, sites, visits, demography.

1. Arms come from TA, else from DM; their types are inferred from their names, for SDTM states none.
2. Nothing here depends on which subject has which arm: arms are a sorted set.
3. The visits planned are those of TV, else what SV says was planned (VISITDY). SDTM has no windows: they are wide open.
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from api.sdtm.dataset import Dataset, SdtmError
from api.sdtm.halves import is_planned_arm
from api.sdtm.summary import Summary
from api.sdtm.words import code_of, term_of

NO_WINDOW: Final = 366
"""Days by which a visit may be early or late where the source states no window: the widest there is."""

_SEXES: Final = {"BOTH": "ALL", "M": "MALE", "F": "FEMALE"}
_INTERVENTIONS: Final = ("BEHAVIORAL", "BIOLOGICAL", "DEVICE", "DRUG", "GENETIC", "PROCEDURE", "RADIATION")


def arms_of(datasets: Mapping[str, Dataset], ts: Summary) -> list[dict[str, Any]]:
    from_ta = "TA" in datasets and bool(datasets["TA"].rows)
    source = datasets["TA" if from_ta else "DM"]
    labels: dict[str, str] = {}
    for row in source.rows:
        code, label = row.values.get("ARMCD"), row.values.get("ARM")
        if is_planned_arm(code, label) and (word := code or label):
            labels.setdefault(word, label or word)
    if not labels:
        raise SdtmError(source.path, None, "ARM", "states no planned arm; a trial needs one")
    if not from_ta:
        ts.notes.append("There is no TA dataset: the arms are those that DM states as planned")
    product, control = ts.all("TRT"), (ts.all("TCNTRL") or ["NONE"])[0]
    ordered = labels if from_ta else sorted(labels)
    codes: dict[str, str] = {}
    for word in ordered:
        if code_of(word) in codes:
            rule = f"{word} and {codes[code_of(word)]} differ only in what a code cannot hold"
            raise SdtmError(source.path, None, "ARMCD", rule)
        codes[code_of(word)] = word
    return [
        {"code": code, "label": labels[word], "type": _arm_type(labels[word], product, control)}
        for code, word in codes.items()
    ]


def _arm_type(label: str, products: list[str], control: str) -> str:
    name = label.casefold()
    if "placebo" in name:
        return "PLACEBO_COMPARATOR"
    if "sham" in name:
        return "SHAM_COMPARATOR"
    if re.search(r"\bno (treatment|intervention)\b|\bobservation\b", name):
        return "NO_INTERVENTION"
    if any(product.casefold() in name for product in products):
        return "EXPERIMENTAL"
    return "ACTIVE_COMPARATOR" if control.upper() == "ACTIVE" else "OTHER"


def interventions_of(ts: Summary, arms: list[dict[str, Any]]) -> list[dict[str, Any]]:
    kind = (ts.all("INTTYPE") or ["OTHER"])[0].upper()
    return [
        {
            "name": name,
            "type": kind if kind in _INTERVENTIONS else "OTHER",
            "arms": [arm["code"] for arm in arms if name.casefold() in arm["label"].casefold()],
        }
        for name in dict.fromkeys([*ts.all("TRT"), *ts.all("COMPTRT")])
    ]


def eligibility_of(ts: Summary, dm: Dataset) -> dict[str, Any]:
    def terms(column: str) -> list[str]:
        return sorted({term for row in dm.rows if (term := term_of(row.values.get(column)))})

    named = (("sex", "Sex", "SEX"), ("race", "Race", "RACE"), ("ethnicity", "Ethnicity", "ETHNIC"))
    return {
        "minimum_age": ts.one("AGEMIN", "no minimum age is stated"),
        "maximum_age": ts.one("AGEMAX", "no maximum age is stated"),
        "sexes": ts.coded("SEXPOP", _SEXES, "the sexes are not stated"),
        "healthy_volunteers": {"Y": True, "N": False}.get((ts.all("HLTSUBJI") or [""])[0]),
        "variables": [
            {"name": "age_years", "label": "Age", "type": "integer", "unit": "a"},
            *(
                {"name": name, "label": label, "type": "term", "terms": found}
                for name, label, column in named
                if (found := terms(column))
            ),
        ],
    }


def sites_of(dm: Dataset) -> list[dict[str, Any]]:
    sites: dict[str, dict[str, Any]] = {}
    for row in dm.rows:
        if site := row.values.get("SITEID"):
            country = row.values.get("COUNTRY")
            sites.setdefault(code_of(site), {"id": code_of(site), "name": f"Site {site.strip()}", "country": country})
    return [sites[code] for code in sorted(sites)]


def visits_of(datasets: Mapping[str, Dataset]) -> list[dict[str, Any]]:
    """The planned visits: TV, else what SV says was planned (VISITDY), as days from the first (study day 1 is 0)."""
    source = datasets.get("TV") or datasets.get("SV")
    days: dict[str, Counter[int]] = {}
    for row in source.rows if source else ():
        name, day = row.values.get("VISIT"), row.values.get("VISITDY", "")
        if name and re.fullmatch(r"-?[0-9]{1,4}", day):
            days.setdefault(name, Counter())[int(day) - (int(day) > 0)] += 1
    planned = sorted((-max((count, -day) for day, count in found.items())[1], name) for name, found in days.items())
    return [{"name": name, "day": day, "early_days": NO_WINDOW, "late_days": NO_WINDOW} for day, name in planned]
