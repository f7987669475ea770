"""The report for the trial master file as a document: the statement first, then all that it rests on.

It says no more than the verification showed. Where a level of assurance was not reached or not asked for, it says
which, and why; what nobody outside of the sponsor's reach holds has a row of its own.
"""

from collections.abc import Iterator
from datetime import UTC
from typing import Final

from api.report.document import Blanks, Block, Bullets, Code, Document, Paragraph, Section, Table, shown
from api.report.evidence import evidence_section, levels, trusted_section
from api.report.facts import FileFacts, Run
from api.report.places import book_name, many, ranges, span
from ledger.proof.assess import Trusted
from ledger.proof.findings import CODES, Report
from ledger.proof.sections import ANCHOR, ARM, HEADER, IDENTITY
from ledger.proof.words import allocation_in_words, sealed_in_words

MAX_ROWS: Final = 1000
"""How many findings are listed; `verify --json` has all that there are."""
_MEANS: Final = {
    "consistent": "The file was compared with itself only. Who can write the file, and holds its keys, can make "
    "another one that agrees with itself as well.",
    "signed": "To deceive here, somebody would need the signing key of the log.",
    "time-stamped": "To have written these entries after the time that is given, somebody would need the help of a "
    "time-stamping authority.",
    "witnessed": "To deceive here, somebody would need the signing key of the log, and the help of as many witnesses "
    "as make the quorum.",
}
_KEPT: Final = (
    "The book extends a checkpoint that the verifier had kept: what came before that cannot have been altered since "
    "without being found."
)
_BOTH_BOOKS: Final = (
    "This report is not for people who are masked: how many entries the sealed book has may tell of an arm. For them, "
    "verify a bundle that was made for their role."
)
_NOBODY: Final = "Whose ledger this is was not shown: no checkpoint bears a signature of a log that is trusted."
_CLASSES: Final = {
    ANCHOR: "what the open book says of the sealed one",
    ARM: "what depends on an arm",
    HEADER: "stream, type and author of sealed entries",
    IDENTITY: "the names of persons",
}


def compose(report: Report, trusted: Trusted, file: FileFacts, run: Run, later: FileFacts | None = None) -> Document:
    """The report. `later`: the file once more, as it is when the report is made."""
    at = f"{run.verified_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return Document(
        title="Verification of a trial ledger",
        subtitle=f"{shown(file.name, 200)}, verified on {at}",
        footer=f"{shown(file.name, 60)}, SHA-256 {file.sha256[:16]}..., verified on {at}",
        made=run.verified_at.astimezone(UTC).replace(microsecond=0),
        sections=(
            Section("Statement", tuple(_statement(report, trusted, file, at))),
            Section("The file", tuple(_file(file, file if later is None else later))),
            Section("The ledger", tuple(_ledger(report))),
            evidence_section(report, trusted),
            trusted_section(trusted),
            Section("Findings", tuple(_findings(report))),
            Section("What could not be checked", tuple(_unchecked(report, trusted, file))),
            Section("Allocation", tuple(_allocation(report))),
            Section("How this was checked", tuple(_how(run, at))),
            Section("What this means, and what not", (Bullets(_MEANING),)),
            Section("Signature", (Blanks("To be filled in by whoever made this verification.", _SIGNED),)),
        ),
    )


def _statement(report: Report, trusted: Trusted, file: FileFacts, at: str) -> Iterator[Block]:
    if report.ok:
        yield Paragraph(f"Verified. Level of assurance: {report.assurance.level}.", "good")
    else:
        yield Paragraph(f"NOT verified: {many(len(report.findings), 'finding')}.", "bad")
    kind = "evidence bundle" if file.bundle else "ledger file"
    sealed = (
        f"and {many(report.sealed.size, 'entry')} of the sealed book"
        if "sealed" in report.books
        else "and no sealed book"
    )
    yield Paragraph(
        f"The {kind} {shown(file.name, 200)} was verified on {at}. It holds the ledger "
        f"{shown(report.watched.origin, 300) or '(of no origin)'}: {many(report.size, 'entry')} of the open book, "
        f"{sealed}."
    )
    if report.ok:
        yield Paragraph(
            "Nothing is wrong in what was checked: every entry, column and payload that could be read is as the chain "
            "of hashes and the tree have it."
        )
    else:
        yield Paragraph(
            f"The findings are listed below. Entries all of whose checks hold: {ranges(report.sound)}. Level of "
            f"assurance that those reach: {report.assurance.level}."
        )
    yield Paragraph(" ".join(_meaning(report)))
    yield Bullets([f"{level}: {held} ({who})." for level, held, who, _ in levels(report, trusted)])
    yield Paragraph(_unheld(report))


