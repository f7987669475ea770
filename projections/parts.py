"""A long ledger folded in parts: by several processes, each of which reads the streams that it folds.

Rules
- A part is some streams. What a view makes of a stream depends on that stream alone (`projections/base.py`), so parts
  can be folded anywhere, in any order; a view of which that is not true says so (`in_parts`), and is folded by one.
- A pipe holds a token for each part; whoever takes one folds that part. This process does too, while it has nothing to
  write down: only it writes, in the one transaction of the fold, and nothing lies in any other file meanwhile.
- Each process opens a reader of its own, as this one's was opened: for the same books and classes, with keys that it
  reads from where they lie. No key and no fact is ever sent to it. What it folds ends at this one's position, and it
  folds nothing where its ledger has other entries up to there. Processes are ours, and of the same user, so what they
  tell each other is pickled.
- What a process does not give back, because it could not open the ledger, found something wrong or died, is folded
  here: so errors are those of one process alone, and so are the rows.
"""

import fcntl
import os
import pickle
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Full, Queue
from typing import IO, Final, Protocol, TypeAlias

from ledger.domain.vocabulary import Book
from ledger.recording.reader import Position
from projections.base import Audience, View
from projections.histories import History, visible
from projections.reading import Reader
from projections.store import Contribution

LONG: Final = 50_000
"""From how many facts on other processes fold along: to begin one takes as long as to fold some thousands."""
FACTS: Final = 1_000
"""In a part, unless it is a single stream: few enough to stay close to the processor while all views fold them."""
STREAMS: Final = 50
"""In a part of which nothing says how many facts it has."""
MOST: Final = 2
"""Processes, unless somebody asks for more: of a million facts, each takes a little less than 100 MB."""
_TOKEN: Final = 8
_PIPE: Final = 1 << 12
"""No more tokens than a pipe takes without a reader: parts grow instead."""
_WAITING: Final = 4
_LENGTH: Final = 8
_WIDE: Final = 1 << 20

_folding: Final = {audience: threading.Lock() for audience in Audience}

Folded: TypeAlias = tuple[int, list[list[Contribution]]]
"""How many facts a part has, and what each view makes of it."""


class OwnReader(Reader, Protocol):
    """A reader that is let go of by whoever opened it."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Others:
    """Processes that may fold along: how many at most, and how each opens its reader (what can be pickled)."""

    count: int
    open: Callable[[], OwnReader]


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be folded. `heads` are the leaf hashes at `stop`, of each book that is read."""

    views: Sequence[View]
    audience: Audience
    stop: Position
    heads: tuple[str, ...]
    parts: Sequence[Sequence[str]]


def processes() -> int:
    """How many processes fold where nobody says: as many as there are cores for this one, up to `MOST`."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(MOST, cores)


def fold(view: View, audience: Audience, histories: Iterable[History]) -> Iterator[Contribution]:
    """What each key contributes, in the order of the view's stored columns."""
    names = [column.name for column in view.columns(audience)]
    for history in histories:
        yield history.key, [tuple(map(row.get, names)) for row in view.rows(history)]


