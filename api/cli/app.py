"""The commands, their options and their help; what they do lies in the modules beside this one."""

import signal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn, Optional

import typer

from api.cli import database, diff, dossier, evidence, exports, guarding, publish, serve, timestamp, verifier, witness
from api.cli.options import AsJson, LedgerFile, Workers, is_url, located
from api.cli.output import Terminated
from ledger.domain.vocabulary import Role

app = typer.Typer(
    name="trial-ledger",
    help="A clinical trial recorded as hash-chained events in one file, which anyone can verify and rebuild.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
bring = typer.Typer(help="Bring in data or a protocol from elsewhere.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(bring, name="import")


class ViewName(StrEnum):
    """The views that `show` knows."""

    SUBJECTS = "subjects"
    ENROLMENT = "enrolment"
    DISPOSITION = "disposition"
    ADVERSE_EVENTS = "adverse-events"
    EXPOSURE = "exposure"
    SURVIVAL = "survival"
    AE_RATE = "ae-rate"
    DEVIATIONS = "deviations"
    AUDIT = "audit"
    ALLOCATION = "allocation"
    UNBLINDING = "unblinding"
    ACCESS = "access"
    IDENTITIES = "identities"
    CENSORING = "censoring"
    DUTIES = "duties"
    CONSORT = "consort"
    FOLLOW_UP = "follow-up"
    OPEN_ADVERSE_EVENTS = "open-adverse-events"
    SERIOUS_EVENTS = "serious-events"
    SIGNATURES = "signatures"


@app.command()
def demo(
    folder: Annotated[Path, typer.Option("--dir", help="Where the demo's files go.")] = Path("demo"),
    seed: Annotated[int, typer.Option(help="Another seed tells another story.")] = 1,
    subjects: Annotated[int, typer.Option(min=1, max=100, help="How many subjects are to be screened.")] = 60,
    serve: Annotated[
        Optional[bool],  # noqa: UP045  (typer reads it on every Python)
        typer.Option(
            "--serve/--no-serve",
            help="Serve its pages at the end, on this machine alone, until Ctrl-C; by default at a terminal.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Play the reference trial NCT04348461 as a simulation, verify it, and tamper with a copy."""
    from api.cli import demo as command

    command.run(folder, seed, subjects, serve=serve)


@app.command()
def init(
    ledger: Annotated[
        str,
        typer.Argument(
            metavar="LEDGER",
            help="The ledger file, or the URL of a database in PostgreSQL (?trial=NAME names it there).",
        ),
    ],
    protocol: Annotated[
        Optional[Path],  # noqa: UP045  (typer reads it on every Python)
        typer.Option(help="The protocol file (JSON); by default the reference trial NCT04348461."),
    ] = None,
    host: Annotated[str, typer.Option(help="The first part of the ledger's origin.")] = "localhost",
    actor: Annotated[str, typer.Option(help="The pseudonym of who registers the trial.")] = "registrar",
    org: Annotated[str, typer.Option(help="The organisation that registers the trial.")] = "sponsor",
    from_bundle: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--from-bundle", metavar="BUNDLE", help="Restore the ledger from an evidence bundle instead."),
    ] = None,
    keys: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option(
            metavar="PATH",
            help="Of an archive bundle: a key-encryption key, or a folder with them; may be given again.",
        ),
    ] = None,
    policy: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="FILE", help="As for verify: the bundle has to satisfy it."),
    ] = None,
    authorities: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option(metavar="PEM", help="As for verify: certificates of time-stamping authorities."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create a ledger and its keys, and register the trial in it; or restore a ledger from an evidence bundle.

    A bundle is verified first, and nothing is made of one that does not hold. Nothing is ever overwritten.
    """
    from api.cli import record

    if from_bundle is not None:
        if protocol is not None:
            raise typer.BadParameter("--protocol and --from-bundle exclude each other: the bundle has the protocol")
        from api.cli import restoring

        if is_url(ledger):
            raise typer.BadParameter("--from-bundle restores into a file, which trial-ledger copy takes to a database")
        restoring.restore(from_bundle, Path(ledger), keys or (), policy, authorities or (), as_json)
        return
    if keys or policy is not None or authorities:
        raise typer.BadParameter("--keys, --policy and --authorities go with --from-bundle")
    record.init(ledger, protocol, host, actor, org, as_json)


@app.command()
def submit(
    source: Annotated[
        Optional[str], typer.Argument(metavar="FILE", help="Commands as NDJSON, one a line; - for stdin.")  # noqa: UP045
    ] = None,
    ledger: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Argument(metavar="LEDGER", parser=located, help="The ledger file, or the URL of one in PostgreSQL."),
    ] = None,
    stop_on_error: Annotated[bool, typer.Option("--stop-on-error", help="Stop at the first refused line.")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON schema of a command, and end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Record commands. Each is recorded whole or not at all; refused ones are named with line, field and rule."""
    from api.cli import record

    if schema:
        record.print_schema()
        return
    if source is None or ledger is None:
        raise typer.BadParameter("FILE and LEDGER are needed (or --schema)")
    record.submit(source, ledger, stop_on_error, as_json)


@bring.command("sdtm")
def import_sdtm(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of SDTM datasets (CSV, XPT, Dataset-JSON).")],
    ledger: LedgerFile,
    as_json: AsJson = False,
) -> None:
    """Turn SDTM datasets into a new ledger, through the same commands that people use."""
    from api.cli import bring_in

    bring_in.sdtm(folder, ledger, as_json)


@bring.command("odm-audit")
def import_odm_audit(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="An ODM 1.3 file, FileType Transactional.")],
    ledger: LedgerFile,
    leave_out: Annotated[
        list[str],
        typer.Option("--leave-out", metavar="OID", help="What names persons, or may tell an arm (repeatable)."),
    ] = [],  # noqa: B006  (typer makes a new one each time)
    not_of_an_arm: Annotated[
        list[str],
        typer.Option("--not-of-an-arm", metavar="OID", help="What looks as if it told an arm, and does not."),
    ] = [],  # noqa: B006
    open_label: Annotated[
        bool, typer.Option("--open-label", help="The trial masks nobody (of a new ledger; else its protocol says).")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Turn the audit trail of an EDC system into a new ledger, or add what is new of it to its ledger."""
    from api.cli import bring_in_odm

    bring_in_odm.odm_audit(source, ledger, bring_in_odm.Said(leave_out, not_of_an_arm, open_label), as_json)


@bring.command("ctgov")
def import_ctgov(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="A ClinicalTrials.gov v2 API record (JSON).")],
    output: Annotated[
        Optional[Path], typer.Option("-o", "--output", help="Where the protocol goes; stdout by default.")  # noqa: UP045
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a protocol file from a registry record; what it cannot carry and what disagrees is reported."""
    from api.cli import bring_in

    bring_in.ctgov(source, output, as_json)


@bring.command("usdm")
def import_usdm(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="A protocol in USDM 4 (JSON).")],
    output: Annotated[
        Optional[Path], typer.Option("-o", "--output", help="Where the protocol goes; stdout by default.")  # noqa: UP045
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a protocol file from a protocol in CDISC's USDM; what it cannot carry and what disagrees is reported."""
    from api.cli import bring_in

    bring_in.usdm(source, output, as_json)


@app.command()
def show(
    view: Annotated[ViewName, typer.Argument(metavar="VIEW", help="|".join(ViewName))],
    ledger: LedgerFile,
    as_of: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--as-of",
            help="As known at a position (SEQ or SEQ/SEALED), a recorded time (ISO 8601), or when it stopped: halt.",
        ),
    ] = None,
    role: Annotated[Role, typer.Option(help="As whom to look.", show_choices=False)] = Role.SPONSOR,
    actor: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            envvar="TRIAL_LEDGER_ACTOR",
            help="Who looks, as a pseudonym: looks at arms and names are recorded. By default your user name.",
        ),
    ] = None,
    org: Annotated[str, typer.Option(envvar="TRIAL_LEDGER_ORG", help="The organisation of who looks.")] = "not stated",
    site: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--site", help="A site of one's own, whose subjects' names may be shown; may be given again."),
    ] = None,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the rows as CSV.")] = False,
    workers: Workers = None,
) -> None:
    """Show a view of the trial, as one role may see it, as known now or at any earlier point.

    Who looks at arms or names is recorded first; where that is not possible, nothing is shown.
    """
    from api.cli import look

    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv exclude each other")
    form = "json" if as_json else "csv" if as_csv else "table"
    look.show(view.value, ledger, as_of, role.value, form, actor=actor, org=org, sites=site or (), workers=workers)


