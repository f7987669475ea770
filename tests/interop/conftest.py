"""The programs of others, started once in each worker of a test run."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.foreign import Program, go_program, npm_program, running
from tests.interop.story import Story, told


@pytest.fixture(scope="session")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this run share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def go(temporary: Path) -> Iterator[Program]:
    """golang.org/x/mod/sumdb: note and tlog."""
    with running(go_program(temporary), temporary) as program:
        yield program


@pytest.fixture(scope="session")
def npm(temporary: Path) -> Iterator[Program]:
    """@sigstore/verify and @noble/post-quantum."""
    with running(npm_program(temporary), temporary) as program:
        yield program


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """A ledger and what its keeper hands out."""
    return told(tmp_path_factory.mktemp("story"))
