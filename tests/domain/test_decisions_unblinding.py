"""Unblinding is never refused to a patient in danger, takes two people where it can wait, and is never taken back."""

from typing import Any

import pytest

from ledger.domain.commands import parse_command
from ledger.domain.decisions.unblinding import named_field
from ledger.domain.events import CATALOGUE, unblinding
from ledger.domain.events.unblinding import CodeBroken, EnteredUnblinded, UnblindingApproved
from ledger.domain.history import Fact
from ledger.domain.unblinded import Knowledge
from ledger.domain.vocabulary import Book
from tests.domain.story import CONSENT, IMPORT, NOW, Story, consented, enrolled, randomized, screened

BREAK = {"subject": "P1", "reason": "anaphylaxis, and the antidote depends on the product"}
ASK = {"person": "analyst-1", "role": "statistician", "reason": "interim analysis"}
SLIP = {"person": "nurse-7", "role": "care-provider", "how": "the label of the bag was readable"}


def of_type(story: Story, type_: str) -> list[Fact]:
    return [fact for fact in story.facts if fact.type == type_]


def knows(story: Story, person: str, subject: str = "P1") -> bool:
    """Whether the record says that somebody knows the arm of a subject."""
    return bool(story.trial.unblinded.of(person, subject) or story.subject(subject).unblinded.of(person, subject))


@pytest.fixture
def story() -> Story:
    return randomized()


class TestTheEmergency:
    @pytest.mark.parametrize("role", ["investigator", "care-provider", "safety-physician"])
    def test_a_physician_breaks_the_code_and_knows_from_the_moment_of_the_record(self, story: Story, role: str) -> None:
        decision = story.tell("break-code", BREAK, role=role)
        assert [type(event) for event in decision.open] == [CodeBroken]
        assert decision.sealed == []
        assert story.subject().unblinded.of(f"{role}-1", "P1") == NOW
        assert not knows(story, "sponsor-1")

    @pytest.mark.parametrize("role", ["sponsor", "monitor", "data-manager", "participant", "pharmacist", "auditor"])
    def test_nobody_else_does(self, story: Story, role: str) -> None:
        assert story.refused("break-code", BREAK, role=role) == ("role", "actor.role")

    def test_it_needs_a_reason_and_a_subject_who_has_an_arm(self) -> None:
        assert enrolled().refused("break-code", BREAK) == ("not-randomized", "data.subject")
        assert enrolled().refused("break-code", BREAK | {"subject": "P9"}) == ("subject-unknown", "data.subject")
        with pytest.raises(ValueError, match="reason"):
            randomized().tell("break-code", {"subject": "P1"})

    @pytest.mark.parametrize(
        ("before", "data"),
        [
            pytest.param("halt-trial", {"reason": "money"}, id="in a halt"),
            pytest.param("terminate-trial", {"reason": "money"}, id="after an early termination"),
            pytest.param("lock-database", {"reason": "analysis"}, id="after the lock"),
            pytest.param("record-death", {"subject": "P1", "died": "2020-05-25"}, id="after a death"),
            pytest.param(
                "withdraw-consent", {"subject": "P1", "giver": "PATIENT", "scope": "ALL"}, id="after a withdrawal"
            ),
            pytest.param("break-code", BREAK, id="broken by the same person"),
            pytest.param("close-site", {"site": "S01"}, id="after the site was closed"),
        ],
    )
    def test_it_is_refused_for_nothing_that_can_have_happened_in_the_trial(
        self, story: Story, before: str, data: dict[str, Any]
    ) -> None:
        story.tell(before, data, "2020-05-25")
        decision = story.tell("break-code", BREAK, "2020-05-26")
        assert [event.type for event in decision.open] == ["code.broken/1"]

    def test_the_first_time_counts_when_somebody_breaks_it_again(self, story: Story) -> None:
        story.tell("break-code", BREAK)
        story.now = "2020-06-02T12:00:00.000000Z"
        story.tell("break-code", BREAK)
        story.tell("break-code", BREAK, role="care-provider")
        assert story.subject().unblinded.of("investigator-1", "P1") == NOW
        assert story.subject().unblinded.of("care-provider-1", "P1") == story.now

    def test_an_import_of_a_code_break_unblinds_nobody_of_ours(self, story: Story) -> None:
        story.tell("break-code", BREAK, provenance=IMPORT)
        assert not knows(story, "data-manager-1")


