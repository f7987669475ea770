"""Evidence from outside, held against a book that was walked. `docs/format.md` section 9.

1. A checkpoint counts if a log of the policy signed it, under a key whose name is the origin that it tells. Others are
   not looked at (C2SP signed-note); without a policy, those beside the ledger are compared all the same, and count
   for nothing. One that the verifier has kept counts whoever signed it: that person knows where it came from.
2. A signature by a key of the policy that does not verify is a finding (`signature`): somebody changed a checkpoint.
3. A checkpoint of size S that counts has the root that the book has at S, or the book has been cut or written anew
   (`checkpoint`). Where the book ends before S, a proof of consistency may show that it is the beginning of that tree.
   It is made of the hashes that ought to be there, as entries may be missing; where not all are known, nothing is said.
4. With a policy, its quorum has to be met by some checkpoint that counts (`policy`).
5. Whoever gives a time for a checkpoint (time stamp, cosignature) gives one to every entry before it: these cannot have
   been recorded later. And the ledger takes in digests of the time stamps that it obtained: what follows such an event
   cannot have been recorded before that time. (`time`; TOLERANCE allows for clocks.)
6. A time stamp that does not verify counts for nothing, and is told of in a remark: whom the verifier does not know may
   well have made it.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from ledger.proof.assurance import Assurance, Stamp, Witnessing
from ledger.proof.checkpoint import Checkpoint, OpenedCheckpoint, open_checkpoint
from ledger.proof.evidence import Evidence, StoredCheckpoint, as_signed
from ledger.proof.findings import Finding, Report
from ledger.proof.note import NoteError, SignatureError, VerifierKey
from ledger.proof.policy import Policy
from ledger.proof.renewal import EntriesDigest, entries_digests, verify_record
from ledger.proof.timestamps import Authorities, Stamped, TimestampError, TimestampsNotChecked, verify_token
from ledger.proof.tree import ProofError, verify_consistency
from ledger.proof.watch import CONTINUED_TYPE, TIMESTAMPED_TYPE, Watched

TOLERANCE: Final = timedelta(minutes=5)
"""How far the clocks of ledger, witnesses and authorities may lie apart."""
_MOST_REMARKS: Final = 100


@dataclass(frozen=True, slots=True)
class Trusted:
    """What the verifier brings: keys, authorities, checkpoints of its own; all of it may be left out."""

    policy: Policy | None = None
    authorities: Authorities | None = None
    kept: Sequence[StoredCheckpoint] = ()


@dataclass(frozen=True, slots=True)
class _Counted:
    """A checkpoint that counts, with what verifies of its signatures."""

    stored: StoredCheckpoint
    opened: OpenedCheckpoint | None
    signers: tuple[VerifierKey, ...] = ()
    quorum: bool = False
    """Whether witnesses enough for the policy cosigned it."""
    kept: bool = False

    @property
    def weight(self) -> int:
        """How hard it is to have made it falsely: the log's key may be stolen, witnesses would have to lie too."""
        return 2 if self.kept else 1 if self.quorum else 0

    @property
    def checkpoint(self) -> Checkpoint:
        return self.stored.checkpoint

    @property
    def by(self) -> str:
        if self.signers:
            return f"signed by {self.checkpoint.origin}"
        return "handed over" if self.kept else "of which no signature was checked"


@dataclass(slots=True)
class _Assessment:
    report: Report
    evidence: Evidence
    trusted: Trusted
    consistency: Mapping[int, Sequence[bytes]]
    entries: Callable[[], Iterable[bytes]] | None
    findings: list[Finding] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    unsound: list[tuple[int, int]] = field(default_factory=list)

    def digests(self, size: int) -> EntriesDigest | None:
        """Of the first `size` entries, for records that were renewed by a stronger hash."""
        if self.entries is None or size > self.report.size:
            return None
        stored = self.entries
        return lambda algorithm: entries_digests(stored(), [size], algorithm)[size]

    def find(self, code: str, seq: int | None, message: str) -> None:
        self.findings.append(Finding(code, "open", seq, None, message))


