"""The page of electronic signatures, and the signatures that an entry is covered by."""

from pathlib import Path

import pytest

from ledger.application.signing import Wanted
from ledger.domain.events.signature import Extent, Meaning
from ledger.domain.vocabulary import Book, Role
from ledger.proof.tree import leaf_hash
from tests.api.pages.hypertext import faults, get
from tests.api.pages.signing import sign, stored
from tests.api.server.people import NAME, client_of, person
from tests.projections.whole_trial import ARM_WORDS, SUBJECTS

PAGE = f"/t/{NAME}/signatures"
ENTRY, UPTO = 4, 30
SIGNERS = ("investigator-7", "investigator-8")
NAMES = ("Ines Marquez", "Petra Solis", "Samuel Ortiz")


@pytest.fixture
def signed(ledger: Path) -> Path:
    """The trial with an entry that is signed, a subject's record, and the book as who knows arms signs it."""
    of = leaf_hash(stored(ledger, ENTRY)).hex()
    sign(
        ledger, "investigator-7", "investigator", NAMES[0],
        Wanted("a", Meaning.REVIEW, Extent.ENTRY, Book.OPEN, ENTRY, of, words="I have read it."),
    )  # fmt: skip
    whole = Wanted("b", Meaning.RESPONSIBILITY, Extent.SUBJECT, Book.OPEN, UPTO, subject=SUBJECTS[0])
    sign(ledger, "investigator-8", "investigator", NAMES[1], whole)
    book = Wanted("c", Meaning.APPROVAL, Extent.BOOK, Book.OPEN, UPTO)
    sign(ledger, "statistician-7", "statistician", NAMES[2], book, arms=True)
    return ledger


@pytest.mark.parametrize("who", ["investigator-1", "auditor-1", "statistician-1"])
@pytest.mark.parametrize("language", ["en", "es"])
def test_the_pages_are_well_made_in_both_languages(signed: Path, who: str, language: str) -> None:
    for path in (PAGE, f"/t/{NAME}/entries/{ENTRY}"):
        page = get(client_of(signed), path, who, **{"accept-language": language})
        assert page.answer.status_code == 200
        assert faults(page) == []


def test_who_signed_what_when_and_meaning_what(signed: Path) -> None:
    page = get(client_of(signed), PAGE, "sponsor-1")
    rows = [row for row in page.cells("signatures") if row[2] in SIGNERS]
    assert [row[2] for row in rows] == list(SIGNERS)
    assert [row[5] for row in rows] == ["Review", "Responsibility"]
    assert rows[0][6].startswith("One entry: ")
    assert rows[0][-1] == "pwd, otp, 2"
    links = page.root.xpath("//table[@id='signatures']//a/@href")
    assert f"/t/{NAME}/entries/{ENTRY}" in links
    narrowed = get(client_of(signed), f"{PAGE}?meaning=REVIEW&person=investigator-7", "sponsor-1")
    assert [row[2] for row in narrowed.cells("signatures")] == ["investigator-7"]
    assert (
        get(client_of(signed), f"{PAGE}?meaning=AUTHORSHIP&person=investigator-7", "sponsor-1").cells("signatures")
        == []
    )


def test_what_who_knows_arms_has_signed_is_for_who_has_arms_in_sight(signed: Path) -> None:
    client = client_of(signed)
    for path in (PAGE, f"/t/{NAME}/entries/{ENTRY}"):
        masked, unmasked = (get(client, path, who).answer.text for who in ("sponsor-1", "statistician-1"))
        assert "statistician-7" not in masked
        assert "sealed entry" not in masked
        assert not [word for word in ARM_WORDS if word in masked]
        assert "statistician-7" in unmasked


def test_printed_names_are_for_who_has_names_in_sight_and_no_cache_keeps_them(signed: Path) -> None:
    client = client_of(signed, [person(Role.INVESTIGATOR, sites=["S01"]), person(Role.SPONSOR)])
    for path in (PAGE, f"/t/{NAME}/entries/{ENTRY}"):
        named, other = (get(client, path, who).answer for who in ("investigator-1", "sponsor-1"))
        assert NAMES[0] in named.text
        assert named.headers["cache-control"] == "no-store"
        assert not [name for name in NAMES if name in other.text]
        assert "no-store" not in other.headers["cache-control"]


def test_an_entry_names_the_signatures_that_cover_it_and_no_others(signed: Path) -> None:
    client = client_of(signed)

    def signers(seq: int, query: str = "") -> list[str]:
        page = get(client, f"/t/{NAME}/entries/{seq}{query}", "sponsor-1")
        found = (said.partition(",")[0] for said in page.texts("//ul[@id='signatures']/li"))
        return [one for one in found if one in SIGNERS]

    assert signers(ENTRY) == list(SIGNERS)
    assert signers(0) == []
    assert signers(UPTO + 1) == []
    assert signers(ENTRY, f"?as_of={UPTO}") == []  # they came later


def test_a_trial_that_nobody_has_signed_says_so(ledger: Path) -> None:
    client, early = client_of(ledger), "?as_of=5"
    page = get(client, PAGE + early, "sponsor-1")
    assert page.texts("//p[@id='signatures']") == ["Nothing is recorded of this."]
    assert "Nobody has signed it." in get(client, f"/t/{NAME}/entries/0{early}", "sponsor-1").texts("//main//p")
