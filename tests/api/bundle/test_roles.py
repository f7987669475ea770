"""Each role is given what it may see, and no byte more; an archive has everything but what opens it."""

import base64
import json
from contextlib import closing
from pathlib import Path

import pytest

from api.access import Session, viewer_of
from api.acting import Who, command_of
from api.bootstrap import DeniedError, open_trial, rebuild_all
from api.bundle.writing import export_bundle
from api.erasure import erase
from ledger.domain.roles import ROLES
from ledger.domain.vocabulary import Book, Role
from ledger.keys.file import load_keys
from ledger.proof.bundle import MANIFEST, Manifest
from ledger.proof.bundle_reader import BundleBooks
from ledger.proof.data_keys import HeldKeys
from ledger.proof.sections import unpack
from ledger.proof.verify import verify_books
from ledger.recording.reader import LedgerReader
from tests.api.bundle.making import UNMASKED, facts, made
from tests.projections.whole_trial import ARM_WORDS, NAMES, SUBJECTS
from tests.proof.bundle_parts import frames, lines, read, verified
from tests.trials import SITE


@pytest.mark.parametrize("role", ROLES)
def test_each_role_is_given_what_it_may_see_and_it_verifies(mine: Path, role: Role) -> None:
    path = made(mine, role.value)
    files, arms = read(path), role.value in UNMASKED
    names = role.value in {"investigator", "care-provider", "monitor", "auditor", "inspector"}
    with BundleBooks(path) as books:
        report = verify_books(books)
        assert books.manifest.role == role
    assert report.ok, report.findings
    assert (books.books == {"open", "sealed"}) is arms
    assert ("sealed/entries" in files) is arms
    assert ("keys/data-keys.ndjson" in files) is (role is Role.ARCHIVE)
    told = b"".join(data for name, data in files.items() if not name.startswith(("docs/", "schemas/")))
    # The protocol names arms; who is in which, products and lots do not stand in it.
    readable = role is not Role.ARCHIVE
    assert any(word.encode() in told for word in (*ARM_WORDS[4:],)) is (arms and readable)
    assert all(name.encode() in told for name in NAMES) is names
    assert any(name.encode() in told for name in NAMES) is names
    assert report.opened.keys() >= ({"arm", "header"} if arms and readable else set())
    assert ("identity" in report.opened) is names


@pytest.mark.parametrize("role", [role for role in ROLES if role.value not in UNMASKED])
def test_a_masked_role_is_given_no_ciphertext(mine: Path, role: Role) -> None:
    files = read(made(mine, role.value))
    kinds = set()
    for raw, stored in zip(lines(files), frames(files), strict=True):
        for part, section in zip(json.loads(raw)["parts"], unpack(stored, raw.count(b'"commit"')), strict=True):
            assert section.ciphertext is None
            kinds.add((part["class"], section.withheld))
    assert ("anchor", True) in kinds
    assert ("anchor", False) not in kinds


def test_names_are_given_of_the_own_sites_alone(mine: Path) -> None:
    with_site, without = read(made(mine, "monitor")), read(made(mine, "monitor", name="none", sites=False))
    assert Manifest.parse(with_site[MANIFEST]).sections["identity"] == "partly"
    assert Manifest.parse(with_site[MANIFEST]).sites == (SITE,)
    assert Manifest.parse(without[MANIFEST]).sections["identity"] == "withheld"
    assert Manifest.parse(without[MANIFEST]).sites == ()
    assert NAMES[0].encode() in with_site["open/sections"]
    assert NAMES[0].encode() not in without["open/sections"]


def test_who_has_no_right_to_names_is_refused_a_bundle_with_them_and_that_is_recorded(mine: Path) -> None:
    asking = viewer_of("sponsor-1", "sponsor", "FJD", frozenset({SITE}))
    with pytest.raises(DeniedError, match="may not see names"):
        export_bundle(Session(mine, asking), mine.with_name("x.zip"))
    assert not mine.with_name("x.zip").exists()
    assert facts(mine, Book.OPEN)[-1].type == "access.refused/1"


def test_an_erased_name_is_withheld_and_the_event_says_why(mine: Path) -> None:
    who = Who("data-manager-1", "FJD", "data-manager")
    with closing(open_trial(mine)) as ledger:
        erase(ledger, command_of("erase-identity", {"subject": SUBJECTS[0], "reason": "asked for"}, who), rebuild_all)
    for role in ("investigator", "inspector"):  # one of his own site's, one of all
        path = made(mine, role)
        report, told = verified(path), read(path)
        assert report.ok
        assert report.notes == []
        assert report.closed["identity"] >= 1
        assert NAMES[0].encode() not in told["open/sections"]
        assert NAMES[1].encode() in told["open/sections"]
        assert b"identity.erased/1" in told["open/entries"]


def test_the_archive_has_everything_but_what_opens_it(mine: Path) -> None:
    path = made(mine, "archive")
    files = read(path)
    with LedgerReader(mine, books=frozenset(Book), classes=frozenset()) as reader:
        for book in Book:
            size = len(lines(files, book.value))
            stored = list(reader.stored(book, 0, size))
            assert [raw for _, raw, _ in stored] == lines(files, book.value)
            assert [sections for _, _, sections in stored] == frames(files, book.value)
    keys = [json.loads(line) for line in files["keys/data-keys.ndjson"].splitlines()]
    assert [key["name"] for key in keys] == sorted(key["name"] for key in keys)
    assert f"section/identity/subject/{SUBJECTS[0]}" in {key["name"] for key in keys}
    secrets = [file.read_bytes().strip() for file in Path(f"{mine}.keys").iterdir() if file.suffix == ".kek"]
    assert len(secrets) == 2
    assert not any(secret in path.read_bytes() for secret in secrets)


def test_with_data_keys_an_archive_is_opened_as_the_ledger_is(mine: Path) -> None:
    path = made(mine, "archive")
    with closing(load_keys(mine)) as keys, BundleBooks(path) as books:
        report = verify_books(books, keys=keys)
        assert report.ok, report.findings
        assert not report.closed
        assert report.marks[1] == 0
        assert report.opened["arm"] > 0
    wrong = HeldKeys(None, {("header", ""): bytes(32)})
    with BundleBooks(path) as books:
        assert {one.code for one in verify_books(books, keys=wrong).findings} == {"sealed"}


def test_a_destroyed_key_is_a_tombstone_in_the_archive(mine: Path) -> None:
    who = Who("data-manager-1", "FJD", "data-manager")
    with closing(open_trial(mine)) as ledger:
        erase(ledger, command_of("erase-identity", {"subject": SUBJECTS[0], "reason": "asked for"}, who), rebuild_all)
    keys = [json.loads(line) for line in read(made(mine, "archive"))["keys/data-keys.ndjson"].splitlines()]
    dead = [key["name"] for key in keys if key["wrapped"] is None]
    assert dead == [f"section/identity/subject/{SUBJECTS[0]}"]
    assert all(len(base64.b64decode(key["wrapped"])) >= 60 for key in keys if key["wrapped"] is not None)
