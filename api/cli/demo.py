"""`demo`: the reference trial as a labelled simulation; recorded, verified, tampered with in a copy, shown, and served.

At the end its pages are served on this machine alone, with the development issuer, until Ctrl-C. Where nobody sits at a
terminal who could press that, the command to serve them is said instead.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import socket
import sys
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from api.cli.output import VERIFICATION_FAILED, errors_named, fail, print_table, progress, say
from api.evidence import store
from api.outbox import names_in, outbox_folder
from ledger.keys.file import KEY_FILES, keys_folder
from ledger.proof.evidence import evidence_folder
from ledger.proof.ledger_file import LedgerFileError, check_ledger_file
from ledger.recording.engine import StorageError, fetch, open_reading
from ledger.recording.stores import IN_FILE, Store
from projections.runner import views_folder

if TYPE_CHECKING:
    from api.simulation import Step
    from ledger.application import TrialLedger
    from projections.result import Result

_HOST = "demo.invalid"
_TAMPERED = "tampered.db"
_LOOPBACK = "127.0.0.1"
_PORT = 8000
_FIRST = datetime(2020, 5, 6, 6, 0, tzinfo=UTC)
_PEOPLE = (
    ("investigator", "is masked: sees the open book, and may break a code in an emergency"),
    ("statistician", "sees arms"),
    ("auditor", "is masked, and can check the record"),
    ("sponsor", "is masked; see docs/pages.md for the others"),
)
_VIEWS = (
    ("enrolment", "sponsor"),
    ("disposition", "sponsor"),
    ("survival", "sponsor"),
    ("ae-rate", "sponsor"),
    ("survival", "statistician"),
    ("exposure", "statistician"),
    ("deviations", "auditor"),
)


class SimulatedClock:
    """Time as the story tells it; it stands still until it is set."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


class SeededRandomness:
    """Salts and ids that are the same for the same seed. For simulations only: who knows the seed knows the salts.

    Each book draws from a stream of its own, so that the open book never tells how much the sealed one drew.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._drawn = {"open": 0, "sealed": 0, "keys": 0}

    def open(self, count: int) -> bytes:
        return self._draw("open", count)

    def sealed(self, count: int) -> bytes:
        return self._draw("sealed", count)

    def keys(self, count: int) -> bytes:
        return self._draw("keys", count)

    def _draw(self, purpose: str, count: int) -> bytes:
        number = self._drawn[purpose]
        self._drawn[purpose] = number + 1
        return hashlib.shake_256(f"trial-ledger demo {self._seed} {purpose} {number}".encode()).digest(count)


@errors_named()
def run(folder: Path, seed: int, subjects: int, *, serve: bool | None) -> None:
    """Play the story into `folder`/NCT04348461.db and show what came of it.

    `serve`: whether its pages are served then; None: where there is a terminal.
    """
    path = _fresh(folder)
    ended = play(path, seed, subjects, SeededRandomness(seed))
    _verify(path)
    _tamper(path, folder / _TAMPERED, seed)
    _show(path, ended)
    say(f"\nThe ledger is {path}. Try: trial-ledger show audit {path} | trial-ledger verify {path}")
    if serve if serve is not None else sys.stdin.isatty() and sys.stderr.isatty():
        _serve(path)
    else:
        say(f"Its pages, in a browser: trial-ledger serve {shlex.quote(str(path))} --development")


def _serve(path: Path) -> None:
    """Serve the pages of the demo until Ctrl-C, which ends it well."""
    from api.cli import serving

    say("\nIts pages are served now, on this machine alone. Open the address below in a browser, and choose who to be:")
    for role, sees in _PEOPLE:
        say(f"  {role}-1".ljust(20) + sees)
    say("Ctrl-C ends it.")
    os.environ.setdefault("TRIAL_LEDGER_LOG_LEVEL", "warning")  # a line for each request is for who runs a server
    serving.serve([path], None, _LOOPBACK, _PORT if _is_free(_PORT) else 0, True, False)


def _is_free(port: int) -> bool:
    try:
        socket.create_server((_LOOPBACK, port)).close()
    except OSError:
        return False
    return True


def _fresh(folder: Path) -> Path:
    """A folder without an earlier demo. Only files that a demo made are removed; all are looked at before one is."""
    if folder.exists() and not folder.is_dir():
        fail(f"{folder}: is a file; the demo needs a folder (--dir)")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "NCT04348461.db"
    earlier = [found for found in (path, folder / _TAMPERED) if found.is_symlink() or found.exists()]
    for found in earlier:
        if not _is_demo(found):
            fail(f"{found}: is not the file of an earlier demo, and is left as it is; choose another folder with --dir")
    if path not in earlier and keys_folder(path).exists():
        fail(f"{keys_folder(path)}: keys without their ledger, left as they are; choose another folder with --dir")
    for found in earlier:
        for suffix in ("", "-wal", "-shm"):
            found.with_name(found.name + suffix).unlink(missing_ok=True)
        for beside, names in (
            (keys_folder(found), KEY_FILES),
            (views_folder(found), [f"{name}.db{end}" for name in ("open", "unmasked") for end in ("", "-wal", "-shm")]),
            (outbox_folder(found), names_in(outbox_folder(found))),
            *store.names_in(evidence_folder(found)),
        ):
            for name in names:
                (beside / name).unlink(missing_ok=True)
            with suppress(OSError):  # not there, or somebody keeps a file of his own in it
                beside.rmdir()
    return path


def _is_demo(path: Path) -> bool:
    """Whether a ledger says of itself that it is a demo's."""
    import apsw

    try:
        check_ledger_file(path)
        connection = open_reading(path)
        try:
            rows = fetch(connection, "SELECT origin FROM head WHERE book = 'open'")
        finally:
            connection.close()
    except (LedgerFileError, StorageError, apsw.Error):
        return False
    return bool(rows) and str(rows[0][0]).startswith(f"{_HOST}/")


