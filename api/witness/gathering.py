"""Gathering cosignatures on a checkpoint from the witnesses of a policy, all at once.

1. The checkpoint must be signed by a log of the policy before anybody is asked to vouch for it.
2. Witnesses that share a URL are one service with several keys, and are asked once.
3. Whoever has cosigned this checkpoint already is not asked again.
4. What is handed back is the note with the new cosignatures, and what each witness did; nothing is stored here.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from api.witness.asking import Asked, AskError, Outcome, Post, ask, check_url
from ledger.proof.checkpoint import Checkpoint, OpenedCheckpoint, open_checkpoint
from ledger.proof.evidence import StoredCheckpoint
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.note import Note, NoteError, NoteSignature, VerifierKey, shown
from ledger.proof.policy import Policy
from ledger.proof.tree import ProofError

PATIENCE_SECONDS: Final = 90.0
"""After which a witness that has still not answered is given up on."""


class GatherError(Exception):
    """The checkpoint is none that a witness could be asked to cosign under this policy; the message says why."""


@dataclass(frozen=True, slots=True)
class Service:
    """A witness that can be asked: its URL (submission prefix), its names in the policy, its keys."""

    url: str
    names: tuple[str, ...]
    keys: tuple[VerifierKey, ...]


@dataclass(frozen=True, slots=True)
class Gathered:
    """The note with what was added to it, and what came of asking each witness, in the order of the policy."""

    note: Note
    checkpoint: Checkpoint
    asked: tuple[tuple[Service, Asked], ...]
    cosigned: int
    listed: int
    quorum: bool

    @property
    def contradicted(self) -> bool:
        """Whether a witness says that it has seen another history."""
        return any(one.outcome is Outcome.CONTRADICTED for _, one in self.asked)


def services(policy: Policy) -> tuple[Service, ...]:
    """The witnesses of a policy that have a URL."""
    found: dict[str, list[tuple[str, VerifierKey]]] = {}
    for name, key in policy.witnesses.items():
        if key in policy.urls:
            found.setdefault(policy.urls[key].rstrip("/"), []).append((shown(name), key))
    return tuple(
        Service(url, tuple(name for name, _ in them), tuple(key for _, key in them)) for url, them in found.items()
    )


def opened_for(policy: Policy, data: bytes) -> OpenedCheckpoint:
    """A checkpoint that a log of the policy signed. Raises GatherError."""
    try:
        opened = open_checkpoint(data, policy.keys)
    except NoteError as error:
        raise GatherError(str(error)) from None
    if not policy.log_keys(opened):
        raise GatherError(f"no log of the policy signed it as {opened.checkpoint.origin}, which is its origin")
    return opened


def last_cosigned(earlier: Iterable[StoredCheckpoint], service: Service, checkpoint: Checkpoint) -> int:
    """The largest size, up to that of the checkpoint, that a service is seen to have cosigned; 0 if none."""
    lines = {(key.name, key.key_id) for key in service.keys}
    return max(
        (
            one.checkpoint.size
            for one in earlier
            if one.checkpoint.origin == checkpoint.origin
            and one.checkpoint.size <= checkpoint.size
            and any((line.name, line.key_id) in lines for line in one.note.signatures)
        ),
        default=0,
    )


def gather(
    policy: Policy,
    opened: OpenedCheckpoint,
    earlier: Sequence[StoredCheckpoint],
    prove: Callable[[int], Sequence[bytes]],
    post: Post,
) -> Gathered:
    """Ask every witness of the policy that has a URL. `prove` and `post` are as for `asking.ask`, from several threads.

    Raises GatherError where the policy names nobody who could be asked and the quorum needs somebody.
    """
    wanted = services(policy)
    if not wanted and not policy.satisfied_by(opened):
        raise GatherError("no witness of the policy has a URL, so nobody can be asked")
    origin, size = opened.checkpoint.origin, opened.checkpoint.size
    newest = max((each.checkpoint.size for each in earlier if each.checkpoint.origin == origin), default=0)
    results: dict[str, Asked] = {}

    def one(service: Service) -> None:
        sizes = last_cosigned(earlier, service, opened.checkpoint), max(newest, size)
        try:
            check_url(service.url)
            results[service.url] = ask(service.url, service.keys, opened.note, sizes, prove, post)
        except AskError as error:
            results[service.url] = Asked(Outcome.UNREACHABLE, str(error))
        except (ProofError, LedgerFileError) as error:
            results[service.url] = Asked(Outcome.REFUSED, f"no proof can be made for it ({error})")

    # Daemons: a witness that never ends its answer must not keep the program from ending.
    threads = [
        threading.Thread(target=one, args=[service], daemon=True)
        for service in wanted
        if not opened.keys.issuperset(service.keys)
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + PATIENCE_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return _gathered(policy, opened, wanted, dict(results))


def _gathered(
    policy: Policy, opened: OpenedCheckpoint, wanted: Sequence[Service], results: Mapping[str, Asked]
) -> Gathered:
    asked: list[tuple[Service, Asked]] = []
    signatures: list[NoteSignature] = []
    keys = set(opened.keys)
    for service in wanted:
        if opened.keys.issuperset(service.keys):
            result = Asked(Outcome.COSIGNED, "had cosigned it already")
        else:
            late = Asked(Outcome.UNREACHABLE, f"it has not answered within {PATIENCE_SECONDS:.0f} s")
            result = results.get(service.url, late)
        asked.append((service, result))
        signatures.extend(result.signatures)
        keys.update(result.keys)
    return Gathered(
        opened.note.adding(*signatures),
        opened.checkpoint,
        tuple(asked),
        len(policy.cosigners(keys)),
        len(policy.witnesses),
        policy.satisfied_by(keys),
    )
