"""A bundle, read and not believed: the same rows as of a ledger file, for the same recipe. `docs/bundle.md` section 5.

1. What is not laid out as a bundle, so that two readers could find different things in it, is refused (BundleError):
   its zip, its names, its manifest, a missing book. All else is a finding.
2. The number of a row is the one that its entry says, or, where the bytes are none, the one after the row before: a
   bundle has no columns.
3. A file is held against SHA256SUMS and its CRC-32 beside the walk, and a difference found at the end (`member`).
4. Memory does not grow with the bundle: books are read row by row, each within a bound, and marks that may not come
   again are kept in a temporary file.
"""

import hashlib
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from ledger.proof.bundle import (
    BOOKS,
    CONSISTENCY,
    EVIDENCE,
    LOG_KEYS,
    MANIFEST,
    MAX_EVIDENCE,
    MAX_FILE,
    MAX_MANIFEST,
    PROTOCOL,
    SUMS,
    BundleError,
    Manifest,
    parse_proof,
)
from ledger.proof.bundle_rows import FileBytes, Marks, framed, number_of
from ledger.proof.bundle_zip import Member, read_members
from ledger.proof.entry import MAX_ENTRY
from ledger.proof.evidence import Evidence, collected
from ledger.proof.extent import said_seq
from ledger.proof.file_reader import StoredHead
from ledger.proof.findings import Findings
from ledger.proof.repeats import Repeat

_SUM: Final = re.compile(rb"([0-9a-f]{64})  ([!-~]{1,160})\n")
_BLOCK: Final = 1 << 18


