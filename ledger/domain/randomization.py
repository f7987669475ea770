"""The allocation list: stratified permuted blocks from a seed of 32 bytes, by an algorithm anyone can repeat.

1. Each stratum has a stream of bytes of its own: the concatenation, for counter = 0, 1, 2, …, of

       SHA-256(seed || "trial-ledger/allocation/v1" || 0x00 || stratum (UTF-8) || 0x00 || counter (8 bytes, big endian))

2. A *word* is the next 4 bytes of the stream as a big-endian integer. A *draw below n* is 0, taking no word, if
   n = 1; else words are taken until one is less than 2^32 - (2^32 mod n), and the draw is that word mod n. (Words at
   or above that bound would favour small numbers.)
3. The list of a stratum is a sequence of blocks. For each block its size is `block_sizes[draw below len(block_sizes)]`,
   in the order in which the protocol lists them. The block starts as the arms in the protocol's order, each
   repeated `ratio * size / (sum of the ratios)` times, and is shuffled (Fisher and Yates, from the end): for
   i = size - 1, size - 2, …, 1, with j = draw below i + 1, the members i and j change places.
4. Index 1 is the first member of the first block.

In numbers: the seed of 32 zero bytes, stratum "S01", arms CONTROL and TREATMENT 1:1 and block sizes 2, 4, 6 give the
blocks TTCCTC CT TCTCCT TC CCTTTC CT TCCTTC CT (C and T for the arms).
"""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

LABEL: Final = b"trial-ledger/allocation/v1"
SEED_BYTES: Final = 32
_WORDS: Final = 1 << 32


class _Draws:
    """Unbiased integers from the byte stream of one stratum (steps 1 and 2)."""

    def __init__(self, seed: bytes, stratum: str) -> None:
        if len(seed) != SEED_BYTES:
            raise ValueError(f"seed: must be {SEED_BYTES} bytes, not {len(seed)}")
        self._prefix = hashlib.sha256(seed + LABEL + b"\x00" + stratum.encode() + b"\x00")
        self._counter = 0
        self._left = b""

    def _word(self) -> int:
        if not self._left:
            digest = self._prefix.copy()
            digest.update(self._counter.to_bytes(8, "big"))
            self._left, self._counter = digest.digest(), self._counter + 1
        word, self._left = self._left[:4], self._left[4:]
        return int.from_bytes(word, "big")

    def below(self, n: int) -> int:
        """A draw below n."""
        if n == 1:
            return 0
        bound = _WORDS - _WORDS % n
        while (word := self._word()) >= bound:
            pass
        return word % n


def blocks(
    seed: bytes, stratum: str, arms: Sequence[tuple[str, int]], block_sizes: Sequence[int]
) -> Iterator[tuple[str, ...]]:
    """The blocks of a stratum's list, without end. `arms` are (code, ratio) in the protocol's order.

    Raises ValueError, at the first block, for a seed of another length, no arms, or block sizes that are not
    multiples of the sum of the ratios.
    """
    shares = sum(ratio for _, ratio in arms)
    if not arms or any(ratio < 1 for _, ratio in arms):
        raise ValueError("arms: at least one is needed, each with a ratio of 1 or more")
    if not block_sizes or any(size < 1 or size % shares for size in block_sizes):
        raise ValueError(f"block_sizes: each must be a multiple of {shares}, the sum of the ratios")
    draws = _Draws(seed, stratum)
    while True:
        size = block_sizes[draws.below(len(block_sizes))]
        block = [code for code, ratio in arms for _ in range(ratio * size // shares)]
        for i in range(size - 1, 0, -1):
            j = draws.below(i + 1)
            block[i], block[j] = block[j], block[i]
        yield tuple(block)


def allocation_list(
    seed: bytes, stratum: str, arms: Sequence[tuple[str, int]], block_sizes: Sequence[int]
) -> Iterator[str]:
    """The arm codes of a stratum's list, from index 1 on, without end. Raises as `blocks` does."""
    for block in blocks(seed, stratum, arms, block_sizes):
        yield from block


def arm_at(seed: bytes, stratum: str, index: int, arms: Sequence[tuple[str, int]], block_sizes: Sequence[int]) -> str:
    """The arm code at `index` (from 1) of a stratum's list, in time proportional to it. Raises ValueError."""
    if index < 1:
        raise ValueError(f"index: counts from 1, {index} does not")
    return next(islice(allocation_list(seed, stratum, arms, block_sizes), index - 1, None))
