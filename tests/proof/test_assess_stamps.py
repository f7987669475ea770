"""Time stamps and their renewals held against a book: what they add, and what counts for nothing."""

import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ledger.proof.assess import Trusted, assess, sizes_of
from ledger.proof.checkpoint import Checkpoint
from ledger.proof.evidence import Evidence, as_signed, stem_of
from ledger.proof.findings import Report
from ledger.proof.note import Note
from ledger.proof.renewal import EvidenceRecord, Renewal, entries_digests
from ledger.proof.timestamps import Authorities
from ledger.proof.verify import verify_ledger
from tests.proof.evidence_made import LOG, WITNESSES, Log, policy, stored
from tests.tampering.ledgers import build, entries, places
from tests.tsa import TestAuthority

NOW = datetime.now(UTC).replace(microsecond=0)
THEN = NOW - timedelta(days=365)
SIZE = 12


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("stamps") / "trial.db")


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> TestAuthority:
    return TestAuthority(tmp_path_factory.mktemp("tsa"), now=NOW, before=timedelta(days=3650))


@pytest.fixture(scope="module")
def trusted(tsa: TestAuthority) -> Trusted:
    return Trusted(policy(), Authorities.parse(tsa.roots_pem.read_bytes()))


@pytest.fixture(scope="module")
def note(ledger: Path) -> Note:
    return LOG.checkpoint(ledger, SIZE)


def held(ledger: Path, trusted: Trusted, note: Note, files: Mapping[str, bytes]) -> Report:
    """The report with one checkpoint, and files beside it, by what their names end with."""
    stem = stem_of(Checkpoint.parse(note.text))
    evidence = Evidence((stored(note),), {stem: {f"{stem}-{name}": data for name, data in files.items()}})
    report = verify_ledger(ledger, sizes=sizes_of(evidence))
    return assess(report, evidence, trusted, entries=lambda: entries(ledger, "open"))


def test_a_time_stamp_holds_the_book_from_outside_up_to_its_checkpoint(
    ledger: Path, trusted: Trusted, note: Note, tsa: TestAuthority
) -> None:
    report = held(ledger, trusted, note, {"00.tsr": tsa.made(as_signed(note), at=THEN)})
    assert report.ok
    assert report.assurance.level == "time-stamped"
    assert report.assurance.external == SIZE
    assert report.assurance.stamped[0].time == THEN.isoformat().replace("+00:00", "Z")


def test_a_cosignature_added_later_leaves_the_time_stamp_valid(
    ledger: Path, trusted: Trusted, note: Note, tsa: TestAuthority
) -> None:
    token = tsa.made(as_signed(note), at=THEN)
    report = held(ledger, trusted, WITNESSES[0].cosign(note, at=int(NOW.timestamp())), {"00.tsr": token})
    assert report.assurance.external == SIZE


def test_a_time_stamp_of_something_else_or_of_a_stranger_counts_for_nothing_and_is_told_of(
    ledger: Path, trusted: Trusted, note: Note, tsa: TestAuthority, tmp_path: Path
) -> None:
    stranger = TestAuthority(tmp_path / "stranger", name="Stranger", now=NOW, before=timedelta(days=3650))
    files = {"00.tsr": tsa.made(note.encode() + b"x", at=THEN), "01.tsr": stranger.made(as_signed(note), at=THEN)}
    report = held(ledger, trusted, note, files)
    assert report.ok
    assert report.assurance.level == "signed"
    assert [remark.split(":")[0][-6:] for remark in report.assurance.remarks] == ["00.tsr", "01.tsr"]


def test_without_certificates_or_without_the_library_it_is_said_that_nothing_was_checked(
    ledger: Path, trusted: Trusted, note: Note, tsa: TestAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"00.tsr": tsa.made(as_signed(note), at=THEN)}
    nobody = held(ledger, Trusted(policy()), note, files).assurance
    assert nobody.level == "signed"
    assert "not checked, as no certificates" in nobody.remarks[0]
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    without = held(ledger, trusted, note, files).assurance
    assert without.level == "signed"
    assert without.remarks == ("time stamps not checked: rfc3161-client is not installed",)


def test_a_time_stamp_of_a_checkpoint_that_nobody_trusted_signed_counts_for_nothing(
    ledger: Path, tsa: TestAuthority, trusted: Trusted
) -> None:
    note = Log(seed=7).checkpoint(ledger, SIZE)
    report = held(ledger, trusted, note, {"00.tsr": tsa.made(as_signed(note), at=THEN)})
    assert places(report) == [("policy", "open", None)]
    assert report.assurance.level == "consistent"
    assert any("count for nothing" in remark for remark in report.assurance.remarks)


def test_entries_recorded_after_the_time_stamp_that_covers_them_are_found(
    ledger: Path, trusted: Trusted, note: Note, tsa: TestAuthority
) -> None:
    early = datetime(2020, 5, 4, 8, 0, tzinfo=UTC)
    old = TestAuthority(tsa.folder.parent / "old", now=NOW, before=NOW - datetime(2019, 1, 1, tzinfo=UTC))
    known = Trusted(trusted.policy, Authorities.parse(old.roots_pem.read_bytes()))
    report = held(ledger, known, note, {"00.tsr": old.made(as_signed(note), at=early)})
    assert places(report) == [("time", "open", SIZE - 1)]


def test_a_renewal_by_a_stronger_hash_holds_these_entries_and_no_others(
    ledger: Path, trusted: Trusted, note: Note, tsa: TestAuthority
) -> None:
    message = as_signed(note)
    token = tsa.made(message, at=THEN)
    for stored_entries, renewed in (
        (entries(ledger, "open"), NOW.isoformat().replace("+00:00", "Z")),
        ([b"others", *entries(ledger, "open")[1:]], None),
    ):
        digests = entries_digests(stored_entries, [SIZE], "sha512")
        begun = EvidenceRecord.beginning(token)
        renewal = Renewal.of([(begun, message, {"sha512": digests[SIZE]}.__getitem__)], "sha512")
        record = renewal.stamped(tsa.made(renewal.data, at=NOW, algorithm="sha512"))[0].encode()
        report = held(ledger, trusted, note, {"00.tsr": token, "00.er": record})
        assert report.ok
        assert report.assurance.stamped[0].renewed == renewed
        assert bool(report.assurance.remarks) is (renewed is None)
