"""Bytes of the file itself are changed, past SQLite: in entries and payloads at random, and whole pages."""

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.verify import verify_ledger
from tests.tampering.ledgers import KEYS, build, found, places, rows


def patch(path: Path, position: int, new: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(position)
        file.write(new)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_flipped_bit_in_an_entry_or_a_section_is_found_at_its_place(
    pristine: Path, tmp_path: Path, data: st.DataObject
) -> None:
    copy = Path(shutil.copy(pristine, tmp_path / "flipped.db"))
    book = data.draw(st.sampled_from(["open", "sealed"]))
    row = data.draw(st.sampled_from(rows(pristine, f"{book}_entry")))
    blob = row[data.draw(st.sampled_from(["entry", "sections"]))]
    index = data.draw(st.integers(0, len(blob) - 1))
    content = copy.read_bytes()
    at = content.find(blob)
    if at < 0:  # stored in two pieces, on two pages
        return
    patch(copy, at + index, bytes([content[at + index] ^ (1 << data.draw(st.integers(0, 7)))]))
    for keys in (KEYS, None):
        report = verify_ledger(copy, keys=keys)
        assert places(report)[0][1:] == (book, row["seq"])
        assert len(report.findings) == 1


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 2**31), value=st.integers(1, 255))
def test_any_changed_byte_of_the_file_is_a_report_or_a_refusal_and_never_a_crash(
    pristine: Path, tmp_path: Path, position: int, value: int
) -> None:
    copy = Path(shutil.copy(pristine, tmp_path / "flipped.db"))
    content = copy.read_bytes()
    position %= len(content)
    patch(copy, position, bytes([content[position] ^ value]))
    for keys in (KEYS, None):
        try:
            report = verify_ledger(copy, keys=keys)
        except LedgerFileError:
            return
        if report.ok:  # free space, or fields of the header that say nothing of the content
            assert [rows(copy, table) == rows(pristine, table) for table in TABLES] == [True] * len(TABLES)


TABLES = ("head", "open_stream", "open_entry", "sealed_entry")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("large") / "trial.db", commands=400)


@pytest.mark.parametrize("content", [bytes(4096), b"\xff" * 4096])
def test_a_destroyed_page_costs_the_entries_on_it_and_no_others(large: Path, tmp_path: Path, content: bytes) -> None:
    copy = Path(shutil.copy(large, tmp_path / "page.db"))
    size = verify_ledger(copy).size
    wanted = rows(large, "open_entry")[size // 2]
    page = copy.read_bytes().find(wanted["entry"]) // 4096
    patch(copy, page * 4096, content)
    report = verify_ledger(copy)
    lost = [finding for finding in report.findings if finding.code in ("unreadable", "missing")]
    assert [(finding.book, finding.code) for finding in lost] == [("open", "unreadable")]
    assert lost[0].seq is not None
    assert lost[0].seq <= wanted["seq"] < lost[0].seq + 12
    assert {finding.code for finding in report.findings} <= {"unreadable", "database"}
    assert sum(last - first + 1 for book, first, last in report.sound if book == "open") >= size - 20


def test_a_cut_file_is_refused(ledger: Path) -> None:
    ledger.write_bytes(ledger.read_bytes()[:-4096])
    with pytest.raises(LedgerFileError, match="truncated"):
        found(ledger)
