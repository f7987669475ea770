"""Balance and unpredictability, tested statistically.

The seeds are fixed, so that a test passes or fails for good. Each threshold is from theory: a sound generator, under
seeds drawn at random, would miss it with a probability of at most ALPHA, once. Beside each test a control: a generator
with a planted fault, which has to miss it.
"""

import hashlib
import itertools
import math
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from itertools import islice
from statistics import NormalDist, fmean, pvariance
from typing import Final

from scipy.stats import chisquare

from ledger.proof.allocation import AllocationPlan, Parameters, allocation_list, blocks, simple_list
from ledger.proof.word_stream import WordStream

ALPHA: Final = 1e-4
Z: Final = NormalDist().inv_cdf(1 - ALPHA / 2)
TWO: Final = (("A", 1), ("B", 1))
SIZES: Final = (2, 4, 6)
LISTS: Final = 10_000


def _seed(number: int) -> bytes:
    return hashlib.sha256(number.to_bytes(4, "big")).digest()


SEED: Final = _seed(2020)


def _uniform(seen: Iterable[object], kinds: int) -> bool:
    """Chi-square: whether all of so many kinds are equally frequent, as far as ALPHA tells."""
    counts = Counter(seen)
    return len(counts) == kinds and chisquare(list(counts.values())).pvalue > ALPHA


def _within(total: float, mean: float, variance: float) -> bool:
    """Whether a sum of many independent values lies where the normal distribution has it but with ALPHA."""
    return abs(total - mean) <= Z * math.sqrt(variance)


# -- equal chances -----------------------------------------------------------------------------------------------------


def test_over_strata_each_arm_is_equally_frequent_at_each_index() -> None:
    indices = 12
    lists = [list(islice(allocation_list(SEED, f"S{n}", TWO, SIZES), indices)) for n in range(2000)]
    for place in range(indices):
        assert chisquare([sum(one[place] == arm for one in lists) for arm in "AB"]).pvalue > ALPHA / indices
    # the control: a coin of 55 to 45
    coin = random.Random(7)
    assert not _uniform(("A" if coin.random() < 0.55 else "B" for _ in range(2000)), 2)


def test_over_10_000_lists_every_order_of_a_block_is_equally_frequent() -> None:
    assert _uniform((next(blocks(_seed(n), "S01", TWO, (4,))) for n in range(LISTS)), 6)
    three = (("A", 1), ("B", 1), ("C", 1))
    assert _uniform((next(blocks(_seed(n), "S01", three, (6,))) for n in range(LISTS)), 90)

    def badly_shuffled(seed: bytes) -> tuple[str, ...]:
        words, block = WordStream(seed, "S01"), list("AABB")
        for i in range(4):
            j = words.below(4)
            block[i], block[j] = block[j], block[i]
        return tuple(block)

    assert not _uniform((badly_shuffled(_seed(n)) for n in range(LISTS)), 6)


def test_over_10_000_lists_block_sizes_are_drawn_equally_often() -> None:
    assert _uniform((len(next(blocks(_seed(n), "S01", TWO, SIZES))) for n in range(LISTS)), 3)
    # the control: two of four residues make the same size
    assert not _uniform((SIZES[min(2, _seed(n)[0] % 4)] for n in range(LISTS)), 3)


def test_simple_randomisation_keeps_unequal_ratios() -> None:
    def fits(arms: Iterable[str]) -> bool:
        counts = Counter(arms)
        total = counts.total()
        return bool(chisquare([counts["A"], counts["B"]], [total / 3, total * 2 / 3]).pvalue > ALPHA)

    assert fits(islice(simple_list(SEED, "S01", (("A", 1), ("B", 2))), 20_000))
    assert not fits(islice(simple_list(SEED, "S01", (("A", 2), ("B", 3))), 20_000))


# -- no pattern --------------------------------------------------------------------------------------------------------


def _changes(arms: Sequence[str]) -> int:
    return sum(before != after for before, after in itertools.pairwise(arms))


