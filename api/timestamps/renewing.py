"""Renewing the stored time stamps, before certificates run out or a hash grows weak (`ledger/proof/renewal.py`).

1. One new time stamp renews all that are taken together by the same hash: the first authority that answers gives it.
2. A record keeps the hash that it has, or gets the stronger one that is asked for; never a weaker one.
3. What does not hold now is not renewed but told of: a new time stamp would not make it better.
4. A record appears whole or not at all, and gains time stamps only. The token that it begins with stays where it is.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from api import durable
from api.evidence.book import open_book
from api.timestamps.client import Ask, ask
from ledger.proof.checkpoint import Checkpoint
from ledger.proof.evidence import TIMESTAMPS, Evidence, as_signed, evidence_folder, read_evidence
from ledger.proof.renewal import (
    STRENGTH,
    EntriesDigest,
    EvidenceRecord,
    Renewal,
    entries_digests,
    verify_record,
)
from ledger.proof.timestamp_token import TimestampError, read_response
from ledger.proof.timestamps import Authorities
from ledger.proof.tree import EMPTY_ROOT, Frontier, leaf_hash
from ledger.recording.live import utc_now

_LOCK: Final = ".renewing"
_READABLE: Final = 0o644
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Held:
    """A time stamp that is stored: its record (as it would begin, where there is none yet), and what it is about."""

    name: str
    """Of the record, or of the token where there is no record."""
    path: Path
    """Where the record lies, or will."""
    record: EvidenceRecord
    message: bytes
    checkpoint: Checkpoint

    @property
    def expires(self) -> datetime | None:
        """When the certificate of the last time stamp runs out, as far as the token tells."""
        return self.record.last.token.expires

    def due(self, by: datetime) -> bool:
        return self.expires is None or self.expires <= by


@dataclass(slots=True)
class Renewing:
    """What came of it: the records written, who gave the time stamp, who did not, and what was left as it was."""

    wanted: int = 0
    url: str | None = None
    renewed: list[Path] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def due_within(ledger: Path, days: int, *, clock: Clock = utc_now) -> list[Held]:
    """The time stamps whose certificate runs out within so many days, or is not in them.

    Raises EvidenceError and TimestampError.
    """
    by = clock() + timedelta(days=days)
    left: list[str] = []
    found = [one for one in _held(ledger, left) if one.due(by)]
    if left:
        raise TimestampError(left[0])
    return found


def renew(
    ledger: Path,
    urls: Sequence[str],
    algorithm: str,
    authorities: Authorities | None,
    within: int | None,
    *,
    asking: Ask = ask,
    clock: Clock = utc_now,
) -> Renewing:
    """Renew all time stamps, or those due within so many days, with `algorithm` or the stronger one that they have.

    Raises EvidenceError, TimestampError, LedgerFileError, OSError.
    """
    now, done = clock(), Renewing()
    folder = evidence_folder(ledger) / TIMESTAMPS
    if not any(folder.glob("*.tsr")):
        raise TimestampError(f"{folder}: there are no time stamps; make one: trial-ledger timestamp")
    with durable.locked(folder / _LOCK):
        batches: dict[str, list[Held]] = {}
        for one in _held(ledger, done.left):
            if within is not None and not one.due(now + timedelta(days=within)):
                continue
            done.wanted += 1
            if authorities is not None and (error := _error(one, authorities, now)) is not None:
                done.left.append(f"{one.name}: {error}")
                continue
            stronger = max(algorithm, one.record.algorithm, key=STRENGTH.index)
            # No authority is asked for SHA-384: the library knows no such request.
            batches.setdefault("sha512" if stronger == "sha384" else stronger, []).append(one)
        for name, batch in batches.items():
            taken, entries = _sound(ledger, batch, name, done.left)
            if not taken:
                continue
            renewal = Renewal.of([(one.record, one.message, entries(one.checkpoint.size)) for one in taken], name)
            response = _asked(done, urls, renewal, authorities, asking)
            if response is None:
                done.left += [f"{one.name}: not renewed" for one in taken]
                continue
            for one, record in zip(taken, renewal.stamped(response), strict=True):
                durable.write(one.path, record.encode(), mode=_READABLE, replace=True)
                done.renewed.append(one.path)
    return done


def _held(ledger: Path, left: list[str]) -> Iterator[Held]:
    folder = evidence_folder(ledger)
    evidence = read_evidence(folder)
    for stem, name, token in _tokens(evidence):
        of = next((one for one in evidence.checkpoints if one.stem == stem), None)
        path = folder / TIMESTAMPS / f"{name.removesuffix('.tsr')}.er"
        kept = evidence.tokens[stem].get(path.name)
        try:
            if of is None:
                raise TimestampError("there is no checkpoint that it could be for")
            message = as_signed(of.note)
            read = read_response(token)
            if not read.stamps(message):
                raise TimestampError("the time stamp is for another message")
            record = EvidenceRecord.beginning(token) if kept is None else EvidenceRecord.parse(kept)
            if record.chains[0][0].token.content != read.content:
                raise TimestampError(f"the evidence record does not begin with {name}")
        except TimestampError as error:
            left.append(f"{name if kept is None else path.name}: {error}")
            continue
        yield Held(name if kept is None else path.name, path, record, message, of.checkpoint)


def _tokens(evidence: Evidence) -> Iterator[tuple[str, str, bytes]]:
    for stem, tokens in evidence.tokens.items():
        for name, data in tokens.items():
            if name.endswith(".tsr"):
                yield stem, name, data


def _error(one: Held, authorities: Authorities, now: datetime) -> str | None:
    """Why a record does not hold now (rule 3)."""
    try:
        verify_record(one.record.encode(), one.message, authorities, until=now)
    except TimestampError as error:
        return str(error)
    return None


def _sound(
    ledger: Path, batch: Sequence[Held], algorithm: str, left: list[str]
) -> tuple[list[Held], Callable[[int], EntriesDigest | None]]:
    """Those of which the entries, which a stronger hash takes in, are those of the checkpoint; and their digests."""
    stronger = [one for one in batch if one.record.algorithm != algorithm]
    if not stronger:
        return list(batch), lambda _: None
    with open_book(ledger) as book:
        sizes = {one.checkpoint.size for one in stronger if one.checkpoint.size <= book.size}
        roots: dict[int, bytes] = {0: EMPTY_ROOT}
        digests = entries_digests(_rooted((entry for _, entry in book.entries()), sizes, roots), sizes, algorithm)
    taken = []
    for one in batch:
        if one.record.algorithm == algorithm or roots.get(one.checkpoint.size) == one.checkpoint.root:
            taken.append(one)
        else:
            left.append(f"{one.name}: the entries are not those of its checkpoint: run trial-ledger verify")

    def of(size: int) -> EntriesDigest | None:
        return (lambda _: digests[size]) if size in digests else None

    return taken, of


def _rooted(entries: Iterable[bytes], sizes: Collection[int], roots: dict[int, bytes]) -> Iterator[bytes]:
    """The entries, and on the way the root of the tree at each of the sizes."""
    frontier = Frontier()
    for entry in entries:
        frontier.append(leaf_hash(entry))
        if frontier.size in sizes:
            roots[frontier.size] = frontier.root()
        yield entry


def _asked(
    done: Renewing, urls: Sequence[str], renewal: Renewal, authorities: Authorities | None, asking: Ask
) -> bytes | None:
    for url in urls:
        try:
            response, _ = asking(url, renewal.data, renewal.algorithm, authorities)
        except TimestampError as error:
            done.failed.append(str(error))
            continue
        done.url = url
        return response
    return None
