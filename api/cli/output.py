"""How commands of the command line speak: results on stdout, progress and errors on stderr, four exit codes."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NoReturn

GOOD: Final = 0
VERIFICATION_FAILED: Final = 1
USAGE: Final = 2
INPUT: Final = 3


def say(text: str) -> None:
    """A line for people, on stderr, where progress belongs."""
    print(text, file=sys.stderr, flush=True)


def fail(message: str, code: int = INPUT) -> NoReturn:
    """End with one clear sentence on stderr."""
    print(f"error: {message}", file=sys.stderr, flush=True)
    raise SystemExit(code)


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table for people, on stdout."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    console.print(table)


@contextmanager
def errors_named() -> Iterator[None]:
    """Known failures become one sentence and exit code 3; what is unknown keeps its traceback."""
    from ledger.keys.file import KeysError
    from ledger.proof.canonical import CanonicalError
    from ledger.proof.ledger_file import LedgerFileError
    from ledger.recording.engine import StorageError
    from ledger.recording.reader import AsOfError

    try:
        yield
    except AsOfError as error:
        fail(str(error), USAGE)
    except (LedgerFileError, KeysError, CanonicalError, StorageError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename or 'file'}: {error.strerror or error}")


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
