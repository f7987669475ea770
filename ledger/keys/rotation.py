"""New key-encryption keys for old: the data keys, and so ledger and ciphertexts, stay as they are.

1. The new key-encryption key is made durable in `<kind>.kek.new` (one in a token is made after the file that names it).
2. One transaction wraps every key of its kind under it, and says that it is in force.
3. The old one is destroyed (overwritten, unlinked; in a token: destroyed there), and the new file takes its place.
4. The database is written anew, so that it keeps nothing that the old one would open.

Interrupted before the commit of step 2, a rotation has not been; after it, it has: the next opening does the rest
(`KeyStore.settle`), and so does the next rotation.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from ledger.keys.folder import KeysError, write_new
from ledger.keys.kek import KINDS, Kek, incoming_file, new_kek
from ledger.keys.store import KeyStore
from ledger.keys.token import TokenKek, TokenPlace
from ledger.proof.sealing import forget_keys

FILE: Final = "file"


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation did to one key-encryption key: the ids of the old and the new one, and how many keys it wraps."""

    kind: str
    old: str
    new: str
    keys: int


def rotate_keys(
    ledger: Path,
    random: Callable[[int], bytes],
    which: Iterable[str] | None = None,
    *,
    to: TokenPlace | Literal["file"] | None = None,
) -> list[Rotation]:
    """Give a ledger new key-encryption keys (`identity`, `sealed`; both, if `which` does not say) and destroy the old.

    `to` moves them into a token, or out of it into files; without it they stay where they are. Others may record in
    the meantime. Raises KeysError, and then either nothing has changed, or all but the destruction of the old ones,
    which the next opening makes up for.
    """
    kinds = KINDS if which is None else tuple(dict.fromkeys(which))
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise ValueError(f"{unknown[0]} is no key-encryption key; there are {' and '.join(KINDS)}")
    store = KeyStore(ledger, forget_keys)
    try:
        try:
            with store.writing():
                done = [_rotate(store, kind, to, random) for kind in kinds]
        finally:
            store.settle()
        return done
    except OSError as error:
        raise KeysError(f"{store.folder}: keys cannot be written ({error.strerror})") from None
    finally:
        store.close()


def _rotate(
    store: KeyStore, kind: str, to: TokenPlace | Literal["file"] | None, random: Callable[[int], bytes]
) -> Rotation:
    store.settle_kind(kind)
    old = store.kek(kind)
    if old is None:
        raise store.not_here(kind)
    new = new_kek(kind, _place(old, to), random)
    new.ready()  # else a file would be left that names a token which nobody can reach
    write_new(incoming_file(store.folder, kind), new.content())
    new.make()
    return Rotation(kind, old.id, new.id, store.rewrap(kind, old, new))


def _place(old: Kek, to: TokenPlace | Literal["file"] | None) -> TokenPlace | None:
    if to == FILE:
        return None
    if isinstance(to, TokenPlace):
        return to
    return old.place if isinstance(old, TokenKek) else None
