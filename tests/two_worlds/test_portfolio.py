"""The portfolio tells masked people nothing of the arms. (All routes are in `test_http.py`; here is the control.)"""

from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from api.server.portfolio import Portfolio, Row
from ledger.recording.engine import fetch, open_reading
from tests.two_worlds.over_http import requests_of
from tests.two_worlds.test_http import told_apart


def test_the_portfolio_is_the_same_in_both_worlds_and_is_asked() -> None:
    assert {"/v1/portfolio", "/portfolio"} <= {path for _, path, _, _ in requests_of()}
    assert told_apart("no intervention", only="portfolio") == []


def test_a_planted_leak_in_a_total_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def leaking(self: Portfolio, served: Any, person: Any) -> Row:
        row = real(self, served, person)
        with closing(open_reading(served.path)) as connection:
            ((size,),) = fetch(connection, "SELECT size FROM head WHERE book = 'sealed'")
        return replace(row, counts=replace(row.counts, deviations=size))

    real = Portfolio._row
    monkeypatch.setattr(Portfolio, "_row", leaking)
    assert told_apart("no intervention", only="portfolio")
