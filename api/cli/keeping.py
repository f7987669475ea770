"""`erase`, `rotate`, `disclose` and `outbox`: names, keys and alerts."""

import os
from pathlib import Path
from typing import Literal

from api.cli.acting import opened, refusals_named, who
from api.cli.output import USAGE, errors_named, fail, print_json, say, tell


@errors_named()
def erase(ledger: Path, subject: str, reason: str, actor: str | None, org: str, role: str, as_json: bool) -> None:
    """Erase the names in a subject's records, or finish doing so."""
    from api.acting import command_of
    from api.bootstrap import rebuild_all
    from api.erasure import erase

    with refusals_named({"data.subject": "SUBJECT"}):
        command = command_of("erase-identity", {"subject": subject, "reason": reason}, who(actor, org, role))
        with opened(ledger) as trial:
            done = erase(trial, command, rebuild_all)
    if as_json:
        print_json({
            "subject": subject, "recorded_now": done.recorded_now, "key_destroyed_now": done.key_destroyed_now,
        })  # fmt: skip
    elif done.recorded_now:
        tell(f"{subject}: erased. The event says who, when and why; the key of the names is destroyed.")
    elif done.key_destroyed_now:
        tell(f"{subject}: was erased in the record already; the key of the names was still here, and is destroyed now.")
    else:
        tell(f"{subject}: was erased already; nothing was left to destroy.")
    say(f"Out of reach from here: a backup of {ledger}.keys made before now still holds the key, and with it and a")
    say("copy of the ledger the names can be read; data keys that were disclosed; files that were exported.")
    say("Destroy those too.")


@errors_named()
def rotate(ledger: Path, only: str | None, token: tuple[Path, str] | None, to_files: bool, as_json: bool) -> None:
    """Give the ledger new key-encryption keys, where they are, in a token (its module and label), or in files."""
    from api.bootstrap import origin_of
    from ledger.keys.file import TokenPlace, keys_folder
    from ledger.keys.folder import require_own
    from ledger.keys.rotation import rotate_keys
    from ledger.proof.ledger_file import check_ledger_file

    check_ledger_file(ledger)  # what is no ledger has no keys to ask for
    place: TokenPlace | Literal["file"] | None = "file" if to_files else None
    if token is not None:
        place = TokenPlace(token[0].absolute(), token[1])
    require_own(ledger, origin_of(ledger))
    done = rotate_keys(ledger, os.urandom, None if only is None else [only], to=place)
    if as_json:
        print_json({"rotated": [{"kind": one.kind, "old": one.old, "new": one.new} for one in done]})
        return
    for one in done:
        tell(f"{one.kind}: {one.new} in place of {one.old}; all keys are wrapped anew")
    say(
        f"Keep a copy of {keys_folder(ledger)} elsewhere, apart from the ledger. Earlier copies hold the same data keys"
    )
    say("under the old key-encryption keys, and open what those open: destroy them.")


@errors_named()
def disclose(
    ledger: Path, output: Path, classes: tuple[str, ...], actor: str | None, org: str, role: str, as_json: bool
) -> None:
    """Write data keys to a new file, after the record says so."""
    from pydantic import ValidationError

    from api.access import Session, viewer_of
    from api.bootstrap import DeniedError
    from api.disclosure import DisclosureError, disclose

    by = who(actor, org, role)
    try:
        viewer = viewer_of(by.id, by.role, by.org)
    except ValidationError:
        fail("--actor, --org: a pseudonym of printable ASCII without spaces, and an organisation in one line", USAGE)
    try:
        done = disclose(Session(ledger, viewer), output, frozenset(classes))
    except (DeniedError, DisclosureError) as error:
        fail(str(error))
    if as_json:
        print_json({"file": str(output), "classes": sorted(classes), "keys": done.keys, "sha256": done.sha256})
        return
    tell(f"{output}: {done.keys} data keys of the classes {', '.join(sorted(classes))} (SHA-256 {done.sha256})")
    say(f"Whoever has this file opens what it names in every copy of the ledger: python -m ledger.proof {ledger}")
    say(f"--data-keys {output}. Nothing takes that back.")


@errors_named()
def outbox(ledger: Path, as_json: bool) -> None:
    """Deliver what is due, and list what lies in the outbox."""
    from api.outbox import deliver, outbox_folder, waiting
    from ledger.proof.ledger_file import check_ledger_file

    check_ledger_file(ledger)
    done = deliver(ledger)
    lying = waiting(ledger)
    if as_json:
        print_json({"folder": str(outbox_folder(ledger)), "written": [path.name for path in done.written],
                    "waiting": lying})  # fmt: skip
        return
    for alert in lying:
        of = "all subjects" if alert["subjects"] == "all" else ", ".join(alert["subjects"])
        tell(f"{alert['file']}: {alert['type']} of {of}, by {alert['who']} ({alert['role']}), {alert['recorded_at']}")
    say(f"{len(lying)} alerts wait in {outbox_folder(ledger)}; {len(done.written)} of them were written now")
