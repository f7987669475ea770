"""The commands that guard the blind, the names and the keys: their options and their help, as in `app.py`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Optional

import typer

from api.cli import bundle
from api.cli.options import (
    NOT_STATED,
    ActorId,
    AsJson,
    LedgerFile,
    Org,
    Reason,
    RoleOption,
    Subject,
    TokenModule,
    token_of,
)
from ledger.domain.vocabulary import Role


class MethodName(StrEnum):
    """How an allocation list is laid out."""

    PERMUTED_BLOCKS = "PERMUTED_BLOCKS"
    SIMPLE = "SIMPLE"
    MINIMISATION = "MINIMISATION"


class OutsideKind(StrEnum):
    """What a value from outside is."""

    BEACON = "BEACON"
    COSIGNATURE = "COSIGNATURE"
    TIMESTAMP_TOKEN = "TIMESTAMP_TOKEN"


class KekName(StrEnum):
    """The two key-encryption keys."""

    IDENTITY = "identity"
    SEALED = "sealed"


class ClassName(StrEnum):
    """The classes of sections that are sealed."""

    IDENTITY = "identity"
    ARM = "arm"
    HEADER = "header"
    ANCHOR = "anchor"


allocation = typer.Typer(
    help="The allocation list: committed to, bound to a value from outside, drawn from, opened, checked.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
unblinding = typer.Typer(help="Planned unblinding, by two people.", no_args_is_help=True, rich_markup_mode=None)
export = typer.Typer(help="Take data out of a ledger.", no_args_is_help=True, rich_markup_mode=None)


def add_to(app: typer.Typer) -> None:
    """Add these commands to the program."""
    app.add_typer(allocation, name="allocation")
    app.command("unblind")(unblind)
    app.add_typer(unblinding, name="unblinding")
    app.command("erase")(erase)
    app.command("rotate")(rotate)
    app.command("disclose")(disclose)
    app.command("outbox")(outbox)
    bundle.add_to(export)
    app.add_typer(export, name="export")


# -- allocation ----------------------------------------------------------------------------------------------------


@allocation.command("commit")
def allocation_commit(
    ledger: LedgerFile,
    method: Annotated[
        Optional[MethodName],  # noqa: UP045
        typer.Option(help="How the list is laid out: PERMUTED_BLOCKS (by default), SIMPLE or MINIMISATION."),
    ] = None,
    block_sizes: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--block-sizes", metavar="SIZES", help="Block sizes to draw from, such as 2,4,6. Concealed."),
    ] = None,
    actor: ActorId = None,
    org: Org = NOT_STATED,
    role: RoleOption = Role.STATISTICIAN,
    as_json: AsJson = False,
) -> None:
    """Draw the secret of the list, keep it with the keys, and commit to it in the record."""
    from api.cli import allocation as command

    sizes = _sizes(block_sizes)
    command.commit(ledger, None if method is None else method.value, sizes, actor, org, role.value, as_json)


@allocation.command("bind")
def allocation_bind(
    ledger: LedgerFile,
    source: Annotated[
        Path, typer.Argument(metavar="FILE", help="The value, as a file: whatever its bytes are, at most 16 KiB.")
    ],
    kind: Annotated[OutsideKind, typer.Option(help="What it is.")] = OutsideKind.BEACON,
    note: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Where it is from, so that others can get it too."),
    ] = None,
    actor: ActorId = None,
    org: Org = NOT_STATED,
    role: RoleOption = Role.STATISTICIAN,
    as_json: AsJson = False,
) -> None:
    """Bind the list to a value that nobody could know when it was committed to: a beacon's record, a time stamp."""
    from api.cli import allocation as command

    command.bind(ledger, source, kind.value, note, actor, org, role.value, as_json)


@allocation.command("assign")
def allocation_assign(
    ledger: LedgerFile,
    subject: Subject,
    actor: ActorId = None,
    org: Org = NOT_STATED,
    role: RoleOption = Role.INVESTIGATOR,
    as_json: AsJson = False,
) -> None:
    """Randomize a subject: it takes the next index of its list. The arm is not told."""
    from api.cli import allocation as command

    command.assign(ledger, subject, actor, org, role.value, as_json)


@allocation.command("open")
def allocation_open(
    ledger: LedgerFile,
    reason: Reason = "the trial takes in nobody more; the list is opened to everybody",
    actor: ActorId = None,
    org: Org = NOT_STATED,
    role: RoleOption = Role.STATISTICIAN,
    as_json: AsJson = False,
) -> None:
    """Open the secret of the list to everybody, at the end: who reads the ledger knows every arm from then on."""
    from api.cli import allocation as command

    command.open_list(ledger, reason, actor, org, role.value, as_json)


@allocation.command("check")
def allocation_check(ledger: LedgerFile, as_json: AsJson = False) -> None:
    """Derive the list again, and name each subject whose allocation does not fit. Ends with 1 if there is one."""
    from api.cli import allocation as command

    command.check(ledger, as_json)


def _sizes(text: str | None) -> tuple[int, ...]:
    parts = [] if text is None else [part.strip() for part in text.split(",")]
    if any(not part.isascii() or not part.isdigit() or len(part) > 4 for part in parts):
        raise typer.BadParameter("--block-sizes: must be whole numbers with commas between them, such as 2,4")
    return tuple(int(part) for part in parts)


# -- unblinding ----------------------------------------------------------------------------------------------------


