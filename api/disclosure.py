"""Data keys in a file, for somebody who is to open sealed sections without the keys of the ledger: a verifier alone.

1. Only classes that the viewer has in sight, whole: names of some sites are no class. Headers, anchors and the key of
   marks go with arms.
2. The record says that it was done, by whom, of which classes, and the file's SHA-256, before there is a file.
"""

import hashlib
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from api import durable
from api.access import Session
from ledger.domain.vocabulary import Book
from ledger.keys.file import TrialKeys, load_keys
from ledger.proof.data_keys import HeldKeys
from ledger.proof.sections import ANCHOR, ARM, ENCRYPTED, HEADER, IDENTITY, PLAIN
from ledger.recording.reader import LedgerReader

KIND = "data keys"


class DisclosureError(ValueError):
    """Nothing can be disclosed so; the message says why."""


@dataclass(frozen=True, slots=True)
class Disclosed:
    """How many data keys were written, and the SHA-256 (hex) of the file."""

    keys: int
    sha256: str


def disclose(session: Session, output: Path, classes: frozenset[str]) -> Disclosed:
    """Write the data keys of these classes to a new file. Raises DeniedError, DisclosureError, KeysError, OSError."""
    if unknown := classes - ENCRYPTED:
        raise DisclosureError(f"{min(unknown)}: sections of this class are not sealed")
    if output.exists() or output.is_symlink():
        raise DisclosureError(f"{output}: exists already, and is left as it is; name a new file")
    if not output.parent.is_dir():
        raise DisclosureError(f"{output}: there is no folder {output.parent}")
    if classes - {IDENTITY}:
        session.admit(ARM, KIND)
    if IDENTITY in classes:
        session.admit(IDENTITY, KIND)
        if session.sight.sites is not None:
            raise DisclosureError("names: only who has those of all sites in sight is given their keys")
    held = _held(session.path, classes)
    classes = frozenset(name for name, _ in held.sections)  # those that are held
    content = held.to_bytes()
    digest = hashlib.sha256(content).hexdigest()
    session.exported(KIND, classes, digest)
    durable.write(output, content)
    return Disclosed(len(held.sections), digest)


def _held(path: Path, classes: frozenset[str]) -> HeldKeys:
    """The keys of these classes for every stream that the ledger has: one that nothing is sealed under is no use."""
    arms = bool(classes - {IDENTITY})
    with closing(load_keys(path)) as keys:
        sections: dict[tuple[str, str], bytes] = {}
        for section_class in sorted(classes):
            streams = {""} if section_class in (HEADER, ANCHOR) else _streams(path, keys, arms=section_class == ARM)
            for stream in sorted(streams):
                if (key := keys.section_key(section_class, stream)) is not None:
                    sections[section_class, stream] = key
        return HeldKeys(keys.marks if arms else None, sections)


def _streams(path: Path, keys: TrialKeys, *, arms: bool) -> set[str]:
    book = Book.SEALED if arms else Book.OPEN
    with closing(LedgerReader(path, books=frozenset({book}), classes=frozenset({PLAIN}), keys=keys)) as reader, reader:
        return {fact.stream for fact in reader.facts()}