class BundleBooks:
    """The books of a bundle. Use as a context manager. Raises BundleError where it cannot be read as one at all."""

    columns = False

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lost: dict[str, list[tuple[int, int]]] = {book: [] for book in BOOKS}
        try:
            with path.open("rb") as file:
                length = file.seek(0, 2)
                self._members = read_members(file, length)
            self.manifest = self._read_manifest()
            self._digests = self._read_sums()
        except FileNotFoundError:
            raise BundleError(f"{path}: there is no such file") from None
        except OSError as error:
            raise BundleError(f"{path}: cannot be read ({error.strerror})") from None
        except BundleError as error:
            raise BundleError(f"{path}: {error}") from None
        self.books = frozenset(self.manifest.books)
        self.given: Mapping[str, str] = self.manifest.sections
        self.consistency = self._proofs()
        self._marks = Marks()
        self._within = dict[str, int]()
        self._loose = set[str]()
        self._checking = ThreadPoolExecutor(1)
        self._stopped = False
        self._checked = self._checking.submit(self._altered)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped = True
        self._checking.shutdown()
        self._marks.close()

    # -- what is not the books ---------------------------------------------------------------------------------------

    def names(self) -> Sequence[str]:
        """The files of the bundle, in their order."""
        return list(self._members)

    def content(self, name: str, most: int = MAX_FILE) -> bytes:
        """The bytes of a file; none where it is not there. Raises BundleError for more than `most`."""
        member = self._members.get(name)
        if member is None:
            return b""
        if member.size > most:
            raise BundleError(f"{name}: has {member.size:,} bytes; at most {most:,} are read")
        source = FileBytes(self.path, member)
        try:
            return source.read(member.size)
        finally:
            source.close()

    @property
    def log_keys(self) -> bytes:
        """The log's verifier keys as the bundle has them: a claim, to be compared with what one holds otherwise."""
        return self.content(LOG_KEYS)

    @property
    def protocol(self) -> bytes:
        """The protocol in force at the end of the open book, as the bundle has it."""
        return self.content(PROTOCOL)

    def evidence(self) -> Evidence:
        """Checkpoints and time stamps. Raises EvidenceError for what is none, BundleError where there is too much."""
        self._bound(EVIDENCE)
        return collected(
            (name.removeprefix(EVIDENCE), self.content(name)) for name in self._members if name.startswith(EVIDENCE)
        )

    def _proofs(self) -> Mapping[int, tuple[bytes, ...]]:
        try:
            self._bound(CONSISTENCY)
            return {
                int(name.removeprefix(CONSISTENCY)): parse_proof(name, self.content(name, MAX_MANIFEST))
                for name in self._members
                if name.startswith(CONSISTENCY)
            }
        except BundleError as error:
            raise BundleError(f"{self.path}: {error}") from None

    def _bound(self, folder: str) -> None:
        size = sum(member.size for name, member in self._members.items() if name.startswith(folder))
        if size > MAX_EVIDENCE:
            raise BundleError(f"{self.path}: {folder} has {size:,} bytes; at most {MAX_EVIDENCE:,} are read")

    def _read_manifest(self) -> Manifest:
        if list(self._members)[:2] != [MANIFEST, SUMS]:
            raise BundleError(f"does not begin with {MANIFEST} and {SUMS}")
        data = self.content(MANIFEST, MAX_MANIFEST)
        if zlib.crc32(data) != self._members[MANIFEST].crc:
            raise BundleError(f"{MANIFEST}: is damaged (CRC-32)")
        manifest = Manifest.parse(data)
        for book in BOOKS:
            for name in (f"{book}/entries", f"{book}/sections"):
                if (name in self._members) != (book in manifest.books):
                    raise BundleError(
                        f"{name}: is {'not ' if book in manifest.books else ''}there, unlike in {MANIFEST}"
                    )
        return manifest

    def _read_sums(self) -> dict[str, bytes]:
        """File -> SHA-256, as SHA256SUMS has it."""
        digests, source, seen = dict[str, bytes](), FileBytes(self.path, self._members[SUMS]), hashlib.sha256()
        try:
            while source.left:
                line = source.line() + b"\n"
                found = _SUM.fullmatch(line)
                name = "" if found is None else found[2].decode()
                if found is None or name in digests or len(digests) > 2 * len(self._members):
                    raise BundleError(f"{SUMS}: line {len(digests) + 1} is not that of one more file")
                digests[name] = bytes.fromhex(found[1].decode())
                seen.update(line)
        finally:
            source.close()
        self._sums_hold = seen.digest() == self.manifest.sums and self._ends_a_line(self._members[SUMS])
        return digests

    # -- the books, as `books.Books` ---------------------------------------------------------------------------------

    def heads(self, findings: Findings) -> dict[str, StoredHead]:  # noqa: ARG002  (nothing can be wrong but its bytes)
        """The heads that the manifest states, by book."""
        suffix = {"open": "", "sealed": "/sealed"}
        return {
            book: StoredHead((self.manifest.origin + suffix[book]).encode(), head.size, head.head, head.frontier)
            for book, head in self.manifest.books.items()
        }

    def streams(self, findings: Findings) -> dict[int, bytes]:  # noqa: ARG002
        """None: a bundle has no table of streams."""
        return {}

    def last_seq(self, book: str) -> int | None:
        """The seq that the last entry says; None where the last row is none."""
        member = self._members.get(f"{book}/entries")
        if member is None or not member.size:
            return None
        tail = min(member.size, MAX_ENTRY + 2)
        source = FileBytes(self.path, Member(member.start + member.size - tail, tail, 0))
        try:
            said = said_seq(book, source.read(tail).rstrip(b"\n").rpartition(b"\n")[2])
        finally:
            source.close()
        return said

    def entries(self, book: str, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """(seq, entry) of the rows from `start` on, in the order in which they stand."""
        if start >= self._within.get(book, start + 1):
            return
        for seq, raw in self._lines(book):
            if seq >= start:
                yield seq, raw

    def rows(self, book: str, end: int) -> Iterator[tuple[Any, ...]]:
        """The rows of a book before `end`, as they stand; sections None where they cannot be told apart."""
        member = self._members.get(f"{book}/sections")
        if member is None:
            return
        source, beyond = FileBytes(self.path, member), False
        try:
            for seq, raw in self._lines(book):
                sections = framed(source)
                self._marks.take(book, seq, raw)
                if seq < end:
                    yield seq, None, None, None, raw, sections
                else:
                    beyond = True
            if source.left:
                self._loose.add(book)
        finally:
            source.close()
        if not beyond:
            self._within[book] = end

    def _lines(self, book: str) -> Iterator[tuple[int, bytes]]:
        member = self._members.get(f"{book}/entries")
        if member is None:
            return
        source, before = FileBytes(self.path, member), -1
        try:
            while source.left:
                raw = source.line()
                before = number_of(book, raw, before)
                yield before, raw
        finally:
            source.close()

    def repeats(self) -> Sequence[Repeat]:
        """Values that stand twice where they may stand once, of the rows that were read."""
        return self._marks.repeats(self.books)

    def check_schema(self, findings: Findings) -> None:
        """A bundle has none; how it is laid out was checked when it was opened."""

    def check_database(self, findings: Findings) -> None:
        """Whether the files are those of SHA256SUMS. They are hashed while rows are read, and waited for here."""
        if not self._sums_hold:
            findings.add("member", None, None, f"{SUMS} is not the one that {MANIFEST} names")
        for name in self._checked.result():
            findings.add("member", None, None, f"{name} is not the file that {SUMS} lists")
        there, listed = self._members.keys() - {MANIFEST, SUMS}, self._digests.keys()
        for name in sorted(there - listed):
            findings.add("member", None, None, f"{name} is not listed in {SUMS}")
        for name in sorted(listed - there):
            findings.add("member", None, None, f"{name} is listed in {SUMS}, and missing")
        for book in sorted(self._loose):
            findings.add("member", None, None, f"{book}/sections goes on after the last entry's")
        for book in sorted(self.books):
            if not self._ends_a_line(self._members[f"{book}/entries"]):
                findings.add("member", None, None, f"{book}/entries does not end in a line feed")

    def _ends_a_line(self, member: Member) -> bool:
        if not member.size:
            return True
        source = FileBytes(self.path, Member(member.start + member.size - 1, 1, 0))
        try:
            return source.read(1) == b"\n"
        finally:
            source.close()

    def _altered(self) -> list[str]:
        """The files whose SHA-256 or CRC-32 is another than stated."""
        wrong = []
        for name, member in self._members.items():
            digest, crc, source = hashlib.sha256(), 0, FileBytes(self.path, member)
            try:
                while (block := source.read(_BLOCK)) and not self._stopped:
                    digest.update(block)
                    crc = zlib.crc32(block, crc)
            finally:
                source.close()
            if crc != member.crc or self._digests.get(name, digest.digest()) != digest.digest():
                wrong.append(name)
        return wrong
