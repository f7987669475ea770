"""The rows of the sealed book: each against its own entry, and against those before it. `docs/format.md` section 7."""

import hashlib
from collections.abc import Iterator
from typing import Final, NamedTuple

from ledger.proof.books import Books
from ledger.proof.canonical import CanonicalError
from ledger.proof.draws import Draws
from ledger.proof.entry import MAX_ENTRY, SEALED_GRAMMAR, V, is_text
from ledger.proof.findings import Findings
from ledger.proof.localize import MISSING, TRUSTED, Chain, Row, Settled
from ledger.proof.open_book import NO_BYTES
from ledger.proof.opening import At, Opening
from ledger.proof.order import Clock, Commands, Versions
from ledger.proof.repeats import HeaderIds
from ledger.proof.sealed import Header, command_mark, parse_header, slot
from ledger.proof.sections import ARM, HEADER, SEALED_CLASSES
from ledger.proof.signatures import Signatures
from ledger.proof.stored_sections import Complaint, read_part, take_apart, unquote

_COLUMNS: Final = ("open_seq", "slot", "command")


class SealedEntrySeen(NamedTuple):
    """What the tie between the books needs of an entry (or of a run of missing ones) of the sealed book."""

    settled: Settled
    seq: int
    length: int
    open_head: tuple[int, bytes] | None
    """The open entry (seq, leaf hash) that it names; None where the entry is not to be trusted."""
    stream: str | None


