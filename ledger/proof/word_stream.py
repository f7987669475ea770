"""Unbiased integers from a seed: the stream of bytes of `allocation.py`, step 2."""

import hashlib
from typing import Final

LABEL: Final = b"trial-ledger/allocation/v1"
SEED_BYTES: Final = 32
_WORDS: Final = 1 << 32


class WordStream:
    """The draws from the stream of one name."""

    def __init__(self, seed: bytes, name: str) -> None:
        if len(seed) != SEED_BYTES:
            raise ValueError(f"seed: must be {SEED_BYTES} bytes, not {len(seed)}")
        self._prefix = hashlib.sha256(seed + LABEL + b"\x00" + name.encode() + b"\x00")
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
