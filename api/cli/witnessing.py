"""`witness serve`, `witness keys` and `witness add`."""

import os
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from api.cli.output import VERIFICATION_FAILED, errors_named, fail, print_json, say, tell

if TYPE_CHECKING:
    from api.witness.gathering import Gathered
    from ledger.proof.evidence import StoredCheckpoint

_LOOKED_BACK: Final = 1000
"""In how many earlier checkpoints a witness's last cosignature is looked for; further back it says the size itself."""


@errors_named()
def serve(folder: Path, name: str | None, logs: Path, host: str, port: int, as_json: bool) -> None:
    """Run a witness until SIGTERM or SIGINT."""
    from api.witness.core import Witness
    from api.witness.logs import LogsError, read_logs
    from api.witness.opening import opened
    from api.witness.serving import application, listen, serve
    from api.witness.store import StoreError

    try:
        trusted = read_logs(logs)
        with opened(folder, name, os.urandom) as held, listen(host, port) as listening:
            witness = Witness(held.signers, trusted, held.store, lambda: int(time.time()))
            shown = f"[{host}]" if ":" in host else host
            url = f"http://{shown}:{listening.getsockname()[1]}"
            lines = [key.encode() for key in witness.keys]
            if as_json:
                print_json({"name": witness.keys[0].name, "keys": lines, "url": url, "logs": sorted(trusted)})
            else:
                for line in lines:
                    tell(line)
            say(f"{witness.keys[0].name}: at {url}, for {len(trusted)} log{'s' if len(trusted) != 1 else ''}")
            serve(application(witness, say), listening)
    except (LogsError, StoreError) as error:
        fail(str(error))
    say("stopped")


@errors_named()
def keys(folder: Path, as_json: bool) -> None:
    """Print the verifier keys of a witness."""
    from api.witness.keys import load_keys

    found = [signer.key for signer in load_keys(folder)]
    if as_json:
        print_json({"name": found[0].name, "keys": [key.encode() for key in found]})
        return
    for key in found:
        tell(key.encode())


@errors_named()
def add(ledger: Path, policy: Path, checkpoint: Path | None, as_json: bool) -> None:
    """Ask the witnesses of a policy, store what they cosigned, and say whether the quorum is met."""
    from api.evidence import store
    from api.evidence.proving import NoCheckpointError, consistency_hashes
    from api.witness.asking import post
    from api.witness.gathering import GatherError, gather, opened_for
    from ledger.proof.evidence import EvidenceError
    from ledger.proof.ledger_file import check_ledger_file
    from ledger.proof.policy import Policy, PolicyError
    from ledger.proof.tree import ProofError

    check_ledger_file(ledger)
    try:
        rules = Policy.parse(policy.read_bytes())
        chosen = _chosen(ledger, checkpoint)
        opened = opened_for(rules, chosen.data)
        consistency_hashes(ledger, 0, chosen)  # that the book is the one that was signed
        earlier = list(islice(store.stored(ledger), _LOOKED_BACK))
        done = gather(rules, opened, earlier, lambda old: consistency_hashes(ledger, old, chosen), post)
        new = tuple(signature for _, one in done.asked for signature in one.signatures)
        if new:
            store.add_signatures(ledger, chosen, new)
    except PolicyError as error:
        fail(f"{policy}: {error}")
    except (EvidenceError, NoCheckpointError) as error:
        fail(str(error))
    except GatherError as error:
        fail(f"{chosen.name}: {error}", VERIFICATION_FAILED)
    except ProofError as error:
        fail(
            f"{ledger}: is not the book that was signed, so no witness was asked; it was rolled back or rewritten,"
            f" or the checkpoint is of another ({error})",
            VERIFICATION_FAILED,
        )
    if as_json:
        print_json(_document(done))
    else:
        _tell(done)
    if done.contradicted:
        say("WARNING: evidence of a fork or rollback. A witness has cosigned another history of this ledger than the")
        say("one in this file. Either the file was rolled back or rewritten, or another history was signed with its")
        say("key. Keep the file, its evidence folder and this output as they are, and find out which: docs/witness.md.")
    if not done.quorum:
        say(f"error: the quorum is not met: {done.cosigned} of the {done.listed} witnesses of the policy have cosigned")
        raise SystemExit(VERIFICATION_FAILED)


def _chosen(ledger: Path, file: Path | None) -> "StoredCheckpoint":
    """The checkpoint in a file, or the largest stored one of the origin under which the ledger goes on now."""
    from api.evidence import store
    from api.evidence.book import open_book
    from ledger.proof.evidence import MAX_NOTE_BYTES, stored_checkpoint

    if file is not None:
        with file.open("rb") as opened:
            chosen = stored_checkpoint(str(file), opened.read(MAX_NOTE_BYTES + 1))
        if not store.has(ledger, chosen.checkpoint):  # of an export by somebody who has arms in sight, perhaps
            fail(f"{file}: no checkpoint of its size and origin is in the evidence folder; only those are cosigned")
        return chosen
    with open_book(ledger) as book:
        origin = book.checkpoint_origin()
    newest = next((one for one in store.stored(ledger) if one.checkpoint.origin == origin), None)
    if newest is None:
        fail(f"{ledger}: no checkpoint is stored beside it; make one with: trial-ledger checkpoint {ledger}")
    return newest


def _document(done: "Gathered") -> dict[str, Any]:
    from ledger.proof.note import shown

    return {
        "origin": done.checkpoint.origin,
        "size": done.checkpoint.size,
        "quorum": done.quorum,
        "cosigned": done.cosigned,
        "listed": done.listed,
        "contradicted": done.contradicted,
        "witnesses": [
            {
                "names": list(service.names),
                "url": shown(service.url),
                "outcome": one.outcome.value,
                "message": one.sentence,
                "keys": [key.encode() for key in one.keys],
            }
            for service, one in done.asked
        ],
    }


def _tell(done: "Gathered") -> None:
    from ledger.proof.note import shown

    tell(f"{done.checkpoint.origin}, size {done.checkpoint.size:,}")
    for service, one in done.asked:
        tell(f"  {', '.join(service.names)} ({shown(service.url)}): {one.outcome.value}: {one.sentence}")
    met = "met" if done.quorum else "NOT met"
    tell(f"  {done.cosigned} of {done.listed} witnesses have cosigned: the quorum is {met}")
