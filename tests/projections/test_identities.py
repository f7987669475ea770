"""Names of persons: for who may see them, of their own sites, in no file, and gone after an erasure."""

from pathlib import Path

import pytest

from ledger.domain.events.enrolment import WaiverGranted
from ledger.domain.events.erasure import IdentityErased
from ledger.domain.roles import Sight
from ledger.domain.vocabulary import Book
from ledger.proof.sections import ARM, IDENTITY, PLAIN
from projections import runner
from projections.base import Audience, Column, ViewDeniedError, check_view
from projections.runner import catch_up, rebuild, show
from projections.views import VIEWS
from projections.views.identities import ERASED, Identities
from tests.projections.building import MemoryLedger, consented, identity_corrected, randomize, registered, renewed

MASKED, UNMASKED = Audience.MASKED, Audience.UNMASKED
NAMES = frozenset({PLAIN, IDENTITY})


def sight(*sites: str, classes: frozenset[str] = NAMES) -> Sight:
    """Of somebody masked, whose own sites are these."""
    return Sight(frozenset({Book.OPEN}), classes, frozenset(sites))


def named(ledger: MemoryLedger, seen: Sight, as_of: int | None = None) -> dict[str, str | None]:
    answer = show(ledger.reader(MASKED), "identities", MASKED, sight=seen, as_of=as_of)
    return {row["subject"]: row["subject_name"] for row in answer.rows}


def two_sites() -> MemoryLedger:
    ledger = registered()
    ledger.append(consented("S1", site="LPZ", subject_name="Ada Byron", giver_name="Anne Byron"))
    ledger.append(consented("S2", site="FJD", subject_name="Mary Somerville"))
    return ledger


def test_names_are_those_of_the_own_sites() -> None:
    ledger = two_sites()
    assert named(ledger, sight("LPZ")) == {"S1": "Ada Byron"}
    assert named(ledger, sight("LPZ", "FJD")) == {"S1": "Ada Byron", "S2": "Mary Somerville"}
    assert named(ledger, Sight(frozenset({Book.OPEN}), NAMES, None)) == {"S1": "Ada Byron", "S2": "Mary Somerville"}


@pytest.mark.parametrize("seen", [None, sight("LPZ", classes=frozenset({PLAIN})), Sight(frozenset(), frozenset())])
def test_without_names_in_sight_there_is_no_such_view(seen: Sight | None) -> None:
    with pytest.raises(ViewDeniedError, match="names persons"):
        show(two_sites().reader(MASKED), "identities", MASKED, sight=seen)


def test_without_a_site_there_are_no_names() -> None:
    assert named(two_sites(), sight()) == {}


def test_the_site_that_counts_is_todays_whatever_position_is_looked_at() -> None:
    ledger = registered()
    wrong = ledger.append(consented("S1", site="LPZ", subject_name="Ada Byron"))
    then = ledger.facts[-1].seq
    ledger.correct(wrong, site="FJD")
    assert named(ledger, sight("LPZ"), as_of=then) == {}
    assert named(ledger, sight("FJD"), as_of=then) == {"S1": "Ada Byron"}


def test_a_name_is_the_one_stated_last_with_its_corrections() -> None:
    ledger = registered()
    first = ledger.append(consented("S1", site="LPZ", subject_name="Ada Byron", giver_name="Anne Byron"))
    ledger.append(identity_corrected(first, "Ada Lovelace"))
    ledger.append(renewed("S1", "2020-05-20"))
    waiver = {"subject": "S1", "criterion": "I1", "reason": "judged", "approved_by": "Dr. No"}
    ledger.append(WaiverGranted.model_validate({**waiver, "occurred_at": "2020-05-21"}))
    (row,) = show(ledger.reader(MASKED), "identities", MASKED, sight=sight("LPZ")).rows
    assert (row["subject_name"], row["giver_name"], row["waived_by"]) == ("Ada Lovelace", None, "Dr. No")
    assert (row["site"], row["consented"], row["form"], row["giver"]) == ("LPZ", "2020-05-20", "WRITTEN", "PATIENT")


def test_an_erased_name_is_gone_at_every_position_even_if_a_reader_still_had_it() -> None:
    ledger = two_sites()
    then = ledger.facts[-1].seq
    ledger.append(IdentityErased(occurred_at="2020-06-01", subject="S1", reason="asked for"))
    for as_of in (None, then):
        answer = show(ledger.reader(MASKED), "identities", MASKED, sight=sight("LPZ", "FJD"), as_of=as_of)
        assert "Byron" not in answer.to_json()
        assert [row["subject_name"] for row in answer.rows] == [ERASED, "Mary Somerville"]


def test_names_stand_beside_no_arm_though_both_are_in_sight() -> None:
    ledger = registered()
    randomize(ledger, "S1", "TREATMENT", site="LPZ")
    both = Sight(frozenset(Book), NAMES | {ARM}, frozenset({"LPZ"}))
    answer = show(ledger.reader(UNMASKED), "identities", UNMASKED, sight=both)
    assert [row["subject"] for row in answer.rows] == ["S1"]
    assert "TREATMENT" not in answer.to_json().upper()
    assert set(answer.value()["as_of"]) == {"seq", "recorded_at"}


def test_no_file_gets_a_name(tmp_path: Path) -> None:
    ledger = two_sites()
    rebuild(ledger.reader(MASKED), MASKED, tmp_path)
    show(ledger.reader(MASKED), "identities", MASKED, sight=sight("LPZ"), folder=tmp_path)
    catch_up(ledger.reader(MASKED), MASKED, tmp_path)
    files = list(tmp_path.iterdir())
    assert files
    for path in files:
        content = path.read_bytes()
        assert b"Byron" not in content
        assert b"v_identities" not in content


def test_a_view_of_names_that_would_be_kept_is_no_view() -> None:
    class Kept(Identities):
        kept = True
        stored = (Column("subject"),)

    with pytest.raises(ValueError, match="kept in no file"):
        check_view(Kept())


def test_a_ledger_too_large_to_hold_names_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = two_sites()
    ledger.append(IdentityErased(occurred_at="2020-06-01", subject="S2", reason="asked for"))
    expected = named(ledger, sight("LPZ", "FJD"))
    monkeypatch.setattr(runner, "IN_MEMORY", 0)
    assert named(ledger, sight("LPZ", "FJD")) == expected == {"S1": "Ada Byron", "S2": ERASED}


def test_only_the_view_of_names_asks_for_them() -> None:
    assert [view.name for view in VIEWS.values() if view.needs_identity] == ["identities"]
