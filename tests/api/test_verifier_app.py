"""The verifier in one file runs where only cryptography is installed, and says what the package says."""

import hashlib
import io
import json
import os
import shutil
import stat
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from api.verifier_app import verifier_app
from ledger.proof.verify import verify_ledger
from tests.api.cli_runs import here
from tests.api.verifying_document import DOCUMENT, blocks, formed, prepare, run
from tests.shared_data import ROOT
from tests.tampering.ledgers import behind_its_back, build
from tests.vectors.make import FILE

SHADOW = "raise SystemExit('taken from the current folder')\n"
CRYPTOGRAPHY = ("cryptography", "cffi", "_cffi_backend", "pycparser")


@dataclass(frozen=True, slots=True)
class Machine:
    """A Python with only cryptography in it, and the verifier."""

    python: Path
    app: Path

    def run(
        self, *arguments: object, cwd: Path | None = None, flags: Sequence[str] = ("-I",), **env: str
    ) -> tuple[int, str, str]:
        done = subprocess.run(
            [self.python, *flags, self.app, *map(str, arguments)],
            capture_output=True, text=True, cwd=cwd, timeout=120, check=False,
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"} | env,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    def can_import(self, name: str) -> bool:
        done = subprocess.run([self.python, "-I", "-c", f"import {name}"], capture_output=True, check=False)
        return done.returncode == 0


def bare(folder: Path) -> tuple[Path, Path]:
    """(python, its site-packages) of an environment with nothing in it."""
    venv.EnvBuilder(symlinks=os.name != "nt").create(folder)
    paths = {"base": str(folder), "platbase": str(folder)}
    scripts, packages = (Path(sysconfig.get_path(kind, "venv", paths)) for kind in ("scripts", "purelib"))
    return scripts / "python", packages


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    folder = tmp_path_factory.mktemp("machine")
    python, packages = bare(folder / "venv")
    installed = Path(sysconfig.get_path("platlib"))
    for name in CRYPTOGRAPHY:
        for found in (*installed.glob(name), *installed.glob(f"{name}.*")):
            (shutil.copytree if found.is_dir() else shutil.copyfile)(found, packages / found.name)
    app = folder / "trial-ledger-verify.pyz"
    app.write_bytes(verifier_app())
    return Machine(python, app)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ledger of the golden vectors."""
    return build(tmp_path_factory.mktemp("ledger") / "trial.db", commands=7)


def tampered(ledger: Path, folder: Path) -> Path:
    """A copy in which one bit of one entry is another."""
    path = folder / "tampered.db"
    shutil.copyfile(ledger, path)
    with behind_its_back(path) as database:
        (entry,) = database.execute("SELECT entry FROM open_entry WHERE seq = 3").fetchone()
        altered = entry.replace(b'"at":"20', b'"at":"19', 1)
        assert altered != entry
        database.execute("UPDATE open_entry SET entry = ? WHERE seq = 3", (altered,))
    return path


def test_the_machine_of_these_tests_has_cryptography_and_nothing_else_of_ours(machine: Machine) -> None:
    assert machine.can_import("cryptography.hazmat.primitives.asymmetric.ed25519")
    others = (
        "ledger",
        "api",
        "projections",
        "pydantic",
        "apsw",
        "eventsourcing",
        "typer",
        "msgspec",
        "rfc3161_client",
        "pip",
    )
    assert [name for name in others if machine.can_import(name)] == []


def test_it_verifies_the_golden_ledger_with_the_verdict_that_the_package_gives(machine: Machine, ledger: Path) -> None:
    code, out, err = machine.run(ledger, "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert told == verify_ledger(ledger).to_json()
    golden = json.loads(FILE.read_text("utf-8"))["report"]
    assert (told["root"], told["head"], told["size"]) == (golden["root"], golden["head"], golden["size"])


def test_it_finds_a_tampered_copy(machine: Machine, ledger: Path, tmp_path: Path) -> None:
    code, out, err = machine.run(tampered(ledger, tmp_path), "--json")
    assert (code, err) == (1, "")
    assert [(one["code"], one["seq"]) for one in json.loads(out)["findings"]][:1] == [("altered", 3)]


def test_what_is_no_ledger_is_named_in_one_line(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear auditor")
    code, out, err = machine.run(tmp_path / "letter.txt")
    assert (code, out) == (3, "")
    assert err.startswith("error: ")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("path", ["", ".", f".{os.pathsep}", f"{os.pathsep}{os.pathsep}"])
def test_nothing_is_imported_from_the_folder_in_which_it_is_started(
    machine: Machine, ledger: Path, tmp_path: Path, path: str
) -> None:
    """Not even where PYTHONPATH names that folder, as it does by accident."""
    for name in ("ledger", "cryptography", "argparse", "sqlite3", "json"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(SHADOW)
    shutil.copyfile(ledger, tmp_path / "trial.db")
    code, out, err = machine.run("trial.db", cwd=tmp_path, flags=(), PYTHONPATH=path)
    assert (code, err) == (0, "")
    assert "Verified" in out
    control = subprocess.run(
        [machine.python, "-c", "import argparse"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert control.stderr == "taken from the current folder\n"


def test_a_module_beside_the_verifier_itself_is_not_imported_either(
    machine: Machine, ledger: Path, tmp_path: Path
) -> None:
    app = tmp_path / "verify.pyz"
    shutil.copyfile(machine.app, app)
    for name in ("argparse", "cryptography", "ledger"):
        (tmp_path / f"{name}.py").write_text(SHADOW)
    code, _, err = Machine(machine.python, app).run(ledger, cwd=tmp_path, flags=())
    assert (code, err) == (0, "")


def test_without_cryptography_it_says_what_is_missing(tmp_path: Path, machine: Machine, ledger: Path) -> None:
    python, _ = bare(tmp_path / "venv")
    code, out, err = Machine(python, machine.app).run(ledger)
    assert (code, out) == (3, "")
    assert err == "error: this needs the package cryptography (python3 -m pip install cryptography)\n"


def test_on_an_old_python_it_says_so(machine: Machine) -> None:
    """Its first file is one that any Python 3 reads; here it is told that it is run by 3.6."""
    with zipfile.ZipFile(machine.app) as app:
        main = app.read("__main__.py").decode("ascii")
    program = f"import sys; sys.version_info = (3, 6, 9, 'final', 0)\nexec(compile({main!r}, '__main__.py', 'exec'))"
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "error: this needs Python 3.11 or later; here it is 3.6\n"


def test_it_holds_the_verifier_and_nothing_else() -> None:
    with zipfile.ZipFile(io.BytesIO(verifier_app())) as app:
        names = app.namelist()
        assert app.testzip() is None
        assert {one.compress_type for one in app.infolist()} == {zipfile.ZIP_STORED}
    assert names == sorted(names)
    rest = [name for name in names if not name.startswith("ledger/proof/")]
    assert rest == ["__main__.py", "ledger/__init__.py"]
    assert all(name.endswith(".py") for name in names)


def test_the_same_source_gives_the_same_bytes() -> None:
    script = "import sys; from api.verifier_app import verifier_app; sys.stdout.buffer.write(verifier_app())"
    env = {"PYTHONPATH": str(ROOT), "TZ": "Pacific/Auckland", "PYTHONHASHSEED": "7"}
    other = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, env=env)
    assert other.stdout == verifier_app()


def test_the_command_writes_it_to_be_run_and_tells_its_hash(tmp_path: Path) -> None:
    path = tmp_path / "trial-ledger-verify.pyz"
    told = here("export", "verifier", "-o", path, "--json").json
    assert told == {
        "file": str(path), "bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()
    }  # fmt: skip
    assert path.read_bytes() == verifier_app()
    assert path.read_bytes().startswith(b"#!/usr/bin/env python3\n")
    assert path.stat().st_mode & stat.S_IXUSR


def test_the_command_replaces_nothing(tmp_path: Path) -> None:
    path = tmp_path / "thesis.txt"
    path.write_bytes(b"mine")
    here("export", "verifier", "-o", path).refused_in_one_sentence("thesis.txt", "exists already")
    assert path.read_bytes() == b"mine"


def test_the_guide_shows_what_its_commands_print(tmp_path: Path) -> None:
    """All of them, as far as it does not differ from run to run: `python -m tests.api.verifying_document --write`."""
    prepare(tmp_path)
    examples = blocks(DOCUMENT.read_text("utf-8"))
    assert len(examples) >= 9
    for command, output in examples:
        assert formed(run(command, tmp_path)) == formed(output), command
