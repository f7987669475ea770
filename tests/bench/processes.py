"""Work in a process of its own, watched: what it says at its end, and the largest memory of it and all it starts."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def watched(words: Sequence[str]) -> tuple[dict[str, Any], float]:
    """What Python prints, run with these words, as JSON; and MB (resident) of all its processes together."""
    process = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE)
    largest = 0.0
    while process.poll() is None:
        largest = max(largest, sum(map(_resident, _family(process.pid))))
        time.sleep(0.02)
    assert process.stdout is not None
    said = process.stdout.read()
    process.stdout.close()
    if process.returncode:
        raise SystemExit(f"{words[-1]}: ended with {process.returncode}")
    told: dict[str, Any] = json.loads(said)
    return told, largest


def _family(pid: int) -> list[int]:
    try:
        threads = Path(f"/proc/{pid}/task").iterdir()
        children = [child for thread in threads for child in (thread / "children").read_text().split()]
    except OSError:
        return []
    return [pid, *(each for child in children for each in _family(int(child)))]


def _resident(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 1e6
    except (OSError, IndexError):
        return 0.0
