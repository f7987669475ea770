"""`show` and `rebuild`."""

import sys
from pathlib import Path

from api.cli.output import INPUT, errors_named, fail, print_json, print_table, say


def show(view: str, ledger: Path, as_of: str | None, role: str, form: str) -> None:
    """Print a view in one of three forms: json, csv, table."""
    from api.bootstrap import DeniedError, viewing

    with errors_named():
        try:
            result = viewing(ledger, role).show(view, as_of)
        except DeniedError as error:
            fail(str(error), INPUT)
    if form == "json":
        sys.stdout.write(result.to_json() + "\n")
    elif form == "csv":
        sys.stdout.write(result.to_csv())
    else:
        print_table(f"{result.title} (as {role})", *result.grid())


def rebuild(ledger: Path, as_json: bool) -> None:
    """Rebuild the projections of every audience."""
    from api.bootstrap import rebuild_all

    with errors_named():
        done = rebuild_all(ledger)
    if as_json:
        print_json({"rebuilt": done})
    else:
        for path in done:
            say(f"rebuilt {path}")
