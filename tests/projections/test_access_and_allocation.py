"""The views of access and of the allocation list: what is open to all who may have them, and what arms add."""

import pytest

from ledger.domain.events import Event
from ledger.domain.events.access import (
    AccessGranted,
    AccessRefused,
    ArmAccessed,
    ExportMade,
    IdentityAccessed,
    SealedAccessRefused,
)
from ledger.domain.events.allocation import (
    AllocationBound,
    AllocationCommitted,
    AllocationExhausted,
    AllocationOpened,
    AllocationOutOfTurn,
    StratumFoundWrong,
)
from ledger.domain.events.enrolment import AllocationDrawn
from ledger.proof.entry import Actor
from projections.base import Audience, ViewDeniedError
from projections.runner import show
from tests.projections.building import SEEING, MemoryLedger, randomize, registered

MASKED, UNMASKED = Audience.MASKED, Audience.UNMASKED
MONITOR, STATISTICIAN = Actor("mon-1", "CRO", "monitor"), Actor("stat-1", "IIS", "statistician")
OVERSEERS = ("auditor", "inspector", "sponsor", "data-manager", "archive")
OTHERS = ("participant", "care-provider", "investigator", "outcomes-assessor", "pharmacist", "statistician", "dmc")


def ledger_with(*events: tuple[Event, Actor]) -> MemoryLedger:
    ledger = registered()
    for event, actor in events:
        ledger.append(event, actor=actor)
    return ledger


def looked_at() -> MemoryLedger:
    day = "2020-06-01"
    granted = {"person": "aud-1", "role": "auditor", "classes": ("identity",), "reason": "audit", "until": "2020-07"}
    return ledger_with(
        (IdentityAccessed(occurred_at=day, what="the names of Ada Byron", sites=("LPZ",)), MONITOR),
        (ArmAccessed(occurred_at=day, what="view exposure"), STATISTICIAN),
        (AccessRefused(occurred_at=day, wanted="arm", what="view exposure"), MONITOR),
        (SealedAccessRefused(occurred_at=day, wanted="identity", what="names"), STATISTICIAN),
        (ExportMade(occurred_at=day, kind="csv", classes=("plain",), sha256="a" * 64), MONITOR),
        (AccessGranted.model_validate({**granted, "occurred_at": day}), Actor("sp-1", "IIS", "sponsor")),
    )


def test_masked_people_see_who_looked_at_names_who_was_refused_and_what_was_granted() -> None:
    listed = looked_at().show("access", MASKED).rows
    assert [(row["who"], row["what"], row["classes"], row["about"]) for row in listed] == [
        ("mon-1", "LOOK", ["identity"], None),
        ("mon-1", "REFUSED", ["arm"], "view exposure"),
        ("mon-1", "EXPORT", ["plain"], "csv"),
        ("sp-1", "GRANT", ["identity"], None),
    ]
    assert (listed[-1]["person"], listed[-1]["person_role"], listed[-1]["until"]) == ("aud-1", "auditor", "2020-07")
    assert listed[2]["digest"] == "a" * 64


def test_looks_at_arms_are_for_those_who_see_arms() -> None:
    ledger = looked_at()
    added = [row for row in ledger.show("access").rows if row["book"] == "sealed"]
    assert [(row["who"], row["what"], row["classes"]) for row in added] == [
        ("stat-1", "LOOK", ["arm"]),
        ("stat-1", "REFUSED", ["identity"]),
    ]
    assert "stat-1" not in ledger.show("access", MASKED).to_json()


def test_at_whose_names_somebody_looked_is_in_no_view() -> None:
    ledger = looked_at()
    for audience in Audience:
        text = ledger.show("access", audience).to_json() + ledger.show("audit", audience).to_json()
        assert "Byron" not in text
        assert "LPZ" not in text
    assert "Byron" in str(ledger.facts), "the control: it is in the record"


