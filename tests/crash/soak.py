"""Kill and cut off writers by the thousand: `python -m tests.crash.soak [--kills N] [--cuts N] [--seed N] [--json]`.

Without arguments 10,000 crash points: 8,000 power cuts and 2,000 kills. With one of the two numbers, only that one.
Stops at the first loss, naming seed and number; the same seed cuts the same way again, a kill at about that time.
"""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from random import SystemRandom
from typing import Final

from tests.crash import cuts, kills

KILLS: Final = 2_000
CUTS: Final = 8_000
_ROUND: Final = 200


def main(arguments: list[str] | None = None) -> int:
    """Run the batteries that are asked for; 0 if nothing was lost, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.soak", description=__doc__)
    parser.add_argument("--kills", type=int, help=f"how many writers to kill (alone {KILLS})")
    parser.add_argument("--cuts", type=int, help=f"how many power cuts to simulate (alone {CUTS})")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6))
    parser.add_argument("--json", action="store_true", help="one line of JSON on stdout at the end")
    asked = parser.parse_args(arguments)
    both = asked.kills is None and asked.cuts is None
    killed, cut = kills.Killed(), cuts.Cut()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="trial-ledger-soak-") as name:
        folder = Path(name)
        try:
            for number, count in _rounds(KILLS if both else asked.kills or 0):
                _add(killed, kills.battery(_new(folder, f"kill-{number}"), count, asked.seed + number))
                _progress(f"{killed.kills} kills, {killed.acknowledged} acknowledged appends", begun)
            for number, count in _rounds(CUTS if both else asked.cuts or 0):
                _add(cut, cuts.series(_new(folder, f"cut-{number}"), count, asked.seed + number))
                if cut.lost:
                    raise AssertionError(cut.first)
                _progress(f"{cut.cuts} power cuts, {cut.acknowledged} acknowledged appends", begun)
        except AssertionError as error:
            print(f"lost (seed {asked.seed}): {error}", file=sys.stderr)
            return 1
    crashes = killed.kills + cut.cuts
    if asked.json:
        print(json.dumps({"seed": asked.seed, "crashes": crashes, "kills": asdict(killed), "cuts": asdict(cut)}))
    else:
        print(f"{crashes} crashes, nothing acknowledged was lost (seed {asked.seed})")
    return 0


def _rounds(count: int) -> list[tuple[int, int]]:
    return [(start, min(_ROUND, count - start)) for start in range(0, count, _ROUND)]


def _new(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return folder / name


def _add(total: kills.Killed | cuts.Cut, more: kills.Killed | cuts.Cut) -> None:
    for name, value in vars(more).items():
        setattr(total, name, getattr(total, name) + value)


def _progress(text: str, begun: float) -> None:
    print(f"{text}, {time.monotonic() - begun:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
