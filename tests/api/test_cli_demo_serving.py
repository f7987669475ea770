"""`demo` ends by serving its pages: at a terminal until Ctrl-C, and nowhere else unless it is asked to."""

import re
import signal
import subprocess
from pathlib import Path

from tests.api.cli_runs import command, environment
from tests.terminal import at_a_terminal
from tests.visitor import visiting

_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")


def test_at_a_terminal_the_pages_are_served_until_ctrl_c_which_ends_it_well(tmp_path: Path) -> None:
    line = command("demo", "--dir", tmp_path / "out", "--subjects", 2)
    with at_a_terminal(line, env=environment()) as terminal:
        url = terminal.until(_ADDRESS)
        for person in ("investigator-1", "statistician-1", "auditor-1"):
            assert person in terminal.shown
        with visiting(url) as visitor:
            visitor.go("/")
            visitor.press("statistician")
            visitor.follow("NCT04348461")
            visitor.follow("Survival")
            assert "Treatment" in visitor.text()
            assert visitor.page.xpath("//main//*[local-name()='svg']")
        assert terminal.ctrl_c() == 0
        after = terminal.shown.partition(url)[2]
        assert "Traceback" not in after
        assert "{" not in after  # no log of requests is written over what was said


def test_without_a_terminal_the_command_is_said_and_nothing_waits(tmp_path: Path) -> None:
    folder = tmp_path / "piped out"
    done = subprocess.run(
        command("demo", "--dir", folder, "--subjects", 1),
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=True,
    )
    said = done.stderr.decode()
    assert f"trial-ledger serve '{folder / 'NCT04348461.db'}' --development" in said
    assert "served now" not in said


def test_without_a_terminal_it_serves_where_it_is_asked_to(tmp_path: Path) -> None:
    process = subprocess.Popen(
        command("demo", "--dir", tmp_path, "--subjects", 1, "--serve"),
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        url = next(found[0] for line in process.stdout if (found := _ADDRESS.search(line.decode())))
        with visiting(url) as visitor:
            visitor.go("/sign-in")
            visitor.press("investigator")
            assert "NCT04348461" in visitor.text()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()
