"""`checkpoint`, `keys`, `prove`, `continue` and `export tiles`."""

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.cli.acting import who
from api.cli.output import USAGE, errors_named, fail, print_bytes, print_json, say, tell

if TYPE_CHECKING:
    from ledger.proof.evidence import StoredCheckpoint


@contextmanager
def faults_named() -> Iterator[None]:
    """Known failures of evidence, beside those that every command names."""
    from api.evidence.proving import NoCheckpointError
    from ledger.proof.evidence import EvidenceError
    from ledger.proof.note import NoteError
    from ledger.proof.tiles import TileError
    from ledger.proof.tree import ProofError

    try:
        yield
    except (NoCheckpointError, EvidenceError, NoteError, ProofError, TileError) as error:
        fail(str(error))


@errors_named()
@faults_named()
def checkpoint(ledger: Path, as_json: bool) -> None:
    """Sign the book as it is now."""
    from api.evidence.making import make_checkpoint
    from ledger.proof.ledger_file import check_ledger_file

    check_ledger_file(ledger)
    _print_checkpoint(ledger, make_checkpoint(ledger), as_json)


@errors_named()
@faults_named()
def watch(ledger: Path, as_json: bool) -> None:
    """Sign whenever it is due."""
    from api.evidence.automatic import watch
    from ledger.keys.signing import load_signing_keys
    from ledger.proof.ledger_file import check_ledger_file

    check_ledger_file(ledger)
    load_signing_keys(ledger)  # without keys it would only ever fail
    say(f"{ledger}: signed whenever it is due; Ctrl-C ends this")
    watch(
        ledger,
        time.sleep,
        lambda made: _print_checkpoint(ledger, made, as_json),
        failed=lambda error: say(f"warning: {ledger}: not signed yet: {error}"),
    )


@errors_named()
@faults_named()
def keys(ledger: Path, as_json: bool) -> None:
    """Print the verifier keys."""
    from api.bootstrap import origin_of
    from api.restoring.mark import may_continue
    from ledger.keys.folder import require_own
    from ledger.keys.signing import former_keys, load_signing_keys
    from ledger.proof.ledger_file import check_ledger_file

    check_ledger_file(ledger)
    require_own(ledger, origin_of(ledger))
    may_continue(ledger)  # what cannot has no keys of its own: those that signed are told by its bundle
    current, former = load_signing_keys(ledger).vkeys, former_keys(ledger)
    if as_json:
        print_json({"keys": [key.encode() for key in current], "former": [key.encode() for key in former]})
        return
    for key in (*current, *former):
        tell(key.encode())


@errors_named()
@faults_named()
def prove_entry(ledger: Path, seq: int, of: Path | None, output: Path, as_json: bool) -> None:
    """Write a proof of inclusion."""
    from api.evidence.proving import prove_inclusion
    from ledger.proof.evidence import MAX_NOTE_BYTES, stored_checkpoint
    from ledger.proof.ledger_file import check_ledger_file

    check_ledger_file(ledger)
    chosen = None
    if of is not None:
        with of.open("rb") as file:
            chosen = stored_checkpoint(str(of), file.read(MAX_NOTE_BYTES + 1))
    proof = prove_inclusion(ledger, seq, checkpoint=chosen)
    size = proof.checkpoint.size
    said = {"file": str(output), "seq": seq, "size": size, "hashes": len(proof.hashes)}
    _write_proof(output, proof.encode(), said, f"entry {seq} is in the tree of {size}", as_json)


@errors_named()
@faults_named()
def prove_consistent(ledger: Path, old: int, new: int | None, output: Path, as_json: bool) -> None:
    """Write a proof of consistency."""
    from api.evidence.proving import prove_consistency
    from ledger.proof.ledger_file import check_ledger_file

    check_ledger_file(ledger)
    body, chosen = prove_consistency(ledger, old, new)
    size = chosen.checkpoint.size
    said = {"file": str(output), "from": old, "to": size}
    _write_proof(output, body, said, f"the tree of {size} goes on from that of {old}", as_json)


