"""Making checkpoints: one signer at a time, from the mark on, and durable here before anybody is handed one.

1. The lock on `<ledger>.keys/signed-head.lock`, then a snapshot of the open book, which has to be durable, then the
   signatures, then the mark, then the evidence folder. Interrupted anywhere, what is left is whole: a mark whose
   checkpoint nobody was handed is the start of the next, and of the same size the same is handed out again.
2. A mark that was lost, or is older than the newest checkpoint in the evidence folder that our own key signed (the keys
   were restored from a backup), is made up for by that: the book is hashed up to it, and must have its root.
3. `keep=False`: an export by somebody who has arms in sight leaves nothing in the evidence folder, and nothing in the
   times of what goes into it later: of the same size another signature is made then, over the same root. Nor does it
   make up for what is still to be stored there, or for a mark that was lost.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from api import durable
from api.evidence import store
from api.evidence.book import OpenBook, open_book
from api.evidence.continuing import settle
from api.evidence.own import own_newest
from api.restoring.mark import why_not_recordable
from ledger.keys.folder import KeysError, keys_folder, require_own
from ledger.keys.signed_head import (
    LOCK,
    Grown,
    Kept,
    SignedHead,
    SigningRefusedError,
    check_mark,
    grown,
    read_signed_head,
    write_signed_head,
)
from ledger.keys.signing import SigningKeys, load_signing_keys
from ledger.proof.checkpoint import Checkpoint
from ledger.proof.evidence import StoredCheckpoint, checkpoint_name, stored_checkpoint
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.note import Note
from ledger.recording.live import utc_now
from ledger.recording.stores import wait_until_durable

Clock = Callable[[], datetime]
__all__ = ["RestoredBackupError", "check_not_restored", "checkpoint_for_export", "make_checkpoint"]


class RestoredBackupError(LedgerFileError):
    """The ledger is not the one that was signed last: an older copy, or one that went on otherwise."""


def make_checkpoint(path: Path, *, clock: Clock = utc_now) -> StoredCheckpoint:
    """Sign the open book as it is now, and put the checkpoint into the evidence folder; as stored, with cosignatures.

    Of the same size the same checkpoint. Raises SigningRefusedError and other KeysErrors, LedgerFileError,
    StorageError, EvidenceError, OSError.
    """
    return checkpoint_for_export(path, keep=True, clock=clock)


def checkpoint_for_export(path: Path, *, keep: bool, clock: Clock = utc_now) -> StoredCheckpoint:
    """A checkpoint of the open book as it is now, for what is handed out with it; raises what `make_checkpoint` does.

    `keep`: whether it goes into the evidence folder too (rule 3). Without, cosignatures are not in it unless it is
    there already.
    """
    with signing(path):
        keys = load_signing_keys(path)
        with open_book(path) as book:
            mark, tree = _grown(book, keys)
        wait_until_durable(path)  # what is signed is not lost by a failover
        at = int(clock().timestamp())
        before, mark = mark, _signed(mark, tree, keys, at, keep=keep)
        if mark is not before:
            write_signed_head(path, mark)
        note = Note.parse(mark.note)
        return store.put(path, note) if keep else _as_handed(path, note)


def _as_handed(path: Path, note: Note) -> StoredCheckpoint:
    """A checkpoint that is not stored, with the cosignatures of its file where that is there already."""
    made = Checkpoint.parse(note.text)
    name = checkpoint_name(made)
    there = next((one for one in store.stored(path, least=made.size) if one.name == name), None)
    if there is not None and there.note.text == note.text:
        note = store.merge(there.note, note.signatures)
    return stored_checkpoint(name, note.encode())


@contextmanager
def signing(path: Path) -> Iterator[None]:
    """Hold the lock of whoever signs; what an interrupted `continue` left is finished first. Raises KeysError."""
    folder = keys_folder(path)
    if not folder.is_dir():
        raise KeysError(why_not_recordable(path) or f"{folder}: there are no keys, so nothing can be signed")
    with durable.locked(folder / LOCK):
        settle(path)
        yield


def check_not_restored(path: Path) -> None:
    """That the book goes on from what was signed last, by its size and one entry. Raises RestoredBackupError.

    What was signed is read first: others may sign on meanwhile, and the book only grows. What was restored from a
    bundle does not know what was signed since, and is refused until it goes on on the record.
    """
    if (why := why_not_recordable(path)) is not None:
        raise RestoredBackupError(why)
    mark = read_signed_head(path)
    newest = own_newest(path, after=mark)
    if mark is None and newest is None:
        return
    with open_book(path) as book:
        try:
            if mark is not None:
                check_mark(mark, book.size, book.entry(mark.size - 1))
            if newest is not None and book.size < newest.size:
                raise SigningRefusedError(
                    "rollback", f"the book has {book.size} entries, but {newest.size} were signed"
                )
        except SigningRefusedError as error:
            raise RestoredBackupError(
                f"{path}: is not the ledger that was signed last ({error.kind}: {error.reason}). Nothing is recorded "
                "in a restored backup; it can be read. Put the newer file back, or go on from here on the record: "
                f"trial-ledger continue {path} --reason …"
            ) from None


def _grown(book: OpenBook, keys: SigningKeys) -> tuple[SignedHead | None, Grown]:
    """The mark, and the tree of the book as it is now, computed on from it."""
    require_own(book.path, book.origin)
    origin = book.checkpoint_origin()
    if origin != keys.origin:
        raise SigningRefusedError(
            "fork", f"the ledger goes on under the origin {origin}, and the signing keys are of {keys.origin}"
        )
    mark = read_signed_head(book.path)
    if mark is not None and mark.origin != origin:
        raise SigningRefusedError("fork", f"what was signed last is of the origin {mark.origin}, and not of {origin}")
    start, last = (0, None) if mark is None else (mark.size, book.entry(mark.size - 1))
    if (newest := own_newest(book.path, keys, after=mark)) is not None:
        if book.size < newest.size:
            raise SigningRefusedError("rollback", f"the book has {book.size} entries, but {newest.size} were signed")
        before = grown(mark, book.origin, newest.size, last, book.entries(start, newest.size))
        if before.tree.root() != newest.root:
            raise SigningRefusedError("fork", f"the first {newest.size} entries are not those that were signed")
        mark = SignedHead(origin, before.tree, before.head, b"", 0, Kept() if mark is None else mark.kept)
        start, last = newest.size, book.entry(newest.size - 1)
    return mark, grown(mark, book.origin, book.size, last, book.entries(start))


def _signed(mark: SignedHead | None, tree: Grown, keys: SigningKeys, at: int, *, keep: bool) -> SignedHead:
    """The mark of a checkpoint of this tree: the one that there is, where it will do."""
    kept = Kept() if mark is None else mark.kept
    if mark is not None and mark.note and mark.size == tree.tree.size and (not keep or kept.size == mark.size):
        return mark
    checkpoint = Checkpoint(keys.origin, tree.tree.size, tree.tree.root())
    note = Note(checkpoint.text(), tuple(keys.sign(checkpoint, at)))
    kept = Kept(tree.tree.size, at) if keep else kept
    return SignedHead(keys.origin, tree.tree, tree.head, note.encode(), at, kept)
