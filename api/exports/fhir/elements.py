"""What resources are made of: codes, references, ids, times.

1. Ids come from the trial's id and the place of what is meant (subject, book and seq), so that an export made again has
   the same. What FHIR's grammar of ids (`[A-Za-z0-9.-]{1,64}`) does not take is replaced by its SHA-256.
2. A FHIR dateTime is partial, or has seconds and an offset. A time whose zone nobody wrote down is cut to its date; as
   it was stated, it stands beside it in an extension. Seconds that nobody stated are 0, as FHIR wants it.
3. People are pseudonyms, so they are referred to by identifier: there is nothing to say of them in a resource.
"""

import hashlib
import re
from datetime import UTC, datetime
from typing import Any, Final

from ledger.domain.vocabulary import SYSTEM, Book, Role
from ledger.proof.entry import Actor

Resource = dict[str, Any]
"""A FHIR resource or element as JSON."""

NS: Final = "https://trial-ledger.org/ns/fhir"
"""Where our own extensions and code systems have their names."""
_ID: Final = re.compile(r"[A-Za-z0-9.-]{1,64}")
_OFFSET: Final = re.compile(r"T.*?(?P<offset>Z|[+-][0-9]{2}:[0-9]{2})$")
_WIDEST: Final = 14
"""Hours of the widest offset that FHIR takes."""


class Ids:
    """The ids of the resources of one trial."""

    def __init__(self, trial: str) -> None:
        self.trial = trial if _ID.fullmatch(trial) and len(trial) <= 20 else f"t-{_digest(trial)[:16]}"

    def of(self, *parts: str) -> str:
        """An id from its parts, which say what is meant among the resources of one type."""
        text = "-".join((self.trial, *parts))
        return text if _ID.fullmatch(text) else f"{self.trial}-h-{_digest(text)[:32]}"

    def entry(self, book: Book, seq: int) -> str:
        """The id of what one entry is, or began."""
        return self.of(book.value, str(seq))

    def arm(self, code: str) -> str:
        """The id of an arm within the study: its code, as FHIR may write it."""
        return code if _ID.fullmatch(code) else f"{re.sub('[^A-Za-z0-9.-]', '-', code)[:40]}-{_digest(code)[:8]}"


def reference(kind: str, id_: str) -> Resource:
    """A reference to a resource of the same export."""
    return {"reference": f"{kind}/{id_}"}


def coding(system: str, code: str, display: str | None = None) -> Resource:
    """A code of a system."""
    return {"system": system, "code": code} | ({} if display is None else {"display": display})


def concept(*codings: Resource, text: str | None = None) -> Resource:
    """A concept: codes, what was written, or both."""
    return ({"coding": list(codings)} if codings else {}) | ({} if text is None else {"text": text})


def extension(name: str, kind: str, value: Any) -> Resource:
    """An extension of ours. `kind`: the FHIR type of the value."""
    return {"url": f"{NS}/{name}", f"value{kind}": value}


def put_time(into: Resource, name: str, when: str | None) -> None:
    """Put a time into an element, and beside it what was stated, where FHIR cannot say that. Nothing where None."""
    if when is None:
        return
    into[name], exact = date_time(when)
    if not exact:
        into[f"_{name}"] = {"extension": [extension("as-stated", "String", when)]}


def period(start: str | None, end: str | None) -> Resource | None:
    """A period between two times, either of which may be unknown; None where both are."""
    made: Resource = {}
    put_time(made, "start", start)
    put_time(made, "end", end)
    return made or None


def date_time(when: str) -> tuple[str, bool]:
    """A time as FHIR writes it, and whether that says all that was stated."""
    if "T" not in when:
        return when, True
    found = _OFFSET.search(when)
    if found is None:
        return when[:10], False
    offset = found["offset"]
    clock = when[: -len(offset)]
    clock += ":00" if clock.count(":") == 1 else ""
    if offset == "Z" or (int(offset[1:3]), int(offset[4:])) <= (_WIDEST, 0):
        return clock + offset, True
    try:
        return datetime.fromisoformat(when).astimezone(UTC).isoformat()[:-6] + "Z", False
    except OverflowError:  # the first or the last day that there is
        return when[:10], False


def who(actor: Actor) -> Resource:
    """A reference to somebody, by pseudonym; to the organisation as the one that assigned it."""
    kind = {SYSTEM: "Device", Role.PARTICIPANT.value: "Patient"}.get(actor.role, "Practitioner")
    identifier: Resource = {"system": f"{NS}/actor", "value": actor.id}
    if actor.org:
        identifier["assigner"] = {"display": actor.org}
    return {"type": kind, "identifier": identifier}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
