"""The keys of a witness: one of Ed25519 and one of ML-DSA-44, made once, and what they sign.

    <folder>/keys/              mode 700
        name                    the name of the witness, which its keys are bound to
        ed25519.seed            32 bytes in hex, mode 600     C2SP cosignature, key type 0x04
        ml-dsa-44.seed          32 bytes in hex, mode 600     C2SP cosignature, key type 0x06

1. The folder appears whole, by a rename, so that a power cut leaves either all keys or none.
2. Keys that others than the owner can read are refused: nobody could say who has signed with them.
3. The keys are never replaced. A witness with other keys is another witness.
"""

import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from ledger.keys.folder import KeysError, require_private, sync_folder, write_new
from ledger.keys.signing import Ed25519FileSigner, MlDsaFileSigner, Signer
from ledger.proof.note import COSIGNATURE, ML_DSA_44, NoteError

FOLDER: Final = "keys"
SEED_BYTES: Final = 32
MAX_NAME_BYTES: Final = 255
"""A cosigner's name in an ML-DSA-44 message: opaque cosigner_name<1..2^8-1>."""
_NAME: Final = "name"
_FILES: Final = {COSIGNATURE: "ed25519.seed", ML_DSA_44: "ml-dsa-44.seed"}
_SEED: Final = re.compile(r"[0-9a-f]{64}\n")


def cosigners(name: str, seeds: Mapping[int, bytes]) -> tuple[Signer, ...]:
    """What signs for a witness of this name, from the seeds of its keys by their type. Raises NoteError, KeysError."""
    return Ed25519FileSigner(name, seeds[COSIGNATURE], COSIGNATURE), MlDsaFileSigner(name, seeds[ML_DSA_44])


def check_name(name: str) -> None:
    """Refuse what cannot name a witness (C2SP signed-note: no spaces, no plus). Raises KeysError."""
    if (
        not 0 < len(name.encode("utf-8", "replace")) <= MAX_NAME_BYTES
        or not name.isprintable()
        or any(character.isspace() or character == "+" for character in name)
    ):
        raise KeysError(f"a witness's name has 1 to {MAX_NAME_BYTES} bytes, no spaces, no plus; a URL without scheme")


def has_keys(folder: Path) -> bool:
    """Whether the folder of a witness holds keys."""
    return (folder / FOLDER).exists()


def make_keys(folder: Path, name: str, random: Callable[[int], bytes]) -> None:
    """New keys for a witness of this name; `random` gives so many unpredictable bytes. Raises KeysError, OSError."""
    check_name(name)
    draft = folder / f".{FOLDER}.new"
    if draft.exists():  # of a first run that a power cut ended; nobody has seen those keys
        shutil.rmtree(draft)
    draft.mkdir(mode=0o700)
    for file in _FILES.values():
        write_new(draft / file, f"{random(SEED_BYTES).hex()}\n".encode())
    write_new(draft / _NAME, f"{name}\n".encode())
    os.rename(draft, folder / FOLDER)
    sync_folder(folder)


def load_keys(folder: Path) -> tuple[Signer, ...]:
    """The keys of the witness in this folder. Raises KeysError."""
    keys = folder / FOLDER
    try:
        require_private(keys)
        name = (keys / _NAME).read_text("utf-8").removesuffix("\n")
        check_name(name)
        return cosigners(name, {type_: _seed(keys / file) for type_, file in _FILES.items()})
    except UnicodeDecodeError:
        raise KeysError(f"{keys / _NAME}: is not the name of a witness") from None
    except NoteError as error:
        raise KeysError(f"{keys}: {error}") from None
    except FileNotFoundError as error:
        raise KeysError(f"{error.filename}: is missing; a witness needs its name and both keys") from None
    except OSError as error:
        raise KeysError(f"{error.filename}: cannot be read ({error.strerror})") from None


def _seed(path: Path) -> bytes:
    require_private(path)
    text = path.read_bytes().decode("ascii", "replace")
    if _SEED.fullmatch(text) is None:
        raise KeysError(f"{path}: is damaged; {2 * SEED_BYTES} hex digits and a newline belong there")
    return bytes.fromhex(text)
