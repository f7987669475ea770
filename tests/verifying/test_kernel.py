"""The compiled kernel: whatever it calls common, the reference's own words take; and it takes what is common.

Rows of other shapes and hashes than a file could hold are asked about too: see changed_rows.py, and kernels.py for how
the checks of the kernel are left out one by one.
"""

import os
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proof.canonical import encode, is_canonical
from ledger.proof.sections import MAX_PAYLOAD
from ledger.verifying import blocks
from ledger.verifying.blocks import COMPILED
from tests.verifying.changed_rows import Walked, changed, judge, walked, with_at, with_payload
from tests.verifying.ledgers import ALONE, CHANGED, common_ledger

kernel: Any = getattr(blocks, "kernel", None)
needs_kernel = pytest.mark.skipif(not COMPILED, reason="the kernel was not compiled: is there a C compiler?")


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory) -> Walked:
    return walked(common_ledger(tmp_path_factory.mktemp("rows") / "trial.db", 120))


def test_the_kernel_is_compiled_where_this_runs() -> None:
    if not COMPILED and os.environ.get("CI") != "true":
        pytest.skip("no kernel: only the walk in Python is tested; is there a C compiler?")
    assert COMPILED


@needs_kernel
def test_rows_as_they_were_written_are_common_but_for_the_unusual_ones(on: Walked) -> None:
    not_common = [row[0] for row in on.rows[1:] if judge(kernel, on, row[0], row) != (True, True, True)]
    assert not_common == [6, 7, 8, 9, 18]  # the raw ones, and one with a name


@needs_kernel
@given(seed=st.integers(0, 2**32))
def test_no_changed_row_is_common_that_is_wrong(on: Walked, seed: int) -> None:
    random = Random(seed)
    for _ in range(20):
        judge(kernel, on, *changed(random, on))


@needs_kernel
def test_some_changed_rows_are_still_right_and_common(on: Walked) -> None:
    """So that the test before is not one of rows that are all refused at their first byte."""
    random = Random("some")
    said = [judge(kernel, on, *changed(random, on)) for _ in range(2000)]
    assert 100 < said.count((True, True, True)) < 400


@needs_kernel
@pytest.mark.parametrize("column", range(6))
def test_no_column_of_another_row_or_of_no_row_is_taken(on: Walked, column: int) -> None:
    for value in (None, -1, 2**62, 2**70, 1.5, True, "", "\ud800", b"", bytes(40), bytes(100_000)):
        for index in (CHANGED, ALONE):
            row = list(on.rows[index])
            if type(row[column]) is type(value) is type(None):
                continue
            row[column] = value
            common, _, _ = judge(kernel, on, index, tuple(row))
            assert not common


_SCALARS = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text()
_KEYS = st.text(st.characters(max_codepoint=0x7F))
_OBJECTS = st.dictionaries(
    _KEYS,
    st.recursive(_SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=4)),
    max_size=5,
)


@needs_kernel
@given(value=_OBJECTS)
def test_each_canonical_object_is_a_common_payload(on: Walked, value: dict[str, Any]) -> None:
    assert judge(kernel, on, CHANGED, with_payload(on, CHANGED, encode(value)))[0]


@needs_kernel
@given(
    value=_OBJECTS,
    at=st.integers(0, 2000),
    new=st.sampled_from([b"", b'"', b"0", b",", b":", b"\\", b"\xff", b" ", b"-"]),
)
def test_no_other_bytes_are(on: Walked, value: dict[str, Any], at: int, new: bytes) -> None:
    payload = encode(value)
    payload = payload[: at % len(payload)] + new + payload[at % len(payload) + 1 :]
    common, _, _ = judge(kernel, on, CHANGED, with_payload(on, CHANGED, payload))
    assert common == (payload[:1] == b"{" and is_canonical(payload))


@needs_kernel
def test_text_is_utf_8_or_it_is_not_common(on: Walked) -> None:
    edges = (0x00, 0x22, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF)
    texts = [bytes([first, second]) for first in range(0x20, 0x100) for second in edges]
    texts += [bytes([first, second, third]) for first in range(0xE0, 0x100) for second in edges for third in edges]
    texts += [
        bytes([first, second, third, last])
        for first in range(0xF0, 0xF6) for second in edges for third in (0x7F, 0x80, 0xBF, 0xC0) for last in edges
    ]  # fmt: skip
    for text in texts:
        payload = b'{"a":"' + text + b'"}'
        common, _, _ = judge(kernel, on, CHANGED, with_payload(on, CHANGED, payload))
        assert common == is_canonical(payload), text


@needs_kernel
@pytest.mark.parametrize("before", range(9))
def test_what_may_not_stand_in_a_string_is_seen_at_any_place_in_it(on: Walked, before: int) -> None:
    for code in range(0x80):
        for after in range(9):
            payload = b'{"a":"' + b"x" * before + bytes([code]) + b"~" * after + b'"}'
            common, _, _ = judge(kernel, on, CHANGED, with_payload(on, CHANGED, payload))
            assert common == is_canonical(payload), payload


@needs_kernel
@pytest.mark.parametrize(("length", "common"), [(MAX_PAYLOAD, True), (MAX_PAYLOAD + 1, False)])
def test_a_payload_is_as_long_as_may_be_and_no_longer(on: Walked, length: int, common: bool) -> None:
    payload = b'{"a":"' + b"x" * (length - 8) + b'"}'
    assert judge(kernel, on, CHANGED, with_payload(on, CHANGED, payload)) == (common, common, common)


@needs_kernel
@pytest.mark.parametrize("end", ["", "\x00", "00" * 16])
def test_a_frame_is_as_long_as_it_says(on: Walked, end: str) -> None:
    row = with_payload(on, CHANGED, b'{"a":1}')
    for sections in (row[5] + (end or "}").encode(), row[5][:-1], row[5][:37], row[5][:36], row[5][:4], b""):
        common, _, _ = judge(kernel, on, CHANGED, (*row[:5], sections))
        assert not common


@needs_kernel
def test_each_day_of_the_calendar_and_no_other_is_one(on: Walked) -> None:
    for year in ("2021", "2023", "2024", "2100", "2400", "9999"):
        for month in range(14):
            for day in (0, 1, 28, 29, 30, 31, 32):
                row = with_at(on, ALONE, f"{year}-{month:02}-{day:02}T00:00:00.000000Z")
                common, _, right = judge(kernel, on, ALONE, row)
                assert common == right


@needs_kernel
@pytest.mark.parametrize("time", ["T23:59:59.999999Z", "T24:00:00.000000Z", "T23:60:00.000000Z", "T23:59:60.000000Z"])
def test_each_time_of_the_day_and_no_other_is_one(on: Walked, time: str) -> None:
    common, _, right = judge(kernel, on, ALONE, with_at(on, ALONE, f"2021-01-01{time}"))
    assert common == right == (time == "T23:59:59.999999Z")


@needs_kernel
def test_an_entry_is_as_long_as_may_be_and_no_longer(on: Walked) -> None:
    row = on.rows[ALONE]
    for length, long_enough in ((65536, True), (65537, False)):
        entry = row[4].replace(b'"role":"', b'"role":"' + b"x" * (length - len(row[4])))
        common, _, right = judge(kernel, on, ALONE, (*row[:4], entry, row[5]))
        assert common == right == long_enough
