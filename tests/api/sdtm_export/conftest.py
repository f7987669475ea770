"""The demo and the pilot as ledgers, and their exports, made once for all tests here."""

from pathlib import Path

import pytest

from api.cli import demo
from api.sdtm.importing import import_folder
from tests.api.sdtm_export.exported import MASKED, UNMASKED, exported
from tests.shared_data import shared_data


@pytest.fixture(scope="session")
def demo_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "NCT04348461.db"
    demo.play(path, 4, 16, demo.SeededRandomness(4))
    return path


@pytest.fixture(scope="session")
def pilot_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return import_folder(shared_data("cdisc-pilot"), tmp_path_factory.mktemp("pilot") / "pilot.db").ledger


@pytest.fixture(scope="session", params=["demo", "pilot"])
def exports(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Role -> the folder of its export, of the demo and of the pilot."""
    ledger: Path = request.getfixturevalue(f"{request.param}_ledger")
    folder = tmp_path_factory.mktemp(f"exports-{request.param}")
    return {role: exported(ledger, role, folder / role) for role in (MASKED, UNMASKED)}


@pytest.fixture(scope="session")
def pilot_export(pilot_ledger: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(pilot_ledger, UNMASKED, tmp_path_factory.mktemp("pilot-export") / "out")


@pytest.fixture(scope="session")
def demo_export(demo_ledger: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(demo_ledger, UNMASKED, tmp_path_factory.mktemp("demo-export") / "out")
