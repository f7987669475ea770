"""A ledger out of the bundle of one role: what the bundle gives can be read, what it withholds stays closed."""

from contextlib import closing
from pathlib import Path

import pytest

from api.access import Session
from api.bootstrap import DeniedError, open_trial
from api.evidence.continuing import continue_ledger
from api.evidence.making import RestoredBackupError
from api.restoring import restored
from api.restoring.frames import VACANT, is_vacant
from api.restoring.making import restore
from api.restoring.mark import NEVER, mark_file, read_mark
from ledger.domain.roles import ROLES
from ledger.domain.vocabulary import Role
from ledger.keys.file import KeysError, keys_folder, load_keys
from ledger.proof.assess import Trusted
from ledger.proof.bundle_reader import BundleBooks
from ledger.proof.checking import check
from ledger.proof.entry import parse_open
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.sections import unpack
from ledger.proof.verify import verify_ledger
from ledger.proof.words import in_words
from ledger.verifying.fast import try_fast
from tests.api.bundle.making import UNMASKED, made, viewer
from tests.api.evidence_ledgers import SPONSOR
from tests.api.restoring.looking import all_shown, heads, lying, rows, shown
from tests.projections.whole_trial import GIVEN, LOTS, NAMES
from tests.tampering.ledgers import behind_its_back

MASKED = [role for role in ROLES if role.value not in UNMASKED]


@pytest.fixture
def other(tmp_path: Path) -> Path:
    (tmp_path / "other").mkdir()
    return tmp_path / "other" / "again.db"


@pytest.mark.parametrize("role", ["sponsor", "participant", "investigator", "inspector"])
def test_of_a_masked_roles_bundle_the_open_book_is_restored_with_the_same_root(
    mine: Path, other: Path, role: str
) -> None:
    bundle = made(mine, role)
    done = restore(bundle, other)
    with BundleBooks(bundle) as books:
        head = books.manifest.books["open"]
    assert done.report.ok
    assert (done.report.root, done.report.size, done.report.head) == (head.root, head.size, head.head)
    assert done.report.books == {"open"}
    assert [row[:5] for row in rows(other, "open")] == [row[:5] for row in rows(mine, "open", head.size)]
    assert heads(other) == {"open": (heads(mine)["open"][0], head.size, head.head, head.frontier)}
    for verify in (verify_ledger, try_fast):
        report = verify(other)
        assert report is not None
        assert report.ok, report.findings


@pytest.mark.parametrize("role", ["sponsor", "data-manager"])
def test_masked_roles_see_what_they_see_in_the_original_byte_by_byte(mine: Path, other: Path, role: str) -> None:
    done = restore(made(mine, role), other)
    masked = [each for each in MASKED if each is not Role.INSPECTOR and not ROLES[each].identity]
    original = all_shown(mine, str(done.report.size - 1), masked)
    assert all_shown(other, None, masked) == original
    assert sum(not text.startswith(("denied", "closed")) for text in original.values()) > 30
    assert not keys_folder(other).exists()


def test_names_that_a_bundle_gives_are_sealed_anew_and_shown_as_before(mine: Path, other: Path) -> None:
    done = restore(made(mine, "investigator"), other)
    at = str(done.report.size - 1)
    assert shown(other, Role.INVESTIGATOR, "identities", None) == shown(mine, Role.INVESTIGATOR, "identities", at)
    assert NAMES[0] in shown(other, Role.INVESTIGATOR, "identities", None)
    assert not any(name.encode() in other.read_bytes() for name in NAMES)
    assert keys_folder(other).stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in keys_folder(other).iterdir()} == {0o600}


def test_names_of_other_sites_stay_closed(mine: Path, other: Path) -> None:
    done = restore(made(mine, "investigator", sites=False), other)
    assert done.report.closed["identity"]
    assert not done.report.opened
    assert not any(name.encode() in other.read_bytes() for name in NAMES)


@pytest.mark.parametrize("role", ["statistician", "pharmacist"])
def test_an_unmasked_roles_bundle_gives_every_view_of_that_role(mine: Path, other: Path, role: str) -> None:
    bundle = made(mine, role)
    done = restore(bundle, other)
    at = f"{done.report.size - 1}/{done.report.sealed.size - 1}"
    assert all_shown(other, None, [Role(role)]) == all_shown(mine, at, [Role(role)])
    with BundleBooks(bundle) as books:
        assert {"open": done.report.open.root, "sealed": done.report.sealed.root} == {
            book: head.root for book, head in books.manifest.books.items()
        }
    assert done.report.marks == (0, done.report.sealed.size)  # there is no key of marks, and the report says so
    assert not any(word.encode() in other.read_bytes() for word in (*LOTS, GIVEN))
    masked = [each for each in MASKED if each is not Role.INSPECTOR and not ROLES[each].identity]
    assert all_shown(other, None, masked) == all_shown(mine, at, masked)


