"""Real artefacts, made through the product in a folder: a ledger, its evidence, bundles, proofs, requests, tokens.

The policy asks for a signature of the log and for a cosignature of both witnesses. Each bundle has one checkpoint that
meets it: of exactly its size, or (`beginning`) a later one, with a proof of consistency.
"""

import json
import shutil
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from api.access import Session, viewer_of
from api.bundle.writing import export_bundle
from api.evidence.making import make_checkpoint
from api.evidence.proving import prove_inclusion
from api.evidence.store import add_signatures, put_token
from ledger.domain.vocabulary import Book
from ledger.keys.signing import Ed25519FileSigner, MlDsaFileSigner, Signer, load_signing_keys
from ledger.proof.evidence import as_signed
from ledger.proof.note import COSIGNATURE, VerifierKey
from ledger.proof.tiles import hash_tiles
from ledger.proof.tlog_proof import TlogProof
from ledger.proof.tree import leaf_hash
from ledger.recording.reader import LedgerReader
from tests.api.witnesses import HISTORY, LOG
from tests.proof.bundle_parts import Files, read
from tests.trials import SITE, Trial
from tests.tsa import TestAuthority

COSIGNED: Final = 1_600_000_000
"""POSIX seconds of the cosignatures: after all that the trial records."""
OLD: Final = 10
"""The size that the witness of the requests has cosigned."""
LEAVES: Final = 700
"""Of the tree whose tiles are mutated: full and partial ones, on two levels."""


@dataclass(frozen=True, slots=True)
class Seeds:
    """What `make` left in a folder, read again."""

    folder: Path
    bundles: dict[str, bytes]
    files: dict[str, Files]
    """Of each bundle."""
    notes: tuple[bytes, ...]
    proofs: tuple[tuple[bytes, bytes], ...]
    """Each with the entry that it is of."""
    policy: bytes
    tokens: tuple[tuple[bytes, bytes], ...]
    """Each with the message that it is over; none where there is no openssl."""
    ledger: bytes
    tiles: dict[str, bytes]
    requests: tuple[bytes, ...]

    @property
    def vkeys(self) -> list[bytes]:
        return [word for word in self.policy.split() if word.count(b"+") >= 2]


def leaves() -> list[bytes]:
    """The leaf hashes of the tree of tiles."""
    return [leaf_hash(b"leaf %d" % number) for number in range(LEAVES)]


def witnesses() -> list[Signer]:
    """One key of each type of cosignature."""
    return [
        Ed25519FileSigner("witness.example/one", bytes(range(32)), COSIGNATURE),
        MlDsaFileSigner("witness.example/two", bytes(range(32, 64))),
    ]


def make(folder: Path) -> None:
    """Make the artefacts."""
    trial = Trial(folder)
    trial.do("activate-site", {"site": SITE})
    trial.randomized("S-1")
    stored = make_checkpoint(trial.path, clock=lambda: trial.clock.at)
    cosigners = witnesses()
    stored = add_signatures(trial.path, stored, tuple(one.sign(stored.checkpoint, COSIGNED) for one in cosigners))
    keys = load_signing_keys(trial.path).vkeys
    (folder / "policy").write_bytes(policy_of(keys, [one.key for one in cosigners]))
    (folder / "note").write_bytes(stored.data)
    for number, leaves_ in enumerate((HISTORY, HISTORY[:20])):
        (folder / f"{number}.request").write_bytes(LOG.request(leaves_, OLD))
    size = stored.checkpoint.size
    for index in (0, size // 2, size - 1):
        proof = prove_inclusion(trial.path, index)
        assert isinstance(proof, TlogProof)
        (folder / f"{index}.tlog-proof").write_bytes(proof.encode())
        with LedgerReader(trial.path, books=frozenset({Book.OPEN}), classes=frozenset()) as reader:
            ((_, raw, _),) = reader.stored(Book.OPEN, index, index + 1)
        (folder / f"{index}.entry").write_bytes(raw)
    if shutil.which("openssl"):
        authority = TestAuthority(folder / "authority", now=datetime.fromtimestamp(COSIGNED, UTC))
        message = as_signed(stored.note)
        token = authority.made(message, at=datetime.fromtimestamp(COSIGNED, UTC))
        put_token(trial.path, stored.checkpoint, token)
        (folder / "message").write_bytes(message)
        shutil.copyfile(authority.roots_pem, folder / "authorities.pem")
        (folder / "token").write_bytes(token)
    shutil.copyfile(_settled(trial.path, folder / "copy.db"), folder / "ledger.db")
    shutil.copytree(f"{trial.path}.evidence", folder / "ledger.db.evidence")
    for name, role, at in (
        ("sponsor", "sponsor", size - 1),
        ("statistician", "statistician", size - 1),
        ("archive", "archive", size - 1),
        ("beginning", "sponsor", 1),
    ):
        session = Session(trial.path, viewer_of(f"{role}-1", role, "FJD", frozenset()))
        export_bundle(session, folder / f"{name}.zip", str(at))
    for tile, data in hash_tiles(leaves()):
        (folder / tile.path.replace("/", "!")).write_bytes(data)
    (folder / "made.json").write_text(json.dumps({"size": size}))


def policy_of(logs: Sequence[VerifierKey], cosigners: Sequence[VerifierKey]) -> bytes:
    """A policy that asks for both witnesses."""
    lines = ["# who is trusted", *(f"log {key.encode()}" for key in logs)]
    lines += [f"witness w{number} {key.encode()}" for number, key in enumerate(cosigners)]
    return "\n".join([*lines, "group both all w0 w1", "quorum both", ""]).encode()


def load(folder: Path) -> Seeds:
    """What `make` left."""
    bundles = {path.stem: path.read_bytes() for path in sorted(folder.glob("*.zip"))}
    token = folder / "token"
    return Seeds(
        folder,
        bundles,
        {name: read(folder / f"{name}.zip") for name in bundles},
        (folder.joinpath("note").read_bytes(),),
        tuple((path.read_bytes(), path.with_suffix(".entry").read_bytes())
              for path in sorted(folder.glob("*.tlog-proof"))),
        (folder / "policy").read_bytes(),
        ((token.read_bytes(), (folder / "message").read_bytes()),) if token.exists() else (),
        (folder / "ledger.db").read_bytes(),
        {path.name.replace("!", "/"): path.read_bytes() for path in sorted(folder.glob("tile!*"))},
        tuple(path.read_bytes() for path in sorted(folder.glob("*.request"))),
    )  # fmt: skip


def _settled(ledger: Path, copy: Path) -> Path:
    """The ledger in one file without a log."""
    connection = sqlite3.connect(ledger)
    connection.execute("VACUUM INTO ?", (str(copy),))
    connection.close()
    return copy
