"""What is done with a case, through the entry points that strangers' bytes reach, and what came of it.

`refused`: by an error that is declared. `found`: read, and said not to be good. `read`: read, where nothing is
verified. `same`: good, and the seed's claim. Whatever else happens is a failure, and raises: Failure for a verdict that
is false or a law that is broken, and any other exception for itself.
"""

import contextlib
import io
import json
import sqlite3
from pathlib import Path
from typing import Any, Final

from ledger.proof.__main__ import main
from ledger.proof.note import Note, NoteError, VerifierKey
from ledger.proof.policy import Policy, PolicyError
from ledger.proof.tiles import ENTRIES, Tile, TileError, TileReader, entries_of, hashes_of
from ledger.proof.timestamps import Authorities, TimestampError, verify_token
from ledger.proof.tlog_proof import TlogProof
from ledger.proof.tree import ProofError, root, verify_inclusion
from tests.api.witnesses import HISTORY, LOG, InMemory
from tests.fuzz.cases import Case
from tests.fuzz.seeds import LEAVES, OLD, Seeds, leaves

REFUSED, FOUND, READ, SAME = "refused", "found", "read", "same"
_TABLES: Final = ("head", "open_stream", "open_entry", "sealed_entry")


class Failure(Exception):  # noqa: N818  (it is the product that fails)
    """Something was said to be good that is not, or a law of a format is broken."""


