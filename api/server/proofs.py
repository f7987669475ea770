"""Inclusion proofs for a server: the tree of the open book by blocks, so that a proof reads two blocks, not the book.

1. The root of each whole block of `BLOCK` leaves is kept, 32 bytes for so many entries, in memory and in a file beside
   the views; the book is read once for them, and on from there as it grows. They are a cache, thrown away at will: a
   proof that does not lead to the root that was signed is made once more from a new one, and then refused. Nothing is
   handed out that does not verify.
2. Proofs are against checkpoints that lie in the evidence folder already. Asking for one signs nothing.
3. Nothing here reads the sealed book.
"""

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from api import durable
from api.evidence.book import OpenBook, open_book
from api.evidence.proving import inclusion_ranges, own_checkpoints, stored_for
from ledger.proof.evidence import StoredCheckpoint
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.tlog_proof import TlogProof
from ledger.proof.tree import HASH_BYTES, Frontier, ProofError, leaf_hash, node_hash, verify_inclusion
from projections.runner import views_folder

BLOCK: Final = 1024
"""Leaves; a power of two."""


class NotCoveredError(ValueError):
    """No checkpoint covers the entry (yet)."""


def newest_checkpoint(path: Path) -> StoredCheckpoint | None:
    """The largest checkpoint that the ledger's own key signed; None where there is none."""
    return stored_for(path, 0)


def checkpoint_of(path: Path, size: int) -> StoredCheckpoint | None:
    """The checkpoint of the first `size` entries; None where there is none."""
    return next((one for one in own_checkpoints(path, size) if one.checkpoint.size == size), None)


@dataclass(slots=True)
class Blocks:
    """The roots of the whole blocks of one book. Safe for several threads."""

    path: Path
    _roots: list[bytes] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _loaded: bool = False

    @property
    def file(self) -> Path:
        """Where the roots are kept, one after the other."""
        return views_folder(self.path) / f"open-roots-{BLOCK}"

    def prove(self, seq: int) -> TlogProof:
        """That entry `seq` is in the tree of the newest checkpoint. Raises NotCoveredError, ProofError."""
        chosen = newest_checkpoint(self.path)
        size = 0 if chosen is None else chosen.checkpoint.size
        if chosen is None or seq >= size:
            raise NotCoveredError(f"no checkpoint covers entry {seq} yet; the newest covers the first {size} entries")
        with open_book(self.path) as book:
            try:
                return self._proved(book, seq, chosen)
            except (ProofError, LedgerFileError):
                with self._lock:
                    self._roots.clear()
                return self._proved(book, seq, chosen)

    def _proved(self, book: OpenBook, seq: int, chosen: StoredCheckpoint) -> TlogProof:
        new = chosen.checkpoint
        if new.size > book.size:
            raise ProofError(f"the checkpoint was made of {new.size} entries; the book has {book.size}")
        roots = self._up_to(book, new.size)
        hashes = [_root(book, roots, start, end) for start, end in inclusion_ranges(seq, new.size)]
        entry = book.entry(seq)
        if entry is None:
            raise LedgerFileError(f"entry {seq} of the open book is missing; run verify")
        verify_inclusion(seq, new.size, leaf_hash(entry), hashes, new.root)
        return TlogProof(seq, tuple(hashes), chosen.data)

    def _up_to(self, book: OpenBook, size: int) -> list[bytes]:
        with self._lock:
            if not self._loaded:
                self._loaded = True
                self._roots = _kept(self.file)
            held = len(self._roots)
            for number in range(held, size // BLOCK):
                start = number * BLOCK
                tree = Frontier()
                tree.extend(_leaves(book, start, start + BLOCK))
                self._roots.append(tree.root())
            if len(self._roots) > held:
                with suppress(OSError):  # it is made again
                    durable.write(self.file, b"".join(self._roots), replace=True)
            return self._roots[: size // BLOCK]


def _kept(file: Path) -> list[bytes]:
    try:
        data = file.read_bytes()
    except OSError:
        return []
    return [data[start : start + HASH_BYTES] for start in range(0, len(data) - HASH_BYTES + 1, HASH_BYTES)]


def _root(book: OpenBook, roots: list[bytes], start: int, end: int) -> bytes:
    """MTH(D[start:end]) of RFC 9162 section 2.1.1; `start` is a multiple of the least power of two >= its length."""
    count = end - start
    if count == BLOCK and start % BLOCK == 0 and start // BLOCK < len(roots):
        return roots[start // BLOCK]
    if count <= BLOCK:
        tree = Frontier()
        tree.extend(_leaves(book, start, end))
        return tree.root()
    middle = start + (1 << (count - 1).bit_length() - 1)
    return node_hash(_root(book, roots, start, middle), _root(book, roots, middle, end))


def _leaves(book: OpenBook, start: int, end: int) -> list[bytes]:
    found = [(seq, leaf_hash(raw)) for seq, raw in book.entries(start, end)]
    if [seq for seq, _ in found] != list(range(start, end)):
        raise LedgerFileError(f"an entry of the open book from {start} to {end - 1} is missing; run verify")
    return [leaf for _, leaf in found]
