"""Unblinding in a real ledger: recorded before an arm is shown, and sealed from then on, retried and raced."""

import re
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from api.bootstrap import open_trial, viewing
from ledger.application import Answer, CommandRefusedError
from ledger.domain.commands import parse_command
from ledger.domain.history import Fact
from ledger.domain.routing import unwrap
from ledger.domain.vocabulary import Book
from ledger.keys.file import KeysError, keys_folder, load_keys
from ledger.proof.sections import ARM, IDENTITY, PLAIN
from ledger.recording.engine import StorageError, fetch, open_reading
from ledger.recording.reader import LedgerReader
from ledger.recording.sqlite import CommandReused, SQLiteBooks
from tests.domain.story import TREATMENT
from tests.trials import ELIGIBLE, SITE, Trial
from tests.verified import verify_ledger

KNOWS = {"id": "inv-1", "role": "investigator", "org": "FJD"}
MASKED = {"id": "inv-2", "role": "investigator", "org": "FJD"}
PHARMACIST = {"id": "pharma-1", "role": "pharmacist", "org": "FJD"}
FEVER = {"subject": "S-1", "ae": "1", "term": "Fever", "serious": False, "onset": "2020-05-06"}
SPONSOR = {"id": "sponsor-1", "role": "sponsor", "org": "FJD"}
NOTIFIED = {"duty": "EU-CTD-HALT", "recipient": "AUTHORITY"}
DEATH = {"subject": "S-1", "died": "2020-05-06"}
_PREV = re.compile(rb'"prev":"[0-9a-f]{64}"')
_ANCHOR = re.compile(rb'\{"class":"anchor","commit":"[0-9a-f]{64}"\}')


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    return begun(tmp_path)


def begun(folder: Path) -> Trial:
    """S-1 and S-2 are randomized, and nobody is unblinded."""
    trial = Trial(folder)
    trial.do("activate-site", {"site": SITE})
    trial.randomized("S-1")
    trial.randomized("S-2")
    return trial


def break_code(trial: Trial, subject: str = "S-1", **more: Any) -> tuple[Answer, str | None]:
    data = {"subject": subject, "reason": "anaphylaxis"}
    command: Any = parse_command(trial.envelope("break-code", data, actor=KNOWS, **more))
    return trial.ledger.break_code(command)


def facts(trial: Trial, book: Book) -> list[Fact]:
    classes = frozenset({PLAIN, IDENTITY, ARM})
    with LedgerReader(trial.path, books=frozenset({book}), classes=classes, keys=load_keys(trial.path)) as reader:
        return list(reader.facts())


def open_book(trial: Trial) -> list[bytes]:
    """The entries and sections of the open book, but for the anchors' commitments and what follows from them."""
    rows = fetch(open_reading(trial.path), "SELECT entry, sections FROM open_entry ORDER BY seq")
    return [
        _ANCHOR.sub(b"", _PREV.sub(b"", entry)) + (b"" if b"anchored/1" in entry else sections)
        for entry, sections in rows
    ]


