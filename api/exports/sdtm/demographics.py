"""DM: one row a subject.

Who sees no arms gets none: ARMCD, ARM, ACTARMCD and ACTARM are null for everybody, and so is ARMNRS of whom was
randomized, for none of its terms says "withheld"; define.xml does. RFXSTDTC and RFXENDTC, which are those of doses, are
null too.
"""

from typing import Any

from api.exports.sdtm.about import About, imported, provenance_of
from api.exports.sdtm.records import Row, Told
from api.exports.sdtm.terminology import country_code, in_words
from api.exports.sdtm.variables import is_variable
from ledger.domain.when import compare
from projections.subject import happened

_OF_THE_SOURCE = ("RFCSTDTC", "RFCENDTC", "INVID")


def demographics(about: About, told: Told) -> None:
    """Add the row of DM."""
    story, source = about.story, about.source
    screened: dict[str, Any] = dict(story.screening.data.get("values", {})) if story.screening else {}
    age = screened.get("age_years")
    age = source.get("AGE") if age is None else age
    site = next((site for site in about.protocol.sites if site.id == story.site), None)
    synthesised = provenance_of(about.consent).get("synthesised", ())
    collected = source.get("DMDTC") if imported(about.consent) else happened(story.screening)
    values: Row = {
        "SUBJID": source.get("SUBJID", story.subject),
        "RFSTDTC": about.reference,
        "RFICDTC": None if "consent" in synthesised else happened(about.consent),
        "RFPENDTC": source.get("RFPENDTC") if imported(about.consent) else about.ended,
        "DTHDTC": story.died_on,
        "DTHFL": "Y" if story.dead else None,
        "SITEID": about.site,
        "AGE": age,
        "AGEU": None if age is None else source.get("AGEU", "YEARS"),
        "SEX": in_words("SEX", screened.get("sex")) or source.get("SEX"),
        "RACE": in_words("RACE", screened.get("race")) or source.get("RACE"),
        "ETHNIC": in_words("ETHNIC", screened.get("ethnicity")) or source.get("ETHNIC"),
        "COUNTRY": source.get("COUNTRY") or country_code(site.country if site else None),
        "DMDTC": collected,
        "DMDY": about.sealed_source.get("DMDY", about.day(collected)),
        **{name: source.get(name) for name in _OF_THE_SOURCE},
        **{name: value for name, value in about.sealed_source.items() if not is_variable("DM", name)},
        **(_exposed(about) if about.unmasked else {}),
    }
    values["RFENDTC"] = (about.sealed_source.get("RFENDTC") if about.sealed_source else about.ended) or None
    if story.randomized is None and values.get("ARM") is None:
        failed = story.screening is not None and not story.screening.data.get("eligible")
        values.setdefault("ARMNRS", None)
        values["ARMNRS"] = values["ARMNRS"] or ("SCREEN FAILURE" if failed else "NOT ASSIGNED")
    told.add("DM", values)


def _exposed(about: About) -> Row:
    """The arms and the dates of exposure: of the source where it has them, else from the record."""
    story, kept = about.story, about.sealed_source
    row: Row = dict.fromkeys(("ARMCD", "ARM"))
    if story.arm is not None:
        arm = about.protocol.arm(story.arm)
        row = {"ARMCD": about.arm_word(arm.code), "ARM": arm.label}
    if kept:
        named = ("ACTARMCD", "ACTARM", "ARMNRS", "ACTARMUD", "RFXSTDTC", "RFXENDTC")
        written = {name: kept.get(name) for name in named}
        return {**row, **({} if story.arm else {name: kept.get(name) for name in ("ARMCD", "ARM")}), **written}
    if story.arm is not None:
        planned = any(story.arm in intervention.arms for intervention in about.protocol.interventions)
        if planned and not story.treatments:
            row["ARMNRS"] = "ASSIGNED, NOT TREATED"
        else:
            row |= {"ACTARMCD": row["ARMCD"], "ACTARM": row["ARM"]}
    return {**row, "RFXSTDTC": story.first_treatment, "RFXENDTC": _last_treatment(about)}


def _last_treatment(about: About) -> str | None:
    ends = [fact.data.get("ended_at") or fact.data.get("started_at") for fact in about.story.treatments]
    last: str | None = None
    for end in ends:
        if end is not None and (last is None or compare(end, last) > 0):
            last = end
    return last
