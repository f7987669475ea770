"""The kind of export that a dossier is: an export in all, but that it is told more than a position.

    index.html, dossier.pdf     for people (the second with fpdf2, extra `exports`)
    dossier.json                for programs
    tables/*.csv                every view as of the position, the audit trail up to it, and what was recorded later
    integrity.html, .json       heads, roots and the verification of the whole file
    manifest.json               as every export has it

1. Whatever holds the hash of an entry is in integrity.*; all else follows from what the role may see.
2. `since` lies before the position: what was recorded between the two is listed too.
"""

import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from api.dossier import html, pages, words
from api.dossier.changes import COLUMNS, Changes, changes
from api.dossier.content import SHOWN, Content, change_caption, change_heads, changed_section
from api.dossier.gathering import gathered
from api.dossier.integrity import COLUMNS as CHECKPOINTS
from api.dossier.integrity import Statement, stated
from api.dossier.machine import Machine, head_of
from api.dossier.model import Grid, Section
from api.dossier.pdf import document
from api.dossier.tables import grid_of, view_value
from api.exports import csv_files
from api.exports.kinds import Kind
from api.exports.source import Source
from api.report.as_pdf import NoPdfError, as_pdf
from ledger.domain.vocabulary import Book
from ledger.proof.assess import Trusted
from ledger.recording.reader import AsOfError, Position

NAME: Final = "dossier"
INTEGRITY: Final = "integrity.json"
_PDF_CHANGES: Final = 250


@dataclass(frozen=True, slots=True)
class Dossier(Kind):
    """`since`: from where on changes before the position are listed; `trusted`: what the verification is held against.

    `remark`, and `of`, which goes into the manifest, are said of a ledger in which nothing is recorded.
    """

    since: str | None = None
    trusted: Trusted = field(default_factory=Trusted)
    remark: str | None = None
    of: Mapping[str, Any] = field(default_factory=dict)

    def write(self, source: Source, folder: Path) -> None:
        """Write the files. Raises ExportError, AsOfError, LedgerFileError, EvidenceError, OSError."""
        _write(self, source, folder)

    def manifest(self) -> Mapping[str, Any]:
        """What the manifest says beside what every one says."""
        return {**({} if self.since is None else {"since": self.since}), **self.of}


def dossier(**told: Any) -> Dossier:
    """The kind, with what it is told."""
    return Dossier(NAME, "a dossier: what was known at one point", __name__, **told)


def warned_in(folder: Path) -> list[str]:
    """What a dossier that was made warns of: that its ledger does not verify, and why."""
    found: list[str] = json.loads((folder / INTEGRITY).read_bytes())["warning"]
    return found


def _write(kind: Dossier, source: Source, folder: Path) -> None:
    since = None if kind.since is None else _since(source, kind.since)
    if since is not None and since.open > source.position.open:
        raise AsOfError(f"--since {kind.since}: lies after the point of the dossier; what came later is in it anyway")
    tables = folder / "tables"
    tables.mkdir()
    csv_files.write(source, tables)  # before anything is held: of a large ledger both at once would be too much
    statement = stated(source, kind.trusted)
    _rows(tables / "checkpoints.csv", CHECKPOINTS, statement.rows())
    sections = [*gathered(source)]
    sections.insert(len(sections) - (sections[-1].name == "duties"), _signatures(source, statement))
    end = source.reader.head()
    with ExitStack() as stack:
        found: dict[str, Changes] = {}
        if since is not None:
            found["changes"] = stack.enter_context(changes(source, since, source.position, folder, "changes"))
        found["known_later"] = stack.enter_context(changes(source, source.position, end, folder, "known_later"))
        for name, listed in found.items():
            _table(tables / f"{name}.csv", listed)
        content = Content(source, list(_about(kind, source)), sections, found, statement)
        _json(content, folder / "dossier.json")
        pages.index_page(content, folder / "index.html")
        _print(content, folder / "dossier.pdf")
    _integrity(source, statement, folder)


def _since(source: Source, words: str) -> Position:
    try:
        return source.reader.position_before(words)
    except AsOfError as error:
        raise AsOfError(f"--since{str(error).removeprefix('as-of')}") from None


