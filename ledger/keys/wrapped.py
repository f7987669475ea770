"""The data keys of a ledger as they lie, wrapped: what an archive takes in. Nothing here opens one.

One line of canonical JSON a key, by name: {"kek","kind","name","wrapped"}, `wrapped` in base64, or null of a destroyed
one (its tombstone). The names, and how they are wrapped: `trial_keys.py`, `kek.py`, `docs/keys.md`.
"""

import base64
from pathlib import Path
from typing import Any

import apsw

from ledger.keys.folder import KeysError, keys_folder, require_private
from ledger.keys.store import DATABASE
from ledger.proof.canonical import encode


def wrapped_keys(ledger: Path) -> bytes:
    """The lines. Raises KeysError."""
    path = keys_folder(ledger) / DATABASE
    try:
        require_private(path)
        db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            db.set_busy_timeout(60_000)
            rows: list[Any] = db.execute("SELECT name, kind, kek, wrapped FROM key ORDER BY name").fetchall()
        finally:
            db.close()
    except FileNotFoundError:
        raise KeysError(f"{path}: the keys of this ledger are not here") from None
    except OSError as error:
        raise KeysError(f"{path}: cannot be read ({error.strerror})") from None
    except apsw.Error as error:
        raise KeysError(f"{path}: {type(error).__name__}: {error}") from None
    return b"".join(_line(*row) for row in rows)


def _line(name: str, kind: str, kek: str, wrapped: bytes | None) -> bytes:
    told = None if wrapped is None else base64.b64encode(wrapped).decode()
    return encode({"kek": kek, "kind": kind, "name": name, "wrapped": told}) + b"\n"
