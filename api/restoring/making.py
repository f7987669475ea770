"""Restoring: the bundle is verified, a ledger made of it, that verified too, and only then put in its place.

1. A bundle with any finding gives nothing. What is put in place has passed `verify`, with the roots of the bundle.
2. Of an archive the keys folder is rebuilt; key-encryption keys that are brought open it, and others may follow later.
   What other bundles give opened is sealed anew under keys of the file's own, what they withhold stays closed.
3. Checkpoints and time stamps of the bundle go into the evidence folder, but those of more entries than it has: a
   ledger without these would not be the one that they are of. The mark keeps the size and root.
4. Signing keys are never restored. What was restored is marked, and goes on by `trial-ledger continue` alone.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from api import durable
from api.drafted import drafted
from api.evidence.book import open_book
from api.restoring.frames import Frames
from api.restoring.mark import CONTINUE, NEVER, Mark, mark_file
from ledger.domain.vocabulary import Role
from ledger.keys.allocation import kept_allocation
from ledger.keys.file import load_keys
from ledger.keys.folder import claim, keys_folder, write_new
from ledger.keys.kek import KEY_BYTES
from ledger.keys.restoring import create_copy_keys, parse_wrapped, restore_keys
from ledger.keys.signing import FORMER_VKEYS
from ledger.proof.assess import Trusted
from ledger.proof.bundle import DATA_KEYS, SEALED, BundleError, is_bundle
from ledger.proof.bundle_reader import BundleBooks
from ledger.proof.checking import check
from ledger.proof.evidence import CHECKPOINTS, TIMESTAMPS, Evidence, evidence_folder
from ledger.proof.findings import Report
from ledger.proof.ledger_file import LedgerFileError, check_regular
from ledger.proof.note import NoteError, VerifierKey
from ledger.proof.verify import Progress
from ledger.recording.rebuilding import Row, rebuild_ledger
from ledger.verifying.fast import verify_fast

MAX_DATA_KEYS: Final = 1 << 27
"""The wrapped keys of an archive, in bytes: some 200 a subject."""
_END: Final = 1 << 62

__all__ = ["RestoreError", "Restored", "UnsoundBundleError", "restore"]


class RestoreError(LedgerFileError):
    """Nothing can be restored so; the message says why."""


class UnsoundBundleError(RestoreError):
    """The bundle does not verify, and nothing was made of it; `report` says why."""

    def __init__(self, bundle: Path, report: Report) -> None:
        super().__init__(f"{bundle}: does not verify, so nothing is made of it")
        self.report = report


@dataclass(frozen=True, slots=True)
class Restored:
    """A ledger that was restored. `report`: how it verifies, with its keys; `role`: for whom the bundle was made.

    `report.closed` counts the sections that stay closed: withheld by the bundle, or in want of a key.
    """

    path: Path
    role: str
    recording: str
    """`continue`: it can go on by `trial-ledger continue`; `never`: it is for reading."""
    report: Report
    missing: Sequence[str] = ()
    """Kinds of key-encryption keys (`identity`, `sealed`) that an archive needs and nobody brought."""
    checkpoints: int = 0
    beyond: int | None = None
    """The size of a checkpoint that is not in the evidence folder, since the ledger ends before it."""


def restore(
    bundle: Path,
    ledger: Path,
    *,
    keys: Sequence[Path] = (),
    trusted: Trusted | None = None,
    random: Callable[[int], bytes] = os.urandom,
    progress: Progress | None = None,
) -> Restored:
    """Make a ledger file of a bundle, with keys and evidence beside it.

    `keys`: files of key-encryption keys, or folders with them; an archive alone has a use for them. `trusted`: as for
    `verify`. Raises UnsoundBundleError, RestoreError and other LedgerFileErrors, KeysError, EvidenceError, OSError.
    """
    check_regular(bundle, "an evidence bundle")
    if not is_bundle(bundle):
        raise RestoreError(f"{bundle}: is no evidence bundle")
    with drafted(ledger) as draft:
        report = check(bundle, trusted or Trusted(), progress=progress, walk=verify_fast)
        if not report.ok:
            raise UnsoundBundleError(bundle, report)
        with BundleBooks(bundle) as books:
            manifest = books.manifest
            archive = manifest.role == Role.ARCHIVE and SEALED in manifest.sections.values()
            if keys and not archive:
                raise RestoreError(f"{bundle}: is no archive, so there is nothing in it that these keys would open")
            frames = Frames(random(KEY_BYTES))
            sealed = _rows(books, "sealed", frames.sealed_row) if "sealed" in manifest.books else None
            heads = rebuild_ledger(draft, manifest.origin, _rows(books, "open", frames.open_row), sealed)
            told = {"open": report.open, "sealed": report.sealed}
            if heads != manifest.books or any(head.root != told[book].root for book, head in heads.items()):
                raise RestoreError(f"{bundle}: was changed while it was read")
            missing = _put_keys(draft, books, keys) if archive else []
            if new := list(frames.keys()):
                create_copy_keys(draft, new, (random(KEY_BYTES), random(KEY_BYTES)))
            kept, beyond = _put_evidence(draft, books.evidence(), heads["open"].size)
        recording = CONTINUE if archive else NEVER
        signed = None if beyond is None else (beyond[0], beyond[1])
        mark = Mark(_sha256(bundle), manifest.role, recording, dict(manifest.sections), signed)
        durable.write(draft.with_name(mark_file(draft).name), mark.encode(), mode=0o644)
        verified = _verified(draft, progress)
        if not verified.ok:
            raise UnsoundBundleError(bundle, verified)
    size = None if beyond is None else beyond[0]
    return Restored(ledger, manifest.role, recording, verified, missing, kept, size)


def _rows(books: BundleBooks, book: str, framed: Callable[[bytes, bytes], bytes]) -> Iterator[Row]:
    for _, _, _, _, raw, stored in books.rows(book, _END):
        if stored is None:
            raise BundleError(f"{books.path}: was changed while it was read")
        yield raw, framed(raw, stored)


def _put_keys(draft: Path, books: BundleBooks, brought: Sequence[Path]) -> list[str]:
    """The keys folder of an archive; gives the kinds of which no key-encryption key was brought."""
    data = books.content(DATA_KEYS, MAX_DATA_KEYS)
    if not data:
        raise RestoreError(f"{books.path}: is an archive without {DATA_KEYS}")
    missing = restore_keys(draft, parse_wrapped(data), brought)
    claim(draft, books.manifest.origin)
    if former := _former(books.log_keys):
        write_new(keys_folder(draft) / FORMER_VKEYS, former)
    return missing


def _former(lines: bytes) -> bytes:
    """The log's verifier keys as the bundle has them, as far as they are keys."""
    found = []
    for line in lines.decode("utf-8", "replace").splitlines():
        try:
            found.append(VerifierKey.parse(line).encode())
        except NoteError:
            continue
    return "".join(f"{line}\n" for line in found).encode()


