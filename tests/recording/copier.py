"""Copies that are killed: at full length (`soak.py`) a hundred of them each way.

Run as a program, it is the one that is killed: it says when it begins, and copies a few rows a batch.
"""

import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from ledger.proof.link import Link
from ledger.recording.copying import copy_rows, origin_and_books, target_of
from ledger.recording.stores import IN_FILE, open_books
from tests.recording.ledgers import KEYS, ORIGIN, append

BATCH = 7


def copy(source: Path, target: Path, link: Link | None, *, batch: int = BATCH) -> None:
    """Copy to the end, and give the copy its name."""
    origin, books = origin_and_books(source)
    made = target_of(target, link, origin, books)
    try:
        copy_rows(source, made, batch=batch)
        made.finish()
    finally:
        made.close()


def killed_until_done(source: Path, target: Path, link: Link | None, kills: int, seed: int) -> int:
    """Start a copy, kill it after a while, start it again; `kills` times, then to its end. How often it died."""
    story, died = Random(seed), 0
    words = [sys.executable, "-m", "tests.recording.copier", str(source), str(target)]
    for _ in range(kills):
        if target.exists():
            break
        more = [] if link is None else [link.url, link.trial, link.origin]
        with subprocess.Popen([*words, *more], stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(story.random() * 0.15)
            child.send_signal(signal.SIGKILL)
            died += child.wait() == -signal.SIGKILL
    if not target.exists():
        copy(source, target, link)
    return died


def story(path: Path, commands: int) -> None:
    """A ledger with both books in a file."""
    IN_FILE.create(path, ORIGIN)
    books = open_books(path, keys=KEYS)
    for number in range(commands):
        streams = [(f"s{number % 50}", number // 50 + 1), (f"t{number}", 1)]
        books.append(append(books, f"c-{number}", streams, ["arm"] * (number % 3)))
    books.close()


def soak(url: str, kills: int = 100) -> None:
    """So many kills each way."""
    from ledger.verifying.fast import verify_fast

    with TemporaryDirectory() as folder:
        start, there, back = (Path(folder) / name for name in ("start.db", "there", "back.db"))
        story(start, 3000)
        out = killed_until_done(start, there, Link(url, f"killed-{Path(folder).name}", ORIGIN), kills, 1)
        home = killed_until_done(there, back, None, kills, 2)
        roots = {(report.root, report.sealed.root) for report in map(verify_fast, (start, there, back)) if report.ok}
        assert len(roots) == 1, "the copies differ, or one does not verify"
        print(f"killed {out} times on the way there and {home} times on the way back: the same roots", flush=True)


def main() -> None:
    """The one that is killed."""
    source, target, *rest = sys.argv[1:]
    print("begins", flush=True)
    copy(Path(source), Path(target), Link(*rest) if rest else None)


if __name__ == "__main__":
    main()
