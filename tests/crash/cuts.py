"""Power cuts: the real recorder writes on a recorded disk; after a cut anywhere, what was acknowledged is there.

`synchronous=OFF` is the control: on the same disk, with the same cuts, it must lose acknowledged appends. If it did
not, the simulation could not find loss, and its good news would mean nothing.
"""

from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

import apsw

from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.sealed import command_mark
from ledger.recording.sqlite import SQLiteBooks
from tests.crash.disk import Disk, Operation, recorded_disk
from tests.crash.whole import Watch
from tests.crash.writer import EVERY, Answer, Writer
from tests.recording.ledgers import KEY, append, new_ledger, open_books

APPENDS: Final = 60
CUTS_A_STORY: Final = 50
CHECKPOINT_PAGES: Final = 40
"""Far below the default, so that checkpoints and restarts of the log are cut through too."""


@dataclass
class Cut:
    """What a series of power cuts met."""

    cuts: int = 0
    acknowledged: int = 0
    lost: int = 0
    """Cuts after which an acknowledged append was missing, or the ledger was not whole."""
    checkpoints: int = 0
    first: str = ""
    """What was wrong after the first of the lost ones."""


@dataclass(frozen=True)
class Story:
    """A recorded run of the writer: the disk it began with, all that happened, and what was acknowledged."""

    start: dict[str, bytes]
    log: list[Operation]
    answers: list[Answer]


def series(folder: Path, cuts: int, seed: int, *, synchronous: str = "FULL") -> Cut:
    """Write, cut the power at `cuts` points, look after each."""
    total = Cut()
    for number in range(-(-cuts // CUTS_A_STORY)):
        random = Random(f"{seed} {number}")
        place = folder / f"story-{synchronous}-{seed}-{number}"
        place.mkdir()
        story = record(place, f"cut-{seed}-{number}", synchronous)
        total.checkpoints += sum(1 for each in story.log if each.kind == "sync" and each.file == "trial.db")
        _cut_through(story, place, min(CUTS_A_STORY, cuts - total.cuts), random, total)
    return total


def record(folder: Path, run: str, synchronous: str) -> Story:
    """Let the recorder write on a recorded disk; halfway it is closed and opened again."""
    path = new_ledger(folder)
    start = {path.name: path.read_bytes()}
    log: list[Operation] = []
    answers: list[Answer] = []
    with recorded_disk(log):
        for lane in range(2):
            books = open_books(path, every=EVERY, seed=lane)
            assert isinstance(books, SQLiteBooks)
            private = books._connection  # no setting of ours makes a recorder less durable: only this test can
            private.pragma("synchronous", synchronous)
            private.wal_autocheckpoint(CHECKPOINT_PAGES)
            writer = Writer(books, run, lane)
            for _ in range(APPENDS // 2):
                answers.append(writer.write())
                log.append(Operation("told"))
            books.close()
    return Story(start, log, answers)


def _cut_through(story: Story, folder: Path, cuts: int, random: Random, total: Cut) -> None:
    disk, played = Disk(story.start), 0
    for point in sorted(random.choices(range(len(story.log) + 1), k=cuts)):
        for operation in story.log[played:point]:
            disk.play(operation)
        played = point
        told = sum(1 for operation in story.log[:point] if operation.kind == "told")
        total.cuts += 1
        total.acknowledged += told
        problem = _after(disk.cut(random), folder, story.answers[:told], story.answers[told : told + 1])
        if problem:
            total.lost += 1
            total.first = total.first or f"cut at {point} of {len(story.log)}: {problem}"


def _after(files: dict[str, bytes], folder: Path, told: list[Answer], underway: list[Answer]) -> str:
    """Put the files of a cut in place, open them, go on; what is wrong, or nothing."""
    for old in folder.iterdir():
        old.unlink()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    path = folder / "trial.db"
    try:
        books = open_books(path, every=EVERY)
    except LedgerFileError as error:
        return str(error)
    try:
        watch = Watch(path)
        grown = watch.check()
        for answer in told:
            found = grown.open.pop(answer.plan.id, 0), grown.sealed.pop(command_mark(KEY, answer.plan.id), 0)
            assert found == (answer.plan.open, answer.plan.sealed), f"{answer.plan.id} is lost"
        for answer in underway:
            found = grown.open.pop(answer.plan.id, 0), grown.sealed.pop(command_mark(KEY, answer.plan.id), 0)
            assert found in ((0, 0), (answer.plan.open, answer.plan.sealed)), f"{answer.plan.id} is not whole"
        assert not grown.open, "something that was never written"
        assert not grown.sealed, "something that was never written"
        books.append(append(books, "after", [("after", 1)], ["after"]))
        assert watch.check().open == {"after": 1}
    except (AssertionError, LedgerFileError, apsw.Error) as error:
        return str(error)
    finally:
        books.close()
    return ""
