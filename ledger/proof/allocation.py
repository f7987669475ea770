"""The allocation list, by an algorithm that anyone can repeat. `docs/allocation.md` has it in full, with vectors.

1. A *secret* of 32 random bytes and the *parameters* (method, block sizes, …) are committed to before the first draw:

       commitment = SHA-256("trial-ledger/allocation/commitment/v1" || 0x00 || secret || canonical JSON of parameters)

   The *seed* is SHA-256(secret || outside value), the outside value being one that nobody could know at that time. So
   whoever holds the secret cannot have chosen the list.
2. Each list has a stream of bytes of its own: the concatenation, for counter = 0, 1, 2, …, of

       SHA-256(seed || "trial-ledger/allocation/v1" || 0x00 || name (UTF-8) || 0x00 || counter (8 bytes, big endian))

   A *word* is the next 4 bytes of the stream as a big-endian integer. A *draw below n* is 0, taking no word, if n = 1;
   else words are taken until one is less than 2^32 - (2^32 mod n), and the draw is that word mod n. (Words at or above
   that bound would favour small numbers.)
3. PERMUTED_BLOCKS: a list for each stratum, whose name it has; a sequence of blocks. The size of each block is
   `block_sizes[draw below len(block_sizes)]`. The block starts as the arms in the protocol's order, each repeated
   `ratio * size / (sum of the ratios)` times, and is shuffled (Fisher and Yates, from the end): for i = size - 1,
   size - 2, …, 1, with j = draw below i + 1, the members i and j change places.
4. SIMPLE: a list for each stratum; the member at each index is the arm whose share holds a draw below the sum of the
   ratios, the arms' shares lying one after another in the protocol's order.
5. MINIMISATION: one list for all strata; see `minimisation.py`.
6. Index 1 is the first member of a list.
"""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from ledger.proof.allocation_parameters import (
    MINIMISATION,
    PERMUTED_BLOCKS,
    SIMPLE,
    Arms,
    Parameters,
    check_arms,
    check_sizes,
)
from ledger.proof.canonical import encode
from ledger.proof.minimisation import ALL, Minimisation
from ledger.proof.word_stream import SEED_BYTES, WordStream

__all__ = [
    "ALL",
    "MINIMISATION",
    "PERMUTED_BLOCKS",
    "SECRET_BYTES",
    "SEED_BYTES",
    "SIMPLE",
    "AllocationPlan",
    "Arms",
    "Parameters",
    "allocation_list",
    "arm_at",
    "arm_for",
    "blocks",
    "commitment",
    "list_of",
    "seed_of",
    "simple_list",
]

COMMITMENT_LABEL: Final = b"trial-ledger/allocation/commitment/v1"
SECRET_BYTES: Final = 32


def commitment(secret: bytes, parameters: Parameters) -> str:
    """The commitment (hex) to a secret and its parameters (step 1). Raises ValueError for another length of secret."""
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"secret: must be {SECRET_BYTES} bytes, not {len(secret)}")
    return hashlib.sha256(COMMITMENT_LABEL + b"\x00" + secret + encode(parameters.to_value())).hexdigest()


def seed_of(secret: bytes, outside_value: bytes) -> bytes:
    """The seed of the list (step 1). Raises ValueError for a secret of another length, or no outside value."""
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"secret: must be {SECRET_BYTES} bytes, not {len(secret)}")
    if not outside_value:
        raise ValueError("outside_value: must not be empty")
    return hashlib.sha256(secret + outside_value).digest()


def blocks(seed: bytes, stratum: str, arms: Arms, block_sizes: Sequence[int]) -> Iterator[tuple[str, ...]]:
    """The blocks of a stratum's list, without end (step 3). `arms` are (code, ratio) in the protocol's order.

    Raises ValueError, at the first block, for a seed of another length, no arms, or block sizes that are not
    multiples of the sum of the ratios.
    """
    check_arms(arms)
    check_sizes(block_sizes, arms)
    shares = sum(ratio for _, ratio in arms)
    words = WordStream(seed, stratum)
    while True:
        size = block_sizes[words.below(len(block_sizes))]
        block = [code for code, ratio in arms for _ in range(ratio * size // shares)]
        for i in range(size - 1, 0, -1):
            j = words.below(i + 1)
            block[i], block[j] = block[j], block[i]
        yield tuple(block)


def allocation_list(seed: bytes, stratum: str, arms: Arms, block_sizes: Sequence[int]) -> Iterator[str]:
    """The arm codes of a list of permuted blocks, from index 1 on, without end. Raises as `blocks` does."""
    for block in blocks(seed, stratum, arms, block_sizes):
        yield from block


def simple_list(seed: bytes, stratum: str, arms: Arms) -> Iterator[str]:
    """The arm codes of a list of simple randomisation, from index 1 on, without end (step 4). Raises ValueError."""
    check_arms(arms)
    shares = [code for code, ratio in arms for _ in range(ratio)]
    words = WordStream(seed, stratum)
    while True:
        yield shares[words.below(len(shares))]


def arm_at(seed: bytes, stratum: str, index: int, arms: Arms, block_sizes: Sequence[int]) -> str:
    """The arm code at `index` (from 1) of a list of permuted blocks, in time proportional to it. Raises ValueError."""
    if index < 1:
        raise ValueError(f"index: counts from 1, {index} does not")
    return next(islice(allocation_list(seed, stratum, arms, block_sizes), index - 1, None))


def list_of(method: str, stratum: str) -> str:
    """The name of the list from which a subject of the stratum is drawn."""
    return ALL if method == MINIMISATION else stratum


class AllocationPlan:
    """The lists of one trial. What was derived once is kept, so that a trial's draws take time in proportion to them.

    Raises ValueError for a seed of another length, and for parameters that do not fit the arms.
    """

    def __init__(self, seed: bytes, parameters: Parameters, arms: Arms) -> None:
        if len(seed) != SEED_BYTES:
            raise ValueError(f"seed: must be {SEED_BYTES} bytes, not {len(seed)}")
        parameters.check(arms)
        self.parameters = parameters
        self._seed, self._arms = seed, tuple(arms)
        self._lists: dict[str, tuple[list[str], Iterator[str]]] = {}
        self._minimisation = Minimisation(seed, parameters, arms) if parameters.method == MINIMISATION else None

    def arm(self, drawn: Sequence[tuple[int, str]], stratum: str, index: int) -> str:
        """The arm of a subject of `stratum` who draws `index`, after `drawn`: (index, stratum) in the order of drawing.

        Only minimisation looks at what was drawn before. Raises ValueError.
        """
        if index < 1:
            raise ValueError(f"index: counts from 1, {index} does not")
        if self._minimisation is not None:
            return self._minimisation.arm(drawn, stratum, index)
        known, more = self._lists.setdefault(stratum, ([], self._list(stratum)))
        known.extend(islice(more, max(0, index - len(known))))
        return known[index - 1]

    def _list(self, stratum: str) -> Iterator[str]:
        if self.parameters.method == SIMPLE:
            return simple_list(self._seed, stratum, self._arms)
        return allocation_list(self._seed, stratum, self._arms, self.parameters.block_sizes)


def arm_for(plan: AllocationPlan, drawn: Sequence[tuple[int, str]], stratum: str, index: int) -> str:
    """`plan.arm`, as a function to which the plan and what was drawn can be bound."""
    return plan.arm(drawn, stratum, index)
