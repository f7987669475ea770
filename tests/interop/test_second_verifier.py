"""A second verifier of evidence bundles, in Go, written from docs/format.md and docs/bundle.md, beside the first.

1. Whatever is made of a bundle, both say the same: refused, wrong, or verified up to the same level; where one thing is
   wrong, with the same code at the same entry.
2. The second one checks no time stamps, no ML-DSA-44 signatures and no allocation, and says so (`unchecked`).
3. Bundles are made by the command line, and changed by `second_verifier/bundles.py`, which knows the documents only.
"""

import contextlib
import io
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ledger.proof.__main__ import main
from tests.api.cli_runs import here
from tests.interop.foreign import HERE, Program, _once, running, tool
from tests.interop.second_verifier.bundles import Parts
from tests.interop.second_verifier.cases import FAMILIES, Bases, Case, where

SOURCE = HERE / "second_verifier"
ROLES = {"masked": ("inspector",), "both": ("dmc",), "archive": ("archive",), "names": ("monitor", "--site", "S01")}


@dataclass(frozen=True, slots=True)
class Made:
    """The folder with bundles as the command line made them, and the policy of the ledger's own keys."""

    folder: Path

    def bundle(self, name: str) -> bytes:
        return (self.folder / f"{name}.zip").read_bytes()


@pytest.fixture(scope="session")
def second(temporary: Path) -> Iterator[Program]:
    """The second verifier, built offline, answering questions."""
    go = tool("go", "apt install golang-go")

    def build(folder: Path) -> None:
        environment = os.environ | {
            "GO111MODULE": "on",
            "GOCACHE": str(folder / "cache"),
            "GOFLAGS": "-mod=mod",
            "GOPROXY": "off",
            "GOTOOLCHAIN": "local",
            "CGO_ENABLED": "0",
        }
        command = [go, "build", "-o", str(folder / "second-verifier"), "."]
        done = subprocess.run(
            command, cwd=SOURCE, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr

    program = _once(temporary, "second", build) / "second-verifier"
    with running([str(program), "-serve"], temporary) as answering:
        yield answering


@pytest.fixture(scope="session")
def made(temporary: Path) -> Made:
    """Bundles of a small trial, for some roles."""
    tool("go", "apt install golang-go")

    def make(folder: Path) -> None:
        def run(*arguments: object) -> str:
            done = here(*arguments)
            assert done.code == 0, done.err
            return done.out

        run("demo", "--no-serve", "--dir", folder / "demo", "--subjects", 6)
        ledger = folder / "demo" / "NCT04348461.db"
        for name, role in ROLES.items():
            run("export", "bundle", ledger, "-o", folder / f"{name}.zip", "--for", *role, "--actor", "a", "--org", "o")
        entries = Parts.of((folder / "masked.zip").read_bytes()).open
        ends = where(entries, lambda told: told["command"]["n"] + 1 == told["command"]["of"], 50)
        run(
            "export",
            "bundle",
            ledger,
            "-o",
            folder / "part.zip",
            "--for",
            "inspector",
            "--at",
            ends,
            "--actor",
            "a",
            "--org",
            "o",
        )
        keys = "".join(f"log {key}\n" for key in run("keys", ledger).splitlines())
        (folder / "policy").write_text(f"{keys}quorum none\n", encoding="utf-8")

    return Made(_once(temporary, "second-bundles", make))


@pytest.fixture(scope="session")
def bases(made: Made) -> Bases:
    """The same without documents, schemas and evidence, and the open book alone not as long."""

    def light(name: str) -> Parts:
        parts = Parts.of(made.bundle(name))
        parts.files = {one: data for one, data in parts.files.items() if one.startswith("keys/")}
        return parts

    masked = light("masked")
    keep = where(masked.open, lambda told: told["command"]["n"] + 1 == told["command"]["of"], 60) + 1
    del masked.open.entries[keep:], masked.open.frames[keep:]
    masked.headed()
    return Bases(masked, light("both"), light("archive"), light("names"))


def by_the_first(bundle: Path, policy: Path | None) -> dict[str, Any]:
    """The report of the project's own verifier."""
    out, err = io.StringIO(), io.StringIO()
    given = [] if policy is None else ["--policy", str(policy)]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(bundle), *given, "--json"])
    if code == 3:
        return {"refused": True, "why": err.getvalue()}
    report: dict[str, Any] = json.loads(out.getvalue())
    report["open"] = {name: report[name] for name in ("size", "root", "head")}
    assert code == (0 if report["ok"] else 1)
    return report | {"refused": False}


def at(finding: dict[str, Any]) -> tuple[object, ...]:
    return finding["code"], finding["book"], finding["seq"]


def verdicts(second: Program, folder: Path, case: Case) -> tuple[dict[str, Any], dict[str, Any]]:
    bundle, policy = folder / "case.zip", None
    bundle.write_bytes(case.bundle)
    if case.policy is not None:
        policy = folder / "policy"
        policy.write_text(case.policy, encoding="utf-8")
    theirs = second.ask("verify", bundle=str(bundle), policy=str(policy or ""))
    return by_the_first(bundle, policy), theirs


def differences(case: Case, first: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """What the two programs say differently."""
    names = ["refused"] if first["refused"] or other["refused"] else ["refused", "ok", "assurance", "sealed", "open"]
    if not case.roots:
        names = [name for name in names if name not in ("open", "sealed")]
    result = [f"{name}: {first.get(name)} | {other.get(name)}" for name in names if first.get(name) != other.get(name)]
    if not first["refused"] and case.first and not result:
        one, two = ([at(finding) for finding in report["findings"][:1]] for report in (first, other))
        result += [f"first finding: {one} | {two}"] if one != two else []
    return [f"{case.name}: {line} {first.get('why', '')} {other.get('why', '')}" for line in result]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_both_verifiers_say_the_same(family: Any, second: Program, bases: Bases, tmp_path: Path) -> None:
    cases = list(family(bases))
    assert len({case.name for case in cases}) == len(cases) > 0
    found = [line for case in cases for line in differences(case, *verdicts(second, tmp_path, case))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", [*ROLES, "part"])
def test_what_the_command_line_makes_is_verified_by_both(
    name: str, second: Program, made: Made, tmp_path: Path
) -> None:
    for policy, level in ((None, "consistent"), ((made.folder / "policy").read_text(encoding="utf-8"), "signed")):
        case = Case(name, made.bundle(name), policy)
        first, other = verdicts(second, tmp_path, case)
        assert not differences(case, first, other)
        assert (other["ok"], other["assurance"], other["findings"]) == (True, level, [])


def test_most_of_what_is_changed_is_found(second: Program, bases: Bases, tmp_path: Path) -> None:
    """A control: that both are of one mind would say nothing if they always were content."""
    good = verdicts(second, tmp_path, Case("good", bases.masked.together()))
    assert [report["ok"] for report in good] == [True, True]
    parts = bases.masked.copy()
    parts.open.change(5, id="0" * 32)
    case = Case("altered", parts.together())
    for report in verdicts(second, tmp_path, case):
        assert at(report["findings"][0]) == ("altered", "open", 5)
    first, other = verdicts(second, tmp_path, case)
    other["findings"][0]["seq"] += 1
    assert differences(case, first, other)


def test_what_the_second_verifier_leaves_out_it_says(second: Program, made: Made, tmp_path: Path) -> None:
    policy = (made.folder / "policy").read_text(encoding="utf-8")
    _, report = verdicts(second, tmp_path, Case("masked", made.bundle("masked"), policy))
    assert [word for word in ("allocation", "ML-DSA-44") if not any(word in line for line in report["unchecked"])] == []
