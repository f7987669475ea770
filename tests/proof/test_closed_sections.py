"""What is verified with all keys, with some, and with none; and what the report says of the rest."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from ledger.proof import verify_ledger
from ledger.proof.__main__ import main
from ledger.proof.bundle import READABLE, WITHHELD
from ledger.proof.canonical import encode
from ledger.proof.data_keys import DataKeysError, HeldKeys, load_data_keys
from ledger.proof.findings import Report
from ledger.proof.sections import ANCHOR, ARM, HEADER, IDENTITY, PLAIN
from ledger.proof.words import in_words, sealed_in_words
from ledger.recording.drafts import Append, CommandMark, Drafter
from ledger.recording.mapper import upkeep
from ledger.recording.sqlite import SQLiteBooks
from tests.tampering.ledgers import ACTOR, KEYS, ORIGIN, Drawn, behind_its_back, build, places, rows
from tests.tampering.sealed_parts import SomeKeys

ALL = {ANCHOR: 6, ARM: 7, HEADER: 7, IDENTITY: 3}
ANNA, BERTA = "subject/ES-001", "subject/ES-002"


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return build(tmp_path / "trial.db")


def without(*classes: str) -> SomeKeys:
    """All keys but those of these classes."""
    streams = ["", "subject/ES-000", ANNA, BERTA]
    return SomeKeys(without=frozenset((name, stream) for name in classes for stream in streams))


def counted(report: Report) -> dict[str, int]:
    return {name: report.opened.get(name, 0) + report.closed.get(name, 0) for name in ALL}


@pytest.mark.parametrize("name", list(ALL))
def test_a_class_whose_keys_are_not_held_stays_closed_and_the_others_are_opened(ledger: Path, name: str) -> None:
    report = verify_ledger(ledger, keys=without(name))
    assert report.ok
    # Without headers it is not known where the other sections of the sealed book belong.
    shut = {HEADER, ARM} if name == HEADER else {name}
    assert set(report.closed) == shut
    assert set(report.opened) == set(ALL) - shut
    assert counted(report) == ALL


def test_the_keys_of_one_subject_open_what_is_sealed_for_that_subject_alone(ledger: Path) -> None:
    keys = SomeKeys(
        without=frozenset((name, stream) for name in (ARM, IDENTITY) for stream in ("subject/ES-000", BERTA))
    )
    report = verify_ledger(ledger, keys=keys)
    assert report.ok
    assert report.opened[IDENTITY] == 1
    assert 0 < report.opened[ARM] < ALL[ARM]
    assert counted(report) == ALL


def test_a_section_at_fault_is_counted_neither_as_opened_nor_as_closed(ledger: Path) -> None:
    with behind_its_back(ledger) as connection:
        connection.execute("UPDATE open_entry SET sections = x'00' WHERE seq = 0")
    assert verify_ledger(ledger, keys=KEYS).opened[IDENTITY] == verify_ledger(ledger).closed[IDENTITY] == 2


def test_size_root_and_head_are_the_same_with_keys_and_without(ledger: Path) -> None:
    told = [verify_ledger(ledger, keys=keys).to_json() for keys in (KEYS, None)]
    for name in ("size", "root", "head", "sealed", "sound", "findings", "assurance"):
        assert told[0][name] == told[1][name]


def test_the_words_say_how_many_were_opened_and_what_was_not_checked() -> None:
    assert sealed_in_words({}, {}) == []
    assert sealed_in_words({ARM: 1204}, {}) == [
        "1,204 sealed sections were opened and hold what their entries commit to."
    ]
    assert sealed_in_words({ARM: 1}, {}) == ["1 sealed section was opened and holds what its entry commits to."]
    assert sealed_in_words({ARM: 1204}, {IDENTITY: 35}) == [
        "1,204 sealed sections were opened and hold what their entries commit to.",
        "35 sealed sections stay closed, as no key was given.",
        "Of those that stay closed only the ciphertext was checked; not checked: the names of persons (35).",
    ]
    assert sealed_in_words({ARM: 1204}, {IDENTITY: 35}, {ARM: READABLE, IDENTITY: WITHHELD}) == [
        "1,204 sealed sections were opened and hold what their entries commit to.",
        "35 sealed sections are withheld from whom this bundle is for, but for the commitment.",
        "Not checked: the names of persons (35).",
    ]
    assert sealed_in_words({}, {ANCHOR: 1}) == [
        "1 sealed section stays closed, as no key was given.",
        "Of those that stay closed only the ciphertext was checked; not checked: "
        "what the open book's anchors say of the sealed book (1).",
    ]


def test_a_report_without_keys_says_that_the_anchors_were_not_checked(ledger: Path) -> None:
    words = in_words(verify_ledger(ledger))
    assert "23 sealed sections stay closed, as no key was given." in words
    assert "not checked: what the open book's anchors say of the sealed book (6)" in words
    assert "Verified (consistent)" in words
    assert "closed" not in in_words(verify_ledger(ledger, keys=KEYS))


# -- erased identities


def erase(path: Path, stream: str, type_: str = "identity.erased/1") -> int:
    """Record that an identity was erased; gives the entry's seq. The key is for whoever verifies to hold or not."""
    random = Drawn().open
    books = SQLiteBooks(path, randomness=Drawn(), keys=KEYS, upkeep=upkeep(ORIGIN, 4, random, KEYS))
    version = 1 + sum(json.loads(row["entry"])["stream"] == stream for row in rows(path, "open_entry"))
    command = CommandMark("cmd-erase", "0" * 64)
    data = encode({"occurred_at": "2020-06-01", "reason": "Article 17", "subject": stream.partition("/")[2]})
    draft = Drafter(ORIGIN, ACTOR, command, random, KEYS).draft(stream, version, type_, [(PLAIN, data)], 0, 1)
    books.append(Append(command, [draft]))
    books.close()
    return [type_.encode() in row["entry"] for row in rows(path, "open_entry")].index(True)