def test_simple_randomisation_has_as_many_runs_as_chance_has() -> None:
    def fits(arms: list[str]) -> bool:
        """Wald and Wolfowitz: the number of runs, given how often each arm stands there."""
        a, n = arms.count("A"), len(arms)
        product = 2 * a * (n - a)
        return _within(_changes(arms) + 1, product / n + 1, product * (product - n) / (n * n * (n - 1)))

    assert fits(list(islice(simple_list(SEED, "S01", TWO), 10_000)))
    # the control: blocks of two have three runs where chance has two
    assert not fits(list(islice(allocation_list(SEED, "S01", TWO, (2,)), 10_000)))


def test_permuted_blocks_have_as_many_changes_of_arm_as_their_orders_and_no_more_at_their_borders() -> None:
    orders = sorted(set(itertools.permutations("AABB")))
    mean = fmean(_changes(order) for order in orders)
    variance = pvariance([_changes(order) for order in orders])

    def fits(made: list[tuple[str, ...]]) -> bool:
        inside = sum(_changes(block) for block in made)
        # The last of a block and the first of the next differ as often as not, each time independently.
        borders = sum(before[-1] != after[0] for before, after in itertools.pairwise(made))
        pairs = len(made) - 1
        return _within(inside, mean * len(made), variance * len(made)) and _within(borders, pairs / 2, pairs / 4)

    assert fits(list(islice(blocks(SEED, "S01", TWO, (4,)), 10_000)))
    coin = random.Random(7)
    few = [order for order in orders if order != ("A", "B", "A", "B")]
    assert not fits([coin.choice(few) for _ in range(10_000)])
    joined = [orders[0]]
    while len(joined) < 10_000:  # every block begins as the one before it ended
        joined.append(coin.choice([order for order in orders if order[0] == joined[-1][-1]]))
    assert not fits(joined)


# -- what the next arm can be guessed by -------------------------------------------------------------------------------


def _right_guesses(arms: Sequence[str]) -> Fraction:
    """How many guesses by the convergence strategy are right: the arm that is behind; of equal ones either (a half)."""
    ahead, right = 0, Fraction(0)
    for arm in arms:
        right += Fraction(1, 2) if ahead == 0 else int((arm == "A") == (ahead < 0))
        ahead += 1 if arm == "A" else -1
    return right


def _blackwell_and_hodges(size: int) -> Fraction:
    """The expected number of right guesses in a block (Blackwell and Hodges 1957)."""
    half = size // 2
    return half + (Fraction(2**size, math.comb(size, half)) - 1) / 2


