"""DS, SV and SE: how a subject went through the trial.

1. DS has the dispositions, the consents and the randomization as milestones, and as other events withdrawals of consent
   and that an arm became known. Of an import it has the rows of its DS, for they hold the milestones already.
2. SV has a row a visit record. An unplanned visit without a number is numbered after the planned one before it.
3. SE has the epochs of `About.elements`. Which element a treatment epoch is, tells the arm: masked audiences are told
   of the element BLINDED, which TE has for them.
"""

from decimal import Decimal
from typing import Final

from api.exports.sdtm.about import About, imported, provenance_of, source_values, stated
from api.exports.sdtm.design import BLINDED, FOLLOW_UP, SCREENING, treatment_element
from api.exports.sdtm.records import Record, Row, Told
from ledger.domain.history import Fact
from projections.subject import happened

_UNBLINDINGS: Final = {
    "code.broken/1": "CODE BROKEN IN AN EMERGENCY",
    "unblinding.reported/1": "INADVERTENT UNBLINDING",
    "envelope.opened/1": "ENVELOPE OPENED",
}


def dispositions(about: About, told: Told) -> None:
    """Add the rows of DS."""
    for fact in about.history.corrected:
        match fact.type.partition("/")[0]:
            case "disposition.recorded":
                _disposition(about, told, fact)
            case "consent.obtained" | "consent.renewed" if not imported(fact):
                renewed = fact.type.startswith("consent.renewed/")
                verbatim = f"INFORMED CONSENT RENEWED: {fact.data['reason']}" if renewed else None
                row = _milestone(about, told, fact, "INFORMED CONSENT OBTAINED", verbatim)
                row.qualify("DSCONFRM", "Form of Informed Consent", fact.data.get("form"))
                row.qualify("DSCONGIV", "Giver of Informed Consent", fact.data.get("giver"))
                row.qualify("DSCONREL", "Relation of Giver to Subject", fact.data.get("relation"))
                row.qualify("DSCONVER", "Version of Consent Document", fact.data.get("document_version"))
            case "subject.randomized" if not imported(fact):
                _milestone(about, told, fact, "RANDOMIZED")
            case "consent.withdrawn" if not imported(fact):
                scope = f"CONSENT WITHDRAWN: {fact.data['scope']}"
                row = _milestone(about, told, fact, "CONSENT WITHDRAWN", scope, "OTHER EVENT")
                row.qualify("DSREASON", "Reason as Reported", fact.data.get("reason"))
            case "code.broken" | "unblinding.reported" | "envelope.opened":
                verbatim = _UNBLINDINGS.get(fact.type)
                _milestone(about, told, fact, "TREATMENT UNBLINDED", verbatim, "OTHER EVENT")


def _milestone(
    about: About, told: Told, fact: Fact, term: str, verbatim: str | None = None, category: str = "PROTOCOL MILESTONE"
) -> Record:
    at = happened(fact)
    values = {
        "DSTERM": verbatim or term,
        "DSDECOD": term,
        "DSCAT": category,
        "EPOCH": about.epoch(at),
        "DSSTDTC": at,
        "DSSTDY": about.day(at),
    }
    return told.add("DS", values, fact)


def _disposition(about: About, told: Told, fact: Fact) -> None:
    data, source, at = fact.data, source_values(fact), stated(fact)
    sealed = about.sealed_values("DS", source.get("DSSEQ"))
    imputed = provenance_of(fact).get("imputed", ()) if imported(fact) else ()
    values: Row = {
        **source,
        "DSTERM": data.get("verbatim") or data.get("term"),
        "DSDECOD": None if "term" in imputed else data.get("term"),
        "DSCAT": data.get("category"),
        "EPOCH": data.get("epoch") or about.epoch(happened(fact)),
        "DSSTDTC": at,
        "DSDY": about.day(source.get("DSDTC")),
        "DSSTDY": about.day(at),
        **sealed,
    }
    told.add("DS", values, fact, source.get("DSSEQ"))


def visits(about: About, told: Told) -> None:
    """Add the rows of SV."""
    listed = sorted(about.story.visits, key=lambda fact: (_began(fact), fact.order))
    before, unplanned = "0", 0
    for fact in listed:
        data, source = fact.data, source_values(fact)
        name, missed = data.get("visit"), data.get("state") == "MISSED"
        planned = about.visit_number(name)
        number = data.get("number") or planned
        if number is None:
            unplanned += 1
            number = format(Decimal(before) + Decimal(unplanned) / 100, "f")
        elif planned is not None:
            before, unplanned = number, 0
        started = data.get("started") or (None if missed else stated(fact))
        ended = data.get("ended")
        happens = planned is not None and not imported(fact)
        values: Row = {
            **source,
            "VISITNUM": number,
            "VISIT": name,
            "SVPRESP": "Y" if happens else source.get("SVPRESP"),
            "SVOCCUR": "N" if missed else "Y" if happens else source.get("SVOCCUR"),
            "VISITDY": source.get("VISITDY") if imported(fact) else about.visit_day(name),
            "EPOCH": about.epoch(started),
            "SVSTDTC": started,
            "SVENDTC": ended,
            "SVSTDY": about.day(started),
            "SVENDY": about.day(ended),
            **about.sealed_values("SV", number if imported(fact) else None),
        }
        told.add("SV", values, fact)


def _began(fact: Fact) -> str:
    return fact.data.get("started") or happened(fact) or ""


def elements(about: About, told: Told) -> None:
    """Add the rows of SE."""
    arm = about.story.arm if about.unmasked else None
    for order, element in enumerate(about.elements, 1):
        code, name = {
            "SCREENING": SCREENING,
            "FOLLOW-UP": FOLLOW_UP,
            "TREATMENT": BLINDED if arm is None else treatment_element(about.protocol, arm),
        }[element.epoch]
        values = {
            "ETCD": code,
            "ELEMENT": name,
            "TAETORD": order,
            "EPOCH": element.epoch,
            "SESTDTC": element.start,
            "SEENDTC": element.end,
            "SESTDY": about.day(element.start),
            "SEENDY": about.day(element.end),
        }
        told.add("SE", values)
