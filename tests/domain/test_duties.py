"""The clocks of the law, rule by rule: when a duty is due, under which law, and what shows it done."""

import json
from datetime import date, timedelta
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ledger.domain.duties import (
    Clock,
    Duty,
    DutyRule,
    Happening,
    Jurisdiction,
    Kind,
    Recipient,
    RunsFrom,
    Shown,
    Status,
    Trigger,
    countries_without_rules,
    default_rules,
    duties_of,
    jurisdictions_of,
    rules_with,
)
from ledger.domain.duties.evaluate import due_on, first_day
from ledger.domain.duties.table import read_rules
from ledger.domain.protocol import Protocol, ProtocolError, reference_protocol
from ledger.domain.vocabulary import Book
from tests.domain.story import Story, begun

EU, US, ELSEWHERE = Jurisdiction.EU, Jurisdiction.US, Jurisdiction.ELSEWHERE
OLD, NEW = date(2020, 5, 6), date(2024, 3, 1)
"""A trial begun under Directive 2001/20/EC, and one begun under Regulation (EU) No 536/2014."""
RESTARTS: Final = frozenset({Shown.RESTART_OR_END})


def happened(trigger: Trigger | None, on: str, seq: int = 1, **more: Any) -> Happening:
    place = {"book": Book.OPEN, "seq": seq, "order": (seq, False, seq), "command": f"c{seq}"}
    shows = RESTARTS if trigger in (Trigger.RESTARTED, Trigger.TERMINATED_EARLY) else frozenset()
    return Happening(
        **{**place, "occurred": on, "known": f"{on[:10]}T12:00:00Z", "trigger": trigger, "shows": shows, **more}
    )


def notified(rule: str, recipient: Recipient, on: str, seq: int = 9, about: str | None = None) -> Happening:
    shows = frozenset({Shown.NOTIFICATION})
    return happened(None, on, seq, shows=shows, rule=rule, recipient=recipient, about=about)


def duties(
    *facts: Happening, began: date | None = NEW, under: Any = (EU,), today: str | None = None, own: Any = ()
) -> list[Duty]:
    day = None if today is None else date.fromisoformat(today)
    return duties_of(rules_with(own), facts, began=began, jurisdictions=under, today=day)


def found(rule: str, *facts: Happening, **more: Any) -> Duty:
    (duty,) = (one for one in duties(*facts, **more) if one.rule.id == rule)
    return duty


def ids(*facts: Happening, **more: Any) -> set[str]:
    return {duty.rule.id for duty in duties(*facts, **more)}


# Each rule's day


