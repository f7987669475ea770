"""What the verification of the file says, and which checkpoints cover the position.

1. The file is verified as it lies there when the dossier is made, later entries included, as `verify` does it.
2. For masked audiences nothing is said of the sealed book: neither how many entries it has, nor what was found in it,
   nor, while it goes on, how far the verification has come, which counts the entries of both. The statement claims the
   open book alone. What is found of the file as a whole is said in the words of its code: SQLite names pages, which
   tell the size of the file, and tables. No key is used for them.
3. `words` and `report` hold heads and roots, `said` and `checkpoints` none: what depends on the hash of an entry goes
   into files of its own.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Final

from api.bootstrap import own_keys
from api.dossier import words
from api.dossier.model import Grid
from api.exports.source import Source
from ledger.keys.allocation import kept_allocation
from ledger.proof.assess import Trusted
from ledger.proof.assurance import assurance_in_words
from ledger.proof.checking import check
from ledger.proof.evidence import StoredCheckpoint, evidence_folder, read_evidence
from ledger.proof.findings import CODES, Finding, Report
from ledger.proof.sections import ANCHOR, IDENTITY
from ledger.proof.words import in_words
from ledger.verifying.fast import verify_fast
from projections.watched import Progress

COLUMNS: Final = ("entries", "not_before", "signed_by", "cosigned_by", "time_stamps", "covers")
_OPEN: Final = "open"
SHOWN: Final = 25
"""How many checkpoints the page shows: the last ones, up to the first that covers the position."""
_WARNED: Final = 3


@dataclass(frozen=True, slots=True)
class Statement:
    """`checkpoints` and `covering` hold no hash; `roots` are those of the same checkpoints, by size (hex)."""

    ok: bool
    warning: Sequence[str]
    """What has to be said before anything else, where the file does not verify."""
    level: str
    said: Sequence[str]
    words: Sequence[str]
    report: dict[str, Any]
    checkpoints: Sequence[dict[str, Any]]
    covering: int | None
    roots: Sequence[tuple[int, str]]

    def rows(self) -> list[list[Any]]:
        """All checkpoints, by `COLUMNS`."""
        return [[_text(one[name]) for name in COLUMNS] for one in self.checkpoints]

    def grid(self) -> Grid:
        """The checkpoints as a table: the last ones, and a word of the others, where there are many."""
        rows = self.rows()
        heads = tuple(words.HEADS.get(name, name.replace("_", " ")) for name in COLUMNS)
        notes = [words.CUT_CHECKPOINTS.format(shown=SHOWN, total=len(rows))] if len(rows) > SHOWN else []
        return Grid("checkpoints", words.CAPTIONS["checkpoints"], COLUMNS, heads, rows[-SHOWN:], notes=notes)


def stated(source: Source, trusted: Trusted) -> Statement:
    """Verify the ledger, and say what that shows. Raises LedgerFileError, EvidenceError, KeysError, OSError."""
    path = source.session.path
    with closing(own_keys(path)) if source.unmasked else nullcontext() as keys:
        kept = None if keys is None else kept_allocation(keys)
        secret = None if kept is None else (kept[0], kept[1].to_value())
        report = check(path, trusted, keys=keys, secret=secret, progress=_reached(source), walk=verify_fast)
    if not source.unmasked:
        report = of_open_book(report)
        if source.progress is not None:
            source.progress(report.open.size, report.open.size)
    held = read_evidence(evidence_folder(path)).checkpoints
    size = source.position.open
    covering = next((one.checkpoint.size for one in held if one.checkpoint.size >= size), None)
    told = [one for one in held if one.checkpoint.size <= (size if covering is None else covering)]
    said = list(_said(report, trusted, masked=not source.unmasked))
    if covering is not None:
        said.append(words.COVERED.format(size=covering))
    elif held:
        said.append(words.NOT_COVERED.format(size=held[-1].checkpoint.size))
    else:
        said.append(words.NO_CHECKPOINTS)
    stamps = read_evidence(evidence_folder(path)).tokens
    return Statement(
        ok=report.ok,
        warning=_warning(report),
        level=report.assurance.level,
        said=[*said, words.HASHES],
        words=_lines(report, masked=not source.unmasked),
        report=_without(report.to_json(), masked=not source.unmasked),
        checkpoints=[_told(source, one, len(stamps.get(one.stem, ())), size) for one in told],
        covering=covering,
        roots=[(one.checkpoint.size, one.checkpoint.root.hex()) for one in told],
    )


def _reached(source: Source) -> Progress | None:
    """Whom a verification tells how far it has come: nobody masked (rule 2)."""
    return source.progress if source.unmasked else None


def of_open_book(report: Report) -> Report:
    """The same report for whom nothing is to be said of the sealed book (rule 2)."""
    return replace(
        report,
        findings=list(dict.fromkeys(_told_masked(report.findings))),
        sound=[one for one in report.sound if one[0] == _OPEN],
        notes=[note for note in report.notes if note.book == _OPEN],
        opened={},
        closed={name: count for name, count in report.closed.items() if name in (ANCHOR, IDENTITY)},
        marks=(0, 0),
        books=frozenset({_OPEN}),
        allocation=None,
        assurance=replace(report.assurance, sealed=None),
    )


def _told_masked(findings: Sequence[Finding]) -> Iterator[Finding]:
    for finding in findings:
        if finding.book == _OPEN:
            yield replace(finding, message=CODES[finding.code]) if finding.code == "anchor" else finding
        elif finding.book is None and "sealed" not in finding.message:
            yield replace(finding, message=CODES[finding.code])


def _lines(report: Report, *, masked: bool) -> list[str]:
    if not masked:
        return in_words(report).splitlines()
    return [*(line for line in in_words(report).splitlines() if not line.startswith("sealed book:")), words.OPEN_ALONE]


def _without(value: dict[str, Any], *, masked: bool) -> dict[str, Any]:
    """The report as JSON; for masked audiences without the members that are of the sealed book."""
    hidden = ("sealed", "opened", "marks", "allocation") if masked else ()
    return {name: told for name, told in value.items() if name not in hidden}


def _said(report: Report, trusted: Trusted, *, masked: bool) -> Sequence[str]:
    lines = [(words.OPEN_BOOK if masked else words.WHOLE_FILE).format(size=report.end)]
    if report.ok:
        lines.append((words.OPEN_VERIFIED if masked else words.VERIFIED).format(level=report.assurance.level))
    else:
        lines.append(words.NOT_VERIFIED)
    if trusted.policy is None:
        lines.append(words.POLICY_MISSING)
    return [*lines, *assurance_in_words(report.assurance, report.end)]


def _warning(report: Report) -> list[str]:
    if report.ok:
        return []
    count = len(report.findings)
    more = [] if count <= _WARNED else [words.MORE_FINDINGS.format(count=count - _WARNED)]
    return [words.NOT_TO_BE_TRUSTED, *(str(one) for one in report.findings[:_WARNED]), *more]


def _told(source: Source, one: StoredCheckpoint, stamps: int, position: int) -> dict[str, Any]:
    origin, size = one.checkpoint.origin, one.checkpoint.size
    names = sorted({signature.name for signature in one.note.signatures})
    return {
        "entries": size,
        "not_before": source.reader.recorded_at(size),
        "origin": origin,
        "signed_by": [name for name in names if name == origin],
        "cosigned_by": [name for name in names if name != origin],
        "time_stamps": stamps,
        "covers": size >= position,
    }


def _text(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, list) else value