def _put_evidence(draft: Path, held: Evidence, size: int) -> tuple[int, tuple[int, bytes] | None]:
    """Write the evidence folder (rule 3); gives how many checkpoints it has, and size and root of the largest beyond.

    One beyond counts where it is of the origin under which the ledger goes on where it ends.
    """
    with open_book(draft) as book:
        origin = book.checkpoint_origin()
    within = [one for one in held.checkpoints if one.checkpoint.size <= size]
    beyond = [one.checkpoint for one in held.checkpoints if one.checkpoint.size > size]
    if within:
        folder = evidence_folder(draft)
        for each in (folder, folder / CHECKPOINTS, folder / TIMESTAMPS):
            each.mkdir()
        for one in within:
            durable.write(folder / CHECKPOINTS / one.name, one.data, mode=0o644)
            for name, data in held.tokens.get(one.stem, {}).items():
                durable.write(folder / TIMESTAMPS / name, data, mode=0o644)
    last = max((one for one in beyond if one.origin == origin), key=lambda one: one.size, default=None)
    return len(within), None if last is None else (last.size, last.root)


def _verified(draft: Path, progress: Progress | None) -> Report:
    """How the new file verifies, with the keys that lie beside it."""
    with closing(load_keys(draft)) if keys_folder(draft).exists() else nullcontext() as keys:
        kept = None if keys is None else kept_allocation(keys)
        secret = None if kept is None else (kept[0], kept[1].to_value())
        return check(draft, Trusted(), keys=keys, secret=secret, progress=progress, walk=verify_fast)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
