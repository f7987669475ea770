"""The allocation of a ledger is not what the list says: each is found, with the subject, by who may know the arms.

The ledgers are written whole, so that nothing but the allocation itself can tell.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ledger.domain.allocation import arms_of
from ledger.domain.protocol import Protocol
from ledger.proof.allocation import AllocationPlan, Parameters, seed_of
from ledger.proof.canonical import encode
from ledger.proof.draws import Draws, Place
from ledger.proof.findings import Findings, Report
from ledger.proof.sections import ARM, HEADER
from ledger.proof.verify import allocation_report, verify_ledger
from ledger.proof.words import in_words
from tests.shared_data import ROOT
from tests.tampering.allocated import ARMS, BLOCKS, OUTSIDE, SECRET, Allotted, Story, changed, honest, write
from tests.tampering.ledgers import KEYS, behind_its_back, build, places, rows
from tests.tampering.sealed_parts import SomeKeys
from tests.tampering.test_whoever_writes_the_chain import payload as sealed_payload

MINIMISED: dict[str, Any] = {"measure": "RANGE", "method": "MINIMISATION", "probability": [4, 5], "weights": [1]}
OTHER = bytes(32)


def verified(folder: Path, story: Story, keys: Any = KEYS) -> Report:
    return verify_ledger(write(folder / "trial.db", story), keys=keys)


def found(report: Report) -> list[tuple[str, str | None, str | None]]:
    """(code, book, stream) of each finding."""
    return [(finding.code, finding.book, finding.stream) for finding in report.findings]


def messages(report: Report) -> str:
    return "\n".join(finding.message for finding in report.findings)


@pytest.mark.parametrize("parameters", [BLOCKS, {"method": "SIMPLE"}, MINIMISED], ids=lambda value: value["method"])
def test_an_honest_allocation_is_derived_again_and_every_arm_compared(
    tmp_path: Path, parameters: dict[str, Any]
) -> None:
    report = verified(tmp_path, honest(30, parameters=parameters))
    assert report.ok, report.findings
    assert report.allocation is not None
    assert report.allocation.ok
    assert report.allocation.to_json() == {
        "stage": "OPENED", "drawn": 30, "claimed": 0, "checked": True, "arms": 30
    }  # fmt: skip
    assert "the arms of all 30 subjects are those of the list committed to" in in_words(report)


def test_two_swapped_entries_of_the_list_are_found_with_their_subjects(tmp_path: Path) -> None:
    story = honest()
    first = next(n for n, draw in enumerate(story.draws) if draw.stratum == "S01" and draw.arm == "CONTROL")
    second = next(n for n, draw in enumerate(story.draws) if draw.stratum == "S01" and draw.arm == "TREATMENT")
    report = verified(tmp_path, changed(changed(story, first, arm="TREATMENT"), second, arm="CONTROL"))
    assert sorted(found(report)) == sorted(
        ("allocation", "open", f"subject/{story.draws[n].subject}") for n in (first, second)
    )
    by_seq = {row["seq"]: row["entry"] for row in rows(tmp_path / "trial.db", "open_entry")}
    assert all(b"allocation.drawn/1" in by_seq[seq] for _, _, seq in places(report) if seq is not None)


def test_an_allocation_out_of_turn_is_found_with_its_subject(tmp_path: Path) -> None:
    story = honest()
    last = len(story.draws) - 1
    skipped = changed(story, last, index=story.draws[last].index + 3)
    report = verified(tmp_path, skipped)
    assert ("allocation", "open", f"subject/{story.draws[last].subject}") in found(report)
    assert "was due, and nothing says why" in messages(report)


def test_an_allocation_out_of_turn_that_an_event_tells_of_is_no_finding(tmp_path: Path) -> None:
    """The list is that of the same seed: its arm at the later index is given."""
    longer = honest(40)
    story = honest(4)
    late = next(draw for draw in longer.draws[4:] if draw.stratum == "S01" and draw.index > 4)
    told = replace(late, subject="ES-900", out_of_turn=True, due=3)
    report = verified(tmp_path, replace(story, draws=[*story.draws, told]))
    assert report.ok, report.findings


def test_another_secret_is_found(tmp_path: Path) -> None:
    report = verified(tmp_path, replace(honest(), opened=OTHER))
    assert ("allocation", "open", "trial") in found(report)
    assert "not those that were committed to" in messages(report)


def test_other_parameters_than_those_committed_to_are_found(tmp_path: Path) -> None:
    """Block sizes that were chosen when the arms were known."""
    path = write(tmp_path / "trial.db", replace(honest(), opened=None))
    assert verify_ledger(path, keys=KEYS).ok
    other = (SECRET, {"block_sizes": [6], "method": "PERMUTED_BLOCKS"})
    allocation, _ = allocation_report(path, keys=KEYS, secret=other)
    assert allocation is not None
    assert "commitment" in {finding.code for finding in allocation.findings}


def test_a_seed_that_is_not_bound_to_the_outside_value_is_found(tmp_path: Path) -> None:
    report = verified(tmp_path, honest(20, seed=hashlib.sha256(SECRET).digest()))
    assert ("allocation", "open", "trial") in found(report)
    assert "its seed was not bound to the outside value" in messages(report)


def test_a_list_of_another_outside_value_is_found_at_the_subjects(tmp_path: Path) -> None:
    story = honest(20, seed=seed_of(SECRET, b"another value"))
    right = {draw.subject: draw.arm for draw in honest(20).draws}
    wrong = {f"subject/{draw.subject}" for draw in story.draws if draw.arm != right[draw.subject]}
    report = verified(tmp_path, story)
    assert wrong
    assert {stream for _, _, stream in found(report)} == wrong


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"outside": None}, "before the list was bound"),
        ({"bound_first": True}, "bound before it was committed to"),
        ({"draws_after_opening": [Allotted("ES-950", "S09", 1, "CONTROL")]}, "after the list had been opened"),
        ({"amended_arms": (("CONTROL", 1), ("TREATMENT", 2))}, "other arms or ratios"),
    ],
)
def test_acts_in_another_order_are_found(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    report = verified(tmp_path, replace(honest(), **change))
    assert {code for code, _, _ in found(report)} == {"allocation"}
    assert why in messages(report)


def test_the_same_arms_in_an_amendment_are_no_finding(tmp_path: Path) -> None:
    assert verified(tmp_path, replace(honest(), amended_arms=ARMS)).ok


def test_what_a_source_claims_is_exempt_and_counted(tmp_path: Path) -> None:
    story = honest(6)
    wrong = Allotted("ES-800", "S03", 1, "NEITHER", claimed=True, site="S01")
    report = verified(tmp_path, replace(story, claims_before=[wrong]))
    assert report.ok, report.findings
    assert report.allocation is not None
    assert (report.allocation.drawn, report.allocation.claimed, report.allocation.arms) == (6, 1, 6)
    assert "1 claimed by a source is exempt" in in_words(report)


def test_what_a_source_claims_after_the_commitment_is_found_with_its_subject(tmp_path: Path) -> None:
    """Else every arm could be chosen, and called a claim."""
    story = honest(6)
    wrong = {"TREATMENT": "CONTROL", "CONTROL": "TREATMENT"}[story.draws[5].arm or ""]
    report = verified(tmp_path, changed(story, 5, claimed=True, arm=wrong))
    assert found(report) == [("allocation", "open", "subject/ES-005")]
    assert "is claimed by a source, after the list was committed to" in messages(report)
    assert "Allocation: 1 finding among 5 allocations; 1 claimed by a source is exempt." in in_words(report)


def opened_payload(path: Path, type_: bytes, edit: Callable[[bytes], bytes]) -> None:
    """Write another plain payload for the last event of a type, with everything after it, as a writer could."""
    seq = [row["seq"] for row in rows(path, "open_entry") if type_ in row["entry"]][-1]
    sealed_payload(path, "open", seq, "plain", edit)


@pytest.mark.parametrize(
    ("type_", "old", "new", "message"),
    [
        (b"allocation.drawn/1", b'"late":false', b'"late":0', "late is not what it must be"),
        (b"allocation.drawn/1", b'"import"', b'"simulation"', "nothing says that it was imported"),
        (b"subject.randomized/1", b'"claimed":true', b'"claimed":false', "was randomized with claimed false"),
    ],
)
def test_a_claim_says_that_it_was_imported_and_is_one_in_each_event(
    tmp_path: Path, type_: bytes, old: bytes, new: bytes, message: str
) -> None:
    """The claim alone, before any list."""
    claim = Allotted("ES-800", "S03", 1, "CONTROL", claimed=True)
    path = write(tmp_path / "trial.db", replace(honest(1), claims_before=[claim]))
    assert verify_ledger(path, keys=KEYS).ok
    seq = next(row["seq"] for row in rows(path, "open_entry") if type_ in row["entry"])
    sealed_payload(path, "open", seq, "plain", lambda body: body.replace(old, new))
    assert message in messages(verify_ledger(path, keys=KEYS))


@pytest.mark.parametrize(
    ("type_", "old", "new", "message"),
    [
        (b"allocation.bound/1", b'"kind":"BEACON"', b'"kind":"NONSENSE"', "kind is not what it must be"),
        (b"allocation.bound/1", b'"kind":"BEACON",', b"", "kind is missing"),
        (b"allocation.bound/1", b'"value":"', b'"value":"*', "value is not the base64 of 1 to 16,384 bytes"),
        (b"allocation.committed/1", b'"method"', b'"mothed"', "method is missing"),
        (b"allocation.opened/1", b'"reason":"the trial has ended",', b"", "reason is missing"),
        (b"allocation.drawn/1", b'"index":', b'"index":-', "index is not what it must be"),
        (b"subject.randomized/1", b'"site"', b'"sites"', "site is missing"),
    ],
)
def test_an_event_without_what_it_must_hold_is_one_finding(
    tmp_path: Path, type_: bytes, old: bytes, new: bytes, message: str
) -> None:
    """At the event, and at none of the draws that depend on it."""
    path = write(tmp_path / "trial.db", honest(5))
    opened_payload(path, type_, lambda body: body.replace(old, new))
    report = verify_ledger(path, keys=KEYS)
    assert [code for code, _, _ in found(report)].count("allocation") == 1
    assert message in messages(report)


def test_an_outside_value_of_more_than_16384_bytes_is_one_finding(tmp_path: Path) -> None:
    def seeded(value: bytes) -> Story:
        return replace(honest(5, seed=seed_of(SECRET, value)), outside=value)

    assert verified(tmp_path, seeded(b"x" * 16_384)).ok
    (tmp_path / "longer").mkdir()
    report = verified(tmp_path / "longer", seeded(b"x" * 16_385))
    assert found(report) == [("allocation", "open", "trial")]
    assert "value is not the base64 of 1 to 16,384 bytes" in messages(report)


def test_a_subject_randomized_at_another_site_than_its_stratum_s_is_found(tmp_path: Path) -> None:
    """Else whoever randomizes could choose among the lists of sites."""
    report = verified(tmp_path, changed(honest(6), 5, site="S09"))
    assert found(report) == [("allocation", "open", "subject/ES-005")]
    assert "of the site S01, and was randomized at the site S09" in messages(report)


def test_a_draw_of_a_stratum_of_one_s_own_invention_is_found(tmp_path: Path) -> None:
    story = honest(6)
    plan = AllocationPlan(seed_of(SECRET, OUTSIDE), Parameters.from_value(BLOCKS), ARMS)
    invented = changed(story, 5, stratum="S01/again", index=1, arm=plan.arm([], "S01/again", 1))
    report = verified(tmp_path, invented)
    assert found(report) == [("allocation", "open", "subject/ES-005")]
    assert "has the stratum S01/again, and the protocol the factors SITE" in messages(report)


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'"index":5', b'"index":6'), (b'"stratum":"S01"', b'"stratum":"S02"'), (b"ES-900", b"ES-901")],
)
def test_an_event_out_of_turn_that_tells_of_another_draw_excuses_none(tmp_path: Path, old: bytes, new: bytes) -> None:
    longer, story = honest(40), honest(4)
    late = next(draw for draw in longer.draws if draw.stratum == "S01" and draw.index == 5)
    told = replace(late, subject="ES-900", out_of_turn=True, due=3)
    path = write(tmp_path / "trial.db", replace(story, draws=[*story.draws, told]))
    assert verify_ledger(path, keys=KEYS).ok
    opened_payload(path, b"allocation.out-of-turn/1", lambda body: body.replace(old, new))
    assert "index 5 of the list S01 was drawn when 3 was due" in messages(verify_ledger(path, keys=KEYS))


@pytest.mark.parametrize("same", [True, False])
def test_an_event_out_of_turn_of_another_command_excuses_no_draw(same: bool) -> None:
    place = {"occurred_at": "2020", "subject": "P1", "stratum": "S01", "index": 4}
    said = {**place, "due": 1, "reason": "an envelope"}
    draws, findings = Draws(), Findings()
    draws.take_open(b"subject.randomized/1", Place(0, "subject/P1", "c1"), encode({**place, "site": "S01"}))
    draws.take_open(b"allocation.drawn/1", Place(1, "allocation/S01", "c1"), encode(place))
    draws.take_open(b"allocation.out-of-turn/1", Place(2, "subject/P1", "c1" if same else "c2"), encode(said))
    draws.check(findings, 3, whole=True, secret=None)
    assert any("and nothing says why" in one.message for one in findings.sorted()) is not same


@pytest.mark.parametrize(
    ("type_", "stream"),
    [
        (b"allocation.committed/1", "allocation/ALL"), (b"allocation.bound/1", "anchors"),
        (b"allocation.opened/1", "subject/P1"), (b"subject.randomized/1", "subject/P2"),
        (b"allocation.out-of-turn/1", "trial"), (b"allocation.drawn/1", "allocation/S02"),
    ],
)  # fmt: skip
def test_an_event_on_another_stream_than_its_own_is_found(type_: bytes, stream: str) -> None:
    told = {
        "occurred_at": "2020", "commitment": "0" * 64, "method": "SIMPLE", "kind": "BEACON", "value": "QQ==",
        "sha256": hashlib.sha256(b"A").hexdigest(), "secret": "0" * 64, "parameters": {}, "reason": "x",
        "subject": "P1", "stratum": "S01", "index": 1, "due": 1, "site": "S01",
    }  # fmt: skip
    draws, findings = Draws(), Findings()
    draws.take_open(type_, Place(4, stream, "c1"), encode(told))
    draws.check(findings, 9, whole=True, secret=None)
    assert any(f"on the stream {stream}" in one.message for one in findings.sorted())


def test_an_index_drawn_twice_is_found(tmp_path: Path) -> None:
    story = honest(6)
    again = replace(story.draws[0], subject="ES-801")
    assert ("allocation", "open", "subject/ES-801") in found(
        verified(tmp_path, replace(story, draws=[*story.draws, again]))
    )


# -- who may know what


def test_without_keys_order_and_commitments_are_checked_and_the_report_says_so(tmp_path: Path) -> None:
    """Swapped arms are nothing that one without keys could see."""
    story = honest()
    swapped = changed(story, 0, arm="TREATMENT" if story.draws[0].arm == "CONTROL" else "CONTROL")
    report = verified(tmp_path, swapped, keys=None)
    assert report.ok
    assert report.allocation is not None
    assert (report.allocation.checked, report.allocation.arms) == (True, 0)
    assert "arms compared with the list: 0 (12 stayed closed)" in in_words(report)
    out_of_turn = changed(story, 11, index=40)
    (tmp_path / "second").mkdir()
    assert found(verified(tmp_path / "second", out_of_turn, keys=None)) == [("allocation", "open", "subject/ES-011")]


def test_of_a_subject_whose_arm_stays_closed_the_arm_alone_is_not_checked(tmp_path: Path) -> None:
    story = honest()
    closed = SomeKeys(without=frozenset({(ARM, "subject/ES-000")}))
    swapped = changed(story, 0, arm="TREATMENT" if story.draws[0].arm == "CONTROL" else "CONTROL")
    report = verified(tmp_path, swapped, keys=closed)
    assert report.ok, report.findings
    assert report.allocation is not None
    assert report.allocation.arms == 11
    assert found(verify_ledger(tmp_path / "trial.db", keys=KEYS)) == [("allocation", "open", "subject/ES-000")]


def test_without_the_key_of_headers_no_arm_is_missed(tmp_path: Path) -> None:
    report = verified(tmp_path, honest(), keys=SomeKeys(without=frozenset({(HEADER, "")})))
    assert report.ok
    assert report.allocation is not None
    assert report.allocation.arms == 0


def test_before_the_opening_the_holder_of_the_secret_may_check_with_it(tmp_path: Path) -> None:
    story = replace(honest(), opened=None)
    path = write(tmp_path / "trial.db", story)
    report = verify_ledger(path, keys=KEYS)
    assert report.allocation is not None
    assert (report.ok, report.allocation.stage, report.allocation.arms) == (True, "BOUND", 0)
    assert "the list is not opened" in in_words(report)
    allocation, whole = allocation_report(path, keys=KEYS, secret=(SECRET, BLOCKS))
    assert allocation is not None
    assert (allocation.ok, allocation.arms, whole.ok) == (True, 12, True)
    wrong = write(
        tmp_path / "wrong.db", changed(story, 3, arm="TREATMENT" if story.draws[3].arm == "CONTROL" else "CONTROL")
    )
    assert verify_ledger(wrong, keys=KEYS).ok
    allocation, _ = allocation_report(wrong, keys=KEYS, secret=(SECRET, BLOCKS))
    assert allocation is not None
    assert [(finding.code, finding.subject) for finding in allocation.findings] == [("arm", "ES-003")]


def test_a_secret_that_is_held_and_is_not_the_one_opened_is_found(tmp_path: Path) -> None:
    path = write(tmp_path / "trial.db", honest())
    right, _ = allocation_report(path, keys=KEYS, secret=(SECRET, BLOCKS))
    wrong, _ = allocation_report(path, keys=KEYS, secret=(OTHER, BLOCKS))
    assert right is not None
    assert wrong is not None
    assert right.ok
    assert [finding.code for finding in wrong.findings] == ["commitment"]


def test_a_ledger_without_a_list_has_no_allocation(tmp_path: Path) -> None:
    report = verify_ledger(build(tmp_path / "plain.db"), keys=KEYS)
    assert report.allocation is None
    assert "Allocation" not in in_words(report)


# -- together with other faults


def test_a_missing_draw_is_one_finding_and_no_allocation_is_blamed_for_it(tmp_path: Path) -> None:
    path = write(tmp_path / "trial.db", honest())
    drawn = [row["seq"] for row in rows(path, "open_entry") if b"allocation.drawn/1" in row["entry"]]
    with behind_its_back(path) as connection:
        connection.execute("DELETE FROM open_entry WHERE seq = ?", (drawn[3],))
    report = verify_ledger(path, keys=KEYS)
    assert places(report) == [("missing", "open", drawn[3])]
    assert report.allocation is not None
    assert not report.allocation.checked
    assert "not checked, as the open book is not whole" in in_words(report)


def test_a_draw_whose_payload_was_changed_is_one_finding(tmp_path: Path) -> None:
    path = write(tmp_path / "trial.db", honest())
    row = next(row for row in rows(path, "open_entry") if b"allocation.drawn/1" in row["entry"])
    with behind_its_back(path) as connection:
        changed_ = row["sections"].replace(b'"index":1', b'"index":2')
        connection.execute("UPDATE open_entry SET sections = ? WHERE seq = ?", (changed_, row["seq"]))
    assert places(verify_ledger(path, keys=KEYS)) == [("commitment", "open", row["seq"])]


def test_a_missing_arm_is_one_finding(tmp_path: Path) -> None:
    path = write(tmp_path / "trial.db", honest())
    with behind_its_back(path) as connection:
        connection.execute("DELETE FROM sealed_entry WHERE seq = 4")
    report = verify_ledger(path, keys=KEYS)
    assert places(report) == [("missing", "sealed", 4)]
    assert report.allocation is not None
    assert report.allocation.arms == 11


def test_a_subject_without_an_arm_is_found(tmp_path: Path) -> None:
    report = verified(tmp_path, changed(honest(3), 1, arm=None))
    assert found(report) == [("allocation", "open", "subject/ES-001")]
    assert "has no arm" in messages(report)


def test_an_arm_of_another_index_than_the_one_drawn_is_found(tmp_path: Path) -> None:
    """The sealed book says another place on the list than the open one."""
    path = write(tmp_path / "trial.db", honest(3))
    sealed_payload(path, "sealed", 1, "arm", lambda body: body.replace(b'"index":1', b'"index":2'))
    streams = {stream for code, _, stream in found(verify_ledger(path, keys=KEYS)) if code == "allocation"}
    assert streams == {"subject/ES-001"}


def test_an_arm_that_names_another_subject_than_its_stream_is_found(tmp_path: Path) -> None:
    path = write(tmp_path / "trial.db", honest(3))
    sealed_payload(path, "sealed", 1, "arm", lambda body: body.replace(b"ES-001", b"ES-777"))
    report = verify_ledger(path, keys=KEYS)
    assert [one for one in found(report) if one[0] == "allocation"] == [("allocation", "sealed", "subject/ES-001")]
    assert "is on the stream subject/ES-001, and names the subject ES-777" in messages(report)


def test_an_arm_recorded_for_nobody_who_drew_is_found_where_it_stands(tmp_path: Path) -> None:
    path = write(tmp_path / "trial.db", honest(3))
    sealed_payload(path, "sealed", 1, "arm", lambda body: body.replace(b"ES-001", b"ES-777"))
    sealed_payload(path, "sealed", 1, "header", lambda body: body.replace(b"ES-001", b"ES-777"))
    assert ("allocation", "sealed", "subject/ES-777") in found(verify_ledger(path, keys=SomeKeys(marks=None)))


@pytest.mark.parametrize(
    ("type_", "payload"),
    [
        (b"trial.registered/1", b"{}"),
        (b"trial.registered/1", b'{"protocol":{"arms":[{"code":1}]}}'),
        (b"allocation.committed/1", b'{"commitment":7,"method":"SIMPLE"}'),
        (b"allocation.bound/1", b'{"sha256":"00","value":""}'),
        (b"allocation.bound/1", b'{"sha256":"%s","value":"!"}' % (b"0" * 64)),
        (b"allocation.opened/1", b'{"parameters":[],"secret":"%s"}' % (b"0" * 64)),
        (b"allocation.opened/1", b'{"parameters":{},"secret":"zz"}'),
        (b"allocation.drawn/1", b'{"index":9007199254740991,"stratum":"S01","subject":"A"}'),
        (b"allocation.drawn/1", b'{"index":true,"stratum":"S01","subject":"A"}'),
        (b"allocation.drawn/1", b"[]"),
        (b"allocation.out-of-turn/1", b'{"index":0,"subject":"A"}'),
    ],
)
def test_an_event_that_does_not_hold_what_it_must_is_a_finding_and_no_crash(type_: bytes, payload: bytes) -> None:
    draws, findings = Draws(), Findings()
    draws.take_open(type_, Place(5), payload)
    report = draws.check(findings, 9, whole=True, secret=None)
    assert report is not None
    assert ("allocation", "open", 5) in [(one.code, one.book, one.seq) for one in findings.sorted()]


@pytest.mark.parametrize(
    "parameters", [{}, {"method": "SIMPLE", "more": 1}, {"method": "MINIMISATION"}, {"method": []}]
)
def test_parameters_that_make_no_list_are_a_finding_and_no_crash(tmp_path: Path, parameters: dict[str, Any]) -> None:
    path = write(tmp_path / "trial.db", replace(honest(3), opened=None))
    allocation, _ = allocation_report(path, keys=KEYS, secret=(SECRET, parameters))
    assert allocation is not None
    assert [finding.code for finding in allocation.findings] == ["commitment"]


def test_arms_and_ratios_are_read_as_the_recorder_reads_them() -> None:
    """From the protocol as it is recorded."""
    text = (ROOT / "ledger" / "domain" / "protocol" / "NCT04348461.json").read_text(encoding="utf-8")
    protocol, draws = Protocol.model_validate_json(text), Draws()
    draws.take_open(b"trial.registered/1", Place(0), f'{{"protocol":{protocol.model_dump_json()}}}'.encode())
    assert len(draws.arms) > 1
    assert draws.arms == arms_of(protocol)


def test_without_the_first_entry_no_arms_are_said_to_be_others(tmp_path: Path) -> None:
    path = write(tmp_path / "trial.db", replace(honest(), amended_arms=ARMS))
    assert verify_ledger(path, keys=KEYS).ok
    with behind_its_back(path) as connection:
        connection.execute("DELETE FROM open_entry WHERE seq = 0")
    report = verify_ledger(path, keys=KEYS)
    assert places(report) == [("missing", "open", 0)]
    assert report.allocation is not None
    assert not report.allocation.checked


def test_nothing_of_an_allocation_is_checked_beside_a_missing_entry(tmp_path: Path) -> None:
    """Not even what an event of it holds."""
    story = replace(honest(), amended_arms=[("CONTROL", 1), ("TREATMENT", 3)])
    path = write(tmp_path / "trial.db", story)
    assert "allocation" in {code for code, _, _ in places(verify_ledger(path, keys=KEYS))}
    last = rows(path, "open_entry")[-1]["seq"]
    with behind_its_back(path) as connection:
        connection.execute("DELETE FROM open_entry WHERE seq = ?", (last,))
    assert places(verify_ledger(path, keys=KEYS)) == [("missing", "open", last)]
