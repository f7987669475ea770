"""Ledgers exported as SDTM, and what the tests read back of it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lxml import etree

from api.access import Session, viewer_of
from api.exports.kinds import KINDS
from api.exports.making import MANIFEST, export

MASKED, UNMASKED = "investigator", "statistician"
ODM = "{http://www.cdisc.org/ns/odm/v1.3}"
DEF = "{http://www.cdisc.org/ns/def/v2.1}"


def exported(ledger: Path, role: str, output: Path, at: str | None = None) -> Path:
    """The folder of an export, made."""
    session = Session(ledger, viewer_of(f"{role}-1", role, "FJD"))
    return export(session, KINDS["dataset-json"], output, at).path


def documents(folder: Path) -> dict[str, dict[str, Any]]:
    """Name -> Dataset-JSON document."""
    found = [json.loads(path.read_bytes()) for path in sorted(folder.glob("*.json")) if path.name != MANIFEST]
    return {document["name"]: document for document in found}


def rows(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows, without what is null."""
    names = [column["name"] for column in document["columns"]]
    for row in document["rows"]:
        yield {name: value for name, value in zip(names, row, strict=True) if value is not None}


def define(folder: Path) -> Any:
    """define.xml, parsed."""
    return etree.parse(folder / "define.xml").getroot()


def files(folder: Path) -> dict[str, bytes]:
    """All files, but the manifest."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }
