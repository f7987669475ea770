"""The programs of `docs/signatures.md` run as they stand there, and its settings are settings."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import httpx

from api.server.settings import Settings
from tests.api.server.identity.test_signing import serving
from tests.api.server.operation.running import environment
from tests.api.server.people import NAME, bearer
from tests.shared_data import ROOT

DOCUMENT = (ROOT / "docs" / "signatures.md").read_text("utf-8")
SIGN, CHECK = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)


def run(folder: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One of the programs, as a file of its own."""
    file = folder / "program.py"
    file.write_text(program)
    return subprocess.run(
        [sys.executable, str(file), *arguments],
        capture_output=True, text=True, timeout=60, check=False, cwd=folder, env=environment(),
    )  # fmt: skip


def test_the_programs_sign_and_verify_by_hand(ledger: Path, tmp_path: Path) -> None:
    with serving(ledger, {}, "--development") as home:
        done = run(tmp_path, SIGN, home, NAME, "monitor-1")
        assert done.returncode == 0, done.stderr
        status, seq = done.stdout.split()
        assert status == "201"
        token = httpx.post(
            f"{home}/development/token", data={"grant_type": "client_credentials", "client_id": "monitor-1"}
        ).json()["access_token"]
        files = {"signature": f"{seq}", "parts": f"{seq}/parts", "signed": "2", "other": "3"}
        for name, path in files.items():
            answer = httpx.get(f"{home}/v1/trials/{NAME}/entries/{path}", headers=bearer(token))
            (tmp_path / name).write_bytes(answer.content)
    checked = run(tmp_path, CHECK, "signature", "parts", "signed")
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.split()[:2] == ["monitor-1", "REVIEW"]
    moved = run(tmp_path, CHECK, "signature", "parts", "other")
    assert "of another entry" in moved.stderr
    entry = json.loads((tmp_path / "signed").read_bytes())
    entry["actor"]["org"] = "Another"
    (tmp_path / "altered").write_text(json.dumps(entry))
    assert "of other bytes" in run(tmp_path, CHECK, "signature", "parts", "altered").stderr
    parts = (tmp_path / "parts").read_text().replace("REVIEW", "APPROVAL")
    (tmp_path / "parts").write_text(parts)
    assert "says something else" in run(tmp_path, CHECK, "signature", "parts", "signed").stderr


def test_the_settings_of_the_document_are_settings() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)
    given = Settings(**tomllib.loads(example))
    assert (given.signing_client, given.signing_seconds) == ("trial-ledger-signing", Settings().signing_seconds)
    assert given.signing_levels == ("urn:example:two-factors",)
