"""One recipe for `python -m ledger.proof` and `trial-ledger verify`: what a file is, and what it is held against.

1. A file is an evidence bundle (a zip), a ledger (an SQLite database) or a proof of one entry (C2SP tlog-proof); which
   of them its first bytes tell, not its name.
2. Trust comes from the verifier: policy, certificates of time-stamping authorities, checkpoints that were kept. Nothing
   that lies in or beside the file is believed for lying there.
3. The evidence is that of the bundle, or of the folder beside the ledger, or of another folder that is named.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

from ledger.proof.assess import Trusted, assess, sizes_of
from ledger.proof.books import Books
from ledger.proof.bundle import is_bundle
from ledger.proof.bundle_reader import BundleBooks
from ledger.proof.draws import Secret
from ledger.proof.entry import MAX_ENTRY
from ledger.proof.evidence import EvidenceError, StoredCheckpoint, evidence_folder, read_evidence, stored_checkpoint
from ledger.proof.file_reader import LedgerFile
from ledger.proof.findings import Report
from ledger.proof.note import MAX_NOTE_BYTES, NoteError
from ledger.proof.policy import Policy, PolicyError
from ledger.proof.sealing import BookKeys
from ledger.proof.timestamps import Authorities, TimestampError
from ledger.proof.tlog_proof import FIRST_LINE, TlogProof
from ledger.proof.tree import ProofError
from ledger.proof.verify import Progress, verify_books, verify_ledger

_MAX_POLICY: Final = 1 << 20
_MAX_CERTIFICATES: Final = 1 << 24


class TrustError(EvidenceError):
    """What the verifier brings (policy, certificates, checkpoints) cannot be used; the message names file and rule."""


class Walk(Protocol):
    """`verify_ledger`, or a faster walk through a ledger file with the same verdicts."""

    def __call__(
        self,
        path: Path,
        *,
        keys: BookKeys | None,
        progress: Progress | None,
        secret: Secret | None,
        sizes: Collection[int],
    ) -> Report: ...


def load_trusted(
    policy: Path | None = None, authorities: Sequence[Path] = (), checkpoints: Sequence[Path] = ()
) -> Trusted:
    """What the verifier brings, out of files. Raises TrustError."""
    try:
        return Trusted(
            None if policy is None else Policy.parse(_read(policy, _MAX_POLICY)),
            Authorities.parse(*(_read(path, _MAX_CERTIFICATES) for path in authorities)) if authorities else None,
            [_kept(path) for path in checkpoints],
        )
    except PolicyError as error:
        raise TrustError(f"{policy}: {error}") from None
    except TimestampError as error:
        raise TrustError(f"{', '.join(map(str, authorities))}: {error}") from None
    except EvidenceError as error:
        raise TrustError(str(error)) from None


def is_proof(path: Path) -> bool:
    """Whether the file begins like a tlog-proof."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(len(FIRST_LINE)).decode("utf-8", "replace") == FIRST_LINE
    except OSError:
        return False  # whoever reads it as something else says what is wrong


def named_folder(evidence: Path | None) -> Path | None:
    """A folder of evidence that somebody named: mistyped, it must not pass for one that holds nothing.

    Raises EvidenceError.
    """
    if evidence is not None and not evidence.is_dir():
        raise EvidenceError(f"{evidence}: is no folder of evidence")
    return evidence


def check(
    path: Path,
    trusted: Trusted,
    *,
    evidence: Path | None = None,
    keys: BookKeys | None = None,
    secret: Secret | None = None,
    progress: Progress | None = None,
    walk: Walk = verify_ledger,
) -> Report:
    """Verify a ledger file or an evidence bundle, and hold it against what the verifier trusts.

    `evidence`: a folder of evidence, instead of that of the bundle or beside the ledger. Raises LedgerFileError or
    BundleError where the file can't be read as one, EvidenceError, OSError.
    """
    if is_bundle(path):
        with BundleBooks(path) as books:
            held = books.evidence() if evidence is None else read_evidence(evidence)
            sizes = sizes_of(held, trusted.kept)
            report = verify_books(books, keys=keys, progress=progress, secret=secret, sizes=sizes)
            stored = partial(_entries, books)
            return assess(report, held, trusted, consistency=books.consistency, entries=stored)
    held = read_evidence(evidence_folder(path) if evidence is None else evidence)
    report = walk(path, keys=keys, progress=progress, secret=secret, sizes=sizes_of(held, trusted.kept))
    # A walk that reads what is no file gives its entries too.
    of: Callable[[Path], Iterator[bytes]] = getattr(walk, "entries", _entries_of)
    return assess(report, held, trusted, entries=partial(of, path))


def _entries(books: Books) -> Iterator[bytes]:
    for _, entry in books.entries("open"):
        if not isinstance(entry, bytes):  # it has its finding
            return
        yield entry


def _entries_of(path: Path) -> Iterator[bytes]:
    with LedgerFile(path) as file:
        yield from _entries(file)


@dataclass(frozen=True, slots=True)
class Proved:
    """Whether a proof shows that an entry is in a log whose checkpoint satisfies the policy; if not, why not."""

    index: int
    size: int
    origin: str
    wrong: str | None = None

    @property
    def ok(self) -> bool:
        return self.wrong is None

    def to_json(self) -> dict[str, Any]:
        return {"ok": self.ok, "index": self.index, "size": self.size, "origin": self.origin, "wrong": self.wrong}

    def in_words(self) -> str:
        if self.wrong is not None:
            return f"NOT verified: {self.wrong}."
        return (
            f"Verified: the entry is number {self.index} of the {self.size} that {self.origin} has signed, and the "
            "checkpoint satisfies the policy."
        )


def check_proof(path: Path, entry: Path, trusted: Trusted) -> Proved:
    """Verify the proof of one entry. Raises TrustError where a file cannot be read, or the proof is malformed."""
    assert trusted.policy is not None
    try:
        proof = TlogProof.parse(_read(path, MAX_NOTE_BYTES + MAX_ENTRY))
    except NoteError as error:
        raise TrustError(f"{path}: {error}") from None
    said = proof.checkpoint
    try:
        proof.verify(_read(entry, MAX_ENTRY), trusted.policy)
    except (NoteError, ProofError) as error:
        return Proved(proof.index, said.size, said.origin, str(error))
    return Proved(proof.index, said.size, said.origin)


def _kept(path: Path) -> StoredCheckpoint:
    return stored_checkpoint(str(path), _read(path, _MAX_POLICY))


def _read(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise TrustError(f"{path}: cannot be read ({error.strerror})") from None
    if len(data) > most:
        raise TrustError(f"{path}: has more than {most:,} bytes")
    return data
