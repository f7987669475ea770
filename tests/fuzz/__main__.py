"""`python -m tests.fuzz --cases 10000 --seed 1`: fuzzed bundles, notes, proofs, requests; exit 1 if one of them passed.

`--flips 3000` flips so many single bits of each of two ledger files instead (`tests/tampering/test_bit_flips.py`).
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

from tests.fuzz.cases import WEIGHTS
from tests.fuzz.harness import Tally, run
from tests.fuzz.seeds import make


def main() -> int:
    """0 if no case failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000, help="how many, of those that may never be good")
    parser.add_argument("--seed", default="1", help="the same seed gives the same mutations")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kind", action="append", choices=list(WEIGHTS), help="only these; may be given again")
    parser.add_argument(
        "--artefacts", type=Path, metavar="DIR",
        help="keep the seeds there, or use those that are there: signatures by ML-DSA-44 and certificates are random, "
        "so that only the same seeds give a case again byte for byte",
    )  # fmt: skip
    parser.add_argument("--flips", type=int, help="bit flips of ledger files instead")
    asked = parser.parse_args()
    if asked.flips:
        return _flips(asked.flips, asked.seed)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fuzz-seeds-") as folder:
        if asked.artefacts is not None:
            folder = str(asked.artefacts)
            asked.artefacts.mkdir(exist_ok=True)
        if not Path(folder, "policy").exists():
            make(Path(folder))
        tally = run(Path(folder), asked.seed, asked.cases, workers=asked.workers, kinds=asked.kind or tuple(WEIGHTS))
    _print(tally, asked.seed, time.monotonic() - began)
    return 1 if tally.failures else 0


def _print(tally: Tally, seed: str, seconds: float) -> None:
    by_how: dict[tuple[str, str], Counter[str]] = {}
    for (kind, how, outcome), count in tally.counts.items():
        by_how.setdefault((kind, how.partition(":")[0]), Counter())[outcome] += count
    print(f"{'kind':8} {'how':9} {'refused':>8} {'found':>8} {'read':>8} {'same':>8}")
    for (kind, how), counts in sorted(by_how.items()):
        row = " ".join(f"{counts[outcome]:8}" for outcome in ("refused", "found", "read", "same"))
        print(f"{kind:8} {how:9} {row}")
    others = tally.counts.total() - tally.counted
    print(
        f"{tally.counted} cases of seed {seed} in {seconds:.0f} s ({others} more say what a seed says); the slowest "
        f"took {tally.slowest:.2f} s of the processor; a process had {tally.memory / 2**20:.0f} MB at most; "
        f"{len(tally.failures)} failed"
    )
    for failure in tally.failures:
        print(*failure, sep="\t", file=sys.stderr)


def _flips(many: int, seed: str) -> int:
    from tests.tampering.ledgers import build
    from tests.tampering.test_bit_flips import grown, unseen

    with tempfile.TemporaryDirectory(prefix="fuzz-flips-") as folder:
        for path in (build(Path(folder) / "settled.db", commands=6), grown(Path(folder) / "grown.db")):
            bits = Random(f"{seed}/{path.name}").sample(range(8 * path.stat().st_size), many)
            passed = unseen(path, bits)
            found = many - passed.total()
            print(f"{path.name}: of {many} bits {found} are found, and the others change nothing: {dict(passed)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