@pytest.mark.parametrize(
    ("rule", "trigger", "began", "under", "due"),
    [
        ("EU-CTR-36-1", Trigger.TRIAL_STARTED, NEW, EU, "2025-04-16"),
        ("EU-CTR-36-2", Trigger.FIRST_SUBJECT, NEW, EU, "2025-04-16"),
        ("EU-CTR-36-3", Trigger.RECRUITMENT_ENDED, NEW, EU, "2025-04-16"),
        ("EU-CTR-37-1", Trigger.ENDED_NOT_EARLY, NEW, EU, "2025-04-16"),
        ("EU-CTR-37-EARLY", Trigger.TERMINATED_EARLY, NEW, EU, "2025-04-16"),
        ("EU-CTR-37-4", Trigger.TERMINATED_EARLY, NEW, EU, "2026-04-01"),
        ("EU-CTR-37-4", Trigger.ENDED_NOT_EARLY, NEW, EU, "2026-04-01"),
        ("EU-CTR-37-5", Trigger.HALTED, NEW, EU, "2025-04-16"),
        ("EU-CTR-37-6", Trigger.RESTARTED, NEW, EU, "2025-04-16"),
        ("EU-CTR-37-7", Trigger.HALTED, NEW, EU, "2027-04-01"),
        ("EU-CTR-58", Trigger.TERMINATED_EARLY, NEW, EU, "2050-04-01"),
        ("EU-CTR-42-2A", Trigger.FATAL_SUSAR, NEW, EU, "2025-04-08"),
        ("EU-CTR-42-2B", Trigger.SUSAR, NEW, EU, "2025-04-16"),
        ("US-312-32-C2", Trigger.FATAL_SUSAR, NEW, US, "2025-04-08"),
        ("US-312-32-C1", Trigger.SUSAR, NEW, US, "2025-04-16"),
        ("ICH-E6-HALT", Trigger.HALTED, NEW, ELSEWHERE, None),
        ("ICH-E6-EARLY", Trigger.TERMINATED_EARLY, NEW, ELSEWHERE, None),
        ("ICH-E2A-B1", Trigger.FATAL_SUSAR, NEW, ELSEWHERE, "2025-04-08"),
        ("ICH-E2A-B1-MORE", Trigger.FATAL_SUSAR, NEW, ELSEWHERE, "2025-04-16"),
        ("ICH-E2A-B2", Trigger.SUSAR, NEW, ELSEWHERE, "2025-04-16"),
    ],
)
def test_each_rule_is_due_on_its_day(rule: str, trigger: Trigger, began: date, under: Any, due: str | None) -> None:
    duty = found(rule, happened(trigger, "2025-04-01"), began=began, under=[under])
    assert (duty.due and duty.due.isoformat()) == due


@pytest.mark.parametrize(
    ("rule", "trigger", "due"),
    [
        ("EU-CTD-HALT", Trigger.HALTED, "2020-09-16"),
        ("EU-CTD-10C-EARLY", Trigger.TERMINATED_EARLY, "2020-09-16"),
        ("EU-CTD-10C-END", Trigger.ENDED_NOT_EARLY, "2020-11-30"),
        ("EU-CTD-17-1A", Trigger.FATAL_SUSAR, "2020-09-08"),
        ("EU-CTD-17-1A-MORE", Trigger.FATAL_SUSAR, "2020-09-16"),
        ("EU-CTD-17-1B", Trigger.SUSAR, "2020-09-16"),
        ("EU-CTD-KEEP", Trigger.TERMINATED_EARLY, "2025-09-01"),
    ],
)
def test_each_rule_of_the_directive_is_due_on_its_day(rule: str, trigger: Trigger, due: str) -> None:
    duty = found(rule, happened(trigger, "2020-09-01"), began=OLD)
    assert duty.due == date.fromisoformat(due)


def test_the_two_tables_above_have_every_rule() -> None:
    marks = [
        *_rules_of(test_each_rule_is_due_on_its_day),
        *_rules_of(test_each_rule_of_the_directive_is_due_on_its_day),
    ]
    assert {rule.id for rule in default_rules()} == set(marks)


def _rules_of(test: Any) -> list[str]:
    return [case[0] for case in test.pytestmark[0].args[1]]


# Calendars


@pytest.mark.parametrize(
    ("since", "clock", "due"),
    [
        ("2020-02-20", {"days": 15}, "2020-03-06"),
        ("2021-02-20", {"days": 15}, "2021-03-07"),
        ("2020-02-29", {"years": 1}, "2021-02-28"),
        ("2020-02-29", {"years": 4}, "2024-02-29"),
        ("2020-02-29", {"years": 25}, "2045-02-28"),
        ("2021-08-31", {"months": 6}, "2022-02-28"),
        ("2023-08-31", {"months": 6}, "2024-02-29"),
        ("2020-12-15", {"months": 1}, "2021-01-15"),
        ("2020-12-31", {"days": 1}, "2021-01-01"),
        ("9999-12-31", {"days": 1}, "9999-12-31"),
        ("9990-12-31", {"years": 25}, "9999-12-31"),
    ],
)
def test_clocks_end_on_the_day_of_the_same_number_or_the_last_of_a_shorter_month(
    since: str, clock: dict[str, int], due: str
) -> None:
    assert due_on(date.fromisoformat(since), Clock.model_validate(clock)) == date.fromisoformat(due)


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)), st.integers(1, 600))
def test_months_end_in_the_month_that_many_months_later(since: date, months: int) -> None:
    due = due_on(since, Clock(months=months))
    assert (due.year * 12 + due.month) - (since.year * 12 + since.month) == months
    assert due.day == since.day or (due + timedelta(days=1)).day == 1


