"""A small ledger with checkpoints, proofs and keys, all made by the command line as an outsider would be given them."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from ledger.proof.checkpoint import Checkpoint
from ledger.proof.evidence import checkpoint_name, evidence_folder
from ledger.proof.note import Note
from tests.api.cli_runs import Done, here, ndjson, recommendation

GROWTH = (1, 2, 4, 250, 9)
"""How many entries are recorded before each checkpoint; over 256 there is more than one tile."""


@dataclass(frozen=True)
class Story:
    """The ledger, its vkeys (Ed25519 first), and its checkpoints by size. Not to be changed: `copy` gives a copy."""

    ledger: Path
    vkeys: list[str]
    checkpoints: dict[int, bytes] = field(default_factory=dict)

    @property
    def sizes(self) -> list[int]:
        return sorted(self.checkpoints)

    def copy(self, folder: Path) -> Path:
        """The ledger with its keys and its evidence in another folder."""
        path = folder / self.ledger.name
        shutil.copyfile(self.ledger, path)
        for beside in ("keys", "evidence"):
            shutil.copytree(f"{self.ledger}.{beside}", f"{path}.{beside}")
        return path

    def grow(self, ledger: Path, count: int) -> None:
        """Record so many more entries."""
        first = entries_of(ledger)
        commands = [recommendation(number) for number in range(len(first), len(first) + count)]
        done = here("submit", "-", ledger, stdin=ndjson(*commands))
        assert done.code == 0, done.err

    def proof(self, seq: int, size: int, folder: Path) -> bytes:
        """The tlog-proof of an entry against the checkpoint of a size."""
        (folder / "checkpoint").write_bytes(self.checkpoints[size])
        arguments = ("prove", self.ledger, seq, "--checkpoint", folder / "checkpoint")
        return well(here(*arguments, "-o", folder / "x.tlog-proof"), folder / "x.tlog-proof")

    def consistency(self, before: int, after: int, folder: Path) -> bytes:
        """The consistency proof between two checkpoints."""
        file = folder / "consistency"
        return well(here("prove", self.ledger, "--from", before, "--to", after, "-o", file), file)

    def entry(self, seq: int) -> bytes:
        """The stored bytes of an entry."""
        done = here("entry", self.ledger, seq)
        assert done.code == 0, done.err
        return done.stdout


def well(done: Done, file: Path) -> bytes:
    """What a command that ended well has written."""
    assert done.code == 0, done.err
    content = file.read_bytes()
    file.unlink()
    return content


def entries_of(ledger: Path) -> list[bytes]:
    """The entries of the open book, as they are stored."""
    with closing(sqlite3.connect(ledger)) as connection:
        return [bytes(entry) for (entry,) in connection.execute("SELECT entry FROM open_entry ORDER BY seq")]


def stored(ledger: Path, note: bytes) -> bytes:
    """The checkpoint with that text as it lies in the evidence folder, with what was added to it since."""
    name = checkpoint_name(Checkpoint.parse(Note.parse(note).text))
    return (evidence_folder(ledger) / "checkpoints" / name).read_bytes()


def told(folder: Path) -> Story:
    """Record the ledger, sign it at each size."""
    ledger = folder / "trial.db"
    assert here("init", ledger, "--host", "test.invalid").code == 0
    story = Story(ledger, here("keys", ledger).out.splitlines())
    for count in GROWTH:
        story.grow(ledger, count)
        done = here("checkpoint", ledger, "--json")
        assert done.code == 0, done.err
        path = max((evidence_folder(ledger) / "checkpoints").glob("*.checkpoint"))
        story.checkpoints[len(entries_of(ledger))] = path.read_bytes()
    return story