def _meaning(report: Report) -> Iterator[str]:
    level = report.assurance.level.split()[0]
    if level != "consistent" or not report.assurance.kept:
        yield _MEANS[level]
    if report.assurance.kept:
        yield _KEPT
    if report.assurance.signed is None:
        yield _NOBODY


def _unheld(report: Report) -> str:
    held = report.assurance.external
    if not report.size:
        return "The open book is empty: there is nothing that anybody could hold."
    if held >= report.end:
        open_book = "Every entry of the open book is held by somebody outside."
    else:
        open_book = f"NOT held by anybody outside: {span('open', held, report.end - 1)}."
    if "sealed" not in report.books:
        return open_book
    if not report.sealed.size:
        return f"{open_book} The sealed book is empty."
    anchored = report.assurance.sealed
    if anchored is None:
        why = "as no anchor that would tie it to what is held was opened" if held else "as nothing of the open book is"
        return f"{open_book} Of the sealed book nothing is shown to be held, {why}."
    if anchored >= report.sealed.size:
        return f"{open_book} Every entry of the sealed book is held too, by anchors in the open one."
    return f"{open_book} NOT held either: {span('sealed', anchored, report.sealed.size - 1)}."


def _file(file: FileFacts, later: FileFacts) -> Iterator[Block]:
    rows = [
        ("Name", shown(file.name, 400)),
        ("Kind", "evidence bundle (zip)" if file.bundle else "ledger file (SQLite)"),
        ("Bytes", f"{file.size:,}"),
        ("SHA-256", file.sha256),
    ]
    yield Table("The file that was verified.", ("What", "Value"), rows, (1, 4), frozenset({1}))
    if file.log or later.log:
        yield Paragraph(
            "A write-ahead log with further bytes lies beside it: the ledger is in use, and the SHA-256 of this file "
            "alone does not tell what was verified. The roots below do."
        )
    if file != later:
        yield Paragraph(
            f"The file changed while it was verified: when this report was made it had {later.size:,} bytes, SHA-256 "
            f"{later.sha256}. What was verified is told by the roots below."
        )


def _ledger(report: Report) -> Iterator[Block]:
    origin = report.watched.origin
    parts = origin.split("/")
    rows = [("Origin", shown(origin, 300) or "(none)")]
    if len(parts) == 3:
        rows += [("Trial", shown(parts[1], 200))]
    rows += [("Goes on as", shown(one, 300)) for one in report.watched.origins[1:11]]
    for name, book in (("open", report.open), ("sealed", report.sealed)):
        if name not in report.books:
            rows.append((book_name(name), "not in this bundle, which was made for masked people"))
            continue
        told = book.to_json()
        rows += [
            (f"{book_name(name)}: entries", f"{book.size:,}"),
            (f"{book_name(name)}: root (base64)", str(told["root"])),
            (f"{book_name(name)}: last entry", str(told["head"])),
        ]
    yield Table(
        "Origin, number of entries, root of the tree (RFC 9162), and hash of the last entry.",
        ("What", "Value"), rows, (2, 5), frozenset({1}),
    )  # fmt: skip
    if "sealed" in report.books:
        yield Paragraph(_BOTH_BOOKS)


def _findings(report: Report) -> Iterator[Block]:
    if report.ok:
        yield Paragraph("None.")
    else:
        rows = [
            (
                "file" if one.book is None else book_name(one.book),
                "" if one.seq is None else f"{one.seq:,}",
                "" if one.stream is None else shown(one.stream, 120),
                shown(one.message, 500),
                one.code,
            )
            for one in report.findings[:MAX_ROWS]
        ]
        yield Table(
            "Each thing that is wrong; positions count from 0.",
            ("Where", "Position", "Stream", "What is wrong", "Code"), rows, (11, 10, 16, 48, 15), frozenset({2, 4}),
        )  # fmt: skip
        if (more := len(report.findings) - MAX_ROWS) > 0:
            yield Paragraph(f"{many(more, 'more finding')} not listed here; trial-ledger verify --json lists all.")
        codes = sorted({one.code for one in report.findings})
        yield Table(
            "The codes.", ("Code", "Meaning"), [(code, CODES.get(code, "")) for code in codes], (1, 5), frozenset({0})
        )
    if report.notes:
        notes = [
            (book_name(n.book), f"{n.seq:,}", shown(n.stream, 120), shown(n.message, 500))
            for n in report.notes[:MAX_ROWS]
        ]
        yield Table(
            "What is worth knowing, and no fault.", ("Where", "Position", "Stream", "Note"), notes, (12, 10, 20, 58),
            frozenset({2}),
        )  # fmt: skip


