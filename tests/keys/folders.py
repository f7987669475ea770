"""Folders of keys as tests look into them: all bytes that lie there, and which key-encryption key opens what."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from ledger.keys.file import TrialKeys, create_keys, keys_folder, load_keys
from ledger.keys.kek import KINDS, Kek, kek_file, read_kek, wrapping_aad

SUBJECTS = ("S-1", "S-2", "S-3")
NAMED = ("identity", "subject/S-1")


def new_keys(folder: Path, *, subjects: tuple[str, ...] = SUBJECTS) -> Path:
    """A ledger (of which only the keys are there) with data keys of some subjects, and a secret."""
    ledger = folder / "trial.db"
    keys = create_keys(ledger, os.urandom)
    for subject in subjects:
        for section_class in ("identity", "arm"):
            keys.make_section_key(section_class, f"subject/{subject}", os.urandom)
    keys.keep_secret("allocation", b"the list")
    keys.close()
    return ledger


@dataclass(frozen=True)
class Opened:
    """All that the keys of a ledger open."""

    marks: bytes | None
    sections: dict[tuple[str, str], bytes | None]
    secret: bytes | None
    digests: tuple[str, ...]

    @classmethod
    def of(cls, ledger: Path, subjects: tuple[str, ...] = SUBJECTS) -> "Opened":
        keys = load_keys(ledger)
        try:
            return cls.held(keys, subjects)
        finally:
            keys.close()

    @classmethod
    def held(cls, keys: TrialKeys, subjects: tuple[str, ...] = SUBJECTS) -> "Opened":
        places = [(name, f"subject/{subject}") for subject in subjects for name in ("identity", "arm")]
        places += [("header", ""), ("anchor", "")]
        return cls(
            keys.marks,
            {place: keys.section_key(*place) for place in places},
            keys.secret("allocation"),
            tuple(
                keys.digest_of(scope, b"{}") for scope in ("open", "arm", *(f"identity:subject/{s}" for s in subjects))
            ),
        )


def rows(ledger: Path) -> dict[str, bytes]:
    """The wrapped keys of a ledger, by name."""
    with apsw.Connection(str(database(ledger)), flags=apsw.SQLITE_OPEN_READONLY) as db:
        found: list[Any] = db.execute("SELECT name, wrapped FROM key WHERE wrapped IS NOT NULL").fetchall()
    db.close()
    return dict(found)


def change(ledger: Path, statement: str, *values: str | bytes) -> None:
    """Change the database behind the back of the product."""
    db = apsw.Connection(str(database(ledger)))
    db.execute(statement, values)
    db.close()


def database(ledger: Path) -> Path:
    return keys_folder(ledger) / "data-keys.db"


def all_bytes(ledger: Path) -> bytes:
    """The bytes of every file in the folder."""
    return b"\x00".join(path.read_bytes() for path in sorted(keys_folder(ledger).iterdir()))


def keks(ledger: Path) -> dict[str, Kek]:
    """The key-encryption keys as they lie in their files."""
    found = {kind: read_kek(kek_file(keys_folder(ledger), kind)) for kind in KINDS}
    return {kind: kek for kind, kek in found.items() if kek is not None}


def opened_by(kek: Kek, ledger: Path) -> list[str]:
    """The names of what a key-encryption key opens in the database as it is now, ids left aside."""
    return [name for name, wrapped in rows(ledger).items() if kek.unwrap(wrapping_aad(name), wrapped) is not None]


def file_names(ledger: Path) -> list[str]:
    return sorted(path.name for path in keys_folder(ledger).iterdir())