class SealedBook:
    """Checks the sealed book while it is read. Whoever takes from `entries` gives each `settled` to the chain."""

    def __init__(
        self, file: Books, chain: Chain, findings: Findings, opening: Opening, draws: Draws, signatures: Signatures
    ) -> None:
        self.origin: bytes | None = None
        """The origin (quoted) that the entries have."""
        self._file = file
        self._chain = chain
        self._findings = findings
        self._opening = opening
        self._draws = draws
        self._signatures = signatures
        self._last = b"", b""
        self._marked = self._unmarked = 0

    def entries(self) -> Iterator[SealedEntrySeen]:
        """Check the book to its end."""
        chain, size = self._chain, 0
        clock, commands, versions, ids = Clock(), Commands(), Versions(chain), HeaderIds()
        columns = _COLUMNS if self._file.columns else ()
        if "sealed" not in self._file.books:
            self._draws.take_sealed(-1, None, None)  # so that nobody lacks an arm
        for settled in chain.settled(self._rows()):
            verdict, row, _ = settled
            seq, entry = row[0], row[3]
            if verdict != TRUSTED or entry is None:
                size = -1
                chain.holes += verdict == TRUSTED  # named by its successor, and yet no entry
                count = row[4] if verdict == MISSING else 1
                self._draws.take_sealed(seq, None, None)
                yield SealedEntrySeen(settled, seq, count, None, None)
                continue
            at, mark, _, open_hash, open_seq, origin, _, _, _, place = entry

            # 6.4 sections, and the header within them
            complaint, header, closed = self._sections(seq, entry, row[4][5])
            stream = None if header is None else header.stream
            if complaint is not None:
                self._findings.add(complaint[0], "sealed", seq, complaint[1], stream)
            # 6.2 origin
            if self.origin is None:
                self.origin = origin
            if origin != self.origin:
                self._findings.add("origin", "sealed", seq, "the entry is of another ledger", stream)
            # 6.3 columns
            for column, stored, said in zip(columns, row[4][1:4], (int(open_seq), place, mark), strict=False):
                if stored != said:
                    self._findings.add(
                        "column", "sealed", seq, f"the column {column} is not what the entry says", stream
                    )
            # 6.5 order
            if late := clock.check(seq, at, stream):
                first, length, message, of = late
                self._findings.add("time", "sealed", first, message, of, length)
            wrongs = list[tuple[str, str | None]]()
            self._unmarked += header is None or self._opening.marks is None
            self._marked += header is not None and self._opening.marks is not None
            if closed:
                wrongs.append(("command", self._at_once(mark, at)))
            elif header is None:
                chain.holes += 1
            else:
                wrongs.append(("header", self._marks(header, place.decode(), mark.decode())))
                wrongs.append(("version", versions.check(header.stream, header.version)))
                which = (mark, header.command_id, header.command_digest, at)
                wrongs.append(("command", commands.check(seq, header.n, header.of, which)))
                if header.n == 0:
                    ids.begins(seq, header.command_id)
            for code, wrong in wrongs:
                if wrong:
                    self._findings.add(code, "sealed", seq, wrong, stream)
            size = seq + 1
            yield SealedEntrySeen(settled, seq, 1, (int(open_seq), bytes.fromhex(open_hash.decode())), stream)
        if size == chain.size and (wrong := commands.check_end(size)):
            self._findings.add("command", "sealed", size - 1, wrong)
        for first, again in ids.repeats():
            self._findings.add("command", "sealed", again, f"begins a command whose id the one at entry {first} has")

    def marks(self) -> tuple[int, int]:
        """Of how many entries slot and command mark were recomputed, and of how many not: for want of the key."""
        return self._marked, self._unmarked

    def _rows(self) -> Iterator[Row]:
        """6.1 The stored bytes are a canonical entry, of the seq of its row."""
        for stored in self._file.rows("sealed", self._chain.end.size):
            seq, raw = stored[0], stored[4]
            hash_ = hashlib.sha256(b"\x00" + raw).digest() if type(raw) is bytes else NO_BYTES
            found = SEALED_GRAMMAR.fullmatch(raw) if type(raw) is bytes and len(raw) <= MAX_ENTRY else None
            if found is None or not is_text(raw):
                message = f"the stored bytes are no canonical entry (format {V})"
                self._findings.add("entry", "sealed", seq, message)
                yield seq, hash_, None, None, stored
                continue
            entry = found.groups()
            if int(entry[8]) != seq:
                self._findings.add("misplaced", "sealed", seq, f"the row holds the entry of seq {int(entry[8])}")
                yield seq, hash_, None, None, stored
                continue
            yield seq, hash_, bytes.fromhex(entry[7].decode()), entry, stored

    def _sections(
        self, seq: int, entry: tuple[bytes, ...], stored: bytes
    ) -> tuple[Complaint | None, Header | None, bool]:
        """What is wrong with the sections, the header, and whether that stays closed for want of its key.

        The header is opened first: it says where the other sections belong.
        """
        complaint, listed = take_apart(entry[6], stored, SEALED_CLASSES)
        found = next((part for part in listed if part.section_class == HEADER), None)
        if complaint is None and found is None:
            complaint = "header", "the entry has no section of class header"
        header, closed, at = None, False, At(seq, unquote(entry[5]), "", 0, entry[2].decode())
        if found is not None:
            complaint, payload = read_part(found, at, self._opening, canonical=True)
            closed = complaint is None and payload is None
            if payload is not None:
                try:
                    header = parse_header(payload)
                except CanonicalError as error:
                    complaint = "header", str(error)
        where, arm = None if header is None else at._replace(stream=header.stream, version=header.version), None
        for part in listed:
            if part is not found:
                wrong, payload = read_part(part, where, self._opening, canonical=True)
                complaint = complaint or wrong
                if part.section_class == ARM:
                    arm = payload
        self._draws.take_sealed(seq, header, arm)
        self._signatures.take_sealed(seq, header, arm)
        return complaint, header, closed

    def _at_once(self, mark: bytes, at: bytes) -> str | None:
        """Without headers: that the events of a command, one after another, were recorded at one time."""
        last, self._last = self._last, (mark, at)
        if last[0] == mark and last[1] != at:
            return "has the mark of the command before it, and another time"
        return None

    def _marks(self, header: Header, place: str, mark: str) -> str | None:
        """With the trial's key: that slot and command mark are those of the header."""
        key = self._opening.marks
        if key is None:
            return None
        if slot(key, header.stream, header.version) != place:
            return "the slot is not that of the header's stream and version under the trial's key"
        if command_mark(key, header.command_id) != mark:
            return "the mark of the command is not that of the header's command under the trial's key"
        return None
