"""What a command goes through: recorded whole or not at all, once however often it is sent, and never past a rule."""

import multiprocessing
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from api.bootstrap import open_trial, viewing
from ledger.application import CommandRefusedError
from ledger.domain.commands import parse_command
from ledger.domain.protocol import Protocol, reference_protocol
from ledger.domain.vocabulary import Book
from ledger.keys.file import KeysError, keys_folder, load_keys
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.sections import ARM, PLAIN
from ledger.recording.reader import AsOfError, LedgerReader
from ledger.recording.sqlite import CommandReused
from tests.trials import ELIGIBLE, SITE, Trial
from tests.verified import verify_ledger


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    trial = Trial(tmp_path)
    trial.do("activate-site", {"site": SITE})
    return trial


def types(path: Path, book: Book = Book.OPEN) -> list[str]:
    with LedgerReader(path, books=frozenset({book}), classes=frozenset({PLAIN, ARM}), keys=load_keys(path)) as reader:
        return [fact.type for fact in reader.facts() if fact.book is book]


def test_the_first_entry_of_a_new_ledger_registers_the_trial_and_the_ledger_verifies(trial: Trial) -> None:
    assert types(trial.path)[0] == "trial.registered/1"
    assert verify_ledger(trial.path).ok


def test_a_ledger_is_never_made_over_another_file(trial: Trial) -> None:
    with pytest.raises((LedgerFileError, KeysError), match="never overwritten"):
        Trial(trial.path.parent)
    assert verify_ledger(trial.path).ok


def test_a_ledger_that_cannot_be_made_leaves_neither_file_nor_keys(tmp_path: Path) -> None:
    (tmp_path / "trial.db").write_text("somebody's notes")
    with pytest.raises(LedgerFileError):
        Trial(tmp_path)
    assert (tmp_path / "trial.db").read_text() == "somebody's notes"
    assert not keys_folder(tmp_path / "trial.db").exists()


def test_a_command_sent_twice_is_recorded_once_and_answered_the_same(trial: Trial) -> None:
    command = parse_command(
        trial.envelope(
            "record-consent",
            {"subject": "S-1", "site": SITE, "form": "VERBAL", "giver": "FAMILY_MEMBER", "document_version": "1.0"},
        )
    )
    first = trial.ledger.submit(command)
    size = len(types(trial.path))
    trial.clock.at += timedelta(days=1)
    again = trial.ledger.submit(command)
    reopened = open_trial(trial.path).submit(command)
    assert (again.seq, again.count, again.at, again.book) == (first.seq, first.count, first.at, first.book)
    assert (reopened.seq, reopened.at) == (first.seq, first.at)
    assert (first.repeated, again.repeated, reopened.repeated) == (False, True, True)
    assert len(types(trial.path)) == size


def test_a_repeated_command_is_answered_even_when_its_rule_would_refuse_it_now(trial: Trial) -> None:
    envelope = trial.envelope(
        "record-consent",
        {"subject": "S-1", "site": SITE, "form": "VERBAL", "giver": "PATIENT", "document_version": "1.0"},
    )
    first = trial.ledger.submit(parse_command(envelope))
    trial.do("halt-trial", {"reason": "lack of financial support"})
    assert trial.ledger.submit(parse_command(envelope)).seq == first.seq


def test_the_id_of_a_recorded_command_with_other_content_is_refused(trial: Trial) -> None:
    envelope = trial.envelope("halt-trial", {"reason": "money"})
    trial.ledger.submit(parse_command(envelope))
    envelope["data"] = {"reason": "no money"}
    with pytest.raises(CommandReused):
        trial.ledger.submit(parse_command(envelope))


def test_a_refused_command_leaves_no_byte_in_either_book(trial: Trial) -> None:
    before = verify_ledger(trial.path)
    with pytest.raises(CommandRefusedError) as refused:
        trial.do("enrol-subject", {"subject": "S-1"})
    assert refused.value.refusal.field
    after = verify_ledger(trial.path)
    assert (after.size, after.root, after.sealed.size) == (before.size, before.root, before.sealed.size)


def test_randomization_is_open_and_the_arm_is_sealed_in_one_append(trial: Trial) -> None:
    trial.randomized("S-1")
    assert types(trial.path)[-2:] == ["subject.randomized/1", "allocation.drawn/1"]
    assert types(trial.path, Book.SEALED) == ["arm.assigned/1"]
    assert trial.ledger.arm_of("S-1") in {"CONTROL", "TREATMENT"}
    assert verify_ledger(trial.path).ok


