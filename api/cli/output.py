"""How commands of the command line speak: results on stdout, progress and errors on stderr, and the exit codes.

- 0 good, 1 verification failed, 2 usage, 3 input or I/O. Only `verify` and `demo` ever end with 1.
- 130 interrupted, 141 whoever read the output went away, 70 a fault of the program itself: it keeps its traceback.
- JSON and CSV are UTF-8 whatever the locale is. What people read has its control characters escaped: a refused line
  must not be able to move the cursor of whoever reads why.
"""

import io
import json
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, NoReturn

GOOD: Final = 0
VERIFICATION_FAILED: Final = 1
USAGE: Final = 2
INPUT: Final = 3
FAULT: Final = 70
INTERRUPTED: Final = 130
NOBODY_READS: Final = 141

# C0 but tab and newline, DEL, C1, and what changes the direction of a line.
_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Terminated(KeyboardInterrupt):
    """Somebody ends the program, by another signal than that of Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def printable(text: str) -> str:
    """`text` with control characters written as escapes."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def say(text: str) -> None:
    """A line for people, on stderr, where progress belongs."""
    _line(sys.stderr, text)


def tell(text: str) -> None:
    """A line for people, on stdout, where results belong."""
    _line(sys.stdout, text)


def fail(message: str, code: int = INPUT) -> NoReturn:
    """End with one clear sentence on stderr."""
    say(f"error: {message}")
    raise SystemExit(code)


def print_json(value: Any) -> None:
    """One JSON document on stdout, in one line."""
    print_bytes((json.dumps(value, ensure_ascii=False) + "\n").encode())


def print_bytes(data: bytes) -> None:
    """These bytes on stdout, and nothing else."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def print_pieces(pieces: Iterable[str]) -> None:
    """Text on stdout, as UTF-8, piece by piece."""
    sys.stdout.flush()
    for piece in pieces:
        sys.stdout.buffer.write(piece.encode())
    sys.stdout.buffer.flush()


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table for people, on stdout."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # Text, not str: in a str rich would take "[…]" for its mark-up.
    table = Table(title=Text(printable(title)), title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(Text(printable(column)), overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that is not UTF-8 gets escapes, not an error
    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    with console.capture() as shown:  # printed by ourselves: rich ends with 1 where nobody reads
        console.print(table)
    sys.stdout.write(shown.get())
    sys.stdout.flush()


@contextmanager
def errors_named() -> Iterator[None]:
    """Known failures become one sentence and an exit code; what is unknown keeps its traceback, and is no verdict."""
    from ledger.keys.file import KeysError
    from ledger.proof.canonical import CanonicalError
    from ledger.proof.evidence import EvidenceError
    from ledger.proof.ledger_file import LedgerFileError
    from ledger.recording.engine import StorageError
    from ledger.recording.reader import AsOfError

    try:
        yield
        sys.stdout.flush()
    except AsOfError as error:
        fail(str(error), USAGE)
    except (LedgerFileError, KeysError, CanonicalError, EvidenceError, StorageError) as error:
        fail(str(error))
    except BrokenPipeError:
        _let_go_of_output()
        raise SystemExit(NOBODY_READS) from None
    except KeyboardInterrupt as error:
        code = 128 + error.number if isinstance(error, Terminated) else INTERRUPTED
        fail("interrupted; what was recorded before stays recorded", code)
    except OSError as error:
        if error.filename is None and error.strerror is not None:  # no file that we opened: it is the output
            _let_go_of_output()
            fail(f"the output cannot be written: {error.strerror}")
        fail(f"{error.filename}: {error.strerror}" if error.strerror else str(error))
    except Exception:
        traceback.print_exc()
        fail("this is a fault of trial-ledger itself, and says nothing about the ledger; please report it", FAULT)


class Steps:
    """How far something has come, for a progress bar."""

    def __init__(self, show: Callable[[int, int], None]) -> None:
        self._show = show
        self._done = 0

    def __call__(self) -> None:
        """One step further."""
        self.reach(self._done + 1, 0)

    def reach(self, done: int, total: int) -> None:
        """So many steps are done, of `total` (0: as was said before)."""
        self._done = done
        self._show(done, total)


@contextmanager
def progress(title: str, total: int | None, *, shown: bool = True) -> Iterator[Steps]:
    """A progress bar on stderr, where that is a terminal."""
    if not shown or not sys.stderr.isatty():
        yield Steps(lambda *_: None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield Steps(lambda done, all_: bar.update(task, completed=done, total=all_ or total))


def _line(stream: Any, text: str) -> None:
    encoding = stream.encoding or "utf-8"
    shown = printable(text).encode(encoding, "backslashreplace").decode(encoding)
    print(shown, file=stream, flush=True)


def _let_go_of_output() -> None:
    """Whatever is still buffered goes nowhere, so that the interpreter does not trip over it when it ends."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
