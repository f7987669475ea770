"""What is served, by a real server process over the loopback address, beside a route that does nothing.

1. Latencies stand as microseconds, so that a ratio says how many times as long something takes; of POSTs the rates are
   compared. Rounds alternate, each of so many requests.
2. A page is 50 rows of a view, of a trial of `LARGE` events; the same of one of `SMALL` says what the size costs. Both
   are served at once, with their views at the head before anything is measured.
3. Listeners and slow connections are there while the same page is asked for as without them.
4. A POST records one command, durably. Whoever is named by a token is who asks: no token is verified here, on either
   side.
"""

import json
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from tests.api.server.operation.running import Running, serving
from tests.bench.empty_routes import ADDED
from tests.bench.load import Measured, load, request
from tests.bench.measure import Row
from tests.bench.trials import OF_DEMO, OF_EACH, build, subject

SMALL: Final = 10_000
LARGE: Final = 1_000_000
LISTENERS: Final = 100
SLOW: Final = 500
CLIENTS: Final = 64
PAGES: Final = {
    "subjects": "views/subjects?limit=50",
    "enrolment": "views/enrolment?limit=50",
    "audit": "audit?limit=50",
}
HTML: Final = {"subjects": "/t/trial/subjects", "overview": "/t/trial"}
UNCHANGED: Final = "http/unchanged page (304) vs empty route"
POSTS: Final = f"http/post by {CLIENTS} clients vs post that records nothing"
_WHO: Final = "sponsor-1"
_UNLIMITED: Final = {
    "TRIAL_LEDGER_RATES__PERSON_PER_MINUTE": "1000000000",
    "TRIAL_LEDGER_RATES__PERSON_BURST": "1000000000",
    "TRIAL_LEDGER_RATES__ADDRESS_PER_MINUTE": "1000000000",
    "TRIAL_LEDGER_RATES__ADDRESS_BURST": "1000000000",
    "TRIAL_LEDGER_VERIFY_MINUTES": "0",
    "TRIAL_LEDGER_LOG_LEVEL": "warning",
}
Ask = Callable[[], Measured]


def rows(folder: Path, *, quick: bool, wanted: Callable[[str], bool]) -> Iterator[Row]:
    """The rows about serving."""
    requests, rounds = (100, 2) if quick else (1000, 5)
    large, small = (5_000, 1_000) if quick else (LARGE, SMALL)
    if not any(map(wanted, _names(large, small))):
        return
    with ExitStack() as opened:
        one, other = (opened.enter_context(_served(folder, size)) for size in (large, small))
        empty = _asking(one, "/bench/empty", requests)
        for name, path in PAGES.items():
            address = f"/v1/trials/trial/{path}"
            ours, less = _asking(one, address, requests), _asking(other, address, requests)
            named = f"http/{name} page"
            yield from _compared(f"{named}, {large:,} vs {small:,} events", ours, less, rounds, wanted)
            yield from _compared(f"{named} vs empty route", ours, empty, rounds, wanted)
        for name, address in HTML.items():
            shown = _asking(one, address, requests)
            yield from _compared(f"http/HTML {name} vs empty route", shown, empty, rounds, wanted)
        page = f"/v1/trials/trial/{PAGES['subjects']}"
        if wanted(UNCHANGED):
            _, headers, _ = one.get(page, _WHO)
            unchanged = _asking(one, page, requests, status=304, if_none_match=headers["etag"])
            yield from _compared(UNCHANGED, unchanged, empty, rounds, wanted)
        ours = _asking(one, page, requests)
        for name, crowd in _CROWDS.items():
            yield from _beside(f"http/page beside {name} vs without", ours, partial(crowd, one), rounds, wanted)
        if wanted(POSTS):
            yield _posts(other, small, requests, rounds)


def _names(large: int, small: int) -> list[str]:
    """Of all rows; those of latencies have `, p50` or `, p99` after it."""
    return [
        *(f"http/{name} page, {large:,} vs {small:,} events" for name in PAGES),
        *(f"http/{name} page vs empty route" for name in PAGES),
        *(f"http/HTML {name} vs empty route" for name in HTML),
        UNCHANGED,
        *(f"http/page beside {crowd} vs without" for crowd in _CROWDS),
        POSTS,
    ]


@contextmanager
def _served(folder: Path, size: int) -> Iterator[Running]:
    """A server of a trial of that size, with its views at the head."""
    path = build(folder / f"served-{size}" / "trial.db", size)
    with serving(path, extra=ADDED, seconds=120, **_UNLIMITED) as server:
        _settled(server)
        yield server


def _asking(server: Running, path: str, requests: int, *, status: int = 200, **headers: str) -> Ask:
    """Asks for one address by one client, and sees that each time it is answered."""
    sent = request("GET", path, _WHO, None, accept="*/*", **headers)

    def ask() -> Measured:
        measured = load(server.port, lambda _: sent, clients=1, requests=requests)
        if measured.statuses != {status: requests}:
            raise SystemExit(f"{path}: answered {measured.statuses}, and not {status} each time")
        return measured

    return ask