class TestThePlan:
    def test_a_request_alone_unblinds_nobody(self, story: Story) -> None:
        story.tell("request-unblinding", ASK, role="sponsor", id="ask")
        assert not knows(story, "analyst-1")
        story.tell("approve-unblinding", {"request": "ask"}, role="dmc")
        assert story.trial.unblinded.of("analyst-1", "P1") == NOW
        assert story.trial.unblinded.of("analyst-1", None) == NOW

    def test_it_reaches_as_far_as_the_subjects_that_were_named(self, story: Story) -> None:
        story.tell("request-unblinding", ASK | {"subjects": ["P1", "P2"]}, role="sponsor", id="ask")
        approved = story.tell("approve-unblinding", {"request": "ask"}, role="dmc").open[0]
        assert isinstance(approved, UnblindingApproved)
        assert approved.subjects == ("P1", "P2")
        known = story.trial.unblinded
        assert known.of("analyst-1", "P1") == known.of("analyst-1", "P2") == NOW
        assert known.of("analyst-1", "P3") is known.of("analyst-1", None) is None

    def test_whoever_asked_cannot_approve_in_whatever_role(self, story: Story) -> None:
        story.tell("request-unblinding", ASK, role="sponsor", id="ask")
        same = {"id": "sponsor-1", "role": "statistician", "org": "FJD"}
        assert story.refused("approve-unblinding", {"request": "ask"}, actor=same) == ("four-eyes", "actor.id")
        assert story.refused("approve-unblinding", {"request": "ask"}, role="sponsor") == ("four-eyes", "actor.id")

    def test_whoever_would_be_unblinded_cannot_approve(self, story: Story) -> None:
        story.tell("request-unblinding", ASK | {"person": "statistician-1"}, role="sponsor", id="ask")
        refused = story.refused("approve-unblinding", {"request": "ask"}, role="statistician")
        assert refused == ("four-eyes", "actor.id")

    def test_what_was_never_asked_for_or_is_approved_cannot_be_approved(self, story: Story) -> None:
        approval = {"request": "ask"}
        assert story.refused("approve-unblinding", approval, role="dmc") == ("request-unknown", "data.request")
        story.tell("request-unblinding", ASK, role="sponsor", id="ask")
        story.tell("approve-unblinding", approval, role="dmc")
        assert story.refused("approve-unblinding", approval, role="statistician") == (
            "approved-already",
            "data.request",
        )

    def test_what_somebody_is_unblinded_for_need_not_be_asked_for(self, story: Story) -> None:
        story.tell("request-unblinding", ASK, role="sponsor", id="ask")
        story.tell("approve-unblinding", {"request": "ask"}, role="dmc")
        for known in (ASK, ASK | {"subjects": ["P1"]}):
            assert story.refused("request-unblinding", known, role="sponsor") == ("unblinded-already", "data.person")
        twice = ASK | {"subjects": ["P1", "P1"]}
        assert story.refused("request-unblinding", twice, role="sponsor") == ("subject-twice", "data.subjects")

    @pytest.mark.parametrize("role", ["investigator", "care-provider", "monitor", "pharmacist", "auditor"])
    def test_nobody_at_a_site_asks_or_approves(self, story: Story, role: str) -> None:
        story.tell("request-unblinding", ASK, role="sponsor", id="ask")
        assert story.refused("request-unblinding", ASK, role=role) == ("role", "actor.role")
        assert story.refused("approve-unblinding", {"request": "ask"}, role=role) == ("role", "actor.role")


