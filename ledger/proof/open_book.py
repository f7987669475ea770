"""The rows of the open book: each against its own entry, and against those before it. `docs/format.md` section 7."""

import hashlib
import json
import re
from binascii import unhexlify
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from ledger.proof.books import Books
from ledger.proof.draws import OPEN_TYPES, Draws, Place
from ledger.proof.entry import MAX_ENTRY, OPEN_GRAMMAR, V, is_text, quote
from ledger.proof.findings import Findings
from ledger.proof.localize import TRUSTED, Chain, Row, stream_of
from ledger.proof.opening import ERASED_TYPE, Opening
from ledger.proof.order import Clock, Commands, Versions
from ledger.proof.sections import ANCHOR, OPEN_CLASSES, PLAIN
from ledger.proof.signatures import OPEN_SIGNATURE, Signatures
from ledger.proof.stored_sections import check_sections, unquote
from ledger.proof.tree import leaf_hash
from ledger.proof.watch import WATCHED_TYPES, Watch

ANCHOR_TYPE: Final = b"sealed-book.anchored/1"
NO_BYTES: Final = leaf_hash(b"")
"""Stands for the leaf hash of a row that holds no bytes at all."""
_SIZE: Final = re.compile("[0-9]{16}")
_ROOT: Final = re.compile("[0-9a-f]{64}")


OpenEntrySeen: TypeAlias = tuple[int, bytes | None, tuple[int, bytes] | None]
"""What the tie between the books needs of an entry: its seq; the leaf hash that ought to be there (None: not known);
and of an anchor the size and root that it tells of the sealed book."""