def _signatures(source: Source, statement: Statement) -> Section:
    """What persons have signed, and what the ledger has."""
    result = source.view("signatures")
    said = [words.NO_SIGNATURES]
    if result.rows:
        states = Counter(row["state"] for row in result.rows)
        changed = states["CORRECTED"] + states["VOIDED"]
        said = [
            words.SIGNATURES.format(count=len(result.rows)),
            words.SIGNATURES_CHANGED.format(changed=changed, added=states["ADDED"]),
            words.PRINTED_NAMES,
        ]
    said.append(words.CHECKPOINTS if statement.checkpoints else words.NO_CHECKPOINTS)
    grids = [*([grid_of(result)] if result.rows else []), statement.grid()]
    views = {"signatures": view_value(result)}
    return Section("signatures", words.TITLES["signatures"], said, grids, views)


def _about(kind: Dossier, source: Source) -> Iterator[str]:
    yield words.UNMASKED if source.unmasked else words.MASKED
    yield words.NOBODY_NAMED
    registered = next((fact for fact in source.trial_facts() if fact.type == "trial.registered/1"), None)
    if registered is not None and (told := registered.data.get("provenance")):
        yield words.PROVENANCE.format(told=html.shown({name: one for name, one in told.items() if one}))
    if kind.remark is not None:
        yield kind.remark


def _table(path: Path, found: Changes) -> None:
    _rows(path, COLUMNS, (row.values() for row in found.rows()))


def _rows(path: Path, columns: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for row in rows:
            writer.writerow(
                value if not isinstance(value, dict | list) else json.dumps(value, sort_keys=True, ensure_ascii=False)
                for value in row
            )


def _json(content: Content, path: Path) -> None:
    source, statement = content.source, content.statement
    position = {"open": source.position.open - 1}
    if source.unmasked and source.position.sealed:
        position["sealed"] = source.position.sealed - 1
    head = head_of(
        trial=source.protocol.trial_id,
        role=source.viewer.role,
        position=position,
        recorded_at=source.made_at,
        said=[*content.statement.warning, *content.about],
    )
    with path.open("w", encoding="utf-8") as file:
        machine = Machine(file, head)
        for section in content.sections:
            if section.name != "signatures":  # checkpoints are of the whole file: beside what follows from the position
                machine.section(section)
        machine.end_sections()
        for name, listed in content.changed.items():
            machine.changes(name, listed)
        signed = next(section for section in content.sections if section.name == "signatures")
        machine.member("electronic_signatures", signed.views["signatures"])
        machine.member("signatures", list(statement.checkpoints))
        covering = statement.covering
        told = {"ok": statement.ok, "assurance": statement.level, "covered_by": covering, "said": list(statement.said)}
        machine.member("integrity", told)
        machine.end()


def _print(content: Content, path: Path) -> None:
    title, subtitle, footer = content.names()
    made = datetime.fromisoformat(content.source.made_at)
    about = Section("about", words.ABOUT, [*content.statement.warning, *content.about, words.PDF_LINKS])
    listed = [about, *content.sections]
    for name, changed in content.changed.items():
        section = changed_section(name, changed)
        rows = [
            [row[column] for column in SHOWN] for _, row in zip(range(_PDF_CHANGES + 1), changed.rows(), strict=False)
        ]
        grid = Grid(name, change_caption(name, changed), SHOWN, change_heads(), rows)
        listed.append(Section(name, section.title, section.said, [grid] if rows else []))
    listed.append(Section("integrity", words.TITLES["integrity"], content.statement.said))
    try:
        path.write_bytes(as_pdf(document(title, subtitle, footer, made, listed)))
    except NoPdfError:
        path.with_suffix(".txt").write_text(words.PDF_MISSING + "\n", encoding="utf-8")


def _integrity(source: Source, statement: Statement, folder: Path) -> None:
    heads = {"open": source.head(Book.OPEN)}
    if source.unmasked and source.position.sealed:
        heads["sealed"] = source.head(Book.SEALED)
    value = {
        "position": {"seq": source.position.open - 1, "heads": heads},
        "report": statement.report,
        "warning": list(statement.warning),
        "words": list(statement.words),
        "checkpoints": [
            {**one, "root": root} for one, (_, root) in zip(statement.checkpoints, statement.roots, strict=True)
        ],
    }
    text = json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True)
    (folder / INTEGRITY).write_text(text + "\n", encoding="utf-8")
    pages.integrity_page(source, statement, heads, folder / "integrity.html")