class TestWhatHappened:
    def test_somebody_was_unblinded_by_mistake_for_one_subject_or_for_all(self, story: Story) -> None:
        story.tell("report-inadvertent-unblinding", SLIP | {"subject": "P1"})
        assert knows(story, "nurse-7")
        assert story.trial.unblinded == Knowledge()
        story.tell("report-inadvertent-unblinding", SLIP | {"person": "nurse-8"}, role="sponsor")
        assert story.trial.unblinded.of("nurse-8", None) == NOW

    def test_an_envelope_unblinds_whom_the_report_names_else_whoever_reports(self, story: Story) -> None:
        opened = {"subject": "P1", "reason": "the server was down"}
        story.tell("report-envelope-opened", opened | {"person": "night-doctor"})
        assert knows(story, "night-doctor")
        assert not knows(story, "investigator-1")
        story.tell("report-envelope-opened", opened)
        assert knows(story, "investigator-1")

    def test_envelopes_in_somebodys_keeping_unblind_nobody(self, story: Story) -> None:
        story.tell("record-envelopes-exported", {"holder": "night-doctor", "subjects": 12}, role="statistician")
        assert story.trial.unblinded == Knowledge()

    @pytest.mark.parametrize(
        ("type_", "data"),
        [
            ("break-code", BREAK),
            ("report-inadvertent-unblinding", SLIP | {"subject": "P1"}),
            ("report-envelope-opened", {"subject": "P1", "reason": "x"}),
        ],
    )
    def test_none_of_it_is_corrected_or_voided(self, story: Story, type_: str, data: dict[str, Any]) -> None:
        story.tell(type_, data, id="told")
        about = {"target": {"command": "told"}, "reason": "wrong"}
        by = {"role": "sponsor"}
        changed = story.refused("correct-record", about | {"changes": [{"field": "reason", "new": "y"}]}, **by)
        assert changed == ("not-correctable", "data.target")
        assert story.refused("void-record", about, **by) == ("not-voidable", "data.target")

    def test_no_event_of_unblinding_has_room_for_an_arm(self) -> None:
        ours = [cls for cls in CATALOGUE if cls.__module__ == unblinding.__name__ and cls.book is Book.OPEN]
        assert len(ours) == 6
        assert not any("arm" in cls.model_fields for cls in ours)


class TestErasure:
    def told(self) -> Story:
        story = consented()
        story.tell("erase-identity", {"subject": "P1", "reason": "as the subject asked"}, role="sponsor")
        return story

    def test_names_are_erased_once_with_a_reason(self) -> None:
        story = self.told()
        again = {"subject": "P1", "reason": "again"}
        assert story.refused("erase-identity", again, role="sponsor") == ("erased-already", "data.subject")
        unknown = {"subject": "P9", "reason": "x"}
        assert story.refused("erase-identity", unknown, role="sponsor") == ("subject-unknown", "data.subject")
        assert story.subject().identity_erased_at == "2020-05-20"

    @pytest.mark.parametrize("role", ["monitor", "care-provider", "participant", "statistician"])
    def test_it_is_for_sponsor_data_manager_and_investigator(self, role: str) -> None:
        refused = consented().refused("erase-identity", {"subject": "P1", "reason": "x"}, role=role)
        assert refused == ("role", "actor.role")

    def test_afterwards_no_name_is_taken_and_what_names_nobody_is(self) -> None:
        story = self.told()
        renewal = {key: value for key, value in CONSENT.items() if key != "site"}
        renewal |= {"subject": "P1", "reason": "OTHER"}
        named = story.refused("renew-consent", renewal | {"giver_name": "Ana"})
        assert named == ("identity-erased", "data.giver_name")
        story.tell("renew-consent", renewal)

    def test_afterwards_no_name_is_corrected_and_what_is_no_name_is(self) -> None:
        story = self.told()
        consent = of_type(story, "consent.obtained/1")[0].command
        about = {"target": {"command": consent}, "reason": "misread"}
        named = about | {"changes": [{"field": "subject_name", "new": "Pedro"}]}
        assert story.refused("correct-record", named) == ("identity-erased", "data.changes[0].field")
        story.tell("correct-record", about | {"changes": [{"field": "witnessed", "new": False}]})

    def test_a_waiver_names_who_approved_it_and_so_is_neither_granted_nor_corrected_any_more(self) -> None:
        story = screened(sudden_onset=False)
        failed = story.subject().screening.failed[0]  # type: ignore[union-attr]
        waiver = {"subject": "P1", "criterion": failed, "reason": "r", "approved_by": "Dr. Gil"}
        story.tell("grant-waiver", waiver, id="waiver")
        story.tell("erase-identity", {"subject": "P1", "reason": "asked"}, role="sponsor")
        assert story.refused("grant-waiver", waiver) == ("identity-erased", "data.approved_by")
        change = {"target": {"command": "waiver"}, "reason": "r", "changes": [{"field": "reason", "new": "s"}]}
        assert story.refused("correct-record", change) == ("identity-erased", "data.target")

    def test_a_command_that_names_nobody_says_so(self) -> None:
        story = Story()
        assert named_field(parse_command(story.command("break-code", BREAK)), None) is None
        said = parse_command(story.command("record-consent", {"subject": "P1", **CONSENT, "giver_name": "Ana"}))
        assert named_field(said, None) == "data.giver_name"


def test_what_is_entered_after_unblinding_lies_in_one_section_of_class_arm() -> None:
    assert set(EnteredUnblinded.sections) == {"arm"}
