"""What a witness answers to add-checkpoint: C2SP tlog-witness. Pure but for the store and the clock it is handed.

1. The order of the checks is that of the specification: form (400), origin (404), signatures (403), old size within
   the new one (400), old size against what was cosigned last (409), root of no leaves, proof, equal roots (422).
2. From the comparison with what was cosigned last until the new checkpoint is durable, one lock is held: no second
   request can come in between, and the answer leaves after the store has kept what it says.
3. Of the submitted note only what was verified is kept: the text, the signatures of the log's trusted keys, and the
   cosignatures. Whatever else was in it is not ours to vouch for.
4. The time in a cosignature is that of the clock, never another. Where the clock is behind the last cosignature for a
   log, the answer is 503: a cosignature would say that an older tree was the largest one later on.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from api.witness.request import AddCheckpoint, RequestError, parse
from api.witness.store import Recorded, StoreError
from ledger.keys.signing import Signer
from ledger.proof.checkpoint import open_checkpoint
from ledger.proof.note import Note, NoteError, NoteSignature, VerifierKey
from ledger.proof.tree import EMPTY_ROOT, ProofError, verify_consistency

TEXT: Final = "text/plain; charset=utf-8"
SIZE: Final = "text/x.tlog.size"
MAX_TIME: Final = 2**63 - 1
_STATE: Final = "this witness cannot read or write its state"
"""For clients; the operator's log has the file and the reason."""


class Store(Protocol):
    """Where a witness keeps, for each log, the checkpoint that it cosigned last."""

    def get(self, origin: str) -> Recorded | None:
        """What was cosigned last for a log, None if nothing ever was. Raises StoreError where that is not certain."""

    def put(self, record: Recorded) -> None:
        """Keep this in place of what was there; durable once this returns. Raises StoreError."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer over HTTP."""

    status: int
    content_type: str
    body: bytes
    retry_after: int | None = None
    """Seconds after which to ask again (RFC 9110 section 10.2.3), where that is known."""
    note: str = ""
    """What happened, for the operator's log: never anything that an unauthenticated client wrote."""


class Witness:
    """A witness with its keys, the logs that it trusts, its store and its clock (POSIX seconds)."""

    def __init__(
        self,
        cosigners: Sequence[Signer],
        logs: Mapping[str, Sequence[VerifierKey]],
        store: Store,
        clock: Callable[[], int],
    ) -> None:
        self._cosigners = tuple(cosigners)
        self._logs = logs
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()

    @property
    def keys(self) -> tuple[VerifierKey, ...]:
        """The keys under which it cosigns."""
        return tuple(one.key for one in self._cosigners)

    def add_checkpoint(self, body: bytes) -> Response:
        """Answer a request to cosign; every answer of the specification, and 503 where nothing can be said."""
        try:
            request = parse(body)
        except RequestError as error:
            return _refused(400, str(error))
        trusted = self._logs.get(request.checkpoint.origin)
        if trusted is None:
            return _refused(404, "the checkpoint is of a log that this witness does not know")
        try:
            open_checkpoint(request.data, trusted)
        except NoteError as error:  # its form was checked: nobody trusted signed it, or a signature does not verify
            return _refused(403, str(error))
        if request.old > request.checkpoint.size:
            return _refused(400, f"old is {request.old}, beyond the size of the checkpoint, {request.checkpoint.size}")
        verified = _of_keys(request.note, trusted)
        with self._lock:
            return self._cosign(request, verified)

    def checkpoint(self, origin_hash: str) -> Response:
        """The checkpoint that was cosigned last for a log, with all of its cosignatures; the monitors' part."""
        for origin in self._logs:
            if Recorded.hash_of(origin) == origin_hash:
                with self._lock:
                    try:
                        last = self._store.get(origin)
                    except StoreError as error:
                        return _unavailable(_STATE, told=str(error))
                if last is not None:
                    return Response(200, TEXT, last.data)
        return _refused(404, "nothing was cosigned for such a log")

    def _cosign(self, request: AddCheckpoint, verified: Sequence[NoteSignature]) -> Response:
        checkpoint = request.checkpoint
        try:
            last = self._store.get(checkpoint.origin)
        except StoreError as error:
            return _unavailable(_STATE, told=str(error))
        size = 0 if last is None else last.checkpoint.size
        if request.old != size:
            return Response(409, SIZE, b"%d\n" % size)
        if problem := _inconsistent(request, last):
            told = f"{checkpoint.origin}: NOT cosigned at {checkpoint.size}, after {size}: {problem}"
            return Response(422, TEXT, f"{problem}\n".encode(), note=told)
        now = self._clock()
        if not 0 < now <= MAX_TIME:
            return _unavailable("the clock of this witness is not set")
        if last is not None and now < last.timestamp:
            behind = last.timestamp - now
            return _unavailable(f"the clock of this witness is {behind} s behind its last cosignature", behind)
        cosignatures = tuple(one.sign(checkpoint, now) for one in self._cosigners)
        cosigned = Note(request.note.text, (*verified, *cosignatures))
        try:
            self._store.put(Recorded(cosigned.encode(), checkpoint, now))
        except StoreError as error:
            return _unavailable(_STATE, told=str(error))
        told = f"{checkpoint.origin}: cosigned at {checkpoint.size}, after {size}"
        return Response(200, TEXT, "".join(one.encode() for one in cosignatures).encode(), note=told)


def _inconsistent(request: AddCheckpoint, last: Recorded | None) -> str:
    """Why the new checkpoint does not continue what was cosigned last; nothing if it does."""
    new = request.checkpoint
    if new.size == 0 and new.root != EMPTY_ROOT:
        return "the root of a tree without leaves is the hash of nothing"
    if request.old == 0:
        return "a proof from no leaves is empty" if request.proof else ""
    if last is None:
        return "nothing was cosigned at that size"
    try:
        verify_consistency(request.old, new.size, last.checkpoint.root, new.root, request.proof)
    except ProofError as error:
        return str(error)
    return ""


def _of_keys(note: Note, keys: Sequence[VerifierKey]) -> tuple[NoteSignature, ...]:
    """The first signature of each of the keys, all of which were verified."""
    known = {(key.name, key.key_id) for key in keys}
    found: dict[tuple[str, bytes], NoteSignature] = {}
    for one in note.signatures:
        if (one.name, one.key_id) in known:
            found.setdefault((one.name, one.key_id), one)
    return tuple(found.values())


def _refused(status: int, why: str) -> Response:
    return Response(status, TEXT, f"{why}\n".encode())


def _unavailable(why: str, retry_after: int | None = None, *, told: str = "") -> Response:
    return Response(503, TEXT, f"{why}\n".encode(), retry_after, note=f"nothing can be cosigned: {told or why}")
