"""What `--help` prints of every command, 80 columns wide: for the blocks of the README, and `docs/cli.md`.

All of it is printed by one process, whose text is that of `trial-ledger … --help` (`tests/test_cli_document.py`).
"""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CLI = ROOT / "docs" / "cli.md"
_ALL = """
import contextlib, io, json
import typer.main
from api.cli.app import app

found = {}

def take(words, command):
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        command_line.main(words + ["--help"], prog_name="trial-ledger")
    found[" ".join(["trial-ledger", *words])] = out.getvalue()
    for name, inner in getattr(command, "commands", {}).items():
        if not inner.hidden:
            take([*words, name], inner)

command_line = typer.main.get_command(app)
take([], command_line)
print(json.dumps(found))
"""
_HEAD = """# The command line

Made from the commands by `python -m tests.docs_check --write`; do not edit.

Exit codes: 0 good, 1 verification failed, 2 usage, 3 input or disk. What a command is for, and how several go together,
is in the documents that the [README](../README.md) names.

"""


@cache
def helps() -> dict[str, str]:
    """The command, as it is typed without `--help` -> what it prints."""
    env = {"COLUMNS": "80", "TERM": "dumb", "NO_COLOR": "1", "PATH": "", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", _ALL], capture_output=True, text=True, check=True, cwd=ROOT, env=env)
    found: dict[str, str] = json.loads(done.stdout)
    return {name: "\n".join(line.rstrip() for line in text.strip().splitlines()) for name, text in found.items()}


def document() -> str:
    """`docs/cli.md`: every command, in the order of the help."""
    parts = (f"## `{name}`\n\n```\n$ {name} --help\n{text}\n```\n" for name, text in helps().items())
    return _HEAD + "\n".join(parts)