def test_an_erased_identity_is_no_finding_and_no_note(ledger: Path) -> None:
    erase(ledger, ANNA)
    report = verify_ledger(ledger, keys=SomeKeys(without=frozenset({(IDENTITY, ANNA)})))
    assert (report.ok, report.closed, list(report.notes)) == (True, {IDENTITY: 1}, [])


def test_a_name_that_is_closed_and_was_never_erased_is_noted_and_no_finding(ledger: Path) -> None:
    """The file is as it was; it is the keys that are not, and they lie outside of it."""
    report = verify_ledger(ledger, keys=SomeKeys(without=frozenset({(IDENTITY, ANNA)})))
    assert report.ok
    assert [(note.seq, note.stream) for note in report.notes] == [(1, ANNA)]
    assert "no event says that it was erased" in in_words(report)
    assert report.to_json()["notes"][0]["seq"] == 1


def test_who_holds_no_identity_keys_at_all_gets_no_note(ledger: Path) -> None:
    assert list(verify_ledger(ledger).notes) == []
    assert list(verify_ledger(ledger, keys=without(IDENTITY)).notes) == []


def test_a_name_that_was_erased_and_still_opens_is_noted(ledger: Path) -> None:
    """As where a backup of the keys was put back."""
    seq = erase(ledger, ANNA)
    report = verify_ledger(ledger, keys=KEYS)
    assert report.ok
    assert [(note.seq, note.stream) for note in report.notes] == [(seq, ANNA)]
    assert "still held" in report.notes[0].message


def test_an_event_of_another_type_is_no_erasure(ledger: Path) -> None:
    erase(ledger, ANNA, "identity.read/1")
    assert list(verify_ledger(ledger, keys=KEYS).notes) == []


# -- a file of data keys


def held() -> HeldKeys:
    names = [(HEADER, ""), (ANCHOR, ""), *((name, f"subject/ES-00{n}") for name in (ARM, IDENTITY) for n in range(3))]
    return HeldKeys(KEYS.marks, {name: KEYS.section_key(*name) or b"" for name in names})


