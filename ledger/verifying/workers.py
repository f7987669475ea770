"""Two processes share the open book: one takes blocks from its beginning on, the other from its end back.

A pipe holds a token for each block; whoever takes one reads its next block, so that both end at the same time, whatever
else their cores have to do. What each has read is then one run, and the two runs are joined.

The other process reads its task from its input, and writes its run to its output. Both are our own and of the same
user, so what they tell each other is pickled.
"""

import gc
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ledger.verifying.blocks import Blocks
from ledger.verifying.reading import open_snapshot
from ledger.verifying.run import Run, give_up

BLOCK: Final = 1 << 14
"""Entries in a block: a power of two, so that each is a perfect subtree."""
_TOKEN: Final = 8
_PIPE: Final = 1 << 12
"""No more tokens than a pipe takes without a reader (65,536 bytes on Linux, 16,384 elsewhere): blocks grow instead."""

Taken = Callable[[int], None]
"""Called with the number of blocks that were taken so far, by whomever."""


@dataclass(frozen=True, slots=True)
class Task:
    """What to read."""

    path: Path
    origin: str
    """As entries have it."""
    size: int
    block: int
    closed: bool
    """No keys are held."""
    wanted: Collection[int]
    compiled: bool = True

    @property
    def blocks(self) -> int:
        return -(-self.size // self.block)


def block_for(size: int, block: int = BLOCK) -> int:
    """How many entries a block has in a book of this size."""
    while -(-size // block) * _TOKEN > _PIPE:
        block *= 2
    return block


def read_alone(task: Task, taken: Taken) -> Run:
    """The whole book, in this process. Raises GiveUp, or whatever else went wrong."""
    run, _ = _read(task, iter(range(task.blocks)), taken, backwards=False)
    assert run is not None
    return run


def read_together(task: Task, taken: Taken) -> Run:
    """The whole book, by two processes. Raises GiveUp, or whatever else went wrong."""
    tokens, entrance = os.pipe()
    try:
        os.write(entrance, b"".join(number.to_bytes(_TOKEN, "big") for number in range(task.blocks)))
        os.close(entrance)
        with _other(task, tokens) as other:
            run, count = _read(task, _tokens(tokens), taken, backwards=False)
            answer, _ = other.communicate()
    finally:
        os.close(tokens)
    if other.returncode != 0 or not answer:
        give_up("the other process found something, or failed")
    theirs: Run | None
    theirs, their_count = pickle.loads(answer)
    if count + their_count != task.blocks:
        give_up("a block was read by nobody")
    if run is None or theirs is None:
        run = run or theirs  # one of them has read all
        assert run is not None
        return run
    return run.join(theirs)


def _read(task: Task, tokens: Iterator[int], taken: Taken, *, backwards: bool) -> tuple[Run | None, int]:
    """The run of all blocks that were taken, and how many these are."""
    connection = open_snapshot(task.path)
    run: Run | None = None
    count = 0
    collecting = gc.isenabled()
    gc.disable()  # nothing here refers to itself in a circle
    try:
        blocks = Blocks(connection, task.origin, closed=task.closed, compiled=task.compiled)
        for token in tokens:
            taken(token)
            start = (task.blocks - 1 - count if backwards else count) * task.block
            read = blocks.read(start, min(start + task.block, task.size), task.wanted)
            run = read if run is None else read.join(run) if backwards else run.join(read)
            count += 1
    finally:
        connection.close()
        if collecting:
            gc.enable()
    return run, count


def _tokens(pipe: int) -> Iterator[int]:
    while token := os.read(pipe, _TOKEN):
        yield int.from_bytes(token, "big")


@contextmanager
def _other(task: Task, tokens: int) -> "Iterator[subprocess.Popen[bytes]]":
    """The other process, at work; it is gone afterwards."""
    home = str(Path(__file__).resolve().parents[2])
    # -P: nothing is imported from the folder that one happens to stand in.
    command = [
        sys.executable,
        "-P",
        "-c",
        f"import sys; sys.path.insert(0, {home!r}); from {__name__} import main; main()",
    ]
    other = subprocess.Popen(
        [*command, str(tokens)], pass_fds=[tokens], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert other.stdin is not None
        pickle.dump(task, other.stdin)
        other.stdin.flush()
        yield other
    finally:
        other.kill()
        other.communicate()


def main() -> None:
    """The other process."""
    task = pickle.load(sys.stdin.buffer)
    found = _read(task, _tokens(int(sys.argv[1])), lambda _: None, backwards=True)
    sys.stdout.buffer.write(pickle.dumps(found))
