"""`unblind`, `unblinding request|approve` and `export envelopes`."""

import getpass
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from api.cli.acting import as_data, opened, refusals_named, who
from api.cli.output import USAGE, errors_named, fail, print_json, say, tell

_MAX_ENVELOPE = 1 << 20
_SUBJECT = {"data.subject": "SUBJECT"}
_REQUEST = {
    "data.person": "--person",
    "data.role": "--person-role",
    "data.subjects": "--subject",
    "data.request": "REQUEST",
}


@errors_named()
def unblind(ledger: Path, subject: str, reason: str, actor: str | None, org: str, role: str, as_json: bool) -> None:
    """Break the code, and print the arm once that is durable."""
    from api.bootstrap import protocol_of
    from api.unblinding import break_code

    by = who(actor, org, role)
    with _envelope_named(), _faults_named(), refusals_named(_SUBJECT), opened(ledger) as trial:
        told = break_code(trial, protocol_of(ledger), subject, reason, by)
    if as_json:
        print_json(as_data(told.answer, subject=subject, arm=told.arm, label=told.label, unblinded=by.id))
        return
    tell(f"{subject}: {told.arm} ({told.label})")
    say(f"Recorded at entry {told.answer.seq}, {told.answer.at}: {by.id} ({by.role}) knows this arm from now on.")
    say("What this person enters about the subject from now on is sealed; others stay masked: tell them nothing.")


@errors_named()
def open_envelope(file: Path, ledger: Path | None, subject: str | None, as_json: bool) -> None:
    """Open a sealed envelope. Reads no ledger but to compare its origin, and records nothing."""
    from api.envelopes import EnvelopeError, open_envelope, subject_on

    with file.open("rb") as source:
        data = source.read(_MAX_ENVELOPE + 1)
    try:
        on_it = subject_on(data)
        if subject is not None and subject != on_it:
            fail(f"{file}: is the envelope of {on_it}, not of {subject}")
        held = open_envelope(data, _passphrase(on_it))
    except EnvelopeError as error:
        fail(f"{file}: {error}")
    if ledger is not None and (origin := _origin(ledger)) not in (None, held.origin):
        fail(f"{file}: is an envelope of another ledger ({held.origin}; {ledger} is {origin})")
    if as_json:
        print_json({"trial": held.trial, "origin": held.origin, "subject": held.subject, "arm": held.arm,
                    "label": held.label, "recorded": False})  # fmt: skip
    else:
        tell(f"{held.subject}: {held.arm} ({held.label}), trial {held.trial}")
    say("Nothing of this is recorded yet. As soon as the ledger is in reach, submit a report-envelope-opened for")
    say(f"{held.subject}: who opened it, when, and why.")


def _passphrase(subject: str) -> str:
    if sys.stdin.isatty():
        return getpass.getpass(f"Passphrase of the envelope of {subject}: ")
    typed = sys.stdin.buffer.readline(1024).decode("utf-8", "replace").strip()
    if not typed:
        fail("no passphrase was given (at the prompt, or on stdin)", USAGE)
    return typed


def _origin(ledger: Path) -> str | None:
    """The origin of a ledger file; None where it cannot be read: an envelope is for when the ledger is out of reach."""
    import apsw

    from ledger.proof.ledger_file import LedgerFileError, check_ledger_file
    from ledger.recording.engine import StorageError, fetch, open_reading

    try:
        check_ledger_file(ledger)
        connection = open_reading(ledger)
        try:
            rows = fetch(connection, "SELECT origin FROM head WHERE book = 'open'")
        finally:
            connection.close()
    except (LedgerFileError, StorageError, apsw.Error, OSError):
        return None
    return str(rows[0][0]) if rows else None


@errors_named()
def request(
    ledger: Path,
    person: str,
    person_role: str,
    subjects: tuple[str, ...],
    reason: str,
    actor: str | None,
    org: str,
    role: str,
    as_json: bool,
) -> None:
    """Ask for a planned unblinding."""
    from api.acting import command_of

    data = {"person": person, "role": person_role, "subjects": list(subjects), "reason": reason}
    with refusals_named(_REQUEST), opened(ledger) as trial:
        answer = trial.submit(command_of("request-unblinding", data, who(actor, org, role)))
    if as_json:
        print_json(as_data(answer))
    else:
        tell(f"requested at entry {answer.seq}, {answer.at}: {answer.id}")
        say(f"Another person approves it: trial-ledger unblinding approve {ledger} {answer.id} --actor …")


@errors_named()
def approve(ledger: Path, request_id: str, actor: str | None, org: str, role: str, as_json: bool) -> None:
    """Approve a planned unblinding."""
    from api.acting import command_of

    with refusals_named(_REQUEST), opened(ledger) as trial:
        answer = trial.submit(command_of("approve-unblinding", {"request": request_id}, who(actor, org, role)))
    if as_json:
        print_json(as_data(answer))
    else:
        tell(f"approved at entry {answer.seq}, {answer.at}")


@errors_named()
def export_envelopes(
    ledger: Path,
    folder: Path,
    subjects: tuple[str, ...] | None,
    holder: str | None,
    reason: str,
    actor: str | None,
    org: str,
    role: str,
    as_json: bool,
) -> None:
    """Make sealed envelopes in a new folder."""
    from api.access import Session, viewer_of
    from api.bootstrap import protocol_of
    from api.unblinding import PASSPHRASES, export_envelopes
    from ledger.keys.file import load_keys
    from ledger.proof.sections import ARM

    by = who(actor, org, role)

    def admit() -> None:
        Session(ledger, viewer_of(by.id, by.role, by.org)).admit(ARM, "sealed envelopes")

    words = {"data.holder": "--holder"}
    with _faults_named(), refusals_named(words), opened(ledger) as trial, closing(load_keys(ledger)) as keys:
        done = export_envelopes(
            trial, keys, protocol_of(ledger), folder, by,
            admit=admit, subjects=subjects, holder=holder, reason=reason,
        )  # fmt: skip
    if as_json:
        print_json(as_data(done.answer, folder=str(folder), subjects=list(done.subjects)))
        return
    tell(f"{len(done.subjects)} envelopes in {folder} (recorded at entry {done.answer.seq}, {done.answer.at})")
    say(f"Keep {folder / PASSPHRASES} apart from them: who has both knows the arms.")


@contextmanager
def _envelope_named() -> Iterator[None]:
    """Where the ledger is out of use, whoever needs the arm is told in the same breath of what needs no ledger."""
    from ledger.keys.file import KeysError
    from ledger.proof.ledger_file import LedgerFileError
    from ledger.recording.engine import StorageError

    try:
        yield
    except (LedgerFileError, KeysError, StorageError, OSError) as error:
        named = isinstance(error, OSError) and error.filename and error.strerror
        cause = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and named else str(error)
        fail(f"{cause}. No arm was shown; if it cannot wait, open the envelope: trial-ledger unblind --envelope FILE")


@contextmanager
def _faults_named() -> Iterator[None]:
    from api.bootstrap import DeniedError
    from api.unblinding import UnblindingError

    try:
        yield
    except (UnblindingError, DeniedError) as error:
        fail(str(error))
