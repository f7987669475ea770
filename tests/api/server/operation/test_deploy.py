"""What is deployed with: the files can be read by what reads them, and name what there is."""

import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli.app import app
from api.server.identity import rights
from api.server.settings import Settings

ROOT = Path(__file__).resolve().parents[4]
DEPLOY = ROOT / "deploy"


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("TRIAL_LEDGER_")]:
        monkeypatch.delenv(name)


def _serves(arguments: list[str]) -> None:
    """That these are arguments of `trial-ledger`, with options that it has."""
    assert arguments[0] == "serve"
    shown = CliRunner().invoke(app, ["serve", "--help"], env={"COLUMNS": "200"}).output
    for option in (one for one in arguments if one.startswith("--")):
        assert re.search(rf"{option}\b", shown), option


def _instructions() -> list[tuple[str, str]]:
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1].strip()) for line in lines]


def test_the_settings_can_be_used_and_are_those_of_production() -> None:
    settings = Settings.load(DEPLOY / "trial-ledger.toml")
    assert settings.production
    assert settings.metrics == "bearer"
    assert settings.roles == DEPLOY / "roles.toml"
    assert rights.load(settings.roles, settings.trials).rules


def test_the_image_runs_as_nobody_in_particular_and_installs_by_hash() -> None:
    said = _instructions()
    users = [value for name, value in said if name == "USER"]
    assert users == ["10001:10001"]
    assert {name for name, _ in said} <= {
        "FROM", "RUN", "WORKDIR", "COPY", "ENV", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK",
        "ENTRYPOINT", "CMD",
    }  # fmt: skip
    assert [value.split()[0] for name, value in said if name == "FROM"] == ["python:3.12-slim"] * 2
    assert any("--require-hashes" in value and "-r requirements.lock" in value for _, value in said)
    for value in (value for name, value in said if name == "COPY" and "--from" not in value):
        for source in value.split()[:-1]:
            assert (ROOT / source).exists(), source


def test_the_image_starts_what_there_is() -> None:
    said = dict(_instructions())
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert json.loads(said["ENTRYPOINT"]) == ["trial-ledger"]
    assert "trial-ledger" in scripts
    _serves(json.loads(said["CMD"]))
    probe = json.loads(said["HEALTHCHECK"].partition("CMD ")[2])
    assert probe[:2] == ["python", "-c"]
    compile(probe[2], "HEALTHCHECK", "exec")
    assert "/healthz" in probe[2]


def test_docker_takes_the_image_file() -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "info"], capture_output=True, timeout=60).returncode != 0:
        pytest.skip("there is no docker daemon on this machine: the Dockerfile was not built")
    done = subprocess.run(
        [docker, "build", "--check", "-f", str(DEPLOY / "Dockerfile"), str(ROOT)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    if "unknown flag" in done.stderr:
        pytest.skip("this docker has no `build --check`: the Dockerfile was not checked by it")
    assert done.returncode == 0, done.stderr


def test_the_compose_file_serves_confined() -> None:
    yaml = pytest.importorskip("yaml", reason="there is no YAML reader here: the compose file was not read")
    said = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    service = said["services"]["trial-ledger"]
    _serves(service["command"])
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["user"] == "10001:10001"
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).resolve() == DEPLOY / "Dockerfile"
    assert set(service["secrets"]) == set(said["secrets"])
    assert {volume.partition(":")[0] for volume in service["volumes"]} == set(said["volumes"])


def test_the_unit_starts_what_there_is_and_systemd_takes_it(tmp_path: Path) -> None:
    text = (DEPLOY / "trial-ledger.service").read_text()
    (command,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    program, *arguments = command.split()
    assert Path(program).name == "trial-ledger"
    _serves(arguments)
    stop = Settings.load(DEPLOY / "trial-ledger.toml").stop_seconds
    assert int(re.findall(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)[0]) > stop + 5
    for setting in ("NoNewPrivileges=true", "ProtectSystem=strict", "CapabilityBoundingSet=\n", "UMask=0077"):
        assert setting in text
    systemd = shutil.which("systemd-analyze")
    if systemd is None:
        pytest.skip("there is no systemd-analyze on this machine: the unit was not checked by it")
    unit = tmp_path / "trial-ledger.service"
    unit.write_text(text.replace(program, "/bin/true"))
    done = subprocess.run([systemd, "verify", str(unit)], capture_output=True, text=True, timeout=60)
    complaints = [line for line in done.stderr.splitlines() if "trial-ledger" in line]
    assert complaints == []
