"""`export KIND`, for each kind of `api/exports/kinds.py`: its options and its help, as in `app.py`."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Optional

import typer

from api.cli.options import NOT_STATED, ActorId, AsJson, LedgerFile, Org
from api.exports.kinds import KINDS, Kind
from ledger.domain.vocabulary import Role


def add_to(export: typer.Typer) -> None:
    """Add the commands to those of `export`."""
    for kind in KINDS.values():
        export.command(kind.name, help=f"Write {kind.title}; nobody's name is in it. That it was made is recorded.")(
            _command(kind)
        )


def _command(kind: Kind) -> Callable[..., None]:
    def command(
        ledger: LedgerFile,
        output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="A new folder.")],
        role: Annotated[
            Role,
            typer.Option(
                "--for", help="For whom: the role that you have, which says what is in it.", show_choices=False
            ),
        ],
        at: Annotated[
            Optional[str],  # noqa: UP045  (typer reads it on every Python)
            typer.Option("--at", metavar="WHEN", help="As known then: halt, SEQ, or a recorded time. By default, now."),
        ] = None,
        actor: ActorId = None,
        org: Org = NOT_STATED,
        as_json: AsJson = False,
    ) -> None:
        from api.cli import exporting

        exporting.export(kind, ledger, output, role.value, at, actor, org, as_json)

    return command
