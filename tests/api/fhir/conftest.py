"""Ledgers exported as FHIR, made once for all tests here."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.cli import demo
from tests.api.fhir.exported import ROLES, Exported, exported
from tests.api.fhir.official import official
from tests.api.fhir.tangled import tangled

__all__ = ["official"]


@pytest.fixture(scope="session")
def demo_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fhir-demo") / "NCT04348461.db"
    demo.play(path, 4, 16, demo.SeededRandomness(4))
    return path


@pytest.fixture(scope="session")
def tangled_ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with tangled(tmp_path_factory.mktemp("fhir-tangled")) as path:
        yield path


@pytest.fixture(scope="session", params=["demo", "tangled"])
def exports(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Exported]:
    """Role -> its export, of the demo and of a ledger in which much was corrected."""
    ledger: Path = request.getfixturevalue(f"{request.param}_ledger")
    folder = tmp_path_factory.mktemp(f"fhir-{request.param}-out")
    return {role: exported(ledger, role, folder / role) for role in ROLES}


@pytest.fixture(scope="session")
def corrected(tangled_ledger: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return exported(tangled_ledger, "statistician", tmp_path_factory.mktemp("fhir-corrected") / "out")
