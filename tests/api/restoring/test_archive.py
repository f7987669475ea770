"""A ledger out of an archive bundle and its key-encryption keys: the same rows, views and roots, and it can go on."""

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from api.access import Session
from api.bootstrap import create_trial, open_trial
from api.erasure import erase
from api.evidence.continuing import continue_ledger
from api.evidence.making import RestoredBackupError, make_checkpoint
from api.restoring.making import Restored, RestoreError, restore
from api.restoring.mark import CONTINUE, mark_file, read_mark
from ledger.domain.commands import parse_command
from ledger.domain.events.evidence import LedgerContinued
from ledger.domain.protocol import reference_protocol
from ledger.domain.vocabulary import Book, Role
from ledger.keys.file import KeysError, keys_folder, load_keys
from ledger.keys.signing import former_keys, load_signing_keys
from ledger.proof.assess import Trusted
from ledger.proof.bundle_reader import BundleBooks
from ledger.proof.checking import check
from ledger.proof.entry import Actor
from ledger.proof.evidence import evidence_folder
from ledger.proof.policy import Policy
from ledger.recording.reader import LedgerReader
from tests.api.bundle.making import facts, made, viewer
from tests.api.evidence_ledgers import SPONSOR
from tests.api.restoring.looking import all_shown, heads, lying, rows
from tests.projections.whole_trial import NAMES, SUBJECTS, actor