@pytest.mark.parametrize(
    ("when", "day"),
    [
        ("2025-04-01T23:30-09:00", "2025-04-01"),
        ("2025-04-01T00:30+02:00", "2025-04-01"),
        ("2025-04-01", "2025-04-01"),
        ("2025-04", "2025-04-01"),
        ("2025", "2025-01-01"),
    ],
)
def test_a_day_is_that_of_whoever_stated_it_and_a_partial_date_its_first(when: str, day: str) -> None:
    assert first_day(when).isoformat() == day


def test_a_clock_from_when_it_was_known_does_not_run_from_when_it_occurred() -> None:
    reaction = happened(Trigger.SUSAR, "2025-04-01", known="2025-04-20T23:59:00Z")
    assert found("EU-CTR-42-2B", reaction).due == date(2025, 5, 5)


# Laws and dates


def test_a_trial_is_under_the_directive_until_the_end_of_the_transition() -> None:
    for day, law in (("2025-01-30", "EU-CTD-HALT"), ("2025-01-31", "EU-CTR-37-5")):
        raised = ids(happened(Trigger.HALTED, day), began=OLD) - {"EU-CTR-37-7"}
        assert raised == {law}


def test_a_trial_begun_since_the_31st_of_january_2023_is_under_the_regulation() -> None:
    halt = happened(Trigger.HALTED, "2023-06-01")
    assert "EU-CTD-HALT" in ids(halt, began=date(2023, 1, 30))
    assert ids(halt, began=date(2023, 1, 31)) == {"EU-CTR-37-5", "EU-CTR-37-7"}


def test_a_trial_of_which_nobody_knows_when_it_began_is_under_what_holds_for_all() -> None:
    assert ids(happened(Trigger.HALTED, "2024-06-01"), began=None) == {"EU-CTR-37-7"}
    assert "EU-CTR-37-5" in ids(happened(Trigger.HALTED, "2025-06-01"), began=None)


@pytest.mark.parametrize(
    ("countries", "fda", "under"),
    [
        (["Spain"], False, {EU}),
        (["Spain", "United States"], None, {EU, US}),
        (["United States"], False, {ELSEWHERE}),
        (["Norway"], None, {EU}),
        (["Japan", "France"], None, {EU, ELSEWHERE}),
        (["Spain"], True, {EU, US}),
        (["United Kingdom"], None, {ELSEWHERE}),
        ([None], None, {ELSEWHERE}),
        ([], True, {US}),
    ],
)
def test_the_law_follows_from_the_countries_of_the_sites(countries: Any, fda: bool | None, under: Any) -> None:
    assert jurisdictions_of(countries, fda) == under


def test_countries_of_which_there_is_no_law_in_the_table_are_named() -> None:
    assert countries_without_rules(["Spain", "Japan", None, "United Kingdom"]) == ["Japan", "United Kingdom"]


def test_the_reference_trial_is_under_the_law_of_the_union() -> None:
    protocol = reference_protocol()
    assert jurisdictions_of([site.country for site in protocol.sites], protocol.oversight.fda_regulated_drug) == {EU}


# Halts


HALT: Final = happened(Trigger.HALTED, "2024-04-01")


def test_a_restart_within_two_years_ends_the_clock_of_the_halt() -> None:
    restart = happened(Trigger.RESTARTED, "2026-04-01", 2)
    duty = found("EU-CTR-37-7", HALT, restart, today="2027-01-01")
    assert (duty.status, duty.done) == (Status.DONE, (restart,))
    assert "EU-CTR-37-1" not in ids(HALT, restart, today="2027-01-01")


