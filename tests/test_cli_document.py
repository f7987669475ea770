"""The document of the command line shows what people are shown."""

import subprocess
import sys

import pytest

from tests.cli_document import ROOT, helps


@pytest.mark.parametrize("command", ["trial-ledger", "trial-ledger export bundle"])
def test_the_document_shows_what_the_command_prints(command: str) -> None:
    env = {"COLUMNS": "80", "TERM": "dumb", "NO_COLOR": "1", "PATH": "", "PYTHONPATH": str(ROOT)}
    program = "import sys; from api.cli import main; sys.argv[0] = 'trial-ledger'; main()"
    line = [sys.executable, "-c", program, *command.split()[1:], "--help"]
    printed = subprocess.run(line, capture_output=True, text=True, check=True, cwd=ROOT, env=env).stdout
    assert [line.rstrip() for line in printed.strip().splitlines()] == helps()[command].splitlines()


def test_every_command_is_in_the_document() -> None:
    listed = helps()
    named = {word for line in listed["trial-ledger"].splitlines() if line.startswith("  ") for word in line.split()[:1]}
    assert {name.split()[1] for name in listed if " " in name} <= named
    assert {"trial-ledger serve", "trial-ledger export csv", "trial-ledger import odm-audit"} <= listed.keys()
