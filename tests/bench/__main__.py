"""`python -m tests.bench [--json | --markdown] [--quick] [--only PATTERN] [--dir DIR] …`: how fast, beside what.

Every comparison is made within one run, in rounds that alternate; a ratio is the median of the rounds' ratios, with
the lowest and the highest. Rates depend on the disk: give `--dir` a folder on the one that matters.
"""

import argparse
import fnmatch
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

from tests.bench import appends, postgres, reads, rebuilding, serving, verifying
from tests.bench.measure import Row


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--markdown", action="store_true", help="a table for the README")
    parser.add_argument("--quick", action="store_true", help="fewer events and rounds")
    parser.add_argument("--only", default="*", metavar="PATTERN", help="rows whose name has this in it (* matches any)")
    parser.add_argument("--dir", type=Path, default=Path(), help="where the files go while measuring (default: here)")
    parser.add_argument("--events", type=int, default=1_000_000, metavar="N", help="of the ledger that is verified")
    parser.add_argument("--fold", type=int, default=200_000, metavar="N", help="events of the ledger that is folded")
    parser.add_argument("--ledger", type=Path, metavar="FILE", help="verify this one, and make none")
    parser.add_argument(
        "--peers", type=Path, default=Path(sys.executable), metavar="PYTHON", help="has the packages to compare with"
    )
    asked = parser.parse_args()

    def wanted(name: str) -> bool:
        return fnmatch.fnmatchcase(name, f"*{asked.only}*")

    rows = []
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=asked.dir) as name:
        folder = Path(name)
        for row in _rows(folder, asked, wanted):
            print(_line(row), file=sys.stderr)
            rows.append(row)
    if asked.json:
        print(json.dumps({"machine": machine(), "rows": [row.as_json() for row in rows]}, indent=1))
    elif asked.markdown:
        print("\n".join(markdown(rows)))
    else:
        print(f"\n{described()}")
    return 0 if rows else 2


def _rows(folder: Path, asked: argparse.Namespace, wanted: Callable[[str], bool]) -> Iterator[Row]:
    yield from appends.rows(folder, quick=asked.quick, wanted=wanted)
    yield from postgres.rows(folder, quick=asked.quick, wanted=wanted)
    yield from reads.rows(folder, quick=asked.quick, wanted=wanted)
    yield from rebuilding.rows(folder, quick=asked.quick, wanted=wanted, count=asked.fold)
    yield from serving.rows(folder, quick=asked.quick, wanted=wanted)
    yield from verifying.rows(
        folder, quick=asked.quick, wanted=wanted, count=asked.events, ledger=asked.ledger, peers=asked.peers
    )


def machine() -> dict[str, str]:
    """What it was measured on."""
    processor = next(
        (
            line.partition(":")[2].strip()
            for line in _text("/proc/cpuinfo").splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    return {
        "processor": processor or platform.machine(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        **appends.versions(),
        "eventsourcing": version("eventsourcing"),
        "apsw": version("apsw"),
    }


def described() -> str:
    """The same in one sentence."""
    return "Measured on " + ", ".join(f"{name} {value}" for name, value in machine().items()) + "."


def markdown(rows: list[Row]) -> Iterator[str]:
    """The rows as a table, and below it what they were measured on."""
    yield "| what | ours | reference | ratio (lowest to highest) |"
    yield "|---|---:|---:|---|"
    for row in rows:
        if row.ratio is None or row.reference is None:
            yield f"| {row.name} | {row.ours:,.0f} {row.unit} | | {row.low:,.0f} to {row.high:,.0f} {row.unit} |"
        else:
            yield (
                f"| {row.name} | {row.ours:,.0f} {row.unit} | {row.reference:,.0f} {row.unit} "
                f"| x{row.ratio:.2f} (x{row.low:.2f} to x{row.high:.2f}) |"
            )
    yield ""
    yield described()


def _line(row: Row) -> str:
    if row.ratio is None or row.reference is None:
        return f"{row.name}: {row.ours:,.0f} {row.unit} ({row.low:,.0f} to {row.high:,.0f})"
    return (
        f"{row.name}: x{row.ratio:.2f} (x{row.low:.2f} to x{row.high:.2f}), "
        f"{row.ours:,.0f} beside {row.reference:,.0f} {row.unit}"
    )


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


if __name__ == "__main__":
    sys.exit(main())
