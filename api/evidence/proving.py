"""Proofs out of a ledger's open book, for whoever holds a checkpoint: inclusion, consistency, and the book as tiles.

1. The book is read once, from its first entry to the last that is needed, and nothing but a path is held: memory does
   not grow with it.
2. What does not verify is not handed out: a proof is held against the checkpoint, a set of tiles against its root.
3. Of the stored checkpoints those count that our own key signed, the former ones too as long as the book holds them.
4. A checkpoint that a proof needs and there is not is made, and lies in the proof alone: who asks for a proof is not
   known, and might know arms (`making.py`, rule 3).
"""

import hashlib
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from api.evidence import store
from api.evidence.book import OpenBook, open_book
from api.evidence.making import Clock, checkpoint_for_export
from ledger.keys.folder import KeysError, sync_folder
from ledger.keys.signing import former_keys, load_signing_keys
from ledger.proof.checkpoint import open_checkpoint
from ledger.proof.evidence import StoredCheckpoint
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.note import NoteError, VerifierKey, encoded
from ledger.proof.tiles import entry_bundles, hash_tiles
from ledger.proof.tlog_proof import TlogProof
from ledger.proof.tree import Frontier, ProofError, leaf_hash, verify_consistency, verify_inclusion
from ledger.recording.live import utc_now

Range = tuple[int, int]


class NoCheckpointError(ValueError):
    """There is no checkpoint of the kind that was asked for."""


def prove_inclusion(
    path: Path, seq: int, *, checkpoint: StoredCheckpoint | None = None, clock: Clock = utc_now
) -> TlogProof:
    """That entry `seq` is in the tree of a checkpoint: that one, or the largest stored one, or one made now.

    Raises NoCheckpointError, ProofError (the book is not the one that was signed), and what signing raises.
    """
    with open_book(path) as book:
        if not 0 <= seq < book.size:
            raise NoCheckpointError(f"{path}: the open book has no entry {seq}; it has {book.size}, counted from 0")
    chosen = checkpoint or stored_for(path, seq + 1) or checkpoint_for_export(path, keep=False, clock=clock)
    size = chosen.checkpoint.size
    if size <= seq:
        raise NoCheckpointError(f"{chosen.name}: covers the first {size} entries, and not entry {seq}")
    with open_book(path) as book:
        _check_covered(book, chosen)
        hashes = subtree_roots(_leaves(book, size), inclusion_ranges(seq, size))
        entry = book.entry(seq)
    assert entry is not None
    verify_inclusion(seq, size, leaf_hash(entry), hashes, chosen.checkpoint.root)
    return TlogProof(seq, tuple(hashes), chosen.data)


def prove_consistency(
    path: Path, old_size: int, new_size: int | None = None, *, clock: Clock = utc_now
) -> tuple[bytes, StoredCheckpoint]:
    """That the tree of the first `old_size` entries begins that of a checkpoint: as C2SP tlog-witness sends it.

    The checkpoint is the stored one of `new_size`, or the largest; where that is smaller, one made now. Raises as
    `prove_inclusion`.
    """
    if new_size is None:
        chosen = stored_for(path, max(old_size, 1)) or checkpoint_for_export(path, keep=False, clock=clock)
    else:
        found = next((one for one in own_checkpoints(path, new_size) if one.checkpoint.size == new_size), None)
        if found is None:
            raise NoCheckpointError(f"{path}: no checkpoint of {new_size} entries is stored")
        chosen = found
    return request_body(old_size, consistency_hashes(path, old_size, chosen), chosen.data), chosen


def consistency_hashes(path: Path, old_size: int, chosen: StoredCheckpoint) -> list[bytes]:
    """The proof that the first `old_size` entries begin the tree of a checkpoint; none is needed from 0.

    Raises NoCheckpointError where the checkpoint is smaller, ProofError where the book is not the one of it.
    """
    new = chosen.checkpoint
    if not 0 <= old_size <= new.size:
        raise NoCheckpointError(f"{chosen.name}: covers {new.size} entries, fewer than {old_size}")
    with open_book(path) as book:
        _check_covered(book, chosen)
        old = Frontier()

        def leaves() -> Iterator[bytes]:
            for leaf in _leaves(book, new.size):
                if old.size < old_size:
                    old.append(leaf)
                yield leaf

        ranges = consistency_ranges(old_size, new.size) if old_size else [(0, new.size)]
        hashes = subtree_roots(leaves(), ranges)
    if old_size == 0:
        if hashes != [new.root]:
            raise ProofError(f"the first {new.size} entries do not have the root that was signed")
        return []
    verify_consistency(old_size, new.size, old.root(), new.root, hashes)
    return hashes


def request_body(old_size: int, hashes: Iterable[bytes], note: bytes) -> bytes:
    """The request body of tlog-witness `add-checkpoint`."""
    return "".join((f"old {old_size}\n", *(f"{encoded(one)}\n" for one in hashes), "\n")).encode() + note


@dataclass(frozen=True, slots=True)
class Tiles:
    """A log that was written as files: how many, of how many entries, and the SHA-256 (hex) of its checkpoint."""

    files: int
    size: int
    sha256: str


