"""Readable payloads and salts are changed, moved, or taken away; the entries are not."""

from pathlib import Path

import pytest

from ledger.proof.entry import parse_open
from ledger.proof.sections import Section, frame, pack, unpack
from ledger.proof.verify import verify_ledger
from tests.tampering.ledgers import behind_its_back, found, places, rows


def put(path: Path, book: str, seq: int, sections: bytes) -> None:
    with behind_its_back(path) as connection:
        connection.execute(f"UPDATE {book}_entry SET sections = ? WHERE seq = ?", (sections, seq))


def sections_of(path: Path, book: str, seq: int) -> bytes:
    stored = rows(path, f"{book}_entry")[seq]["sections"]
    assert isinstance(stored, bytes)
    return stored


def test_a_payload_unlike_its_commitment_is_found(ledger: Path) -> None:
    stored = sections_of(ledger, "open", 7)
    assert b"2020-05-06" in stored
    put(ledger, "open", 7, stored.replace(b"2020-05-06", b"2020-05-07"))
    assert found(ledger) == [("commitment", "open", 7)]


def test_a_section_of_another_entry_is_found(ledger: Path) -> None:
    put(ledger, "open", 6, sections_of(ledger, "open", 7))
    assert found(ledger) == [("commitment", "open", 6)]


def test_two_sections_of_one_entry_that_changed_places_are_found(ledger: Path) -> None:
    row = rows(ledger, "open_entry")[0]
    identity, plain = unpack(row["sections"], len(parse_open(row["entry"]).parts))
    put(ledger, "open", 0, pack([plain, identity]))
    assert found(ledger) == [("section", "open", 0)]  # the one must be sealed, the other readable


def test_a_withheld_section_within_a_ledger_file_is_found(ledger: Path) -> None:
    row = rows(ledger, "open_entry")[0]
    _, plain = unpack(row["sections"], 2)
    put(ledger, "open", 0, pack([Section(b"", None), plain]))
    assert found(ledger) == [("withheld", "open", 0)]


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"\x00",
        b"\x01" + bytes(4),
        b"\x00\xff\xff\xff\xff" + bytes(40),
        frame(bytes(32), b"{}") + b"\x00",
        bytes(36),
    ],
)
def test_frames_that_do_not_fit_are_found(ledger: Path, stored: bytes) -> None:
    put(ledger, "open", 6, stored)
    report = verify_ledger(ledger)
    assert places(report) in ([("section", "open", 6)], [("commitment", "open", 6)])
    assert list(report.sound) == [("open", 0, 5), ("open", 7, 24), ("sealed", 0, 6)]
