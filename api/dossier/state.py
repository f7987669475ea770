"""The first section: the state of the trial and why, what it is called, its sites, how far enrolment has come."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from api.dossier import words
from api.dossier.behind import Behind
from api.dossier.model import Grid, Ref, Section
from api.dossier.tables import grid_of, head, view_value
from api.exports.source import Source
from ledger.domain.history import Fact
from ledger.domain.state.trial import STOPS
from projections.result import Result

_MILESTONES: Final = (
    "trial.registered/1",
    "protocol.amended/1",
    "site.activated/1",
    "site.closed/1",
    *sorted(STOPS),
    "trial.restarted/1",
    "dmc.recommended/1",
    "data.cut-off-declared/1",
    "database.locked/1",
    "database.unlocked/1",
)


def state_of_trial(source: Source, facts: Sequence[Fact], found: Behind) -> Section:
    """The section. `facts` are those of the trial as a whole, corrected."""
    protocol, trial, result = source.protocol, source.trial(), source.view("enrolment")
    milestones = [fact for fact in facts if fact.type in _MILESTONES]
    by = next((fact for fact in reversed(milestones) if fact.type in (*STOPS, "trial.restarted/1")), None)
    if by is None:
        by = next((fact for fact in milestones if fact.type == "site.activated/1"), None)
    halt = trial.halted
    since = halt.since if halt is not None else None if by is None else by.data.get("occurred_at")
    totals = {row["stage"]: row for row in result.rows if row["site"] is None and row["month"] is None}
    numbers = {name: totals[name]["subjects"] if name in totals else 0 for name in ("ENROLLED", "RANDOMIZED")}
    version = words.AMENDED.format(amendment=trial.amendments[-1]) if trial.amendments else words.AS_REGISTERED
    document = trial.documents[-1][1] if trial.documents else protocol.settings.consent_document_version
    said = [
        words.STATE.format(status=trial.status.value, since="" if since is None else words.SINCE.format(since=since)),
        *_why(by),
        words.ENROLLED.format(
            enrolled=numbers["ENROLLED"],
            randomized=numbers["RANDOMIZED"],
            target=result.table.extra["target"],
            cap="" if protocol.cap is None else words.CAP.format(cap=protocol.cap),
        ),
        words.PROTOCOL.format(version=version, document=document),
    ]
    identifiers = {
        "trial": protocol.trial_id,
        "sponsor_number": protocol.registration.org_study_id,
        "acronym": protocol.registration.acronym,
        "brief_title": protocol.registration.brief_title,
        "official_title": protocol.registration.official_title,
        "sponsor": protocol.sponsor.name,
        "origin": source.origin,
    }
    refs = [] if by is None else _refs(by)
    grids = [
        _pairs("identifiers", identifiers),
        _milestones(milestones),
        _sites(source, milestones),
        _enrolment(result, found),
    ]
    state = {
        "status": trial.status.value,
        "since": since,
        "reason": None if by is None else by.data.get("reason"),
        "by": None if by is None else {"id": by.actor.id, "org": by.actor.org, "role": by.actor.role},
        "events": [{"book": book, "seq": seq} for book, seq in refs],
    }
    facts_told = {
        "state": state,
        "identifiers": identifiers,
        "protocol": {"amendments": list(trial.amendments), "consent_document": document},
        "locked": trial.locked,
        "cut_offs": [{"cut_off": cut_off, "purpose": purpose} for cut_off, purpose in trial.cut_offs],
    }
    return Section("trial", words.TITLES["trial"], said, grids, {"enrolment": view_value(result)}, facts_told)


def _why(by: Fact | None) -> Iterator[str]:
    if by is None:
        yield words.NO_REASON
        return
    if by.data.get("reason"):
        yield words.WHY.format(reason=by.data["reason"])
    actor = by.actor
    yield words.WHO.format(who=actor.id, role=actor.role, org=actor.org, at=by.at, seq=by.seq)


def _refs(fact: Fact) -> list[Ref]:
    """A fact, and the corrections that gave it its values."""
    return [(fact.book.value, fact.seq), *((fact.book.value, seq) for seq in fact.corrected_by)]


def _pairs(name: str, values: Mapping[str, Any]) -> Grid:
    rows = [[head(key), value] for key, value in values.items() if value is not None]
    return Grid(name, words.CAPTIONS[name], ("what", "value"), ("what", "value"), rows)


def _milestones(facts: Sequence[Fact]) -> Grid:
    columns = ("occurred_at", "event", "about", "reason", "who", "recorded_at", "seq")
    rows = [
        [
            fact.data.get("occurred_at"),
            fact.type.partition("/")[0],
            next((fact.data[key] for key in ("site", "amendment", "authority", "cut_off") if key in fact.data), None),
            fact.data.get("reason") or fact.data.get("recommendation") or fact.data.get("purpose"),
            f"{fact.actor.id} ({fact.actor.role})",
            fact.at,
            fact.seq,
        ]
        for fact in facts
    ]
    links = {(place, "event"): _refs(fact) for place, fact in enumerate(facts)}
    return Grid("milestones", words.CAPTIONS["milestones"], columns, tuple(map(head, columns)), rows, links)


def _sites(source: Source, milestones: Sequence[Fact]) -> Grid:
    columns = ("site", "name", "city", "country", "activated", "closed")
    named, states = {site.id: site for site in source.protocol.sites}, source.trial().sites
    rows, links = [], {}
    for place, id_ in enumerate(sorted({*named, *states})):
        site, state = named.get(id_), states.get(id_)
        where = (None, None, None) if site is None else (site.name, site.city, site.country)
        when = (None, None) if state is None else (state.activated_at, state.closed_at)
        rows.append([id_, *where, *when])
        refs = [ref for fact in milestones if fact.data.get("site") == id_ for ref in _refs(fact)]
        if refs:
            links[place, "activated"] = refs
    return Grid("sites", words.CAPTIONS["sites"], columns, tuple(map(head, columns)), rows, links)


def _enrolment(result: Result, found: Behind) -> Grid:
    links = {
        (place, "subjects"): [ref for refs in found.enrolment(row) for ref in refs]
        for place, row in enumerate(result.rows)
    }
    return grid_of(result, links)
