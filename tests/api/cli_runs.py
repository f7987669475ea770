"""Running the command line: as a process of its own, or, where that proves as much, in this one."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.cli.app import app
from ledger.proof.verify import verify_ledger
from tests.shared_data import ROOT

CTGOV = ROOT / "tests" / "fixtures" / "ctgov" / "NCT04348461.json"


@dataclass(frozen=True, slots=True)
class Done:
    """What a run left: exit code and both outputs."""

    code: int
    stdout: bytes
    stderr: bytes

    @property
    def out(self) -> str:
        return self.stdout.decode()

    @property
    def err(self) -> str:
        return self.stderr.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)

    @property
    def lines(self) -> list[Any]:
        """The JSON documents of stdout, one a line."""
        return [json.loads(line) for line in self.stdout.splitlines()]

    def refused_in_one_sentence(self, *words: str, code: int = 3) -> None:
        """Nothing on stdout, one line on stderr that begins with `error:` and holds the words; no traceback."""
        assert self.code == code, self.err
        assert self.stdout == b""
        assert len(self.err.splitlines()) == 1, self.err
        assert self.err.startswith("error: ")
        for word in words:
            assert word in self.err


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo of the session: its folder, and what the run that made it said."""

    folder: Path
    done: Done

    @property
    def ledger(self) -> Path:
        return self.folder / "NCT04348461.db"

    def copy(self, folder: Path, *, keys: bool = True) -> Path:
        """The ledger, and its keys, in another folder, without views."""
        folder.mkdir(exist_ok=True)
        path = folder / "copy.db"
        shutil.copyfile(self.ledger, path)
        if keys:
            shutil.copytree(f"{self.ledger}.keys", f"{path}.keys")
        return path


def environment(**more: str) -> dict[str, str]:
    """The environment of a run: the project is on the path, and no terminal width is inherited."""
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "FORCE_COLOR")}
    return kept | {"PYTHONPATH": str(ROOT)} | more


def command(*arguments: object) -> list[str]:
    """The command line of a run."""
    return [sys.executable, "-m", "api.cli", *map(str, arguments)]


def process(
    *arguments: object, stdin: bytes = b"", cwd: Path | None = None, stdout: Any = subprocess.PIPE, **env: str
) -> Done:
    """A run as a process of its own."""
    done = subprocess.run(
        command(*arguments),
        input=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        cwd=cwd,
        env=environment(**env),
        timeout=120,
        check=False,
    )
    return Done(done.returncode, done.stdout or b"", done.stderr)


def here(*arguments: object, stdin: bytes = b"") -> Done:
    """A run in this process; whatever it raises but an exit is raised here."""
    result = CliRunner().invoke(app, list(map(str, arguments)), input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Done(result.exit_code, result.stdout_bytes, result.stderr_bytes)


def size_of(ledger: Path) -> int:
    """How many open entries a ledger has; it must verify."""
    report = verify_ledger(ledger)
    assert report.ok, report.findings
    return report.size


def recommendation(number: int, **more: Any) -> dict[str, Any]:
    """A command that can always be recorded in a new ledger."""
    return {
        "id": f"dmc-{number}",
        "type": "record-dmc-recommendation",
        "actor": {"id": "sponsor-1", "role": "sponsor", "org": "sponsor"},
        "occurred_at": "2020-05-06",
        "data": {"recommendation": "CONTINUE", "text": f"Meeting {number}"},
    } | more


def ndjson(*commands: Any) -> bytes:
    """Commands as lines."""
    return b"".join(json.dumps(each).encode() + b"\n" for each in commands)


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every file below a folder with its bytes (folders: None), without what SQLite keeps beside an open file."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if not path.name.endswith(("-wal", "-shm"))
    }


class Disk:
    """A mounted file system in memory, of a given size."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read_only(self) -> None:
        subprocess.run(["mount", "-o", "remount,ro", self.path], check=True, capture_output=True)


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[Disk]:
    """A small disk; skips the test where nothing may be mounted."""
    path.mkdir()
    if shutil.which("mount") is None:
        pytest.skip("there is no mount command")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", path], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no file system may be mounted here: {done.stderr.decode().strip()}")
    try:
        yield Disk(path)
    finally:
        subprocess.run(["umount", "-l", path], check=True)
