"""`<ledger>.restored`: that a file was restored from a bundle, and whether it may go on. `docs/restoring.md`

    {"bundle": SHA-256 (hex), "recording": "continue" | "never", "role", "sections", "signed": {"root", "size"} | null}

1. What was restored records nothing by itself: whether the old ledger has gone on meanwhile, no bundle can tell. A file
   with the ledger's own keys goes on by `trial-ledger continue` ("continue"), which takes the mark away. One without
   them ("never") is for reading: it lacks the key of marks, without which nothing can be told to be recorded twice.
2. `signed` is the checkpoint beyond the end that the bundle has: what the log signed and the restored file lacks.
3. It lies outside the database, whose bytes are those of the format. It protects people from a mistake; who takes it
   away has to go on without that.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from api import durable
from ledger.proof.checkpoint import Checkpoint
from ledger.proof.ledger_file import LedgerFileError

CONTINUE: Final = "continue"
NEVER: Final = "never"
_MOST: Final = 1 << 16
_HEX: Final = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Mark:
    """What the mark says. `signed`: (size, root) of the checkpoint beyond; `sections`: class -> form in the bundle."""

    bundle: str
    role: str
    recording: str
    sections: dict[str, str]
    signed: tuple[int, bytes] | None = None

    def encode(self) -> bytes:
        """What the file holds."""
        signed = None if self.signed is None else {"root": self.signed[1].hex(), "size": self.signed[0]}
        value = {
            "bundle": self.bundle,
            "recording": self.recording,
            "role": self.role,
            "sections": self.sections,
            "signed": signed,
        }
        return json.dumps(value, sort_keys=True, indent=1).encode("ascii") + b"\n"

    @classmethod
    def decode(cls, data: bytes) -> "Mark":
        """Raises ValueError for anything else than what `encode` gives."""
        try:
            value = json.loads(data)
            told = value["signed"]
            signed = None if told is None else (told["size"], bytes.fromhex(told["root"]))
            mark = cls(value["bundle"], value["role"], value["recording"], value["sections"], signed)
            if mark.encode() != data or not _HEX.fullmatch(mark.bundle) or mark.recording not in (CONTINUE, NEVER):
                raise ValueError
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ValueError("is no mark of what was restored") from None
        return mark


def mark_file(ledger: Path) -> Path:
    """Where the mark of a ledger file lies."""
    return ledger.with_name(f"{ledger.name}.restored")


def read_mark(ledger: Path) -> Mark | None:
    """The mark of a ledger; None where it was not restored, or has gone on since. Raises LedgerFileError."""
    path = mark_file(ledger)
    try:
        with path.open("rb") as file:
            return Mark.decode(file.read(_MOST))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LedgerFileError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise LedgerFileError(f"{path}: {error}; what was restored is not recorded into") from None


def why_not_recordable(ledger: Path) -> str | None:
    """Why nothing is to be recorded in a ledger as it is; None where it was not restored. Raises LedgerFileError."""
    mark = read_mark(ledger)
    if mark is None:
        return None
    if mark.recording == NEVER:
        return (
            f"{ledger}: was restored from a bundle for the role {mark.role}, which has not the ledger's own keys: it "
            "can be read and verified, and nothing can be recorded in it. An archive bundle can go on"
        )
    return (
        f"{ledger}: was restored from a bundle, and nobody can tell from that whether the old ledger has gone on. "
        f"Nothing is recorded before this one goes on, on the record: trial-ledger continue {ledger} --reason …"
    )


def may_continue(ledger: Path) -> None:
    """Raises LedgerFileError where a restored file can never go on."""
    mark = read_mark(ledger)
    if mark is not None and mark.recording == NEVER:
        raise LedgerFileError(why_not_recordable(ledger) or "")


def signed_beyond(ledger: Path, origin: str) -> Checkpoint | None:
    """What the log is known to have signed beyond the end of what was restored."""
    mark = read_mark(ledger)
    return None if mark is None or mark.signed is None else Checkpoint(origin, *mark.signed)


def gone_on(ledger: Path) -> None:
    """Take the mark away: the event `ledger.continued/1` says from now on what it said."""
    if mark_file(ledger).exists():
        durable.remove(mark_file(ledger))