def _unchecked(report: Report, trusted: Trusted, file: FileFacts) -> Iterator[Block]:
    missed = list(sealed_in_words(report.opened, report.closed, report.given))
    if report.closed:
        why = (
            "Closed sections were left out of this bundle, or put into it encrypted, as whom it was made for may not "
            "see them. Their commitments are in the chain: nobody can put another content in their place."
            if file.bundle
            else "Closed sections are encrypted, and their keys were not at hand, or were destroyed when a person's "
            "name was erased. Their commitments are in the chain: nobody can put another content in their place."
        )
        missed.append(why)
    if report.marks[1]:
        entries = many(report.marks[1], "sealed entry")
        missed.append(f"Slots and command marks of {entries}: no key of marks, or the header stays closed.")
    if "sealed" not in report.books:
        missed.append("The sealed book, which is not in this bundle, and all that depends on an arm.")
    if trusted.policy is None:
        missed.append("Signatures of the log and of witnesses: no policy said whose keys to trust.")
    if trusted.authorities is None:
        missed.append("Time stamps: no certificates of authorities were given.")
    else:
        missed.append("Whether a certificate of an authority was revoked: nothing is looked up in a network.")
    yield Bullets(missed)
    classes = sorted({*report.opened, *report.closed})
    if classes:
        rows = [
            (name, _CLASSES.get(name, ""), f"{report.opened.get(name, 0):,}", f"{report.closed.get(name, 0):,}")
            for name in classes
        ]
        yield Table(
            "Sections that are sealed.", ("Class", "What it holds", "Opened and checked", "Closed"), rows, (2, 6, 3, 2)
        )


def _allocation(report: Report) -> Iterator[Block]:
    if report.allocation is None:
        yield Paragraph("The ledger has no allocation list, and no allocation.")
        return
    yield Paragraph(allocation_in_words(report.allocation))
    told = report.allocation
    rows = [
        ("How far the list has come", told.stage),
        ("Drawn from it", f"{told.drawn:,}"),
        ("Of these, arms compared with it", f"{told.arms:,}"),
        ("Claimed by a source, and exempt", f"{told.claimed:,}"),
    ]
    yield Table("The allocation list.", ("What", "Value"), rows, (2, 3))


def _how(run: Run, at: str) -> Iterator[Block]:
    programs = [("Verified on", at), *((name, shown(what, 100)) for name, what in run.programs)]
    yield Table("When, and with what.", ("What", "Value"), programs, (1, 3))
    yield Paragraph(
        "Every hash was computed anew from the stored bytes; nothing was believed for lying in or beside the file, and "
        "nothing was fetched. To do it again:"
    )
    yield Code(shown(run.command, 2000))
    yield Paragraph("Or, on any machine with Python and its package cryptography, by the verifier in one file:")
    yield Code(shown(run.alone, 2000))
    if run.keys:
        yield Paragraph(
            "Sealed sections were opened with the keys beside the ledger; the verifier in one file is given data keys "
            "by --data-keys."
        )
    yield Paragraph(
        "docs/format.md and docs/bundle.md say how to check the same by another program; docs/verifying.md is the "
        "guide."
    )


_MEANING: Final = (
    "A verified record is the one that was written: nothing in it was altered, left out, put in or moved, by anybody, "
    "as far as the level of assurance reaches.",
    "It is not thereby true. Signatures and hashes say who stated something, and when it was there; not that what was "
    "stated is so. Source data verification is another thing.",
    "What was never recorded does not show.",
    "A time stamp says that an entry existed at that time, and not that it was written just then.",
    "Beyond the last entry that somebody outside holds, entries could be lost or written anew unseen. Whoever keeps a "
    "checkpoint, and gives it to a later verification, moves that limit.",
    "Keys and certificates have to come from those whose they are, not from whoever handed over the file. This report "
    "names them, so that they can be compared.",
    "This report is itself no evidence: the file is. Its SHA-256 ties the two together.",
)
_SIGNED: Final = ("Name", "Role and organisation", "Date", "Signature")
