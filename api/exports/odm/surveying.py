"""A first walk over the facts: whom and what the records refer to, so that the head of the file can define it.

What is held is of the size of the trial (users, places, subjects, OIDs), not of its history.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from api.exports.odm.definitions import native
from api.exports.odm.mapping import claimed, is_claimed, organisation_oid, site_oid, user_oid
from api.exports.odm.model import Container, Definitions, GroupDef, ItemDef, Location, Record, User
from api.exports.source import Source

VERSION: Final = "trial-ledger/1"
"""The OID of the metadata version of this ledger's own events."""
_CONSENTED: Final = "consent.obtained/1"


@dataclass
class Used:
    """What the records of a metadata version of a source use, in the order of appearance."""

    since: str
    held: dict[tuple[str, str], dict[str, None]] = field(default_factory=dict)
    """(level, OID) -> the OIDs below it."""
    repeating: set[tuple[str, str]] = field(default_factory=set)
    items: dict[str, None] = field(default_factory=dict)


@dataclass
class Surveyed:
    """What the head of a file needs."""

    study: str
    version: str
    studies: dict[str, list[Definitions]]
    users: list[User]
    locations: list[Location]
    units: list[str]
    sites: dict[str, str]
    """Stream of a subject -> site."""
    prefixes: dict[str, str]
    """Namespace -> prefix, of vendors."""


def survey(source: Source) -> Surveyed:
    """Walk over the facts of an export."""
    study = source.protocol.trial_id
    users: dict[str, User] = {}
    organisations: dict[str, str] = {}
    sites: dict[str, str] = {}
    used: dict[tuple[str, str], Used] = {}
    places: dict[str, set[tuple[str, str]]] = {}
    units: dict[str, None] = {}
    uris: dict[str, str] = {}
    since = ""
    for fact in source.facts():
        if is_claimed(fact):
            record = claimed(fact)
            users.setdefault(record.audit.user, User(record.audit.user, record.audit.user))
            if record.investigator is not None:
                users.setdefault(record.investigator, User(record.investigator, record.investigator))
            _use(used, record)
            for place in (record.audit.location, record.site):
                if place is not None:
                    places.setdefault(place, set()).add((record.study, record.version))
            units.update((item.unit, None) for item in record.items if item.unit is not None)
            for prefix, uri in record.namespaces.items():
                uris.setdefault(uri, prefix)
            continue
        since = since or fact.at[:10]
        organisations.setdefault(organisation_oid(fact.actor.org), fact.actor.org)
        users.setdefault(user_oid(fact.actor.id), User(user_oid(fact.actor.id), fact.actor.id, fact.actor.org))
        if fact.type == _CONSENTED:
            sites.setdefault(fact.stream, fact.data["site"])
    version = VERSION
    while (study, version) in used:
        version += "+"
    studies = {study: [native(version, unmasked=source.unmasked)]}
    for (of, oid), one in used.items():
        studies.setdefault(of, []).append(_definitions(oid, one))
    named = {site.id: site.name for site in source.protocol.sites}
    own = [Location(oid, name or oid, "Other", study, (version,), since) for oid, name in sorted(organisations.items())]
    wanted = sorted({*named, *sites.values()})
    own += [Location(site_oid(site), named.get(site, site), "Site", study, (version,), since) for site in wanted]
    theirs = [_location(oid, seen, used) for oid, seen in sorted(places.items())]
    known = {one.oid for one in own}
    locations = [*own, *(one for one in theirs if one.oid not in known)]
    people = [users[oid] for oid in sorted(users)]
    return Surveyed(study, version, studies, people, locations, sorted(units), sites, _prefixes(uris))


def _use(used: dict[tuple[str, str], Used], record: Record) -> None:
    one = used.setdefault((record.study, record.version), Used(record.audit.at[:10]))
    one.since = min(one.since, record.audit.at[:10])
    steps = (
        ("event", record.event, record.event_repeat),
        ("form", record.form, record.form_repeat),
        ("group", record.group, record.group_repeat),
    )
    above: dict[str, None] = {}
    for level, oid, repeat in steps:
        if oid is None:
            return
        above[oid] = None
        above = one.held.setdefault((level, oid), {})
        if repeat is not None:
            one.repeating.add((level, oid))
    for item in record.items:
        above[item.oid] = None
        one.items[item.oid] = None


def _definitions(oid: str, one: Used) -> Definitions:
    """What a source uses, defined. An OID is defined once in a metadata version, of items first, then outwards."""
    taken = set(one.items)

    def free(level: str) -> list[str]:
        found = [name for (at, name) in one.held if at == level and name not in taken]
        taken.update(found)
        return found

    def container(level: str, name: str) -> Container:
        return Container(name, name, tuple(one.held[level, name]), (level, name) in one.repeating)

    groups = [GroupDef(name, name, tuple(one.held["group", name])) for name in free("group")]
    forms = [container("form", name) for name in free("form")]
    events = [container("event", name) for name in free("event")]
    items = [ItemDef(name, name, "text") for name in one.items]
    name = f"{oid} as far as its records show"
    return Definitions(oid, name, tuple(events), tuple(forms), tuple(groups), tuple(items), claimed=True)


def _location(oid: str, seen: Iterable[tuple[str, str]], used: dict[tuple[str, str], Used]) -> Location:
    listed = sorted(seen)
    study = listed[0][0]
    versions = tuple(version for of, version in listed if of == study)
    return Location(oid, oid, None, study, versions, min(used[one].since for one in listed))


def _prefixes(uris: dict[str, str]) -> dict[str, str]:
    """One prefix a namespace, as the sources wrote it where that is free."""
    found: dict[str, str] = {}
    for uri, prefix in sorted(uris.items()):
        number, free = 1, prefix
        while free in ("tl", "xml", "xmlns", *found.values()):
            number += 1
            free = f"{prefix}{number}"
        found[uri] = free
    return found