@pytest.fixture
def archive(mine: Path) -> Path:
    return made(mine, "archive")


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Where the ledger is restored: a folder of its own."""
    (tmp_path / "other").mkdir()
    return tmp_path / "other" / "again.db"


def with_keys(archive: Path, mine: Path, other: Path) -> Restored:
    return restore(archive, other, keys=[keys_folder(mine)])


def position(done: Restored) -> str:
    return f"{done.report.open.size - 1}/{done.report.sealed.size - 1}"


def test_every_view_of_every_role_is_that_of_the_original_byte_by_byte(archive: Path, mine: Path, other: Path) -> None:
    done = with_keys(archive, mine, other)
    original = all_shown(mine, position(done))
    assert all_shown(other, None) == original
    assert sum(not text.startswith(("denied", "closed")) for text in original.values()) > 100


def test_rows_heads_and_roots_are_those_of_the_original(archive: Path, mine: Path, other: Path) -> None:
    done = with_keys(archive, mine, other)
    with BundleBooks(archive) as books:
        for book, head in books.manifest.books.items():
            assert rows(other, book) == rows(mine, book, head.size)
            assert heads(other)[book][1:] == (head.size, head.head, head.frontier)
            assert heads(other)[book][0] == heads(mine)[book][0]
    assert done.recording == CONTINUE
    with closing(load_keys(other)) as keys:
        report = check(other, Trusted(), keys=keys)
    assert report.ok
    assert not report.closed
    assert {"open": report.open.root, "sealed": report.sealed.root} == {
        book: head.root for book, head in books.manifest.books.items()
    }


def test_keys_are_for_the_owner_alone_and_no_draft_is_left(archive: Path, mine: Path, other: Path) -> None:
    with_keys(archive, mine, other)
    assert keys_folder(other).stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in keys_folder(other).iterdir()} == {0o600}
    assert not list(other.parent.glob(".*"))
    assert not list(keys_folder(other).glob("log.*"))


def test_evidence_goes_along_and_satisfies_the_policy(archive: Path, mine: Path, other: Path) -> None:
    done = with_keys(archive, mine, other)
    assert done.checkpoints
    with BundleBooks(archive) as books:
        given = {
            name.removeprefix("evidence/"): books.content(name)
            for name in books.names()
            if name.startswith("evidence/")
        }
    assert {name: data for name, data in lying(evidence_folder(other)).items() if data is not None} == given
    logs = "".join(f"log {key.encode()}\n" for key in load_signing_keys(mine).vkeys)
    report = check(other, Trusted(Policy.parse(f"{logs}quorum none\n".encode()), None, []))
    assert report.ok
    assert report.assurance.signed == done.report.open.size


def test_nothing_is_recorded_before_it_goes_on_on_the_record(archive: Path, mine: Path, other: Path) -> None:
    with_keys(archive, mine, other)
    before = rows(other, "open")
    with pytest.raises(RestoredBackupError, match="trial-ledger continue"):
        open_trial(other)
    assert rows(other, "open") == before


def test_it_goes_on_under_a_new_origin_that_names_the_old(archive: Path, mine: Path, other: Path) -> None:
    old = load_signing_keys(mine)
    size = with_keys(archive, mine, other).report.open.size
    event = continue_ledger(other, reason="the server is gone", actor=SPONSOR)
    assert (event.former_origin, event.size, event.lost) == (old.origin, size, None)
    assert event.origin != old.origin
    assert read_mark(other) is None
    assert not mark_file(other).exists()
    assert former_keys(other) == list(old.vkeys)
    trial = open_trial(other)
    command = {
        "id": "after", "type": "report-deviation", "actor": actor("investigator"), "occurred_at": "2026-01-01",
        "data": {"subject": SUBJECTS[0], "category": "OTHER", "detail": "recorded after the restore"},
    }  # fmt: skip
    trial.submit(parse_command(command))
    trial.close()
    made_now = make_checkpoint(other)
    assert made_now.checkpoint.origin == event.origin
    assert Session(other, viewer("statistician")).show("exposure").rows
    logs = "".join(f"log {key.encode()}\n" for key in (*old.vkeys, *load_signing_keys(other).vkeys))
    with closing(load_keys(other)) as keys:
        report = check(other, Trusted(Policy.parse(f"{logs}quorum none\n".encode()), None, []), keys=keys)
    assert report.ok, report.findings
    assert report.assurance.signed == made_now.checkpoint.size


def test_what_the_log_signed_beyond_the_bundle_is_recorded_as_lost(mine: Path, other: Path) -> None:
    made(mine, "dmc")  # whoever knows arms leaves no checkpoint, and a masked role does
    made(mine, "sponsor")
    newest = make_checkpoint(mine).checkpoint
    archive = made(mine, "archive", "20")
    done = with_keys(archive, mine, other)
    assert done.beyond is not None
    assert done.beyond > done.report.open.size
    event = continue_ledger(other, reason="the server is gone", actor=SPONSOR)
    assert event.lost is not None
    assert event.lost.size == done.beyond <= newest.size
    assert event.type == LedgerContinued.type


def test_without_a_key_encryption_key_the_open_book_is_there_and_the_key_may_follow(
    archive: Path, mine: Path, other: Path
) -> None:
    done = restore(archive, other)
    assert list(done.missing) == ["identity", "sealed"]
    assert {"identity", "arm", "header"} <= done.report.closed.keys()
    at = position(done)
    masked = [Role.PARTICIPANT, Role.DATA_MANAGER, Role.SPONSOR]
    assert all_shown(other, None, masked) == all_shown(mine, at, masked)
    assert set(all_shown(other, None, [Role.STATISTICIAN]).values()) & {"closed: ClosedBookError"}
    for name in ("identity.kek", "sealed.kek"):
        shutil.copy(keys_folder(mine) / name, keys_folder(other) / name)
    assert all_shown(other, None) == all_shown(mine, at)


def test_one_key_encryption_key_opens_what_it_opens(archive: Path, mine: Path, other: Path) -> None:
    done = restore(archive, other, keys=[keys_folder(mine) / "identity.kek"])
    assert list(done.missing) == ["sealed"]
    assert "identity" in done.report.opened
    sealed_signatures = 1  # whose headers are closed: nobody can tell of whom they are, and so by which key
    assert done.report.closed["identity"] == sealed_signatures
    assert "header" in done.report.closed


@pytest.mark.parametrize("kind", ["other", "none", "open", "missing", "empty folder"])
def test_a_key_that_is_none_of_this_archive_is_refused_and_nothing_is_left(
    archive: Path, mine: Path, other: Path, tmp_path: Path, kind: str
) -> None:
    key = tmp_path / "key.kek"
    key.write_text({"other": "ab" * 32, "none": "no key"}.get(kind, (keys_folder(mine) / "sealed.kek").read_text()))
    key.chmod(0o644 if kind == "open" else 0o600)
    if kind == "missing":
        key.unlink()
    if kind == "empty folder":
        key.unlink()
        key.mkdir()
    with pytest.raises(KeysError, match=r"key\.kek"):
        restore(archive, other, keys=[key])
    assert lying(other.parent) == {}


def test_keys_of_another_ledger_are_refused(archive: Path, tmp_path: Path, other: Path) -> None:
    create_trial(tmp_path / "x.db", reference_protocol(), actor=Actor("s", "s", "sponsor"), host="h").close()
    with pytest.raises(KeysError, match="not a key-encryption key under which"):
        restore(archive, other, keys=[tmp_path / "x.db.keys"])
    assert lying(other.parent) == {}


def test_keys_for_a_bundle_that_is_no_archive_are_refused(mine: Path, other: Path) -> None:
    with pytest.raises(RestoreError, match="no archive"):
        restore(made(mine, "sponsor"), other, keys=[keys_folder(mine)])


def test_who_was_erased_stays_erased(mine: Path, other: Path) -> None:
    trial = open_trial(mine)
    command = {
        "id": "erase", "type": "erase-identity", "actor": actor("sponsor"), "occurred_at": "2026-01-01",
        "data": {"subject": SUBJECTS[0], "reason": "asked for"},
    }  # fmt: skip
    erase(trial, parse_command(command), lambda _: [])
    trial.close()
    done = with_keys(made(mine, "archive"), mine, other)
    assert all_shown(other, None) == all_shown(mine, position(done))
    with closing(load_keys(other)) as keys:
        assert keys.destroyed("identity", f"subject/{SUBJECTS[0]}")
        assert keys.section_key("identity", f"subject/{SUBJECTS[1]}") is not None
    assert NAMES[0].encode() not in other.read_bytes()


def test_a_bundle_of_the_restored_ledger_has_the_same_books(archive: Path, mine: Path, other: Path) -> None:
    """Ledger, bundle, ledger, bundle: what a role is given of the same position is the same, byte by byte."""
    done = with_keys(archive, mine, other)
    continue_ledger(other, reason="the server is gone", actor=SPONSOR)
    at = str(done.report.open.size - 1)
    contents = []
    for ledger in (mine, other):
        with BundleBooks(made(ledger, "data-manager", at, name="again")) as books:
            contents.append({name: books.content(name) for name in books.names() if name.startswith("open/")})
    assert contents[0] == contents[1]
    assert contents[0]


def test_facts_are_read_as_before(archive: Path, mine: Path, other: Path) -> None:
    done = with_keys(archive, mine, other)
    for book, size in ((Book.OPEN, done.report.open.size), (Book.SEALED, done.report.sealed.size)):
        assert facts(other, book) == facts(mine, book)[:size]
    reader = LedgerReader(other, books=frozenset({Book.OPEN}), classes=frozenset())
    with closing(reader), reader:
        assert reader.head().open == done.report.open.size


def test_a_file_restored_twice_has_the_same_bytes(archive: Path, mine: Path, other: Path) -> None:
    """It is a function of the bundle: nothing in it says when and where it was restored."""
    with_keys(archive, mine, other)
    again = other.with_name("twice.db")
    with_keys(archive, mine, again)
    assert other.read_bytes() == again.read_bytes()
    assert mark_file(other).read_bytes() == mark_file(again).read_bytes()
