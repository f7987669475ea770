"""A common row is read at less cost, and says what any other way of reading it says."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.domain.history import Fact
from ledger.domain.vocabulary import Book
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.sections import PLAIN
from ledger.recording import rows
from ledger.recording.common_entries import as_object, common_fact
from ledger.recording.reader import LedgerReader
from tests.recording.ledgers import KEYS, append, new_ledger, open_books

PLAIN_ONLY = frozenset({PLAIN})


def stored(folder: Path) -> list[tuple[int, bytes, bytes]]:
    path = new_ledger(folder)
    books = open_books(path, every=4)
    for number in range(6):
        books.append(append(books, f"c-{number}", [("subject/S1", number + 1)], ["subject/S1"], content="x"))
    books.close()
    with (reader := LedgerReader(path, books=frozenset({Book.OPEN}), classes=PLAIN_ONLY)):
        return list(reader.stored(Book.OPEN, 0, reader.head().open))


def otherwise(seq: int, raw: bytes, sections: bytes) -> Fact | str:
    """The fact as it is read where rows are not common."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "common_fact", lambda *_: None)
        return told(seq, raw, sections)


def told(seq: int, raw: bytes, sections: bytes) -> Fact | str:
    try:
        return rows.open_fact(seq, raw, sections, PLAIN_ONLY, None)
    except LedgerFileError as error:
        return str(error)


def test_a_common_row_says_what_the_reference_says_of_it(tmp_path: Path) -> None:
    found = stored(tmp_path)
    common = [row for row in found if common_fact(*row) is not None]
    assert 6 <= len(common) < len(found)  # anchors are none
    for row in found:
        assert told(*row) == otherwise(*row)


def test_whatever_is_changed_in_a_row_is_told_as_the_reference_tells_it(tmp_path: Path) -> None:
    row = next(row for row in stored(tmp_path) if common_fact(*row) is not None)
    seq, raw, sections = row
    for at in range(len(raw)):
        for other in (b'"', b"\\", b"}", b"0", b"\xff", b""):
            changed = raw[:at] + other + raw[at + 1 :]
            assert told(seq, changed, sections) == otherwise(seq, changed, sections)
    for at in range(len(sections)):
        for other in (b"\x00", b"\x02", b"}", b"\xff", b""):
            changed = sections[:at] + other + sections[at + 1 :]
            assert told(seq, raw, changed) == otherwise(seq, raw, changed)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def read(how: Any, payload: bytes) -> str:
    try:
        return repr(how(payload))
    except ValueError as error:
        return type(error).__name__


@given(value=values, ascii_only=st.booleans())
@example(value="\ud800", ascii_only=True)
@example(value=10**400, ascii_only=True)
@example(value=1e-320, ascii_only=True)
def test_a_payload_is_read_as_the_standard_library_reads_it(value: Any, ascii_only: bool) -> None:
    payload = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    assert read(as_object, payload) == read(json.loads, payload)


@given(payload=st.binary(max_size=12) | st.text('{}[]",:01-.eE\\u d8ntf', max_size=12).map(str.encode))
def test_what_is_no_json_is_refused_as_the_standard_library_refuses_it(payload: bytes) -> None:
    assert read(as_object, payload) == read(json.loads, payload)


@pytest.mark.usefixtures("anywhere")
@pytest.mark.parametrize("keys", [KEYS, None])
def test_some_streams_at_a_time_are_what_each_of_them_is_alone(tmp_path: Path, keys: Any) -> None:
    path = new_ledger(tmp_path)
    books = open_books(path, every=4)
    versions = dict.fromkeys(range(5), 0)
    for number in range(60):
        subject = number * number % 5
        versions[subject] += 1
        stream = f"subject/{subject}"
        books.append(append(books, f"c-{number}", [(stream, versions[subject])], [stream] * (number % 3)))
    books.close()
    seen = frozenset(Book) if keys is not None else frozenset({Book.OPEN})
    with (reader := LedgerReader(path, books=seen, classes=PLAIN_ONLY, keys=keys)):
        names = [*sorted(reader.streams()), "subject/nobody"]
        for stop in (None, reader.position_at(17), reader.position_at(40)):
            expected = {name: reader.stream(name, stop) for name in names}
            assert dict(reader.stream_by_stream(names, stop)) == expected
            if keys is not None and stop is None:
                assert max(len(facts) for facts in expected.values()) > 20  # and of many in the sealed book
    reader.close()
