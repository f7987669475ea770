"""Consents: one Consent for each act, obtained, asked for again, or withdrawn; and who gave it, if not the patient.

1. A consent is active until another replaces it or all of it is withdrawn; then it is inactive, with that as its end. A
   withdrawal is a Consent with the decision `deny`, of the scope that was withdrawn, until consent is given again.
2. A consent that was recorded in error stays, as `entered-in-error`.
3. Verified: a witness was there, somebody gave it for the patient, or a verbal consent was put in writing.
"""

from collections.abc import Iterator

from api.exports.fhir import codes
from api.exports.fhir.elements import Ids, Resource, coding, concept, extension, period, put_time, reference
from api.exports.fhir.provenance import Entries, provenance
from ledger.domain.history import Fact
from projections.histories import History
from projections.subject import SubjectStory, happened, story_of

_WITHDRAWN = "consent.withdrawn/1"
_ACTS = ("consent.obtained/1", "consent.renewed/1", _WITHDRAWN)
_WITNESS = "impartial witness (ICH E6(R3) 2.8)"


def current(story: SubjectStory) -> list[Fact]:
    """The acts by which a subject takes part, or does not any more: all that stand as recorded."""
    return sorted([*story.consents, *story.withdrawals], key=lambda fact: fact.order)


def consent_resources(history: History, entries: Entries, patient: str, ids: Ids) -> Iterator[Resource]:
    """The consents of one subject, with those that were recorded in error."""
    standing = current(story_of(history))
    stands = {fact.order for fact in standing}
    for fact in standing:
        yield from _consent(fact, _ended(fact, standing), entries, patient, ids)
    for fact in history.recorded:
        if fact.type in _ACTS and fact.order not in stands:
            yield from _consent(fact, None, entries, patient, ids, in_error=True)


def _ended(fact: Fact, standing: list[Fact]) -> Fact | None:
    """The act by which this one ended."""
    later = [other for other in standing if other.order > fact.order]
    if fact.type == _WITHDRAWN:
        return next((other for other in later if other.type != _WITHDRAWN), None)
    return next((other for other in later if other.type != _WITHDRAWN or other.data.get("scope") == "ALL"), None)


def _consent(
    fact: Fact, ended: Fact | None, entries: Entries, patient: str, ids: Ids, *, in_error: bool = False
) -> Iterator[Resource]:
    data, id_ = fact.data, ids.entry(fact.book, fact.seq)
    withdrawn = fact.type == _WITHDRAWN
    made: Resource = {
        "resourceType": "Consent",
        "id": id_,
        "status": "entered-in-error" if in_error else "active" if ended is None else "inactive",
        "category": [concept(coding(codes.CONSENT_SCOPE, "research"))],
        "subject": reference("Patient", patient),
    }
    if data.get("form"):
        made["category"].append(concept(coding(codes.CONSENT_FORM, data["form"])))
    if withdrawn:
        made["category"].append(concept(coding(codes.WITHDRAWAL_SCOPE, data["scope"])))
    if data.get("reason"):
        made["extension"] = [extension("reason", "String", data["reason"])]
    since = happened(fact)
    if since is not None:
        made["date"] = since[:10]
    lasted = period(since, happened(ended))
    if lasted:
        made["period"] = lasted
    giver = _giver(fact, patient, ids)
    by = reference("Patient", patient) if giver is None else reference("RelatedPerson", giver["id"])
    made["grantor"] = [by]
    made["grantee"] = [reference("Organization", ids.of("sponsor"))]
    if data.get("document_version"):
        made["sourceAttachment"] = [{"title": f"Consent document, version {data['document_version']}"}]
    verified = _verification(fact, by)
    if verified:
        made["verification"] = verified
    made["decision"] = "deny" if withdrawn else "permit"
    made["provision"] = [{"purpose": [coding(codes.PURPOSE_OF_USE, "CLINTRCH", "clinical trial research")]}]
    if giver is not None:
        yield giver
    yield made
    yield provenance("Consent", id_, entries.with_changes([fact]), ids, patient)


def _giver(fact: Fact, patient: str, ids: Ids) -> Resource | None:
    """Who gave the consent, or withdrew it, if it was not the patient. Nobody's name is in it."""
    relation = codes.RELATIONS.get(fact.data.get("giver", ""))
    if relation is None:
        return None
    return {
        "resourceType": "RelatedPerson",
        "id": ids.of("giver", fact.book.value, str(fact.seq)),
        "patient": reference("Patient", patient),
        "relationship": [concept(coding(codes.RELATION, *relation), text=fact.data.get("relation"))],
    }


def _verification(fact: Fact, by: Resource) -> list[Resource]:
    data = fact.data
    kinds: list[Resource] = []
    if data.get("reason") == "WRITTEN_CONFIRMATION":
        kinds.append(concept(coding(codes.VERIFICATION, "validation"), text=data["reason"]))
    if "RelatedPerson/" in by["reference"] and fact.type != _WITHDRAWN:
        kinds.append(concept(coding(codes.VERIFICATION, "family"), text=data["giver"]))
    if data.get("witnessed"):
        kinds.append(concept(text=_WITNESS))
    listed = []
    for kind in kinds:
        made: Resource = {"verified": True, "verificationType": kind, "verifiedWith": by}
        when: Resource = {}
        put_time(when, "at", happened(fact))
        if "at" in when:
            made["verificationDate"] = [when["at"]]
        listed.append(made)
    return listed
