"""The allocation list can be computed again by anyone, and each of its methods keeps what it promises."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proof.allocation import (
    ALL,
    AllocationPlan,
    Parameters,
    allocation_list,
    arm_at,
    arm_for,
    blocks,
    commitment,
    list_of,
    seed_of,
    simple_list,
)
from ledger.proof.canonical import encode
from tests.vectors.make_allocation import vectors

ZERO = bytes(32)
ARMS = (("CONTROL", 1), ("TREATMENT", 1))
SIZES = (2, 4, 6)
VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "vectors" / "allocation.json").read_text())
DOCUMENT = (Path(__file__).parents[2] / "docs" / "allocation.md").read_text()
BLOCKS = Parameters("PERMUTED_BLOCKS", block_sizes=SIZES)
WEIGHED = Parameters("MINIMISATION", measure="RANGE", probability=(4, 5), weights=(1, 1))

seeds = st.binary(min_size=32, max_size=32)
strata = st.sampled_from(["S01/F", "S01/M", "S02/F", "S02/M", "S03/F"])
layouts = st.lists(st.integers(1, 4), min_size=1, max_size=4).flatmap(
    lambda ratios: st.tuples(
        st.just(tuple((f"A{place}", ratio) for place, ratio in enumerate(ratios))),
        st.lists(st.integers(1, 3).map(lambda times: times * sum(ratios)), min_size=1, max_size=3).map(tuple),
    )
)


# -- golden bytes, and a second implementation after docs/allocation.md ------------------------------------------------


def _below(seed: bytes, name: str) -> Callable[[int], int]:
    """Section 3 of the document."""

    def words() -> Iterator[int]:
        for counter in range(10_000):
            text = seed + b"trial-ledger/allocation/v1\0" + name.encode() + b"\0" + counter.to_bytes(8, "big")
            digest = hashlib.sha256(text).digest()
            yield from (int.from_bytes(digest[at : at + 4], "big") for at in range(0, 32, 4))

    stream = words()
    return lambda n: 0 if n == 1 else next(word % n for word in stream if word < (2**32 // n) * n)


def _blocks_again(seed: bytes, stratum: str, arms: list[list[Any]], sizes: list[int]) -> Iterator[list[str]]:
    below, shares = _below(seed, stratum), sum(ratio for _, ratio in arms)
    while True:
        size = sizes[below(len(sizes))]
        block = [code for code, ratio in arms for _ in range(size // shares * ratio)]
        for i in reversed(range(1, size)):
            j = below(i + 1)
            block[i], block[j] = block[j], block[i]
        yield block


def _list_again(vector: dict[str, Any]) -> list[str]:
    seed, arms = bytes.fromhex(vector["seed"]), vector["arms"]
    if vector["parameters"]["method"] == "SIMPLE":
        below, shares = _below(seed, vector["stratum"]), [code for code, ratio in arms for _ in range(ratio)]
        return [shares[below(len(shares))] for _ in range(24)]
    made = _blocks_again(seed, vector["stratum"], arms, vector["parameters"]["block_sizes"])
    return [code for block in islice(made, 24) for code in block][:24]


def _minimised_again(vector: dict[str, Any]) -> list[str]:
    rules, codes = vector["parameters"], [code for code, _ in vector["arms"]]
    found: list[tuple[list[str], str]] = []
    for draw in vector["draws"]:
        levels = draw["stratum"].split("/")
        scores = []
        for tried in codes:
            score = 0
            for factor, weight in enumerate(rules["weights"]):
                alike = [arm for before, arm in found if before[factor] == levels[factor]] + [tried]
                counts = [alike.count(code) for code in codes]
                if rules["measure"] == "RANGE":
                    score += weight * (max(counts) - min(counts))
                else:
                    score += weight * (len(codes) * sum(x**2 for x in counts) - sum(counts) ** 2)
            scores.append(score)
        below = _below(bytes.fromhex(vector["seed"]), f"ALL/{draw['index']}")
        least = [code for code, score in zip(codes, scores, strict=True) if score == min(scores)]
        preferred = least[below(len(least))]
        others = [code for code in codes if code != preferred]
        numerator, denominator = rules["probability"]
        found.append((levels, preferred if below(denominator) < numerator else others[below(len(others))]))
    return [arm for _, arm in found]


def test_the_golden_vectors_are_what_the_algorithm_gives() -> None:
    assert vectors() == VECTORS


def test_a_second_implementation_after_the_document_gives_the_golden_vectors() -> None:
    for one in VECTORS["commitments"]:
        label = b"trial-ledger/allocation/commitment/v1\0"
        text = label + bytes.fromhex(one["secret"]) + encode(one["parameters"])
        assert hashlib.sha256(text).hexdigest() == one["commitment"]
    for one in VECTORS["seeds"]:
        assert hashlib.sha256(bytes.fromhex(one["secret"] + one["outside_value"])).hexdigest() == one["seed"]
    for one in VECTORS["blocks"]:
        made = _blocks_again(bytes.fromhex(one["seed"]), one["stratum"], one["arms"], one["block_sizes"])
        assert list(islice(made, len(one["blocks"]))) == one["blocks"]
    for one in VECTORS["lists"]:
        assert _list_again(one) == one["list"]
    for one in VECTORS["minimisation"]:
        assert _minimised_again(one) == [draw["arm"] for draw in one["draws"]]


def test_the_document_has_the_vectors() -> None:
    told = [one["commitment"] for one in VECTORS["commitments"]] + [one["seed"] for one in VECTORS["seeds"]]
    told += [" ".join("".join(arm[0] for arm in block) for block in one["blocks"]) for one in VECTORS["blocks"]]
    told += ["".join(arm[0] for arm in one["list"]) for one in VECTORS["lists"]]
    told += [
        " ".join(f"{d['index']}:{d['stratum']}:{d['arm'][0]}" for d in m["draws"]) for m in VECTORS["minimisation"]
    ]
    assert [text for text in told if text not in DOCUMENT] == []


# -- laws --------------------------------------------------------------------------------------------------------------


@given(seeds, st.text(max_size=20), layouts)
def test_every_block_holds_each_arm_in_its_ratio(
    seed: bytes, stratum: str, layout: tuple[tuple[tuple[str, int], ...], tuple[int, ...]]
) -> None:
    arms, sizes = layout
    shares = sum(ratio for _, ratio in arms)
    for block in islice(blocks(seed, stratum, arms, sizes), 5):
        assert len(block) in sizes
        assert Counter(block) == {code: ratio * len(block) // shares for code, ratio in arms}


@given(seeds, st.lists(st.tuples(strata, st.integers(1, 60)), max_size=12))
def test_a_plan_gives_each_index_as_the_list_has_it_in_whatever_order_it_is_asked(
    seed: bytes, asked: list[tuple[str, int]]
) -> None:
    plan = AllocationPlan(seed, BLOCKS, ARMS)
    simple = AllocationPlan(seed, Parameters("SIMPLE"), ARMS)
    for stratum, index in asked:
        assert arm_for(plan, (), stratum, index) == arm_at(seed, stratum, index, ARMS, SIZES)
        assert simple.arm((), stratum, index) == next(islice(simple_list(seed, stratum, ARMS), index - 1, None))


@given(seeds, st.lists(strata, max_size=12))
def test_a_minimisation_that_goes_on_gives_what_one_that_begins_anew_gives(seed: bytes, told: list[str]) -> None:
    going_on = AllocationPlan(seed, WEIGHED, ARMS)
    drawn: list[tuple[int, str]] = []
    for index, stratum in enumerate(told, 1):
        anew = AllocationPlan(seed, WEIGHED, ARMS)
        assert going_on.arm(drawn, stratum, index) == anew.arm(drawn, stratum, index)
        drawn.append((index, stratum))
    other = [(1, "S09/F")]
    assert going_on.arm(other, "S09/F", 2) == AllocationPlan(seed, WEIGHED, ARMS).arm(other, "S09/F", 2)


@given(seeds, st.lists(strata, min_size=1, max_size=10), strata)
def test_a_minimised_arm_depends_on_no_later_subject(seed: bytes, told: list[str], later: str) -> None:
    def arms(subjects: list[str]) -> list[str]:
        plan = AllocationPlan(seed, WEIGHED, ARMS)
        drawn = list(enumerate(subjects, 1))
        return [plan.arm(drawn[:place], stratum, place + 1) for place, stratum in enumerate(subjects)]

    assert arms([*told, later])[:-1] == arms(told)


def test_strata_and_seeds_have_lists_of_their_own_and_minimisation_has_one() -> None:
    def forty(seed: bytes, stratum: str) -> tuple[str, ...]:
        return tuple(islice(allocation_list(seed, stratum, ARMS, SIZES), 40))

    assert len({forty(ZERO, "S01"), forty(ZERO, "S02"), forty(b"\1" * 32, "S01")}) == 3
    assert [list_of(method, "S01") for method in ("PERMUTED_BLOCKS", "SIMPLE", "MINIMISATION")] == ["S01", "S01", ALL]


def test_another_secret_value_or_parameter_makes_another_seed_or_commitment() -> None:
    secret, other = bytes(32), bytes([1, *bytes(31)])
    assert len({seed_of(secret, b"a"), seed_of(secret, b"b"), seed_of(other, b"a")}) == 3
    sizes = Parameters("PERMUTED_BLOCKS", block_sizes=(2,))
    assert len({commitment(secret, BLOCKS), commitment(other, BLOCKS), commitment(secret, sizes)}) == 3


@pytest.mark.parametrize("value", [one["parameters"] for one in VECTORS["commitments"]])
def test_parameters_are_read_and_written_alike(value: dict[str, Any]) -> None:
    assert Parameters.from_value(value).to_value() == value


GOOD = WEIGHED.to_value()


@pytest.mark.parametrize(
    ("value", "named"),
    [
        pytest.param({}, "method", id="no method"),
        pytest.param({"method": "DICE"}, "method", id="an unknown method"),
        pytest.param({"method": ["SIMPLE"]}, "method", id="a method that is no text"),
        pytest.param({"method": "SIMPLE", "block_sizes": [2]}, "method", id="a member of another method"),
        pytest.param({"method": "PERMUTED_BLOCKS", "block_sizes": []}, "block_sizes", id="no block size"),
        pytest.param({"method": "PERMUTED_BLOCKS", "block_sizes": [2, True]}, "block_sizes", id="a size that is none"),
        pytest.param({"method": "PERMUTED_BLOCKS", "block_sizes": "24"}, "block_sizes", id="sizes as text"),
        pytest.param({"method": "PERMUTED_BLOCKS", "block_sizes": [3]}, "block_sizes", id="a size that does not fit"),
        pytest.param({**GOOD, "measure": "MODE"}, "measure", id="an unknown measure"),
        pytest.param({**GOOD, "probability": [1, 1]}, "probability", id="a coin without a second side"),
        pytest.param({**GOOD, "probability": [1, 3]}, "probability", id="a coin against balance"),
        pytest.param({**GOOD, "probability": [1]}, "probability", id="half a fraction"),
        pytest.param({**GOOD, "weights": [0]}, "weights", id="a weight of nothing"),
    ],
)
def test_parameters_that_make_no_list_are_refused_by_name(value: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named}:"):
        Parameters.from_value(value).check(ARMS)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: arm_at(bytes(31), "S01", 1, ARMS, SIZES), "seed"),
        (lambda: arm_at(ZERO, "S01", 0, ARMS, SIZES), "index"),
        (lambda: arm_at(ZERO, "S01", 1, (), SIZES), "arms"),
        (lambda: arm_at(ZERO, "S01", 1, (("A", 0),), SIZES), "arms"),
        (lambda: AllocationPlan(ZERO, Parameters("SIMPLE"), (("A", 1), ("B", 10**9))), "arms"),
        (lambda: AllocationPlan(bytes(31), BLOCKS, ARMS), "seed"),
        (lambda: AllocationPlan(ZERO, BLOCKS, (("A", 3), ("B", 2))), "block_sizes"),
        (lambda: AllocationPlan(ZERO, WEIGHED, (("A", 1), ("B", 2))), "method"),
        (lambda: AllocationPlan(ZERO, BLOCKS, ARMS).arm((), "S01", 0), "index"),
        (lambda: AllocationPlan(ZERO, WEIGHED, ARMS).arm((), "S01", 1), "stratum"),
        (lambda: commitment(bytes(31), BLOCKS), "secret"),
        (lambda: seed_of(bytes(31), b"x"), "secret"),
        (lambda: seed_of(bytes(32), b""), "outside_value"),
    ],
)
def test_what_makes_no_list_is_refused_by_name(call: Callable[[], object], named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named}:"):
        call()