def test_a_masked_persons_command_never_reads_the_sealed_book(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def trip(self: LedgerReader, *_: Any, **__: Any) -> Any:
        opened.append("sealed" if Book.SEALED in self.books else "open")
        return original(self)

    original = LedgerReader.__enter__
    monkeypatch.setattr(LedgerReader, "__enter__", trip)
    trial.randomized("S-1")
    trial.do("record-visit", {"subject": "S-1", "visit": "DAY 3"})
    assert set(opened) == {"open"}
    trial.ledger.arm_of("S-1")
    assert "sealed" in opened  # the control: the trip wire does work


def test_a_name_lies_in_no_section_of_class_plain(trial: Trial) -> None:
    trial.consent("S-7")
    with LedgerReader(trial.path, books=frozenset({Book.OPEN}), classes=frozenset({PLAIN})) as reader:
        assert all("Name of S-7" not in str(fact.data) for fact in reader.facts())


def test_what_one_ledger_object_remembers_does_not_outlive_what_another_writes(trial: Trial) -> None:
    other = open_trial(trial.path, clock=trial.clock)
    trial.consent("S-1")
    other.submit(parse_command(trial.envelope("halt-trial", {"reason": "money"})))
    with pytest.raises(CommandRefusedError, match="halt"):
        trial.consent("S-2")
    other.submit(parse_command(trial.envelope("restart-trial", {"reason": "money came"})))
    trial.consent("S-2")  # refused on what was remembered, taken on what is so


def test_a_corrected_record_shows_its_new_value_and_keeps_the_old_one(trial: Trial) -> None:
    trial.randomized("S-1")
    visit = trial.do("record-visit", {"subject": "S-1", "visit": "DAY 3"})
    trial.do(
        "correct-record",
        {"target": {"command": visit.id}, "changes": [{"field": "visit", "new": "DAY 7"}], "reason": "wrong line"},
    )
    with LedgerReader(trial.path, books=frozenset({Book.OPEN}), classes=frozenset({PLAIN})) as reader:
        correction = next(fact for fact in reader.facts() if fact.type == "record.corrected/1")
    assert correction.data["changes"] == [{"field": "visit", "old": "DAY 3", "new": "DAY 7"}]
    assert correction.data["target_seq"] == visit.seq


def _capped(cap: int) -> Protocol:
    enrolment = reference_protocol().enrolment.model_dump(mode="json")
    return reference_protocol().amended({"enrolment": {**enrolment, "cap": cap}})


def _enrol(path: Path, names: list[str], started: Any) -> None:
    ledger = open_trial(path, clock=lambda: datetime(2020, 5, 6, 13, 0, tzinfo=UTC))
    started.wait()
    for name in names:
        try:
            ledger.submit(
                parse_command(
                    {
                        "id": f"enrol-{name}",
                        "type": "enrol-subject",
                        "actor": {"id": "inv", "role": "investigator", "org": "FJD"},
                        "occurred_at": "2020-05-06T12:00+00:00",
                        "data": {"subject": name},
                    }
                )
            )
        except CommandRefusedError as error:
            if error.refusal.rule == "busy":
                raise
    ledger.close()


def test_four_processes_that_enrol_at_once_stop_together_at_the_cap(tmp_path: Path) -> None:
    trial = Trial(tmp_path, protocol=_capped(7))
    trial.do("activate-site", {"site": SITE})
    names = [f"S-{number}" for number in range(16)]
    for name in names:
        trial.consent(name)
        trial.do("record-screening", {"subject": name, "values": ELIGIBLE})
    trial.ledger.close()
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    processes = [context.Process(target=_enrol, args=(trial.path, names[part::4], started)) for part in range(4)]
    for process in processes:
        process.start()
    started.set()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    assert types(trial.path).count("subject.enrolled/1") == 7
    assert verify_ledger(trial.path).ok


def test_no_consent_slips_past_a_halt_that_is_recorded_at_the_same_time(tmp_path: Path) -> None:
    for attempt in range(5):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        trial = Trial(folder)
        trial.do("activate-site", {"site": SITE})
        other = open_trial(trial.path, clock=trial.clock)
        halt = parse_command(trial.envelope("halt-trial", {"reason": "money"}))
        commands = [
            parse_command(
                trial.envelope(
                    "record-consent",
                    {
                        "subject": f"S-{number}",
                        "site": SITE,
                        "form": "WRITTEN",
                        "giver": "PATIENT",
                        "document_version": "1.0",
                    },
                )
            )
            for number in range(20)
        ]

        def consent_all(trial: Trial = trial, commands: Any = commands) -> None:
            for command in commands:
                try:
                    trial.ledger.submit(command)
                except CommandRefusedError as error:
                    if error.refusal.rule == "busy":
                        raise

        thread = threading.Thread(target=consent_all)
        thread.start()
        other.submit(halt)
        thread.join()
        recorded = types(trial.path)
        assert "consent.obtained/1" not in recorded[recorded.index("trial.temporarily-halted/1") :]


def test_threads_that_share_one_ledger_record_every_command_once_and_remember_rightly(trial: Trial) -> None:
    for number in range(4):
        trial.randomized(f"S-{number}")
    commands = [
        parse_command(
            trial.envelope("record-visit", {"subject": f"S-{number % 4}", "visit": "DAY 3"}, id=f"visit-{number}")
        )
        for number in range(60)
    ]
    failures: list[BaseException] = []

    def work(part: int) -> None:
        try:
            for command in commands[part::6]:
                trial.ledger.submit(command)
                trial.ledger.submit(command)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(part,)) for part in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert types(trial.path).count("visit.recorded/1") == 60
    assert verify_ledger(trial.path).ok
    trial.do("record-visit", {"subject": "S-1", "visit": "DAY 7"})  # and goes on from what it remembers


