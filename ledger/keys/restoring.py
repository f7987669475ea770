"""The keys folder of a ledger that is made anew: wrapped data keys out of an archive, with the key-encryption keys that
somebody brings; or new keys for a copy whose sections are sealed anew.

1. What an archive holds is hostile until shown otherwise: each line is one of `wrapped.py`, its name one that a ledger
   has, of the kind that goes with it, no name twice, all of a kind wrapped by one key-encryption key.
2. A key-encryption key that is brought must open every data key that it is said to have wrapped. One that is not
   brought may be put into its place later: until then what it wraps stays closed.
3. Signing keys are never among them: nobody can tell from an archive whether the log has signed on.
"""

import base64
import binascii
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import apsw

from ledger.keys.folder import KeysError, keys_folder, write_new
from ledger.keys.kek import (
    IDENTITY_KEK,
    KEY_BYTES,
    KINDS,
    SEALED_KEK,
    FileKek,
    Kek,
    kek_file,
    read_kek,
    wrapping_aad,
)
from ledger.keys.store import DATABASE, create_database
from ledger.keys.trial_keys import DIGESTS, MARKS, section_name
from ledger.proof.canonical import CanonicalError, encode, members, parse
from ledger.proof.sections import ENCRYPTED, IDENTITY

_ALL_DIGESTS: Final = dict(DIGESTS.values())


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A data key as an archive has it; `wrapped` None: destroyed."""

    name: str
    kind: str
    kek: str
    wrapped: bytes | None


def parse_wrapped(data: bytes) -> Iterator[WrappedKey]:
    """The keys of `keys/data-keys.ndjson` (docs/bundle.md section 7). Raises KeysError, which names the line."""
    before = ""
    for number, line in enumerate(data.splitlines(keepends=True), 1):
        try:
            key = _wrapped(line)
            if key.name <= before:
                raise ValueError("the names do not rise")
        except (CanonicalError, ValueError, binascii.Error) as error:
            raise KeysError(f"data-keys.ndjson, line {number}: is no wrapped key ({error})") from None
        before = key.name
        yield key


def _wrapped(line: bytes) -> WrappedKey:
    value = members(parse(line.removesuffix(b"\n")), "key", frozenset({"kek", "kind", "name", "wrapped"}))
    if encode(value) + b"\n" != line:
        raise ValueError("not canonical JSON and a line feed")
    name, kind, kek, wrapped = (value[each] for each in ("name", "kind", "kek", "wrapped"))
    if not (isinstance(name, str) and isinstance(kind, str) and isinstance(kek, str)) or kind != _kind(name):
        raise ValueError("name and kind are not those of a key")
    if wrapped is None:
        if kek:
            raise ValueError("a destroyed key is wrapped by none")
        return WrappedKey(name, kind, "", None)
    if not isinstance(wrapped, str) or not kek:
        raise ValueError("wrapped: neither null nor base64")
    return WrappedKey(name, kind, kek, base64.b64decode(wrapped, validate=True))


def _kind(name: str) -> str | None:
    """Which key-encryption key wraps the data key of that name; None where no ledger has such a key."""
    if name == MARKS or (name.startswith("secret/") and len(name) > len("secret/")):
        return SEALED_KEK
    parts = name.split("/", 2)
    if parts[0] == "section" and len(parts) == 3 and parts[1] in ENCRYPTED:
        return _kind_of(parts[1])
    return _ALL_DIGESTS.get(name)


def _kind_of(section_class: str) -> str:
    return IDENTITY_KEK if section_class == IDENTITY else SEALED_KEK


def kek_files(paths: Sequence[Path]) -> list[Path]:
    """The files that may hold key-encryption keys: those named, and of each folder `identity.kek` and `sealed.kek`.

    Raises KeysError for a folder without either.
    """
    found = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        within = [kek_file(path, kind) for kind in KINDS if kek_file(path, kind).exists()]
        if not within:
            raise KeysError(f"{path}: has neither identity.kek nor sealed.kek")
        found += within
    return found


def restore_keys(ledger: Path, keys: Iterable[WrappedKey], brought: Sequence[Path]) -> list[str]:
    """Write the keys folder of a ledger out of an archive; gives the kinds whose key-encryption key is not here.

    Raises KeysError, OSError. What is there after an error is to be dropped.
    """
    folder = keys_folder(ledger)
    folder.mkdir(mode=0o700)
    keks = [_brought(path) for path in kek_files(brought)]
    in_force = dict[str, str]()
    create_database(folder, {}, {})
    connection = apsw.Connection(str(folder / DATABASE), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        with connection:
            for key in keys:
                if key.wrapped is not None:
                    if in_force.setdefault(key.kind, key.kek) != key.kek:
                        raise KeysError(f"data-keys.ndjson: keys of kind {key.kind} are wrapped by two keys")
                    opening = [kek for _, kek in keks if kek.id == key.kek]
                    if opening and opening[0].unwrap(wrapping_aad(key.name), key.wrapped) is None:
                        raise KeysError(f"data-keys.ndjson: {key.name} does not open under {key.kek}")
                connection.execute(
                    "INSERT INTO key (name, kind, kek, wrapped) VALUES (?, ?, ?, ?)",
                    (key.name, key.kind, key.kek, key.wrapped),
                )
            if missing := [kind for kind in KINDS if kind not in in_force]:
                raise KeysError(f"data-keys.ndjson: has no key that is wrapped by {' or '.join(missing)}")
            for kind, kek_id in in_force.items():
                connection.execute("INSERT INTO kek (kind, id) VALUES (?, ?)", (kind, kek_id))
    except apsw.Error as error:
        raise KeysError(f"{folder / DATABASE}: {type(error).__name__}: {error}") from None
    finally:
        connection.close()
    held = set()
    for path, kek in keks:
        kinds = [kind for kind, kek_id in in_force.items() if kek_id == kek.id]
        if not kinds:
            raise KeysError(f"{path}: is not a key-encryption key under which these keys are wrapped ({kek.id})")
        for kind in kinds:
            if kind not in held:
                write_new(kek_file(folder, kind), kek.content())
            held.add(kind)
    return [kind for kind in KINDS if kind not in held]


def _brought(path: Path) -> tuple[Path, Kek]:
    if not path.exists():
        raise KeysError(f"{path}: there is no such file")
    kek = read_kek(path)
    if kek is None:
        raise KeysError(f"{path}: holds no key-encryption key in the form that docs/keys.md gives")
    return path, kek


def create_copy_keys(ledger: Path, keys: Iterable[tuple[str, str, bytes]], random_kek: Iterable[bytes]) -> None:
    """Write the keys folder of a copy whose sections are sealed anew: (section class, stream, data key).

    `random_kek`: the two new key-encryption keys. There is no key of marks, none of digests and no secret: nothing can
    be recorded with these keys. Raises KeysError, OSError.
    """
    folder = keys_folder(ledger)
    folder.mkdir(mode=0o700)
    keks: dict[str, Kek] = {kind: FileKek(value) for kind, value in zip(KINDS, random_kek, strict=True)}
    for kind, kek in keks.items():
        write_new(kek_file(folder, kind), kek.content())
    named = {section_name(name, stream): (_kind_of(name), key) for name, stream, key in keys}
    assert all(len(key) == KEY_BYTES for _, key in named.values())
    create_database(folder, keks, named)
