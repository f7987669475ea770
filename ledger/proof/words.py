"""A report in words, for people."""

from collections.abc import Mapping
from typing import Final

from ledger.proof.assurance import assurance_in_words
from ledger.proof.bundle import SEALED
from ledger.proof.findings import AllocationReport, Report
from ledger.proof.sections import ANCHOR, ARM, HEADER, IDENTITY

_NOT_CHECKED: Final = {
    ANCHOR: "what the open book's anchors say of the sealed book",
    ARM: "what the sealed book holds",
    HEADER: "streams, versions, slots and command marks of the sealed book",
    IDENTITY: "the names of persons",
}
"""What could not be checked where sections of a class stayed closed."""


def in_words(report: Report) -> str:
    """The report for people."""
    lines = []
    for name, book in (("open", report.open), ("sealed", report.sealed)):
        shown = book.to_json()
        if name not in report.books:
            lines.append(f"{name} book: not in this {'bundle' if report.given is not None else 'file'}")
            continue
        lines.append(f"{name} book: {book.size} entries, root {shown['root']}, head {shown['head']}")
    lines += [str(finding) for finding in report.findings]
    lines += sealed_in_words(report.opened, report.closed, report.given)
    if unchecked := _unmarked(report):
        lines.append(
            f"Slots and command marks of {unchecked:,} sealed {_entries(unchecked)} were not checked: no key of marks."
        )
    if report.allocation is not None:
        lines.append(allocation_in_words(report.allocation))
    lines += [f"note: {note}" for note in report.notes]
    if report.given is not None:
        lines.append(
            "Page, protocol, schemas and documents in the bundle are its sender's words: the books are verified."
        )
    if not report.ok:
        lines.append("What follows of signatures and times holds of the entries that are sound, and of no others:")
    lines += assurance_in_words(report.assurance, report.end)
    if report.ok:
        if _unmarked(report):
            what = "what is readable of every entry, column and payload, but for slots and command marks,"
        else:
            what = f"every entry, column and payload{' that is readable' if report.closed else ''}"
        lines.append(f"Verified ({report.assurance.level}): {what} is as chain and tree have it.")
    else:
        sound = ", ".join(f"{book} {first} to {last}" for book, first, last in report.sound)
        count = len(report.findings)
        lines.append(f"NOT verified: {count} finding{'s' if count > 1 else ''}. Sound: {sound or 'nothing'}.")
    return "\n".join(lines)


def _unmarked(report: Report) -> int:
    """Of how many entries the header was opened, and the marks were not checked."""
    return max(0, report.marks[1] - report.closed.get(HEADER, 0)) if report.opened.get(HEADER) else 0


def _entries(count: int) -> str:
    return "entry" if count == 1 else "entries"


def sealed_in_words(
    opened: Mapping[str, int], closed: Mapping[str, int], given: Mapping[str, str] | None = None
) -> list[str]:
    """How many sealed sections were opened, how many stayed closed or were withheld, and what was not checked for it.

    `given`: of a bundle, the form that the sections of each class have in it.
    """
    lines = []
    if count := sum(opened.values()):
        were = "section was opened and holds what its entry commits to" if count == 1 else (
            "sections were opened and hold what their entries commit to"
        )  # fmt: skip
        lines.append(f"{count:,} sealed {were}.")
    withheld = {name: left for name, left in closed.items() if given is not None and given.get(name) != SEALED}
    left = {name: number for name, number in closed.items() if name not in withheld}
    if left:
        number = sum(left.values())
        stay = "section stays" if number == 1 else "sections stay"
        lines.append(f"{number:,} sealed {stay} closed, as no key was given.")
    if withheld:
        number = sum(withheld.values())
        are = "section is" if number == 1 else "sections are"
        lines.append(f"{number:,} sealed {are} withheld from whom this bundle is for, but for the commitment.")
    if closed:
        missed = [f"{_NOT_CHECKED[name]} ({number:,})" for name, number in closed.items()]
        only = "Of those that stay closed only the ciphertext was checked; not checked" if left else "Not checked"
        lines.append(f"{only}: {'; '.join(missed)}.")
    return lines


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def allocation_in_words(report: AllocationReport) -> str:
    """What was found of the allocation, in a sentence."""
    be = "is" if report.claimed == 1 else "are"
    exempt = f"; {report.claimed:,} claimed by a source {be} exempt" if report.claimed else ""
    if not report.checked:
        return "Allocation: not checked, as the open book is not whole."
    if report.findings:
        return (
            f"Allocation: {_count(len(report.findings), 'finding')} among {_count(report.drawn, 'allocation')}{exempt}."
        )
    if not report.drawn:
        return f"Allocation: nobody was drawn from a list{exempt}."
    if report.arms == report.drawn:
        of_all = f"all {report.drawn:,} subjects are those" if report.drawn > 1 else "the one subject is that"
        arms = "arms" if report.drawn > 1 else "arm"
        return f"Allocation: the {arms} of {of_all} of the list committed to{exempt}."
    missing = report.drawn - report.arms
    why = "the list is not opened" if not report.arms and report.stage != "OPENED" else f"{missing:,} stayed closed"
    return (
        f"Allocation: order and commitments of {_count(report.drawn, 'allocation')} hold; arms compared with the list: "
        f"{report.arms:,} ({why}){exempt}."
    )
