"""Options and arguments that several commands have."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from ledger.domain.vocabulary import Role


def is_url(text: str) -> bool:
    """Whether a ledger is named by the URL of a database."""
    return text.startswith(("postgresql://", "postgres://"))


def located(text: str) -> Path:
    """The path of a ledger; of one in PostgreSQL (a URL), the path of the link to it here."""
    if not is_url(text):
        return Path(text)
    from api.cli.databases import link_of

    return link_of(text)


LedgerFile = Annotated[
    Path, typer.Argument(metavar="LEDGER", parser=located, help="The ledger file, or the URL of one in PostgreSQL.")
]
Subject = Annotated[str, typer.Argument(metavar="SUBJECT", help="The subject's id.")]
Workers = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(
        min=1,
        max=64,
        envvar="TRIAL_LEDGER_WORKERS",
        help="Processes that fold a long ledger; 1: this one alone. By default two, where there are cores for them.",
    ),
]
"""How many processes fold."""
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ActorId = Annotated[
    Optional[str],  # noqa: UP045  (typer reads it on every Python)
    typer.Option(
        "--actor", envvar="TRIAL_LEDGER_ACTOR", help="Who does it, as a pseudonym. By default your user name."
    ),
]
NOT_STATED = "not stated"
Org = Annotated[str, typer.Option("--org", envvar="TRIAL_LEDGER_ORG", help="The organisation of who does it.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it stands in the record.")]
RoleOption = Annotated[Role, typer.Option("--role", help="In which role.", show_choices=False)]
TokenModule = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(metavar="FILE", help="The token's PKCS#11 module (a shared library). Its PIN: see docs/keys.md."),
]


def token_of(module: Path | None, label: str | None) -> tuple[Path, str] | None:
    """The PKCS#11 token of `--module` and `--to-token`; None if neither is given. One alone is a fault of usage."""
    if (label is None) != (module is None):
        raise typer.BadParameter("--to-token and --module go together")
    return None if label is None or module is None else (module, label)
