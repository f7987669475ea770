"""The newcomer's walk, `docs/walk.md`, walked: its commands and its steps in the browser, in the order of the document.

    python -m tests.walk              walk, with everything set up anew as on a fresh machine; end with 1 where the
                                      document is behind
    python -m tests.walk --write      the same, and write outputs and times into the document

1. It begins with a clone of this repository; what is not committed yet is laid over it.
2. A console block is `$ ` and commands, each with its output. What differs from run to run (hashes, keys, times,
   numbers) is compared by its form.
3. In numbered lines, `Open <…>`, `Press **…**`, `Follow **…**`, `See **…**` and `Save **…**` are steps in the browser.
4. The tests (`tests/test_walk.py`) take the packages of the Python that runs them instead of installing them anew.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from tests.shared_data import ROOT
from tests.terminal import Terminal, at_a_terminal
from tests.visitor import Visitor, visiting

DOCUMENT: Final = ROOT / "docs" / "walk.md"
_TIMES: Final = re.compile(r"(?<=<!-- times -->\n).*?(?=<!-- /times -->)", re.DOTALL)
_SECTION: Final = re.compile(r"^## (\d+\. .*)\n((?:(?!^## ).*\n)*)", re.MULTILINE)
_PART: Final = re.compile(r"^```console\n(?P<block>(?:.*\n)*?)```\n|^\d+\. (?P<steps>.*)\n", re.MULTILINE)
_COMMAND: Final = re.compile(r"^\$ (?P<command>.*)\n(?P<output>(?:(?!\$ ).*\n)*)", re.MULTILINE)
_STEP: Final = re.compile(
    r"Open <[^>]+>"
    r"|Press Ctrl-C"
    r"|Press \*\*(?P<press>[^*]+)\*\*(?: with `(?P<typed>[^`]+)` as \*(?P<label>[^*]+)\*)?"
    r"|Follow \*\*(?P<follow>[^*]+)\*\*(?: until \*\*(?P<until>[^*]+)\*\*)?"
    r"|See \*\*(?P<see>[^*]+)\*\*"
    r"|Save \*\*(?P<save>[^*]+)\*\*(?:[^.`]*`(?P<name>[^`]+)`)?"
)
_VARIES: Final = (
    (re.compile(r"[0-9A-Za-z+/]{43}=|\b[0-9a-f]{64}\b|\b[0-9a-f]{32}\b"), "HASH"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "TIME"),
    (re.compile(r"(?<![A-Za-z0-9])\d[\d,]*(?![A-Za-z0-9])"), "N"),
)
_ADDRESS: Final = re.compile(r"http://127\.0\.0\.1:\d+")
_WITHOUT_NETWORK: Final = ("unshare", "--map-root-user", "--net")


def formed(text: str) -> str:
    """An output without what differs from run to run."""
    for pattern, name in _VARIES:
        text = pattern.sub(name, text)
    return text


class Walk:
    """One walk, in a folder of its own. `fresh`: with everything set up anew."""

    def __init__(self, folder: Path, *, fresh: bool) -> None:
        self.times: dict[str, float] = {}
        self.behind: list[str] = []
        self._here = folder
        self._fresh = fresh
        self._open = ExitStack()
        self._terminal: Terminal | None = None
        self._visitor: Visitor | None = None
        self._url = ""

    def go(self, text: str) -> str:
        """Walk through the document; gives it with the outputs and the times of this walk."""
        with self._open:
            written = _SECTION.sub(self._section, text)
        assert self._terminal is None, "the demo was never ended"
        rows = [f"| {name} | {seconds:.0f} s |\n" for name, seconds in self.times.items()]
        rows.append(f"| all of it | {sum(self.times.values()):.0f} s |\n")
        table = f"On {os.cpu_count()} cores, the packages by a fast network.\n\n| step | time |\n|---|---|\n"
        return _TIMES.sub(table + "".join(rows), written)

    def _section(self, match: re.Match[str]) -> str:
        began = time.monotonic()
        body = _PART.sub(self._part, match[2])
        self.times[match[1]] = time.monotonic() - began
        return f"## {match[1]}\n{body}"

    def _part(self, match: re.Match[str]) -> str:
        if match["block"] is not None:
            return f"```console\n{_COMMAND.sub(self._command, match['block'])}```\n"
        for step in _STEP.finditer(match["steps"]):
            self._step(step)
        return match[0]

    # -- at the terminal -----------------------------------------------------------------------------------------------

    def _command(self, match: re.Match[str]) -> str:
        command, expected = match["command"], match["output"]
        if command.startswith("cd "):
            self._here /= command.removeprefix("cd ")
            self._arrived()
            output = ""
        elif command == "make demo":
            line = ["/bin/sh", "-c", f"exec {command}"]
            self._terminal = self._open.enter_context(at_a_terminal(line, env=_environment(), cwd=self._here))
            self._url = self._terminal.until(_ADDRESS, 900)
            output = ""
        else:
            output = self._run(command)
        if formed(output) != formed(expected):
            self.behind.append(f"$ {command}\n{output}")
            expected = output
        return f"$ {command}\n{expected}"

    def _run(self, command: str) -> str:
        line = ["/bin/sh", "-c", command]
        if self._url and _may_be_without_network():
            line = [*_WITHOUT_NETWORK, *line]
        done = subprocess.run(
            line, cwd=self._here, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            check=False, timeout=900,
        )  # fmt: skip
        assert done.returncode == 0, f"$ {command}\n{done.stdout}"
        return done.stdout

    def _arrived(self) -> None:
        """In the clone: what is not committed is laid over it, and the packages are there, unless it is fresh."""
        for path in _changed():
            (self._here / path).parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / path).is_file():
                shutil.copy2(ROOT / path, self._here / path)
            else:
                (self._here / path).unlink(missing_ok=True)
        if self._fresh:
            return
        programs = self._here / ".venv" / "bin"
        programs.mkdir(parents=True)
        for name, line in (("python", ""), ("trial-ledger", "-m api.cli ")):
            (programs / name).write_text(f'#!/bin/sh\nPYTHONPATH={self._here} exec {sys.executable} {line}"$@"\n')
            (programs / name).chmod(0o755)
        for stamp in (".created", ".runtime"):
            (programs.parent / stamp).touch()

    # -- in the browser ------------------------------------------------------------------------------------------------

    def _step(self, step: re.Match[str]) -> None:
        if step[0].startswith("Open"):
            self._visitor = self._visitor or self._open.enter_context(visiting(self._url))
            self._visitor.go("/")
            return
        if step[0] == "Press Ctrl-C":
            assert self._terminal is not None
            self._terminal.ctrl_c()
            assert "Traceback" not in self._terminal.shown
            self._terminal = None
            return
        at = self._visitor
        assert at is not None, "no page is open"
        if step["press"] is not None:
            at.press(step["press"], **({at.field(step["label"]): step["typed"]} if step["label"] else {}))
        elif step["follow"] is not None and step["until"] is None:
            at.follow(step["follow"])
        elif step["follow"] is not None:
            until = time.monotonic() + 60
            while not at.has(step["until"]):
                assert time.monotonic() < until, f"{step['until']} never came"
                time.sleep(0.1)
                at.follow(step["follow"])
        elif step["see"] is not None:
            assert step["see"] in at.text(), f"{step['see']} is not on the page: {at.text()}"
        else:
            (self._here / (step["name"] or step["save"])).write_bytes(at.download(at.link(step["save"])))


def _changed() -> list[str]:
    """What differs from the last commit, but what is ignored."""
    lines = subprocess.run(
        ["git", "-c", "core.quotepath=off", "status", "--porcelain", "--no-renames", "--untracked-files=all"],
        cwd=ROOT, env=_environment(), capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    return [line[3:] for line in lines]


def _environment() -> Mapping[str, str]:
    """A plain one, in which a clone of somebody else's folder may be made."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    kept |= {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))}
    git = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
    return kept | git | {"LANG": "C.UTF-8", "TERM": "dumb", "REPOSITORY": str(ROOT)}


def _may_be_without_network() -> bool:
    """Whether a command can be run where there is no network."""
    if shutil.which(_WITHOUT_NETWORK[0]) is None:
        return False
    return subprocess.run([*_WITHOUT_NETWORK, "true"], capture_output=True, check=False).returncode == 0


def commands(text: str) -> Iterator[str]:
    """The commands of the document."""
    for block in _PART.finditer(text):
        if block["block"] is not None:
            yield from (match["command"] for match in _COMMAND.finditer(block["block"]))


def main() -> int:
    """Compare, or write."""
    text = DOCUMENT.read_text("utf-8")
    with tempfile.TemporaryDirectory() as name:
        walk = Walk(Path(name), fresh=True)
        written = walk.go(text)
    for step, seconds in walk.times.items():
        print(f"{step}: {seconds:.0f} s")
    if "--write" in sys.argv:
        DOCUMENT.write_text(written, "utf-8")
        return 0
    print("".join(walk.behind), end="")
    return 1 if walk.behind else 0


if __name__ == "__main__":
    raise SystemExit(main())
