"""`verify` and `entry`: what is sound, what is not, and what is no ledger at all, each with its exit code."""

import base64
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.proof.tree import leaf_hash
from tests.api.cli_runs import Demo, contents, here, process, size_of

REPORT = {"ok", "size", "root", "head", "sealed", "assurance", "findings"}
FINDING = ("code", "book", "seq", "stream", "message")


def tampered(ledger: Path, statement: str, *values: object) -> Path:
    """The ledger, changed behind the back of its triggers, which stand again afterwards."""
    connection = sqlite3.connect(ledger)
    triggers = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    assert connection.execute(statement, values).rowcount > 0
    for _, sql in triggers:
        connection.execute(sql)
    connection.commit()
    connection.close()
    return ledger


def test_a_sound_ledger_ends_with_0_and_prints_the_report_of_issue_2(demo: Demo) -> None:
    done = process("verify", demo.ledger, "--json")
    assert (done.code, done.err) == (0, "")
    report = done.json
    assert report.keys() >= REPORT
    assert report["ok"] is True
    assert report["findings"] == []
    assert report["assurance"] == "consistent"
    for book in (report, report["sealed"]):
        assert isinstance(book["size"], int)
        assert len(base64.b64decode(book["root"], validate=True)) == 32
        assert len(bytes.fromhex(book["head"])) == 32
    assert report["sealed"].keys() == {"size", "root", "head"}


def test_a_sound_ledger_is_told_in_words(demo: Demo) -> None:
    done = here("verify", demo.ledger)
    assert (done.code, done.err) == (0, "")
    assert "Verified (consistent)" in done.out


def test_verify_needs_neither_keys_nor_writing_beside_the_ledger(demo: Demo, tmp_path: Path) -> None:
    alone = demo.copy(tmp_path, keys=False)
    assert here("verify", alone).code == 0
    assert contents(tmp_path).keys() == {"copy.db"}


@pytest.mark.parametrize(
    ("statement", "values", "code", "book", "seq"),
    [
        (
            "UPDATE open_entry SET entry = CAST(replace(CAST(entry AS TEXT), 'org', 'orh') AS BLOB) WHERE seq = ?",
            (50,), None, "open", 50,
        ),
        ("UPDATE open_entry SET sections = zeroblob(length(sections)) WHERE seq = ?", (60,), None, "open", 60),
        ("UPDATE open_entry SET version = version + 1000 WHERE seq = ?", (70,), "column", "open", 70),
        ("DELETE FROM open_entry WHERE seq = ?", (80,), "missing", "open", 80),
        ("UPDATE sealed_entry SET sections = zeroblob(length(sections)) WHERE seq = ?", (5,), None, "sealed", 5),
    ],
)  # fmt: skip
def test_what_was_changed_ends_with_1_and_is_named_with_its_position(
    demo: Demo, tmp_path: Path, statement: str, values: tuple[object, ...], code: str | None, book: str, seq: int
) -> None:
    copy = tampered(demo.copy(tmp_path), statement, *values)
    done = here("verify", copy, "--json")
    assert done.code == 1
    assert done.json["ok"] is False
    for finding in done.json["findings"]:
        assert tuple(finding) == FINDING
    places = {(finding["book"], finding["seq"]) for finding in done.json["findings"]}
    assert (book, seq) in places
    assert code in (None, *(finding["code"] for finding in done.json["findings"]))
    told = here("verify", copy)
    assert told.code == 1
    assert f"{book} book, entry {seq}" in told.out
    assert "NOT verified" in told.out


def test_verify_as_a_process_ends_with_1(demo: Demo) -> None:
    done = process("verify", demo.folder / "tampered.db")
    assert (done.code, done.err) == (1, "")
    assert "NOT verified" in done.out


# -- what is no ledger ---------------------------------------------------------------------------------------------


def _missing(path: Path, _: bytes) -> None:
    path.unlink(missing_ok=True)


def _folder(path: Path, _: bytes) -> None:
    path.mkdir()


def _empty(path: Path, _: bytes) -> None:
    path.touch()


def _random(path: Path, _: bytes) -> None:
    path.write_bytes(os.urandom(5000))


def _text(path: Path, _: bytes) -> None:
    path.write_text("SQLite is a database.")


def _few_bytes(path: Path, ledger: bytes) -> None:
    path.write_bytes(ledger[:50])


def _truncated(path: Path, ledger: bytes) -> None:
    path.write_bytes(ledger[:9000])


