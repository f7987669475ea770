"""Exports, read back."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from api.access import Session, viewer_of
from api.exports.kinds import KINDS
from api.exports.making import MANIFEST, export

MASKED, UNMASKED = "investigator", "statistician"
ROLES: Final = (MASKED, UNMASKED)
NS: Final = "https://trial-ledger.org/ns/fhir"
Resource = dict[str, Any]


@dataclass(frozen=True)
class Exported:
    """The folder of an export."""

    folder: Path

    def all(self) -> Iterator[Resource]:
        for path in sorted(self.folder.glob("*.ndjson")):
            for line in path.read_text(encoding="utf-8").splitlines():
                resource = json.loads(line)
                assert resource["resourceType"] == path.stem
                yield resource

    def of(self, kind: str) -> list[Resource]:
        path = self.folder / f"{kind}.ndjson"
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []

    def one(self, kind: str, id_: str) -> Resource:
        (found,) = [resource for resource in self.of(kind) if resource["id"] == id_]
        return found

    @property
    def bundle(self) -> Resource:
        read: Resource = json.loads((self.folder / "Bundle.json").read_bytes())
        return read

    @property
    def bytes(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(self.folder.iterdir()) if path.name != MANIFEST}


def exported(ledger: Path, role: str, output: Path, at: str | None = None) -> Exported:
    session = Session(ledger, viewer_of(f"{role}-1", role, "FJD"))
    return Exported(export(session, KINDS["fhir"], output, at).path)


def detail(event: Resource, name: str) -> Any:
    """What an audit event says under one of our names."""
    for one in event["entity"][0]["detail"]:
        if one["type"]["coding"][0]["code"] == name:
            (value,) = [value for key, value in one.items() if key.startswith("value")]
            return value
    return None


def references(value: Any) -> Iterator[str]:
    """Every reference to a resource, wherever it stands."""
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for member in value.values():
            yield from references(member)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def codings(value: Any) -> Iterator[tuple[str, str]]:
    """Every (system, code), wherever it stands."""
    if isinstance(value, dict):
        if "system" in value and "code" in value:
            yield value["system"], value["code"]
        for member in value.values():
            yield from codings(member)
    elif isinstance(value, list):
        for item in value:
            yield from codings(item)
