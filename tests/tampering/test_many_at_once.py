"""Several attacks at once: each is found at its place, and what is said to be sound is as it was."""

import shutil
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.proof.verify import verify_ledger
from tests.tampering.ledgers import KEYS, behind_its_back, found, rows

SIZES = {"open": 25, "sealed": 7}
PLACES = st.sampled_from([(book, seq) for book, size in SIZES.items() for seq in range(size)])
slow = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def attack(pristine: Path, folder: Path, edited: set[tuple[str, int]], deleted: set[tuple[str, int]]) -> Path:
    """Edit the `id` of some entries, delete others."""
    copy = Path(shutil.copy(pristine, folder / "attacked.db"))
    stored = {book: rows(pristine, f"{book}_entry") for book in SIZES}
    with behind_its_back(copy) as connection:
        for book, seq in edited:
            entry = stored[book][seq]["entry"]
            at = entry.index(b'"id":"', entry.index(b'"of":') if book == "open" else 0) + 6
            other = b"0" if entry[at : at + 1] != b"0" else b"1"
            connection.execute(
                f"UPDATE {book}_entry SET entry = ? WHERE seq = ?", (entry[:at] + other + entry[at + 1 :], seq)
            )
        for book, seq in deleted:
            connection.execute(f"DELETE FROM {book}_entry WHERE seq = ?", (seq,))
    return copy


@slow
@given(edited=st.sets(PLACES, max_size=12))
def test_any_set_of_edited_entries_is_named_and_no_other(
    pristine: Path, tmp_path: Path, edited: set[tuple[str, int]]
) -> None:
    copy = attack(pristine, tmp_path, edited, set())
    assert {(book, seq) for _, book, seq in found(copy)} == edited


@slow
@given(deleted=st.sets(PLACES, max_size=12))
def test_any_set_of_deleted_entries_is_missing_and_nothing_else_is_wrong(
    pristine: Path, tmp_path: Path, deleted: set[tuple[str, int]]
) -> None:
    copy = attack(pristine, tmp_path, set(), deleted)
    starts = {(book, seq) for book, seq in deleted if (book, seq - 1) not in deleted}
    assert set(found(copy)) == {("missing", book, seq) for book, seq in starts}


@slow
@given(edited=st.sets(PLACES, min_size=1, max_size=6), deleted=st.sets(PLACES, min_size=1, max_size=6))
def test_nothing_that_was_touched_is_said_to_be_sound(
    pristine: Path, tmp_path: Path, edited: set[tuple[str, int]], deleted: set[tuple[str, int]]
) -> None:
    report = verify_ledger(attack(pristine, tmp_path, edited - deleted, deleted), keys=KEYS)
    sound = {(book, seq) for book, first, last in report.sound for seq in range(first, last + 1)}
    assert not sound & (edited | deleted)
    # An entry whose successor is untouched is named by it.
    touched = edited | deleted
    named = {(finding.book, finding.seq) for finding in report.findings}
    for book, seq in edited - deleted:
        if (book, seq + 1) not in touched and seq + 1 < SIZES[book]:
            assert (book, seq) in named
