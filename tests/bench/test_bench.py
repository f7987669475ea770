"""The measurements measure: ratios are taken round by round, and each contestant writes what it says."""

from pathlib import Path

import pytest

from ledger.proof.verify import verify_ledger
from tests.bench.appends import RawInsert, events, library_recorder, our_recorder, recording
from tests.bench.measure import alone, alternate, compare
from tests.bench.peers import SIZE
from tests.bench.verifying import EVERY, build, verified
from tests.tampering.ledgers import behind_its_back, rows


def test_a_ratio_is_the_median_of_the_rounds_and_not_of_the_rates() -> None:
    row = compare("a vs b", "events/s", [10.0, 40.0, 90.0], [10.0, 20.0, 30.0])
    assert (row.ours, row.reference, row.ratio, row.low, row.high) == (40.0, 20.0, 2.0, 1.0, 3.0)
    assert alone("a", "events/s", [1.0, 3.0, 2.0]).as_json()["ours"] == 2.0


def test_rounds_alternate_and_the_first_is_for_warming_up() -> None:
    order: list[str] = []

    def contestant(name: str) -> float:
        order.append(name)
        return float(len(order))

    rates = alternate({"a": lambda: contestant("a"), "b": lambda: contestant("b")}, 2)
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert rates == {"a": [4.0, 5.0], "b": [3.0, 6.0]}


def test_each_contestant_records_the_same_number_of_events(tmp_path: Path) -> None:
    raw, ours, library = RawInsert(tmp_path), our_recorder(tmp_path), library_recorder(tmp_path)
    raw.insert(40)
    for recorder in (ours, library):
        recording(recorder, 40, writers=4)()
        recording(recorder, 40, batch=20)()
        assert len(recorder.select_notifications(1, 100)) == 80
    assert raw._connection.execute("SELECT count(*), max(length(entry)) > 400 FROM open_entry").fetchall() == [(40, 1)]
    assert len(next(events()).state) == 400
    ours.books.close()
    assert verify_ledger(tmp_path / "ours.db").ok
    library.datastore.close()


def test_the_ledger_that_is_verified_is_what_it_is_said_to_be_and_no_other_is_measured(tmp_path: Path) -> None:
    path = build(tmp_path / "trial.db", 2 * EVERY)
    stored = rows(path, "open_entry")
    plain = [row["sections"] for row in stored if b"recorded/1" in row["entry"] or b"reported/1" in row["entry"]]
    assert len(plain) == 2 * EVERY
    assert {len(sections) for sections in plain} == {5 + 32 + SIZE}
    assert len(stored) > len(plain)  # the anchors
    rate, megabytes = verified(path)
    assert 0 < rate < 10_000_000
    assert 1 < megabytes < 256
    with behind_its_back(path) as connection:
        connection.execute("UPDATE open_entry SET version = version + 50 WHERE seq = 77")
    with pytest.raises(SystemExit, match="something is wrong"):
        verified(path)
