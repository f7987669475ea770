"""`show` and `rebuild`."""

import getpass
import os
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Final

from api.cli.ahead import note_if_ahead
from api.cli.output import INPUT, USAGE, errors_named, fail, print_json, print_pieces, print_table, progress, say, tell

LONGEST: Final = 10_000
"""Rows that are laid out as a table for people."""


@errors_named()
def show(
    view: str,
    ledger: Path,
    as_of: str | None,
    role: str,
    form: str,
    *,
    actor: str | None = None,
    org: str,
    sites: Sequence[str] = (),
    workers: int | None = None,
) -> None:
    """Print a view in one of three forms: json, csv, table. What is shown was read after the look was recorded."""
    from pydantic import ValidationError

    from api.access import Session, viewer_of
    from api.bootstrap import DeniedError, UnknownSiteError
    from api.workers import use

    use(workers)
    try:
        viewer = viewer_of(actor or whoever_runs_this(), role, org, frozenset(sites))
    except ValidationError:
        fail("--actor, --org: a pseudonym of printable ASCII without spaces, and an organisation in one line", USAGE)
    try:
        with progress(f"show {view}", None, shown=form != "json") as step:
            result = Session(ledger, viewer).show(view, as_of, progress=step.reach)
    except DeniedError as error:
        fail(str(error), INPUT)
    except UnknownSiteError as error:
        fail(f"--site: {error}", USAGE)
    note_if_ahead("--as-of", as_of)
    if form == "json":
        print_pieces(chain(result.json_pieces(), ["\n"]))
    elif form == "csv":
        print_pieces(result.csv_pieces())
    else:
        print_table(f"{result.title} (as {role})", *result.grid(LONGEST))
        if len(result.rows) > LONGEST:
            say(f"These are the first {LONGEST:,} of {len(result.rows):,} rows; --csv and --json print all of them.")
        for line in (result.caption(), *result.notes()):
            tell(line)


def whoever_runs_this() -> str:
    """The operating system's name for who runs the program; its number where there is no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"


@errors_named()
def rebuild(ledger: Path, as_json: bool, *, workers: int | None = None) -> None:
    """Rebuild the projections of every audience. Nobody is shown anything by it, so it is no access."""
    from api.bootstrap import rebuild_all
    from api.workers import use

    use(workers)
    with progress("rebuild", None, shown=not as_json) as step:
        done = rebuild_all(ledger, step.reach)
    if as_json:
        print_json({"rebuilt": [str(path) for path in done]})
    else:
        for path in done:
            say(f"rebuilt {path}")