@errors_named()
@faults_named()
def continue_ledger(
    ledger: Path, reason: str, actor: str | None, org: str, token: tuple[Path, str] | None, as_json: bool
) -> None:
    """Put a new origin and new signing keys in force."""
    from pydantic import ValidationError

    from api.cli.restoring import LACKS
    from api.evidence.continuing import continue_ledger
    from ledger.domain.decisions.base import CommandActor
    from ledger.keys.file import TokenPlace, keys_folder
    from ledger.keys.kek import KINDS, kek_file
    from ledger.proof.ledger_file import check_ledger_file

    check_ledger_file(ledger)
    place = None if token is None else TokenPlace(token[0].absolute(), token[1])
    by = who(actor, org, "sponsor")
    try:
        as_actor = CommandActor.model_validate({"id": by.id, "role": by.role, "org": by.org})
        done = continue_ledger(ledger, reason=reason, actor=as_actor, place=place)
    except ValidationError:
        fail(
            "--actor, --org, --reason: a pseudonym of printable ASCII without spaces, an organisation in one line, "
            "and at least a word",
            USAGE,
        )
    if as_json:
        print_json(done.model_dump(mode="json", exclude_none=True, exclude={"late", "provenance"}))
        return
    tell(f"{ledger} goes on under the origin {done.origin}, with {done.size} entries kept.")
    if done.lost is not None:
        tell(f"Lost: what was signed last had {done.lost.size} entries. The record says so.")
    say(f"Hand out the new verifier keys (trial-ledger keys {ledger}): the old ones verify nothing that comes now.")
    for kind in KINDS:
        if not kek_file(keys_folder(ledger), kind).exists():
            say(f"Without {kek_file(keys_folder(ledger), kind)} {LACKS[kind]}; it can be put there later (mode 600).")


@errors_named()
@faults_named()
def export_tiles(ledger: Path, output: Path, actor: str | None, org: str, role: str, as_json: bool) -> None:
    """Write the open book as tiles, and record it."""
    from pydantic import ValidationError

    from api.access import Session, viewer_of
    from api.bootstrap import DeniedError
    from api.evidence.making import checkpoint_for_export
    from api.evidence.proving import write_tiles
    from ledger.proof.ledger_file import check_ledger_file
    from ledger.proof.sections import PLAIN

    check_ledger_file(ledger)
    by = who(actor, org, role)
    try:
        session = Session(ledger, viewer_of(by.id, by.role, by.org))
        if output.exists():
            fail(f"{output}: exists already; tiles go into a new folder")
        chosen = checkpoint_for_export(ledger, keep=not session.knows_arms)
        session.exported("tiles", frozenset({PLAIN}), hashlib.sha256(chosen.data).hexdigest())
        done = write_tiles(ledger, output, chosen)
    except ValidationError:
        fail("--actor, --org: a pseudonym of printable ASCII without spaces, and an organisation in one line", USAGE)
    except DeniedError as error:
        fail(str(error))
    if as_json:
        print_json({"folder": str(output), "files": done.files, "size": done.size, "checkpoint_sha256": done.sha256})
        return
    tell(f"{output}: the first {done.size} entries of the open book in {done.files} files, with their checkpoint")


def _print_checkpoint(ledger: Path, made: "StoredCheckpoint", as_json: bool) -> None:
    from ledger.proof.evidence import CHECKPOINTS, evidence_folder

    path = evidence_folder(ledger) / CHECKPOINTS / made.name
    new = made.checkpoint
    if as_json:
        print_json({
            "file": str(path), "origin": new.origin, "size": new.size, "root": new.root.hex(),
            "signatures": len(made.note.signatures), "note": made.data.decode(),
        })  # fmt: skip
        return
    tell(str(path))
    tell(made.data.decode().removesuffix("\n"))


def _write_proof(output: Path, data: bytes, said: dict[str, Any], words: str, as_json: bool) -> None:
    from api import durable

    if str(output) == "-":
        print_bytes(data)
        return
    durable.write(output, data, mode=0o666 & ~_umask())
    if as_json:
        print_json(said)
    else:
        tell(f"{output}: {words}")


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
