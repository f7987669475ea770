"""The long battery of the cluster: all scenarios, and the control that has to lose some. Prints their figures."""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.cluster.cluster import Cluster, cluster, missing
from tests.cluster.scenarios import SCENARIOS, Scenario, without_waiting
from tests.cluster.writing import new_trial

CONTROL: Final = "control: asynchronous"
_HEAD: Final = ("scenario", "acknowledged", "recorded", "lost", "twice", "whole", "forks seen", "longest wait")


def main() -> None:
    """Run them; ends with a traceback where something does not hold."""
    parser = argparse.ArgumentParser(prog="tests.cluster.soak")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", choices=[*SCENARIOS, CONTROL])
    asked = parser.parse_args()
    lacking = missing()
    if lacking:
        print(f"the cluster is left out: it needs {lacking}")
        return
    with TemporaryDirectory() as folder, cluster() as made:
        print("| " + " | ".join(_HEAD) + " |\n" + "|---" * len(_HEAD) + "|", flush=True)
        for round_ in range(asked.rounds):
            for name, scenario in {**SCENARIOS, CONTROL: without_waiting}.items():
                if asked.only in (None, name):
                    _run(made, Path(folder), name, scenario, round_)


def _run(made: Cluster, folder: Path, name: str, scenario: Scenario, round_: int) -> None:
    told, found = scenario(made, new_trial(made, folder, f"{scenario.__name__.replace('_', '-')}-{round_}"))
    wait = f"{told.longest_wait():.1f} s"
    row = (
        name,
        len(told.acknowledged),
        found.recorded,
        found.lost,
        found.twice,
        f"{found.whole} of 3",
        told.forks,
        wait,
    )
    print("| " + " | ".join(map(str, row)) + " |", flush=True)
    if name == CONTROL:
        assert found.lost > 0, "the control lost nothing: so the others show nothing"
        assert told.forks > 0, "a failover that lost what was acknowledged was not noticed"
    else:
        assert (found.lost, told.forks) == (0, 0)
        assert found.recorded >= len(told.acknowledged)
    assert found.twice == 0
    assert found.whole == 3


if __name__ == "__main__":
    main()
