"""A small run of `python -m tests.fuzz` with a fixed seed; and faults, planted on purpose, which it has to catch."""

from pathlib import Path

import pytest

from tests.fuzz.cases import WEIGHTS, case_of
from tests.fuzz.harness import MEMORY, SECONDS, run
from tests.fuzz.plants import PLANTS
from tests.fuzz.seeds import load, make

SEED = "20201122"
CASES = 600


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seeds, made by the product."""
    path = tmp_path_factory.mktemp("seeds")
    make(path)
    return path


def test_no_fuzzed_case_crashes_hangs_hoards_or_is_good(folder: Path) -> None:
    tally = run(folder, SEED, CASES)
    assert not tally.failures
    assert tally.counted >= CASES
    assert tally.slowest < SECONDS
    assert tally.memory < MEMORY
    kinds = {kind for kind, _, _ in tally.counts}
    assert kinds >= WEIGHTS.keys() - {"token"}  # which needs openssl
    outcomes = {(how, outcome) for kind, how, outcome in tally.counts if kind == "bundle"}
    # The deeper layers were reached: what is found is found behind zip, manifest and hashes.
    assert {("fitted", "found"), ("chained", "found"), ("old", "found"), ("fitted", "same")} <= outcomes


@pytest.mark.parametrize(
    ("plant", "kinds", "said"),
    [
        ("no signatures", ["note"], "verdict: "),
        ("no sums", ["bundle"], "verdict: "),
        ("loops", ["bundle"], "hang: "),
        ("hoards", ["bundle"], "memory: "),
        ("crashes", ["policy"], "crash: KeyError"),
    ],
)
def test_a_planted_fault_is_caught(folder: Path, plant: str, kinds: list[str], said: str) -> None:
    assert plant in PLANTS
    tally = run(folder, SEED, 400, workers=1, kinds=kinds, plant=plant, most=1)
    assert tally.failures
    assert tally.failures[0][3].startswith(said), tally.failures


def test_a_seed_gives_the_same_cases_each_time_and_another_seed_others(folder: Path) -> None:
    seeds = load(folder)
    one, again, other = ([case_of(seeds, seed, number) for number in range(40)] for seed in ("1", "1", "2"))
    assert one == again
    assert one != other
