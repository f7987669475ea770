"""Evidence records (RFC 4998): time stamps that were stamped anew before they became weak. Made and verified.

A record is about one time stamp of one checkpoint, and lies beside it: `timestamps/<stem>-<number>.er`.

1. Its first time stamp is that token, over the checkpoint as signed. A renewal with the same hash is over the token
   before (5.2, time-stamp renewal, the same chain). One with a stronger hash is over the checkpoint and all chains so
   far (5.2, hash-tree renewal, a new chain): h' = H(H(checkpoint) ‖ H(sequence of chains)), in this order.
2. In the tree of a hash-tree renewal lies a second data object too, of which the time stamp is the first: the entries
   up to the size of the checkpoint, each after its length in 8 octets (big-endian). So what the tree of the checkpoint
   holds by SHA-256 is held by the stronger hash as well, from then on.
3. Any number of records share one time stamp: each has its own way to the root (4.2, lists of a reduced hash tree).
4. A record holds if each of its time stamps does, and its certificates were valid up to the time of the next (5.3).
5. Written and read is what rule 1 and 2 need. There is no encryption information, no `cryptoInfos`, and no attributes:
   certificates that a token lacks, and revocation lists of its time, are not in it.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from ledger.proof.der import OCTET_STRING as OCTETS
from ledger.proof.der import SEQUENCE, DERError, Value, context, encoded, integer, oid
from ledger.proof.evidence import MAX_RECORD_BYTES
from ledger.proof.timestamp_token import HASHES, TimestampError, Token, as_response, read_response, read_token
from ledger.proof.timestamps import Authorities, Stamped, verify_imprint

OIDS: Final = {name: number for number, name in HASHES.items()}
STRENGTH: Final = ("sha256", "sha384", "sha512")
MAX_TIMESTAMPS: Final = 64
"""In one record: 25 years of renewals each half year, and some."""

EntriesDigest = Callable[[str], bytes]
"""Name of a hash algorithm -> the digest of rule 2's second data object, of the size in question."""


@dataclass(frozen=True, slots=True)
class ArchiveTimestamp:
    """One time stamp of a record: its token as stored, and the way from what it is about to its root."""

    token: Token
    lists: tuple[tuple[bytes, ...], ...]
    algorithm: str
    whole: bytes

    def root_over(self, leaf: bytes) -> bytes:
        """The root that the lists lead to from a leaf, which the first has to hold (RFC 4998, 4.3)."""
        reached = leaf
        for number, each in enumerate(self.lists):
            if number == 0 and leaf not in each:
                raise TimestampError("the evidence record is about something else")
            reached = _node([*each, *([reached] if number else [])], self.algorithm)
        return reached

    def holds(self, leaf: bytes) -> bool:
        """Whether a leaf stands in the first list."""
        return bool(self.lists) and leaf in self.lists[0]


@dataclass(frozen=True, slots=True)
class EvidenceRecord:
    """Chains of time stamps, the oldest first; all of one chain by the same hash."""

    chains: tuple[tuple[ArchiveTimestamp, ...], ...]

    @classmethod
    def beginning(cls, response: bytes) -> Self:
        """The record that a time stamp begins. Raises TimestampError."""
        token = read_response(response)
        if token.imprint_oid not in HASHES:
            raise TimestampError(f"the imprint is made by {token.imprint_oid}, which is not accepted")
        return cls(((_archived(token.content, (), token.hash_algorithm),),))

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """A record from its DER. Raises TimestampError."""
        if len(data) > MAX_RECORD_BYTES:
            raise TimestampError(f"an evidence record has at most {MAX_RECORD_BYTES:,} bytes")
        try:
            members = Value.read(data).members(SEQUENCE)
            if len(members) != 3 or members[0].integer != 1:
                raise DERError("not a record of version 1 with digest algorithms and time stamps alone")
            named = [HASHES.get(_algorithm(one)) for one in members[1].members(SEQUENCE)]
            chains = []
            for chain in members[2].members(SEQUENCE):
                chains.append(tuple(_read_archived(one) for one in chain.members(SEQUENCE)))
            if not chains or not all(chains) or sum(map(len, chains)) > MAX_TIMESTAMPS:
                raise DERError(f"a record has between 1 and {MAX_TIMESTAMPS} time stamps, and no empty chain")
            for chain_ in chains:
                if len({one.algorithm for one in chain_}) != 1 or chain_[0].algorithm not in named:
                    raise DERError("the time stamps of a chain are by one hash, which the record names")
            return cls(tuple(chains))
        except (DERError, IndexError) as error:
            raise TimestampError(f"is no evidence record of RFC 4998 ({error})") from None

    def encode(self) -> bytes:
        """The record as DER."""
        names = dict.fromkeys(chain[0].algorithm for chain in self.chains)
        algorithms = encoded(SEQUENCE, *(encoded(SEQUENCE, oid(OIDS[name])) for name in names))
        return encoded(SEQUENCE, integer(1), algorithms, _sequence_of(self.chains))

    @property
    def last(self) -> ArchiveTimestamp:
        return self.chains[-1][-1]

    @property
    def algorithm(self) -> str:
        """The hash of the last chain."""
        return self.last.algorithm


