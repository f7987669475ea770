"""What HL7 publishes of FHIR R5 as packages: the JSON schema, and the code systems. Fetched by npm, once in a test run.

A package is taken only if its bytes have the SHA-512 that stands here, as a lock file would have it. (One of the two
names a dependency that no registry of npm has, so a lock file cannot be made.)
"""

import base64
import fcntl
import hashlib
import json
import os
import subprocess
import tarfile
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema import Draft6Validator
from jsonschema.validators import validator_for

from tests.interop.foreign import missing, tool

CORE: Final = "hl7.fhir.r5.core@5.0.0"
TERMINOLOGY: Final = "hl7.terminology.r5@7.0.1"
SHA512: Final = {
    CORE: "sha512-0TvJB1KKtokn/P2mRwcqEY8v8RN8IE/pQjvtlsPaJdYaDfYx4UBhuY4afAGeQjW01p9SNYPphxAFFkEsS6P05A==",
    TERMINOLOGY: "sha512-fFzOHMFKtMBX1T9O1ap/f4n506Dm6Ze7FWh9n7g6B9zEXzNyaF4HURMT2UzpNHYh3cIJuvIZZdpwizPMg5ryHA==",
}
_SCHEMA: Final = "package/openapi/fhir.schema.json"


class Official:
    """The packages, read when asked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def schema(self) -> dict[str, Any]:
        """fhir.schema.json of R5."""
        return self._json(CORE, _SCHEMA)

    def errors(self, resource: dict[str, Any]) -> list[str]:
        """What is wrong with a resource by that schema."""
        reference = {"$ref": f"#/definitions/{resource['resourceType']}"}
        schema = {"$schema": self.schema["$schema"], "definitions": self.schema["definitions"], **reference}
        assert validator_for(schema) is Draft6Validator
        return [f"{error.json_path}: {error.message[:200]}" for error in Draft6Validator(schema).iter_errors(resource)]

    @cached_property
    def codes(self) -> dict[str, set[str]]:
        """The url of each code system that is published whole -> its codes."""
        found: dict[str, set[str]] = {}
        for name in (CORE, TERMINOLOGY):
            with tarfile.open(self._package(name)) as archive:
                for member in archive:
                    if "/CodeSystem-" in member.name and member.name.endswith(".json"):
                        file = archive.extractfile(member)
                        assert file is not None
                        system = json.load(file)
                        if system.get("content") == "complete":
                            found.setdefault(system["url"], set()).update(_codes(system.get("concept", [])))
        return found

    def _json(self, name: str, member: str) -> dict[str, Any]:
        with tarfile.open(self._package(name)) as archive:
            file = archive.extractfile(member)
            assert file is not None
            read: dict[str, Any] = json.load(file)
            return read

    def _package(self, name: str) -> Path:
        """The package, fetched by the first worker that asks."""
        npm = tool("npm", "apt install npm")
        self._folder.mkdir(exist_ok=True)
        path = self._folder / (name.replace("@", "-") + ".tgz")
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                command = [npm, "pack", name, "--silent", "--prefer-offline"]
                done = subprocess.run(
                    command, cwd=self._folder, capture_output=True, text=True, timeout=300, check=False
                )
                if done.returncode or not path.exists():
                    missing(f"npm pack could not fetch {name}: {done.stderr.strip()[-500:]}")
        digest = "sha512-" + base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
        assert digest == SHA512[name], f"{name} is not the package that was looked at"
        return path


def _codes(concepts: list[dict[str, Any]]) -> set[str]:
    return {one["code"] for one in concepts}.union(*(_codes(one.get("concept", [])) for one in concepts))


@pytest.fixture(scope="session")
def official(tmp_path_factory: pytest.TempPathFactory) -> Official:
    base = tmp_path_factory.getbasetemp()
    return Official((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "fhir-packages")
