"""What a report says of the run: which file, when, by which programs, and how to do it again. All of it is handed in.

The file is identified before it is verified and again when the report is written: where the two differ, somebody wrote
to it meanwhile, and the report says so.
"""

import hashlib
import platform
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from ledger.proof.bundle import is_bundle

_PROGRAMS: Final = {
    "trial-ledger": "run from its source folder",
    "cryptography": "not installed",
    "rfc3161-client": "not installed: time stamps cannot be checked",
}
"""Name -> what is said where the version is not known."""
_BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A file as it lies there: name, kind, bytes, SHA-256. `log`: how many bytes a write-ahead log beside it has."""

    name: str
    bundle: bool
    size: int
    sha256: str
    log: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """A verification as it was made. `arguments`: all that came after the program's name but for `--report`."""

    verified_at: datetime
    arguments: Sequence[str]
    programs: Sequence[tuple[str, str]]
    keys: bool = False
    """Whether keys were at hand to open sealed sections with."""

    @property
    def command(self) -> str:
        """What to type to do it again."""
        return shlex.join(["trial-ledger", "verify", *self.arguments])

    @property
    def alone(self) -> str:
        """The same with the verifier in one file."""
        return shlex.join(["python3", "trial-ledger-verify.pyz", *self.arguments])


def file_facts(path: Path) -> FileFacts:
    """Read the whole file once. Raises OSError."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
    bundle = is_bundle(path)
    log = path.with_name(f"{path.name}-wal")
    return FileFacts(
        path.name, bundle, size, digest.hexdigest(), 0 if bundle or not log.is_file() else log.stat().st_size
    )


def programs_here() -> tuple[tuple[str, str], ...]:
    """Name and version of what verifies here; Python first."""
    return (
        ("Python", platform.python_version()),
        *((name, _version(name, other)) for name, other in _PROGRAMS.items()),
    )


def _version(name: str, other: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return other
