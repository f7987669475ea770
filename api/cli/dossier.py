"""`reconstruct`: its options and its help, as in `app.py`."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from api.cli.options import NOT_STATED, ActorId, AsJson, Org
from ledger.domain.vocabulary import Role

_WHEN = "halt, SEQ, SEQ/SEALED, or a recorded time (ISO 8601)."


def add_to(app: typer.Typer) -> None:
    """Add the command to those of `app`."""
    app.command("reconstruct")(reconstruct)


def reconstruct(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="A ledger, or an evidence bundle.")],
    at: Annotated[str, typer.Option("--at", metavar="WHEN", help=f"As known then: {_WHEN}")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="A new folder.")],
    role: Annotated[
        Role,
        typer.Option("--role", help="For whom: the role that you have, which says what is in it.", show_choices=False),
    ],
    since: Annotated[
        Optional[str],  # noqa: UP045  (typer reads it on every Python)
        typer.Option(
            "--since",
            metavar="WHEN",
            help=f"List too what was recorded after that; a date is its beginning: {_WHEN}",
        ),
    ] = None,
    actor: ActorId = None,
    org: Org = NOT_STATED,
    site: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--site", help="A site of one's own; may be given again. Nobody's name is in a dossier."),
    ] = None,
    policy: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="FILE", help="Which logs and witnesses to trust (C2SP tlog-policy), as for verify."),
    ] = None,
    authorities: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option(metavar="PEM", help="As for verify: certificates of time-stamping authorities."),
    ] = None,
    keys: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option(
            metavar="PATH",
            help="Of an archive bundle: a key-encryption key, or a folder with them; may be given again.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a dossier: what was known of the trial at one point, for one role, each number with its events.

    It is recorded as an export. Of a bundle nothing can be recorded, and its manifest says so.
    """
    from api.cli import dossiering

    asked = dossiering.Asked(at, since, output, role.value, actor, org, tuple(site or ()))
    dossiering.reconstruct(source, asked, policy, authorities or (), keys or (), as_json)