@pytest.mark.parametrize("audience", Audience)
def test_access_is_for_those_who_oversee_the_trial(audience: Audience) -> None:
    reader = looked_at().reader(audience)
    for role in OVERSEERS:
        assert show(reader, "access", audience, sight=SEEING[audience], role=role).rows
    for role in (*OTHERS, "", "somebody"):
        with pytest.raises(ViewDeniedError, match="only for archive, auditor"):
            show(reader, "access", audience, sight=SEEING[audience], role=role)


def draw(subject: str, index: int, *, claimed: bool = False, list_name: str | None = None) -> AllocationDrawn:
    said = {"occurred_at": "2020-05-12", "subject": subject, "stratum": "LPZ", "index": index, "claimed": claimed}
    return AllocationDrawn.model_validate({**said, "list_name": list_name})


def allocated() -> MemoryLedger:
    ledger = registered()
    day = "2020-05-12"
    ledger.append(
        AllocationCommitted(occurred_at=day, commitment="b" * 64, method="PERMUTED_BLOCKS"), actor=STATISTICIAN
    )
    bound = AllocationBound(occurred_at=day, kind="BEACON", value="AAAA", sha256="c" * 64)
    ledger.append(bound, actor=STATISTICIAN)
    for number, arm in enumerate(("TREATMENT", "CONTROL"), start=1):
        randomize(ledger, f"S{number}", arm, index=number)
    ledger.append(draw("S2", 2))
    ledger.append(draw("S1", 1))
    ledger.append(
        AllocationOutOfTurn(occurred_at=day, subject="S2", index=2, due=1, stratum="LPZ", reason="server down")
    )
    wrong = {"subject": "S1", "stratum": "FJD", "drawn_for": "LPZ", "index": 1, "reason": "moved"}
    ledger.append(StratumFoundWrong.model_validate({**wrong, "occurred_at": day}))
    return ledger


def test_every_draw_is_listed_with_what_went_wrong_with_it() -> None:
    listed = allocated().show("allocation", MASKED).rows
    assert [(row["list"], row["index"], row["subject"], row["due"], row["belongs_to"]) for row in listed] == [
        ("LPZ", 1, "S1", None, "FJD"),
        ("LPZ", 2, "S2", 1, None),
    ]


def test_the_arm_of_each_draw_is_for_those_who_see_arms() -> None:
    ledger = allocated()
    assert [row["arm"] for row in ledger.show("allocation").rows] == ["Treatment", "Control"]
    assert "arm" not in ledger.show("allocation", MASKED).rows[0]


def test_what_was_committed_to_bound_exhausted_and_opened_stands_beside_the_draws() -> None:
    ledger = allocated()
    before = ledger.show("allocation", MASKED).value()
    assert (before["committed"]["commitment"], before["committed"]["by"]) == ("b" * 64, "stat-1")
    assert (before["bound"]["kind"], before["bound"]["sha256"]) == ("BEACON", "c" * 64)
    assert (before["opened"], before["exhausted"]) == (None, [])
    ledger.append(AllocationExhausted(occurred_at="2020-06-01", list_name="LPZ", length=2))
    opened = AllocationOpened(occurred_at="2020-07-01", secret="d" * 64, parameters={}, reason="the end")
    ledger.append(opened, actor=STATISTICIAN)
    result = ledger.show("allocation", MASKED)
    assert [row["list_name"] for row in result.value()["exhausted"]] == ["LPZ"]
    assert result.value()["opened"]["reason"] == "the end"
    assert "d" * 64 not in result.to_json()
    said = "\n".join(result.notes())
    for words in ("list committed to", "list bound", "list opened", "drawn to its end"):
        assert words in said


def test_a_list_for_all_strata_goes_by_its_own_name_and_claims_are_marked() -> None:
    ledger = registered()
    ledger.append(draw("S1", 1, list_name="ALL"))
    ledger.append(draw("S2", 2, claimed=True))
    listed = ledger.show("allocation", MASKED).rows
    assert [(row["list"], row["stratum"], row["claimed"]) for row in listed] == [
        ("ALL", "LPZ", False),
        ("LPZ", "LPZ", True),
    ]
