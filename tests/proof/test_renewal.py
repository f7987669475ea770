"""Evidence records: what a renewal holds, what breaks it, and that Bouncy Castle reads it the same way."""

import hashlib
import os
import random
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ledger.proof.der import OCTET_STRING, SEQUENCE, Value, context, encoded
from ledger.proof.evidence import read_evidence
from ledger.proof.renewal import (
    MAX_TIMESTAMPS,
    EntriesDigest,
    EvidenceRecord,
    Renewal,
    Renewed,
    entries_digests,
    verify_record,
)
from ledger.proof.timestamps import Authorities, TimestampError
from tests.tsa import TestAuthority

NOW = datetime.now(UTC).replace(microsecond=0)
YEAR = timedelta(days=365)
ENTRIES = [f"entry {number}".encode() * number for number in range(9)]
CHECK = Path(__file__).parent / "evidence_record" / "Check.java"
JARS = [Path(f"/usr/share/java/{name}.jar") for name in ("bcpkix", "bcprov", "bcutil")]


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> TestAuthority:
    return TestAuthority(tmp_path_factory.mktemp("tsa"), now=NOW, before=30 * YEAR)


@pytest.fixture(scope="module")
def trusted(tsa: TestAuthority) -> Authorities:
    return Authorities.parse(tsa.roots_pem.read_bytes())


def message(number: int) -> bytes:
    return f"checkpoint {number}\n".encode()


def entries(size: int, of: Sequence[bytes] = ENTRIES) -> EntriesDigest:
    return lambda algorithm: entries_digests(of, [size], algorithm)[size]


def begun(tsa: TestAuthority, count: int = 1, at: datetime = NOW - YEAR) -> list[EvidenceRecord]:
    return [EvidenceRecord.beginning(tsa.made(message(number), at=at)) for number in range(count)]


def again(
    records: Sequence[EvidenceRecord], tsa: TestAuthority, algorithm: str = "sha256", at: datetime = NOW
) -> list[EvidenceRecord]:
    """The records, renewed by one time stamp; record number n is about message n and the first n entries."""
    renewal = Renewal.of(
        [(record, message(number), entries(number)) for number, record in enumerate(records)], algorithm
    )
    return renewal.stamped(tsa.made(renewal.data, at=at, algorithm=algorithm))


def held(record: EvidenceRecord, trusted: Authorities, number: int = 0) -> Renewed:
    return verify_record(record.encode(), message(number), trusted, entries=entries(number))


# -- what holds ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8])
def test_one_time_stamp_renews_any_number_of_records(tsa: TestAuthority, trusted: Authorities, count: int) -> None:
    records = begun(tsa, count, NOW - 3 * YEAR)
    for years, algorithm in ((2, "sha256"), (1, "sha512"), (0, "sha512")):
        records = again(records, tsa, algorithm, NOW - years * YEAR)
    assert len({record.last.token.content for record in records}) == 1
    for number, record in enumerate(records):
        assert EvidenceRecord.parse(record.encode()) == record
        renewed = held(record, trusted, number)
        assert [stamp.gen_time for stamp in renewed.stamps] == [NOW - years * YEAR for years in (3, 2, 1, 0)]
        assert [stamp.hash_algorithm for stamp in renewed.stamps] == ["sha256", "sha256", "sha512", "sha512"]
        assert renewed.entries == NOW - YEAR
        with pytest.raises(TimestampError, match=r"about something else|another message"):
            verify_record(record.encode(), message(count), trusted)


def test_a_renewal_outlives_the_certificate_of_what_it_renews(tmp_path: Path, tsa: TestAuthority) -> None:
    early = TestAuthority(tmp_path, name="Early", now=NOW - 4 * YEAR, after=YEAR)
    both = Authorities.parse(tsa.roots_pem.read_bytes(), early.roots_pem.read_bytes())
    records = begun(early, at=NOW - 4 * YEAR)
    in_time = again(records, tsa, at=NOW - 3 * YEAR - timedelta(days=1))[0]
    renewed = held(in_time, both)
    assert renewed.first.gen_time == NOW - 4 * YEAR
    assert (renewed.first.expires, renewed.expires) == (
        early.certificate.not_valid_after_utc,
        tsa.certificate.not_valid_after_utc,
    )
    too_late = again(records, tsa, at=NOW - 3 * YEAR + timedelta(days=1))[0]
    with pytest.raises(TimestampError, match="was not valid at"):
        held(too_late, both)


