"""The allocation list can be computed again by anyone, is balanced in each block, and favours no arm."""

import hashlib
from collections import Counter
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from ledger.domain.randomization import allocation_list, arm_at, blocks

ZERO = bytes(32)
ARMS = (("CONTROL", 1), ("TREATMENT", 1))
SIZES = (2, 4, 6)
GOLDEN_BLOCKS = ["TTCCTC", "CT", "TCTCCT", "TC", "CCTTTC", "CT", "TCCTTC", "CT"]
GOLDEN_LIST = "CTCTTCTCCCTTTCCT"

seeds = st.binary(min_size=32, max_size=32)
layouts = st.lists(st.integers(1, 4), min_size=1, max_size=4).flatmap(
    lambda ratios: st.tuples(
        st.just(tuple((f"A{place}", ratio) for place, ratio in enumerate(ratios))),
        st.lists(st.integers(1, 3).map(lambda times: times * sum(ratios)), min_size=1, max_size=3).map(tuple),
    )
)


def test_the_golden_vector_of_the_format() -> None:
    letters = ["".join(arm[0] for arm in block) for block in islice(blocks(ZERO, "S01", ARMS, SIZES), 8)]
    assert letters == GOLDEN_BLOCKS
    assert "".join(arm[0] for arm in islice(allocation_list(bytes(range(32)), "S02/F", ARMS, (4,)), 16)) == GOLDEN_LIST


def test_a_second_implementation_after_the_docstring_gives_the_same_list() -> None:
    seed, stratum = bytes(range(32)), "Hospital 7/M"
    label = b"trial-ledger/allocation/v1"
    stream = b"".join(
        hashlib.sha256(seed + label + b"\0" + stratum.encode() + b"\0" + n.to_bytes(8, "big")).digest()
        for n in range(200)
    )
    words = iter([int.from_bytes(stream[at : at + 4], "big") for at in range(0, len(stream), 4)])

    def below(n: int) -> int:
        if n == 1:
            return 0
        return next(word % n for word in words if word < (2**32 // n) * n)

    found: list[str] = []
    while len(found) < 200:
        size = SIZES[below(3)]
        block = ["CONTROL"] * (size // 2) + ["TREATMENT"] * (size // 2)
        for i in reversed(range(1, size)):
            j = below(i + 1)
            block[i], block[j] = block[j], block[i]
        found += block
    assert found[:200] == list(islice(allocation_list(seed, stratum, ARMS, SIZES), 200))


@given(seeds, st.text(max_size=20), layouts)
def test_every_block_holds_each_arm_in_its_ratio(
    seed: bytes, stratum: str, layout: tuple[tuple[tuple[str, int], ...], tuple[int, ...]]
) -> None:
    arms, sizes = layout
    shares = sum(ratio for _, ratio in arms)
    for block in islice(blocks(seed, stratum, arms, sizes), 5):
        assert len(block) in sizes
        assert Counter(block) == {code: ratio * len(block) // shares for code, ratio in arms}


@given(seeds, st.integers(1, 60))
def test_an_index_is_the_same_alone_and_in_the_list(seed: bytes, index: int) -> None:
    listed = list(islice(allocation_list(seed, "S01", ARMS, SIZES), index))
    assert arm_at(seed, "S01", index, ARMS, SIZES) == listed[-1]


def _seed(number: int) -> bytes:
    return hashlib.sha256(number.to_bytes(4, "big")).digest()


def test_no_arm_is_favoured_at_any_place_over_many_seeds() -> None:
    for index in (1, 2, 3, 7, 20):
        seen = Counter(arm_at(_seed(number), "S01", index, ARMS, SIZES) for number in range(3000))
        assert chisquare([seen["CONTROL"], seen["TREATMENT"]]).pvalue > 1e-4


def test_all_orders_of_a_block_are_equally_frequent_over_many_seeds() -> None:
    seen = Counter(next(blocks(_seed(number), "S01", ARMS, (4,))) for number in range(6000))
    assert len(seen) == 6
    assert chisquare(list(seen.values())).pvalue > 1e-4


def test_block_sizes_are_drawn_equally_often() -> None:
    seen = Counter(len(next(blocks(_seed(number), "S01", ARMS, SIZES))) for number in range(6000))
    assert set(seen) == set(SIZES)
    assert chisquare(list(seen.values())).pvalue > 1e-4


def test_strata_and_seeds_have_lists_of_their_own() -> None:
    def forty(seed: bytes, stratum: str) -> tuple[str, ...]:
        return tuple(islice(allocation_list(seed, stratum, ARMS, SIZES), 40))

    assert len({forty(ZERO, "S01"), forty(ZERO, "S02"), forty(b"\1" * 32, "S01")}) == 3


@pytest.mark.parametrize(
    ("seed", "index", "arms", "sizes", "named"),
    [
        (bytes(31), 1, ARMS, SIZES, "seed"),
        (ZERO, 0, ARMS, SIZES, "index"),
        (ZERO, 1, (), SIZES, "arms"),
        (ZERO, 1, (("A", 0),), SIZES, "arms"),
        (ZERO, 1, ARMS, (3,), "block_sizes"),
        (ZERO, 1, ARMS, (), "block_sizes"),
    ],
)
def test_a_list_that_cannot_be_is_refused_by_name(
    seed: bytes, index: int, arms: tuple[tuple[str, int], ...], sizes: tuple[int, ...], named: str
) -> None:
    with pytest.raises(ValueError, match=f"^{named}:"):
        arm_at(seed, "S01", index, arms, sizes)
