"""One small demo for all tests of the command line (each worker of xdist makes its own)."""

from pathlib import Path

import pytest

from tests.api.cli_runs import Demo, process


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """A demo of eight subjects, played by the real program. Not to be changed: `Demo.copy` gives a copy."""
    folder: Path = tmp_path_factory.mktemp("demo") / "out"
    return Demo(folder, process("demo", "--dir", folder, "--no-serve", "--subjects", 8))
