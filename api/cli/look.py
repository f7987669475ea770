"""`show` and `rebuild`."""

from pathlib import Path

from api.cli.output import INPUT, errors_named, fail, print_bytes, print_json, print_table, say, tell


@errors_named()
def show(view: str, ledger: Path, as_of: str | None, role: str, form: str) -> None:
    """Print a view in one of three forms: json, csv, table."""
    from api.bootstrap import DeniedError, viewing

    try:
        result = viewing(ledger, role).show(view, as_of)
    except DeniedError as error:
        fail(str(error), INPUT)
    if form == "json":
        print_bytes((result.to_json() + "\n").encode())
    elif form == "csv":
        print_bytes(result.to_csv().encode())
    else:
        print_table(f"{result.title} (as {role})", *result.grid())
        for line in (result.caption(), *result.notes()):
            tell(line)


@errors_named()
def rebuild(ledger: Path, as_json: bool) -> None:
    """Rebuild the projections of every audience."""
    from api.bootstrap import rebuild_all

    done = rebuild_all(ledger)
    if as_json:
        print_json({"rebuilt": [str(path) for path in done]})
    else:
        for path in done:
            say(f"rebuilt {path}")
