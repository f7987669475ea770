"""Programs that others wrote, made ready once in a test run, and asked questions.

1. What is missing on a machine is named, and its tests are skipped; but not where CI installs it (`.ci/run` does, as
   root, with CI=true): there a skipped test would say nothing, so it fails.
2. Nothing is written into the source tree: programs are built and installed below pytest's own folder, by the first
   worker that needs them.
3. A program answers one line of JSON with another. That it ends instead is a mistake of the tests, never a verdict.
"""

import base64
import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NoReturn

import pytest

HERE: Final = Path(__file__).parent
_GO_PATH: Final = Path("/usr/share/gocode")
_GO_PACKAGES: Final = ("golang.org/x/mod/sumdb/note", "golang.org/x/mod/sumdb/tlog")


def missing(what: str) -> NoReturn:
    """Skips the test, and says what to install; fails it where CI has to have it."""
    if os.environ.get("CI") == "true" and os.geteuid() == 0:
        pytest.fail(f"missing in CI: {what}")
    pytest.skip(what)


def tool(name: str, install: str) -> str:
    """Where a program is."""
    return shutil.which(name) or missing(f"{name} is not installed ({install})")


class Program:
    """A running program that answers questions."""

    def __init__(self, command: list[str], cwd: Path) -> None:
        self._process = subprocess.Popen(command, cwd=cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, do: str, **values: Any) -> dict[str, Any]:
        """The answer; bytes travel as base64."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps({"do": do} | values, default=_plain).encode() + b"\n")
        stdin.flush()
        line = stdout.readline()
        assert line, f"the program ended instead of answering {do!r}"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def accepts(self, do: str, **values: Any) -> bool:
        """Only whether the answer is yes."""
        return bool(self.ask(do, **values)["ok"])

    def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(timeout=10)
        if self._process.stdout is not None:
            self._process.stdout.close()


@contextmanager
def running(command: list[str], cwd: Path) -> Iterator[Program]:
    program = Program(command, cwd)
    try:
        yield program
    finally:
        program.close()


def unpacked(value: Any) -> list[bytes]:
    """Byte strings out of an answer; none where the answer has none."""
    return [base64.b64decode(one) for one in value or ()]


def identity(vkey: str) -> str:
    """Name and key id of a vkey, by which Go names who signed."""
    return "+".join(vkey.split("+", 2)[:2])


def go_program(temporary: Path) -> list[str]:
    """The command line of `go/`, built offline from what Debian packages."""
    go = tool("go", "apt install golang-go golang-golang-x-mod-dev")
    if not all((_GO_PATH / "src" / name).is_dir() for name in _GO_PACKAGES):
        missing("golang.org/x/mod is not installed (apt install golang-golang-x-mod-dev)")

    def build(folder: Path) -> None:
        environment = os.environ | {
            "GO111MODULE": "off",
            "GOPATH": str(_GO_PATH),
            "GOCACHE": str(folder / "cache"),
            "GOFLAGS": "",
            "GOTOOLCHAIN": "local",
            "CGO_ENABLED": "0",
        }
        command = [go, "build", "-o", str(folder / "interop"), *sorted(map(str, (HERE / "go").glob("*.go")))]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr

    return [str(_once(temporary, "go", build) / "interop")]


def npm_program(temporary: Path) -> list[str]:
    """The command line of `sigstore/verify.mjs`, with what its lock file names installed beside a copy of it."""
    node, npm = tool("node", "apt install nodejs"), tool("npm", "apt install npm")

    def install(folder: Path) -> None:
        for name in (".npmrc", "package.json", "package-lock.json", "verify.mjs"):
            shutil.copyfile(HERE / "sigstore" / name, folder / name)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            missing(f"npm ci could not install what tests/interop/sigstore names: {done.stderr.strip()[-500:]}")

    return [node, str(_once(temporary, "npm", install) / "verify.mjs")]


def _once(temporary: Path, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that the first worker makes and the others find."""
    folder, done = temporary / f"interop-{name}", temporary / f"interop-{name}.done"
    with (temporary / f"interop-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            done.touch()
    return folder


def _plain(value: object) -> str:
    assert isinstance(value, bytes), value
    return base64.b64encode(value).decode()
