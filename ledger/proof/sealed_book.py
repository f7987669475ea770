"""The rows of the sealed book: each against its own entry, and against those before it. `docs/format.md` section 7."""

import hashlib
from collections.abc import Iterator
from typing import Final, NamedTuple

from ledger.proof.canonical import CanonicalError
from ledger.proof.entry import MAX_ENTRY, SEALED_GRAMMAR, V
from ledger.proof.file_reader import LedgerFile
from ledger.proof.findings import Findings
from ledger.proof.localize import MISSING, TRUSTED, Chain, Row, Settled
from ledger.proof.open_book import NO_BYTES, is_text
from ledger.proof.order import Clock, Commands, Versions
from ledger.proof.repeats import HeaderIds
from ledger.proof.sealed import Header, command_mark, parse_header, slot
from ledger.proof.sections import HEADER, SEALED_CLASSES
from ledger.proof.stored_sections import check_sections

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

    def __init__(self, file: LedgerFile, chain: Chain, findings: Findings, key: bytes | None) -> None:
        self.origin: bytes | None = None
        """The origin (quoted) that the entries have."""
        self._file = file
        self._chain = chain
        self._findings = findings
        self._key = key

    def entries(self) -> Iterator[SealedEntrySeen]:
        """Check the book to its end."""
        chain, size = self._chain, 0
        clock, commands, versions, ids = Clock(), Commands(), Versions(chain), HeaderIds()
        for settled in chain.settled(self._rows()):
            verdict, row, _ = settled
            seq, entry = row[0], row[3]
            if verdict != TRUSTED or entry is None:
                size = -1
                chain.holes += verdict == TRUSTED  # named by its successor, and yet no entry
                count = row[4] if verdict == MISSING else 1
                yield SealedEntrySeen(settled, seq, count, None, None)
                continue
            at, mark, _, open_hash, open_seq, origin, parts, _, _, place = entry
            payloads = dict[str, bytes]()

            # 6.4 sections, and the header within them
            complaint = check_sections(parts, row[4][5], SEALED_CLASSES, canonical=True, payloads=payloads)
            header, stream = None, None
            if complaint is None:
                try:
                    header = parse_header(payloads[HEADER])
                    stream = header.stream
                except KeyError:
                    complaint = "header", "the entry has no section of class header"
                except CanonicalError as error:
                    complaint = "header", str(error)
            if complaint is not None:
                self._findings.add(complaint[0], "sealed", seq, complaint[1], stream)
            # 6.2 origin
            if self.origin is None:
                self.origin = origin
            if origin != self.origin:
                self._findings.add("origin", "sealed", seq, "the entry is of another ledger", stream)
            # 6.3 columns
            for column, stored, said in zip(_COLUMNS, row[4][1:4], (int(open_seq), place, mark), strict=True):
                if stored != said:
                    self._findings.add(
                        "column", "sealed", seq, f"the column {column} is not what the entry says", stream
                    )
            # 6.5 order
            if late := clock.check(seq, at, stream):
                first, length, message, of = late
                self._findings.add("time", "sealed", first, message, of, length)
            wrongs = list[tuple[str, str | None]]()
            if header is None:
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

    def _marks(self, header: Header, place: str, mark: str) -> str | None:
        """With the trial's key: that slot and command mark are those of the header."""
        if self._key is None:
            return None
        if slot(self._key, header.stream, header.version) != place:
            return "the slot is not that of the header's stream and version under the trial's key"
        if command_mark(self._key, header.command_id) != mark:
            return "the mark of the command is not that of the header's command under the trial's key"
        return None
