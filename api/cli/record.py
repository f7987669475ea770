"""`init` and `submit`: creating a ledger, and recording commands in it."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from api.cli.output import INPUT, USAGE, errors_named, fail, print_json, say, tell

MAX_LINE: Final = 1 << 20
"""The longest line that `submit` reads, in bytes."""

# An origin is read by others as a name without white space or "+" (C2SP tlog-checkpoint).
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(:[0-9]{1,5})?")
_AGAIN: Final = "Send the same commands again when this is mended: none of them is recorded twice."


@errors_named()
def init(place: str, protocol_file: Path | None, host: str, actor: str, org: str, as_json: bool) -> None:
    """Create a ledger and its keys, and register the trial."""
    from api.bootstrap import create_trial
    from api.cli.databases import where_new
    from ledger.domain.commands import CommandError
    from ledger.domain.protocol import conflicts, reference_protocol
    from ledger.proof.entry import Actor

    if not _HOST.fullmatch(host):
        fail(f"--host: {host!r} is no host name (letters, digits, dots and hyphens; possibly a port)", USAGE)
    protocol = reference_protocol() if protocol_file is None else read_protocol(protocol_file)
    ledger, store = where_new(place, protocol.trial_id)
    try:
        trial = create_trial(ledger, protocol, actor=Actor(actor, org, "sponsor"), host=host, store=store)
    except CommandError as error:  # of what the command is made of, only actor and organisation come from here
        fail(
            "; ".join(
                f"--{fault.field.replace('actor.id', 'actor').replace('actor.org', 'org')}: {fault.message}"
                for fault in error.refusals
            ),
            USAGE,
        )
    origin = trial.origin
    trial.close()
    found = conflicts(protocol)
    if as_json:
        listed = [{"code": conflict.code, "message": conflict.message} for conflict in found]
        print_json({"ledger": str(ledger), "origin": origin, "trial": protocol.trial_id, "conflicts": listed})
        return
    say(f"{ledger}: {protocol.trial_id} is registered; origin {origin}")
    say(f"Its keys are in {ledger}.keys: keep a copy of them elsewhere, apart from the ledger.")
    for conflict in found:
        say(f"the protocol disagrees with itself ({conflict.code}): {conflict.message}")


def read_protocol(path: Path) -> Any:
    """A protocol file. Ends with one sentence a problem."""
    from ledger.domain.protocol import Protocol, ProtocolError

    try:
        return Protocol.load(path.read_bytes())
    except ProtocolError as error:
        for problem in error.problems:
            say(f"error: {path}: {problem.field}: {problem.rule}")
        raise SystemExit(INPUT) from None


@errors_named()
def print_schema() -> None:
    """The JSON schema of a submitted command."""
    from ledger.domain.commands import command_schema

    print_json(command_schema())


@errors_named()
def submit(source: str, ledger: Path, stop_on_error: bool, as_json: bool) -> None:
    """Record commands line by line. Each answer or refusal is one line; the exit code is 3 if any was refused."""
    from api.bootstrap import open_trial
    from ledger.keys.file import KeysError
    from ledger.proof.ledger_file import LedgerFileError
    from ledger.recording.engine import StorageError

    counts = dict.fromkeys(("recorded", "repeated", "refused"), 0)
    name = "stdin" if source == "-" else source
    with _lines(source) as file:
        trial = open_trial(ledger)
        try:
            for number, line in enumerate(_bounded(file, name), 1):
                if not line.strip():
                    continue
                try:
                    answer = submit_line(trial, line)
                except (StorageError, LedgerFileError, KeysError) as error:
                    fail(f"{name}, line {number}: {error}. {_so_far(counts)} before it. {_AGAIN}")
                answer["line"] = number
                counts[answer["status"]] += 1
                _tell(answer, name, as_json)
                if counts["refused"] and stop_on_error:
                    break
        finally:
            trial.close()
    if not as_json:
        say(_so_far(counts))
    if counts["refused"]:
        raise SystemExit(INPUT)


def submit_line(trial: Any, line: bytes) -> dict[str, Any]:
    """Submit one command as bytes; the answer, or the refusal with every problem named, as JSON-ready data."""
    from ledger.application import CommandRefusedError
    from ledger.domain.commands import CommandError, parse_command
    from ledger.proof.canonical import CanonicalError, parse
    from ledger.recording.sqlite import CommandReused

    name: str | None = None
    try:
        if len(line) > MAX_LINE:
            raise CanonicalError(f"the line is longer than {MAX_LINE} bytes")
        value = parse(line, decimals=True)
        if isinstance(value, dict) and isinstance(value.get("id"), str):
            name = value["id"]
        answer = trial.submit(parse_command(value))
    except CanonicalError as error:
        problems = [("$", "json", str(error))]
    except CommandError as error:
        problems = [(fault.field, fault.rule, fault.message) for fault in error.refusals]
    except CommandRefusedError as error:
        problems = [(error.refusal.field, error.refusal.rule, error.refusal.message)]
    except CommandReused as error:
        problems = [("id", "command-reused", str(error))]
    else:
        return {
            "id": answer.id,
            "status": "repeated" if answer.repeated else "recorded",
            "book": answer.book.value,
            "seq": answer.seq,
            "count": answer.count,
            "recorded_at": answer.at,
            "events": list(answer.types),
        }
    listed = [{"field": field, "rule": rule, "message": message} for field, rule, message in problems]
    return {"id": name, "status": "refused", "problems": listed}


def _so_far(counts: dict[str, int]) -> str:
    repeated = f", {counts['repeated']} recorded earlier" if counts["repeated"] else ""
    return f"{counts['recorded']} recorded{repeated}, {counts['refused']} refused"


def _tell(answer: dict[str, Any], name: str, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    elif answer["status"] == "refused":
        for problem in answer["problems"]:
            where = f"{name}, line {answer['line']}, field {problem['field']}"
            tell(f"refused: {where}: {problem['message']} (rule {problem['rule']})")
    elif any(type_.endswith("deviation.raised/1") for type_ in answer["events"]):
        tell(f"{name}, line {answer['line']}: {answer['status']}, and it departs from the protocol (show deviations)")


@contextmanager
def _lines(source: str) -> Iterator[IO[bytes]]:
    if source == "-":
        yield sys.stdin.buffer
        return
    path = Path(source)
    if not path.exists():
        fail(f"{path}: there is no such file")
    with path.open("rb") as file:
        yield file


def _bounded(file: IO[bytes], name: str) -> Iterator[bytes]:
    """Lines, each cut soon after the longest that is taken, so that an endless one needs no endless memory."""
    try:
        while line := file.readline(MAX_LINE + 2):
            if len(line) > MAX_LINE:
                while not line.endswith(b"\n") and (rest := file.readline(MAX_LINE)):
                    line = line[: MAX_LINE + 1] + rest[-1:]
            yield line
    except OSError as error:
        fail(f"{name}: cannot be read ({error.strerror})")
