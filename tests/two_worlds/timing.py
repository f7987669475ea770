"""`python -m tests.two_worlds.timing [PAIRS]`: whether masked people could tell the worlds apart by an answer's time.

Both worlds are served in one process, and asked in turn: a pair is one request to each, the first of them by turns.
For each kind of request the medians and their difference are printed, in milliseconds. It ends with 1 where a
difference is 1 ms or more, and where the control, an answer that takes 2 ms longer in one world, is not found.
"""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from fastapi.testclient import TestClient

from tests.api.server.people import NAME, bearer
from tests.two_worlds.over_http import desk_of
from tests.two_worlds.protocols import PROTOCOLS
from tests.two_worlds.scenes import SCENES, story
from tests.two_worlds.worlds import two_worlds

LIMIT: Final = 1.0
"""Milliseconds between two medians."""
_ALL: Final = [(name, number % 4, number % 7) for number, name in enumerate(sorted(SCENES))]
_ASKED: Final = (
    ("a view", "GET", f"/v1/trials/{NAME}/views/subjects", None),
    ("a view that is refused", "GET", f"/v1/trials/{NAME}/views/exposure", None),
    ("a page", "GET", f"/t/{NAME}/subjects", None),
    ("the trail", "GET", f"/v1/trials/{NAME}/audit", None),
    ("an earlier position", "GET", f"/v1/trials/{NAME}/views/subjects?as_of=9", None),
    ("a command that is refused", "POST", f"/v1/trials/{NAME}/commands", b'{"id":"t-1","type":"record-visit"}'),
)

Asking = Callable[[], object]


def milliseconds(ask: Asking) -> float:
    begun = time.perf_counter()
    ask()
    return (time.perf_counter() - begun) * 1e3


def compared(pairs: int, one: Asking, other: Asking) -> tuple[float, float]:
    """The medians of both."""
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(pairs):
        for place in (0, 1) if number % 2 else (1, 0):
            taken[place].append(milliseconds(one if place == 0 else other))
    return statistics.median(taken[0]), statistics.median(taken[1])


def asking(client: TestClient, method: str, path: str, body: bytes | None) -> Asking:
    headers = bearer("investigator-1") | ({} if body is None else {"content-type": "application/json"})
    return lambda: client.request(method, path, headers=headers, content=body)


def slower(ask: Asking) -> None:
    time.sleep(0.002)
    ask()


def main(pairs: int) -> int:
    """Print the differences; 0 where all are small, and the control is not."""
    told, worst = PROTOCOLS["no intervention"], 0.0
    with TemporaryDirectory() as folder, two_worlds(Path(folder), told, story(told, _ALL)) as worlds:
        clients = [desk_of(world).client for world in worlds]
        for name, method, path, body in _ASKED:
            one, other = (asking(client, method, path, body) for client in clients)
            for ask in (one, other):
                ask()
            medians = compared(pairs, one, other)
            difference = abs(medians[0] - medians[1])
            worst = max(worst, difference)
            print(f"{name}: {medians[0]:.3f} and {medians[1]:.3f} ms, {difference:.3f} apart, of {pairs} pairs")
        one, other = (asking(client, "GET", f"/v1/trials/{NAME}", None) for client in clients)
        medians = compared(min(pairs, 200), one, lambda: slower(other))
        control = abs(medians[0] - medians[1])
        print(f"control: {control:.3f} ms apart")
    return 0 if worst < LIMIT <= control else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000))
