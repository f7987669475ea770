"""The demo, its server, and the browser: one for all tests."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.cli_runs import Demo
from tests.api.pages.browser.serving import Visits, browser_at, chromium, server_of


@pytest.fixture(scope="session")
def served_demo(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of the server, and the ledger that it serves: a copy of the demo."""
    pytest.importorskip("playwright.sync_api", reason="playwright is absent")
    chromium()
    folder = tmp_path_factory.mktemp("browsed") / "demo"
    shutil.copytree(demo.folder, folder)
    ledger = folder / demo.ledger.name
    with server_of(ledger) as url:
        yield url, ledger


@pytest.fixture(scope="session")
def visits(served_demo: tuple[str, Path]) -> Iterator[Visits]:
    """Opens visits to the server."""
    with browser_at(served_demo[0]) as found:
        yield found