@dataclass(frozen=True, slots=True)
class Renewed:
    """A record that holds: its time stamps, the oldest first, and when the last has to be renewed.

    `entries`: since when a stronger hash holds the entries too (None: none does, or they were not there to compare).
    """

    stamps: tuple[Stamped, ...]
    entries: datetime | None

    @property
    def first(self) -> Stamped:
        return self.stamps[0]

    @property
    def expires(self) -> datetime:
        return self.stamps[-1].expires


def verify_record(
    data: bytes,
    message: bytes,
    authorities: Authorities,
    *,
    entries: EntriesDigest | None = None,
    until: datetime | None = None,
) -> Renewed:
    """That a record is about `message`, and holds all the way (rule 4).

    `entries`: where given, the second data object of each hash-tree renewal is compared too. `until`: up to when the
    certificates of the last time stamp have to be valid, as those of the others have to be up to the next.

    Raises TimestampError, and TimestampsNotChecked.
    """
    record = EvidenceRecord.parse(data)
    listed = [(number, place, one) for number, chain in enumerate(record.chains) for place, one in enumerate(chain)]
    stamps, since = list[Stamped](), None
    for at, (number, place, one) in enumerate(listed):
        if place:
            leaf = _digest(one.algorithm, listed[at - 1][2].token.content)
        elif number:
            leaf = _renewed_leaf(one.algorithm, message, record.chains[:number])
            if _strength(one.algorithm) <= _strength(record.chains[number - 1][0].algorithm):
                raise TimestampError("a new chain of the evidence record is not by a stronger hash")
            if entries is not None:
                if not one.holds(entries(one.algorithm)):
                    raise TimestampError("the evidence record is about other entries than these")
                since = since or one.token.gen_time
        else:
            leaf = _digest(one.algorithm, message)
        following = listed[at + 1][2].token.gen_time if at + 1 < len(listed) else until
        if following is not None and following < one.token.gen_time:
            raise TimestampError("a time stamp of the evidence record is later than the next, or than now")
        if one.token.hash_algorithm != one.algorithm:
            raise TimestampError("a time stamp of the evidence record is by another hash than its chain")
        response = as_response(one.token.content)
        stamps.append(verify_imprint(response, one.token, one.root_over(leaf), authorities, until=following))
    return Renewed(tuple(stamps), since)


@dataclass(frozen=True, slots=True)
class Renewal:
    """Records that one time stamp over `data`, by `algorithm`, renews."""

    data: bytes
    algorithm: str
    records: tuple[EvidenceRecord, ...]
    lists: tuple[tuple[tuple[bytes, ...], ...], ...]

    @classmethod
    def of(cls, records: Iterable[tuple[EvidenceRecord, bytes, EntriesDigest | None]], algorithm: str) -> Self:
        """What has to be stamped to renew these records: each with its checkpoint as signed, and its entries.

        Raises TimestampError for a record of a stronger hash, or one that is full.
        """
        taken, groups = list[EvidenceRecord](), list[list[bytes]]()
        for record, message, entries in records:
            if sum(map(len, record.chains)) >= MAX_TIMESTAMPS:
                raise TimestampError(f"an evidence record has at most {MAX_TIMESTAMPS} time stamps")
            if _strength(algorithm) < _strength(record.algorithm):
                raise TimestampError(f"{algorithm} is weaker than {record.algorithm}, by which it is stamped already")
            taken.append(record)
            if algorithm == record.algorithm:
                groups.append([record.last.token.content])
                continue
            if entries is None:
                raise TimestampError("a renewal by a stronger hash needs the entries")
            renewed = _digest(algorithm, message) + _digest(algorithm, _sequence_of(record.chains))
            groups.append([renewed, entries(algorithm)])
        if not taken:
            raise TimestampError("there is nothing to renew")
        if len(groups) == 1 and len(groups[0]) == 1:
            return cls(groups[0][0], algorithm, tuple(taken), ((),))  # no tree: the one leaf is stamped itself
        firsts = [tuple(sorted((_digest(algorithm, first), *others))) for first, *others in groups]
        ways, top = _tree(firsts, algorithm)
        return cls(b"".join(sorted(top)), algorithm, tuple(taken), tuple(ways))

    def stamped(self, response: bytes) -> list[EvidenceRecord]:
        """The records with their new time stamp, in the order in which they came. Raises TimestampError."""
        token = read_response(response)
        if token.hash_algorithm != self.algorithm or not token.stamps(self.data):
            raise TimestampError("the time stamp is for another renewal")
        done = []
        for record, lists in zip(self.records, self.lists, strict=True):
            new = _archived(token.content, lists, self.algorithm)
            if record.algorithm == self.algorithm:
                done.append(EvidenceRecord((*record.chains[:-1], (*record.chains[-1], new))))
            else:
                done.append(EvidenceRecord((*record.chains, (new,))))
        return done