def _newer(path: Path, ledger: bytes) -> None:
    path.write_bytes(ledger[:60] + (99).to_bytes(4, "big") + ledger[64:])


def _other_database(path: Path, _: bytes) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE patients (name)")
    connection.commit()
    connection.close()


NO_LEDGER: dict[Callable[[Path, bytes], None], str] = {
    _missing: "there is no such file",
    _folder: "is a folder, not a ledger file",
    _empty: "is not a ledger",
    _random: "is not a ledger (not an SQLite database)",
    _text: "is not a ledger (not an SQLite database)",
    _few_bytes: "truncated: only 50 bytes",
    _truncated: "truncated: 9000 bytes, where",
    _newer: "has format 99; this version reads up to format 1",
    _other_database: "is not a ledger (an SQLite database of another application)",
}
COMMANDS = {
    "verify": ("verify", "{}"),
    "verify --json": ("verify", "{}", "--json"),
    "show": ("show", "audit", "{}", "--json"),
    "entry": ("entry", "{}", "0"),
    "rebuild": ("rebuild", "{}"),
    "submit": ("submit", "-", "{}"),
}


@pytest.mark.parametrize("make", NO_LEDGER)
def test_what_is_no_ledger_gets_its_own_sentence_from_every_command(
    demo: Demo, tmp_path: Path, make: Callable[[Path, bytes], None]
) -> None:
    path = tmp_path / "x.db"
    make(path, demo.ledger.read_bytes())
    before = contents(tmp_path)
    for arguments in COMMANDS.values():
        done = here(*(argument.format(path) for argument in arguments))
        done.refused_in_one_sentence(str(path), NO_LEDGER[make])
    assert contents(tmp_path) == before


def test_no_ledger_as_a_process_ends_with_3_and_no_traceback(tmp_path: Path) -> None:
    process("verify", "no.db", cwd=tmp_path).refused_in_one_sentence("no.db: there is no such file")
    process("submit", "-", ".", cwd=tmp_path).refused_in_one_sentence(".: is a folder")


def test_damaged_pages_are_a_finding_for_verify_and_an_error_for_the_others(demo: Demo, tmp_path: Path) -> None:
    copy = demo.copy(tmp_path)
    data = bytearray(copy.read_bytes())
    page = int.from_bytes(data[16:18], "big")
    for start in range(20 * page, len(data) - page, 3 * page):
        data[start : start + 400] = b"\xaa" * 400
    copy.write_bytes(data)
    done = here("verify", copy, "--json")
    assert done.code == 1
    assert done.json["findings"]
    for arguments in COMMANDS.values():
        if arguments[0] not in ("verify", "submit"):
            done = here(*(argument.format(copy) for argument in arguments))
            assert done.code in (0, 3)
            assert "Traceback" not in done.err


# -- entry ---------------------------------------------------------------------------------------------------------


def test_an_entry_is_its_stored_bytes_and_nothing_else(demo: Demo) -> None:
    done = process("entry", demo.ledger, 7)
    assert (done.code, done.err) == (0, "")
    connection = sqlite3.connect(f"file:{demo.ledger}?mode=ro", uri=True)
    stored = connection.execute("SELECT entry FROM open_entry WHERE seq = 7").fetchone()[0]
    connection.close()
    assert done.stdout == stored


def test_the_last_entry_of_each_book_hashes_to_the_head_that_verify_prints(demo: Demo) -> None:
    report = here("verify", demo.ledger, "--json").json
    last = here("entry", demo.ledger, report["size"] - 1).stdout
    assert leaf_hash(last).hex() == report["head"]
    sealed = here("entry", demo.ledger, report["sealed"]["size"] - 1, "--sealed").stdout
    assert leaf_hash(sealed).hex() == report["sealed"]["head"]


@pytest.mark.parametrize("beyond", [0, 10**9, 2**63, 2**64, 10**40])
def test_an_entry_beyond_the_end_is_named_with_the_size(demo: Demo, beyond: int) -> None:
    size = size_of(demo.ledger)
    seq = size + beyond
    here("entry", demo.ledger, seq).refused_in_one_sentence(f"the open book has no entry {seq}; it has {size}")
    here("entry", demo.ledger, seq, "--sealed").refused_in_one_sentence("the sealed book has no entry")


@pytest.mark.parametrize("seq", ["-1", "x", "1.5", ""])
def test_an_entry_that_is_no_number_is_a_usage_error(demo: Demo, seq: str) -> None:
    assert here("entry", demo.ledger, "--", seq).code == 2
