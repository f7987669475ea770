"""What is due follows from the record, says by which entries, and tells masked people nothing of a reaction."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.access import Session, viewer_of
from api.bootstrap import viewing
from api.exports.kinds import KINDS
from api.exports.making import export
from ledger.domain.events import CATALOGUE, Event
from ledger.domain.protocol import reference_protocol
from ledger.domain.routing import wrapped
from ledger.domain.vocabulary import Book
from ledger.keys.file import load_keys
from ledger.proof.sections import IDENTITY, PLAIN
from ledger.recording.reader import LedgerReader
from projections.base import Audience
from tests.projections.building import (
    PROTOCOL,
    MemoryLedger,
    adverse_event,
    consented,
    died,
    ended,
    randomize,
    registered,
)
from tests.trials import SITE, Trial
from tests.two_worlds.protocols import PROTOCOLS
from tests.two_worlds.scenes import story
from tests.two_worlds.telling import Turn
from tests.two_worlds.worlds import World, two_worlds

MASKED, UNMASKED = Audience.MASKED, Audience.UNMASKED
SPAIN: Final = {**PROTOCOL, "sites": [{"id": "FJD", "country": "Spain"}], "start": {"date": "2020-05-06"}}
SEALED: Final = frozenset({"subject", "ae", "sealed_events", "sealed_done"})
SINCE_2024: Final = {**SPAIN, "start": {"date": "2024-03"}}


def event(type_: str, on: str, **said: Any) -> Event:
    cls = CATALOGUE.get(f"{type_}/1")
    assert cls is not None
    return cls.read({"occurred_at": on, **said})


def halted(on: str) -> Event:
    return event("trial.temporarily-halted", on, reason="lack of money")


def rows(ledger: MemoryLedger, audience: Audience = MASKED, **where: Any) -> list[dict[str, Any]]:
    found = ledger.show("duties", audience).rows
    return [row for row in found if all(row[name] == value for name, value in where.items())]


def row(ledger: MemoryLedger, rule: str, audience: Audience = MASKED) -> dict[str, Any]:
    (found,) = rows(ledger, audience, rule=rule)
    return found


# Open duties


def test_a_halt_raises_a_duty_with_its_entry_and_its_day() -> None:
    ledger = registered(SPAIN)
    halt = ledger.append(halted("2020-09-01"), "2020-09-02")
    found = row(ledger, "EU-CTD-HALT")
    assert (found["since"], found["due"], found["status"]) == ("2020-09-01", "2020-09-16", "DUE")
    assert (found["events"], found["done"], found["done_on"]) == ([halt.seq], [], None)
    assert found["missing"] == ["AUTHORITY", "ETHICS_COMMITTEE"]
    assert "10(c)" in found["source"]


def test_the_day_of_the_position_makes_it_overdue_and_no_clock() -> None:
    ledger = registered(SPAIN)
    ledger.append(halted("2020-09-01"), "2020-09-16")
    assert row(ledger, "EU-CTD-HALT")["status"] == "DUE"
    ledger.append(consented("S1"), "2020-09-17")
    assert row(ledger, "EU-CTD-HALT")["status"] == "OVERDUE"
    assert ledger.show("duties", MASKED, as_of=1).rows[0]["status"] == "DUE"


def test_notifications_show_it_done_with_their_entries() -> None:
    ledger = registered(SPAIN)
    ledger.append(halted("2020-09-01"), "2020-09-02")
    said = {"duty": "EU-CTD-HALT", "name": "AEMPS"}
    sent = [
        ledger.append(event("notification.sent", on, recipient=recipient, **said), on)
        for recipient, on in (("AUTHORITY", "2020-09-10"), ("ETHICS_COMMITTEE", "2020-09-20"))
    ]
    found = row(ledger, "EU-CTD-HALT")
    assert (found["status"], found["late"], found["missing"]) == ("DONE", True, [])
    assert (found["done"], found["done_on"]) == ([fact.seq for fact in sent], "2020-09-20")


def test_a_corrected_day_moves_the_due_day_and_a_voided_halt_raises_nothing() -> None:
    ledger = registered(SPAIN)
    halt = ledger.append(halted("2020-09-01"), "2020-09-02")
    ledger.correct(halt, at="2020-09-03", occurred_at="2020-08-20")
    assert row(ledger, "EU-CTD-HALT")["due"] == "2020-09-04"
    ledger.void(halt, at="2020-09-04")
    assert rows(ledger) == []


def test_a_suspension_by_an_authority_is_no_halt_of_the_sponsors() -> None:
    ledger = registered(SINCE_2024)
    ledger.append(event("trial.suspended", "2024-09-01", reason="safety", authority="AEMPS"), "2024-09-02")
    assert rows(ledger) == []


def test_a_restart_has_a_duty_of_its_own_and_ends_the_two_years() -> None:
    ledger = registered(SINCE_2024)
    ledger.append(halted("2024-09-01"), "2024-09-02")
    assert row(ledger, "EU-CTR-37-7")["status"] == "NOT-YET"
    restart = ledger.append(event("trial.restarted", "2025-03-01T09:00+01:00", reason="money"), "2025-03-01")
    assert (row(ledger, "EU-CTR-37-7")["status"], row(ledger, "EU-CTR-37-7")["done"]) == ("DONE", [restart.seq])
    assert row(ledger, "EU-CTR-37-6")["due"] == "2025-03-16"


def test_two_years_without_a_restart_end_the_trial_and_raise_what_an_end_raises() -> None:
    ledger = registered(SINCE_2024)
    halt = ledger.append(halted("2024-02-29"), "2024-03-01")
    ledger.append(consented("S1"), "2026-03-01")
    assert row(ledger, "EU-CTR-37-7")["due"] == "2026-02-28"
    assert row(ledger, "EU-CTR-37-7")["status"] == "OVERDUE"
    end = row(ledger, "EU-CTR-37-1")
    assert (end["since"], end["due"], end["events"]) == ("2026-02-28", "2026-03-15", [halt.seq])
    assert row(ledger, "EU-CTR-37-4")["due"] == "2027-02-28"
    assert (row(ledger, "EU-CTR-58")["due"], row(ledger, "EU-CTR-58")["status"]) == ("2051-02-28", "NOT-YET")


def test_the_start_the_first_subject_and_the_end_of_recruitment_are_notified() -> None:
    ledger = registered(SINCE_2024)
    site = ledger.append(event("site.activated", "2024-03-10", site="FJD"), "2024-03-10")
    ledger.append(event("site.activated", "2024-03-12", site="LPZ"), "2024-03-12")
    ledger.append(consented("S2", "2024-04-02"), "2024-04-03")
    first = ledger.append(consented("S1", "2024-04-01"), "2024-04-03")
    ledger.append(event("site.closed", "2024-06-01", site="FJD"), "2024-06-01")
    assert (row(ledger, "EU-CTR-36-1")["due"], row(ledger, "EU-CTR-36-1")["events"]) == ("2024-03-25", [site.seq])
    assert (row(ledger, "EU-CTR-36-2")["due"], row(ledger, "EU-CTR-36-2")["events"]) == ("2024-04-16", [first.seq])
    assert rows(ledger, rule="EU-CTR-36-3") == []
    closed = ledger.append(event("site.closed", "2024-07-01", site="LPZ"), "2024-07-01")
    assert row(ledger, "EU-CTR-36-3")["events"] == [closed.seq]


def test_the_trial_ends_as_planned_when_sites_are_closed_and_everybodys_part_has_ended() -> None:
    ledger = registered(SINCE_2024)
    ledger.append(event("site.activated", "2024-03-10", site="FJD"), "2024-03-10")
    randomize(ledger, "S1", "CONTROL")
    randomize(ledger, "S2", "TREATMENT", index=2)
    ledger.append(died("S1", "2024-05-02"), "2024-05-03")
    closed = ledger.append(event("site.closed", "2024-06-01", site="FJD"), "2024-06-01")
    assert rows(ledger, rule="EU-CTR-37-1") == []
    ledger.append(ended("S2", "COMPLETED", "2024-06-10", epoch="TREATMENT"), "2024-06-10")
    assert rows(ledger, rule="EU-CTR-37-1") == []
    last = ledger.append(ended("S2", "COMPLETED", "2024-11-10", epoch="FOLLOW-UP"), "2024-11-10")
    found = row(ledger, "EU-CTR-37-1")
    assert (found["since"], found["events"]) == ("2024-11-10", [closed.seq, last.seq])


def test_elsewhere_somebody_is_informed_promptly_which_is_no_number_of_days() -> None:
    ledger = registered({**SPAIN, "sites": [{"id": "FJD", "country": "Japan"}]})
    ledger.append(halted("2020-09-01"), "2020-12-01")
    shown = ledger.show("duties", MASKED)
    assert [(one["rule"], one["due"], one["status"]) for one in shown.rows] == [("ICH-E6-HALT", None, "DUE")]
    assert shown.value()["countries_without_rules"] == ["Japan"]
    assert "countries of which the table has no law: Japan" in shown.notes()


def test_a_rule_of_the_protocol_counts_from_its_amendment_on() -> None:
    own = {
        "id": "BOARD", "title": "Tell the board", "source": "contract, 4", "jurisdiction": "EU", "trigger": "HALTED",
        "clock": {"days": 3}, "to": ["OTHER"],
    }  # fmt: skip
    ledger = registered(SPAIN)
    ledger.append(halted("2020-09-01"), "2020-09-02")
    assert rows(ledger, rule="BOARD") == []
    amended = {**SPAIN, "duties": [own]}
    ledger.append(event("protocol.amended", "2020-09-02", amendment="A1", protocol=amended, reason="r"), "2020-09-02")
    assert row(ledger, "BOARD")["due"] == "2020-09-04"


def test_without_a_trial_nothing_is_due() -> None:
    shown = MemoryLedger().show("duties", MASKED)
    assert (shown.rows, shown.value()["jurisdictions"]) == ([], [])


# Unexpected reactions

Steps = list[tuple[Event, str]]


def serious(**more: Any) -> Event:
    said = {"serious": True, "seriousness": ["HOSPITALIZATION"], "causality": "POSSIBLE", **more}
    return adverse_event("S1", "1", "2020-06-01", **said)


def assessed(expectedness: str = "UNEXPECTED", **more: Any) -> Event:
    said = {"ae": "1", "expectedness": expectedness, "reference": "IB", **more}
    return event("expectedness.assessed", "2020-06-05", subject="S1", **said)


def reported(on: str, aware: str, **more: Any) -> Event:
    said = {"ae": "1", "report": "R1", "authority": "AEMPS", "aware_at": aware, **more}
    return event("unexpected-reaction.reported", on, subject="S1", **said)


def more_of_it(**said: Any) -> Event:
    return event("adverse-event.followed-up", "2020-06-08", subject="S1", ae="1", **said)


def with_reaction(*steps: tuple[Event, str]) -> MemoryLedger:
    ledger = registered(SPAIN)
    randomize(ledger, "S1", "TREATMENT")
    for one, at in steps:
        ledger.append(one, at)
    return ledger


def reactions(ledger: MemoryLedger) -> list[tuple[str, str, str]]:
    return [(one["rule"], one["due"], one["status"]) for one in rows(ledger, UNMASKED) if one["subject"] is not None]


def test_an_unexpected_serious_reaction_is_reported_within_15_days_of_when_it_was_known() -> None:
    ledger = with_reaction((serious(), "2020-06-03"), (assessed(), "2020-06-05"))
    assert reactions(ledger) == [("EU-CTD-17-1B", "2020-06-18", "DUE")]
    (found,) = (one for one in rows(ledger, UNMASKED) if one["rule"] == "EU-CTD-17-1B")
    assert (found["subject"], found["ae"], found["events"], found["sealed_events"]) == ("S1", "1", [5], [1])
    ledger.append(consented("S2"), "2020-06-19")
    assert reactions(ledger) == [("EU-CTD-17-1B", "2020-06-18", "OVERDUE")]
    ledger.append(reported("2020-06-20", "2020-06-03"), "2020-06-20")
    assert reactions(ledger) == [("EU-CTD-17-1B", "2020-06-18", "DONE")]
    (found,) = (one for one in rows(ledger, UNMASKED) if one["rule"] == "EU-CTD-17-1B")
    assert (found["late"], found["done"], found["sealed_done"]) == (True, [], [2])


def test_a_fatal_one_within_7_days_and_8_more_for_what_follows() -> None:
    fatal = serious(seriousness=["DEATH"], outcome="FATAL")
    ledger = with_reaction((fatal, "2020-06-03"), (assessed(), "2020-06-05"))
    assert reactions(ledger) == [("EU-CTD-17-1A", "2020-06-10", "DUE"), ("EU-CTD-17-1A-MORE", "2020-06-18", "DUE")]
    ledger.append(reported("2020-06-09", "2020-06-03"), "2020-06-09")
    ledger.append(reported("2020-06-17", "2020-06-03", report="R2", follows="R1"), "2020-06-17")
    assert {status for _, _, status in reactions(ledger)} == {"DONE"}


def test_one_that_becomes_life_threatening_has_a_second_clock_from_then() -> None:
    ledger = with_reaction(
        (serious(), "2020-06-03"),
        (assessed(), "2020-06-05"),
        (more_of_it(seriousness=("LIFE_THREATENING",)), "2020-06-08"),
    )
    days = [("EU-CTD-17-1A", "2020-06-15"), ("EU-CTD-17-1B", "2020-06-18"), ("EU-CTD-17-1A-MORE", "2020-06-23")]
    assert [(rule, due) for rule, due, _ in reactions(ledger)] == days
    # Since when it was known to be serious does not say since when it was known to be life-threatening.
    ledger.append(reported("2020-06-09", "2020-06-01"), "2020-06-09")
    assert [due for rule, due, _ in reactions(ledger) if rule.startswith("EU-CTD-17-1A")] == [days[0][1], days[2][1]]


def test_an_earlier_day_of_awareness_counts_and_a_later_one_moves_nothing() -> None:
    for aware, due in (("2020-06-01", "2020-06-16"), ("2020-06-15", "2020-06-18")):
        ledger = with_reaction((serious(), "2020-06-03"), (assessed(), "2020-06-05"))
        ledger.append(reported("2020-06-16", aware), "2020-06-16")
        assert reactions(ledger)[0][:2] == ("EU-CTD-17-1B", due)


@pytest.mark.parametrize(
    "steps",
    [
        [(serious(), "2020-06-03"), (assessed("EXPECTED"), "2020-06-05")],
        [(serious(), "2020-06-03"), (assessed(), "2020-06-05"), (assessed("EXPECTED"), "2020-06-06")],
        [(serious(causality="NOT RELATED"), "2020-06-03"), (assessed(), "2020-06-05")],
        [(serious(serious=False, seriousness=[]), "2020-06-03"), (assessed(), "2020-06-05")],
        [(serious(), "2020-06-03")],
        [(assessed(), "2020-06-05")],
    ],
    ids=["expected", "expected after all", "not related", "not serious", "not assessed", "not reported"],
)
def test_what_is_no_unexpected_serious_reaction_raises_nothing(steps: Steps) -> None:
    assert reactions(with_reaction(*steps)) == []


@pytest.mark.parametrize(("reporter", "assessor"), [(None, None), ("NOT RELATED", "PROBABLE"), ("POSSIBLE", "NONE")])
def test_it_is_suspected_unless_every_opinion_denies_it(reporter: str | None, assessor: str | None) -> None:
    said = assessed() if assessor is None else assessed(causality=assessor)
    ledger = with_reaction((serious(causality=reporter), "2020-06-03"), (said, "2020-06-05"))
    assert reactions(ledger) == [("EU-CTD-17-1B", "2020-06-18", "DUE")]


def test_an_event_that_was_entered_after_unblinding_is_known_by_its_sealed_entry() -> None:
    ledger = with_reaction((wrapped(serious(), None), "2020-06-03"), (assessed(), "2020-06-05"))
    (found,) = (one for one in rows(ledger, UNMASKED) if one["subject"] is not None)
    assert (found["events"], found["sealed_events"]) == ([], [1, 2])


# The blind


def test_masked_people_get_the_same_bytes_whatever_the_sealed_book_says_of_reactions() -> None:
    fatal = serious(seriousness=["DEATH"], outcome="FATAL")
    bare = with_reaction((fatal, "2020-06-03"), (halted("2020-06-04"), "2020-06-04"))
    told = with_reaction((fatal, "2020-06-03"), (assessed(), "2020-06-03"), (halted("2020-06-04"), "2020-06-04"))
    told.append(reported("2020-06-04", "2020-06-03"), "2020-06-04")
    assert len(rows(told, UNMASKED)) == len(rows(bare, UNMASKED)) + 2, "a control: those who see arms see it"
    shown, without = (json.loads(ledger.show("duties", MASKED).to_json()) for ledger in (told, bare))
    for row in (*shown["rows"], *without["rows"]):
        assert row.pop("about")  # the ids that this ledger makes up count the entries of both books
    assert shown == without
    assert {"subject", "ae", "sealed_events"}.isdisjoint(shown["rows"][0])


def _duties_as(world: World, role: str) -> Any:
    session = Session(world.path, viewer_of(f"{role}-1", role, "FJD"), clock=world.clock)
    with world.at_the_desk():
        shown = json.loads(session.show("duties").to_json())
    return {name: value for name, value in shown.items() if name not in ("head", "as_of")}


def test_in_two_worlds_masked_people_have_the_same_duties_and_unblinded_people_have_not(tmp_path: Path) -> None:
    spain = [{"id": site, "name": site, "country": "Spain"} for site in ("S01", "S02")]
    protocol = PROTOCOLS["no intervention"].amended({"sites": spain})
    events = [("adverse_event", which, 0) for which in (0, 1, 0, 1)]
    steps = story(protocol, [*events, ("halt", 0, 6), ("notification", 0, 0)])
    for which, subject in enumerate(("P1", "P2") * 4):
        steps.append(Turn(steps[-1].at + timedelta(minutes=1), "reactions", subject, which))
    with two_worlds(tmp_path, protocol, steps) as worlds:
        for role in ("sponsor", "investigator", "outcomes-assessor", "monitor", "data-manager"):
            one, other = (_duties_as(world, role) for world in worlds)
            assert one == other
            assert [found["rule"] for found in one["rows"]] == ["EU-CTD-HALT", "EU-CTR-37-7"]
        one, other = (_duties_as(world, "statistician") for world in worlds)
        assert one != other, "a control: what is due for reactions differs between the worlds"
        assert all(any(found["subject"] for found in world["rows"]) for world in (one, other))


_WHAT = st.sampled_from(["halt", "restart", "terminate", "open", "close", "tell", "reaction", "report", "end", "void"])
_DAYS = st.dates(date(2022, 1, 1), date(2027, 1, 1)).map(date.isoformat)


def _taken(ledger: MemoryLedger, what: str, on: str, n: int) -> None:
    """Record anything, in whatever order: what decisions refuse may stand in an imported ledger."""
    made: dict[str, Callable[[], Event]] = {
        "halt": lambda: halted(on[: (10, 7, 4)[n % 3]]),
        "restart": lambda: event("trial.restarted", on, reason="money"),
        "terminate": lambda: event("trial.terminated-early", on, reason="no money"),
        "open": lambda: event("site.activated", on, site=f"S{n % 2}"),
        "close": lambda: event("site.closed", on, site=f"S{n % 2}"),
        "tell": lambda: event(
            "notification.sent", on, duty=("EU-CTR-37-5", "EU-CTD-HALT", "GONE")[n % 3], recipient="AUTHORITY", name="A"
        ),
        "reaction": lambda: (serious(), assessed(("UNEXPECTED", "EXPECTED")[n % 2]))[n % 3 > 0],
        "report": lambda: reported(on, on[: (10, 7)[n % 2]], **({"follows": "R0"} if n % 3 else {})),
        "end": lambda: ended("S1", ("COMPLETED", "DEATH", "OTHER")[n % 3], on),
    }
    if what != "void":
        ledger.append(made[what](), on)
        return
    targets = [fact for fact in ledger.facts if fact.type != "trial.registered/1" and "target_seq" not in fact.data]
    if targets:
        target = targets[n % len(targets)]
        if all(fact.data.get("target_id") != target.id for fact in ledger.facts):
            ledger.void(target, at=on)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(_WHAT, _DAYS, st.integers(0, 11)), max_size=25), st.sampled_from([SPAIN, SINCE_2024]))
def test_whatever_is_recorded_those_who_see_arms_have_the_rows_of_the_masked_and_those_of_reactions(
    steps: list[tuple[str, str, int]], protocol: dict[str, Any]
) -> None:
    ledger = registered(protocol)
    randomize(ledger, "S1", "TREATMENT")
    for what, on, n in sorted(steps, key=lambda step: step[1]):
        _taken(ledger, what, on, n)
    everything, open_ones = rows(ledger, UNMASKED), rows(ledger, MASKED)
    assert [
        {name: value for name, value in one.items() if name not in SEALED}
        for one in everything
        if one["subject"] is None
    ] == open_ones
    for one in everything:
        assert one["events"] or one["sealed_events"]
        assert (one["status"] == "DONE" and one["kind"] == "NOTIFY") <= bool(one["done"] or one["sealed_done"])
        assert one["due"] is None or one["due"] >= one["since"]


# A real ledger


def test_on_a_real_ledger_the_sponsor_sees_what_is_due_and_records_what_was_sent(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    sponsor = {"id": "sponsor-1", "role": "sponsor", "org": "FJD"}
    trial.do("activate-site", {"site": SITE})
    trial.randomized("S-1")
    trial.do("halt-trial", {"reason": "lack of money"})
    sent = {"duty": "EU-CTD-HALT", "recipient": "AUTHORITY", "name": "AEMPS", "about": f"command-{trial._number}"}
    trial.do("record-notification", sent, actor=sponsor)
    trial.ledger.close()
    assert reference_protocol().sites[0].country == "Spain"
    (found, lapse) = viewing(trial.path, "sponsor").show("duties", None).rows
    assert (found["rule"], found["due"]) == ("EU-CTD-HALT", "2020-05-21")
    assert (found["missing"], len(found["done"])) == (["ETHICS_COMMITTEE"], 1)
    assert found["events"] == lapse["events"]
    assert found["about"] == lapse["about"] == sent["about"]


def test_a_notification_that_shows_nothing_done_is_listed(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    trial.do("activate-site", {"site": SITE})
    trial.do("halt-trial", {"reason": "lack of money"})
    sponsor = {"id": "sponsor-1", "role": "sponsor", "org": "FJD"}
    sent = {"duty": "EU-CTD-HALT", "recipient": "AUTHORITY", "name": "AEMPS"}
    trial.do("record-notification", {**sent, "about": "no-such-command"}, actor=sponsor)
    trial.do("record-notification", sent, actor=sponsor)
    trial.do("record-notification", sent, actor=sponsor)
    trial.ledger.close()
    result = viewing(trial.path, "sponsor").show("duties", None)
    done = result.rows[0]["done"]
    assert len(done) == 1
    others = result.table.extra["notifications_of_no_duty"]
    assert [others[0] < done[0], others[1] > done[0]] == [True, True]
    assert any("show no duty done" in line for line in result.notes())


def test_who_was_told_by_name_lies_in_the_section_of_names_and_in_no_view_nor_export(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    trial.do("activate-site", {"site": SITE})
    trial.do("halt-trial", {"reason": "lack of money"})
    sponsor = {"id": "sponsor-1", "role": "sponsor", "org": "FJD"}
    sent = {"duty": "EU-CTD-HALT", "recipient": "OTHER", "name": "Dr. Jane Doe, San Carlos"}
    trial.do("record-notification", sent, actor=sponsor)
    trial.do("record-notification", {**sent, "name": "Dr. Jane Doe"} | {"recipient": "AUTHORITY"}, actor=sponsor)
    trial.ledger.close()
    assert b"Jane Doe" not in trial.path.read_bytes()
    for role in ("sponsor", "monitor", "statistician"):
        seen = viewing(trial.path, role)
        for view in ("duties", "audit"):
            assert "Jane Doe" not in json.dumps(seen.show(view, None).value())
        session = Session(trial.path, viewer_of(f"{role}-1", role, "FJD"))
        for kind in ("csv", "odm", "fhir"):
            out = tmp_path / f"{role}-{kind}"
            export(session, KINDS[kind], out)
            assert not [path for path in out.rglob("*") if path.is_file() and b"Jane Doe" in path.read_bytes()]
    with LedgerReader(
        trial.path, books=frozenset({Book.OPEN}), classes=frozenset({PLAIN, IDENTITY}), keys=load_keys(trial.path)
    ) as reader:
        named = [fact.data["name"] for fact in reader.facts() if fact.type == "notification.sent/1"]
    assert named == ["Dr. Jane Doe, San Carlos", "Dr. Jane Doe"], "whoever holds that key can read it"