def unblind(
    ledger: Annotated[
        Optional[Path], typer.Argument(metavar="LEDGER", help="The ledger file; not needed for an envelope.")  # noqa: UP045
    ] = None,
    subject: Annotated[Optional[str], typer.Argument(metavar="SUBJECT", help="The subject's id.")] = None,  # noqa: UP045
    reason: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--reason", help="Why the subject's care needs it; it stands in the record."),
    ] = None,
    envelope: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--envelope", metavar="FILE", help="Open this sealed envelope instead; asks for its passphrase."),
    ] = None,
    actor: ActorId = None,
    org: Org = NOT_STATED,
    role: RoleOption = Role.INVESTIGATOR,
    as_json: AsJson = False,
) -> None:
    """Emergency: break the code of one subject, and be told the arm once that is recorded."""
    from api.cli import unblinding as command

    if envelope is not None:
        command.open_envelope(envelope, ledger, subject, as_json)
        return
    if ledger is None or subject is None or reason is None:
        raise typer.BadParameter("LEDGER, SUBJECT and --reason are needed (or --envelope FILE)")
    command.unblind(ledger, subject, reason, actor, org, role.value, as_json)


@unblinding.command("request")
def unblinding_request(
    ledger: LedgerFile,
    person: Annotated[str, typer.Option(help="The pseudonym of who is to know the arms.")],
    person_role: Annotated[
        Role, typer.Option("--person-role", help="In which role that person is to know them.", show_choices=False)
    ],
    reason: Reason,
    subjects: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--subject", metavar="SUBJECT", help="Of whom; may be given again. By default, of all."),
    ] = None,
    actor: ActorId = None,
    org: Org = NOT_STATED,
    role: RoleOption = Role.SPONSOR,
    as_json: AsJson = False,
) -> None:
    """Ask for a planned unblinding. Nobody is unblinded before another person has approved it."""
    from api.cli import unblinding as command

    command.request(ledger, person, person_role.value, tuple(subjects or ()), reason, actor, org, role.value, as_json)


@unblinding.command("approve")
def unblinding_approve(
    ledger: LedgerFile,
    request: Annotated[str, typer.Argument(metavar="REQUEST", help="The id that the request was given.")],
    actor: ActorId = None,
    org: Org = NOT_STATED,
    role: RoleOption = Role.STATISTICIAN,
    as_json: AsJson = False,
) -> None:
    """Approve a planned unblinding, as a second person."""
    from api.cli import unblinding as command

    command.approve(ledger, request, actor, org, role.value, as_json)


@export.command("envelopes")
def export_envelopes(
    ledger: LedgerFile,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="A new folder for the envelopes.")],
    subjects: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="SUBJECTS", help="Of whom, with commas between them; by default, of all allocated."),
    ] = None,
    holder: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="The pseudonym of who is to keep them; by default, who makes them."),
    ] = None,
    reason: Reason = "for when the server is down",
    actor: ActorId = None,
    org: Org = NOT_STATED,
    role: RoleOption = Role.STATISTICIAN,
    as_json: AsJson = False,
) -> None:
    """Make sealed envelopes, one a subject, each under a passphrase of its own. That they were made is recorded."""
    from api.cli import unblinding as command

    chosen = None if subjects is None else tuple(part.strip() for part in subjects.split(",") if part.strip())
    command.export_envelopes(ledger, output, chosen, holder, reason, actor, org, role.value, as_json)


# -- names, keys, alerts -------------------------------------------------------------------------------------------


def erase(
    ledger: LedgerFile,
    subject: Subject,
    reason: Reason,
    actor: ActorId = None,
    org: Org = NOT_STATED,
    role: RoleOption = Role.DATA_MANAGER,
    as_json: AsJson = False,
) -> None:
    """Erase the names in a subject's records for good. Run it again if it was interrupted."""
    from api.cli import keeping as command

    command.erase(ledger, subject, reason, actor, org, role.value, as_json)


def rotate(
    ledger: LedgerFile,
    only: Annotated[Optional[KekName], typer.Option(help="One of the two: identity or sealed.")] = None,  # noqa: UP045
    to_token: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--to-token", metavar="LABEL", help="Make the new ones in the PKCS#11 token of this label."),
    ] = None,
    module: TokenModule = None,
    to_files: Annotated[bool, typer.Option("--to-files", help="Out of a token, into files.")] = False,
    as_json: AsJson = False,
) -> None:
    """Give the ledger new key-encryption keys, and destroy the old ones. Ledger and heads stay as they are."""
    from api.cli import keeping as command

    token = token_of(module, to_token)
    if to_files and to_token is not None:
        raise typer.BadParameter("--to-token and --to-files exclude each other")
    command.rotate(ledger, None if only is None else only.value, token, to_files, as_json)


def disclose(
    ledger: LedgerFile,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="A new file, for its owner alone.")],
    classes: Annotated[
        Optional[list[ClassName]],  # noqa: UP045
        typer.Option("--class", help="Of which class; may be given again. By default, of all.", show_choices=False),
    ] = None,
    actor: ActorId = None,
    org: Org = NOT_STATED,
    role: RoleOption = Role.ARCHIVE,
    as_json: AsJson = False,
) -> None:
    """Write data keys to a file, for a verifier who is to open sealed sections. That it was made is recorded."""
    from api.cli import keeping as command

    chosen = tuple(one.value for one in (classes or tuple(ClassName)))
    command.disclose(ledger, output, chosen, actor, org, role.value, as_json)


def outbox(ledger: LedgerFile, as_json: AsJson = False) -> None:
    """Write the alerts that are due to LEDGER.outbox, and list those that no sender has taken away."""
    from api.cli import keeping as command

    command.outbox(ledger, as_json)
