"""`serve`: its options and its help, as in `app.py`."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from api.cli.options import AsJson


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(serve)


def serve(
    ledgers: Annotated[
        Optional[list[Path]],  # noqa: UP045  (typer reads it on every Python)
        typer.Argument(
            metavar="[LEDGER]...",
            help="The ledgers to serve, named by their file names; those of the settings besides.",
        ),
    ] = None,
    settings: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            metavar="FILE",
            envvar="TRIAL_LEDGER_SETTINGS",
            help="The settings (TOML); TRIAL_LEDGER_<FIELD> in the environment overrides them.",
        ),
    ] = None,
    host: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="The address to listen on; by default 127.0.0.1."),
    ] = None,
    port: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(min=0, max=65535, help="The port to listen on, by default 8000; 0 takes a free one."),
    ] = None,
    development: Annotated[
        bool,
        typer.Option("--development", help="Let anybody in, in any role, without a password. On this machine only."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Serve the API and the pages until stopped (SIGTERM, Ctrl-C). Requests under way are answered first.

    Without settings it needs --development: who may see what is otherwise for an issuer of tokens to say.
    """
    from api.cli import serving

    serving.serve(ledgers or [], settings, host, port, development, as_json)
