"""The export `fhir`: one NDJSON file a type of resource, as FHIR's bulk data are, and the study in one Bundle.

1. Each resource is validated by the models of fhir.resources (R5) before it is written; of AuditEvent, of which there
   is one an entry, and of Provenance, which are made of references alone, the first of each kind of entry and of
   target. One that is not valid ends the export, and names itself.
2. Lines are in the order of subjects; of AuditEvent.ndjson, in that of recording. Nothing is held in memory but what is
   about one subject.
3. `Bundle.json` is a collection of the study, its eligibility, sponsor, sites, and the ledger.
"""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TextIO
from urllib.parse import quote

from fhir.resources import get_fhir_model_class
from pydantic import ValidationError

from api.exports.fhir.audit import audit_events, in_sequence, line
from api.exports.fhir.elements import Ids, Resource
from api.exports.fhir.study import study_provenance, study_resources
from api.exports.fhir.subjects import subject_resources
from api.exports.making import ExportError
from api.exports.source import Source
from ledger.domain.events.base import TRIAL_STREAM
from projections.histories import History
from projections.spooled import Row, in_order
from projections.subject import story_of

BUNDLE: Final = "Bundle.json"
_SUBJECT: Final = "subject/"
_VALIDATED: Final = 20
"""How many of those that are alike are validated."""


def write(source: Source, folder: Path) -> None:
    """Write the files. Raises ExportError."""
    ids = Ids(source.protocol.trial_id)
    with _Files(folder) as files:
        streams = _Streams(source, ids, files)
        trail = in_order(streams.rows(), key=lambda row: row["place"], shown=lambda row: Row(line=row["line"]))
        for row in trail:
            files.put("AuditEvent", row["line"])
        study = list(study_resources(source, ids, streams.enrolled))
        for resource in study:
            files.add(resource)
    bundle: Resource = {
        "resourceType": "Bundle",
        "id": ids.of("study"),
        "type": "collection",
        "timestamp": source.made_at,
        "entry": [{"fullUrl": _url(source, resource), "resource": resource} for resource in study],
    }
    validate(bundle)
    text = json.dumps(bundle, ensure_ascii=False, indent=1)
    (folder / BUNDLE).write_text(text + "\n", encoding="utf-8", newline="\n")


def validate(resource: Resource) -> None:
    """Hold a resource against the model of its type. Raises ExportError."""
    try:
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        where = ".".join(map(str, fault["loc"]))
        named = f"{resource['resourceType']}/{resource.get('id')}"
        raise ExportError(f"fhir: {named} is not valid R5: {where}: {fault['msg']}") from None


class _Streams:
    """The ledger stream by stream: what is about a subject is written at once, audit events are handed on."""

    def __init__(self, source: Source, ids: Ids, files: "_Files") -> None:
        self._source, self._ids, self._files = source, ids, files
        self.enrolled = 0

    def rows(self) -> Iterator[Row]:
        """The audit events as lines, with their places."""
        for history in self._source.histories(""):
            if history.key.startswith(_SUBJECT):
                self._subject(history)
            elif history.key == TRIAL_STREAM:
                self._files.add(study_provenance(history, self._ids))
            for fact, event in audit_events(history, self._ids):
                self._files.check(event, fact.type)
                yield {"place": in_sequence(fact), "line": line(event)}

    def _subject(self, history: History) -> None:
        self.enrolled += story_of(history).enrolled is not None
        resources = subject_resources(history, self._source.protocol, self._ids, unmasked=self._source.unmasked)
        for resource in resources:
            self._files.add(resource)


class _Files:
    """One file a type of resource, made when the first of it comes."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._open, self._stack = folder, dict[str, TextIO](), ExitStack()
        self._seen: Counter[str] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def add(self, resource: Resource) -> None:
        """Validate and write a resource."""
        kind = resource["resourceType"]
        if kind == "Provenance":
            self.check(resource, resource["target"][0]["reference"].partition("/")[0])
        else:
            validate(resource)
        self.put(kind, line(resource))

    def check(self, resource: Resource, alike: str) -> None:
        """Validate a resource, unless enough of those that are alike were."""
        self._seen[alike] += 1
        if self._seen[alike] <= _VALIDATED:
            validate(resource)

    def put(self, kind: str, text: str) -> None:
        """Write a line."""
        if kind not in self._open:
            path = self._folder / f"{kind}.ndjson"
            self._open[kind] = self._stack.enter_context(path.open("x", encoding="utf-8", newline="\n"))
        self._open[kind].write(text + "\n")


def _url(source: Source, resource: Resource) -> str:
    return f"https://{quote(source.origin)}/fhir/{resource['resourceType']}/{resource['id']}"
