"""Keys in files beside the ledger: `<ledger>.keys/trial.json`, mode 600, in a folder of mode 700.

They never stand in the ledger, in a log, or in an error. Whoever holds them can look up the sealed book's entries
and knows the allocation list; the ledger's administrator need not be that person.
"""

import hmac
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_BYTES: Final = 32
_NAMES: Final = ("allocation", "digest", "marks")


class KeysError(Exception):
    """The keys of a ledger are missing, unreadable, or open to others."""


@dataclass(frozen=True, slots=True, repr=False)
class TrialKeys:
    """The secrets of one trial, 32 bytes each.

    `marks` looks up sealed entries, `digest` keys the digests of commands, `allocation` is the seed of the list.
    """

    marks: bytes
    digest: bytes
    allocation: bytes

    def digest_of(self, section_class: str, canonical: bytes) -> str:
        """The keyed digest (hex) of a command whose most guarded section is of that class."""
        key = hmac.digest(self.digest, b"digest\x00" + section_class.encode(), "sha256")
        return hmac.digest(key, canonical, "sha256").hex()


def keys_folder(ledger: Path) -> Path:
    """Where the keys of a ledger file lie."""
    return ledger.with_name(f"{ledger.name}.keys")


def create_keys(ledger: Path, random: bytes) -> TrialKeys:
    """Write new keys for a ledger, out of 96 random bytes. Keys that are there already are never overwritten."""
    if len(random) != _BYTES * len(_NAMES):
        raise ValueError(f"{_BYTES * len(_NAMES)} random bytes are needed")
    folder = keys_folder(ledger)
    secrets = {name: random[_BYTES * index : _BYTES * (index + 1)].hex() for index, name in enumerate(_NAMES)}
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        handle = os.open(folder / "trial.json", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump(secrets, file)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise KeysError(f"{folder}: keys are there already; they are never overwritten") from None
    except OSError as error:
        raise KeysError(f"{folder}: keys cannot be written ({error.strerror})") from None
    return _from_json(secrets)


def load_keys(ledger: Path) -> TrialKeys:
    """Read the keys of a ledger. Raises KeysError if they are missing, malformed, or readable by others."""
    path = keys_folder(ledger) / "trial.json"
    try:
        if path.stat().st_mode & 0o077:
            raise KeysError(f"{path}: others can read the keys; set its mode to 600")
        return _from_json(json.loads(path.read_text()))
    except FileNotFoundError:
        raise KeysError(f"{path}: the keys of this ledger are not here; nothing can be recorded without") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise KeysError(f"{path}: the keys cannot be read") from None


def _from_json(secrets: dict[str, str]) -> TrialKeys:
    values = {name: bytes.fromhex(secrets[name]) for name in _NAMES}
    if any(len(value) != _BYTES for value in values.values()):
        raise ValueError("a key has the wrong length")
    return TrialKeys(**values)