def sizes_of(evidence: Evidence, kept: Iterable[StoredCheckpoint] = ()) -> frozenset[int]:
    """The sizes at which the walk is to tell the root."""
    return frozenset(one.checkpoint.size for one in (*evidence.checkpoints, *kept))


def assess(
    report: Report,
    evidence: Evidence,
    trusted: Trusted,
    *,
    consistency: Mapping[int, Sequence[bytes]] | None = None,
    entries: Callable[[], Iterable[bytes]] | None = None,
) -> Report:
    """The report with what evidence adds to it: findings, and how far it reaches.

    `report` is that of a walk with `sizes_of(evidence, trusted.kept)`; `consistency` has proofs from the size of the
    book to larger ones, `entries` gives those of the open book, as they are stored, from the first on.
    """
    work = _Assessment(report, evidence, trusted, consistency or {}, entries)
    counted = [one for stored in evidence.checkpoints if (one := _count(work, stored)) is not None]
    own = [replace(_count(work, stored) or _Counted(stored, None), kept=True) for stored in trusted.kept]
    held = _compare(work, [*own, *counted])
    stamps = _stamps(work, held)
    assurance = _assurance(work, held, stamps)
    _times(work, held, stamps)
    if trusted.policy is not None:
        _judge(work, trusted.policy, held, assurance)
    return report.assessed(work.findings, work.unsound, assurance)


def _count(work: _Assessment, stored: StoredCheckpoint) -> _Counted | None:
    """The checkpoint, if it counts (rule 1)."""
    policy, origin = work.trusted.policy, stored.checkpoint.origin
    if policy is None:
        return _Counted(stored, None)
    try:
        opened = open_checkpoint(stored.data, (*policy.logs, *policy.witnesses.values()))
    except SignatureError as error:
        work.find("signature", None, f"checkpoint of size {stored.checkpoint.size} of {origin}: {error}")
        return None
    except NoteError as error:  # no signature of a key that is known
        _remark(work, f"checkpoint of size {stored.checkpoint.size}: {error}; it counts for nothing")
        return None
    signers = policy.log_keys(opened)
    if not signers:
        _remark(
            work, f"checkpoint of size {stored.checkpoint.size}: no log of the policy signed it; it counts for nothing"
        )
        return None
    return _Counted(stored, opened, signers, bool(policy.witnessed(opened)[0]) and policy.satisfied_by(opened))


def _compare(work: _Assessment, checkpoints: Sequence[_Counted]) -> list[_Counted]:
    """Those that the book agrees with, by rising size; of the others, what that says (rule 3)."""
    held, wrong = [], []
    for one in checkpoints:
        if one.checkpoint.origin not in work.report.watched.origins:
            said = ", ".join(work.report.watched.origins)
            of = f"a checkpoint {one.by} is of the ledger {one.checkpoint.origin}; this one is {said}"
            if one.signers or one.kept:
                work.find("checkpoint", None, of)
            else:
                _remark(work, of)
        elif _extends(work, one.checkpoint):
            held.append(one)
        else:
            wrong.append(one)
    held.sort(key=lambda one: one.checkpoint.size)
    for one in sorted(wrong, key=lambda one: one.checkpoint.size):
        _contradicted(work, one, held)
    return held


def _extends(work: _Assessment, checkpoint: Checkpoint) -> bool:
    """Whether the book has the checkpoint's tree as its beginning, or is itself shown to be the beginning of it."""
    size, root, end = checkpoint.size, checkpoint.root, work.report.end
    if size <= end:
        return work.report.root_at(size) == root
    proof, own = work.consistency.get(size), work.report.root_at(end)
    if proof is None or own is None or not end:
        return False
    try:
        verify_consistency(end, size, own, root, proof)
    except ProofError:
        return False
    return True


