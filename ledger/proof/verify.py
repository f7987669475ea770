"""`verify`: everything about a ledger file recomputed from its stored bytes. The recipe of `docs/format.md` section 7:

1. The file is an SQLite database of this format, and can be read. Else LedgerFileError: the only thing that raises.
2. Heads and streams are read. One snapshot serves all that follows.
3. The sealed book is walked along with the open one (rule 7 needs both), each by rising seq.
4. Links: each entry names the one before it, the stored head the last one; no seq is missing, none is beyond
   (`extent.py`, which says where the book ends, and `localize.py`, which says which entry is at fault).
5. Each row of the open book: 5.1 the bytes are a canonical entry of the row's seq; 5.2 of this origin; 5.3 with the
   columns that the entry gives; 5.4 with sections that it commits to, the sealed ones opened as far as keys are held
   (`stored_sections.py`, `opening.py`); 5.5 in order (times, versions, commands; none of
   them twice: `repeats.py`); 5.6 the table of streams holds the streams of the entries, and no other (`open_book.py`).
6. Each row of the sealed book: the same, 6.1 to 6.5, and its header (`sealed_book.py`).
7. The tie: open heads and anchors (`tie.py`).
8. The tree over the leaf hashes is the one whose frontier is stored; origins are those of the heads.
9. The allocation: the list that was opened is derived, and each allocation compared with it (`draws.py`).
10. The electronic signatures: each is of the entry that lies where it says (`signatures.py`).
11. SQLite's own check of the file, and its schema against that of the format.

It does not stop at a fault. Memory does not grow with the number of entries, only with those of streams and subjects.
"""

import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Final

from ledger.proof.books import Books
from ledger.proof.draws import Draws, Secret
from ledger.proof.entry import quote
from ledger.proof.file_reader import LedgerFile, StoredHead
from ledger.proof.findings import AllocationReport, Findings, Report, TreeHead
from ledger.proof.localize import Chain
from ledger.proof.open_book import OpenBook, OpenEntrySeen
from ledger.proof.opening import Opening
from ledger.proof.repeats import find_repeats
from ledger.proof.sealed_book import SealedBook
from ledger.proof.sealing import BookKeys
from ledger.proof.signatures import Signatures
from ledger.proof.tie import Tie
from ledger.proof.watch import Watch

Progress = Callable[[int, int], None]
"""Called now and then with the number of entries done and (as far as the stored heads tell) the number of all."""

_EVERY: Final = 4096
_ORIGIN: Final = re.compile(rb"[A-Za-z0-9._-]+(?::[0-9]{1,5})?/[A-Za-z0-9._-]+/[0-9a-f]{32}")


def verify_ledger(
    path: Path,
    *,
    keys: BookKeys | None = None,
    progress: Progress | None = None,
    secret: Secret | None = None,
    sizes: Collection[int] = (),
) -> Report:
    """Verify a ledger file.

    With `keys`, what is sealed under those that are held is opened and checked too; the report says what stayed closed.
    With `secret`, that of the allocation list, allocations are held against the list before it is opened to everybody.
    `sizes`: those of checkpoints, with which `assurance.py` compares what the report says was seen at them (`watched`).
    Raises LedgerFileError where the file cannot be read as a ledger at all; whatever else is wrong is in the report.
    """
    # 1, 2
    with LedgerFile(path) as file:
        return verify_books(file, keys=keys, progress=progress, secret=secret, sizes=sizes)


