"""How a portfolio grows: many trials for real, on a PostgreSQL server of its own and in files; what one event costs.

    python -m tests.portfolio.scale [--trials 100] [--events 300] [--files 10] [--long 10000] [--json]

1. `--trials` trials of `--events` events each: so many in files, the rest over two databases of one server (the wheel's
   PostgreSQL, without fsync, so that nothing here is a measure of durable appends). A process of its own serves them.
2. One trial of `--long` events, in a database and in a file: what folding and verifying of such a one take.
3. What stands on paper in `docs/portfolio.md` is made from these by the factors that are said there.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from api.bootstrap import viewing
from ledger.domain.vocabulary import Role
from ledger.keys.file import load_keys
from ledger.recording.postgres.connecting import close_pools
from ledger.verifying.fast import verify_fast
from projections.runner import views_folder
from tests import postgres
from tests.portfolio.growing import grown_at, grown_in

_VIEWS: Final = ("duties", "enrolment", "open-adverse-events", "deviations", "serious-events")


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.portfolio.scale", description=__doc__)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--events", type=int, default=300)
    parser.add_argument("--files", type=int, default=10)
    parser.add_argument("--long", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve is not None:
        print(json.dumps(_served(asked.serve)))
        return
    with TemporaryDirectory() as folder, postgres.server() as server:
        os.environ["TRIAL_LEDGER_HOME"] = str(Path(folder) / "home")
        with postgres.database(server, "one") as one, postgres.database(server, "two") as two:
            found = _measured(Path(folder), (one, two), server, asked)
            close_pools()
    if asked.json:
        print(json.dumps(found, indent=1))
        return
    for name, value in found.items():
        print(f"{name:<58} {value:>12,}" if isinstance(value, int) else f"{name:<58} {value:>12.3f}")


def _measured(folder: Path, urls: tuple[str, str], server: postgres.Server, asked: Any) -> dict[str, float | int]:
    found: dict[str, float | int] = {"trials": asked.trials, "events of each": asked.events}
    began = time.perf_counter()
    files = {f"file-{n:04d}": grown_at(folder / f"file-{n:04d}", asked.events) for n in range(asked.files)}
    placed = {f"trial-{n:04d}": n % 2 for n in range(asked.trials - asked.files)}
    links = [grown_in(urls[place], name, asked.events) for name, place in placed.items()]
    found["building them, s"] = time.perf_counter() - began
    for url in urls:
        server.run("VACUUM ANALYZE", "CHECKPOINT", database=_database(url))
    in_databases = sum(_bytes(server, url) for url in urls)
    found["bytes in PostgreSQL an event, short trials"] = in_databases / (len(links) * asked.events)
    if files:
        in_files = sum(path.stat().st_size for path in files.values())
        found["bytes in a file an event, short trials"] = in_files / (len(files) * asked.events)
    databases = "".join(f'"{n}" = "{url}"\n' for n, url in enumerate(urls))
    lines = "".join(f'{name} = "{place}"\n' for name, place in placed.items())
    (folder / "placement.toml").write_text(f"[databases]\n{databases}[trials]\n{lines}")
    listed = "".join(f'{name} = "{path}"\n' for name, path in files.items())
    (folder / "server.toml").write_text(f'placement = "placement.toml"\n[trials]\n{listed}')
    close_pools()
    for turn in ("first", "after a restart"):
        said = subprocess.run(
            [sys.executable, "-m", "tests.portfolio.scale", "--serve", str(folder / "server.toml")],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        found |= {f"{name}, {turn}": value for name, value in json.loads(said.splitlines()[-1]).items()}
    stored = [file.stat().st_size for path in (*links, *files.values()) for file in views_folder(path).glob("*")]
    found["bytes of kept views an event, short trials"] = sum(stored) / (asked.trials * asked.events)
    if asked.long:
        before = _bytes(server, urls[0])
        long = {"PostgreSQL": grown_in(urls[0], "long", asked.long), "a file": grown_at(folder / "long", asked.long)}
        server.run("VACUUM ANALYZE", "CHECKPOINT", database=_database(urls[0]))
        found["events of the long one"] = asked.long
        found["bytes in PostgreSQL an event"] = (_bytes(server, urls[0]) - before) / asked.long
        found["bytes in a file an event"] = long["a file"].stat().st_size / asked.long
        for name, path in long.items():
            found |= {f"{what}, {name}": value for what, value in _long(path, asked.long).items()}
    return found


def _long(path: Path, events: int) -> dict[str, float]:
    """What a long trial takes."""
    seen = viewing(path, Role.SPONSOR.value)

    def shown() -> None:
        for view in _VIEWS:
            seen.show(view, None, today="2026-01-01")

    found = {"folding what the portfolio needs, s": _timed(shown), "the same again, kept, s": _timed(shown)}
    found["bytes of kept views an event"] = sum(one.stat().st_size for one in views_folder(path).glob("*")) / events
    with closing(load_keys(path)) as keys:
        found["verifying it, s"] = _timed(lambda: verify_fast(path, keys=keys))
    return found


def _served(settings: Path) -> dict[str, float | int]:
    """What a server of them takes, in a process of its own."""
    from fastapi.testclient import TestClient

    from api.server.composing import Server
    from api.server.settings import Settings
    from tests.api.server.people import People, bearer
    from tests.portfolio.placing import person_of

    people = People([])
    found: dict[str, float | int] = {"memory before, MiB": _memory()}
    began = time.perf_counter()
    server = Server(Settings.load(settings), identity=people)
    found["starting, s"] = time.perf_counter() - began
    people._people["sponsor-1"] = person_of(dict.fromkeys(server.trials.names, Role.SPONSOR))
    client = TestClient(server.app)
    sizes = set()

    def portfolio() -> None:
        until = time.monotonic() + 600
        while True:
            answer = client.get("/v1/portfolio", headers=bearer("sponsor-1")).json()
            sizes.add(len(answer["trials"]))
            if answer["complete"]:
                return
            assert time.monotonic() < until

    found["portfolio, cold, s"] = _timed(portfolio)
    found["portfolio, warm, s"] = min(_timed(portfolio) for _ in range(3))
    found["page of it, warm, s"] = _timed(lambda: client.get("/portfolio", headers=bearer("sponsor-1")))
    found["memory after, MiB"] = _memory()
    found["connections"] = _connections(settings)
    for name in list(server.trials.names):
        client.get(f"/t/{name}", headers=bearer("sponsor-1"))
    found["memory after each overview, MiB"] = _memory()
    found["connections after each overview"] = _connections(settings)
    assert max(sizes) == len(server.trials)
    server.close()
    return found


def _connections(settings: Path) -> int:
    import psycopg

    from api.server.placement import load

    url = next(iter(load(settings.with_name("placement.toml")).databases.values())).url
    with psycopg.connect(url) as db:
        row = db.execute("SELECT count(*) FROM pg_stat_activity WHERE datname LIKE 'test%'").fetchone()
    assert row is not None
    return int(row[0]) - 1


def _bytes(server: postgres.Server, url: str) -> int:
    sizes = "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c JOIN pg_namespace n "
    sizes += "ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND n.nspname IN ('open_book', 'sealed_book')"
    return int(server.run(sizes, database=_database(url))[0][0])


def _database(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


def _memory() -> int:
    """MiB that this process has in memory."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) // 1024


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