@app.command()
def rebuild(ledger: LedgerFile, workers: Workers = None, as_json: AsJson = False) -> None:
    """Throw the projections away and make them anew from the ledger."""
    from api.cli import look

    look.rebuild(ledger, as_json, workers=workers)


@app.command()
def verify(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", parser=located, help="An evidence bundle, a ledger, or the proof of an entry."),
    ],
    policy: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            metavar="FILE",
            help="Which logs and witnesses to trust (C2SP tlog-policy). Without it a file can only be shown to agree "
            "with itself.",
        ),
    ] = None,
    authorities: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option(metavar="PEM", help="Certificates of time-stamping authorities to trust; may be given again."),
    ] = None,
    checkpoint: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option(metavar="FILE", help="A checkpoint you have kept, which the book has to extend; may be repeated."),
    ] = None,
    evidence: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="DIR", help="Checkpoints and time stamps, instead of those in the bundle or beside FILE."),
    ] = None,
    entry: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="FILE", help="The bytes of the entry that FILE is the proof of."),
    ] = None,
    report: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="DIR", help="Write a report for the trial master file into DIR, as HTML and PDF."),
    ] = None,
    no_keys: Annotated[
        bool, typer.Option("--no-keys", help="Leave sealed sections closed, even where their keys lie beside it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Recompute everything from the stored bytes, hold it against the evidence, and name what does not hold."""
    from api.cli import check

    brought = check.Brought(policy, authorities or (), checkpoint or (), evidence)
    check.verify(file, not no_keys, as_json, brought, entry, report)


@app.command()
def entry(
    ledger: LedgerFile,
    seq: Annotated[int, typer.Argument(metavar="SEQ", min=0, help="The position of the entry, from 0.")],
    sealed: Annotated[bool, typer.Option("--sealed", help="Of the sealed book.")] = False,
) -> None:
    """Write the stored bytes of one entry to stdout, and nothing else."""
    from api.cli import check

    check.entry(ledger, seq, sealed)


database.add_to(app)
diff.add_to(app)
guarding.add_to(app)
dossier.add_to(app)
evidence.add_to(app)
exports.add_to(guarding.export)
publish.add_to(app)
serve.add_to(app)
timestamp.add_to(app)
verifier.add_to(app)
witness.add_to(app)


def main() -> None:
    """The console script. SIGTERM and SIGHUP end it as Ctrl-C does, so that nothing half-made stays behind."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:  # nohup has it ignored
            signal.signal(number, _end)
    app()


def _end(number: int, _: object) -> NoReturn:
    for again in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, again):
            signal.signal(getattr(signal, again), signal.SIG_IGN)
    raise Terminated(number)
