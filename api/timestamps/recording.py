"""Stamping the newest checkpoint: asked for, kept beside the ledger, and recorded in it.

1. What is stamped is the checkpoint as its log signed it (`as_signed`), of the open book alone.
2. A token is durable in the evidence folder before the ledger says that there is one.
3. The ledger itself records the digest of the latest token: no command makes that event. What follows it was recorded
   after that time, as far as the authority is believed.
4. Somebody of whom the open book says that he knows an arm records nothing here: no trace of such a person's doings
   stands in the open book. Whether that is so is read from the open book.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from api.acting import Who
from api.bootstrap import knows_some_arm, open_trial
from api.evidence.store import newest, put_token
from api.timestamps.client import Ask, ask
from ledger.domain.decisions.base import CommandActor
from ledger.domain.events.evidence import CheckpointTimestamped
from ledger.domain.vocabulary import Role
from ledger.proof.checkpoint import Checkpoint
from ledger.proof.entry import Actor
from ledger.proof.evidence import StoredCheckpoint, as_signed, evidence_folder
from ledger.proof.timestamp_token import Token
from ledger.proof.timestamps import Authorities, TimestampError, subject_of

ROLES: Final = (Role.SPONSOR, Role.DATA_MANAGER, Role.AUDITOR)
"""In which roles checkpoints are stamped."""


class StampingError(Exception):
    """Nothing can be stamped; the message says why."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A token that was stored: who was asked, in which file it lies, and what it says."""

    url: str
    path: Path
    token: Token
    sha256: str

    @property
    def authority(self) -> str:
        return "not named" if self.token.signer is None else subject_of(self.token.signer)


@dataclass(frozen=True, slots=True)
class Stamping:
    """What came of it: the checkpoint, tokens, sentences about who failed, and the token that the ledger names."""

    checkpoint: Checkpoint
    kept: Sequence[Kept]
    failed: Sequence[str]
    recorded: Kept | None


def actor_of(who: Who) -> Actor:
    """Who stamps, as an entry can name somebody. Raises pydantic's ValidationError and StampingError."""
    actor = CommandActor.model_validate({"id": who.id, "role": who.role, "org": who.org})
    if actor.role not in ROLES:
        raise StampingError(f"role {who.role}: checkpoints are stamped by {', '.join(ROLES)}")
    return Actor(actor.id, actor.org, actor.role.value)


def stamp(
    ledger: Path, urls: Sequence[str], algorithm: str, authorities: Authorities | None, who: Who, *, asking: Ask = ask
) -> Stamping:
    """Have the newest checkpoint stamped by each authority; what one does not give, another may.

    Raises StampingError, and what opening the ledger, storing (EvidenceError) and recording (StorageError) raise.
    """
    actor = actor_of(who)
    if knows_some_arm(ledger, actor.id):
        raise StampingError(
            f"--actor {actor.id}: knows an arm, says the record, and so leaves no trace in the open book"
        )
    stored = newest(ledger)
    if stored is None:
        raise StampingError(f"{evidence_folder(ledger)}: there is no checkpoint; make one: trial-ledger checkpoint")
    trial = open_trial(ledger)  # before anybody is asked: without the keys nothing could be recorded
    try:
        _check_signed(stored)
        kept, failed = list[Kept](), list[str]()
        for url in urls:
            try:
                response, token = asking(url, as_signed(stored.note), algorithm, authorities)
            except TimestampError as error:
                failed.append(str(error))
                continue
            path = put_token(ledger, stored.checkpoint, response)
            kept.append(Kept(url, path, token, hashlib.sha256(response).hexdigest()))
        latest = max(kept, key=lambda one: one.token.gen_time, default=None)
        if latest is not None:
            checkpoint = stored.checkpoint
            trial.record_own(
                CheckpointTimestamped,
                actor,
                "timestamp",
                checkpoint={"origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.hex()},
                authority=latest.authority,
                gen_time=f"{latest.token.gen_time:%Y-%m-%dT%H:%M:%SZ}",
                hash_algorithm=latest.token.hash_algorithm,
                token_sha256=latest.sha256,
            )
        return Stamping(stored.checkpoint, kept, failed, latest)
    finally:
        trial.close()


def _check_signed(stored: StoredCheckpoint) -> None:
    """A checkpoint without a signature of its log says nothing that would be worth a time stamp."""
    named = {one.name for one in stored.note.signatures}
    if stored.checkpoint.origin not in named:
        raise StampingError(f"{stored.name}: has no signature of its log, {stored.checkpoint.origin}")
