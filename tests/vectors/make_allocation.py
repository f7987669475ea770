"""Writes `allocation.json`, from the implementation as it is: `python -m tests.vectors.make_allocation`.

The file is golden: whoever changes it changes the algorithm. `tests/proof/test_allocation.py` derives it another way.
"""

import json
from itertools import islice
from pathlib import Path
from typing import Any, Final

from ledger.proof.allocation import AllocationPlan, Parameters, blocks, commitment, seed_of

PATH: Final = Path(__file__).with_name("allocation.json")
SECRET: Final = bytes(range(32))
OUTSIDE: Final = b"a value from outside"
TWO: Final = (("CONTROL", 1), ("TREATMENT", 1))
THREE: Final = (("A", 1), ("B", 2), ("C", 3))
EQUAL: Final = (("A", 1), ("B", 1), ("C", 1))
BLOCKS: Final[dict[str, Any]] = {"block_sizes": [2, 4, 6], "method": "PERMUTED_BLOCKS"}
WEIGHED: Final[dict[str, Any]] = {
    "measure": "RANGE",
    "method": "MINIMISATION",
    "probability": [4, 5],
    "weights": [1, 1],
}
STRATA: Final = ("S01/F", "S01/M", "S02/M", "S01/M", "S02/F", "S01/F", "S03/M", "S01/M")


def _list(seed: bytes, arms: tuple[tuple[str, int], ...], value: dict[str, Any], stratum: str) -> dict[str, Any]:
    plan = AllocationPlan(seed, Parameters.from_value(value), arms)
    return {
        "seed": seed.hex(),
        "arms": [list(arm) for arm in arms],
        "parameters": value,
        "stratum": stratum,
        "list": [plan.arm((), stratum, index) for index in range(1, 25)],
    }


def _minimised(seed: bytes, arms: tuple[tuple[str, int], ...], value: dict[str, Any], turns: list[int]) -> Any:
    plan = AllocationPlan(seed, Parameters.from_value(value), arms)
    drawn: list[tuple[int, str]] = []
    found: list[dict[str, Any]] = []
    for index, stratum in zip(turns, STRATA, strict=True):
        found.append({"index": index, "stratum": stratum, "arm": plan.arm(drawn, stratum, index)})
        drawn.append((index, stratum))
    return {"seed": seed.hex(), "arms": [list(arm) for arm in arms], "parameters": value, "draws": found}


def vectors() -> dict[str, Any]:
    """What the file holds."""
    seed = seed_of(SECRET, OUTSIDE)
    simple = {"method": "SIMPLE"}
    variance = {**WEIGHED, "measure": "VARIANCE", "probability": [2, 3], "weights": [2, 1]}
    return {
        "commitments": [
            {
                "secret": SECRET.hex(),
                "parameters": value,
                "commitment": commitment(SECRET, Parameters.from_value(value)),
            }
            for value in (BLOCKS, simple, WEIGHED)
        ],
        "seeds": [{"secret": SECRET.hex(), "outside_value": OUTSIDE.hex(), "seed": seed.hex()}],
        "blocks": [
            {
                "seed": bytes(32).hex(),
                "arms": [list(arm) for arm in TWO],
                "block_sizes": [2, 4, 6],
                "stratum": "S01",
                "blocks": [list(block) for block in islice(blocks(bytes(32), "S01", TWO, (2, 4, 6)), 8)],
            }
        ],
        "lists": [
            _list(seed, TWO, BLOCKS, "S01"),
            _list(seed, TWO, BLOCKS, "S02/F"),
            _list(seed, THREE, {**BLOCKS, "block_sizes": [6, 12]}, "ALL"),
            _list(seed, TWO, simple, "S01"),
            _list(seed, THREE, simple, "S01"),
        ],
        "minimisation": [
            _minimised(seed, TWO, WEIGHED, [1, 2, 3, 4, 5, 6, 7, 8]),
            _minimised(seed, EQUAL, variance, [1, 2, 5, 3, 4, 6, 7, 8]),
        ],
    }


if __name__ == "__main__":
    PATH.write_text(json.dumps(vectors(), indent=1) + "\n")
