"""Verify a ledger of very many events by two processes, beside SHA-256 on one core, and beside other packages.

Events of 400 bytes in canonical JSON, of three types and shapes, in commands of one to seven; ten to a stream, and a
hundred streams at a time; an anchor in 256. Everything is checked: chain, tree, columns, commitments, payloads, and the
database.

1. The yardstick is SHA-256 of 450-byte messages on one core, by `openssl speed` (where there is one) and by hashlib:
   each round measures it, verifies, and takes the ratio of the two. Verifying is a process of its own, clocked within.
2. Memory is the resident set of all of its processes together, looked at 50 times a second; the largest is told.
3. Others are run by the Python that `--peers` names; what is not installed there is left out, and said so.
"""

import hashlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any, Final

from ledger.proof.canonical import encode
from ledger.proof.entry import Actor
from ledger.proof.sections import PLAIN
from ledger.recording.drafts import Append, CommandMark, Drafter
from ledger.recording.mapper import upkeep
from ledger.recording.sqlite import SQLiteBooks
from tests.bench.measure import Row, alone, compare
from tests.bench.peers import PEERS, SIZE
from tests.bench.processes import watched
from tests.recording.ledgers import KEYS, new_ledger

MESSAGE: Final = 450
EVERY: Final = 256
NAME: Final = "verify/everything, two processes"
_SIGNS: Final = "abcdefghij klmnop qrstuvw xyz ABCDEFGHIJ 0123456789,.;-"
_VERIFY: Final = (
    "import json, pathlib, sys, time; from ledger.verifying.fast import try_fast; begun = time.perf_counter(); "
    "report = try_fast(pathlib.Path(sys.argv[1])); spent = time.perf_counter() - begun; "
    "print(json.dumps({'seconds': spent, 'size': report.size + report.sealed.size if report else 0}))"
)


def build(path: Path, count: int) -> Path:
    """A ledger of `count` events, and the anchors. (Not durable while it is written: that is measured elsewhere.)"""
    new_ledger(path.parent, path.name)
    books = SQLiteBooks(path, keys=KEYS)
    books.upkeep = upkeep(books.origin, EVERY, books.randomness.open, KEYS)
    books._connection.execute("PRAGMA synchronous = OFF")
    random, versions, number, made = Random(1), dict[str, int](), 0, 0
    while made < count:
        of = min(1 + number % 7, count - made)
        command = CommandMark(f"cmd-{number:08d}", hashlib.sha256(f"{number}".encode()).hexdigest())
        actor = Actor(f"inv-{number % 40:02d}", f"site-{number % 10:02d}", "investigator")
        drafter, drafts = Drafter(books.origin, actor, command, books.randomness.open), []
        for n in range(of):
            subject = f"ES-{made // 1000 * 100 + made % 100:07d}"
            stream = f"subject/{subject}"
            version = versions[stream] = versions.get(stream, 0) + 1
            name, told = _told(made, subject, version)
            bare = len(encode({**told, "comment": ""}))
            payload = encode({**told, "comment": "".join(random.choices(_SIGNS, k=SIZE - bare))})
            drafts.append(drafter.draft(stream, version, name, [(PLAIN, payload)], n, of))
            made += 1
        books.append(Append(command, drafts))
        number += 1
    books.close()
    return path


def _told(number: int, subject: str, version: int) -> tuple[str, dict[str, Any]]:
    told = {"occurred_at": f"2020-05-06T10:{number % 60:02d}:00+02:00", "subject": subject, "visit": f"WEEK {version}"}
    match number % 3:
        case 0:
            vital = {"systolic": str(100 + number % 60), "diastolic": str(60 + number % 40), "pulse": 60 + number % 50}
            return "vital-signs.recorded/1", {**told, **vital, "position": "SITTING", "done": True, "reason": None}
        case 1:
            items = [{"code": code, "unit": "g/dL", "value": f"13.{number % 10}"} for code in ("HGB", "ALB")]
            return "lab.recorded/1", {**told, "items": items, "provenance": {"kind": "import", "row": number}}
        case _:
            term = "Kopfschmerz, mäßig" if number % 4 else "headache"
            return "adverse-event.reported/1", {**told, "term": term, "grade": number % 5 + 1, "serious": False}


def rows(
    folder: Path, *, quick: bool, wanted: Callable[[str], bool], count: int, ledger: Path | None, peers: Path
) -> Iterator[Row]:
    """The rows about verifying. `ledger`: one that is there already, else one of `count` events is made."""
    names = [f"{NAME} vs {reference}" for reference in ("SHA-256 (openssl)", "SHA-256 (hashlib)", *PEERS)]
    if not any(map(wanted, [*names, f"{NAME}, memory"])):
        return
    path = ledger if ledger is not None else build(folder / "verifying.db", count // (50 if quick else 1))
    rates: dict[str, list[float]] = {}
    memory, ours = list[float](), list[float]()
    for _ in range(2 if quick else 5):
        before = _yardsticks()
        rate, megabytes = verified(path)
        for name, after in _yardsticks().items():
            rates.setdefault(name, []).append((before[name] + after) / 2)
        ours.append(rate)
        memory.append(megabytes)
    for name, reference in rates.items():
        if wanted(f"{NAME} vs {name}"):
            yield compare(f"{NAME} vs {name}", "1/s", ours, reference)
    yield alone(f"{NAME}, memory", "MB", memory)
    for name in PEERS:
        if wanted(f"{NAME} vs {name}") and (their := _peer(name, folder, peers, 1_000 if quick else 20_000)):
            yield compare(f"{NAME} vs {name}", "1/s", ours, [their] * len(ours))


def verified(path: Path) -> tuple[float, float]:
    """Entries a second of one verification, and the largest memory in MB of all its processes together."""
    told, largest = watched(["-c", _VERIFY, str(path)])
    if not told["size"]:
        raise SystemExit(f"{path}: something is wrong in it, or unusual: the fast verifier gave up")
    return told["size"] / told["seconds"], largest


def _yardsticks() -> dict[str, float]:
    """Messages of 450 bytes that one core hashes in a second."""
    messages = [bytes(MESSAGE)] * 1000
    begun, spent, done = time.thread_time(), 0.0, 0
    while spent < 0.5:
        for each in map(hashlib.sha256, messages):
            each.digest()
        done += len(messages)
        spent = time.thread_time() - begun
    rates = {"SHA-256 (hashlib)": done / spent}
    try:
        asked = ["openssl", "speed", "-mr", "-seconds", "1", "-bytes", str(MESSAGE), "sha256"]
        told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
        last = next(line for line in told.splitlines() if line.startswith("+F"))
        rates["SHA-256 (openssl)"] = float(last.rpartition(":")[2]) / MESSAGE
    except (OSError, subprocess.CalledProcessError, StopIteration):
        print("openssl speed is not there: install openssl", file=sys.stderr)
    return rates


def _peer(name: str, folder: Path, python: Path, count: int) -> float | None:
    script = Path(__file__).with_name("peers.py")
    place = folder / name
    place.mkdir()
    run = subprocess.run([str(python), str(script), name, str(count), str(place)], capture_output=True, text=True)
    if run.returncode:
        why = run.stderr.strip().rpartition("\n")[2]
        print(f"{name}: left out ({why}); `pip install {name}` for {python}, or --peers PYTHON", file=sys.stderr)
        return None
    return float(run.stdout)
