"""Two worlds by the hundred: `python -m tests.two_worlds.soak [STORIES] [--seed N]`.

Each story (200 without a number) is longer than those of the tests, and told under either protocol in turn; of every
tenth all that there is is looked at, through the command line as well. Stops at the first story whose worlds can be
told apart, naming it and where; the same seed tells the same stories.
"""

import argparse
import sys
import time
from random import Random, SystemRandom
from typing import Final

from tests.two_worlds.differences import told_apart
from tests.two_worlds.protocols import PROTOCOLS
from tests.two_worlds.scenes import OPENED, SCENES, story

STORIES: Final = 200
_LONGEST: Final = 30


def main(arguments: list[str] | None = None) -> int:
    """0 if no story was told apart, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m tests.two_worlds.soak", description=__doc__)
    parser.add_argument("stories", nargs="?", type=int, default=STORIES, help=f"how many stories ({STORIES})")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6))
    asked = parser.parse_args(arguments)
    begun = time.monotonic()
    for number in range(asked.stories):
        random = Random(f"{asked.seed}/{number}")
        name = sorted(PROTOCOLS)[number % len(PROTOCOLS)]
        scenes = [
            (random.choice(sorted(SCENES)), random.randrange(4), random.randrange(7))
            for _ in range(random.randint(3, _LONGEST))
        ]
        if random.random() < 0.1:
            scenes.append((OPENED, 0, 0))
        found = told_apart(PROTOCOLS[name], story(PROTOCOLS[name], scenes), thorough=number % 10 == 9)
        if found:
            print(f"told apart (seed {asked.seed}, story {number}, {name}): {scenes}", file=sys.stderr)
            print("\n".join(found[:20]), file=sys.stderr)
            return 1
        if number % 10 == 9:
            print(f"{number + 1} stories, {time.monotonic() - begun:.0f} s", file=sys.stderr)
    print(f"{asked.stories} stories, each the same in both worlds (seed {asked.seed})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
