"""`unblind`, `unblinding`, `export envelopes`: an arm is told to whom the record says it is told, and never before."""

import csv
import io
import json
import stat
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest

from api.acting import Who
from api.bootstrap import open_trial, protocol_of
from api.cli.demo import SeededRandomness
from api.unblinding import PASSPHRASES, allocated, export_envelopes
from ledger.domain.history import Fact
from ledger.domain.protocol import reference_protocol
from ledger.domain.vocabulary import Book
from ledger.keys.file import load_keys
from ledger.proof.sections import ARM, PLAIN
from ledger.proof.verify import verify_ledger
from ledger.recording.reader import LedgerReader
from tests.api.cli_runs import Demo, contents, here, process, size_of, small_disk

LABELS = {arm.code: arm.label for arm in reference_protocol().arms}
REASON = ("--reason", "Severe hypotension", "--actor", "inv-9")
STATISTICIAN = ("--actor", "stat-1")


@pytest.fixture
def ledger(demo: Demo, tmp_path: Path) -> Path:
    """A halted trial with several randomized subjects."""
    (tmp_path / "trial").mkdir()
    return demo.copy(tmp_path / "trial")


def facts(ledger: Path, type_: str) -> list[Fact]:
    with closing(load_keys(ledger)) as keys:
        reader = LedgerReader(ledger, books=frozenset(Book), classes=frozenset({PLAIN, ARM}), keys=keys)
        with closing(reader), reader:
            return [fact for fact in reader.facts() if fact.type == type_]


def arms(ledger: Path) -> dict[str, str]:
    return {fact.data["subject"]: fact.data["arm"] for fact in facts(ledger, "arm.assigned/1")}


def words_of_arms(texts: Iterable[str]) -> set[str]:
    said = " ".join(texts)
    return {word for pair in LABELS.items() for word in pair if word in said}


# -- the emergency ---------------------------------------------------------------------------------------------------


def test_the_arm_is_told_and_the_record_says_to_whom_when_and_why(ledger: Path) -> None:
    for subject, arm in list(arms(ledger).items())[:3]:
        done = here("unblind", ledger, subject, *REASON, "--org", "FJD", "--json")
        assert done.code == 0, done.err
        assert (done.json["arm"], done.json["label"]) == (arm, LABELS[arm])
        assert done.json["unblinded"] == "inv-9"
        fact = facts(ledger, "code.broken/1")[-1]
        assert (fact.seq, fact.at) == (done.json["seq"], done.json["recorded_at"])
        assert (fact.actor.id, fact.actor.org, fact.actor.role) == ("inv-9", "FJD", "investigator")
        assert (fact.data["subject"], fact.data["reason"]) == (subject, "Severe hypotension")
        assert "arm" not in fact.data


def test_in_words_the_arm_is_the_first_line_of_stdout_and_who_knows_it_now_follows(ledger: Path) -> None:
    subject, arm = next(iter(arms(ledger).items()))
    done = process("unblind", ledger, subject, *REASON)
    assert (done.code, done.out) == (0, f"{subject}: {arm} ({LABELS[arm]})\n")
    assert "inv-9 (investigator) knows this arm from now on" in done.err


def test_where_the_code_break_cannot_be_recorded_no_arm_is_told(demo: Demo, tmp_path: Path) -> None:
    subject = allocated(demo.ledger)[0]
    with small_disk(tmp_path / "disk", "20m") as disk:
        ledger = demo.copy(disk.path)
        disk.read_only()
        done = process("unblind", ledger, subject, *REASON)
    assert (done.code, done.stdout) == (3, b"")
    assert words_of_arms([done.err]) == set()
    assert "Traceback" not in done.err