def write_tiles(path: Path, folder: Path, chosen: StoredCheckpoint) -> Tiles:
    """The open book up to a checkpoint as C2SP tlog-tiles, in a new folder: whole, or not there.

    Raises FileExistsError, OSError, ProofError, TileError.
    """
    if folder.exists():
        raise FileExistsError(17, "exists already; tiles go into a new folder", str(folder))
    draft = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        tree, files = Frontier(), 1
        draft.mkdir()
        with open_book(path) as book:
            _check_covered(book, chosen)
            hashes: list[bytes] = []

            def entries() -> Iterator[bytes]:
                for seq, raw in book.entries(0, chosen.checkpoint.size):
                    if seq != len(hashes):
                        raise LedgerFileError(f"{path}: entry {len(hashes)} of the open book is missing; run verify")
                    hashes.append(leaf_hash(raw))
                    yield raw

            for bundle, data in entry_bundles(entries()):
                files += _write(draft / bundle.path, data)
            for tile, data in hash_tiles(hashes):
                files += _write(draft / tile.path, data)
            tree.extend(hashes)
        if (tree.size, tree.root()) != (chosen.checkpoint.size, chosen.checkpoint.root):
            raise ProofError(f"the first {chosen.checkpoint.size} entries do not have the root that was signed")
        _write(draft / "checkpoint", chosen.data)
        draft.rename(folder)
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Tiles(files, chosen.checkpoint.size, hashlib.sha256(chosen.data).hexdigest())


# -- which checkpoint ----------------------------------------------------------------------------------------------


def stored_for(path: Path, least: int) -> StoredCheckpoint | None:
    """The largest stored checkpoint of at least that size that counts (rule 3); None where there is none."""
    return next(own_checkpoints(path, least), None)


def own_checkpoints(path: Path, least: int = 0) -> Iterator[StoredCheckpoint]:
    """The stored checkpoints that count, the largest first; without keys, those of the right origin."""
    keys = own_vkeys(path)
    with open_book(path) as book:
        for found in store.stored(path, least=least):
            new = found.checkpoint
            if new.size <= book.size and new.origin == book.checkpoint_origin(new.size) and _signed(found, keys):
                yield found


def own_vkeys(path: Path) -> Sequence[VerifierKey]:
    """The verifier keys that lie beside a ledger, those of former origins last; none where they cannot be read."""
    former = former_keys(path)
    try:
        return [*load_signing_keys(path).vkeys, *former]
    except KeysError:
        return former


def _signed(found: StoredCheckpoint, keys: Sequence[VerifierKey]) -> bool:
    own = [key for key in keys if key.name == found.checkpoint.origin]
    if not own:
        return True
    try:
        open_checkpoint(found.data, own)
    except NoteError:
        return False
    return True


# -- paths in one pass ---------------------------------------------------------------------------------------------


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """The leaves under each hash of PATH(index, D_size), RFC 9162 section 2.1.3.1, the lowest first."""
    start, end, ranges = 0, size, list[Range]()
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return ranges[::-1]


def consistency_ranges(size1: int, size2: int) -> list[Range]:
    """The leaves under each hash of PROOF(size1, D_size2), RFC 9162 section 2.1.4.1; 0 < size1 <= size2."""
    start, end, ranges = 0, size2, list[Range]()
    while end != size1:
        middle = start + _split(end - start)
        if size1 <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    if start > 0:
        ranges.append((start, end))
    return ranges[::-1]


def subtree_roots(leaves: Iterable[bytes], ranges: Sequence[Range]) -> list[bytes]:
    """The root over each of these ranges of leaves, which do not overlap, in the order given. Reads `leaves` once."""
    ordered = sorted(ranges)
    assert all(before[1] <= after[0] for before, after in pairwise(ordered))
    found: dict[Range, bytes] = {}
    waiting, tree = iter(ordered), Frontier()
    now = next(waiting, None)
    for at, leaf in enumerate(leaves):
        if now is None:
            continue  # read on: who gives the leaves may look at all of them
        if at >= now[0]:
            tree.append(leaf)
            if at + 1 == now[1]:
                found[now] = tree.root()
                now, tree = next(waiting, None), Frontier()
    return [found[each] for each in ranges]


def _split(count: int) -> int:
    return 1 << (count - 1).bit_length() - 1


def _leaves(book: OpenBook, size: int) -> Iterator[bytes]:
    expected = 0
    for seq, raw in book.entries(0, size):
        if seq != expected or type(raw) is not bytes:
            break
        expected += 1
        yield leaf_hash(raw)
    if expected != size:
        raise LedgerFileError(f"{book.path}: entry {expected} of the open book is missing; run verify")


def _check_covered(book: OpenBook, chosen: StoredCheckpoint) -> None:
    if chosen.checkpoint.size > book.size:
        raise ProofError(f"{chosen.name}: was made of {chosen.checkpoint.size} entries; the book has {book.size}")


def _write(path: Path, data: bytes) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return 1
