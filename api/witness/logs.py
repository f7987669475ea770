"""The logs that a witness cosigns for: a file with one verifier key (C2SP signed-note) a line.

Empty lines and lines that begin with # are passed over. Several keys of one name are keys of one log; the name is the
origin of its checkpoints. `trial-ledger keys LEDGER` prints such lines.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ledger.proof.note import NoteError, VerifierKey

MAX_FILE_BYTES: Final = 1 << 20
MAX_ORIGIN_BYTES: Final = 255
"""C2SP tlog-cosignature: opaque log_origin<1..2^8-1>."""


class LogsError(ValueError):
    """The file of logs cannot be used; the message names the line and the rule."""


def parse_logs(text: str) -> Mapping[str, tuple[VerifierKey, ...]]:
    """The keys of each log, by its origin. Raises LogsError."""
    logs: dict[str, tuple[VerifierKey, ...]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip(" \t")
        if not stripped or stripped.startswith("#"):
            continue
        try:
            key = VerifierKey.parse(stripped)
        except NoteError as error:
            raise LogsError(f"line {number}: {error}") from None
        if len(key.name.encode()) > MAX_ORIGIN_BYTES:
            raise LogsError(f"line {number}: an origin that is cosigned has at most {MAX_ORIGIN_BYTES} bytes")
        known = logs.get(key.name, ())
        if key in known:
            raise LogsError(f"line {number}: the same key again")
        logs[key.name] = (*known, key)
    if not logs:
        raise LogsError("names no log: the verifier keys of at least one are needed, one a line")
    return logs


def read_logs(path: Path) -> Mapping[str, tuple[VerifierKey, ...]]:
    """The logs that a file names. Raises LogsError, OSError."""
    with path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise LogsError(f"{path}: has more than {MAX_FILE_BYTES} bytes")
    try:
        return parse_logs(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise LogsError(f"{path}: is not UTF-8") from None
    except LogsError as error:
        raise LogsError(f"{path}: {error}") from None
