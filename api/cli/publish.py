"""`publish`: its options and its help, as in `app.py`."""

from typing import Annotated, Optional

import typer

from api.cli.options import NOT_STATED, ActorId, AsJson, LedgerFile, Org
from ledger.domain.vocabulary import Role


def add_to(app: typer.Typer) -> None:
    """Add the command to those of `app`."""
    app.command()(publish)


def publish(
    ledger: LedgerFile,
    target: Annotated[
        str,
        typer.Argument(metavar="TARGET", help="sqlite:FOLDER, or postgresql://USER@HOST/DATABASE."),
    ],
    role: Annotated[
        Role,
        typer.Option(
            "--for",
            help="The role that you have, which says for whom: the masked, or those who may see arms.",
            show_choices=False,
        ),
    ],
    follow: Annotated[
        Optional[int],  # noqa: UP045  (typer reads it on every Python)
        typer.Option(min=1, metavar="SECONDS", help="Go on, and look every so often whether the head has moved."),
    ] = None,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Take the place of another ledger of the same trial.")
    ] = False,
    same_server: Annotated[
        bool,
        typer.Option(
            "--same-server",
            help="PostgreSQL: accept that the server has the relations of the other audience too (docs/sql.md).",
        ),
    ] = False,
    actor: ActorId = None,
    org: Org = NOT_STATED,
    as_json: AsJson = False,
) -> None:
    """Publish the views as relations of a database, for dashboards (docs/sql.md).

    Nobody's name is in it. That it was published is recorded.
    """
    from api.cli import publishing

    publishing.publish(ledger, target, role.value, follow, take_over, same_server, actor, org, as_json)
