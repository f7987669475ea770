"""What somebody entered after having been unblinded: it counts, marked, for who sees arms; to others there is none."""

import pytest

from ledger.domain.events import CATALOGUE, Event
from ledger.domain.events.conduct import DeviationRaised, RecordCorrected
from ledger.domain.events.safety import AdverseEventFollowedUp
from ledger.domain.events.unblinding import ReporterNamed
from ledger.domain.history import Fact
from ledger.domain.routing import wrapped
from ledger.domain.vocabulary import SYSTEM
from ledger.proof.entry import Actor
from projections.base import Audience
from projections.views import VIEWS
from tests.projections.building import MemoryLedger, adverse_event, died, ended, randomize, registered

MASKED, UNMASKED = Audience.MASKED, Audience.UNMASKED
SINCE = "2020-05-20T12:00:00Z"
THE_LEDGER = Actor("ledger", "ledger", SYSTEM)
PHARMACIST = Actor("ph-1", "FJD", "pharmacist")


def ledger_with(*events: Event) -> MemoryLedger:
    ledger = registered()
    randomize(ledger, "S1", "CONTROL")
    for event in events:
        ledger.append(event)
    return ledger


def deviation(detail: str) -> DeviationRaised:
    return DeviationRaised.model_validate(
        {"occurred_at": "2020-05-21", "subject": "S1", "category": "OTHER", "detail": detail}
    )


def correction_of(target: Fact, **changes: str) -> RecordCorrected:
    return RecordCorrected.model_validate(
        {
            "occurred_at": "2020-06-01",
            "on_stream": target.stream,
            "target_seq": target.seq,
            "target_id": target.id,
            "target_type": target.type,
            "changes": [{"field": name, "old": target.data.get(name), "new": new} for name, new in changes.items()],
            "reason": "misread",
        }
    )


def test_a_disposition_counts_for_who_sees_arms_and_for_nobody_else() -> None:
    ledger = ledger_with(wrapped(ended("S1", "COMPLETED", "2020-06-01"), SINCE))
    (unmasked,), (masked,) = ledger.show("subjects").rows, ledger.show("subjects", MASKED).rows
    assert (unmasked["status"], masked["status"]) == ("COMPLETED", "RANDOMIZED")
    entry = ledger.facts[-1]
    assert unmasked["sealed_events"] == [entry.seq]
    assert unmasked["events"] == masked["events"], "a seq of the sealed book is no seq of the open one"
    assert "sealed_events" not in masked


def test_masked_answers_are_those_of_a_ledger_without_any() -> None:
    entered = [
        wrapped(ended("S1", "OTHER", "2020-06-01"), SINCE),
        wrapped(deviation("given by mistake"), SINCE),
        wrapped(adverse_event("S1", "AE1", "2020-05-22"), SINCE),
    ]
    with_it, without = ledger_with(*entered), ledger_with()
    for view in VIEWS.values():
        if view.exists_for(MASKED):
            text = with_it.show(view.name, MASKED).to_json()
            assert text == without.show(view.name, MASKED).to_json()
            assert "after_unblinding" not in text
    assert with_it.show("deviations").rows != without.show("deviations").rows, "the control: it is there to be seen"


def test_single_records_are_marked() -> None:
    ledger = ledger_with(deviation("seen by a masked person"), wrapped(deviation("seen by an unblinded one"), SINCE))
    marks = {row["detail"]: (row["book"], row["after_unblinding"]) for row in ledger.show("deviations").rows}
    assert marks == {
        "seen by a masked person": ("open", False),
        "seen by an unblinded one": ("sealed", True),
    }


def test_the_audit_trail_has_the_record_as_it_would_have_been_and_the_mark() -> None:
    ledger = ledger_with(wrapped(deviation("seen"), SINCE))
    row = ledger.show("audit").rows[-1]
    assert (row["book"], row["type"], row["what"]) == ("sealed", "deviation.raised/1", "Deviation raised")
    assert row["after_unblinding"] is True
    assert row["after"] == {"category": "OTHER", "detail": "seen", "important": False}
    assert [other["after_unblinding"] for other in ledger.show("audit").rows[:-1]].count(True) == 0