def written(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_a_file_of_data_keys_opens_what_it_names(
    ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path / "data-keys.json", held().to_bytes())
    assert load_data_keys(file) == held()
    assert main([str(ledger), "--data-keys", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == verify_ledger(ledger, keys=KEYS).to_json()


def test_a_file_of_some_keys_opens_some(ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = (IDENTITY, ANNA)
    file = written(tmp_path / "one.json", HeldKeys(None, {name: held().sections[name]}).to_bytes())
    assert main([str(ledger), "--data-keys", str(file)]) == 0
    words = capsys.readouterr().out
    assert "1 sealed section was opened and holds what its entry commits to." in words
    assert "22 sealed sections stay closed, as no key was given." in words


def test_a_wrong_key_in_the_file_ends_1_and_names_the_entry(
    ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path / "wrong.json", HeldKeys(None, {(IDENTITY, ANNA): bytes(32)}).to_bytes())
    assert main([str(ledger), "--data-keys", str(file)]) == 1
    assert f"open book, entry 1 ({ANNA}): the section of class identity" in capsys.readouterr().out
    assert places(verify_ledger(ledger, keys=load_data_keys(file))) == [("sealed", "open", 1)]


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[]", b"{", b"null", b'{"sections": []}', b'{"sections": {"arm": "%s"}}' % (b"0" * 64), b'{"other": 1}',
        b'{"sections": {"plain/trial": "%s"}}' % (b"0" * 64), b'{"sections": {"arm/trial": "00"}}', b'{"marks": null}',
        b'{"sections": {"arm/trial": 7}}', b"[" * 100_000, b'{"marks": "%s"}' % (b"g" * 64), b"\xff",
    ],
)  # fmt: skip
def test_what_is_no_file_of_data_keys_is_refused_and_none_of_it_shown(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataKeysError, match=r"is no file of data keys: ") as error:
        load_data_keys(written(tmp_path / "keys.json", content))
    assert "0000" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ({"marks": "7"}, '"marks": its key is not 64 hex digits'),
        ({"sections": {"arm/trial": "A" * 64}}, '"arm/trial": its key is not 64 hex digits'),
        ({"sections": {"header/": "0" * 64, "header/x": "0" * 64}}, '"header/x": there is one key of this class'),
        ({"sections": {"anchor/trial": "0" * 64}}, '"anchor/trial": there is one key of this class'),
        ({"sections": {"plain/x": "0" * 64}}, '"plain/x" is not <class>/<stream>'),
        ({"sections": {"arm": "0" * 64}}, '"arm" is not <class>/<stream>'),
        ({"keys": {}}, '"keys" is none of its members'),
    ],
)
def test_the_entry_at_fault_in_a_file_of_data_keys_is_named(
    tmp_path: Path, content: dict[str, Any], named: str
) -> None:
    with pytest.raises(DataKeysError, match=re.escape(named)):
        load_data_keys(written(tmp_path / "keys.json", json.dumps(content).encode()))


def test_without_the_key_of_marks_the_report_says_that_they_were_not_checked(ledger: Path) -> None:
    """A forged slot is then nothing that could be seen, and nothing that may be called checked."""
    with_all, without = verify_ledger(ledger, keys=KEYS), verify_ledger(ledger, keys=SomeKeys(marks=None))
    entries = with_all.sealed.size
    assert with_all.to_json()["marks"] == {"checked": entries, "unchecked": 0}
    assert "every entry, column and payload is" in in_words(with_all)
    assert without.ok
    assert without.to_json()["marks"] == {"checked": 0, "unchecked": entries}
    assert f"Slots and command marks of {entries} sealed entries were not checked" in in_words(without)
    assert "payload, but for slots and command marks, is as" in in_words(without)
    closed = verify_ledger(ledger)
    assert closed.to_json()["marks"] == {"checked": 0, "unchecked": entries}
    assert "slots and command marks of the sealed book" in in_words(closed)


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_file_that_others_can_read_is_refused(
    ledger: Path, tmp_path: Path, mode: int, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path / "data-keys.json", held().to_bytes(), mode)
    assert main([str(ledger), "--data-keys", str(file)]) == 3
    assert "set the mode of the file to 600" in capsys.readouterr().err


def test_a_file_that_is_not_there_ends_3(ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(ledger), "--data-keys", str(tmp_path / "none.json")]) == 3
    assert "cannot be read" in capsys.readouterr().err


def test_keys_do_not_show_themselves() -> None:
    assert KEYS.marks.hex() not in repr(held())
    assert repr(KEYS.marks) not in repr(held())