def test_with_its_keys_away_an_unmasked_copy_shows_the_open_book_alone(mine: Path, other: Path) -> None:
    restore(made(mine, "statistician"), other)
    keys_folder(other).rename(other.with_name("away"))
    found = all_shown(other, None, [Role.STATISTICIAN]).values()
    assert all(text.startswith(("closed", "denied")) for text in found)
    assert not shown(other, Role.SPONSOR, "enrolment", None).startswith(("closed", "denied"))


@pytest.mark.parametrize("role", ["sponsor", "investigator", "statistician"])
def test_nothing_is_ever_recorded_in_it(mine: Path, other: Path, role: str) -> None:
    assert restore(made(mine, role), other).recording == NEVER
    before = other.read_bytes()
    with pytest.raises(RestoredBackupError, match="nothing can be recorded in it"):
        open_trial(other)
    if keys_folder(other).exists():  # otherwise it is refused for want of keys
        with pytest.raises(LedgerFileError, match="nothing can be recorded in it"):
            continue_ledger(other, reason="the server is gone", actor=SPONSOR)
    assert other.read_bytes() == before


def test_a_look_at_arms_that_cannot_be_recorded_is_refused_as_ever(mine: Path, other: Path) -> None:
    restore(made(mine, "statistician"), other)
    with pytest.raises(DeniedError, match="has to be recorded, and cannot be"):
        Session(other, viewer("statistician")).show("exposure")


def test_what_is_withheld_is_vacant_and_takes_the_form_of_a_closed_section(mine: Path, other: Path) -> None:
    restore(made(mine, "sponsor"), other)
    vacant = sealed = 0
    for _, _, _, _, raw, stored in rows(other, "open"):
        parts = parse_open(raw).parts
        for part, section in zip(parts, unpack(stored, len(parts)), strict=True):
            if part.section_class != "plain":
                sealed += 1
                vacant += is_vacant(section) and section.ciphertext == VACANT
    assert vacant == sealed > 0


def test_a_sealed_book_that_was_taken_away_with_its_head_is_told_of_and_anchors_that_open_miss_it(mine: Path) -> None:
    """What a restored file may lack, an attacker may take: the report says so in words, and keys find it."""
    with behind_its_back(mine) as connection:
        connection.execute("DELETE FROM sealed_entry")
    assert "missing" in {finding.code for finding in verify_ledger(mine).findings}
    with behind_its_back(mine) as connection:
        connection.execute("DELETE FROM head WHERE book = 'sealed'")
    report = verify_ledger(mine)
    assert report.ok
    assert "sealed book: not in this file" in in_words(report)
    with closing(load_keys(mine)) as keys:
        found = check(mine, Trusted(), keys=keys).findings
    assert [(finding.code, finding.book) for finding in found] == [("missing", "sealed")]


def test_a_head_of_the_sealed_book_that_is_missing_while_its_rows_are_there_is_found(mine: Path) -> None:
    with behind_its_back(mine) as connection:
        connection.execute("DELETE FROM head WHERE book = 'sealed'")
    assert "the book has no stored head" in {finding.message for finding in verify_ledger(mine).findings}


def test_a_mark_that_was_damaged_keeps_recording_out(mine: Path, other: Path) -> None:
    restore(made(mine, "statistician"), other)
    mark_file(other).write_bytes(b"{}")
    with pytest.raises(LedgerFileError, match="is no mark of what was restored"):
        read_mark(other)
    with pytest.raises(LedgerFileError, match="is no mark of what was restored"):
        open_trial(other)


def test_the_keys_of_a_copy_open_nothing_of_the_original(mine: Path, other: Path) -> None:
    restore(made(mine, "statistician"), other)
    with closing(load_keys(other)) as keys:
        report = check(mine, Trusted(), keys=keys)
    assert {finding.code for finding in report.findings} == {"sealed"}


def test_a_reader_restores_into_a_folder_of_its_own(mine: Path, tmp_path: Path) -> None:
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    path = restored(made(mine, "auditor"), folder)
    assert path.parent == folder
    assert verify_ledger(path).ok
    assert set(lying(folder)) >= {path.name, f"{path.name}.restored"}


def test_a_restored_file_is_exported_and_restored_no_further(mine: Path, other: Path) -> None:
    """A bundle of it would have to be recorded in it."""
    restore(made(mine, "sponsor"), other)
    for at in (None, "20"):
        with pytest.raises((KeysError, DeniedError), match=r"nothing can be (signed|recorded)"):
            made(other, "sponsor", at)
        assert not other.with_name("sponsor.zip").exists()
