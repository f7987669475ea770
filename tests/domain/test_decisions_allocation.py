"""The list is committed to, then bound, then drawn in turn; and what departs from that is recorded as it was."""

import base64
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.domain.allocation import ListState, arms_of, checked_parameters, default_parameters, plan_of
from ledger.domain.decisions import Decision, Refusal
from ledger.domain.events.conduct import DeviationRaised
from ledger.domain.protocol import Protocol
from ledger.domain.vocabulary import Book
from ledger.proof.allocation import Parameters, arm_for, commitment
from ledger.proof.allocation_check import (
    AllocationFinding,
    Assigned,
    Bound,
    Committed,
    Draw,
    Opened,
    check_allocations,
)
from tests.domain.story import (
    COMMITMENT,
    CONSENT,
    ELIGIBLE,
    IMPORT,
    OUTSIDE,
    PARAMETERS,
    PROTOCOL,
    SECRET,
    Story,
    begun,
    deviations_of,
    enrolled,
    randomized,
    screened,
)

P1 = {"subject": "P1"}
WHY = {"reason": "lack of financial support"}
OPENING = {"secret": SECRET.hex(), "parameters": PARAMETERS, "reason": "the analysis"}
TURN = {"subject": "P1", "index": 3, "reason": "an envelope was taken from under the first"}
WRONG = {"subject": "P1", "stratum": "S02", "reason": "the site had been read wrongly"}


def stratified(**changes: Any) -> Protocol:
    raw = PROTOCOL.settings.model_dump(mode="json")
    raw["stratification"] |= changes
    return PROTOCOL.amended({"settings": raw})


def halted(story: Story, on: str = "2020-05-25") -> Story:
    story.tell("halt-trial", WHY, on)
    return story


def events(decision: Decision) -> list[str]:
    return [event.type for event in (*decision.open, *decision.sealed)]


def drawing(protocol: Protocol = PROTOCOL, parameters: dict[str, Any] = PARAMETERS) -> Story:
    """A trial whose arms come from its list, as they do in the application."""
    story = begun(protocol, listed=False)
    rules = checked_parameters(parameters, protocol)
    story.tell("commit-allocation", {"commitment": commitment(SECRET, rules), "method": rules.method}, "2020-05-07")
    story.tell("bind-allocation", OUTSIDE, "2020-05-08")
    value = story.trial.allocation.outside_value
    assert value is not None
    plan = plan_of(SECRET, rules, value, protocol)

    def arm_of(stratum: str, index: int) -> str:
        drawn = ListState.fold(story.facts_of(f"allocation/{story.trial.allocation.list_of(stratum)}"))
        return arm_for(plan, drawn.draws, stratum, index)

    story.arm_of = arm_of
    return story


def checked(story: Story) -> list[AllocationFinding]:
    """What the check of allocations finds in the story."""

    def of(type_: str) -> list[Any]:
        return [fact for fact in story.facts if fact.type == type_]

    turns = {(fact.data["subject"], fact.data["index"]) for fact in of("allocation.out-of-turn/1")}
    return check_allocations(
        [Opened(f.seq, bytes.fromhex(f.data["secret"]), f.data["parameters"]) for f in of("allocation.opened/1")],
        [Committed(f.seq, f.data["commitment"], f.data["method"]) for f in of("allocation.committed/1")],
        [Bound(f.seq, base64.b64decode(f.data["value"]), f.data["sha256"]) for f in of("allocation.bound/1")],
        arms_of(PROTOCOL),
        [
            Draw(
                f.seq,
                f.data["subject"],
                f.data["stratum"],
                f.data["index"],
                f.data.get("list_name"),
                f.data["claimed"],
                (f.data["subject"], f.data["index"]) in turns,
            )
            for f in of("allocation.drawn/1")
        ],
        [
            Assigned(*(f.data[name] for name in ("subject", "arm", "stratum", "index", "claimed")))
            for f in of("arm.assigned/1")
        ],
    )


# -- committed to, bound, opened ---------------------------------------------------------------------------------------