def test_two_years_without_a_restart_are_the_end_of_the_trial() -> None:
    assert found("EU-CTR-37-7", HALT, today="2026-04-01").status is Status.NOT_YET
    assert ids(HALT, today="2026-04-01") == {"EU-CTR-37-5", "EU-CTR-37-7"}
    assert found("EU-CTR-37-7", HALT, today="2026-04-02").status is Status.OVERDUE
    for rule, due in (("EU-CTR-37-1", "2026-04-16"), ("EU-CTR-37-4", "2027-04-01"), ("EU-CTR-58", "2051-04-01")):
        duty = found(rule, HALT, today="2026-04-02")
        assert (duty.since, duty.due) == (date(2026, 4, 1), date.fromisoformat(due))
        assert duty.why.seq == HALT.seq


def test_a_restart_after_two_years_undoes_nothing() -> None:
    restart = happened(Trigger.RESTARTED, "2026-04-02", 2)
    duty = found("EU-CTR-37-7", HALT, restart, today="2026-05-01")
    assert (duty.status, duty.late) == (Status.OVERDUE, True)
    assert "EU-CTR-37-1" in ids(HALT, restart, today="2026-05-01")


def test_an_early_termination_within_two_years_is_the_end() -> None:
    end = happened(Trigger.TERMINATED_EARLY, "2025-04-01", 2)
    assert found("EU-CTR-58", HALT, end, today="2030-01-01").since == date(2025, 4, 1)
    assert "EU-CTR-37-1" not in ids(HALT, end, today="2030-01-01"), "it is notified as an early one"


def test_each_halt_has_its_own_clock() -> None:
    facts = [HALT, happened(Trigger.RESTARTED, "2024-08-01", 2), happened(Trigger.HALTED, "2024-10-01", 3)]
    listed = [duty for duty in duties(*facts, today="2026-11-01") if duty.rule.id == "EU-CTR-37-7"]
    assert [(duty.why.seq, duty.status) for duty in listed] == [(1, Status.DONE), (3, Status.OVERDUE)]


def test_no_trial_had_ended_before_the_rule_was_in_force() -> None:
    halt = happened(Trigger.HALTED, "2020-09-01")
    duty = found("EU-CTR-37-7", halt, began=OLD, today="2022-10-01")
    assert (duty.due, duty.status) == (date(2025, 1, 31), Status.NOT_YET)
    assert found("EU-CTR-37-7", happened(Trigger.HALTED, "2024-09-01"), began=OLD).due == date(2026, 9, 1)


# What shows a duty done


def test_a_notification_in_time_shows_it_done_and_one_too_late_says_so() -> None:
    for sent, late in (("2024-04-16", False), ("2024-04-17", True)):
        note = notified("EU-CTR-37-5", Recipient.AUTHORITY, sent)
        duty = found("EU-CTR-37-5", HALT, note, today="2024-06-01")
        assert (duty.status, duty.done, duty.late) == (Status.DONE, (note,), late)


@pytest.mark.parametrize(
    ("today", "status"), [("2024-04-16", Status.DUE), ("2024-04-17", Status.OVERDUE), (None, Status.DUE)]
)
def test_without_one_it_is_overdue_after_its_last_day(today: str | None, status: Status) -> None:
    assert found("EU-CTR-37-5", HALT, today=today).status is status


@pytest.mark.parametrize(
    "note",
    [
        notified("EU-CTR-37-5", Recipient.AUTHORITY, "2024-03-31"),
        notified("EU-CTR-37-5", Recipient.ETHICS_COMMITTEE, "2024-04-02"),
        notified("EU-CTR-37-6", Recipient.AUTHORITY, "2024-04-02"),
        notified("EU-CTR-37-5", Recipient.AUTHORITY, "2024-04-02", about="another command"),
    ],
    ids=["sent before", "to somebody else", "under another rule", "about something else"],
)
def test_a_notification_of_something_else_shows_nothing(note: Happening) -> None:
    assert found("EU-CTR-37-5", HALT, note, today="2024-04-10").status is Status.DUE


