"""The command `timestamp`: its options and its help, as in `app.py`; what it does lies in `timestamping.py`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Optional

import typer

from api.cli.options import NOT_STATED, ActorId, AsJson, LedgerFile, Org, RoleOption
from ledger.domain.vocabulary import Role


class HashName(StrEnum):
    """The hash that a time stamp is made over."""

    SHA256 = "sha256"
    SHA512 = "sha512"


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("timestamp")(timestamp)


def timestamp(
    ledger: LedgerFile,
    tsa: Annotated[
        Optional[list[str]],  # noqa: UP045  (typer reads it on every Python)
        typer.Option("--tsa", metavar="URL", help="An authority to ask (RFC 3161 over HTTP); may be given again."),
    ] = None,
    authorities: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option(
            "--authorities",
            metavar="PEM",
            help="Root certificates to verify the answers with before they are kept; may be given again.",
        ),
    ] = None,
    hash_name: Annotated[HashName, typer.Option("--hash", help="The hash that is stamped.")] = HashName.SHA256,
    renew: Annotated[
        bool, typer.Option("--renew", help="Renew the stored time stamps (RFC 4998) instead of stamping a checkpoint.")
    ] = False,
    due: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(
            "--due",
            metavar="DAYS",
            min=0,
            max=36500,
            help="List the time stamps whose certificate runs out within so many days; with --renew, renew only those.",
        ),
    ] = None,
    actor: ActorId = None,
    org: Org = NOT_STATED,
    role: RoleOption = Role.SPONSOR,
    as_json: AsJson = False,
) -> None:
    """Have the newest checkpoint stamped by authorities on the time, and record in the ledger that it was.

    Ends with 0 if all gave a time stamp, 1 if some did, 3 if none. With --due alone, with 1 if any is due.
    """
    from api.cli import timestamping as command

    if due is not None and not renew:
        if tsa:
            raise typer.BadParameter("--due lists, and asks nobody: leave --tsa away, or give --renew")
        command.due(ledger, due, as_json)
        return
    if not tsa:
        raise typer.BadParameter("--tsa URL is needed (or --due DAYS)")
    if renew:
        command.renew(ledger, tuple(tsa), hash_name.value, tuple(authorities or ()), due, as_json)
        return
    command.timestamp(ledger, tuple(tsa), hash_name.value, tuple(authorities or ()), actor, org, role.value, as_json)