def test_nobody_is_randomized_before_the_list_is_committed_to_and_bound_and_the_refusal_says_what_to_run() -> None:
    story = enrolled("P1", begun(listed=False))
    for step, named in (("commit-allocation", "allocation commit"), ("bind-allocation", "allocation bind")):
        with pytest.raises(Refusal, match=f"trial-ledger {named}") as caught:
            story.tell("randomize-subject", P1)
        assert caught.value.rule == "no-allocation-list"
        story.tell(step, COMMITMENT if step == "commit-allocation" else OUTSIDE)
    assert events(story.tell("randomize-subject", P1)) == [
        "subject.randomized/1",
        "allocation.drawn/1",
        "arm.assigned/1",
    ]


def test_without_the_secret_at_hand_nobody_is_randomized() -> None:
    story = enrolled()
    story.arm_of = lambda *_: None
    assert story.refused("randomize-subject", P1)[0] == "no-allocation-list"


@pytest.mark.parametrize(
    ("story", "type_", "data", "rule", "field"),
    [
        pytest.param(begun(), "commit-allocation", COMMITMENT, "allocation-committed", "type", id="committed twice"),
        pytest.param(begun(), "bind-allocation", OUTSIDE, "allocation-bound", "type", id="bound twice"),
        pytest.param(
            begun(listed=False), "bind-allocation", OUTSIDE, "allocation-not-committed", "type", id="nothing to bind"
        ),
        pytest.param(
            begun(listed=False), "open-allocation", OPENING, "allocation-not-committed", "type", id="nothing to open"
        ),
        pytest.param(begun(), "open-allocation", OPENING, "recruiting", "type", id="opened while recruiting"),
        pytest.param(
            halted(begun()),
            "open-allocation",
            {**OPENING, "secret": bytes(32).hex()},
            "commitment-mismatch",
            "data.secret",
            id="another secret",
        ),
        pytest.param(
            halted(begun()),
            "open-allocation",
            {**OPENING, "parameters": {**PARAMETERS, "block_sizes": [4]}},
            "commitment-mismatch",
            "data.secret",
            id="other parameters",
        ),
        pytest.param(
            halted(begun()),
            "open-allocation",
            {**OPENING, "parameters": {"method": "SIMPLE"}},
            "commitment-mismatch",
            "data.parameters",
            id="another method",
        ),
        pytest.param(
            halted(begun()),
            "open-allocation",
            {**OPENING, "parameters": {"method": "DICE"}},
            "allocation-parameters",
            "data.parameters",
            id="no method",
        ),
    ],
)
def test_what_the_state_of_the_list_forbids(
    story: Story, type_: str, data: dict[str, Any], rule: str, field: str
) -> None:
    assert story.refused(type_, data, "2020-05-30") == (rule, field)


@pytest.mark.parametrize(
    "value",
    ["YQ=", "YR==", "YQ==YQ==", "no base64!", base64.b64encode(bytes(16 * 1024 + 1)).decode()],
    ids=["no padding", "bits that mean nothing", "two values", "other characters", "too long"],
)
def test_an_outside_value_is_the_base64_of_16_kib_at_most(value: str) -> None:
    story = begun(listed=False)
    story.tell("commit-allocation", COMMITMENT)
    assert story.refused("bind-allocation", {**OUTSIDE, "value": value}) == ("base64", "data.value")
    largest = base64.b64encode(bytes(16 * 1024)).decode()
    story.tell("bind-allocation", {**OUTSIDE, "value": largest})


def test_the_outside_value_comes_after_the_commitment() -> None:
    story = begun(listed=False)
    story.tell("commit-allocation", COMMITMENT, "2020-05-20")
    assert story.refused("bind-allocation", OUTSIDE, "2020-05-19") == ("before-commitment", "occurred_at")


def test_minimisation_is_committed_to_for_equal_ratios_only() -> None:
    arms = [{**arm.model_dump(mode="json"), "ratio": ratio} for ratio, arm in enumerate(PROTOCOL.arms, 1)]
    story = begun(PROTOCOL.amended({"arms": arms}), listed=False)
    told = {**COMMITMENT, "method": "MINIMISATION"}
    assert story.refused("commit-allocation", told) == ("method", "data.method")