def play(path: Path, seed: int, subjects: int, randomness: SeededRandomness, *, store: Store = IN_FILE) -> datetime:
    """Record the story of `seed` in a new ledger; gives the time at which it ends."""
    from api.bootstrap import create_trial, keep_list
    from api.simulation import Pharmacy, simulated_list, story, with_treatments
    from ledger.domain.protocol import reference_protocol
    from ledger.proof.entry import Actor

    protocol = reference_protocol()
    clock = SimulatedClock(_FIRST)
    say(f"SIMULATION of {protocol.trial_id} with seed {seed}: no line of it is about a real person.")
    say("Its keys, salts and list follow from the seed, so everybody can make them: they protect nothing.")
    ledger = create_trial(
        path,
        protocol,
        actor=Actor("sponsor-1", "IIS-FJD", "sponsor"),
        host=_HOST,
        clock=clock,
        randomness=randomness,
        random=randomness.keys,
        provenance={"kind": "simulation", "source": f"trial-ledger demo, seed {seed}"},
        store=store,
    )
    keep_list(path, *simulated_list(protocol, seed))
    told = list(story(protocol, seed=seed, subjects=subjects))
    recorded, refused = 0, 0
    say(f"Recording {len(told)} steps and the treatments that follow from the arms …")
    with closing(ledger), progress("recording", len(told)) as step:
        for happening in with_treatments(told, ledger.arm_of, Pharmacy(protocol, seed=seed)):
            clock.at = max(clock.at, happening.at)
            if _tell(ledger, happening):
                recorded += 1
            else:
                refused += 1
            step()
    say(f"{recorded} commands recorded; {refused} refused, each by the rule that the story expected.")
    return clock.at


def _tell(ledger: TrialLedger, happening: Step) -> bool:
    """Submit one step; True if it was recorded. What the story did not expect ends the demo."""
    from ledger.application import CommandRefusedError
    from ledger.domain.commands import parse_command

    name = happening.command["id"]
    try:
        ledger.submit(parse_command(happening.command))
    except CommandRefusedError as error:
        if error.refusal.rule != happening.expect:
            fail(f"the demo's command {name} was refused: {error}")
        return False
    if happening.expect is not None:
        fail(f"the demo's command {name} was recorded, where the rule {happening.expect} should have refused it")
    return True


def _verify(path: Path) -> None:
    from api.cli.check import held_keys, held_list
    from ledger.proof.__main__ import in_words
    from ledger.proof.verify import verify_ledger

    with held_keys(path) as keys:
        report = verify_ledger(path, keys=keys, secret=held_list(keys))
    say("\nverify " + str(path))
    say(in_words(report))
    if not report.ok:
        fail("the demo's own ledger does not verify", VERIFICATION_FAILED)


def _tamper(path: Path, copy: Path, seed: int) -> None:
    """Alter one byte of one entry in a copy, and let the verifier name the place."""
    from ledger.proof.__main__ import in_words
    from ledger.proof.verify import verify_ledger

    shutil.copyfile(path, copy)
    seq = _alter_one_byte(copy, seed)
    say(f"\nNow one byte of entry {seq} is altered in a copy, {copy}, as an administrator of the file could:")
    report = verify_ledger(copy)
    say(in_words(report))
    if report.ok or all(finding.seq != seq for finding in report.findings):
        fail(f"the altered byte in entry {seq} was not found", VERIFICATION_FAILED)


def _alter_one_byte(copy: Path, seed: int) -> int:
    """Change the first letter of the severity of an adverse event, which one the seed picks."""
    import apsw

    connection = apsw.Connection(str(copy))
    query = "SELECT seq, sections FROM open_event WHERE type = 'adverse-event.reported/1' ORDER BY seq"
    rows = fetch(connection, query)
    seq, sections = rows[seed % len(rows)]
    place = sections.index(b'"severity":"') + len(b'"severity":"')
    altered = sections[:place] + bytes([sections[place] ^ 0x01]) + sections[place + 1 :]
    trigger = fetch(connection, "SELECT sql FROM sqlite_schema WHERE name = 'open_entry_no_update'")[0][0]
    connection.execute("DROP TRIGGER open_entry_no_update")
    connection.execute("UPDATE open_entry SET sections = ? WHERE seq = ?", (altered, seq))
    connection.execute(trigger)  # and no trace is left of the door that was opened
    connection.close()
    return int(seq)


def _show(path: Path, at: datetime) -> None:
    """A few views. Whoever runs the demo is shown arms in them, and that is on the record as any other look is."""
    from api.access import Session, viewer_of

    sessions = {role: Session(path, viewer_of("demo", role, "demo"), clock=SimulatedClock(at)) for _, role in _VIEWS}
    for view, role in _VIEWS:
        result = _in_short(sessions[role].show(view))
        print_table(f"{result.title} (as {role})", *result.grid())


def _in_short(result: Result) -> Result:
    """The rows that say most; `show` has all of them."""
    table = result.table
    if result.view == "enrolment":
        columns = tuple(column for column in table.columns if column not in ("site", "month"))
        rows = [row for row in table.rows if row["site"] is None and row["month"] is None]
        table = replace(table, columns=columns, rows=rows)
    elif result.view == "disposition":
        table = replace(table, rows=[row for row in table.rows if row["category"] != "VISIT"])
    return replace(result, table=table)
