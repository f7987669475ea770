"""Under whose law a trial is, by the countries of its sites.

Rules
- Countries are written as ClinicalTrials.gov does. Regulation (EU) No 536/2014 holds in the European Economic Area too
  (Iceland, Liechtenstein, Norway).
- 21 CFR 312 holds where the protocol says that the FDA regulates the drug, and for a site in the United States unless
  it says that it does not.
- Where no such law holds for some site, ICH guidelines alone do (ELSEWHERE); so they do for a trial without any site
  of which the country is known. National law that is not in the table is for the protocol to add.
"""

from collections.abc import Iterable
from typing import Final

from ledger.domain.duties.words import Jurisdiction

EEA: Final = frozenset(
    "Austria,Belgium,Bulgaria,Croatia,Cyprus,Czech Republic,Czechia,Denmark,Estonia,Finland,France,Germany,Greece,"
    "Hungary,Iceland,Ireland,Italy,Latvia,Liechtenstein,Lithuania,Luxembourg,Malta,Netherlands,Norway,Poland,Portugal,"
    "Romania,Slovakia,Slovenia,Spain,Sweden".casefold().split(",")
)
UNITED_STATES: Final = frozenset({"united states", "united states of america", "puerto rico"})


def jurisdictions_of(countries: Iterable[str | None], fda_regulated_drug: bool | None) -> frozenset[Jurisdiction]:
    """The jurisdictions of a trial with sites in `countries` (None: not known); never none at all."""
    known = {country.strip().casefold() for country in countries if country}
    found = set()
    if known & EEA:
        found.add(Jurisdiction.EU)
    if fda_regulated_drug or (known & UNITED_STATES and fda_regulated_drug is None):
        found.add(Jurisdiction.US)
    if known - EEA - UNITED_STATES or not found:
        found.add(Jurisdiction.ELSEWHERE)
    return frozenset(found)


def countries_without_rules(countries: Iterable[str | None]) -> list[str]:
    """The countries of which the table has no law, sorted."""
    return sorted({one for one in countries if one and one.strip().casefold() not in EEA | UNITED_STATES})