def test_a_clock_that_steps_back_shows_once_and_recorded_times_do_not_follow_it(trial: Trial) -> None:
    trial.consent("S-1")
    trial.clock.at -= timedelta(hours=2)
    trial.consent("S-2")
    trial.consent("S-3")
    trial.clock.at += timedelta(hours=3)
    trial.consent("S-4")
    with LedgerReader(trial.path, books=frozenset({Book.OPEN}), classes=frozenset({PLAIN})) as reader:
        facts = list(reader.facts())
    steps = [fact for fact in facts if fact.type == "clock.stepped-back/1"]
    assert [fact.data["last_recorded_at"] for fact in steps] == [steps[0].at]
    assert steps[0].data["occurred_at"] < steps[0].at
    assert [fact.at for fact in facts] == sorted(fact.at for fact in facts)
    assert verify_ledger(trial.path).ok


def test_an_answer_tells_the_types_of_events_the_same_each_time(trial: Trial) -> None:
    trial.randomized("S-1")
    envelope = trial.envelope("record-visit", {"subject": "S-1", "visit": "DAY 28"})
    first = trial.ledger.submit(parse_command(envelope))
    assert first.types == ("visit.recorded/1", "deviation.raised/1")  # on day 0, far outside its window
    assert trial.ledger.submit(parse_command(envelope)).types == first.types


def test_the_arm_is_assigned_by_the_ledger_and_not_by_who_asked_for_it(trial: Trial) -> None:
    trial.randomized("S-1")
    with LedgerReader(
        trial.path, books=frozenset(Book), classes=frozenset({PLAIN, ARM}), keys=load_keys(trial.path)
    ) as reader:
        actors = {fact.type: fact.actor.role for fact in reader.facts()}
    assert actors["subject.randomized/1"] == "investigator"
    assert actors["arm.assigned/1"] == "system"


def test_an_exact_position_in_both_books_is_for_who_may_see_both(trial: Trial) -> None:
    for number in range(3):
        trial.randomized(f"S-{number}")
    both = LedgerReader(trial.path, books=frozenset(Book), classes=frozenset({PLAIN, ARM}), keys=load_keys(trial.path))
    with both as reader:
        end = reader.head()
        assert end.sealed == 3
        assert reader.position_at(f"{end.open - 1}/1") == (end.open, 2)
        first = next(fact for fact in reader.facts() if fact.book is Book.SEALED)
        with pytest.raises(AsOfError, match="recorded after"):
            reader.position_at(f"{first.open_seq - 1}/0")
        with pytest.raises(AsOfError, match="ends at"):
            reader.position_at(f"{end.open - 1}/3")
    masked = LedgerReader(trial.path, books=frozenset({Book.OPEN}), classes=frozenset({PLAIN}))
    with masked as reader, pytest.raises(AsOfError, match="no position in the sealed book"):
        reader.position_at("5/0")


