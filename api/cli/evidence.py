"""The commands about evidence for outsiders: their options and their help, as in `app.py`."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from api.cli.guarding import export
from api.cli.options import NOT_STATED, ActorId, AsJson, LedgerFile, Org, Reason, RoleOption, TokenModule, token_of
from ledger.domain.vocabulary import Role

Output = Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="Where the proof goes; - for stdout.")]


def add_to(app: typer.Typer) -> None:
    """Add these commands to the program."""
    app.command("checkpoint")(checkpoint)
    app.command("keys")(keys)
    app.command("prove")(prove)
    app.command("continue")(continue_)


def checkpoint(
    ledger: LedgerFile,
    watch: Annotated[
        bool, typer.Option("--watch", help="Sign whenever it is due by the protocol's settings, until interrupted.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Sign the open book as it is now, into LEDGER.evidence; prints the path and the checkpoint."""
    from api.cli import evidencing as command

    if watch:
        command.watch(ledger, as_json)
    else:
        command.checkpoint(ledger, as_json)


def keys(ledger: LedgerFile, as_json: AsJson = False) -> None:
    """Print the verifier keys, one a line: Ed25519, then ML-DSA-44, then those of former origins."""
    from api.cli import evidencing as command

    command.keys(ledger, as_json)


def prove(
    ledger: LedgerFile,
    output: Output,
    seq: Annotated[
        Optional[int],  # noqa: UP045  (typer reads it on every Python)
        typer.Argument(metavar="SEQ", min=0, help="The position of the entry in the open book, from 0."),
    ] = None,
    of: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--checkpoint", metavar="FILE", help="Against this checkpoint; by default, the newest stored."),
    ] = None,
    old: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option("--from", metavar="SIZE", min=0, help="A consistency proof from the tree of so many entries."),
    ] = None,
    new: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option("--to", metavar="SIZE", min=1, help="To the stored checkpoint of so many; else the newest."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Prove that an entry is in a checkpoint (C2SP tlog-proof), or that one checkpoint goes on from another.

    A consistency proof has the form of a request to a C2SP witness: `old SIZE`, the hashes, and the checkpoint.
    """
    from api.cli import evidencing as command

    if (seq is None) == (old is None):
        raise typer.BadParameter("either SEQ or --from SIZE is needed")
    if seq is not None:
        if new is not None:
            raise typer.BadParameter("--to goes with --from")
        command.prove_entry(ledger, seq, of, output, as_json)
        return
    assert old is not None
    if of is not None:
        raise typer.BadParameter("--checkpoint goes with SEQ; --to SIZE chooses the checkpoint of a consistency proof")
    command.prove_consistent(ledger, old, new, output, as_json)


def continue_(
    ledger: LedgerFile,
    reason: Reason,
    actor: ActorId = None,
    org: Org = NOT_STATED,
    to_token: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--to-token", metavar="LABEL", help="Make the new Ed25519 key in this PKCS#11 token."),
    ] = None,
    module: TokenModule = None,
    as_json: AsJson = False,
) -> None:
    """Go on after a restored backup, or with new signing keys, under a new origin. It is recorded: the sponsor's act.

    What was signed under the former origin stays valid for what it covers; its keys sign nothing any more.
    """
    from api.cli import evidencing as command

    command.continue_ledger(ledger, reason, actor, org, token_of(module, to_token), as_json)


@export.command("tiles")
def export_tiles(
    ledger: LedgerFile,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="A new folder.")],
    actor: ActorId = None,
    org: Org = NOT_STATED,
    role: RoleOption = Role.SPONSOR,
    as_json: AsJson = False,
) -> None:
    """Write the open book as C2SP tlog-tiles, with a checkpoint, for any web server. That it was made is recorded."""
    from api.cli import evidencing as command

    command.export_tiles(ledger, output, actor, org, role.value, as_json)
