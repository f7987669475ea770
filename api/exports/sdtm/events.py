"""AE, EX and DV: what happened to a subject, what was given, and where the protocol was departed from.

AE is an adverse event as it is known now: severity the worst that was stated, all else as last stated. AEACN and EX are
of the sealed book, and so are deviations of doses: masked audiences have none of them.
"""

from collections.abc import Mapping
from typing import Any, Final

from api.exports.sdtm.about import About, Values, imported, source_values, stated
from api.exports.sdtm.records import Row, Told
from ledger.domain.history import Fact
from projections.histories import marked
from projections.subject import AdverseEventStory, happened

_FLAGS: Final = {
    "AESCONG": "CONGENITAL_ANOMALY",
    "AESDISAB": "DISABILITY",
    "AESDTH": "DEATH",
    "AESHOSP": "HOSPITALIZATION",
    "AESLIFE": "LIFE_THREATENING",
    "AESMIE": "MEDICALLY_IMPORTANT",
}


def adverse_events(about: About, told: Told) -> None:
    """Add the rows of AE."""
    known = about.story.adverse_events
    facts: dict[tuple[str, bool], dict[str, Fact]] = {}
    for fact in about.history.corrected:
        kind = fact.type.partition("/")[0]
        if kind in ("adverse-event.reported", "adverse-event.coded", "adverse-event.action-taken"):
            name = fact.data.get("ae", "")
            # What is said further is of the event that was entered in the same way, else of the other one of its name.
            ways = [(name, marked(fact)), (name, False), (name, True)]
            key = next((way for way in ways if way in known), None)
            if key is not None:
                facts.setdefault(key, {})[kind] = fact
    for key, event in sorted(known.items(), key=lambda one: one[1].order):
        of_event = facts.get(key, {})
        report = of_event["adverse-event.reported"]
        source = source_values(report)
        sealed = about.sealed_values("AE", source.get("AESEQ"))
        coded = of_event.get("adverse-event.coded")
        action = of_event.get("adverse-event.action-taken")
        values = _adverse_event(about, event, report, source, coded.data if coded else {})
        values |= {
            "AEACN": action.data.get("action") if action else sealed.get("AEACN"),
            **{name: value for name, value in sealed.items() if name != "AEACN"},
        }
        if not imported(report):
            values["AESPID"] = event.ae
        record = told.add("AE", values, report, source.get("AESEQ"))
        if about.unmasked and event.after_unblinding:
            record.qualify("AEUNBL", "Entered by Somebody Unblinded", "Y")


def _adverse_event(
    about: About, event: AdverseEventStory, report: Fact, source: Values, coded: Mapping[str, Any]
) -> Row:
    flags = {
        name: "Y" if criterion in event.seriousness else source.get(name, None if imported(report) else "N")
        for name, criterion in _FLAGS.items()
    }
    collected = stated(report)
    return {
        **source,
        "AETERM": event.term,
        "AELLT": coded.get("lowest_level_term") or source.get("AELLT"),
        "AEDECOD": coded.get("preferred_term") or source.get("AEDECOD"),
        "AEHLT": coded.get("high_level_term") or source.get("AEHLT"),
        "AEHLGT": coded.get("high_level_group_term") or source.get("AEHLGT"),
        "AEBODSYS": source.get("AEBODSYS") or coded.get("system_organ_class"),
        "AESOC": coded.get("system_organ_class") or source.get("AESOC"),
        "AESEV": event.severity or source.get("AESEV"),
        "AESER": "Y" if event.serious else "N",
        "AEREL": event.causality or source.get("AEREL"),
        "AEOUT": event.outcome or source.get("AEOUT"),
        **flags,
        "EPOCH": about.epoch(event.onset),
        "AEDTC": collected,
        "AESTDTC": event.onset,
        "AEENDTC": event.ended,
        "AEDY": about.day(collected),
        "AESTDY": about.day(event.onset),
        "AEENDY": about.day(event.ended),
    }


def exposures(about: About, told: Told) -> None:
    """Add the rows of EX; there are none without the sealed book."""
    for fact in sorted(about.story.treatments, key=lambda fact: (fact.data.get("started_at", ""), fact.order)):
        data, source = fact.data, source_values(fact)
        started, ended, visit = data.get("started_at"), data.get("ended_at"), data.get("visit")
        interruptions = [str(stop["reason"]) for stop in data.get("interruptions", ())]
        values: Row = {
            **source,
            "EXTRT": data.get("product"),
            "EXDOSE": data.get("given_amount"),
            "EXDOSU": data.get("unit"),
            "EXDOSFRM": data.get("form"),
            "EXDOSFRQ": data.get("frequency"),
            "EXROUTE": data.get("route"),
            "EXLOT": data.get("lot"),
            "EXADJ": source.get("EXADJ") or "; ".join(interruptions) or None,
            "VISITNUM": source.get("VISITNUM") or about.visit_number(visit),
            "VISIT": visit,
            "VISITDY": source.get("VISITDY") if imported(fact) else about.visit_day(visit),
            "EPOCH": source.get("EPOCH") or about.epoch(started),
            "EXSTDTC": started,
            "EXENDTC": ended,
            "EXSTDY": source.get("EXSTDY", about.day(started)),
            "EXENDY": source.get("EXENDY", about.day(ended)),
        }
        record = told.add("EX", values, fact, source.get("EXSEQ"))
        record.qualify("EXPLDOSE", "Planned Dose", data.get("planned_amount"))
        record.qualify("EXWEIGHT", "Weight Used for the Planned Dose (kg)", data.get("weight_kg"))


def deviations(about: About, told: Told) -> None:
    """Add the rows of DV."""
    for fact in about.history.corrected:
        if fact.type not in ("deviation.raised/1", "dose-deviation.raised/1"):
            continue
        at, important = happened(fact), fact.data.get("important")
        values = {
            "DVTERM": fact.data.get("detail"),
            "DVDECOD": fact.data.get("rule"),
            "DVCAT": fact.data.get("category", "DOSE"),
            "DVSCAT": None if important is None else "IMPORTANT" if important else "NOT IMPORTANT",
            "EPOCH": about.epoch(at),
            "DVSTDTC": at,
            "DVSTDY": about.day(at),
        }
        told.add("DV", values, fact)