def _contradicted(work: _Assessment, one: _Counted, held: Sequence[_Counted]) -> None:
    size, end = one.checkpoint.size, work.report.end
    if work.report.root_at(min(size, end)) is None:
        return  # what is missing or altered before it has its own findings, and nothing can be told
    # What its keeper saw is not bounded by what a stolen key may have signed.
    surer = [good.checkpoint.size for good in held if good.weight >= one.weight]
    before = min(max((other for other in surer if other < size), default=0), end)
    if size > end:
        what = f"the checkpoint of size {size} {one.by} is larger than this book, which has {end}"
        how = (
            "entries are missing at its end" if size not in work.consistency else "it is not the beginning of that tree"
        )
        work.find("checkpoint", None, f"{what}: {how}{_acknowledged(work.report.watched, one.checkpoint)}")
    elif after := [good for good in held if good.checkpoint.size >= size]:
        work.find(
            "checkpoint", before if end else None,
            f"the checkpoint of size {size} {one.by} has another root than this book, and one of size "
            f"{after[0].checkpoint.size} agrees with it: two histories of this ledger were made",
        )  # fmt: skip
    else:
        work.find(
            "checkpoint", before,
            f"the checkpoint of size {size} {one.by} has another root: entries {before} to {size - 1} are not, or not "
            f"all, those that it was made of{_acknowledged(work.report.watched, one.checkpoint)}",
        )  # fmt: skip
    if before < end and not any(other >= size for other in surer):
        work.unsound.append((before, end - 1))


def _acknowledged(watched: Watched, checkpoint: Checkpoint) -> str:
    """What the ledger itself says of having been restored from an older copy."""
    for event in watched.events:
        if event.type == CONTINUED_TYPE.decode() and event.told.get("former_origin") == checkpoint.origin:
            return f"; entry {event.seq} says that the ledger was continued there, under another origin"
    return ""


@dataclass(frozen=True, slots=True)
class _Token:
    size: int
    digest: str
    stamped: Stamped
    renewed: datetime | None = None


def _stamps(work: _Assessment, held: Sequence[_Counted]) -> list[_Token]:
    """The time stamps that verify, of checkpoints that the book agrees with (rule 6)."""
    found = []
    for one in held:
        files = work.evidence.tokens.get(one.stored.stem, {})
        for number in sorted({Path(name).stem for name in files}):
            token = _stamp(work, one, number, files)
            if token is not None:
                found.append(token)
    stray = work.evidence.tokens.keys() - {one.stored.stem for one in held}
    if stray:
        _remark(work, f"time stamps of {len(stray)} checkpoints that do not count, or are not there, count for nothing")
    return sorted(found, key=lambda token: (token.size, token.stamped.gen_time))


def _stamp(work: _Assessment, one: _Counted, number: str, files: Mapping[str, bytes]) -> _Token | None:
    """A time stamp of a checkpoint, and the record of its renewals: what verifies of the two."""
    message, size = as_signed(one.stored.note), one.checkpoint.size
    token, record = files.get(f"{number}.tsr"), files.get(f"{number}.er")
    stamped = None if token is None else _tried(work, f"{number}.tsr", partial(verify_token, token, message))
    renewed = None
    if record is not None:
        verify = partial(verify_record, record, message, entries=work.digests(size))
        again = _tried(work, f"{number}.er", verify)
        if again is not None:
            stamped, renewed = stamped or again.first, again.stamps[-1].gen_time
    if stamped is None:
        return None
    digest = "" if token is None else hashlib.sha256(token).hexdigest()
    return _Token(min(size, work.report.end), digest, stamped, renewed)


_Verified = TypeVar("_Verified")


def _tried(work: _Assessment, name: str, verify: Callable[[Authorities], _Verified]) -> _Verified | None:
    """What a time stamp verifies to; None where it does not, or is not checked, with a remark."""
    if work.trusted.authorities is None:
        _remark(work, "time stamps are not checked, as no certificates of authorities were given")
        return None
    try:
        return verify(work.trusted.authorities)
    except TimestampsNotChecked as error:
        _remark(work, str(error))
    except TimestampError as error:
        _remark(work, f"time stamp {name}: {error}; it counts for nothing")
    return None