class TestTheEmergency:
    def test_the_arm_is_given_back_and_the_record_says_who_knows_it(self, trial: Trial) -> None:
        answer, arm = break_code(trial)
        assert arm == trial.ledger.arm_of("S-1")
        assert arm in {"CONTROL", "TREATMENT"}
        last = facts(trial, Book.OPEN)[-1]
        assert (last.type, last.actor.id, last.seq) == ("code.broken/1", "inv-1", answer.seq)
        assert verify_ledger(trial.path).ok

    def test_the_record_is_durable_before_the_arm_is_read(self, trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
        recorded: list[str] = []
        read = type(trial.ledger).arm_of

        def watched(ledger: Any, subject: str) -> str | None:
            recorded.extend(fact.type for fact in facts(trial, Book.OPEN))
            return read(ledger, subject)

        monkeypatch.setattr(type(trial.ledger), "arm_of", watched)
        break_code(trial)
        assert "code.broken/1" in recorded

    @pytest.mark.in_a_file
    def test_no_arm_is_read_where_it_cannot_be_recorded(self, trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
        reads: list[str] = []
        monkeypatch.setattr(type(trial.ledger), "arm_of", lambda _, subject: reads.append(subject))
        trial.consent("S-3")
        with pytest.raises(CommandRefusedError, match="not randomized"):
            break_code(trial, "S-3")

        def full(*_: Any) -> Any:
            raise StorageError("the disk is full")

        monkeypatch.setattr(SQLiteBooks, "append", full)
        with pytest.raises(StorageError):
            break_code(trial)
        assert reads == []

    def test_sent_again_it_is_recorded_once_and_tells_the_same(self, trial: Trial) -> None:
        first, arm = break_code(trial, id="break-1", occurred_at="2020-05-06")
        again, told = break_code(trial, id="break-1", occurred_at="2020-05-06")
        assert (again.seq, again.repeated, told) == (first.seq, True, arm)

    def test_where_no_arm_can_be_read_nobody_is_recorded_as_knowing_it(self, trial: Trial) -> None:
        trial.ledger.close()
        (keys_folder(trial.path) / "sealed.kek").unlink()
        trial.ledger = open_trial(trial.path, clock=trial.clock)
        with pytest.raises(KeysError, match="envelope"):
            break_code(trial)
        with LedgerReader(trial.path, books=frozenset({Book.OPEN}), classes=frozenset({PLAIN})) as reader:
            assert "code.broken/1" not in {fact.type for fact in reader.facts()}

    def test_only_a_code_break_breaks_a_code(self, trial: Trial) -> None:
        other: Any = parse_command(trial.envelope("report-adverse-event", FEVER))
        with pytest.raises(ValueError, match="breaks no code"):
            trial.ledger.break_code(other)


class TestAfterwards:
    def test_what_is_entered_leaves_no_byte_in_the_open_book(self, trial: Trial) -> None:
        break_code(trial)
        before = open_book(trial)
        answer = trial.do("report-adverse-event", FEVER, actor=KNOWS)
        assert (answer.book, answer.seq, answer.types) == (Book.SEALED, None, ("record.entered-unblinded/1",))
        assert open_book(trial) == before
        last = facts(trial, Book.SEALED)[-1]
        assert (last.actor.id, last.command, last.stream) == ("inv-1", f"by inv-1 {answer.id}", "subject/S-1")
        assert (unwrap(last).type, unwrap(last).data["term"]) == ("adverse-event.reported/1", "Fever")
        assert verify_ledger(trial.path).ok

    def test_sent_again_it_is_found_in_the_sealed_book_by_whoever_opens_the_ledger(self, trial: Trial) -> None:
        break_code(trial)
        command = parse_command(trial.envelope("report-adverse-event", FEVER, actor=KNOWS))
        first = trial.ledger.submit(command)
        size = len(facts(trial, Book.SEALED))
        trial.clock.at += timedelta(days=1)
        for ledger in (trial.ledger, open_trial(trial.path, clock=trial.clock)):
            again = ledger.submit(command)
            assert again.repeated
            assert (again.book, again.at, again.types, again.count) == (first.book, first.at, first.types, 1)
        assert len(facts(trial, Book.SEALED)) == size
        other = parse_command(trial.envelope("report-adverse-event", FEVER | {"ae": "2"}, actor=KNOWS, id=command.id))
        with pytest.raises(CommandReused):
            trial.ledger.submit(other)

    def test_what_was_entered_before_is_answered_from_the_open_book(self, trial: Trial) -> None:
        command = parse_command(trial.envelope("report-adverse-event", FEVER, actor=KNOWS))
        first = trial.ledger.submit(command)
        break_code(trial)
        again = trial.ledger.submit(command)
        assert (again.book, again.seq, again.repeated) == (Book.OPEN, first.seq, True)

    def test_whoever_knows_all_arms_reports_a_deviation_of_a_site_in_the_sealed_book_once(self, trial: Trial) -> None:
        trial.do("report-inadvertent-unblinding", {"person": "inv-1", "role": "investigator", "how": "saw the list"})
        told = trial.envelope("report-deviation", {"site": SITE, "category": "OTHER", "detail": "x"}, actor=KNOWS)
        first, again = (trial.ledger.submit(parse_command(told)) for _ in range(2))
        assert (first.book, first.repeated, again.repeated) == (Book.SEALED, False, True)
        last = facts(trial, Book.SEALED)[-1]
        assert (last.stream, last.actor.id, unwrap(last).type) == ("trial", "inv-1", "deviation.raised/1")

    def test_what_a_sponsor_who_knows_an_arm_notifies_lies_in_the_sealed_book_words_and_all(self, trial: Trial) -> None:
        trial.do("halt-trial", {"reason": "lack of money"})
        told = {"person": "sponsor-1", "role": "sponsor", "subject": "S-1", "how": "read a letter"}
        trial.do("report-inadvertent-unblinding", told)
        about = {"about": "ae-3-of-the-TREATMENT-arm", "note": "S-1 has had the product", "reference": "TREATMENT/7"}
        masked = trial.do("record-notification", NOTIFIED, actor=SPONSOR | {"id": "sponsor-2"})
        before = open_book(trial)
        told = trial.envelope("record-notification", NOTIFIED | about, actor=SPONSOR)
        first, again = (trial.ledger.submit(parse_command(told)) for _ in range(2))
        assert (masked.book, first.book, first.repeated, again.repeated) == (Book.OPEN, Book.SEALED, False, True)
        assert open_book(trial) == before
        assert not any(b"TREATMENT/7" in entry or b"has had the product" in entry for entry in open_book(trial))
        last = facts(trial, Book.SEALED)[-1]
        assert (last.stream, unwrap(last).type, unwrap(last).data["note"]) == (
            "trial", "notification.sent/1", about["note"],
        )  # fmt: skip

    def test_nor_does_he_correct_an_open_one_in_the_open_book(self, trial: Trial) -> None:
        trial.do("halt-trial", {"reason": "lack of money"})
        sent = trial.do("record-notification", NOTIFIED, actor=SPONSOR)
        trial.do("report-inadvertent-unblinding", {"person": "sponsor-1", "role": "sponsor", "how": "saw the list"})
        assert sent.seq is not None
        fact = facts(trial, Book.OPEN)[sent.seq]
        before = open_book(trial)
        told = {
            "target": {"command": fact.command, "n": fact.n},
            "changes": [{"field": "note", "new": "S-1 has had the product"}],
            "reason": "more is known",
        }
        with suppress(CommandRefusedError):
            trial.do("correct-record", told, actor=SPONSOR)
        assert open_book(trial) == before

    def test_and_he_names_nobody(self, trial: Trial) -> None:
        trial.do("halt-trial", {"reason": "lack of money"})
        trial.do("report-inadvertent-unblinding", {"person": "sponsor-1", "role": "sponsor", "how": "saw the list"})
        with pytest.raises(CommandRefusedError) as refused:
            trial.do("record-notification", NOTIFIED | {"name": "Dr. Jane Doe"}, actor=SPONSOR)
        assert (refused.value.refusal.rule, refused.value.refusal.field) == ("unblinded", "data.name")

    def test_a_duty_that_was_notified_so_is_shown_done_to_who_sees_arms_alone(self, trial: Trial) -> None:
        trial.do("halt-trial", {"reason": "lack of money"})
        trial.do("report-inadvertent-unblinding", {"person": "sponsor-1", "role": "sponsor", "how": "saw the list"})
        trial.do("record-notification", NOTIFIED, actor=SPONSOR)
        trial.ledger.close()
        seen = {role: viewing(trial.path, role).show("duties", None).rows[0] for role in ("statistician", "monitor")}
        assert seen["statistician"]["missing"] == ["ETHICS_COMMITTEE"]
        assert seen["monitor"]["missing"] == ["AUTHORITY", "ETHICS_COMMITTEE"]

    def test_nobody_enters_openly_past_an_unblinding_that_another_process_records(self, trial: Trial) -> None:
        trial.do("record-visit", {"subject": "S-1", "visit": "DAY 3"}, actor=KNOWS)  # this one remembers the subject
        other = open_trial(trial.path, clock=trial.clock)
        told: dict[str, Any] = {"subject": "S-1", "reason": "anaphylaxis"}
        other.submit(parse_command(trial.envelope("break-code", told, actor=KNOWS)))
        assert trial.do("report-adverse-event", FEVER, actor=KNOWS).book is Book.SEALED

    def test_two_processes_cannot_both_enter_the_same_event(self, trial: Trial) -> None:
        break_code(trial)
        trial.do("record-visit", {"subject": "S-1", "visit": "DAY 3"}, actor=KNOWS)  # remembers both books
        other = open_trial(trial.path, clock=trial.clock)
        other.submit(parse_command(trial.envelope("report-adverse-event", FEVER, actor=KNOWS)))
        with pytest.raises(CommandRefusedError) as refused:
            trial.do("report-adverse-event", FEVER, actor=KNOWS)
        assert refused.value.refusal.rule == "ae-exists"

    def test_the_pharmacist_answers_an_event_that_only_the_sealed_book_has(self, trial: Trial) -> None:
        break_code(trial)
        trial.do("report-adverse-event", FEVER, actor=KNOWS)
        action = {"subject": "S-1", "ae": "1", "action": "DRUG WITHDRAWN"}
        assert trial.do("record-action-taken", action, actor=PHARMACIST).book is Book.SEALED

    def test_a_sealed_entry_is_corrected_and_voided_by_who_knows_and_is_nothing_to_others(self, trial: Trial) -> None:
        break_code(trial)
        fever = trial.do("report-adverse-event", FEVER, actor=KNOWS)
        told = {"target": {"command": fever.id}, "reason": "misread"}
        change = told | {"changes": [{"field": "term", "new": "Chill"}], "subject": "S-1"}
        assert trial.do("correct-record", change, actor=KNOWS).book is Book.SEALED
        assert unwrap(facts(trial, Book.SEALED)[-1]).data["changes"] == [
            {"field": "term", "old": "Fever", "new": "Chill"}
        ]
        rules = []
        for target in (fever.id, "no-such-command"):
            with pytest.raises(CommandRefusedError) as refused:
                trial.do("correct-record", change | {"target": {"command": target}}, actor=MASKED)
            rules.append(str(refused.value).replace(target, "X"))
        assert rules[0] == rules[1]
        assert trial.do("void-record", told | {"subject": "S-1"}, actor=KNOWS).book is Book.SEALED
        assert trial.do("report-adverse-event", FEVER, actor=KNOWS).book is Book.SEALED  # its number is free again
        assert verify_ledger(trial.path).ok

    def test_a_name_from_who_knows_makes_no_key_and_draws_nothing_from_the_open_books_source(
        self, trial: Trial
    ) -> None:
        named = {"subject": "S-9", "site": SITE, "form": "WRITTEN", "giver": "PATIENT", "document_version": "1.0"}
        named |= {"subject_name": "Ana"}
        trial.do("report-inadvertent-unblinding", {"person": "inv-1", "role": "investigator", "how": "saw the list"})
        drawn: list[int] = []
        source = trial.randomness.open
        trial.ledger._books.randomness.open = lambda count: drawn.append(count) or source(count)  # type: ignore
        with pytest.raises(CommandRefusedError) as refused:
            trial.do("record-consent", named, actor=KNOWS)
        assert refused.value.refusal.rule == "unblinded"
        assert drawn == []
        assert load_keys(trial.path).section_key(IDENTITY, "subject/S-9") is None
        trial.do("record-consent", named, actor=MASKED)
        assert drawn  # the control


class TestWithoutAName:
    def test_a_pharmacist_reports_a_death_and_only_the_sealed_book_says_who_did(self, trial: Trial) -> None:
        answer = trial.do("record-death", DEATH, actor=PHARMACIST)
        assert answer.types == ("death.recorded/1",)
        last = facts(trial, Book.OPEN)[-1]
        assert (last.actor.id, last.actor.role) == ("ledger", "system")
        assert re.fullmatch("masked-[0-9a-f]{64}", last.command)
        named = facts(trial, Book.SEALED)[-1]
        assert named.type == "reporter.named/1"
        assert (named.data["person"], named.data["role"], named.data["command"]) == (
            "pharma-1",
            "pharmacist",
            answer.id,
        )
        assert not any(b"pharma" in row or answer.id.encode() in row for row in open_book(trial)[-1:])
        assert verify_ledger(trial.path).ok

    def test_sent_again_it_is_recorded_once(self, trial: Trial) -> None:
        command = parse_command(trial.envelope("record-death", DEATH, actor=PHARMACIST))
        first = trial.ledger.submit(command)
        sizes = [len(facts(trial, book)) for book in Book]
        for ledger in (trial.ledger, open_trial(trial.path, clock=trial.clock)):
            again = ledger.submit(command)
            assert (again.id, again.seq, again.types, again.repeated) == (command.id, first.seq, first.types, True)
        assert [len(facts(trial, book)) for book in Book] == sizes
        other = trial.envelope("record-death", DEATH | {"cause": "sepsis"}, actor=PHARMACIST, id=command.id)
        with pytest.raises(CommandReused):
            trial.ledger.submit(parse_command(other))

    def test_its_id_cannot_be_one_that_stands_in_the_open_book(self, trial: Trial) -> None:
        visit = trial.do("record-visit", {"subject": "S-1", "visit": "DAY 3"})
        with pytest.raises(CommandReused):
            trial.do("record-death", DEATH, actor=PHARMACIST, id=visit.id)

    def test_a_masked_person_corrects_it_by_the_mark_under_which_it_stands(self, trial: Trial) -> None:
        trial.do("record-death", DEATH, actor=PHARMACIST)
        mark = facts(trial, Book.OPEN)[-1].command
        change = {
            "target": {"command": mark},
            "reason": "read the notes",
            "changes": [{"field": "cause", "new": "ARDS"}],
        }
        assert trial.do("correct-record", change, actor=MASKED).types == ("record.corrected/1",)


class TestTwoWorlds:
    """The same story of masked people, in one world with what others entered knowing the arm."""

    def told(self, folder: Path, *, with_sealed: bool) -> tuple[list[bytes], list[Any]]:
        folder.mkdir()
        trial = begun(folder)
        break_code(trial)
        answers: list[Any] = []

        def sealed(type_: str, data: dict[str, Any], actor: dict[str, str] = KNOWS, **more: Any) -> None:
            command = parse_command(trial.envelope(type_, data, actor=actor, **more))
            if with_sealed:
                assert trial.ledger.submit(command).book is Book.SEALED

        def masked(type_: str, data: dict[str, Any], **more: Any) -> None:
            try:
                answers.append(trial.do(type_, data, actor=MASKED, **more))
            except CommandRefusedError as error:
                answers.append(str(error))

        for number in range(30):  # over several anchors
            event = FEVER | {"ae": str(number)}
            sealed("report-adverse-event", event, id=f"sealed-{number}")
            masked("report-adverse-event", event)
            masked("follow-up-adverse-event", {"subject": "S-1", "ae": str(number), "note": "better"})
            sealed("follow-up-adverse-event", {"subject": "S-1", "ae": str(number), "note": "from the product"})
            change = {"target": {"command": f"sealed-{number}"}, "reason": "r", "subject": "S-1"}
            masked("void-record", change)
            masked("follow-up-adverse-event", {"subject": "S-1", "ae": str(number + 1), "note": "none yet"})
            sealed("void-record", change)
        sealed("record-disposition", {"subject": "S-1", "term": "COMPLETED", "epoch": "TREATMENT"})
        masked("record-disposition", {"subject": "S-1", "term": "COMPLETED", "epoch": "TREATMENT"})
        assert verify_ledger(trial.path).ok
        return open_book(trial), answers

    def test_open_book_and_answers_are_the_same_to_the_byte(self, tmp_path: Path) -> None:
        one = self.told(tmp_path / "one", with_sealed=True)
        other = self.told(tmp_path / "other", with_sealed=False)
        assert one == other
        assert {answer.book for answer in one[1] if isinstance(answer, Answer)} == {Book.OPEN}
        assert sum(isinstance(answer, str) for answer in one[1]) == 60

    def test_a_masked_persons_command_opens_no_sealed_book(self, trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
        break_code(trial)
        fever = trial.do("report-adverse-event", FEVER, actor=KNOWS)
        opened: list[Book] = []
        original = LedgerReader.__enter__

        def trip(reader: LedgerReader) -> Any:
            opened.extend(reader.books)
            return original(reader)

        monkeypatch.setattr(LedgerReader, "__enter__", trip)
        trial.do("report-adverse-event", FEVER, actor=MASKED)
        told = {"target": {"command": fever.id}, "subject": "S-1", "reason": "r"}
        with pytest.raises(CommandRefusedError):
            trial.do("void-record", told, actor=MASKED)
        trial.do("record-death", DEATH, actor=PHARMACIST)
        assert set(opened) == {Book.OPEN}
        trial.do("follow-up-adverse-event", {"subject": "S-1", "ae": "1", "note": "x"}, actor=KNOWS)
        assert Book.SEALED in opened  # the control: the trip wire does work


def test_an_id_that_a_sealed_command_has_tells_a_masked_person_nothing(trial: Trial) -> None:
    trial.do("record-treatment", {"subject": "S-1", **TREATMENT, "started_at": "2020-05-06"}, id="dose-1")
    trial.consent("S-3")
    trial.do("record-screening", {"subject": "S-3", "values": ELIGIBLE})
    trial.do("enrol-subject", {"subject": "S-3"})
    drawn = trial.envelope("randomize-subject", {"subject": "S-3"}, id="dose-1")
    assert trial.ledger.submit(parse_command(drawn)).types == ("subject.randomized/1", "allocation.drawn/1")
    assert trial.ledger.submit(parse_command(drawn)).repeated
    assert open_trial(trial.path, clock=trial.clock).submit(parse_command(drawn)).repeated
    assert verify_ledger(trial.path).ok


def test_after_an_erasure_is_recorded_no_name_of_the_subject_is_taken(trial: Trial) -> None:
    erased = trial.do("erase-identity", {"subject": "S-1", "reason": "as asked"})
    assert erased.types == ("identity.erased/1",)
    renewal = {"subject": "S-1", "form": "WRITTEN", "giver": "PATIENT", "document_version": "1.0", "reason": "OTHER"}
    with pytest.raises(CommandRefusedError) as refused:
        trial.do("renew-consent", renewal | {"giver_name": "Ana"})
    assert refused.value.refusal.rule == "identity-erased"
    assert trial.do("renew-consent", renewal).types == ("consent.renewed/1",)
