"""Adverse events: one AdverseEvent for each report, with all that was said of it later.

1. What was said last holds; severity is the worst ever stated (R5 has no place for it: an extension, as for the
   reporter's opinion of causality). Notes of a follow-up are notes.
2. Products, actions taken with them and expectedness lie in the sealed book, and are for those who may see arms.
3. A report that was entered in error stays, as `entered-in-error`, with what it said alone.
"""

from collections.abc import Iterator
from typing import Any, Final

from api.exports.fhir import codes
from api.exports.fhir.elements import NS, Ids, Resource, coding, concept, date_time, extension, period, put_time
from api.exports.fhir.elements import reference as to
from api.exports.fhir.provenance import Entries, provenance
from ledger.domain.history import Fact
from ledger.domain.vocabulary import Book
from ledger.domain.when import compare
from projections.histories import History, marked
from projections.subject import AdverseEventStory, SubjectStory, story_of

_REPORT: Final = "adverse-event.reported/1"
_CODED: Final = "adverse-event.coded/1"
_SEALED: Final = ("adverse-event.action-taken/1", "expectedness.assessed/1", "unexpected-reaction.reported/1")
_FURTHER: Final = ("adverse-event.followed-up/1", _CODED, *_SEALED)
_LEVELS: Final = (
    "lowest_level_term",
    "preferred_term",
    "high_level_term",
    "high_level_group_term",
    "system_organ_class",
)


def adverse_events(history: History, entries: Entries, patient: str, ids: Ids, *, unmasked: bool) -> Iterator[Resource]:
    """The adverse events of one subject, each with its provenance."""
    story = story_of(history)
    said: dict[tuple[str, bool], list[Fact]] = {}
    for fact in history.corrected:
        if fact.type == _REPORT:
            said[fact.data["ae"], marked(fact)] = [fact]
        elif fact.type in _FURTHER:
            _about(fact, said).append(fact)
    stands = {facts[0].order for facts in said.values()}
    for key, facts in said.items():
        event = story.adverse_events[key]
        yield from _event(event, facts, story, entries, patient, ids, unmasked=unmasked)
    for fact in history.recorded:
        if fact.type == _REPORT and fact.order not in stands:
            yield from _event(None, [fact], story, entries, patient, ids, unmasked=unmasked)


def _about(fact: Fact, said: dict[tuple[str, bool], list[Fact]]) -> list[Fact]:
    """What was said of the event that a fact is about: of the one entered after unblinding, else of the open one."""
    ae = fact.data["ae"]
    after = marked(fact) or fact.book is Book.SEALED
    return (said.get((ae, True)) if after else None) or said.get((ae, False), [])


def _event(
    event: AdverseEventStory | None,
    facts: list[Fact],
    story: SubjectStory,
    entries: Entries,
    patient: str,
    ids: Ids,
    *,
    unmasked: bool,
) -> Iterator[Resource]:
    """`event`: None for one that was reported in error."""
    report = facts[0]
    data: dict[str, Any] = dict(report.data)
    if event is not None:
        data |= {"severity": event.severity, "serious": event.serious, "seriousness": event.seriousness}
        data |= {"causality": event.causality, "outcome": event.outcome, "ended": event.ended, "onset": event.onset}
    id_ = ids.entry(report.book, report.seq)
    status = "entered-in-error" if event is None else "in-progress" if event.open and not story.dead else "completed"
    made: Resource = {"resourceType": "AdverseEvent", "id": id_}
    extensions = [
        extension(name, "String", data[name]) for name in ("severity", "causality") if data.get(name) is not None
    ]
    if unmasked and any(marked(fact) for fact in facts):
        extensions.append(extension("after-unblinding", "Boolean", True))
    if extensions:
        made["extension"] = extensions
    made |= {
        "identifier": [{"system": f"{NS}/adverse-event", "value": f"{story.subject}/{data['ae']}"}],
        "status": status,
        "actuality": "actual",
        "category": [concept(coding(codes.AE_CATEGORY, "clinical-research"))],
        "code": _code(data["term"], facts),
        "subject": to("Patient", patient),
    }
    _put_occurrence(made, data)
    put_time(made, "detected", data.get("occurred_at"))
    made["recordedDate"] = report.at
    made["seriousness"] = _seriousness(data)
    if data.get("outcome"):
        code = codes.OUTCOMES.get(data["outcome"])
        made["outcome"] = [concept(*(() if code is None else (coding(codes.NCI, code),)), text=data["outcome"])]
    made["study"] = [to("ResearchStudy", ids.of("study"))]
    if unmasked:
        _put_sealed(made, data, facts, story)
    notes = [fact for fact in facts if fact.data.get("note")]
    if notes:
        made["note"] = [_note(fact) for fact in notes]
    yield made
    yield provenance("AdverseEvent", id_, entries.with_changes(facts), ids, patient)


def _code(term: str, facts: list[Fact]) -> Resource:
    """The term as reported, and the levels of the dictionary as coded last."""
    coded = [fact.data for fact in facts if fact.type == _CODED]
    if not coded:
        return concept(text=term)
    data = coded[-1]
    dictionary = data["dictionary"]
    listed = []
    for level in _LEVELS:
        if data.get(level):
            known = dictionary.upper().startswith("MEDDRA")
            one: Resource = {"extension": [extension("dictionary-level", "Code", level)]}
            one["system"] = codes.MEDDRA if known else f"{NS}/dictionary"
            if data.get("dictionary_version"):
                one["version"] = data["dictionary_version"] if known else f"{dictionary} {data['dictionary_version']}"
            listed.append(one | {"display": data[level]})
    return concept(*listed, text=term)


def _put_occurrence(made: Resource, data: dict[str, Any]) -> None:
    if data.get("ended") is not None:
        made["occurrencePeriod"] = period(data.get("onset"), data["ended"])
    else:
        put_time(made, "occurrenceDateTime", data.get("onset"))


def _seriousness(data: dict[str, Any]) -> Resource:
    code = ("serious", "Serious") if data.get("serious") else ("non-serious", "Non-serious")
    criteria = [coding(codes.CRITERIA, criterion) for criterion in data.get("seriousness", ())]
    return concept(coding(codes.SERIOUSNESS, *code), *criteria)


def _put_sealed(made: Resource, data: dict[str, Any], facts: list[Fact], story: SubjectStory) -> None:
    """What is for those who may see arms: what was given until the onset, what was done with it, what was expected."""
    onset = data.get("onset")
    until = [fact.data for fact in story.treatments if onset is None or compare(fact.data["started_at"], onset) <= 0]
    given = dict.fromkeys(treatment["product"] for treatment in until)
    if given:
        opinion: Resource = {}
        if data.get("causality"):
            opinion = {"causality": {"entityRelatedness": concept(text=data["causality"])}}
        made["suspectEntity"] = [{"instanceCodeableConcept": concept(text=product)} | opinion for product in given]
    actions = dict.fromkeys(fact.data["action"] for fact in facts if fact.type == _SEALED[0])
    if actions:
        made["mitigatingAction"] = [{"itemCodeableConcept": concept(text=action)} for action in actions]
    assessed = [fact.data["expectedness"] for fact in facts if fact.type == _SEALED[1]]
    if assessed:
        made["expectedInResearchStudy"] = assessed[-1] == "EXPECTED"


def _note(fact: Fact) -> Resource:
    note: Resource = {}
    when = fact.data.get("occurred_at")
    if when is not None:
        note["time"] = date_time(when)[0]
    return note | {"text": fact.data["note"]}