def test_an_event_of_the_same_name_stays_another_event() -> None:
    follow_up = {"occurred_at": "2020-05-23", "subject": "S1", "ae": "AE1", "severity": "SEVERE"}
    ledger = ledger_with(
        wrapped(adverse_event("S1", "AE1", "2020-05-22"), SINCE),
        adverse_event("S1", "AE1", "2020-05-22"),
        wrapped(AdverseEventFollowedUp.model_validate(follow_up), SINCE),
    )
    listed = ledger.show("adverse-events").value()
    assert sum(cell["events"] for cell in listed["any"]["cells"]) == 2
    assert [(row["subject"], row["ae"]) for row in listed["after_unblinding"]] == [("S1", "AE1")]
    assert [row["value"] for row in ledger.show("adverse-events", MASKED).value()["by"]["severity"]] != ["SEVERE"]


def test_a_follow_up_of_an_open_event_marks_that_event() -> None:
    follow_up = {"occurred_at": "2020-05-23", "subject": "S1", "ae": "AE1", "severity": "SEVERE"}
    ledger = ledger_with(
        adverse_event("S1", "AE1", "2020-05-22"), wrapped(AdverseEventFollowedUp.model_validate(follow_up), SINCE)
    )
    listed = ledger.show("adverse-events").value()
    assert [row["value"] for row in listed["by"]["severity"]] == ["SEVERE"]
    assert [row["ae"] for row in listed["after_unblinding"]] == ["AE1"]


def test_a_correction_by_an_unblinded_person_holds_for_those_who_see_arms() -> None:
    ledger = ledger_with()
    target = ledger.append(ended("S1", "COMPLETED", "2020-06-01"))
    ledger.append(wrapped(correction_of(target, term="LOST TO FOLLOW-UP"), SINCE))
    (unmasked,), (masked,) = ledger.show("subjects").rows, ledger.show("subjects", MASKED).rows
    assert (unmasked["status"], masked["status"]) == ("LOST_TO_FOLLOW_UP", "COMPLETED")
    assert unmasked["sealed_events"] == [ledger.facts[-1].seq]
    row = ledger.show("audit").rows[-1]
    assert (row["type"], row["target_seq"]) == ("record.corrected/1", target.seq)
    assert (row["before"], row["after"]) == ({"term": "COMPLETED"}, {"term": "LOST TO FOLLOW-UP"})


def test_a_voiding_by_an_unblinded_person_says_in_which_book_it_stands() -> None:
    ledger = ledger_with()
    target = ledger.append(deviation("a mistake"))
    cls = CATALOGUE.get("record.voided/1")
    assert cls is not None
    about = {"target_seq": target.seq, "target_id": target.id, "target_type": target.type, "on_stream": target.stream}
    voiding = ledger.append(wrapped(cls.read({"occurred_at": "2020-06-02", **about, "reason": "wrong subject"}), SINCE))
    row = next(row for row in ledger.show("audit").rows if (row["book"], row["seq"]) == ("open", target.seq))
    assert (row["voided_by"], row["voided_in"]) == (voiding.seq, "sealed")
    assert ledger.show("deviations").rows == []
    masked = next(row for row in ledger.show("audit", MASKED).rows if row["seq"] == target.seq)
    assert masked["voided_by"] is None
    assert len(ledger.show("deviations", MASKED).rows) == 1


@pytest.mark.parametrize("earlier", [0, 2])
def test_the_reporter_whose_role_tells_an_arm_is_named_to_those_who_see_arms(earlier: int) -> None:
    ledger = ledger_with()
    for _ in range(earlier):  # what a masked person reported of the same kind is not the pharmacist's
        ledger.append(died("S1", "2020-05-29"))
    ledger.append(died("S1", "2020-05-30"), actor=THE_LEDGER)
    said = {"person": "ph-1", "role": "pharmacist", "org": "FJD", "command": "c-77"}
    named = ReporterNamed.model_validate(
        {"occurred_at": "2020-05-30", "subject": "S1", "recorded_type": "death.recorded/1", **said}
    )
    ledger.append(named, actor=PHARMACIST)
    ledger.append(died("S1", "2020-05-31"), actor=THE_LEDGER)  # without a companion: it stays the ledger's

    def reporters(audience: Audience) -> list[tuple[str, str]]:
        trail = ledger.show("audit", audience).rows
        return [(row["who"], row["role"]) for row in trail if row["type"] == "death.recorded/1"][earlier:]

    assert reporters(UNMASKED) == [("ph-1", "pharmacist"), ("ledger", SYSTEM)]
    assert reporters(MASKED) == [("ledger", SYSTEM), ("ledger", SYSTEM)]