def verify_books(
    file: Books,
    *,
    keys: BookKeys | None = None,
    progress: Progress | None = None,
    secret: Secret | None = None,
    sizes: Collection[int] = (),
    walk: type[OpenBook] = OpenBook,
) -> Report:
    """The same, of books wherever they lie: in a ledger file, or in a bundle; `walk` reads the open one."""
    findings, opening, draws, watch = Findings(), Opening(keys, file.given), Draws(), Watch(sizes)
    signatures = Signatures(findings)
    heads = file.heads(findings)
    open_chain = Chain("open", heads.get("open"), file, findings)
    sealed_chain = Chain("sealed", heads.get("sealed"), file, findings)
    chains = {"open": open_chain, "sealed": sealed_chain}
    open_book = walk(file, open_chain, findings, opening, draws, watch, signatures)
    sealed_book = SealedBook(file, sealed_chain, findings, opening, draws, signatures)
    # 3 to 7: rows, links and tie in one walk
    tie = Tie(sealed_book.entries(), open_chain, sealed_chain, findings)
    entries = open_book.entries()
    if progress is not None:
        entries = _reported(entries, tie, progress, sum(head.size for head in heads.values()))
    for seq, hash_, anchor in entries:
        if anchor is not None:
            tie.anchor(seq, *anchor)
            watch.anchor(seq, anchor[0])
        if tie.due <= seq:
            tie.open_entry(seq, hash_)
        if seq + 1 in watch.sizes:
            _watch_root(seq + 1, open_chain, watch)
    tie.end(open_chain.size)
    _watch_root(open_chain.end.size, open_chain, watch)
    # 8
    open_chain.conclude()
    sealed_chain.conclude()
    _check_origins(heads, open_book.origin, sealed_book.origin, findings)
    find_repeats(file.repeats(), {"open": open_chain.end.size, "sealed": sealed_chain.end.size}, findings)
    # 9
    allocation = draws.check(findings, open_chain.size, whole=_whole(open_chain), secret=secret)
    # 10
    signatures.check(file, {"open": open_chain.end.size, "sealed": sealed_chain.end.size})
    # 11
    file.check_database(findings)
    file.check_schema(findings)
    return Report(
        _tree_head(open_chain),
        _tree_head(sealed_chain),
        findings.sorted(),
        [part for book, chain in chains.items() if book in file.books for part in findings.sound(book, chain.size)],
        *opening.counts(),
        opening.notes(),
        allocation,
        marks=sealed_book.marks(),
        watched=watch.done(open_book.origin),
        books=file.books,
        given=file.given,
        end=open_chain.end.size,
    )


def allocation_report(
    path: Path, *, keys: BookKeys | None = None, secret: Secret | None = None, progress: Progress | None = None
) -> tuple[AllocationReport | None, Report]:
    """What is found of the allocation, None where there is none; and the report of the whole ledger.

    `secret`: the list's secret and parameters, as one may hold them before they are opened. Raises LedgerFileError.
    """
    report = verify_ledger(path, keys=keys, progress=progress, secret=secret)
    return report.allocation, report


def _watch_root(size: int, chain: Chain, watch: Watch) -> None:
    tree = chain.trees.ought()
    if chain.trees.known and tree.size == size:
        watch.root(size, tree.root())


def _whole(chain: Chain) -> bool:
    """Whether every entry is there, and the one that it ought to be."""
    return not chain.holes and not chain.in_doubt and chain.size == chain.end.size


def _tree_head(chain: Chain) -> TreeHead:
    tree = chain.trees.lies()
    return TreeHead(tree.size, tree.root(), chain.last)


def _check_origins(
    heads: dict[str, StoredHead], opened: bytes | None, sealed: bytes | None, findings: Findings
) -> None:
    for book, said in (("open", opened), ("sealed", sealed)):
        if said is not None and book in heads and _quoted(heads[book].origin) != said:
            findings.add("head", book, None, "the stored head has another origin than the entries")
    if opened is None and "open" in heads:
        opened = _quoted(heads["open"].origin)
    if sealed is None and "sealed" in heads:
        sealed = _quoted(heads["sealed"].origin)
    if opened is not None and not _ORIGIN.fullmatch(opened):
        findings.add("origin", "open", None, "the origin is not <host>/<trial>/<32 hex digits>")
    if opened is not None and sealed is not None and sealed != opened + b"/sealed":
        findings.add("origin", "sealed", None, "the origin is not that of the open book with /sealed after it")


def _quoted(origin: bytes) -> bytes:
    return quote(origin.decode("utf-8", "replace"))[1:-1].encode()


def _reported(entries: Iterator[OpenEntrySeen], tie: Tie, progress: Progress, total: int) -> Iterator[OpenEntrySeen]:
    progress(0, total)
    for entry in entries:
        if not entry[0] % _EVERY:
            progress(entry[0] + tie.taken, total)
        yield entry
    progress(total, total)
