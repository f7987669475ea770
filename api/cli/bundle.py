"""`export bundle`: its options and its help, as in `app.py`."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from api.cli.options import NOT_STATED, ActorId, AsJson, LedgerFile, Org
from ledger.domain.vocabulary import Role


def add_to(export: typer.Typer) -> None:
    """Add the command to those of `export`."""
    export.command("bundle")(bundle)


def bundle(
    ledger: LedgerFile,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="A new file, such as x.zip.")],
    role: Annotated[
        Role,
        typer.Option("--for", help="For whom: the role that you have, which says what is in it.", show_choices=False),
    ],
    sites: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--site", metavar="SITE", help="A site of your own, whose names are in it; may be given again."),
    ] = None,
    at: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--at",
            metavar="SEQ|SEQ/SEALED",
            help="Up to this position, recorded time, or halt. By default, all there is.",
        ),
    ] = None,
    actor: ActorId = None,
    org: Org = NOT_STATED,
    as_json: AsJson = False,
) -> None:
    """Make an evidence bundle: what a role may see, checkpoints, time stamps, and all it takes to verify them offline.

    That it was made is recorded, and before it, where it holds arms or names, that you looked at them.
    """
    from api.cli import bundling as command

    command.bundle(ledger, output, role.value, tuple(sites or ()), at, actor, org, as_json)