@pytest.mark.parametrize("end", ["halt-trial", "terminate-trial", "lock-database"])
def test_the_list_is_opened_once_nobody_is_taken_in_and_nobody_is_randomized_by_it_afterwards(end: str) -> None:
    story = enrolled("P2", randomized("P1"))
    story.tell(end, WHY, "2020-05-21")
    assert story.tell("open-allocation", OPENING, "2020-05-22").sealed == []
    assert story.trial.allocation.opened
    assert story.refused("open-allocation", OPENING, "2020-05-23")[0] == "allocation-opened"
    if end == "halt-trial":
        story.tell("restart-trial", WHY, "2020-05-24")
        assert story.refused("randomize-subject", {"subject": "P2"}, "2020-05-25")[0] == "allocation-opened"


def test_a_statistician_commits_and_who_binds_is_that_or_the_sponsor_and_it_stays_open() -> None:
    for role in ("statistician", "sponsor"):
        story = begun(listed=False)
        assert [event.book for event in story.tell("commit-allocation", COMMITMENT).open] == [Book.OPEN]
        assert [event.book for event in story.tell("bind-allocation", OUTSIDE, role=role).open] == [Book.OPEN]
    for role in ("investigator", "pharmacist", "data-manager", "dmc", "sponsor"):
        assert begun(listed=False).refused("commit-allocation", COMMITMENT, role=role) == ("role", "actor.role")


# -- which index -------------------------------------------------------------------------------------------------------


def test_a_finite_list_ends_and_says_so_and_a_longer_one_goes_on() -> None:
    story = begun(stratified(list_length=2))
    told = [enrolled(subject, story).tell("randomize-subject", {"subject": subject}) for subject in ("P1", "P2")]
    assert ["allocation.exhausted/1" in events(one) for one in told] == [False, True]
    assert story.trial.allocation.exhausted == ("S01",)
    enrolled("P3", story)
    assert story.refused("randomize-subject", {"subject": "P3"})[0] == "list-exhausted"
    longer = stratified(list_length=3).model_dump(mode="json")
    story.tell("amend-protocol", {"amendment": "A1", "reason": "more", "protocol": longer})
    assert story.tell("randomize-subject", {"subject": "P3"}).open[0].model_dump()["index"] == 3


def test_a_list_ends_when_its_last_index_is_drawn_whichever_that_is() -> None:
    story = begun(stratified(list_length=2))
    enrolled("P1", story)
    early = story.tell("record-allocation-out-of-turn", {**TURN, "index": 2})
    assert "allocation.exhausted/1" not in events(early)
    enrolled("P2", story)
    assert "allocation.exhausted/1" in events(story.tell("randomize-subject", {"subject": "P2"}))


def test_an_allocation_out_of_turn_is_recorded_with_its_arm_and_an_important_deviation() -> None:
    story = enrolled()
    story.arms = {("S01", 3): "CONTROL"}
    decision = story.tell("record-allocation-out-of-turn", TURN)
    assert events(decision) == [
        "subject.randomized/1",
        "allocation.drawn/1",
        "allocation.out-of-turn/1",
        "deviation.raised/1",
        "arm.assigned/1",
    ]
    deviation = decision.open[3]
    assert isinstance(deviation, DeviationRaised)
    assert (deviation.rule, deviation.important) == ("allocation-out-of-turn", True)
    assert (story.subject().index, story.sealed().arm) == (3, "CONTROL")


def test_later_draws_take_the_skipped_indices_first() -> None:
    story = begun()
    for number, index in ((1, None), (2, 4), (3, None), (4, None), (5, None), (6, None)):
        subject = {"subject": f"P{number}"}
        enrolled(subject["subject"], story)
        if index is None:
            story.tell("randomize-subject", subject)
        else:
            story.tell("record-allocation-out-of-turn", {**TURN, **subject, "index": index})
    assert [story.subject(f"P{n}").index for n in range(1, 7)] == [1, 4, 2, 3, 5, 6]
    assert ListState.fold(story.facts_of("allocation/S01")).due == 7