def test_under_the_directive_both_authority_and_ethics_committee_are_told() -> None:
    halt = happened(Trigger.HALTED, "2020-09-01")
    notes = [
        notified("EU-CTD-HALT", who, "2020-09-02", seq)
        for who, seq in ((Recipient.AUTHORITY, 5), (Recipient.ETHICS_COMMITTEE, 6))
    ]
    half = found("EU-CTD-HALT", halt, notes[0], began=OLD, today="2020-12-01")
    assert (half.status, half.missing) == (Status.OVERDUE, (Recipient.ETHICS_COMMITTEE,))
    assert found("EU-CTD-HALT", halt, *notes, began=OLD, today="2020-12-01").status is Status.DONE


def test_one_notification_is_of_one_halt_the_earliest_or_that_which_it_names() -> None:
    facts = [HALT, happened(Trigger.RESTARTED, "2024-08-01", 2), happened(Trigger.HALTED, "2024-10-01", 3)]
    for about, told in ((None, 1), ("c3", 3)):
        note = notified("EU-CTR-37-5", Recipient.AUTHORITY, "2024-10-05", about=about)
        listed = [duty for duty in duties(*facts, note, today="2025-01-01") if duty.rule.id == "EU-CTR-37-5"]
        assert [duty.why.seq for duty in listed if duty.status is Status.DONE] == [told]


def test_a_report_shows_that_reaction_done_and_no_other() -> None:
    def reaction(subject: str) -> Happening:
        return happened(Trigger.SUSAR, "2025-04-01", subject=subject, ae="1")

    report = happened(None, "2025-04-10", 7, shows=frozenset({Shown.REPORT}), subject="S1", ae="1", book=Book.SEALED)
    assert found("EU-CTR-42-2B", reaction("S1"), report, today="2025-05-01").status is Status.DONE
    assert found("EU-CTR-42-2B", reaction("S2"), report, today="2025-05-01").status is Status.OVERDUE


def test_the_master_file_is_kept_until_its_day_and_no_entry_shows_it() -> None:
    end = happened(Trigger.TERMINATED_EARLY, "2025-04-01")
    assert found("EU-CTR-58", end, today="2050-04-01").status is Status.NOT_YET
    assert found("EU-CTR-58", end, today="2050-04-02").status is Status.DONE


# The table and its language


def rule(**changes: Any) -> dict[str, Any]:
    own = {"id": "OWN-1", "title": "Tell the board", "source": "contract, 4", "jurisdiction": "EU", "trigger": "HALTED"}
    return {**own, "clock": {"days": 3}, "to": ["OTHER"], **changes}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"trigger": "__import__('os')"}, "trigger"),
        ({"shown_by": "trial.restarted/1"}, "shown_by"),
        ({"condition": "status == 'HALTED'"}, "condition"),
        ({"trigger": "SUSAR"}, "shown by REPORT"),
        ({"trigger": "SUSAR", "shown_by": "NOTIFICATION"}, "shown by REPORT"),
        ({"shown_by": "REPORT"}, "shown by NOTIFICATION"),
        ({"kind": "LAPSE", "shown_by": "RESTART_OR_END", "trigger": "RESTARTED"}, "HALTED"),
        ({"kind": "KEEP", "shown_by": "NOTHING", "clock": None}, "clock"),
        ({"kind": "KEEP", "shown_by": "NOTHING", "trigger": "SUSAR"}, "unexpected reaction"),
        ({"clock": {"days": 3, "years": 1}}, "one of them"),
        ({"clock": {}}, "one of them"),
        ({"clock": {"days": -1}}, "days"),
        ({"to": []}, "who is to be told"),
        ({"to": ["OTHER", "OTHER"]}, "twice"),
        ({"in_force": [{"trials_from": "2020-02-30"}]}, "trials_from"),
        ({"in_force": []}, "in_force"),
        ({"id": "two words"}, "id"),
    ],
)
def test_a_rule_is_made_of_the_closed_lists_and_nothing_else(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        DutyRule.model_validate_json(json.dumps(rule(**changes)))


def test_a_table_with_a_rule_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="OWN-1: stands twice"):
        read_rules(json.dumps([rule(), rule()]).encode())


