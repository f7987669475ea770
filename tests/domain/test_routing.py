"""The rule of the two books: what a masked person enters is open, what somebody enters who knows the arm is sealed."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.decisions import COMMANDS, Decision, Refusal
from ledger.domain.decisions.routing import NAMELESS, OPEN_CHANGES, STAYS_OPEN, TAKES_IN, unblinded
from ledger.domain.events.unblinding import EnteredUnblinded, ReporterNamed
from ledger.domain.history import Fact, corrected
from ledger.domain.roles import ROLES
from ledger.domain.routing import MARK, merged, unwrap, wrapped
from ledger.domain.state import SubjectState
from ledger.domain.unblinded import Knowledge
from ledger.domain.vocabulary import Book, Role
from tests.domain.story import CONSENT, IMPORT, NOW, Story, consented, deviations_of, randomized

FEVER = {"subject": "P1", "ae": "1", "term": "Fever", "serious": False, "onset": "2020-05-21"}
BREAK = {"subject": "P1", "reason": "anaphylaxis"}
RENEWAL = {key: value for key, value in CONSENT.items() if key != "site"} | {"subject": "P1", "reason": "OTHER"}
COLLEAGUE = {"id": "investigator-2", "role": "investigator", "org": "FJD"}
"""Somebody at the same site who does not know the arm."""
UNBLINDED_FOR_ALL = {"person": "investigator-1", "role": "investigator", "how": "saw the list"}


def broken(subject: str = "P1") -> Story:
    """P1 and P2 are randomized, and investigator-1 knows the arm of `subject`."""
    story = randomized("P2", randomized())
    story.tell("break-code", {"subject": subject, "reason": "anaphylaxis"}, "2020-05-21")
    return story


@pytest.fixture
def story() -> Story:
    return broken()


def entered(decision: Decision) -> list[EnteredUnblinded]:
    """What became sealed, where all of the decision did."""
    assert decision.open == []
    assert all(isinstance(event, EnteredUnblinded) for event in decision.sealed)
    return [event for event in decision.sealed if isinstance(event, EnteredUnblinded)]


def opened(story: Story) -> list[tuple[str, Any]]:
    return [(fact.type, fact.data) for fact in story.facts if fact.book is Book.OPEN]


def standing(story: Story, subject: str = "P1") -> list[Fact]:
    """What stands of a subject for who sees arms."""
    stream = f"subject/{subject}"
    return corrected(merged(story.facts_of(stream), story.facts_of(stream, Book.SEALED)))


def about(command: str, *, subject: str | None = None, **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"target": {"command": command}, "reason": "misread"}
    if subject is not None:
        found["subject"] = subject
    return found | ({"changes": [{"field": f, "new": new} for f, new in changes.items()]} if changes else {})


class TestWhereItGoes:
    def test_what_an_unblinded_person_enters_is_sealed_as_the_event_that_it_would_have_been(self) -> None:
        story = broken()
        (event,) = entered(story.tell("report-adverse-event", FEVER))
        masked = broken().tell("report-adverse-event", FEVER, actor=COLLEAGUE)
        assert masked.sealed == []
        assert event.recorded_type == masked.open[0].type
        assert event.content == masked.open[0].model_dump(mode="json", exclude_none=True)
        assert event.stream == masked.open[0].stream
        assert event.unblinded_at == NOW

    def test_only_of_the_subject_whose_arm_is_known(self, story: Story) -> None:
        assert story.tell("report-adverse-event", FEVER | {"subject": "P2"}).sealed == []

    def test_only_from_when_it_is_known(self) -> None:
        story = randomized()
        assert story.tell("report-adverse-event", FEVER).sealed == []
        story.tell("break-code", BREAK)
        assert entered(story.tell("follow-up-adverse-event", {"subject": "P1", "ae": "1", "note": "better"}))

    def test_the_deviations_that_come_of_it_are_sealed_with_it(self, story: Story) -> None:
        visit, deviation = entered(story.tell("record-visit", {"subject": "P1", "visit": "DAY 28"}, "2020-05-21"))
        assert (visit.recorded_type, deviation.recorded_type) == ("visit.recorded/1", "deviation.raised/1")
        assert deviation.content["rule"] == "visit-window"

    def test_whoever_knows_all_arms_enters_nothing_open_of_any_subject_nor_of_a_site(self) -> None:
        story = randomized("P2", randomized())
        story.tell("report-inadvertent-unblinding", UNBLINDED_FOR_ALL)
        assert entered(story.tell("report-adverse-event", FEVER))
        assert entered(story.tell("record-visit", {"subject": "P2", "visit": "DAY 3"}))
        assert entered(story.tell("record-consent", {"subject": "P7", **CONSENT}))
        (site,) = entered(story.tell("report-deviation", {"site": "S01", "category": "OTHER", "detail": "x"}))
        assert site.stream == "trial"

    def test_a_deviation_of_a_site_stays_open_for_who_knows_a_single_arm(self, story: Story) -> None:
        assert story.tell("report-deviation", {"site": "S01", "category": "OTHER", "detail": "x"}).sealed == []

    def test_an_import_is_no_persons_entry(self) -> None:
        story = randomized()
        story.tell("report-inadvertent-unblinding", UNBLINDED_FOR_ALL | {"person": "data-manager-1"})
        assert story.tell("report-adverse-event", FEVER, provenance=IMPORT).sealed == []

    @pytest.mark.parametrize("type_", sorted(TAKES_IN - {"record-allocation-out-of-turn"}))
    def test_whoever_knows_all_arms_takes_nobody_in(self, type_: str) -> None:
        story = consented("P3", randomized())
        story.tell("report-inadvertent-unblinding", UNBLINDED_FOR_ALL)
        data = {"subject": "P3"}
        if type_ == "grant-waiver":
            data |= {"criterion": "I1", "reason": "r", "approved_by": "Dr. Gil"}
        assert story.refused(type_, data) == ("unblinded", "actor.id")
        other = story.refused(type_, data, actor=COLLEAGUE)
        assert other[0] != "unblinded"

    def test_a_name_is_not_entered_into_the_sealed_book(self, story: Story) -> None:
        assert story.refused("renew-consent", RENEWAL | {"giver_name": "Ana"}) == ("unblinded", "data.giver_name")
        (event,) = entered(story.tell("renew-consent", RENEWAL))
        assert event.recorded_type == "consent.renewed/1"

    @pytest.mark.parametrize("type_", sorted(COMMANDS))
    def test_every_command_about_a_subject_is_sealed_or_on_the_closed_list_or_refused(self, type_: str) -> None:
        """For whoever adds a command: by default, what an unblinded person enters is sealed."""
        spec = COMMANDS[type_]
        knows = SubjectState(unblinded=Knowledge({("x", "P1"): NOW}))
        command: Any = type("Given", (), {"imported": False, "type": type_})()
        command.actor = type("Somebody", (), {"id": "x", "role": Role.INVESTIGATOR})()
        found = unblinded(command, Story().trial, "P1", knows)
        assert (found is None) == (type_ in STAYS_OPEN)
        assert not (spec.sealed and type_ in STAYS_OPEN)


class TestTheClosedList:
    @pytest.mark.parametrize(
        ("type_", "data"),
        [
            ("record-death", {"subject": "P1", "died": "2020-05-22"}),
            ("record-vital-status", {"subject": "P1", "status": "ALIVE"}),
            ("withdraw-consent", {"subject": "P1", "giver": "PATIENT", "scope": "ALL"}),
            ("report-inadvertent-unblinding", {"person": "x", "role": "monitor", "subject": "P1", "how": "y"}),
            ("report-envelope-opened", {"subject": "P1", "reason": "x"}),
            ("break-code", BREAK),
            ("erase-identity", {"subject": "P1", "reason": "asked"}),
        ],
    )
    def test_it_is_open_and_names_who_is_unblinded_for_that_is_open_already(
        self, story: Story, type_: str, data: dict[str, Any]
    ) -> None:
        decision = story.tell(type_, data, "2020-05-22")
        assert decision.open
        assert decision.sealed == []
        assert story.facts[-1].actor.id == "investigator-1"

    def test_the_acts_of_the_trial_stay_open(self) -> None:
        story = randomized()
        story.tell("report-inadvertent-unblinding", UNBLINDED_FOR_ALL | {"person": "sponsor-1", "role": "sponsor"})
        assert story.tell("halt-trial", {"reason": "money"}).sealed == []
        assert story.tell("record-dmc-recommendation", {"recommendation": "STOP"}, role="dmc").open

    @pytest.mark.parametrize("role", [role for role in Role if ROLES[role].arms is True])
    @pytest.mark.parametrize(
        ("type_", "data"),
        [
            ("record-death", {"subject": "P1", "died": "2020-05-22"}),
            ("record-vital-status", {"subject": "P1", "status": "DEAD"}),
            ("withdraw-consent", {"subject": "P1", "giver": "PATIENT", "scope": "ALL"}),
            ("report-inadvertent-unblinding", {"person": "x", "role": "monitor", "subject": "P1", "how": "y"}),
        ],
    )
    def test_whose_role_tells_an_arm_is_named_in_the_sealed_book_alone(
        self, role: Role, type_: str, data: dict[str, Any]
    ) -> None:
        story, plain = randomized(), randomized()
        decision = story.tell(type_, data, "2020-05-22", role=role.value, id="told")
        assert decision.open == plain.tell(type_, data, "2020-05-22").open
        (named,) = decision.sealed
        assert isinstance(named, ReporterNamed)
        assert (named.person, named.role, named.command) == (f"{role}-1", role, "told")
        written = next(fact for fact in story.facts if fact.type == decision.open[0].type)
        assert written.actor.role == "system"
        assert role.value not in str((written.data, written.actor, written.command))

    def test_the_nameless_are_the_facts_of_the_closed_list(self) -> None:
        assert NAMELESS < STAYS_OPEN
        assert set(COMMANDS) >= STAYS_OPEN | TAKES_IN | OPEN_CHANGES


class TestWhatItReads:
    def test_an_unblinded_person_goes_on_from_what_was_entered_after_unblinding(self, story: Story) -> None:
        story.tell("report-adverse-event", FEVER)
        assert story.refused("report-adverse-event", FEVER)[0] == "ae-exists"
        follow_up = {"subject": "P1", "ae": "1", "ended": "2020-05-20"}
        assert story.refused("follow-up-adverse-event", follow_up)[0] == "end-before-start"
        assert entered(story.tell("follow-up-adverse-event", follow_up | {"ended": "2020-05-22"}))

    def test_so_does_the_pharmacist(self, story: Story) -> None:
        action = {"subject": "P1", "ae": "1", "action": "DRUG WITHDRAWN"}
        assert story.refused("record-action-taken", action)[0] == "ae-unknown"
        story.tell("report-adverse-event", FEVER)
        assert story.tell("record-action-taken", action).sealed

    def test_a_masked_person_is_answered_as_if_it_were_not_there(self, story: Story) -> None:
        story.tell("report-adverse-event", FEVER)
        follow_up = {"subject": "P1", "ae": "1", "note": "x"}
        assert story.refused("follow-up-adverse-event", follow_up, actor=COLLEAGUE)[0] == "ae-unknown"
        assert story.tell("report-adverse-event", FEVER, actor=COLLEAGUE).open

    def test_the_ledger_stays_nobodys_guess_for_a_masked_person_who_names_a_sealed_record(self, story: Story) -> None:
        story.tell("report-adverse-event", FEVER, id="fever")
        for told in (about("fever"), about("fever", subject="P1"), about("nothing", subject="P1")):
            change = told | {"changes": [{"field": "term", "new": "Chill"}]}
            assert story.refused("correct-record", change, actor=COLLEAGUE) == ("target-unknown", "data.target")


class TestCorrections:
    def test_of_an_open_record_it_is_sealed_and_read_by_those_alone_who_see_arms(self, story: Story) -> None:
        story.tell("report-adverse-event", FEVER, actor=COLLEAGUE, id="fever")
        before = opened(story)
        (event,) = entered(story.tell("correct-record", about("fever", term="Rash of the infusion")))
        assert event.recorded_type == "record.corrected/1"
        assert opened(story) == before
        assert corrected(story.facts_of("subject/P1"))[-1].data["term"] == "Fever"
        seen = next(fact for fact in standing(story) if fact.type == "adverse-event.reported/1")
        assert (seen.book, seen.data["term"]) == (Book.OPEN, "Rash of the infusion")
        assert story.refused("correct-record", about("fever", term="Rash of the infusion"))[0] == "no-change"
        assert story.tell("correct-record", about("fever", term="Rash of the infusion"), actor=COLLEAGUE).open

    def test_of_what_was_entered_after_unblinding_it_needs_the_subject(self, story: Story) -> None:
        story.tell("report-adverse-event", FEVER, id="fever")
        assert story.refused("correct-record", about("fever", term="Chill")) == ("target-unknown", "data.target")
        assert story.refused("correct-record", about("fever", subject="P2", term="Chill"))[0] == "target-unknown"
        (event,) = entered(story.tell("correct-record", about("fever", subject="P1", term="Chill")))
        assert event.recorded_type == "sealed-record.corrected/1"
        (seen,) = [fact for fact in standing(story) if fact.type == "adverse-event.reported/1"]
        assert (seen.book, seen.data["term"], seen.data[MARK]) == (Book.SEALED, "Chill", True)

    def test_it_follows_the_rules_of_the_record(self, story: Story) -> None:
        story.tell("report-adverse-event", FEVER, id="fever")
        change = about("fever", subject="P1", ended="2020-05-01")
        assert story.refused("correct-record", change) == ("end-before-start", "data.changes[0].new")

    def test_a_voiding_takes_it_out_for_those_alone_who_see_arms(self, story: Story) -> None:
        story.tell("report-adverse-event", FEVER, actor=COLLEAGUE, id="fever")
        story.tell("report-adverse-event", FEVER | {"ae": "2"}, id="chill")
        assert entered(story.tell("void-record", about("fever")))
        assert entered(story.tell("void-record", about("chill", subject="P1")))
        assert not [fact for fact in standing(story) if fact.type == "adverse-event.reported/1"]
        assert story.subject().adverse_events.keys() == {"1"}
        assert story.refused("void-record", about("chill", subject="P1"))[0] == "target-unknown"

    def test_what_a_masked_person_said_of_an_event_does_not_fall_with_a_sealed_one_of_the_same_number(
        self, story: Story
    ) -> None:
        story.tell("report-adverse-event", FEVER, id="sealed")
        story.tell("report-adverse-event", FEVER, actor=COLLEAGUE)
        story.tell("follow-up-adverse-event", {"subject": "P1", "ae": "1", "note": "gone"}, actor=COLLEAGUE)
        story.tell("void-record", about("sealed", subject="P1"))
        kept = [fact.type for fact in standing(story) if fact.data.get("ae") == "1"]
        assert kept == ["adverse-event.reported/1", "adverse-event.followed-up/1"]

    def test_the_subject_that_a_correction_names_has_to_be_the_records(self, story: Story) -> None:
        story.tell("report-adverse-event", FEVER, actor=COLLEAGUE, id="fever")
        told = about("fever", subject="P2", term="Chill")
        assert story.refused("correct-record", told, actor=COLLEAGUE) == ("target-unknown", "data.target")


def test_a_fact_comes_out_of_its_wrapping_as_it_went_in_but_for_the_mark(story: Story) -> None:
    plain = broken().tell("report-adverse-event", FEVER, actor=COLLEAGUE).open[0]
    story.tell("report-adverse-event", FEVER)
    fact = unwrap(story.facts[-1])
    assert fact.type == plain.type
    assert fact.data == plain.model_dump(mode="json", exclude_none=True) | {MARK: True}
    assert (fact.book, fact.seq, fact.actor.id) == (Book.SEALED, story.facts[-1].seq, "investigator-1")
    assert wrapped(plain, NOW).content == {key: value for key, value in fact.data.items() if key != MARK}


def test_any_other_fact_stays_as_it_is(story: Story) -> None:
    assert all(unwrap(fact) is fact for fact in story.facts)


_SUBJECTS = st.sampled_from(["P1", "P2"])
_DAYS = st.sampled_from(["2020-05-22", "2020-05-23", "2020-05-28"])
_AES = st.sampled_from(["1", "2"])
_COMMANDS = st.one_of(
    st.tuples(
        st.just("report-adverse-event"),
        st.builds(lambda s, ae, onset: FEVER | {"subject": s, "ae": ae, "onset": onset}, _SUBJECTS, _AES, _DAYS),
    ),
    st.tuples(
        st.just("follow-up-adverse-event"),
        st.builds(lambda s, ae, ended: {"subject": s, "ae": ae, "ended": ended}, _SUBJECTS, _AES, _DAYS),
    ),
    st.tuples(st.just("record-visit"), st.builds(lambda s: {"subject": s, "visit": "DAY 3"}, _SUBJECTS)),
    st.tuples(
        st.just("record-disposition"),
        st.builds(lambda s: {"subject": s, "term": "COMPLETED", "epoch": "TREATMENT"}, _SUBJECTS),
    ),
    st.tuples(st.just("renew-consent"), st.builds(lambda s: RENEWAL | {"subject": s}, _SUBJECTS)),
    st.tuples(
        st.sampled_from(["correct-record", "void-record"]),
        st.builds(
            lambda kind, n, s, on: about(f"{kind}-P1-{n}", subject=s) | {"on": on},
            st.sampled_from(["masked", "unblinded"]),
            st.integers(0, 4),
            st.sampled_from([None, "P1"]),
            _DAYS,
        ),
    ),
)
_Told = tuple[bool, tuple[str, dict[str, Any]], str]
_STEPS = st.lists(st.tuples(st.booleans(), _COMMANDS, _DAYS), min_size=2, max_size=10)


def _play(steps: list[_Told], *, with_unblinded: bool) -> list[Any]:
    """What the open book and each masked person's answer are, with and without what investigator-1 enters of P1."""
    story = broken()
    answers: list[Any] = []
    for number, (masked, (type_, told), day) in enumerate(steps):
        data = dict(told)
        on = data.pop("on", None)
        if type_ == "correct-record":
            data["changes"] = [{"field": "occurred_at", "new": on}]
        # Of P2 investigator-1 knows nothing and is masked as everybody else; a correction names its subject or not.
        person = COLLEAGUE if masked or data.get("subject") == "P2" else COLLEAGUE | {"id": "investigator-1"}
        knowing = person["id"] == "investigator-1"
        if knowing and not with_unblinded:
            continue
        name = f"{'unblinded' if knowing else 'masked'}-{data.get('subject') or 'P1'}-{number}"
        value = story.command(type_, data, day, actor=person, id=name)
        try:
            decision = story.give(value)
        except Refusal as refusal:
            if not knowing:
                answers.append(str(refusal))
            continue
        if knowing:
            assert decision.open == []
        else:
            assert decision.sealed == []
            answers.append((decision.open, deviations_of(decision)))
    return [answers, [(type_, data) for type_, data in opened(story)]]


@given(_STEPS)
def test_no_masked_person_is_answered_otherwise_for_what_an_unblinded_one_enters(steps: list[_Told]) -> None:
    assert _play(steps, with_unblinded=True) == _play(steps, with_unblinded=False)


def test_that_comparison_finds_a_decision_that_reads_what_it_must_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: as if every decision read what was entered after unblinding."""
    day = "2020-05-22"
    steps: list[_Told] = [(False, ("report-adverse-event", FEVER), day), (True, ("report-adverse-event", FEVER), day)]
    assert _play(steps, with_unblinded=True) == _play(steps, with_unblinded=False)
    monkeypatch.setattr("tests.domain.story.unblinded", lambda *_, **__: True)
    monkeypatch.setattr(
        "tests.domain.story.with_entered",
        lambda _, reads, opened, sealed: replace(reads, subject=SubjectState.fold(merged(opened, sealed))),
    )
    assert _play(steps, with_unblinded=True) != _play(steps, with_unblinded=False)
