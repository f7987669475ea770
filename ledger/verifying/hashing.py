"""SHA-256 of many rows: by hashlib; or by its own library, called from the compiled kernel.

hashlib makes an object for each message, and copies its state for each digest: half of the time that it takes. The
kernel calls the same functions of OpenSSL, found through the module that hashlib itself is made of. Where that module
has them not (another build of Python), or what they give is not what hashlib gives, it is hashlib.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, Final

from ledger.proof.sections import TAG
from ledger.proof.tree import Frontier

FRAME: Final = 5
"""The bytes of a frame before the salt."""
_PREFIX: Final = TAG + b"\x00"
_FUNCTIONS: Final = (
    "EVP_MD_CTX_new", "EVP_MD_CTX_free", "EVP_sha256", "EVP_DigestInit_ex", "EVP_DigestUpdate", "EVP_DigestFinal_ex",
)  # fmt: skip


class Hashing:
    """Hashes rows and trees by hashlib."""

    def rows(self, rows: Sequence[tuple[Any, ...]]) -> tuple[list[bytes], list[bytes]]:
        """The leaf hashes of entries, and the commitments that they ought to have. Raises TypeError."""
        sha256 = hashlib.sha256
        hashes = [sha256(b"\x00" + row[4]).digest() for row in rows]
        return hashes, [sha256(_PREFIX + row[5][FRAME:]).digest() for row in rows]

    def root(self, leaves: list[bytes]) -> bytes:
        """The root of a perfect tree over leaf hashes, a power of two of them (RFC 9162 section 2.1.1)."""
        tree = Frontier()
        tree.extend(leaves)
        return tree.to_bytes()


def hashing(compiled: type[Any] | None) -> Hashing:
    """What hashes here: `compiled`, the class of the kernel, where it can."""
    ours = Hashing()
    if compiled is None:
        return ours
    try:
        functions = _functions()
        theirs: Hashing = compiled(functions)
    except (ImportError, OSError, AttributeError, MemoryError):
        return ours
    samples = [(0, 0, 0, None, bytes([length % 256]) * length, bytes(FRAME + length)) for length in (0, 1, 55, 64, 450)]
    same = theirs.rows(samples) == ours.rows(samples)
    leaves = ours.rows(samples)[0][:4]
    return theirs if same and theirs.root(leaves) == ours.root(leaves) else ours


def _functions() -> tuple[int, ...]:
    """Where the functions lie. Raises ImportError, OSError, AttributeError."""
    import _hashlib
    import ctypes

    library = ctypes.CDLL(_hashlib.__file__)  # it is loaded already; what it is linked with is found through it
    return tuple(ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0 for name in _FUNCTIONS)
