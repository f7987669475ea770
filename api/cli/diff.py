"""`diff`: its options and its help, as in `app.py`."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from api.cli.options import AsJson

_MOST = 1_000_000


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("diff")(diff)


def diff(
    a: Annotated[Path, typer.Argument(metavar="A", help="An evidence bundle or a ledger.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another one, of the same ledger.")],
    policy: Annotated[
        Optional[Path],  # noqa: UP045  (typer reads it on every Python)
        typer.Option(
            metavar="FILE",
            help="Which logs to trust (C2SP tlog-policy). Without it checkpoints are verified by keys that both carry.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=0, max=_MOST, help="How many entries are listed of each kind.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Compare two histories of one trial: what they share, where they part, and whether two were signed.

    No key is used: what is sealed stays closed. Ends with 1 if they part; one that begins the other is the same.
    """
    from api.cli import diffing

    diffing.diff(a, b, policy, limit, as_json)