def test_the_formula_is_what_counting_all_orders_gives() -> None:
    for size in SIZES:
        orders = set(itertools.permutations("A" * (size // 2) + "B" * (size // 2)))
        assert sum(map(_right_guesses, orders)) / len(orders) == _blackwell_and_hodges(size)


def test_over_10_000_lists_the_next_arm_is_guessed_as_often_as_theory_says() -> None:
    spread = {
        size: pvariance([float(_right_guesses(o)) for o in set(itertools.permutations("AB" * (size // 2)))])
        for size in SIZES
    }

    def fits(made: list[tuple[str, ...]]) -> bool:
        right = sum(float(_right_guesses(block)) for block in made)
        expected = sum(float(_blackwell_and_hodges(len(block))) for block in made)
        return _within(right, expected, sum(spread[len(block)] for block in made))

    made = [block for n in range(LISTS) for block in islice(blocks(_seed(n), "S01", TWO, SIZES), 3)]
    assert fits(made)
    # As a rate: of sizes drawn equally often, that is 70.3 % of all arms, and not more.
    rate = sum(map(_blackwell_and_hodges, SIZES), Fraction(0)) / sum(SIZES)
    assert float(rate) == float(Fraction(253, 360))
    guessed = sum(map(_right_guesses, made), Fraction(0))
    assert abs(guessed / sum(map(len, made)) - rate) < Fraction(1, 100)
    # The control: one block of five is in an order that alternates, and so easier to guess.
    eased = [tuple("AB" * (len(block) // 2)) if n % 5 == 0 else block for n, block in enumerate(made)]
    assert not fits(eased)


def test_of_simple_randomisation_half_of_all_guesses_are_right() -> None:
    def fits(arms: Sequence[str]) -> bool:
        return _within(float(_right_guesses(arms)), len(arms) / 2, len(arms) / 4)

    assert fits(list(islice(simple_list(SEED, "S01", TWO), LISTS)))
    assert not fits(list(islice(allocation_list(SEED, "S01", TWO, SIZES), LISTS)))


# -- minimisation ------------------------------------------------------------------------------------------------------


def _minimised(seed: bytes, told: Sequence[str], probability: tuple[int, int]) -> list[str]:
    weights = (1,) * (told[0].count("/") + 1)
    rules = Parameters("MINIMISATION", measure="RANGE", probability=probability, weights=weights)
    plan, drawn = AllocationPlan(seed, rules, TWO), list(enumerate(told, 1))
    return [plan.arm(drawn[: index - 1], stratum, index) for index, stratum in drawn]


def _told(number: int, subjects: int) -> list[str]:
    choice = random.Random(number)
    return [
        "/".join(choice.choice(levels) for levels in (("S01", "S02", "S03"), "FM", ("young", "old")))
        for _ in range(subjects)
    ]


def _worst(told: Sequence[str], arms: Sequence[str]) -> int:
    """The greatest difference between the arms within a level of any factor."""
    margins: Counter[tuple[int, str]] = Counter()
    for stratum, arm in zip(told, arms, strict=True):
        for factor in enumerate(stratum.split("/")):
            margins[factor] += 1 if arm == "A" else -1
    return max(abs(margin) for margin in margins.values())


def test_minimisation_without_factors_is_efrons_biased_coin() -> None:
    # Efron (1971): with p = 3/4, r = p/(1 - p) = 3, the arms are even after an even number with probability 1 - 1/r.
    trials, subjects, r = 2000, 30, 3

    def even(make: Callable[[bytes], list[str]]) -> int:
        return sum(make(_seed(n)).count("A") == subjects // 2 for n in range(trials))

    mean, variance = trials * (1 - 1 / r), trials * (1 - 1 / r) / r
    assert _within(even(lambda seed: _minimised(seed, ["ALL"] * subjects, (3, 4))), mean, variance)
    assert not _within(even(lambda seed: _minimised(seed, ["ALL"] * subjects, (2, 3))), mean, variance)


def test_minimisation_balances_every_level_of_every_factor_where_simple_randomisation_does_not() -> None:
    # By simple randomisation the difference within a level of m subjects has a standard deviation of sqrt(m): of 150
    # about 12, and the greatest of seven such is rarely less. Minimisation keeps it to a few, whatever m is.
    trials, subjects = 20, 300
    worst = [_worst(_told(n, subjects), _minimised(_seed(n), _told(n, subjects), (4, 5))) for n in range(trials)]
    by_chance = [
        _worst(_told(n, subjects), list(islice(simple_list(_seed(n), "S01", TWO), subjects))) for n in range(trials)
    ]
    limit = 8
    assert max(worst) <= limit
    assert fmean(by_chance) > limit
    longer = _told(99, 4 * subjects)
    assert _worst(longer, _minimised(SEED, longer, (4, 5))) <= limit


def test_minimisation_follows_its_preference_as_often_as_the_coin_says() -> None:
    def fits(arms: Sequence[str], subjects: Sequence[str]) -> bool:
        """Counted anew: of those for whom one arm had the smaller imbalance, who got it."""
        ahead: Counter[tuple[int, str]] = Counter()
        preferred = followed = 0
        for stratum, arm in zip(subjects, arms, strict=True):
            factors = list(enumerate(stratum.split("/")))
            tilt = sum(abs(ahead[factor] + 1) - abs(ahead[factor] - 1) for factor in factors)
            preferred += tilt != 0
            followed += tilt != 0 and (arm == "A") == (tilt < 0)
            ahead.update(factors) if arm == "A" else ahead.subtract(factors)
        return preferred > 1000 and _within(followed, preferred * 0.8, preferred * 0.8 * 0.2)

    told = _told(5, 3000)
    assert fits(_minimised(SEED, told, (4, 5)), told)
    assert not fits(_minimised(SEED, told, (9, 10)), told)