class OpenBook:
    """Checks the open book while it is read. `entries` hands on what the tie needs."""

    def __init__(
        self,
        file: Books,
        chain: Chain,
        findings: Findings,
        opening: Opening,
        draws: Draws,
        watch: Watch,
        signatures: Signatures,
    ) -> None:
        self.origin: bytes | None = None
        """The origin (quoted) that the entries have."""
        self._file = file
        self._chain = chain
        self._findings = findings
        self._opening = opening
        self._draws = draws
        self._watch = watch
        self._signatures = signatures
        self._names = {key: quote(name.decode("utf-8", "replace"))[1:-1].encode()
                       for key, name in file.streams(findings).items()}  # fmt: skip
        self._used = set[int]()
        self._misnamed: dict[tuple[Any, bytes], list[int]] = {}

    def entries(self) -> Iterator[OpenEntrySeen]:
        """Check the book to its end."""
        chain, names, used, find = self._chain, self._names, self._used, self._find
        clock, commands, versions, watched = Clock(), Commands(), Versions(chain), self._watch.sizes
        size, columns = 0, self._file.columns
        for settled in chain.settled(self._rows()):
            chain.take(settled)
            verdict, row, ought = settled
            seq, entry = row[0], row[3]
            if verdict != TRUSTED or entry is None:
                size = -1
                chain.holes += verdict == TRUSTED  # named by its successor, and yet no entry
                yield seq, ought, None
                continue
            (_, _, _, at, digest, command_id, n, of, _, origin, _, _, _, stream, _, version_text) = entry
            _, stream_key, stored_version, stored_command, _, _ = row[4]
            version, number, count = int(version_text), int(n), int(of)

            # 5.2 origin
            if origin != self.origin and self._other_origin(origin):
                find("origin", row, "the entry is of another ledger")
            # 5.3 columns, where there are any
            if not columns:
                pass
            elif names.get(stream_key) == stream:
                used.add(stream_key)
            else:
                self._misname(seq, stream_key, stream)
            if columns and stored_version != version:
                find("column", row, f"the column version says {stored_version}, the entry {version}")
            if (
                columns
                and stored_command != (command_id if number == 0 and command_id else None)
                and (b"\\" not in command_id or stored_command != unquote(command_id).encode() or number)
            ):
                find("column", row, "the column command is not what the entry says")
            # 5.4 sections
            anchor = self.read_sections(row)
            # 5.5 order
            if late := clock.check(seq, at, stream):
                self._late(*late)
            if wrong := versions.check(stream, version, from_zero=not command_id):
                find("version", row, wrong)
            if wrong := commands.check(seq, number, count, (command_id, digest, at)):
                find("command", row, wrong)
            size = seq + 1
            if size in watched:
                self._watch.time(size, at)
            yield seq, ought, anchor
        if size == chain.size and (wrong := commands.check_end(size)):
            self._findings.add("command", "open", size - 1, wrong)
        self._name_streams()

    def read_sections(self, row: Row) -> tuple[int, bytes] | None:
        """5.4 The sections of a row, told to whoever asks for what they hold; gives what an anchor tells."""
        seq, entry, sections = row[0], row[3], row[4][5]
        (_, _, _, at, _, command_id, _, _, id_, origin, parts, _, _, stream, type_, version) = entry
        is_anchor = type_ == ANCHOR_TYPE and command_id != b""  # a raw event may be called whatever it likes
        holds_anchor = b'"anchor"' in parts
        of_allocation = type_ in OPEN_TYPES and command_id != b""
        of_evidence = type_ in WATCHED_TYPES and command_id != b""
        signed = type_ == OPEN_SIGNATURE and command_id != b""
        wanted = is_anchor or holds_anchor or of_allocation or of_evidence or signed
        payloads: dict[str, bytes] | None = {} if wanted else None
        complaint = check_sections(
            parts, sections, OPEN_CLASSES, (seq, origin, stream, int(version), id_), self._opening,
            canonical=bool(command_id), payloads=payloads,
        )  # fmt: skip
        if complaint is not None:
            self._find(complaint[0], row, complaint[1])
        if type_ == ERASED_TYPE and command_id:
            self._opening.erased(unquote(stream), seq)
        if of_allocation and payloads is not None:
            at_place = Place(seq, unquote(stream), unquote(command_id))
            self._draws.take_open(type_, at_place, None if complaint else payloads.get(PLAIN))
        if of_evidence and payloads is not None:
            self._watch.event(seq, at, type_, None if complaint else payloads.get(PLAIN))
        if signed and payloads is not None:
            self._signatures.take_open(seq, None if complaint else payloads.get(PLAIN))
        if (is_anchor or holds_anchor) and payloads is not None and complaint is None:
            return self._anchor(row, is_anchor and holds_anchor, payloads)
        return None

    def _rows(self) -> Iterator[Row]:
        """5.1 The stored bytes are a canonical entry, of the seq of its row."""
        match, sha256, findings = OPEN_GRAMMAR.fullmatch, hashlib.sha256, self._findings
        for stored in self._file.rows("open", self._chain.end.size):
            seq, raw = stored[0], stored[4]
            found = match(raw) if type(raw) is bytes and len(raw) <= MAX_ENTRY else None
            if found is None or not (raw.isascii() or is_text(raw)):
                hash_ = sha256(b"\x00" + raw).digest() if type(raw) is bytes else NO_BYTES
                findings.add("entry", "open", seq, f"the stored bytes are no canonical entry (format {V})")
                yield seq, hash_, None, None, stored
                continue
            entry = found.groups()
            if int(entry[12]) != seq:
                findings.add("misplaced", "open", seq, f"the row holds the entry of seq {int(entry[12])}")
                yield seq, sha256(b"\x00" + raw).digest(), None, None, stored
                continue
            yield seq, sha256(b"\x00" + raw).digest(), unhexlify(entry[11]), entry, stored

    def _find(self, code: str, row: Row, message: str) -> None:
        self._findings.add(code, "open", row[0], message, stream_of("open", row[3]))

    def _late(self, first: int, count: int, message: str, stream: Any) -> None:
        shown = None if stream is None else stream.decode("utf-8", "replace")
        self._findings.add("time", "open", first, message, shown, count)

    def _other_origin(self, origin: bytes) -> bool:
        if self.origin is None:
            self.origin = origin
            return False
        return True

    def _anchor(self, row: Row, is_anchor: bool, payloads: dict[str, bytes]) -> tuple[int, bytes] | None:
        """Size and root that an anchor tells; None where it stays closed, or is none."""
        if not is_anchor:
            self._find("anchor", row, f"type {ANCHOR_TYPE.decode()} and a section of class anchor belong together")
            return None
        if ANCHOR not in payloads:
            return None
        try:
            told = json.loads(payloads[ANCHOR])
            size, root = told["size"], told["root"]
            if told.keys() == {"size", "root"} and _SIZE.fullmatch(size) and _ROOT.fullmatch(root):
                return int(size), bytes.fromhex(root)
        except (ValueError, KeyError, TypeError, AttributeError):
            pass
        self._find("anchor", row, "the section of class anchor does not hold a size of 16 digits and a root")
        return None

    def _misname(self, seq: int, key: Any, stream: bytes) -> None:
        self._findings.unsound("open", seq)
        self._misnamed.setdefault((key, stream), [seq, 0])[1] += 1

    def _name_streams(self) -> None:
        """5.6 One finding for each stream that rows and table disagree about, at its first entry."""
        for (key, stream), (seq, count) in self._misnamed.items():
            name, says = self._names.get(key), stream.decode("utf-8", "replace")
            if name is None:
                wrong = f"the column stream says {key}, which is no stream"
            elif key in self._used:
                wrong = f"the column stream says {name.decode()}, the entry {says}"
            else:
                wrong = f"stream {key} is called {name.decode()} in the table of streams, and {says} in its entries"
            more = f" (so in {count} entries)" if count > 1 else ""
            code = "column" if name is None or key in self._used else "stream"
            self._findings.add(code, "open", seq, wrong + more, says)
        called = {stream for _, stream in self._misnamed}
        keys = {key for key, _ in self._misnamed}
        for key in sorted(self._names.keys() - self._used - keys):
            if self._names[key] not in called and not self._chain.holes and not self._chain.strays:
                self._findings.add("stream", "open", None, f"stream {key} has no entry", self._names[key].decode())
