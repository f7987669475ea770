"""Study days and epochs, where they can be known and where not."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.exports.sdtm.days import Element, epoch_of, study_day

DAYS = st.dates(date(1990, 1, 1), date(2040, 12, 31))


@given(DAYS, DAYS)
def test_there_is_no_day_0_and_the_reference_is_day_1(reference: date, day: date) -> None:
    found = study_day(day.isoformat(), reference.isoformat())
    assert found is not None
    assert found != 0
    assert study_day(reference.isoformat(), reference.isoformat()) == 1
    assert (found > 0) == (day >= reference)
    assert found - (found > 0) == (day - reference).days


@given(DAYS, st.sampled_from([4, 7]))
def test_a_partial_date_has_no_study_day_and_is_no_reference(day: date, precision: int) -> None:
    partial = day.isoformat()[:precision]
    assert study_day(partial, day.isoformat()) is None
    assert study_day(day.isoformat(), partial) is None
    assert epoch_of(partial, [Element("SCREENING", day.isoformat(), None)]) is None


@pytest.mark.parametrize(
    ("at", "epoch"),
    [
        ("2020-05-01", None),
        ("2020-05-06", "SCREENING"),
        ("2020-05-07T09:00+02:00", "SCREENING"),
        ("2020-05-07", "TREATMENT"),
        ("2020-05-07T11:00+02:00", "TREATMENT"),
        ("2020-06-04", "FOLLOW-UP"),
        ("2021-01-01", "FOLLOW-UP"),
        ("2020-06", None),
    ],
)
def test_an_epoch_is_that_of_the_last_element_to_begin(at: str, epoch: str | None) -> None:
    elements = [
        Element("SCREENING", "2020-05-06T10:00+02:00", "2020-05-07T10:00+02:00"),
        Element("TREATMENT", "2020-05-07T10:00+02:00", "2020-06-04"),
        Element("FOLLOW-UP", "2020-06-04", None),
    ]
    assert epoch_of(at, elements) == epoch