def test_a_stronger_hash_holds_the_entries_too(tsa: TestAuthority, trusted: Authorities) -> None:
    record = again(begun(tsa, 4), tsa, "sha512")[3]
    assert verify_record(record.encode(), message(3), trusted).entries is None
    assert held(record, trusted, 3).entries == NOW
    others = [*ENTRIES[:2], b"another", *ENTRIES[3:]]
    with pytest.raises(TimestampError, match="about other entries"):
        verify_record(record.encode(), message(3), trusted, entries=entries(3, others))
    # By the weaker hash alone nothing but the checkpoint holds them.
    weak = again(begun(tsa, 4), tsa)[3]
    assert verify_record(weak.encode(), message(3), trusted, entries=entries(3, others)).entries is None


def test_the_digest_over_entries_is_that_of_each_after_its_length() -> None:
    stream = b"".join(len(entry).to_bytes(8) + entry for entry in ENTRIES[:5])
    digests = entries_digests(iter(ENTRIES), [5, 0, 2], "sha512")
    assert digests[5] == hashlib.sha512(stream).digest()
    assert set(digests) == {0, 2, 5}
    with pytest.raises(TimestampError, match="9 entries, and a checkpoint of 10"):
        entries_digests(ENTRIES, [10], "sha512")


def test_the_members_of_a_record_are_those_of_rfc_4998(tsa: TestAuthority) -> None:
    record = again(again(begun(tsa, 2), tsa), tsa, "sha512")[0]
    version, algorithms, sequence = Value.read(record.encode()).members(SEQUENCE)
    assert version.integer == 1
    named = [one.members()[0].oid for one in algorithms.members(SEQUENCE)]
    assert named == ["2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.3"]
    chains = [chain.members(SEQUENCE) for chain in sequence.members(SEQUENCE)]
    assert [len(chain) for chain in chains] == [2, 1]
    first, second = (one.members(SEQUENCE) for one in chains[0])
    assert [one.tag for one in first] == [context(0), SEQUENCE]
    assert [one.tag for one in second] == [context(0), context(2), SEQUENCE]
    # The hash of the whole time stamp before, with its tag and length, stands in the first list (5.2).
    of_first = hashlib.sha256(first[1].whole).digest()
    assert of_first in [one.octets for one in second[1].members()[0].members(SEQUENCE)]
    # H(H(data) + H(sequence of chains so far)), in this order.
    so_far = encoded(SEQUENCE, sequence.members()[0].whole)
    leaf = hashlib.sha512(hashlib.sha512(message(0)).digest() + hashlib.sha512(so_far).digest()).digest()
    listed = [one.octets for one in chains[1][0].members()[1].members()[0].members(SEQUENCE)]
    assert leaf in listed
    assert listed == sorted(listed)


# -- what does not -------------------------------------------------------------------------------------------------


def test_a_weaker_hash_does_not_renew(tsa: TestAuthority) -> None:
    records = again(begun(tsa), tsa, "sha512")
    with pytest.raises(TimestampError, match="sha256 is weaker than sha512"):
        again(records, tsa, "sha256")
    with pytest.raises(TimestampError, match="needs the entries"):
        Renewal.of([(begun(tsa)[0], message(0), None)], "sha512")
    with pytest.raises(TimestampError, match="nothing to renew"):
        Renewal.of([], "sha512")


def test_a_renewal_takes_its_own_time_stamp_only(tsa: TestAuthority) -> None:
    renewal = Renewal.of([(begun(tsa)[0], message(0), None)], "sha256")
    for other in (tsa.made(b"something else"), tsa.made(renewal.data, algorithm="sha512")):
        with pytest.raises(TimestampError, match="another renewal"):
            renewal.stamped(other)


def test_a_time_stamp_that_is_later_than_the_next_is_refused(tsa: TestAuthority, trusted: Authorities) -> None:
    with pytest.raises(TimestampError, match="later than the next"):
        held(again(begun(tsa, at=NOW), tsa, at=NOW - YEAR)[0], trusted)


def test_a_chain_that_lacks_a_time_stamp_does_not_hold(tsa: TestAuthority, trusted: Authorities) -> None:
    [record] = again(again(again(begun(tsa), tsa), tsa), tsa, "sha512")
    first, second = record.chains
    for chains in (
        ((first[0], first[2]), second),
        ((first[1], first[2]), second),
        (first[:2], second),
        (second,),
        ((first[1], first[0], first[2]), second),
    ):
        with pytest.raises(TimestampError):
            held(EvidenceRecord(chains), trusted)
    assert held(EvidenceRecord((first,)), trusted).first == held(record, trusted).first