def test_every_rule_names_its_source_and_every_reaction_is_shown_in_the_sealed_book() -> None:
    for one in default_rules():
        assert one.source
        assert one.sealed == (one.shown_by in (Shown.REPORT, Shown.FOLLOW_UP_REPORT))
        if one.sealed:
            assert one.clock is not None
            assert one.clock.runs_from is RunsFrom.KNOWN


# A protocol's own rules


def test_a_protocol_adds_rules_and_puts_others_in_the_place_of_the_programs() -> None:
    changed = {**json.loads(default_rules()[0].model_dump_json()), "clock": {"days": 5}}
    protocol = reference_protocol().amended({"duties": [rule(), changed]})
    table = {one.id: one for one in rules_with(protocol.duties)}
    assert len(table) == len(default_rules()) + 1
    assert table["EU-CTR-36-1"].clock == Clock(days=5)
    assert found("OWN-1", HALT, own=protocol.duties).due == date(2024, 4, 4)
    assert Protocol.load(protocol.to_json()) == protocol


def test_a_protocol_without_rules_of_its_own_has_the_bytes_that_it_had() -> None:
    assert b"duties" not in reference_protocol().to_json()
    assert "duties" not in reference_protocol().model_dump(mode="json")


def test_a_protocol_with_a_wrong_rule_is_refused_by_field() -> None:
    for changes, field in (
        ({"clock": {"days": 1, "months": 1}}, "duties[0].clock"),
        ({"trigger": "SOON"}, "duties[0].trigger"),
    ):
        with pytest.raises(ProtocolError) as refused:
            reference_protocol().amended({"duties": [rule(**changes)]})
        assert field in [problem.field for problem in refused.value.problems]
    with pytest.raises(ProtocolError, match="id OWN-1 stands twice"):
        reference_protocol().amended({"duties": [rule(), rule()]})


# Recording a notification


SENT: Final = {"duty": "EU-CTD-HALT", "recipient": "AUTHORITY", "name": "AEMPS", "reference": "2020/17"}


def test_a_notification_is_recorded_in_the_open_book() -> None:
    story = begun()
    (event,) = story.tell("record-notification", SENT).open
    assert (event.type, event.stream) == ("notification.sent/1", "trial")


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"duty": "EU-CTD-17-1B"}, ("duty-sealed", "data.duty")),
        ({"duty": "NO-SUCH"}, ("duty-unknown", "data.duty")),
        ({"duty": "EU-CTR-37-7"}, ("duty-not-notified", "data.duty")),
        ({"duty": "EU-CTR-58"}, ("duty-not-notified", "data.duty")),
        ({"recipient": "INVESTIGATORS"}, ("recipient-not-of-duty", "data.recipient")),
    ],
)
def test_a_notification_under_no_open_rule_of_the_trial_is_refused(
    changes: dict[str, str], refused: tuple[str, str]
) -> None:
    assert begun().refused("record-notification", {**SENT, **changes}) == refused


def test_before_there_is_a_trial_nobody_is_notified() -> None:
    assert Story().refused("record-notification", SENT)[0] == "trial-unregistered"


def test_a_lapse_is_a_kind_that_only_a_halt_has() -> None:
    assert {one.trigger for one in default_rules() if one.kind is Kind.LAPSE} == {Trigger.HALTED}
