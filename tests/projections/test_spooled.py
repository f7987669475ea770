"""A long table in a file is the table in memory: the same rows in the same order, whatever its length."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections import spooled
from projections.spooled import Spooled, in_order

ROWS = st.lists(
    st.fixed_dictionaries({"place": st.integers(-5, 5), "said": st.text() | st.none() | st.booleans()}), max_size=60
)


def _place(row: Any) -> list[Any]:
    return [row["place"]]


def _shown(row: Any) -> dict[str, Any]:
    return {"said": row["said"], "deep": {"place": [row["place"]]}}


@given(rows=ROWS, held=st.integers(1, 20))
def test_rows_come_back_sorted_and_equal_keys_in_the_order_they_came(rows: list[dict[str, Any]], held: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spooled, "HELD", held)
        found = in_order(rows, _place, _shown)
    wanted = [_shown(row) for row in sorted(rows, key=_place)]
    assert isinstance(found, Spooled) == (len(rows) > held)
    assert len(found) == len(wanted)
    assert list(found) == wanted
    assert list(found) == wanted  # and again
    assert found[:3] == wanted[:3]
    assert found[-2:] == wanted[-2:]
    if wanted:
        assert (found[0], found[-1]) == (wanted[0], wanted[-1])


def test_two_may_read_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spooled, "HELD", 3)
    rows = in_order([{"place": -number, "said": None} for number in range(20)], _place, _shown)
    assert all(one == other for one, other in zip(rows, rows, strict=True))
