"""The export kind `dataset-json`: SDTM 3.4 datasets as Dataset-JSON 1.1 (JSON and NDJSON), with define.xml.

1. Subjects are told one after another, each from its own history; rows go through scratch files (`scratch.py`).
2. Datasets: TA, TE, TI, TS, DM, SE, SV, AE, DS, DV, RELREC, SUPP--, and for those who see arms EX. One without a row
   is left out. Deviations of a site, of no subject, have no place in DV.
3. What the sealed book keeps of an import's rows is read for those who see arms only; masked audiences never have it.
"""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from api.exports.sdtm.about import About, KeptOfSubject
from api.exports.sdtm.conduct import dispositions, elements, visits
from api.exports.sdtm.dataset_json import LINES, write_dataset
from api.exports.sdtm.define import write_define
from api.exports.sdtm.demographics import demographics
from api.exports.sdtm.design import criteria, summary, trial_arms, trial_elements
from api.exports.sdtm.events import adverse_events, deviations, exposures
from api.exports.sdtm.records import Told
from api.exports.sdtm.scratch import Made, Scratch
from api.exports.sdtm.variables import DATASETS, is_variable
from api.exports.source import Source
from ledger.domain.protocol import Protocol

_BESIDE: Final = ".rows"


def write(source: Source, folder: Path) -> None:
    """Write the files."""
    protocol = source.protocol
    scratch = Scratch(folder / _BESIDE)
    with scratch:
        enrolled, dictionary = _subjects(source, scratch)
        _design(source, scratch, enrolled)
        scratch.flush()
        made = sorted(scratch.made.values(), key=_order)
        about = {**_about(source), "dictionary": dictionary}
        (folder / LINES).mkdir()
        for one in made:
            write_dataset(one, about, folder)
        write_define(folder / "define.xml", made, about, _decodes(protocol))
    scratch.remove()


def _order(made: Made) -> tuple[int, str]:
    names = list(DATASETS)
    return (names.index(made.dataset.name) if made.dataset.name in names else len(names), made.dataset.name)


def _subjects(source: Source, scratch: Scratch) -> tuple[int, tuple[str, str] | None]:
    """Tell all subjects: how many are enrolled, and by which dictionary (name, version) events are coded."""
    kept = _kept(source)
    enrolled = 0
    dictionaries: set[tuple[str, str]] = set()
    for history in source.histories():
        if not history.corrected:
            continue
        subject = history.key.removeprefix("subject/")
        about = About(source.protocol, history, source.unmasked, kept.get(subject, {}))
        told = Told(source.protocol.registration.org_study_id, about.usubjid)
        for tell in (demographics, elements, visits, exposures, adverse_events, dispositions, deviations):
            tell(about, told)
        _of_the_source(told, about.sealed)
        for name, row in told.rows():
            scratch.add(name, row)
        enrolled += about.story.enrolled is not None
        dictionaries |= {
            (fact.data["dictionary"], fact.data.get("dictionary_version", ""))
            for fact in history.corrected
            if fact.type == "adverse-event.coded/1"
        }
    if not dictionaries:
        return enrolled, None
    names, versions = (", ".join(sorted({one[place] for one in dictionaries if one[place]})) for place in (0, 1))
    return enrolled, (names, versions)


def _kept(source: Source) -> dict[str, dict[str, list[dict[str, str]]]]:
    """Subject -> dataset -> values of rows, as the sealed book keeps them."""
    kept: dict[str, dict[str, list[dict[str, str]]]] = {}
    if not source.unmasked:
        return kept
    for fact in source.trial_facts():
        if fact.type == "sealed-data.imported/1":
            for row in fact.data.get("kept", ()):
                kept.setdefault(row["subject"], {}).setdefault(row["dataset"], []).append(row["values"])
    return kept


def _of_the_source(told: Told, sealed: KeptOfSubject) -> None:
    """Rows of SUPP-- as a source has them; columns that SDTMIG does not have become such rows."""
    for name, rows in sealed.items():
        if name.startswith("SUPP"):
            told.supplements[name] = [{key: value for key, value in row.items() if _in_supplement(key)} for row in rows]
    for domain, records in told.records.items():
        for record in records:
            for name in [name for name in record.values if not is_variable(domain, name)]:
                record.qualify(name[:8], name[:40], record.values.pop(name))


def _in_supplement(name: str) -> bool:
    return is_variable("SUPP", name)


def _design(source: Source, scratch: Scratch, enrolled: int) -> None:
    protocol, trial = source.protocol, source.trial()
    tables = {
        "TA": trial_arms(protocol),
        "TE": trial_elements(protocol, unmasked=source.unmasked),
        "TI": criteria(protocol),
        "TS": summary(protocol, trial, amended=bool(trial.amendments), enrolled=enrolled),
    }
    for name, rows in tables.items():
        for row in rows:
            named = {key: value for key, value in row.items() if is_variable(name, key)}
            scratch.add(name, {"STUDYID": protocol.registration.org_study_id, "DOMAIN": name, **named})


def _decodes(protocol: Protocol) -> dict[str, dict[str, str]]:
    """What the trial's own terms mean."""
    return {"IETESTCD": {criterion.id: criterion.text for criterion in protocol.eligibility.criteria}}


def _about(source: Source) -> dict[str, Any]:
    protocol = source.protocol
    study = protocol.registration.org_study_id
    audience = "with arms" if source.unmasked else "without arms, for masked roles"
    return {
        "made_at": source.made_at,
        "origin": source.origin,
        "as_of": source.as_of,
        "originator": protocol.sponsor.name,
        "version": _version(),
        "study": study,
        "study_oid": f"ST.{study}",
        "metadata_oid": f"MDV.{study}.SDTM",
        "title": protocol.registration.official_title or protocol.registration.brief_title,
        "protocol": protocol.trial_id,
        "description": f"SDTM datasets of {protocol.trial_id} up to position {source.as_of}, {audience}",
        "masked": not source.unmasked,
    }


def _version() -> str:
    try:
        return version("trial-ledger")
    except PackageNotFoundError:  # run from its source
        return "source"