class Targets:
    """The entry points, with the trust that the seeds are made for. Files go into `folder`."""

    def __init__(self, seeds: Seeds, folder: Path) -> None:
        self.seeds, self.folder = seeds, folder
        self.policy = Policy.parse(seeds.policy)
        self.leaves = leaves()
        self.root = root(self.leaves)
        witness = InMemory()
        assert witness.add(HISTORY, 0, OLD).status == 200
        self.recorded = dict(witness.store.records)
        self.stored = _rows(seeds.folder / "ledger.db")
        pem = seeds.folder / "authorities.pem"
        self.authorities = Authorities.parse(pem.read_bytes()) if pem.exists() else None
        self.stamped = [verify_token(token, message, self._trusted) for token, message in seeds.tokens]

    @property
    def _trusted(self) -> Authorities:
        assert self.authorities is not None
        return self.authorities

    def judge(self, case: Case) -> str:
        """What came of a case."""
        outcome: str = getattr(self, f"_{case.kind}")(case)
        if outcome == SAME and not case.honest:
            raise Failure("said to be good, and is not what was signed")
        return outcome

    def _main(self, *arguments: object) -> tuple[int, str]:
        """Exit code and what was printed, of `python -m ledger.proof`."""
        out, err = io.StringIO(), io.StringIO()
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = main([str(one) for one in (*arguments, "--policy", self.seeds.folder / "policy")])
        except SystemExit as ended:
            code = int(ended.code or 0)
        if "Traceback" in err.getvalue() or (code == 3) != err.getvalue().startswith("error: "):
            raise Failure(f"exit {code} with: {err.getvalue()[:300]}")
        return code, out.getvalue()

    def _file(self, case: Case) -> Path:
        path, (at, length) = self.folder / "case", case.hole
        with path.open("wb") as file:
            file.write(case.data[:at])
            file.seek(length, 1)
            file.write(case.data[at:])
        return path

    def _bundle(self, case: Case) -> str:
        path = self._file(case)
        authorities = ["--authorities", self.seeds.folder / "authorities.pem"] if self.authorities else []
        code, out = self._main(path, "--json", *authorities)
        if code in (2, 3):
            return REFUSED
        report: dict[str, Any] = json.loads(out)
        if (code == 0) is not report["ok"] or (code == 0) is bool(report["findings"]):
            raise Failure(f"exit {code} with {out[:200]}")
        if code:
            return FOUND
        if not report["assurance"].startswith("witnessed 2 of 2") or report["evidence"]["external"]["unheld"]:
            raise Failure(f"good without the quorum that the policy asks for: {report['assurance']}")
        return SAME

    def _ledger(self, case: Case) -> str:
        path = self._file(case)
        code, _ = self._main(path, "--evidence", self.seeds.folder / "ledger.db.evidence")
        for beside in ("-wal", "-shm"):
            Path(f"{path}{beside}").unlink(missing_ok=True)
        if code == 0 and _rows(path) != self.stored:
            raise Failure("a ledger is said to be good, and has other rows than the seed")
        return {0: SAME, 1: FOUND}.get(code, REFUSED)

    def _note(self, case: Case) -> str:
        try:
            if Note.parse(case.data).encode() != case.data:
                raise Failure("a note that is read has another writing")
            opened = self.policy.open(case.data)
        except NoteError:
            return REFUSED
        if opened.checkpoint.text() not in self.seeds.notes[0].decode():
            raise Failure("another checkpoint than the one that was signed")
        return SAME

    def _proof(self, case: Case) -> str:
        with contextlib.suppress(NoteError):
            if TlogProof.parse(case.data).encode() != case.data:
                raise Failure("a proof that is read has another writing")
        entry = self.folder / "entry"
        entry.write_bytes(case.beside)
        code, _ = self._main(self._file(case), "--entry", entry)
        return {0: SAME, 1: FOUND}.get(code, REFUSED)

    def _request(self, case: Case) -> str:
        witness = InMemory()
        witness.store.records.update(self.recorded)
        response = witness.witness.add_checkpoint(case.data)
        kept = witness.store.records[LOG.origin]
        if response.status == 200:
            if kept.checkpoint not in (LOG.checkpoint(HISTORY), LOG.checkpoint(HISTORY, 20)):
                raise Failure("a witness cosigned another history")
            return SAME
        if response.status not in (400, 403, 404, 409, 422) or kept != self.recorded[LOG.origin]:
            raise Failure(f"a witness answered {response.status}, or kept what it refused")
        return REFUSED

    def _policy(self, case: Case) -> str:
        try:
            policy = Policy.parse(case.data)
        except PolicyError:
            return REFUSED
        with contextlib.suppress(NoteError):
            policy.open(self.seeds.notes[0])
        return READ

    def _key(self, case: Case) -> str:
        text = case.data.decode("utf-8", "surrogateescape")
        try:
            if VerifierKey.parse(text).encode() != text:
                raise Failure("a key that is read has another writing")
        except NoteError:
            return REFUSED
        return READ

    def _tile(self, case: Case) -> str:
        path = case.beside.decode("utf-8", "surrogateescape")
        try:
            tile = Tile.parse(path)
            if tile.path != path:
                raise Failure("a tile has two paths")
            if tile.level == ENTRIES:
                entries_of(tile, case.data)
                return READ
            hashes_of(tile, case.data)
        except TileError:
            return REFUSED
        if case.how == "path":
            return READ
        with contextlib.suppress(TileError):
            entries_of(Tile(ENTRIES, 0, 9), case.data)
        contents = self.seeds.tiles | {path: case.data}
        reader, proved = TileReader(LEAVES, contents.__getitem__), 0
        for index in range(0, LEAVES, 100):
            proof = reader.inclusion_proof(index)
            with contextlib.suppress(ProofError):
                verify_inclusion(index, LEAVES, self.leaves[index], proof, self.root)
                proved += 1
        return SAME if proved == len(range(0, LEAVES, 100)) and reader.root() == self.root and case.honest else FOUND

    def _token(self, case: Case) -> str:
        try:
            stamped = verify_token(case.data, case.beside, self._trusted)
        except TimestampError:
            return REFUSED
        if stamped not in self.stamped:
            raise Failure("a time stamp that nobody made")
        return SAME


def _rows(path: Path) -> list[list[tuple[Any, ...]]]:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
    try:
        return [connection.execute(f"SELECT * FROM {table} NOT INDEXED ORDER BY 1").fetchall() for table in _TABLES]
    finally:
        connection.close()
