"""R, where it is installed with its package survival: a third implementation, written by others for this very field."""

import shutil
import subprocess
from collections.abc import Iterable
from functools import cache

import pytest


@cache
def _missing() -> str | None:
    rscript = shutil.which("Rscript")
    if rscript is None:
        return "Rscript is not installed"
    probe = [rscript, "-e", "quit(status = !requireNamespace('survival', quietly = TRUE))"]
    return "R has no package survival" if subprocess.run(probe, capture_output=True, check=False).returncode else None


def run_r(script: str) -> list[list[str]]:
    """What a script prints, as words by line; the test is skipped, and says why, where R is not there."""
    if (missing := _missing()) is not None:
        pytest.skip(f"{missing}: compared with lifelines, scipy and statsmodels alone")
    done = subprocess.run(
        ["Rscript", "--vanilla", "-"], input=script, capture_output=True, text=True, check=True, timeout=120
    )
    return [line.split() for line in done.stdout.splitlines()]


def vector(values: Iterable[float | int | bool]) -> str:
    """The values as R writes a vector."""
    return f"c({', '.join(str(int(v) if isinstance(v, bool) else v) for v in values)})"


def number(word: str) -> float | None:
    """A number that R printed; None for NA and infinities."""
    return None if word in ("NA", "NaN", "Inf", "-Inf") else float(word)