def _compared(name: str, ours: Ask, theirs: Ask, rounds: int, wanted: Callable[[str], bool]) -> Iterator[Row]:
    """p50 and p99 of the two, in rounds that alternate."""
    if not wanted(name):
        return
    pairs = []
    for number in range(rounds + 1):
        first, second = (ours, theirs) if number % 2 else (theirs, ours)
        both = (first(), second()) if number % 2 else tuple(reversed((first(), second())))
        if number:
            pairs.append(both)
    yield from _rows(name, pairs)


def _beside(
    name: str, ours: Ask, crowd: Callable[[], AbstractContextManager[None]], rounds: int, wanted: Callable[[str], bool]
) -> Iterator[Row]:
    """p50 and p99 with a crowd there, and without."""
    if not wanted(name):
        return
    pairs = []
    for number in range(rounds + 1):
        without = ours()
        with crowd():
            time.sleep(1)  # until all of them were taken in
            among = ours()
        if number:
            pairs.append((among, without))
    yield from _rows(name, pairs)


def _rows(name: str, pairs: Sequence[tuple[Measured, ...]]) -> Iterator[Row]:
    for part in ("p50", "p99"):
        mine, others = [getattr(one, part) for one, _ in pairs], [getattr(other, part) for _, other in pairs]
        ratios = [a / b for a, b in zip(mine, others, strict=True)]
        yield Row(f"{name}, {part}", median(mine), median(others), "µs", median(ratios), min(ratios), max(ratios))


def _settled(server: Running, seconds: float = 3600.0) -> None:
    """Wait until the views are at the head, and every page was asked for once."""
    until = time.monotonic() + seconds
    while b'views_lag_entries{trial="trial"} 0.0' not in server.get("/metrics")[2]:
        if time.monotonic() > until:
            raise SystemExit("the views did not come to the head")
        time.sleep(0.5)
    for path in PAGES.values():
        status, _, body = server.get(f"/v1/trials/trial/{path}", _WHO)
        if status != 200:
            raise SystemExit(f"{path}: {status} {body[:300]!r}")


@contextmanager
def _listening(server: Running) -> Iterator[None]:
    """Clients that listen to what is recorded."""
    path, form = "/v1/trials/trial/events", "text/event-stream"
    sent = [request("GET", path, f"listener-{number % 20}", accept=form) for number in range(LISTENERS)]
    listeners = [server.connect(one) for one in sent]
    for one in listeners:
        if not (said := one.recv(4096)).startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"events: answered {said[:200]!r}")
    with _closing(listeners):
        yield


@contextmanager
def _slow(server: Running) -> Iterator[None]:
    """Clients that have begun a request and do not go on."""
    with _closing([server.connect(b"GET /v1/trials HTTP/1.1\r\nhost: b") for _ in range(SLOW)]):
        yield


@contextmanager
def _closing(clients: list[socket.socket]) -> Iterator[None]:
    try:
        yield
    finally:
        for one in clients:
            one.close()


def _posts(server: Running, size: int, requests: int, rounds: int) -> Row:
    """Commands that are recorded durably, beside POSTs of the same body of which nothing is."""
    count, made = requests * 2, iter(range(10**9))
    many = max(1, (size - OF_DEMO) // OF_EACH)

    def command(_: int) -> bytes:
        number = next(made)
        value = {
            "id": f"bench-{number}",
            "type": "report-deviation",
            "occurred_at": "2021-05-01T10:00:00+02:00",
            "data": {"category": "OTHER", "detail": "A visit was late.", "subject": subject(number % many)},
        }
        return json.dumps(value).encode()

    def posting(path: str) -> Ask:
        def ask() -> Measured:
            measured = load(
                server.port, lambda n: request("POST", path, _WHO, command(n)), clients=CLIENTS, requests=count
            )
            if not measured.statuses.keys() <= {200, 201}:
                _, _, body = server.ask("POST", path, _WHO, command(0), {"content-type": "application/json"})
                raise SystemExit(f"{path}: answered {measured.statuses}; {body[:500]!r}")
            return measured

        return ask

    ours, theirs = posting("/v1/trials/trial/commands"), posting("/bench/empty")
    pairs = [(ours().rate, theirs().rate) for _ in range(rounds + 1)][1:]
    ratios = [mine / other for mine, other in pairs]
    mine, others = (median(column) for column in zip(*pairs, strict=True))
    return Row(POSTS, mine, others, "1/s", median(ratios), min(ratios), max(ratios))


_CROWDS: Final = {f"{LISTENERS} listeners": _listening, f"{SLOW} slow connections": _slow}
