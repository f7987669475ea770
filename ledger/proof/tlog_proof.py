"""Proofs that an entry is in a log, which whoever holds a policy can verify by themselves (c2sp.org/tlog-proof).

    c2sp.org/tlog-proof@v1
    extra <base64>                    only if there are extra data
    index <decimal>
    <base64 of a hash>                the inclusion proof, from the sibling of the leaf upwards
                                      a blank line
    <a checkpoint, verbatim>

1. One proof has one writing: `TlogProof.parse(data).encode() == data`.
2. Extra data are covered by no signature and nothing here relies on them.
3. What verifies returns what it found; whatever does not raises NoteError, and there is no false to forget.
"""

from dataclasses import dataclass
from typing import Final

from ledger.proof.checkpoint import Checkpoint, OpenedCheckpoint, parse_size
from ledger.proof.note import MAX_NOTE_BYTES, Note, NoteError, decoded, encoded
from ledger.proof.policy import Policy
from ledger.proof.tree import HASH_BYTES, MAX_SIZE, ProofError, leaf_hash, verify_inclusion

FIRST_LINE: Final = "c2sp.org/tlog-proof@v1"
MAX_HASHES: Final = 63
"""The longest path in a tree of 2^63 - 1 leaves."""
MAX_EXTRA_BYTES: Final = 1 << 20
_MAX_BYTES: Final = MAX_NOTE_BYTES + MAX_EXTRA_BYTES * 4 // 3 + 4096


class TlogProofError(NoteError):
    """A proof that is malformed or does not hold; the message names the line and the rule."""


@dataclass(frozen=True, slots=True)
class TlogProof:
    """That an entry is leaf `index` (from 0) of the tree of a checkpoint. Raises NoteError if it cannot be written."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint_note: bytes
    extra: bytes | None = None

    def __post_init__(self) -> None:
        if type(self.index) is not int or not 0 <= self.index <= MAX_SIZE:
            raise TlogProofError("tlog-proof: the index is not a number from 0 to 2^63 - 1")
        if len(self.hashes) > MAX_HASHES:
            raise TlogProofError(f"tlog-proof: has {len(self.hashes):,} hashes; a path has at most {MAX_HASHES}")
        if any(len(one) != HASH_BYTES for one in self.hashes):
            raise TlogProofError(f"tlog-proof: a hash does not have {HASH_BYTES} bytes")
        if self.extra is not None and not 0 < len(self.extra) <= MAX_EXTRA_BYTES:
            raise TlogProofError(
                f"tlog-proof: extra data have 1 to {MAX_EXTRA_BYTES:,} bytes, or their line is left out"
            )
        Checkpoint.parse(Note.parse(self.checkpoint_note).text)

    @property
    def checkpoint(self) -> Checkpoint:
        """What the checkpoint states; of its signatures nothing is verified yet."""
        return Checkpoint.parse(Note.parse(self.checkpoint_note).text)

    def encode(self) -> bytes:
        """The proof as a file (its name ends in .tlog-proof)."""
        lines = [FIRST_LINE]
        if self.extra is not None:
            lines.append(f"extra {encoded(self.extra)}")
        lines.append(f"index {self.index}")
        lines.extend(encoded(one) for one in self.hashes)
        return "".join(f"{line}\n" for line in (*lines, "")).encode() + self.checkpoint_note

    @classmethod
    def parse(cls, data: bytes) -> "TlogProof":
        """The proof that a file holds, nothing of it verified. Raises NoteError, whatever the bytes are."""
        if len(data) > _MAX_BYTES:
            raise TlogProofError(f"tlog-proof: has {len(data):,} bytes; at most {_MAX_BYTES:,} are read")
        head, blank, note = data.partition(b"\n\n")
        if not blank:
            raise TlogProofError("tlog-proof: no blank line stands before the checkpoint")
        try:
            first, *lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError as error:
            at = head.count(b"\n", 0, error.start) + 1
            raise TlogProofError(f"tlog-proof: line {at} is not ASCII") from None
        if first != FIRST_LINE:
            raise TlogProofError(f"tlog-proof: line 1 is not {FIRST_LINE}")
        extra = None
        if lines and lines[0].startswith("extra "):
            extra = decoded("tlog-proof: line 2 (extra)", lines.pop(0).removeprefix("extra "))
        number = 2 if extra is None else 3
        if not lines or not lines[0].startswith("index "):
            raise TlogProofError(f"tlog-proof: line {number} is not: index <decimal>")
        index = parse_size(f"tlog-proof: line {number} (index)", lines.pop(0).removeprefix("index "))
        if len(lines) > MAX_HASHES:
            raise TlogProofError(f"tlog-proof: has {len(lines):,} hashes; a path has at most {MAX_HASHES}")
        hashes = []
        for line_number, line in enumerate(lines, number + 1):
            one = decoded(f"tlog-proof: line {line_number} (hash)", line)
            if len(one) != HASH_BYTES:
                raise TlogProofError(f"tlog-proof: line {line_number} (hash) has {len(one)} bytes, not {HASH_BYTES}")
            hashes.append(one)
        return cls(index, tuple(hashes), note, extra)

    def verify(self, entry: bytes, policy: Policy) -> OpenedCheckpoint:
        """That this entry, byte for byte, is in a log of the policy, as its quorum of witnesses saw it.

        Raises NoteError: of `Policy.open` for the checkpoint, TlogProofError for the inclusion.
        """
        opened = policy.open(self.checkpoint_note)
        self.verify_inclusion(entry)
        return opened

    def verify_inclusion(self, entry: bytes) -> None:
        """That this entry is in the tree of the checkpoint, whoever made that. Raises TlogProofError."""
        checkpoint = self.checkpoint
        try:
            verify_inclusion(self.index, checkpoint.size, leaf_hash(entry), self.hashes, checkpoint.root)
        except ProofError as error:
            raise TlogProofError(f"tlog-proof: {error}") from None


def open_proof(data: bytes, policy: Policy) -> tuple[TlogProof, OpenedCheckpoint]:
    """A proof whose checkpoint holds under the policy, for an entry still to be shown: go on with `verify_inclusion`.

    Raises NoteError.
    """
    proof = TlogProof.parse(data)
    return proof, policy.open(proof.checkpoint_note)
