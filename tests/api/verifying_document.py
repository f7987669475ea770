"""The examples of `docs/verifying.md` are run: each console block, in a folder as its reader would have it.

    python -m tests.api.verifying_document            compare, end with 1 where the document is behind
    python -m tests.api.verifying_document --write    bring the outputs up to date

A block begins with `$ ` and a command; what follows is its output. Keys, hashes, dates and numbers of bytes differ from
run to run: they are compared by their form.
"""

import os
import re
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Final

from api.verifier_app import verifier_app
from ledger.proof.evidence import as_signed, evidence_folder, read_evidence
from tests.api.cli_runs import here
from tests.proof.evidence_made import WITNESSES
from tests.shared_data import ROOT
from tests.trials import SITE, Trial
from tests.tsa import TestAuthority

DOCUMENT: Final = ROOT / "docs" / "verifying.md"
_BLOCK: Final = re.compile(r"```console\n\$ (?P<command>[^\n]*(?:\\\n[^\n]*)*)\n(?P<output>.*?)```\n", re.DOTALL)
_VARIES: Final = (
    (re.compile(r"[0-9A-Za-z+/]{43}=|\b[0-9a-f]{64}\b|\b[0-9a-f]{32}\b"), "HASH"),
    (re.compile(r"\+[0-9a-f]{8}\+[0-9A-Za-z+/=]+"), "+ID+KEY"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "TIME"),
    (re.compile(r"(?<=^\u2014 )(\S+) \S+$", re.MULTILINE), r"\1 SIGNATURE"),
    (re.compile(r"[0-9a-f]{8}\.checkpoint|-[0-9a-f]{8}-00\.tsr"), "STEM"),
)


def prepare(folder: Path) -> None:
    """What an auditor has: verifier, bundle, policy, certificates, a kept checkpoint, one entry and its proof."""
    made = folder / "made"
    made.mkdir()
    trial = Trial(made)
    trial.do("activate-site", {"site": SITE})
    trial.randomized("S-001")
    here("checkpoint", trial.path)
    evidence = evidence_folder(trial.path)
    (folder / "kept.checkpoint").write_bytes(read_evidence(evidence).checkpoints[-1].data)
    trial.consent("S-002")
    here("checkpoint", trial.path)
    newest = read_evidence(evidence).checkpoints[-1]
    note = newest.note
    for witness in WITNESSES[:2]:
        note = witness.cosign(note, at=int(datetime.now().timestamp()))
    (evidence / "checkpoints" / newest.name).write_bytes(note.encode())
    with TestAuthority(folder / "tsa") as tsa:
        (evidence / "timestamps").mkdir(exist_ok=True)
        (evidence / "timestamps" / f"{newest.stem}-00.tsr").write_bytes(tsa.stamp(as_signed(note)))
        (folder / "authority.pem").write_bytes(tsa.roots_pem.read_bytes())
    trial.consent("S-003")
    done = here("export", "bundle", trial.path, "-o", folder / "trial.zip", "--for", "sponsor")
    assert done.code == 0, done.err
    keys = here("keys", trial.path).out.split()
    lines = ["# the log: as the sponsor's quality unit confirmed it by letter"]
    lines += [f"log {key}" for key in keys]
    lines += ["# the witnesses: as each hospital has it on its own site"]
    lines += [
        f"witness {name} {one.signer.key.encode()}"
        for name, one in zip(("madrid", "lyon", "graz"), WITNESSES, strict=True)
    ]
    lines += ["group hospitals 2 madrid lyon graz", "quorum hospitals"]
    (folder / "policy.txt").write_text("".join(f"{line}\n" for line in lines))
    (folder / "entry.json").write_bytes(here("entry", trial.path, 3).stdout)
    note_file = evidence / "checkpoints" / newest.name
    proved = here("prove", trial.path, 3, "--checkpoint", note_file, "-o", folder / "entry.tlog-proof")
    assert proved.code == 0, proved.err
    (folder / "trial-ledger-verify.pyz").write_bytes(verifier_app())


def run(command: str, folder: Path) -> str:
    """Standard output and error of a command in that folder; `python3` is the Python of this run."""
    programs = folder / ".programs"
    programs.mkdir(exist_ok=True)
    for name, line in (
        ("python3", f'exec {sys.executable} "$@"'),
        ("trial-ledger", f'exec {sys.executable} -m api.cli "$@"'),
    ):
        (programs / name).write_text(f"#!/bin/sh\n{line}\n")
        (programs / name).chmod(0o755)
    env = {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False, timeout=120,
    )  # fmt: skip
    return done.stdout


def formed(text: str) -> str:
    """An output without what differs from run to run."""
    for pattern, name in _VARIES:
        text = pattern.sub(name, text)
    return text


def blocks(text: str) -> list[tuple[str, str]]:
    """(command, output) of each block."""
    return [(match["command"], match["output"]) for match in _BLOCK.finditer(text)]


def main() -> int:
    """Compare, or write."""
    text = DOCUMENT.read_text("utf-8")
    with tempfile.TemporaryDirectory() as name:
        prepare(Path(name))
        behind = 0

        def anew(match: re.Match[str]) -> str:
            nonlocal behind
            output = run(match["command"], Path(name))
            behind += formed(output) != formed(match["output"])
            return (
                match[0]
                if formed(output) == formed(match["output"])
                else f"```console\n$ {match['command']}\n{output}```\n"
            )

        written = _BLOCK.sub(anew, text)
    if "--write" in sys.argv:
        DOCUMENT.write_text(written, "utf-8")
        return 0
    if behind:
        print(f"{behind} outputs of docs/verifying.md are behind: run python -m tests.api.verifying_document --write")
    return 1 if behind else 0


if __name__ == "__main__":
    raise SystemExit(main())