def test_as_of_halt_is_the_last_command_by_which_the_trial_stopped(trial: Trial) -> None:
    def halt() -> int:
        with LedgerReader(trial.path, books=frozenset({Book.OPEN}), classes=frozenset({PLAIN})) as reader:
            return reader.position_at("halt").open

    sponsor = {"id": "sponsor-1", "role": "sponsor", "org": "FJD"}
    with pytest.raises(AsOfError, match="neither halted nor suspended"):
        halt()
    first = trial.do("halt-trial", {"reason": "lack of financial support"})
    assert halt() == (first.seq or 0) + first.count
    trial.do("restart-trial", {"reason": "funded"})
    assert halt() == (first.seq or 0) + first.count
    later = trial.do("suspend-trial", {"reason": "safety", "authority": "AEMPS"}, actor=sponsor)
    trial.do("declare-data-cut-off", {"cut_off": "2020-05-06", "purpose": "an interim look"}, actor=sponsor)
    assert halt() == (later.seq or 0) + later.count
    last = trial.do("terminate-trial", {"reason": "lack of financial support"}, actor=sponsor)
    assert halt() == (last.seq or 0) + last.count


def test_an_adverse_event_entered_for_the_wrong_subject_is_voided_and_both_records_stay(trial: Trial) -> None:
    trial.randomized("S-1")
    event = {"subject": "S-1", "ae": "1", "term": "Rash", "severity": "MILD", "serious": False, "onset": "2020-05-06"}
    reported = trial.do("report-adverse-event", event)
    voided = trial.do("void-record", {"target": {"command": reported.id}, "reason": "was another subject's"})
    assert voided.types == ("record.voided/1",)
    rows = viewing(trial.path, "investigator").show("audit", None).rows
    marked = {row["seq"]: row["voided_by"] for row in rows if row["voided_by"] is not None}
    assert marked == {reported.seq: voided.seq}
    assert viewing(trial.path, "investigator").show("adverse-events", None).rows == []
    trial.do("report-adverse-event", event | {"term": "Cough"})  # its number is free again
    assert verify_ledger(trial.path).ok


def test_an_import_licence_cannot_be_written_into_a_command(trial: Trial) -> None:
    claim = {"kind": "import", "source": "x"}
    with pytest.raises(CommandRefusedError) as refused:
        trial.do("halt-trial", {"reason": "r"}, provenance=claim,
                 actor={"id": "dm", "role": "data-manager", "org": "o"})  # fmt: skip
    assert refused.value.refusal.rule == "provenance"


def test_an_erasure_that_comes_as_any_other_command_destroys_the_key_too(trial: Trial) -> None:
    trial.consent("S-1")
    trial.consent("S-2")
    trial.do("erase-identity", {"subject": "S-1", "reason": "asked for it"})
    with closing(load_keys(trial.path)) as keys:
        assert keys.destroyed("identity", "subject/S-1")
        assert keys.section_key("identity", "subject/S-2") is not None
    assert verify_ledger(trial.path).ok


def test_what_is_erased_is_not_erased_twice(trial: Trial) -> None:
    trial.consent("S-1")
    trial.do("erase-identity", {"subject": "S-1", "reason": "asked for it"})
    with pytest.raises(CommandRefusedError, match="erased already"):
        trial.do("erase-identity", {"subject": "S-1", "reason": "asked again"})


def test_after_an_erasure_the_subjects_records_go_on_without_names(trial: Trial) -> None:
    consent = trial.consent("S-1")
    trial.do("erase-identity", {"subject": "S-1", "reason": "asked for it"})
    renewal = {"subject": "S-1", "form": "WRITTEN", "giver": "PATIENT", "document_version": "1.0", "reason": "OTHER"}
    assert trial.do("renew-consent", renewal).types == ("consent.renewed/1",)
    correction = {
        "target": {"command": consent.id, "n": 0},
        "changes": [{"field": "giver", "new": "FAMILY_MEMBER"}],
        "reason": "mistaken",
    }
    assert trial.do("correct-record", correction).types == ("record.corrected/1",)
    with closing(load_keys(trial.path)) as keys:
        report = verify_ledger(trial.path, keys=keys)
    assert report.ok
    assert report.closed["identity"] == 3
    for more in ({"giver_name": "Ana"}, {"witness_name": "Eva"}):
        with pytest.raises(CommandRefusedError, match="erased"):
            trial.do("renew-consent", renewal | more)