@pytest.mark.parametrize(
    ("story", "data", "rule"),
    [
        pytest.param(enrolled(), {**TURN, "index": 1}, "in-turn", id="the one due"),
        pytest.param(
            enrolled("P2", randomized("P1")), {**TURN, "subject": "P2", "index": 1}, "index-drawn", id="drawn"
        ),
        pytest.param(enrolled(), {**TURN, "index": 1002}, "index-too-far", id="too far"),
        pytest.param(randomized(), TURN, "randomized-already", id="randomized already"),
        pytest.param(screened(), TURN, "not-enrolled", id="not enrolled"),
        pytest.param(enrolled("P1", begun(listed=False)), TURN, "no-allocation-list", id="no list"),
        pytest.param(enrolled("P1", begun(stratified(list_length=2))), TURN, "list-exhausted", id="not on the list"),
    ],
)
def test_an_index_out_of_turn_is_one_that_is_left(story: Story, data: dict[str, Any], rule: str) -> None:
    assert story.refused("record-allocation-out-of-turn", data)[0] == rule


def test_an_allocation_without_the_ledger_leaves_a_deviation_for_each_rule_that_would_have_refused_it() -> None:
    story = enrolled()
    story.tell("withdraw-consent", {**P1, "giver": "PATIENT", "scope": "INTERVENTION"}, "2020-05-20")
    halted(story, "2020-05-20")
    story.tell("lock-database", WHY, "2020-05-20")
    decision = story.tell("record-allocation-out-of-turn", TURN, "2020-05-21")
    assert set(deviations_of(decision)) >= {
        "allocation-out-of-turn",
        "allocation-during-halt",
        "allocation-locked",
        "allocation-after-withdrawal",
    }


def test_a_claimed_allocation_takes_an_index_of_the_list() -> None:
    story = begun(listed=False)
    enrolled("P1", story)
    story.tell("claim-randomization", {**P1, "arm": "CONTROL"}, provenance=IMPORT)
    story.tell("commit-allocation", COMMITMENT)
    story.tell("bind-allocation", OUTSIDE)
    enrolled("P2", story)
    story.tell("randomize-subject", {"subject": "P2"})
    assert story.subject("P2").index == 2
    assert ListState.fold(story.facts_of("allocation/S01")).draws == ((2, "S01"),)


def test_nothing_is_claimed_once_a_list_is_committed_to() -> None:
    story = enrolled("P1", begun(listed=False))
    story.tell("commit-allocation", COMMITMENT)
    with pytest.raises(Refusal, match="it alone allocates from then on") as caught:
        story.tell("claim-randomization", {**P1, "arm": "CONTROL"}, provenance=IMPORT)
    assert (caught.value.rule, caught.value.field) == ("allocation-committed", "type")
    assert not story.subject().randomized


# -- strata ------------------------------------------------------------------------------------------------------------


def test_a_stratum_found_wrong_leaves_a_deviation_and_the_draw_as_it_was() -> None:
    story = randomized()
    decision = story.tell("report-wrong-stratum", WRONG, "2020-05-22")
    assert events(decision) == ["stratum.found-wrong/1", "deviation.raised/1"]
    assert deviations_of(decision) == ["wrong-stratum"]
    assert (story.subject().stratum, story.subject().index) == ("S01", 1)


@pytest.mark.parametrize(
    ("story", "data", "on", "rule"),
    [
        (enrolled(), WRONG, "2020-05-22", "not-randomized"),
        (randomized(), {**WRONG, "stratum": "S01"}, "2020-05-22", "stratum-right"),
        (randomized(), WRONG, "2020-05-19", "before-randomization"),
    ],
)
def test_only_a_drawn_stratum_is_found_wrong(story: Story, data: dict[str, Any], on: str, rule: str) -> None:
    assert story.refused("report-wrong-stratum", data, on)[0] == rule


def test_a_report_of_a_wrong_stratum_that_was_wrong_itself_is_voided_with_its_deviation() -> None:
    story = randomized()
    story.tell("report-wrong-stratum", WRONG, "2020-05-22", id="wrong")
    about = {"target": {"command": "wrong", "n": 0}, "reason": "it was another subject"}
    story.tell("void-record", about, "2020-05-23")


# -- the list itself ---------------------------------------------------------------------------------------------------


