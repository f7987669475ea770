"""The high-water mark of what was signed: `<ledger>.keys/signed-head`, outside the database. `docs/keys.md`

    {"at": POSIX seconds, "frontier": hex, "head": hex, "kept": {"at", "size"}, "note": base64, "origin", "root": hex,
     "size"}                                                                                              mode 600

1. It is durable before the checkpoint that it tells of is handed out. It goes forward only.
2. What is signed next is computed from the mark's own frontier, never from what the database says of itself: from the
   entries after it alone, each of which must name the one before. So what is altered before the mark cannot change
   what is signed, and signing costs what is new.
3. A book that is shorter than the mark (rollback), or has another entry at its end (fork), is signed never again.
   For one size there is one root, ever.
4. `kept`: the last checkpoint that went into the evidence folder, and when. What is due is counted from there, so that
   a checkpoint which is to leave no trace leaves none in the times of later ones either.
"""

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ledger.keys.folder import KeysError, keys_folder, put, require_private
from ledger.proof.checkpoint import Checkpoint
from ledger.proof.entry import GENESIS, MAX_ENTRY, OPEN_GRAMMAR, quote
from ledger.proof.note import Note
from ledger.proof.tree import HASH_BYTES, Frontier, ProofError, leaf_hash

SIGNED_HEAD: Final = "signed-head"
LOCK: Final = "signed-head.lock"
"""Whoever signs, or puts other keys in force, holds the lock on this file."""
_ORIGIN, _PREV, _SEQ = 10, 12, 13  # groups of the grammar of an open entry


class DamagedMarkError(KeysError):
    """The mark of what was signed last is there, and is none."""


class SigningRefusedError(KeysError):
    """Nothing is signed. `kind`: `rollback` (a shorter book), `fork` (another one), or `damaged` (none at all).

    `reason`: in words.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"nothing is signed ({kind}): {message}")
        self.kind = kind
        self.reason = message


@dataclass(frozen=True, slots=True)
class Kept:
    """The last checkpoint that went into the evidence folder: its size, and when that was (POSIX seconds)."""

    size: int = 0
    at: int | None = None


@dataclass(frozen=True, slots=True)
class SignedHead:
    """What was signed last: of which origin, the tree, the leaf hash of its last entry, and the checkpoint's note."""

    origin: str
    tree: Frontier
    head: bytes
    note: bytes
    at: int
    kept: Kept

    @property
    def size(self) -> int:
        return self.tree.size

    @property
    def root(self) -> bytes:
        return self.tree.root()

    def encode(self) -> bytes:
        """What the file holds."""
        value = {
            "at": self.at,
            "frontier": self.tree.to_bytes().hex(),
            "head": self.head.hex(),
            "kept": {"at": self.kept.at, "size": self.kept.size},
            "note": base64.b64encode(self.note).decode(),
            "origin": self.origin,
            "root": self.root.hex(),
            "size": self.size,
        }
        return json.dumps(value, sort_keys=True, indent=1).encode("ascii") + b"\n"

    @classmethod
    def decode(cls, data: bytes) -> "SignedHead":
        """Raises ValueError for anything else than what `encode` gives."""
        try:
            value = json.loads(data)
            tree = Frontier.from_bytes(value["size"], bytes.fromhex(value["frontier"]))
            kept = Kept(value["kept"]["size"], value["kept"]["at"])
            note = base64.b64decode(value["note"], validate=True)
            mark = cls(value["origin"], tree, bytes.fromhex(value["head"]), note, value["at"], kept)
            _check_numbers(mark.at, kept.size, 0 if kept.at is None else kept.at)
            said = Checkpoint(mark.origin, mark.size, mark.root).text()
            if mark.encode() != data or len(mark.head) != HASH_BYTES or Note.parse(note).text != said:
                raise ValueError
        except (ValueError, KeyError, TypeError, AttributeError, ProofError):
            raise ValueError("is no mark of what was signed") from None
        return mark


def _check_numbers(*values: object) -> None:
    if any(type(value) is not int or value < 0 for value in values):
        raise ValueError


def read_signed_head(ledger: Path) -> SignedHead | None:
    """The mark of a ledger; None where there is none. Raises KeysError."""
    path = keys_folder(ledger) / SIGNED_HEAD
    try:
        require_private(path)
        return SignedHead.decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KeysError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise DamagedMarkError(
            f"{path}: {error}: what was signed last is not known. If it cannot be had back from a copy, take it away: "
            "then the newest checkpoint of the evidence folder takes its place; or go on: trial-ledger continue LEDGER"
        ) from None


def write_signed_head(ledger: Path, mark: SignedHead) -> None:
    """Put the mark in its place, durably. Raises OSError."""
    put(keys_folder(ledger) / SIGNED_HEAD, mark.encode())


@dataclass(frozen=True, slots=True)
class Grown:
    """A tree that was computed on from a mark, and the leaf hash of its last entry."""

    tree: Frontier
    head: bytes


def grown(
    mark: SignedHead | None, origin: str, size: int, last_signed: bytes | None, entries: Iterable[tuple[int, bytes]]
) -> Grown:
    """The tree of a book of `size` entries, on from the mark. Raises SigningRefusedError.

    `origin` is what the entries call theirs; `last_signed` the stored entry at `mark.size - 1`, None where there is
    none; `entries` are (seq, stored bytes) from the mark on.
    """
    check_mark(mark, size, last_signed)
    tree, head = (Frontier(), GENESIS) if mark is None else (mark.tree.copy(), mark.head)
    named = quote(origin)[1:-1].encode()
    for seq, raw in entries:
        said = OPEN_GRAMMAR.fullmatch(raw) if type(raw) is bytes and len(raw) <= MAX_ENTRY else None
        if said is None or seq != tree.size or said[_SEQ] != b"%d" % seq:
            raise SigningRefusedError("damaged", f"there is no entry {tree.size} where one belongs")
        if said[_ORIGIN] != named:
            raise SigningRefusedError("fork", f"entry {seq} is of another ledger")
        if said[_PREV] != head.hex().encode():
            raise SigningRefusedError("fork", f"entry {seq} does not name the one before it, up to which was signed")
        head = leaf_hash(raw)
        tree.append(head)
    if tree.size != size:
        raise SigningRefusedError("damaged", f"the book is said to have {size} entries, and has {tree.size}")
    return Grown(tree, head)


def check_mark(mark: SignedHead | None, size: int, last_signed: bytes | None) -> None:
    """That a book of `size` entries goes on from the mark, by its last entry alone. Raises SigningRefusedError."""
    if mark is None or mark.size == 0:
        return
    if size < mark.size:
        raise SigningRefusedError(
            "rollback", f"the book has {size} entries, but the tree of its first {mark.size} was signed"
        )
    if type(last_signed) is not bytes or leaf_hash(last_signed) != mark.head:
        raise SigningRefusedError("fork", f"entry {mark.size - 1} is not the one up to which was signed")
