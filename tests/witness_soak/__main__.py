"""`python -m tests.witness_soak --rounds 1000 --seed 1`: kills and restarts; then the control, which must be caught."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.witness_soak.rounds import Rounds


def main() -> int:
    """0 if the witness never cosigned two histories and the careless one did."""
    parser = argparse.ArgumentParser(prog="python -m tests.witness_soak")
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    verdicts = []
    for careless, rounds in ((False, arguments.rounds), (True, min(100, arguments.rounds))):
        with tempfile.TemporaryDirectory(prefix="witness-soak-") as folder:
            begun = time.monotonic()
            done = Rounds(Path(folder), arguments.seed, careless).run(rounds)
            print(
                f"{'control' if careless else 'witness'}: {done.rounds} rounds in {time.monotonic() - begun:.0f} s,"
                f" {done.answers} cosignatures, {done.unanswered} requests cut off,"
                f" {done.kept_unanswered} checkpoints kept and never answered: {done.problem or 'one history'}",
                flush=True,
            )
        verdicts.append(bool(done.problem) == careless)
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
