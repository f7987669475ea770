"""The keys of a ledger in the folder beside it. `docs/keys.md`

    <ledger>.keys/                mode 700
        identity.kek              mode 600; the key-encryption key, or where in a token it lies
        sealed.kek                the same
        data-keys.db              mode 600; the data keys, each wrapped by one of the two
        log.ed25519, log.mldsa44  mode 600; the signing keys, or where in a token the first lies (`signing.py`)
        signed-head               mode 600; what was signed last (`signed_head.py`)

They never stand in the ledger, in a log, or in an error. Whoever holds both knows names and arms; the ledger's
administrator need not be that person.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from ledger.keys.folder import (
    ORIGIN,
    DestroyedKeyError,
    KeysError,
    keys_folder,
    require_private,
    sync_folder,
    write_new,
)
from ledger.keys.kek import KEY_BYTES, KINDS, FileKek, Kek, kek_file
from ledger.keys.rotation import Rotation, rotate_keys
from ledger.keys.signed_head import LOCK, SIGNED_HEAD
from ledger.keys.signing import LOG_KEYS
from ledger.keys.store import DATABASE, create_database
from ledger.keys.token import TokenPlace
from ledger.keys.trial_keys import FIRST_KEYS, TrialKeys

__all__ = [
    "KEY_FILES",
    "DestroyedKeyError",
    "KeysError",
    "Rotation",
    "TokenPlace",
    "TrialKeys",
    "create_keys",
    "keys_folder",
    "load_keys",
    "rotate_keys",
]

KEY_FILES: Final = tuple(
    [f"{kind}.kek{end}" for kind in KINDS for end in ("", ".new")]
    + [DATABASE, f"{DATABASE}-journal", ORIGIN]
    + [f"{name}{end}" for name in (*LOG_KEYS, SIGNED_HEAD) for end in ("", ".new")]
    + [LOCK]
)
"""All files that the keys of a ledger may lie in, by name."""


def create_keys(ledger: Path, random: Callable[[int], bytes]) -> TrialKeys:
    """Write new keys for a ledger. Keys that are there already are never overwritten."""
    folder = keys_folder(ledger)
    keks: dict[str, Kek] = {}
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        require_private(folder)
        if any((folder / name).exists() for name in (DATABASE, *(f"{kind}.kek" for kind in KINDS))):
            raise FileExistsError
        sync_folder(folder.parent)
        for kind in KINDS:
            keks[kind] = FileKek(random(KEY_BYTES))
            write_new(kek_file(folder, kind), keks[kind].content())
        create_database(folder, keks, {name: (kind, random(KEY_BYTES)) for name, kind in FIRST_KEYS})
    except FileExistsError:
        raise KeysError(f"{folder}: keys are there already; they are never overwritten") from None
    except OSError as error:
        raise KeysError(f"{folder}: keys cannot be written ({error.strerror})") from None
    return TrialKeys(ledger)


def load_keys(ledger: Path) -> TrialKeys:
    """The keys of a ledger. Raises KeysError if they are missing, malformed, or open to others."""
    return TrialKeys(ledger)