def entries_digests(entries: Iterable[bytes], sizes: Iterable[int], algorithm: str) -> dict[int, bytes]:
    """Size -> the digest of rule 2's second data object over the first so many entries, in one pass.

    Raises TimestampError where there are fewer entries.
    """
    wanted, found, hashing, count = set(sizes), dict[int, bytes](), hashlib.new(algorithm), 0
    if 0 in wanted:
        found[0] = hashing.digest()
    for entry in entries:
        hashing.update(len(entry).to_bytes(8))
        hashing.update(entry)
        count += 1
        if count in wanted:
            found[count] = hashing.copy().digest()
            if len(found) == len(wanted):
                break
    missing = wanted - set(found)
    if missing:
        raise TimestampError(f"there are {count} entries, and a checkpoint of {max(missing)}")
    return found


# -- trees ---------------------------------------------------------------------------------------------------------


def _tree(
    firsts: Sequence[tuple[bytes, ...]], algorithm: str
) -> tuple[list[tuple[tuple[bytes, ...], ...]], tuple[bytes, ...]]:
    """For each first list its lists up to the root, and the values that the root is the hash of."""
    ways = [[first] for first in firsts]
    level = [(_node(first, algorithm), [number]) for number, first in enumerate(firsts)]
    top: tuple[bytes, ...] = firsts[0]
    while len(level) > 1:
        above = []
        for left in range(0, len(level) - 1, 2):
            (one, of_one), (other, of_other) = level[left], level[left + 1]
            for numbers, sibling in ((of_one, other), (of_other, one)):
                for number in numbers:
                    way = ways[number]
                    if len(way) == 1 and len(way[0]) == 1:  # a leaf stands in one list with its siblings (4.2)
                        way[0] = tuple(sorted((*way[0], sibling)))
                    else:
                        way.append((sibling,))
            top = (one, other)
            above.append((_node(top, algorithm), of_one + of_other))
        if len(level) % 2:
            above.append(level[-1])
        level = above
    return [tuple(way) for way in ways], top


def _node(values: Sequence[bytes], algorithm: str) -> bytes:
    """The hash of values in binary ascending order; of a single one, that itself."""
    return values[0] if len(values) == 1 else _digest(algorithm, b"".join(sorted(values)))


def _renewed_leaf(algorithm: str, message: bytes, chains: Sequence[Sequence[ArchiveTimestamp]]) -> bytes:
    return _digest(algorithm, _digest(algorithm, message) + _digest(algorithm, _sequence_of(chains)))


def _sequence_of(chains: Iterable[Sequence[ArchiveTimestamp]]) -> bytes:
    return encoded(SEQUENCE, *(encoded(SEQUENCE, *(one.whole for one in chain)) for chain in chains))


def _digest(algorithm: str, data: bytes) -> bytes:
    return hashlib.new(algorithm, data).digest()


def _strength(algorithm: str) -> int:
    return STRENGTH.index(algorithm)


# -- DER -----------------------------------------------------------------------------------------------------------


def _archived(content: bytes, lists: Sequence[Sequence[bytes]], algorithm: str) -> ArchiveTimestamp:
    named = encoded(context(0), oid(OIDS[algorithm]))
    tree = encoded(context(2), *(encoded(SEQUENCE, *(encoded(OCTETS, value) for value in each)) for each in lists))
    whole = encoded(SEQUENCE, named, tree if lists else b"", content)
    return ArchiveTimestamp(read_token(content), tuple(tuple(each) for each in lists), algorithm, whole)


def _read_archived(value: Value) -> ArchiveTimestamp:
    *optional, stamp = value.members(SEQUENCE)
    token = read_token(stamp.expect(SEQUENCE).whole)
    algorithm, lists = token.imprint_oid, tuple[tuple[bytes, ...], ...]()
    if [one.tag for one in optional] not in ([], [context(0)], [context(2)], [context(0), context(2)]):
        raise DERError("a time stamp has members that are not known here")
    for one in optional:
        if one.tag == context(0):
            algorithm = one.members()[0].oid
        else:
            lists = tuple(tuple(each.octets for each in part.members(SEQUENCE)) for part in one.members())
            if not all(lists):
                raise DERError("a list of hashes is empty")
    if algorithm not in HASHES:
        raise DERError(f"the hash {algorithm} is not accepted")
    return ArchiveTimestamp(token, lists, HASHES[algorithm], value.whole)


def _algorithm(value: Value) -> str:
    return value.members(SEQUENCE)[0].oid