def _assurance(work: _Assessment, held: Sequence[_Counted], stamps: Sequence[_Token]) -> Assurance:
    policy, book = work.trusted.policy, work.report.end
    signed = [one for one in held if one.signers]
    last = signed[-1] if signed else None
    witnessed = None
    if policy is not None and policy.witnesses:
        for one in signed:
            assert one.opened is not None
            count, of = policy.witnessed(one.opened)
            seen = Witnessing(min(one.checkpoint.size, book), count, of, policy.satisfied_by(one.opened))
            if count and (witnessed is None or seen.quorum >= witnessed.quorum):
                witnessed = seen
    shown = [
        Stamp(
            token.size,
            _iso(token.stamped.gen_time),
            token.stamped.authority,
            None if token.renewed is None else _iso(token.renewed),
        )
        for token in stamps
    ]
    kept = [min(one.checkpoint.size, book) for one in held if one.kept]
    assurance = Assurance(
        signed=None if last is None else min(last.checkpoint.size, book),
        signers=() if last is None else tuple(dict.fromkeys(key.name for key in last.signers)),
        stamped=tuple(dict.fromkeys((shown[0], shown[-1]))) if shown else (),
        witnessed=witnessed,
        kept=max(kept, default=None),
        policy=policy is not None,
        remarks=tuple(work.remarks),
    )
    sealed = work.report.watched.anchored(assurance.external) if assurance.external else None
    return replace(assurance, sealed=sealed)


def _times(work: _Assessment, held: Sequence[_Counted], stamps: Sequence[_Token]) -> None:
    """Rule 5."""
    told = [(token.size, token.stamped.gen_time, f"time stamp of {token.stamped.authority}") for token in stamps]
    witnesses = {} if work.trusted.policy is None else {
        (key.name, key.key_id): key for key in work.trusted.policy.witnesses.values()
    }  # fmt: skip
    for one in held:
        for signature in () if one.opened is None else one.opened.signatures:
            if (signature.key.name, signature.key.key_id) in witnesses and signature.timestamp is not None:
                size = min(one.checkpoint.size, work.report.end)
                told.append((size, _posix(signature.timestamp), f"cosignature of {signature.key.name}"))
    for size, time, what in sorted(told, key=lambda one: (one[0], one[1])):
        at = _instant(work.report.watched.times.get(size))
        if at is not None and at > time + TOLERANCE:
            work.find("time", size - 1, f"it is said to be recorded at {_iso(at)}, after the {what}, {_iso(time)}")
            break
    digests = {token.digest: token for token in stamps}
    for event in work.report.watched.events:
        if event.type != TIMESTAMPED_TYPE.decode():
            continue
        token, at = digests.get(str(event.told.get("token_sha256"))), _instant(event.at)
        if token is not None and at is not None and at < token.stamped.gen_time - TOLERANCE:
            made = _iso(token.stamped.gen_time)
            work.find("time", event.seq, f"it is said to be recorded at {_iso(at)}, and names a time stamp of {made}")


def _judge(work: _Assessment, policy: Policy, held: Sequence[_Counted], assurance: Assurance) -> None:
    """Rule 4."""
    if assurance.signed is None:
        none = "" if work.evidence else "; there is no evidence at all in the bundle, or beside the ledger"
        work.find("policy", None, f"no checkpoint that a log of the policy signed holds of this book{none}")
        return
    if not any(one.opened is not None and one.signers and policy.satisfied_by(one.opened) for one in held):
        seen = assurance.witnessed
        many = f"{0 if seen is None else seen.count} of {len(policy.witnesses)} witnesses"
        work.find("policy", None, f"no checkpoint has the cosignatures that the quorum asks for ({many} at most)")


def _remark(work: _Assessment, text: str) -> None:
    if text not in work.remarks and len(work.remarks) < _MOST_REMARKS:
        work.remarks.append(text)


def _instant(at: str | None) -> datetime | None:
    try:
        return None if at is None else datetime.fromisoformat(at)
    except ValueError:  # it has its own finding
        return None


def _posix(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.max.replace(tzinfo=UTC) - TOLERANCE


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
