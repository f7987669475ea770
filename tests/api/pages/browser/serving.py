"""A real server of the demo, as a process of its own, with the development issuer; and a real browser at it.

1. The browser is the system's Chromium. Where that or Playwright is absent, what needs it is skipped, with one line.
2. Whatever the browser asks for, says or complains of is kept. On no visit of any test anything may be asked of another
   host: what is asked of one goes nowhere, and ends the visit with an error. Nobody complains.
"""

import json
import os
import re
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

ARGUMENTS: Final = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
TRIAL: Final = "NCT04348461"
_PATIENCE: Final = 90_000
"""Milliseconds: on a machine that has other things to do too."""
_ROOT: Final = Path(__file__).resolve().parents[4]
_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")


def demo(folder: Path, *, subjects: int = 8) -> Path:
    """The ledger of a demo in this folder."""
    command = [sys.executable, "-m", "api.cli", "demo", "--no-serve", "--dir", str(folder), "--subjects", str(subjects)]
    subprocess.run(command, check=True, cwd=_ROOT, capture_output=True, env=_environment())
    return folder / f"{TRIAL}.db"


@contextmanager
def server_of(ledger: Path) -> Iterator[str]:
    """The address of a server of this ledger, which lets anybody be anybody."""
    command = [sys.executable, "-m", "api.cli", "serve", str(ledger), "--development", "--port", "0", "--json"]
    log = ledger.with_name("server.log")
    with log.open("wb") as errors:
        process = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=errors, env=_environment())
    assert process.stdout is not None
    try:
        ready, _, _ = select.select([process.stdout], [], [], 60)
        line = process.stdout.readline() if ready else b""
        assert line, log.read_text()
        yield str(json.loads(line)["url"])
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TRIAL_LEDGER_")}
    # One address asks for everything here, and sooner than anybody reads.
    rates = {f"TRIAL_LEDGER_RATES__{one}": "100000" for one in _RATES}
    return {**kept, **rates, "PYTHONPATH": str(_ROOT), "PYTHONUNBUFFERED": "1"}


_RATES: Final = ("PERSON_PER_MINUTE", "PERSON_BURST", "ADDRESS_PER_MINUTE", "ADDRESS_BURST")


def chromium() -> str:
    """The system's Chromium; skips where there is none."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip("chromium is absent")
    return found


@contextmanager
def browser_at(url: str) -> "Iterator[Visits]":
    """A browser for visits to a server."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is absent")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
        try:
            yield Visits(url, browser)
        finally:
            browser.close()


@dataclass
class Visit:
    """One person's visit, and what the browser did and said."""

    url: str
    page: Any
    requests: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    """Requests that would have gone to another host."""
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str) -> Any:
        """Open a page of the trial; the answer."""
        return self.page.goto(f"{self.url}/t/{TRIAL}{path}", wait_until="load")

    def menu(self) -> list[tuple[str, str]]:
        """The links of the menu: (what is written, address)."""
        links = self.page.locator("nav.menu a").all()
        return [(link.inner_text(), link.get_attribute("href")) for link in links]


@dataclass
class Visits:
    """Opens visits. Who signed in once is signed in on the next one too."""

    url: str
    browser: Any
    _signed_in: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def of(self, person: str, **options: Any) -> Iterator[Visit]:
        """A visit of somebody who is signed in."""
        if person not in self._signed_in:
            with self._open({}) as visit:
                sign_in(visit, person)
                self._signed_in[person] = visit.page.context.storage_state()
        with self._open({"storage_state": self._signed_in[person], **options}) as visit:
            yield visit

    @contextmanager
    def nobody(self, **options: Any) -> Iterator[Visit]:
        """A visit of somebody who is not."""
        with self._open(options) as visit:
            yield visit

    @contextmanager
    def _open(self, options: dict[str, Any]) -> Iterator[Visit]:
        context = self.browser.new_context(locale="en-GB", service_workers="block", **options)
        try:
            page = context.new_page()
            page.set_default_timeout(_PATIENCE)
            visit = Visit(self.url, page)
            context.route(re.compile(rf"^(?!{re.escape(self.url)}/)"), lambda route: _stopped(visit, route))
            page.on("request", lambda request: visit.requests.append(request.url))
            page.on("pageerror", lambda error: visit.complaints.append(f"error: {error}"))
            page.on("console", lambda said: _complained(visit, said))
            page.on("requestfailed", lambda request: _failed(visit, request))
            yield visit
            assert visit.elsewhere == []
        finally:
            context.close()


def _stopped(visit: Visit, route: Any) -> None:
    visit.elsewhere.append(route.request.url)
    route.abort()


def _complained(visit: Visit, said: Any) -> None:
    if said.type in ("error", "warning"):
        visit.complaints.append(f"{said.type}: {said.text} ({visit.page.url})")


def _failed(visit: Visit, request: Any) -> None:
    if "ERR_ABORTED" not in (request.failure or ""):  # one page left for another
        visit.complaints.append(f"failed: {request.url}: {request.failure}")


def sign_in(visit: Visit, person: str) -> None:
    """Sign in at the development issuer, as a person would."""
    visit.page.goto(visit.url + "/")
    visit.page.locator(f"button[name=person][value={person}]").click()
    visit.page.wait_for_url(f"{visit.url}/")
