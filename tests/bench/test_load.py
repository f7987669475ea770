"""What is loaded is what it is said to be, and an answer that is not the right one is not measured."""

from pathlib import Path

import pytest

from api.bootstrap import viewing
from ledger.proof.verify import verify_ledger
from tests.api.server.operation.running import serving
from tests.bench import serving as bench
from tests.bench.empty_routes import ADDED
from tests.bench.load import load, request
from tests.bench.trials import OF_EACH, build


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trial of some events. Not to be changed."""
    return build(tmp_path_factory.mktemp("many") / "trial.db", 1_500)


def test_a_trial_of_many_events_holds_and_has_subjects_in_proportion(many: Path) -> None:
    report = verify_ledger(many)
    assert report.ok, report.findings[:3]
    assert 1_500 <= report.size < 1_500 + 2 * OF_EACH
    rows = viewing(many, "sponsor").show("subjects", None).rows
    assert 15 < len(rows) < 60


def test_every_answer_is_counted_and_another_status_stops_the_measuring(many: Path) -> None:
    with serving(many, extra=ADDED, seconds=60.0, **bench._UNLIMITED) as server:
        sent = request("GET", "/bench/empty", "sponsor-1")
        measured = load(server.port, lambda _: sent, clients=4, requests=200)
        assert measured.statuses == {200: 200}
        assert len(measured.latencies) == 200
        assert measured.p50 <= measured.p99
        nobody = request("GET", "/bench/empty", "nobody")
        assert load(server.port, lambda _: nobody, clients=2, requests=20).statuses == {401: 20}
        with pytest.raises(SystemExit, match="404"):
            bench._asking(server, "/no-such", 10)()
