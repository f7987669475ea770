"""`verify` and `entry`."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from api.cli.output import USAGE, VERIFICATION_FAILED, errors_named, fail, print_bytes, print_json, progress, say, tell

if TYPE_CHECKING:
    from api.report import FileFacts
    from ledger.keys.file import TrialKeys
    from ledger.proof.assess import Trusted
    from ledger.proof.draws import Secret
    from ledger.proof.findings import Report


@dataclass(frozen=True, slots=True)
class Brought:
    """What the verifier brings: files of trusted keys and certificates, checkpoints, another folder of evidence."""

    policy: Path | None = None
    authorities: Sequence[Path] = ()
    checkpoints: Sequence[Path] = ()
    evidence: Path | None = None

    def as_arguments(self) -> list[str]:
        """What names all that on the command line."""
        named = [("--policy", self.policy), *(("--authorities", path) for path in self.authorities)]
        named += [*(("--checkpoint", path) for path in self.checkpoints), ("--evidence", self.evidence)]
        return [text for option, path in named if path is not None for text in (option, str(path))]


@errors_named()
def verify(file: Path, with_keys: bool, as_json: bool, brought: Brought, entry: Path | None, into: Path | None) -> None:
    """Print the report; end with 0 if everything holds, with 1 if not."""
    from ledger.proof.bundle import is_bundle
    from ledger.proof.checking import check, is_proof, load_trusted, named_folder
    from ledger.proof.words import in_words
    from ledger.verifying.fast import verify_fast

    trusted = load_trusted(brought.policy, brought.authorities, brought.checkpoints)
    if entry is not None:
        _verify_proof(file, entry, trusted, as_json)
        return
    if is_proof(file):
        fail(f"{file} is the proof of one entry: --entry FILE and --policy FILE say of which, and whom to trust", USAGE)
    held = nullcontext(None) if is_bundle(file) else held_keys(file, wanted=with_keys)
    before = None if into is None else _identified(file, into)
    with held as keys, progress("verify", None, shown=not as_json) as step:
        report = check(
            file,
            trusted,
            evidence=named_folder(brought.evidence),
            keys=keys,
            secret=held_list(keys),
            progress=step.reach,
            walk=verify_fast,
        )
    if into is not None and before is not None:
        _write_report(into, file, report, trusted, before, brought, with_keys, keys is not None)
    if as_json:
        print_json(report.to_json())
    else:
        if keys is not None:
            tell(f"Sealed sections are opened with the keys in {file}.keys (--no-keys: they stay closed).")
        tell(in_words(report))
    if not report.ok:
        raise SystemExit(VERIFICATION_FAILED)


def _identified(file: Path, into: Path) -> "FileFacts":
    """The file before it is verified; that no report lies where one is to be written is asked first."""
    from api.report import check_free, file_facts

    facts = file_facts(file)
    check_free(into)
    return facts


def _write_report(
    into: Path,
    file: Path,
    report: "Report",
    trusted: "Trusted",
    before: "FileFacts",
    brought: Brought,
    with_keys: bool,
    held: bool,
) -> None:
    from datetime import UTC, datetime

    from api.report import Run, programs_here, write_report

    arguments = [str(file), *brought.as_arguments(), *([] if with_keys else ["--no-keys"])]
    run = Run(datetime.now(UTC), arguments, programs_here(), held)
    written = write_report(into, file, report, trusted, before, run)
    for path in written.paths:
        say(f"report: {path}")
    if written.remark is not None:
        say(written.remark)


def _verify_proof(file: Path, entry: Path, trusted: "Trusted", as_json: bool) -> None:
    from ledger.proof.checking import check_proof

    if trusted.policy is None:
        fail("--entry needs --policy: a proof alone shows nothing", USAGE)
    proved = check_proof(file, entry, trusted)
    print_json(proved.to_json()) if as_json else tell(proved.in_words())
    if not proved.ok:
        raise SystemExit(VERIFICATION_FAILED)


@contextmanager
def held_keys(ledger: Path, *, wanted: bool = True) -> "Iterator[TrialKeys | None]":
    """The keys beside a ledger; None where there are none, they are not for us to read, or not wanted."""
    from api.bootstrap import origin_of
    from ledger.keys.file import KeysError, keys_folder, load_keys
    from ledger.keys.folder import require_own
    from ledger.proof.ledger_file import check_ledger_file

    check_ledger_file(ledger)  # what is no ledger has no keys to ask for
    effective = os.access in os.supports_effective_ids
    if not wanted or not os.access(keys_folder(ledger), os.R_OK | os.X_OK, effective_ids=effective):
        yield None
        return
    try:
        require_own(ledger, origin_of(ledger))
    except KeysError as error:
        tell(f"{error}: sealed sections stay closed.")
        yield None
        return
    keys = load_keys(ledger)
    try:
        yield keys
    finally:
        keys.close()


def held_list(keys: "TrialKeys | None") -> "Secret | None":
    """The secret of the allocation list and its parameters, where the keys hold them."""
    from ledger.keys.allocation import kept_allocation

    kept = None if keys is None else kept_allocation(keys)
    return None if kept is None else (kept[0], kept[1].to_value())


@errors_named()
def entry(ledger: Path, seq: int, sealed: bool) -> None:
    """Write the stored bytes of an entry."""
    import apsw

    from ledger.proof.ledger_file import check_ledger_file
    from ledger.recording.engine import fetch, open_reading, translated

    book = "sealed" if sealed else "open"
    check_ledger_file(ledger)
    connection = open_reading(ledger)
    try:
        heads = fetch(connection, "SELECT size FROM head WHERE book = ?", (book,))
        size = heads[0][0] if heads else 0
        query = f"SELECT entry FROM {book}_entry WHERE seq = ?"
        rows = fetch(connection, query, (seq,)) if seq < 2**63 else []
    except apsw.Error as error:
        raise translated(error, ledger) from error
    finally:
        connection.close()
    if not rows:
        fail(f"{ledger}: the {book} book has no entry {seq}; it has {size}, counted from 0")
    print_bytes(rows[0][0])
