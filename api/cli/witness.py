"""The commands of a witness and of who asks witnesses: their options and their help, as in `app.py`."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from api.cli.options import AsJson, LedgerFile

witness = typer.Typer(
    help="Cosign for the ledgers of others, or ask witnesses to cosign for one's own.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

WitnessFolder = Annotated[
    Path, typer.Argument(metavar="DIR", help="The folder of the witness: its keys, and what it has cosigned.")
]


def add_to(app: typer.Typer) -> None:
    """Add these commands to the program."""
    app.add_typer(witness, name="witness")


@witness.command("serve")
def serve(
    folder: WitnessFolder,
    logs: Annotated[
        Path,
        typer.Option(metavar="FILE", help="The verifier keys of the ledgers to cosign for, one a line."),
    ],
    name: Annotated[
        Optional[str],  # noqa: UP045  (typer reads it on every Python)
        typer.Option(help="The name of the witness, such as witness.hospital.example/w1. Needed on the first run."),
    ] = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0 takes a free one.")] = 8001,
    as_json: AsJson = False,
) -> None:
    """Run a witness (C2SP tlog-witness) until it is stopped. The first run makes its keys."""
    from api.cli import witnessing

    witnessing.serve(folder, name, logs, host, port, as_json)


@witness.command("keys")
def keys(folder: WitnessFolder, as_json: AsJson = False) -> None:
    """Print the verifier keys of a witness, one a line."""
    from api.cli import witnessing

    witnessing.keys(folder, as_json)


@witness.command("add")
def add(
    ledger: LedgerFile,
    policy: Annotated[
        Path, typer.Option(metavar="FILE", help="The policy (C2SP tlog-policy): witnesses with URLs, and the quorum.")
    ],
    checkpoint: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="FILE", help="Cosign this one; by default the newest in LEDGER.evidence."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask the witnesses of a policy to cosign a checkpoint. Ends with 1 where the quorum is not met."""
    from api.cli import witnessing

    witnessing.add(ledger, policy, checkpoint, as_json)