def parts_of(streams: Sequence[str], sizes: Counter[str]) -> list[list[str]]:
    """The streams in parts of about `FACTS` facts; `sizes`: how many facts each has, where that is known."""
    total = sum(sizes[stream] for stream in streams)
    most = max(FACTS, -(-2 * total // (_PIPE // _TOKEN)))
    parts: list[list[str]] = []
    room = 0
    for stream in streams:
        if room <= 0:
            parts.append([])
            room = most
        parts[-1].append(stream)
        room -= max(sizes[stream], 1) if total else FACTS // STREAMS
    return parts


def fold_part(reader: Reader, task: Task, part: Sequence[str]) -> Folded:
    """Fold one part for all views: what they share of a history is folded once."""
    sealed = task.audience is Audience.UNMASKED
    count, histories = 0, []
    for stream, facts in reader.stream_by_stream(part, task.stop):
        count += len(facts)
        histories.append(History(stream, tuple(visible(facts, sealed=sealed))))
    made = []
    for view in task.views:
        made.append(list(fold(view, task.audience, (known for known in histories if view.takes(known.key)))))
    return count, made


def heads_at(reader: Reader, stop: Position) -> tuple[str, ...]:
    """The leaf hashes at a position, of each book that is read."""
    heads = [reader.head_hash(Book.OPEN, stop.open)] if stop.open else []
    return (*heads, reader.head_hash(Book.SEALED, stop.sealed)) if stop.sealed else tuple(heads)


def fold_together(
    reader: Reader, task: Task, others: Others, write: Callable[[list[list[Contribution]]], None],
    read_elsewhere: Callable[[int], None] | None = None,
) -> None:  # fmt: skip
    """Fold all parts of the task, with others; `write` is called with what the views make of each, in any order."""
    tokens, entrance = os.pipe()
    with (
        _one_fold_at_a_time(task.audience) as free,
        _tokens_in(tokens, entrance, len(task.parts)),
        ExitStack() as stack,
    ):
        at_work = others.count if free else 0
        arriving = stack.enter_context(_at_work(task, others.open, at_work, tokens))
        missing = set(range(len(task.parts)))
        taking: Iterator[int] | None = _taken(tokens)
        while missing:
            try:
                # With nothing to fold, this waits for what others have under way; with nobody left, for nothing.
                answer = arriving.get(block=taking is None and at_work > 0)
            except Empty:
                number = next(taking, None) if taking is not None else min(missing)
                if number is None:
                    taking = None
                    continue
                write(fold_part(reader, task, task.parts[number])[1])
                missing.discard(number)
                continue
            if answer is None:
                at_work -= 1
                continue
            number, count, made = pickle.loads(answer)
            if number in missing:
                missing.discard(number)
                if read_elsewhere is not None:
                    read_elsewhere(count)
                write(made)


@contextmanager
def _one_fold_at_a_time(audience: Audience) -> Iterator[bool]:
    """Whether no other fold of the audience has others at work by us. (One audience never depends on the other's.)"""
    free = _folding[audience].acquire(blocking=False)
    try:
        yield free
    finally:
        if free:
            _folding[audience].release()


@contextmanager
def _tokens_in(tokens: int, entrance: int, count: int) -> Iterator[None]:
    try:
        os.write(entrance, b"".join(number.to_bytes(_TOKEN, "big") for number in range(count)))
        os.close(entrance)
        yield
    finally:
        os.close(tokens)


def _taken(tokens: int) -> Iterator[int]:
    while token := os.read(tokens, _TOKEN):
        yield int.from_bytes(token, "big")


@contextmanager
def _at_work(
    task: Task, open_reader: Callable[[], OwnReader], count: int, tokens: int
) -> "Iterator[Queue[bytes | None]]":
    """What the other processes give back, each part as it comes, and None when one has ended. They are gone then."""
    home = str(Path(__file__).resolve().parents[1])
    # -P: nothing is imported from the folder that one happens to stand in.
    begin = f"import sys; sys.path.insert(0, {home!r}); from {__name__} import main; main()"
    command = [sys.executable, "-P", "-c", begin, str(tokens)]
    arriving: Queue[bytes | None] = Queue(_WAITING * count)
    given = pickle.dumps((open_reader, task))
    processes, threads = [], []
    stopped = threading.Event()
    try:
        for _ in range(count):
            process = subprocess.Popen(
                command, pass_fds=[tokens], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
            processes.append(process)
            _widen(process.stdout)
            thread = threading.Thread(target=_carry, args=(process, given, arriving, stopped), daemon=True)
            threads.append(thread)
            thread.start()
        yield arriving
    finally:
        stopped.set()
        for process in processes:
            process.kill()
        for thread in threads:
            thread.join()
        for process in processes:
            process.wait()


def _widen(pipe: IO[bytes] | None) -> None:
    """Let a pipe hold what comes of a part, where that can be set: each piece of it costs our thread a turn."""
    if pipe is not None and hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _WIDE)


def _carry(
    process: "subprocess.Popen[bytes]", given: bytes, arriving: "Queue[bytes | None]", stopped: threading.Event
) -> None:
    """Hand a process its task, and on what it gives back; a reader's thread, so that no process waits for us."""
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdout as answers:
        try:
            with process.stdin as asking:
                asking.write(given)
            while (answer := _frame(answers)) is not None and not stopped.is_set():
                _put(arriving, answer, stopped)
        except OSError:
            pass  # it died; what it had taken is folded by us
        finally:
            _put(arriving, None, stopped)


def _put(arriving: "Queue[bytes | None]", answer: bytes | None, stopped: threading.Event) -> None:
    while not stopped.is_set():
        try:
            arriving.put(answer, timeout=0.1)
        except Full:
            continue
        return


def _frame(answers: IO[bytes]) -> bytes | None:
    head = answers.read(_LENGTH)
    if len(head) < _LENGTH:
        return None
    length = int.from_bytes(head, "big")
    body = answers.read(length)
    return body if len(body) == length else None


def main() -> None:
    """One of the other processes."""
    open_reader, task = pickle.load(sys.stdin.buffer)
    with closing(open_reader()) as reader, reader:
        if heads_at(reader, task.stop) != task.heads:
            return
        for number in _taken(int(sys.argv[1])):
            count, made = fold_part(reader, task, task.parts[number])
            answer = pickle.dumps((number, count, made))
            sys.stdout.buffer.write(len(answer).to_bytes(_LENGTH, "big") + answer)
            sys.stdout.buffer.flush()