MINIMISED = stratified(factors=["SITE", "SEX"])
CASES = [
    pytest.param(PROTOCOL, PARAMETERS, id="permuted blocks"),
    pytest.param(PROTOCOL, {"method": "SIMPLE"}, id="simple"),
    pytest.param(MINIMISED, default_parameters(MINIMISED, "MINIMISATION"), id="minimisation"),
]


@pytest.mark.parametrize(("protocol", "parameters"), CASES)
def test_a_trial_drawn_by_the_rules_has_no_finding_and_one_swapped_arm_has(
    protocol: Protocol, parameters: dict[str, Any]
) -> None:
    story = drawing(protocol, parameters)
    for number in range(1, 9):
        subject = {"subject": f"P{number}"}
        story.tell("record-consent", {**subject, **CONSENT}, "2020-05-18")
        values = {**ELIGIBLE, "sex": "M" if number % 3 else "F"}
        story.tell("record-screening", {**subject, "values": values}, "2020-05-19")
        story.tell("enrol-subject", subject, "2020-05-19")
        if number == 3:
            story.tell("record-allocation-out-of-turn", {**TURN, **subject, "index": 5})
        else:
            story.tell("randomize-subject", subject)
    names = {fact.stream for fact in story.facts if fact.type == "allocation.drawn/1"}
    assert names == {"allocation/ALL" if parameters["method"] == "MINIMISATION" else "allocation/S01"}
    halted(story).tell("open-allocation", {**OPENING, "parameters": parameters}, "2020-05-26")
    assert checked(story) == []
    at = next(place for place, fact in enumerate(story.facts) if fact.type == "arm.assigned/1")
    before = story.facts[at]
    swapped = "CONTROL" if before.data["arm"] == "TREATMENT" else "TREATMENT"
    story.facts[at] = replace(before, data={**before.data, "arm": swapped})
    assert [(one.code, one.subject) for one in checked(story)] == [("arm", "P1")]


def test_minimisation_keeps_its_factors_and_permuted_blocks_may_change_them() -> None:
    amendment = {"amendment": "A1", "reason": "one more", "protocol": stratified(factors=["SEX"])}
    amendment["protocol"] = stratified(factors=["SEX"]).model_dump(mode="json")
    kept = drawing(MINIMISED, default_parameters(MINIMISED, "MINIMISATION"))
    assert kept.refused("amend-protocol", amendment)[0] == "allocation-list"
    drawing().tell("amend-protocol", amendment)


def test_a_list_that_weighs_other_factors_has_no_place_for_anybody() -> None:
    story = begun(MINIMISED, listed=False)
    rules = Parameters("MINIMISATION", measure="RANGE", probability=(4, 5), weights=(1,))
    story.tell("commit-allocation", {"commitment": commitment(SECRET, rules), "method": "MINIMISATION"})
    story.tell("bind-allocation", OUTSIDE)
    plan = plan_of(SECRET, rules, b"a value", MINIMISED)
    story.arm_of = lambda stratum, index: plan.arm((), stratum, index)
    enrolled("P1", story)
    assert story.refused("randomize-subject", P1)[0] == "no-allocation-list"


def test_default_parameters_are_those_of_the_reference_trial_and_fit_what_they_are_made_for() -> None:
    assert default_parameters(PROTOCOL) == {"method": "PERMUTED_BLOCKS", "block_sizes": [2, 4, 6]}
    assert default_parameters(MINIMISED, "MINIMISATION")["weights"] == [1, 1]
    with pytest.raises(ValueError, match="weights"):
        checked_parameters(default_parameters(MINIMISED, "MINIMISATION"), PROTOCOL)


@settings(max_examples=200)
@given(st.lists(st.one_of(st.none(), st.integers(1, 12)), max_size=15))
def test_whatever_is_drawn_the_index_due_is_the_smallest_that_nobody_has(draws: list[int | None]) -> None:
    state, taken = ListState(), set[int]()
    for asked in draws:
        index = state.due if asked is None else asked
        if state.drawn(index):
            assert index in taken
            continue
        assert index not in taken
        state = state.after(index, "S01")
        taken.add(index)
        assert state.due == min(set(range(1, 30)) - taken)
        assert state.version == len(taken) == len(state.draws)
    assert state.ahead == {index for index in taken if index > state.due}