def test_a_record_has_an_end(tsa: TestAuthority) -> None:
    [record] = begun(tsa)
    full = EvidenceRecord((record.chains[0] * MAX_TIMESTAMPS,))
    with pytest.raises(TimestampError, match="at most 64"):
        Renewal.of([(full, message(0), None)], "sha256")
    with pytest.raises(TimestampError, match="between 1 and 64"):
        EvidenceRecord.parse(EvidenceRecord((record.chains[0] * (MAX_TIMESTAMPS + 1),)).encode())
    with pytest.raises(TimestampError, match="2,097,152 bytes"):
        EvidenceRecord.parse(encoded(OCTET_STRING, bytes(1 << 21)))


def test_a_flipped_bit_is_refused_or_changes_nothing_that_is_said(tsa: TestAuthority, trusted: Authorities) -> None:
    record = again(again(begun(tsa, 3), tsa), tsa, "sha512")[2].encode()
    said = verify_record(record, message(2), trusted, entries=entries(2))
    randomness, same = random.Random(11), 0
    for _ in range(300):
        at, bit = randomness.randrange(len(record)), 1 << randomness.randrange(8)
        altered = record[:at] + bytes([record[at] ^ bit]) + record[at + 1 :]
        try:
            assert verify_record(altered, message(2), trusted, entries=entries(2)) == said
            same += 1
        except TimestampError:
            pass
    assert same < 30


def test_records_are_read_by_name(tmp_path: Path, tsa: TestAuthority) -> None:
    (tmp_path / "timestamps").mkdir()
    name = "0000000000000001-af5b9da2-00.er"
    data = begun(tsa)[0].encode()
    (tmp_path / "timestamps" / name).write_bytes(data)
    (tmp_path / "timestamps" / "notes.er").write_bytes(b"of the keeper")
    assert read_evidence(tmp_path).tokens == {"0000000000000001-af5b9da2": {name: data}}
    assert read_evidence(tmp_path / "elsewhere").tokens == {}


# -- somebody else's verifier --------------------------------------------------------------------------------------


def bouncy_castle(folder: Path, *asked: tuple[bytes, bytes], certificate: Path) -> list[str]:
    """What Bouncy Castle says of each (record, data)."""
    jars = os.environ.get("BOUNCY_CASTLE_JARS") or ":".join(map(str, JARS))
    if shutil.which("javac") is None or not all(Path(jar).exists() for jar in jars.split(":")):
        pytest.skip("a JDK and Bouncy Castle (Debian: default-jdk-headless, libbcpkix-java) are not installed")
    paths: list[Path] = []
    for number, (record, data) in enumerate(asked):
        pair = folder / f"{number}.er", folder / f"{number}.data"
        for path, content in zip(pair, (record, data), strict=True):
            path.write_bytes(content)
        paths += [*pair, certificate]
    done = subprocess.run(
        ["java", "-cp", jars, CHECK, *paths], capture_output=True, text=True, timeout=120, check=True
    )  # fmt: skip
    return done.stdout.splitlines()


def test_bouncy_castle_accepts_what_we_renewed_and_refuses_what_we_refuse(tmp_path: Path, tsa: TestAuthority) -> None:
    good: list[tuple[bytes, bytes]] = []
    for count in (1, 2, 3, 5):
        records = begun(tsa, count, NOW - 3 * YEAR)
        for years, algorithm in ((2, "sha256"), (1, "sha512"), (0, "sha512")):
            records = again(records, tsa, algorithm, NOW - years * YEAR)
            good += [(record.encode(), message(number)) for number, record in enumerate(records)]
    bad = [(record, data + b"altered") for record, data in good[:9]]
    [record] = again(again(begun(tsa), tsa), tsa)
    bad.append((EvidenceRecord(((record.chains[0][0], record.chains[0][2]),)).encode(), message(0)))
    said = bouncy_castle(tmp_path, *good, *bad, certificate=tsa.folder / "tsa.pem")
    assert said[: len(good)] == ["valid"] * len(good)
    assert all(each.startswith("refused") for each in said[len(good) :]), said[len(good) :]
    assert len(said) == len(good) + len(bad)
