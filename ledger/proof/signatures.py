"""Electronic signatures in a ledger, each held against the entry that it names. `docs/format.md` section 7.4.

1. A signature is an event `signature.made/1` of the open book or `sealed-signature.made/1` of the sealed one. It says
   of which book and position the entry is that it signs, and that entry's leaf hash.
2. The hash has to be that of the entry which lies there, and the entry has to lie before the signature: in the same
   book at a smaller position. In the open book nothing sealed is signed.
3. An entry at fault has its own finding, and is not told again by each signature of it. Neither is one that is missing,
   or of a book that is not here.
4. What stayed closed (the sealed book without its keys) is not checked.

Memory grows with the number of signatures, by 49 bytes each.
"""

import json
import re
import struct
from collections.abc import Iterator, Sequence
from typing import Final

from ledger.proof.books import Books
from ledger.proof.findings import Findings
from ledger.proof.sealed import Header
from ledger.proof.tree import leaf_hash

OPEN_SIGNATURE: Final = b"signature.made/1"
SEALED_SIGNATURE: Final = "sealed-signature.made/1"
_PACKED: Final = struct.Struct(">?QQ32s")
_HASH: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_BOOKS: Final = ("open", "sealed")
_MOST: Final = 2**53
_GAP: Final = 4096
"""So many rows are sooner passed over than looked for."""


class Signatures:
    """Collects signatures while the books are walked through, and checks them at the end."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._taken = {book: bytearray() for book in _BOOKS}
        """By the book of what is signed: whether the signature is sealed, its seq, that of the entry, the hash."""

    def take_open(self, seq: int, payload: bytes | None) -> None:
        """A signature of the open book; `payload` None: it is at fault, and has its finding."""
        if payload is not None:
            self._take("open", seq, payload)

    def take_sealed(self, seq: int, header: Header | None, payload: bytes | None) -> None:
        """An entry of the sealed book, as far as it is opened."""
        if header is not None and header.type == SEALED_SIGNATURE and payload is not None:
            self._take("sealed", seq, payload)

    def _take(self, book: str, seq: int, payload: bytes) -> None:
        try:
            told = json.loads(payload)
            of, at, hash_ = told["signed_book"], told["signed_seq"], told["signed_hash"]
            if of not in _BOOKS or type(at) is not int or not 0 <= at < _MOST or not _HASH.fullmatch(hash_):
                raise ValueError
        except (ValueError, KeyError, TypeError):
            self._findings.add("signed", book, seq, "the signature does not say which entry it is of, by which hash")
            return
        if book == "open" and of == "sealed":
            self._findings.add("signed", book, seq, "the signature is of a sealed entry, and stands in the open book")
        elif of == book and at >= seq:
            self._findings.add("signed", book, seq, f"the signature is of entry {at}, which does not lie before it")
        else:
            self._taken[of] += _PACKED.pack(book == "sealed", seq, at, bytes.fromhex(hash_))

    def check(self, file: Books, sizes: dict[str, int]) -> None:
        """Rules 2 and 3, once both books were walked through. `sizes`: how many entries each of them has."""
        for book, taken in self._taken.items():
            if not taken or book not in file.books:
                continue
            listed = sorted(_PACKED.iter_unpack(taken), key=lambda one: one[2])
            found = _leaves(file, book, [one[2] for one in listed])
            for (sealed, seq, at, hash_), leaf in zip(listed, found, strict=True):
                if leaf == hash_ or self._findings.any_unsound(book, at, at):
                    continue
                if leaf is None and at < sizes[book]:
                    continue  # it is missing: that is told
                what = "which is not there" if leaf is None else "by another hash than that of the entry that is there"
                message = f"the signature is of entry {at} of the {book} book, {what}"
                self._findings.add("signed", _BOOKS[sealed], seq, message)


def _leaves(file: Books, book: str, wanted: Sequence[int]) -> Iterator[bytes | None]:
    """The leaf hash of each entry that is wanted, by rising seq; None where there is none."""
    rows: Iterator[tuple[int, object]] = iter(())
    at, leaf, begun = -1, None, False
    for seq in wanted:
        if not begun or (file.columns and seq > at + _GAP):  # in a bundle nothing can be looked for
            rows, begun = iter(file.entries(book, seq)), True
        while at < seq:
            row = next(rows, None)
            if row is None:
                at, leaf = _MOST, None
                break
            at, leaf = row[0], leaf_hash(row[1]) if type(row[1]) is bytes else None
        yield leaf if at == seq else None
