"""The Merkle tree of RFC 9162 (and RFC 6962) section 2.1, with SHA-256.

    leaf  = SHA-256(0x00 || entry)
    node  = SHA-256(0x01 || left || right)
    MTH() = SHA-256()                                   the empty tree
    MTH(d[0:n]) = node(MTH(d[0:k]), MTH(d[k:n]))        k: the largest power of two below n

The leading byte keeps a node from being passed off as a leaf. Leaves are handled by their hashes only: the
entries themselves are hashed once, with `leaf_hash`, and that hash is also the link of the chain.

Rules of this file. Whatever comes in may be hostile: a hash that is not 32 bytes, a size below 0 or beyond
2^63 - 1, a proof that is too short or too long are refused with ProofError, never ignored. What verifies
returns None; there is no false to forget. A proof from the empty tree to a larger one would prove nothing, so
it is neither made nor accepted.
"""

import hashlib
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

HASH_BYTES: Final = 32
MAX_SIZE: Final = 2**63 - 1
EMPTY_ROOT: Final = hashlib.sha256().digest()
"""The root of the tree without leaves."""

# Leaves are reduced in runs of this many, level by level: twice as fast as one by one, and small in memory.
_RUN_BITS: Final = 10
_RUN: Final = 1 << _RUN_BITS

_sha256 = hashlib.sha256


class ProofError(ValueError):
    """A proof that does not hold, or input from which none can be made; the message says which and why."""


