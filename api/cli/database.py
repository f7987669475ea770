"""`database migrate` and `copy`: their options and its help, as in `app.py`."""

from typing import Annotated

import typer

from api.cli.options import AsJson

database = typer.Typer(help="The database of ledgers in PostgreSQL.", no_args_is_help=True, rich_markup_mode=None)


def add_to(app: typer.Typer) -> None:
    """Add the commands to those of `app`."""
    app.add_typer(database, name="database")
    app.command()(copy)


def copy(
    source: Annotated[str, typer.Argument(metavar="FROM", help="The ledger: a file, or a URL of PostgreSQL.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="Where it is to lie: a file or a URL, where none is.")],
    as_json: AsJson = False,
) -> None:
    """Copy a ledger from a file to a database, or back: the same entries, heads and roots, verified at the end.

    Interrupted, it goes on from where it stopped when it is given again.
    """
    from api.cli import copying

    copying.copy(source, target, as_json)


@database.command()
def migrate(
    url: Annotated[str, typer.Argument(metavar="URL", help="postgresql://USER@HOST/DATABASE, as who owns it.")],
    as_json: AsJson = False,
) -> None:
    """Make the tables, functions and roles of a database of ledgers, or bring them to what this version needs.

    Nothing else ever changes them: a ledger's commands only look whether they are as they have to be.
    """
    from api.cli import databases

    databases.migrate(url, as_json)