def test_keys_that_cannot_tell_an_arm_are_missed_before_anything_is_recorded(ledger: Path) -> None:
    subject = allocated(ledger)[0]
    before = facts(ledger, "code.broken/1")
    kept = Path(f"{ledger}.keys", "sealed.kek")
    aside = kept.rename(kept.with_name("aside"))
    done = here("unblind", ledger, subject, *REASON)
    assert (done.code, done.stdout) == (3, b"")
    assert "sealed" in done.err
    aside.rename(kept)
    assert facts(ledger, "code.broken/1") == before


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("S01-001",), 2, "--reason"),
        (("S01-001", "--reason", ""), 2, "--reason: must not be empty"),
        (("S01-001", "--reason", "x", "--actor", "a b"), 2, "--actor"),
        (("S01-001", "--reason", "x", "--role", "sponsor"), 3, "rule role"),
        (("S99-999", "--reason", "x"), 3, "rule subject-unknown"),
        (("S 1", "--reason", "x"), 2, "SUBJECT"),
        ((), 2, "SUBJECT"),
    ],
)
def test_without_reason_right_or_subject_nothing_is_told_and_nothing_recorded(
    ledger: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    before = size_of(ledger)
    done = here("unblind", ledger, *arguments)
    assert (done.code, done.stdout) == (code, b"")
    assert words in done.err
    assert words_of_arms([done.err]) == set()
    assert size_of(ledger) == before


def test_others_stay_masked_after_a_code_break(ledger: Path) -> None:
    subject = allocated(ledger)[0]
    before = here("show", "subjects", ledger, "--role", "investigator", "--csv").out
    assert here("unblind", ledger, subject, *REASON).code == 0
    after = here("show", "subjects", ledger, "--role", "investigator", "--csv").out
    assert words_of_arms([after]) == words_of_arms([before]) == set()


# -- planned, by two people ------------------------------------------------------------------------------------------


def test_a_planned_unblinding_takes_two_people(ledger: Path) -> None:
    asked = here(
        "unblinding", "request", ledger, "--person", "stat-7", "--person-role", "statistician",
        "--subject", "S01-001", "--reason", "interim analysis", "--actor", "sp-1", "--json",
    )  # fmt: skip
    assert asked.code == 0, asked.err
    known = facts(ledger, "unblinding.approved/1")
    alone = here("unblinding", "approve", ledger, asked.json["id"], "--actor", "sp-1", "--role", "sponsor")
    alone.refused_in_one_sentence("--actor", "rule four-eyes")
    assert facts(ledger, "unblinding.approved/1") == known
    done = here("unblinding", "approve", ledger, asked.json["id"], "--actor", "sp-2", "--role", "sponsor")
    assert done.code == 0, done.err
    fact = facts(ledger, "unblinding.approved/1")[-1]
    assert (fact.actor.id, fact.data["person"], fact.data["subjects"]) == ("sp-2", "stat-7", ["S01-001"])
    here("unblinding", "approve", ledger, "nothing", "--actor", "sp-2").refused_in_one_sentence("REQUEST", "unknown")


# -- envelopes -------------------------------------------------------------------------------------------------------


def passphrases(folder: Path) -> dict[str, str]:
    rows = csv.DictReader(io.StringIO((folder / PASSPHRASES).read_text()))
    return {row["subject"]: row["passphrase"] for row in rows}


def test_there_is_an_envelope_for_each_allocated_subject_and_each_opens_to_its_arm(
    ledger: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "envelopes"
    made = here("export", "envelopes", ledger, "-o", folder, *STATISTICIAN, "--json")
    assert made.code == 0, made.err
    given = passphrases(folder)
    assert list(given) == allocated(ledger) == made.json["subjects"]
    assert {file.name for file in folder.iterdir()} == {PASSPHRASES, *(f"{subject}.envelope" for subject in given)}
    recorded = arms(ledger)
    for subject, passphrase in given.items():
        done = here("unblind", "--envelope", folder / f"{subject}.envelope", "--json", stdin=passphrase.encode())
        assert done.code == 0, done.err
        assert (done.json["subject"], done.json["arm"]) == (subject, recorded[subject])


def test_neither_size_nor_bytes_of_an_envelope_tell_an_arm_and_no_passphrase_is_printed(
    ledger: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "envelopes"
    made = here("export", "envelopes", ledger, "-o", folder, *STATISTICIAN)
    files = list(folder.glob("*.envelope"))
    assert len({file.stat().st_size for file in files}) == 1
    assert len(set(arms(ledger).values())) > 1
    assert words_of_arms(file.read_text() for file in files) == set()
    for passphrase in passphrases(folder).values():
        assert passphrase not in made.out + made.err
    modes = {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_record_says_into_whose_keeping_they_went_and_that_arms_were_read(ledger: Path, tmp_path: Path) -> None:
    looks = len(facts(ledger, "arm.accessed/1"))
    done = here("export", "envelopes", ledger, "-o", tmp_path / "e", "--holder", "duty-1", *STATISTICIAN)
    assert done.code == 0, done.err
    fact = facts(ledger, "envelopes.exported/1")[-1]
    assert (fact.actor.id, fact.data["holder"]) == ("stat-1", "duty-1")
    assert fact.data["subjects"] == len(allocated(ledger))
    look = facts(ledger, "arm.accessed/1")[looks:]
    assert [(one.actor.id, one.data["what"]) for one in look] == [("stat-1", "sealed envelopes")]


def test_only_the_subjects_named_get_one(ledger: Path, tmp_path: Path) -> None:
    first, second = allocated(ledger)[:2]
    done = here("export", "envelopes", ledger, "-o", tmp_path / "e", "--subjects", f"{second},{first}", *STATISTICIAN)
    assert done.code == 0, done.err
    assert list(passphrases(tmp_path / "e")) == [second, first]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--role", "sponsor"), "may not see arms"),
        (("--role", "investigator"), "may not see arms"),
        (("--role", "dmc"), "rule role"),
        (("--subjects", "S99-999"), "S99-999: is not allocated"),
    ],
)
def test_who_may_not_see_arms_or_names_nobody_gets_no_envelopes_and_no_folder(
    ledger: Path, tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    before = facts(ledger, "envelopes.exported/1")
    done = here("export", "envelopes", ledger, "-o", tmp_path / "e", *STATISTICIAN, *options)
    done.refused_in_one_sentence(words)
    assert facts(ledger, "envelopes.exported/1") == before
    assert [path.name for path in tmp_path.iterdir()] == ["trial"]


def test_a_folder_that_is_there_is_left_as_it_is(ledger: Path, tmp_path: Path) -> None:
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "mine").write_text("mine")
    before = facts(ledger, "envelopes.exported/1")
    here("export", "envelopes", ledger, "-o", tmp_path / "e", *STATISTICIAN).refused_in_one_sentence("exists already")
    assert contents(tmp_path / "e") == {"mine": b"mine"}
    assert facts(ledger, "envelopes.exported/1") == before


def test_where_it_cannot_be_recorded_no_envelope_is_made(demo: Demo, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with small_disk(tmp_path / "disk", "20m") as disk:
        ledger = demo.copy(disk.path)
        disk.read_only()
        done = process("export", "envelopes", ledger, "-o", tmp_path / "out" / "e", *STATISTICIAN)
    assert (done.code, done.stdout) == (3, b"")
    assert contents(tmp_path / "out") == {}


def test_an_export_that_fails_half_way_leaves_no_folder(
    ledger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []

    def full(*_: object, **__: object) -> bytes:
        made.append(1)
        if len(made) == 2:
            raise OSError(28, "No space left on device", "e")
        return b"x"

    monkeypatch.setattr("api.unblinding.seal_envelope", full)
    here("export", "envelopes", ledger, "-o", tmp_path / "e", *STATISTICIAN).refused_in_one_sentence("No space left")
    assert [path.name for path in tmp_path.iterdir()] == ["trial"]


def test_the_same_random_source_makes_the_same_envelopes(ledger: Path, tmp_path: Path) -> None:
    made = []
    for number in range(3):
        random = SeededRandomness(1 if number < 2 else 2)
        folder = tmp_path / f"e{number}"
        with closing(open_trial(ledger)) as trial, closing(load_keys(ledger)) as keys:
            who = Who("stat-1", "sponsor", "statistician")
            export_envelopes(
                trial, keys, protocol_of(ledger), folder, who, admit=lambda: None, random=random.keys,
                subjects=allocated(ledger)[:2],
            )  # fmt: skip
        made.append(contents(folder))
    assert made[0] == made[1]
    assert made[0] != made[2]


@pytest.fixture
def envelope(ledger: Path, tmp_path: Path) -> tuple[Path, str]:
    """A file and its passphrase."""
    subject = allocated(ledger)[0]
    done = here("export", "envelopes", ledger, "-o", tmp_path / "e", "--subjects", subject, *STATISTICIAN)
    assert done.code == 0, done.err
    return tmp_path / "e" / f"{subject}.envelope", passphrases(tmp_path / "e")[subject]


def test_an_envelope_opens_without_a_ledger_and_reminds_of_the_record(envelope: tuple[Path, str]) -> None:
    file, passphrase = envelope
    done = process("unblind", "--envelope", file, stdin=f"{passphrase.upper()}\n".encode(), cwd=file.parent)
    assert done.code == 0, done.err
    assert done.out.startswith(f"{file.stem}: ")
    assert words_of_arms([done.out])
    assert "report-envelope-opened" in done.err


def test_opening_one_records_nothing_and_writes_nothing(ledger: Path, envelope: tuple[Path, str]) -> None:
    file, passphrase = envelope
    before = contents(ledger.parent)
    assert here("unblind", ledger, file.stem, "--envelope", file, stdin=passphrase.encode()).code == 0
    assert contents(ledger.parent) == before


def test_the_reminder_can_be_followed(ledger: Path, envelope: tuple[Path, str]) -> None:
    file, _ = envelope
    command = {
        "id": "opened-1",
        "type": "report-envelope-opened",
        "actor": {"id": "inv-9", "role": "investigator", "org": "FJD"},
        "occurred_at": "2020-10-01T03:00+02:00",
        "data": {"subject": file.stem, "reason": "the server was down"},
    }
    assert here("submit", "-", ledger, stdin=json.dumps(command).encode()).code == 0
    assert facts(ledger, "envelope.opened/1")[-1].data["person"] == "inv-9"


def test_a_wrong_passphrase_or_the_wrong_envelope_is_told_in_a_sentence(
    ledger: Path, envelope: tuple[Path, str], tmp_path: Path
) -> None:
    file, passphrase = envelope
    right = passphrase.encode()
    wrong = here("unblind", "--envelope", file, stdin=b"0000-0000")
    wrong.refused_in_one_sentence("the passphrase is not that of the envelope of")
    here("unblind", "--envelope", file, stdin=b"\n").refused_in_one_sentence("no passphrase", code=2)
    other = here("unblind", ledger, "S99-999", "--envelope", file, stdin=right)
    other.refused_in_one_sentence(f"is the envelope of {file.stem}, not of S99-999")
    elsewhere = tmp_path / "elsewhere.db"
    assert here("init", elsewhere).code == 0
    done = here("unblind", elsewhere, file.stem, "--envelope", file, stdin=right)
    done.refused_in_one_sentence("is an envelope of another ledger")
    here("unblind", "--envelope", ledger, stdin=right).refused_in_one_sentence("this is no envelope")
    here("unblind", "--envelope", tmp_path / "none", stdin=right).refused_in_one_sentence("none")
    assert here("unblind", tmp_path / "gone.db", file.stem, "--envelope", file, stdin=right).code == 0  # server down


@pytest.mark.parametrize("wrong", [("--actor", "a b"), ("--holder", "x y"), ("--reason", "")])
def test_envelopes_asked_for_in_a_malformed_way_are_no_look_at_arms(
    ledger: Path, tmp_path: Path, wrong: tuple[str, str]
) -> None:
    size = verify_ledger(ledger).sealed.size
    done = here("export", "envelopes", ledger, "-o", tmp_path / "e", "--role", "statistician", *wrong)
    done.refused_in_one_sentence(wrong[0], code=2)
    assert verify_ledger(ledger).sealed.size == size
    assert not (tmp_path / "e").exists()