def leaf_hash(entry: bytes) -> bytes:
    """The leaf hash of an entry (RFC 9162 section 2.1.1)."""
    return _sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node over its two children (RFC 9162 section 2.1.1)."""
    return _sha256(b"\x01" + left + right).digest()


def root(leaf_hashes: Iterable[bytes]) -> bytes:
    """The root over these leaf hashes, read once from first to last; EMPTY_ROOT if there are none."""
    frontier = Frontier()
    frontier.extend(leaf_hashes)
    return frontier.root()


class Frontier:
    """The roots of the perfect subtrees that make up a tree of `size` leaves, the largest first.

    All that one needs to append and to give the root: the compact range [0, size), 63 hashes at most.
    """

    __slots__ = ("_nodes", "_size")

    def __init__(self) -> None:
        self._size = 0
        self._nodes: list[bytes] = []

    @property
    def size(self) -> int:
        """How many leaves were appended."""
        return self._size

    def append(self, leaf_hash: bytes) -> None:
        """Add one leaf. Raises ProofError if the hash is not 32 bytes."""
        if len(leaf_hash) != HASH_BYTES:
            raise ProofError(f"leaf hash has {len(leaf_hash)} bytes, not {HASH_BYTES}")
        size, nodes = self._size, self._nodes
        self._size = size + 1
        # Each trailing one bit of the size is a perfect subtree that the new leaf completes.
        while size & 1:
            leaf_hash = _sha256(b"\x01" + nodes.pop() + leaf_hash).digest()
            size >>= 1
        nodes.append(leaf_hash)

    def extend(self, leaf_hashes: Iterable[bytes]) -> None:
        """Add leaves in their order, as `append` does. Those before a refused run stay added."""
        leaves = iter(leaf_hashes)
        for leaf in islice(leaves, -self._size % _RUN):
            self.append(leaf)
        while run := list(islice(leaves, _RUN)):
            if len(run) == _RUN:
                self._append_run(run)
            else:
                for leaf in run:
                    self.append(leaf)

    def root(self) -> bytes:
        """The root of the tree so far."""
        nodes = reversed(self._nodes)
        node = next(nodes, EMPTY_ROOT)
        for left in nodes:
            node = node_hash(left, node)
        return node

    def copy(self) -> "Frontier":
        """One that goes on by itself from here."""
        other = Frontier()
        other._size, other._nodes = self._size, self._nodes.copy()
        return other

    def to_bytes(self) -> bytes:
        """The hashes one after another, the largest subtree first; the size is kept beside them."""
        return b"".join(self._nodes)

    @classmethod
    def from_bytes(cls, size: int, data: bytes) -> "Frontier":
        """What `to_bytes` gave at this size. Raises ProofError if the size needs another number of hashes."""
        _check_size("size", size)
        if len(data) != size.bit_count() * HASH_BYTES:
            raise ProofError(
                f"a frontier of {size} leaves has {size.bit_count()} hashes of {HASH_BYTES} bytes,"
                f" not {len(data)} bytes"
            )
        frontier = cls()
        frontier._size = size
        frontier._nodes = [bytes(data[at : at + HASH_BYTES]) for at in range(0, len(data), HASH_BYTES)]
        return frontier

    def _append_run(self, level: list[bytes]) -> None:
        """Add a full run where the size is a multiple of it, so that it is one perfect subtree."""
        if set(map(len, level)) != {HASH_BYTES}:
            raise ProofError(f"leaf hash among {self._size} to {self._size + _RUN - 1} not of {HASH_BYTES} bytes")
        while len(level) > 1:
            pairs = iter(level)
            level = [_sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
        node, runs = level[0], self._size >> _RUN_BITS
        while runs & 1:
            node = node_hash(self._nodes.pop(), node)
            runs >>= 1
        self._nodes.append(node)
        self._size += _RUN


def inclusion_proof(leaf_hashes: Sequence[bytes], index: int) -> list[bytes]:
    """PATH(index, D_n) of RFC 9162 section 2.1.3.1, the lowest node first; D_n are all of `leaf_hashes`.

    Raises ProofError if there is no such leaf.
    """
    start, end = 0, len(leaf_hashes)
    _check_index(index, end)
    path = []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(root(leaf_hashes[middle:end]))
            end = middle
        else:
            path.append(root(leaf_hashes[start:middle]))
            start = middle
    return path[::-1]


def verify_inclusion(index: int, size: int, leaf_hash: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """That `leaf_hash` is leaf `index` of the tree of `size` leaves with this root. RFC 9162 section 2.1.3.2.

    Raises ProofError if that is not shown.
    """
    _check_size("size", size)
    _check_index(index, size)
    _check_hashes(leaf_hash, root, *proof)
    node, last, found = index, size - 1, leaf_hash
    for sibling in proof:
        if last == 0:
            raise ProofError(f"inclusion proof has {len(proof)} hashes, more than a path in {size} leaves")
        if node & 1 or node == last:
            found = node_hash(sibling, found)
            # A node without a right sibling is carried up unhashed, until it is a right child itself.
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        node, last = node >> 1, last >> 1
    if last != 0:
        raise ProofError(f"inclusion proof has {len(proof)} hashes, fewer than the path of leaf {index}")
    if found != root:
        raise ProofError(f"leaf {index} with its proof gives another root than that of {size} leaves")


def consistency_proof(leaf_hashes: Sequence[bytes], size1: int, size2: int) -> list[bytes]:
    """PROOF(size1, D_size2) of RFC 9162 section 2.1.4.1, over the first `size2` of `leaf_hashes`.

    Empty for equal sizes. Raises ProofError unless 0 < size1 <= size2 <= leaves (or both sizes are 0).
    """
    _check_sizes(size1, size2)
    if size2 > len(leaf_hashes):
        raise ProofError(f"size2 is {size2}, beyond the {len(leaf_hashes)} leaves")
    start, end, path = 0, size2, []
    while end != size1:
        middle = start + _split(end - start)
        if size1 <= middle:
            path.append(root(leaf_hashes[middle:end]))
            end = middle
        else:
            path.append(root(leaf_hashes[start:middle]))
            start = middle
    if start > 0:  # otherwise it is the old root itself, which the verifier has
        path.append(root(leaf_hashes[start:end]))
    return path[::-1]


def verify_consistency(size1: int, size2: int, root1: bytes, root2: bytes, proof: Sequence[bytes]) -> None:
    """That the tree of `size1` leaves begins that of `size2` leaves. RFC 9162 section 2.1.4.2.

    Two roots for one size are only compared, never hashed, so they may be whatever the caller decoded (a
    published vector has it so). Raises ProofError if consistency is not shown.
    """
    _check_sizes(size1, size2)
    if size1 == size2:
        if len(proof) != 0:
            raise ProofError(f"consistency proof from {size1} to {size2} leaves has {len(proof)} hashes, not 0")
        if root1 != root2:
            raise ProofError(f"two roots for the same {size1} leaves")
        if size1 == 0 and root1 != EMPTY_ROOT:
            raise ProofError("the root of no leaves is the hash of nothing")
        return
    _check_hashes(root1, root2, *proof)
    path = list(proof)
    if size1 & (size1 - 1) == 0:  # the old tree is a perfect subtree of the new one
        path.insert(0, root1)
    if not path:
        raise ProofError(f"consistency proof from {size1} to {size2} leaves has no hashes")
    node, last = size1 - 1, size2 - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProofError(f"consistency proof has {len(proof)} hashes, more than {size1} to {size2} leaves need")
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    if last != 0:
        raise ProofError(f"consistency proof has {len(proof)} hashes, fewer than {size1} to {size2} leaves need")
    if old != root1:
        raise ProofError(f"consistency proof gives another root for the first {size1} leaves")
    if new != root2:
        raise ProofError(f"consistency proof gives another root for {size2} leaves")


def _split(count: int) -> int:
    """The largest power of two below `count` (which is at least 2)."""
    return 1 << (count - 1).bit_length() - 1


def _check_size(name: str, size: int) -> None:
    if type(size) is not int or not 0 <= size <= MAX_SIZE:
        raise ProofError(f"{name} is {_shown(size)}, not an integer from 0 to 2^63 - 1")


def _check_sizes(size1: int, size2: int) -> None:
    _check_size("size1", size1)
    _check_size("size2", size2)
    if size1 > size2:
        raise ProofError(f"size1 is {size1}, beyond size2, {size2}")
    if size1 == 0 < size2:
        raise ProofError("size1 is 0: every tree begins with the empty one, there is nothing to prove")


def _check_index(index: int, size: int) -> None:
    if type(index) is not int or not 0 <= index < size:
        raise ProofError(f"index is {_shown(index)}, not that of one of {size} leaves")


def _check_hashes(*hashes: bytes) -> None:
    for each in hashes:
        if not isinstance(each, bytes):
            raise ProofError(f"hash is of type {type(each).__name__}, not bytes")
        if len(each) != HASH_BYTES:
            raise ProofError(f"hash has {len(each)} bytes, not {HASH_BYTES}")


def _shown(value: object) -> str:
    """A hostile value in a message: an integer of a million digits cannot even be printed."""
    if isinstance(value, int) and value.bit_length() > 64:
        return "an integer beyond 64 bits"
    return repr(value)[:40]
