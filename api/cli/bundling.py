"""`export bundle`: the work."""

from pathlib import Path

from api.cli.acting import who
from api.cli.output import USAGE, errors_named, fail, print_json, say, tell


@errors_named()
def bundle(
    ledger: Path,
    output: Path,
    role: str,
    sites: tuple[str, ...],
    at: str | None,
    actor: str | None,
    org: str,
    as_json: bool,
) -> None:
    """Make a bundle, and say what it is."""
    from pydantic import ValidationError

    from api.access import Session, viewer_of
    from api.bootstrap import DeniedError, UnknownSiteError
    from api.bundle.writing import BundleWriteError, export_bundle
    from ledger.proof.evidence import EvidenceError

    by = who(actor, org, role)
    try:
        viewer = viewer_of(by.id, by.role, by.org, frozenset(sites))
    except ValidationError:
        fail("--actor, --org: a pseudonym of printable ASCII without spaces, and an organisation in one line", USAGE)
    try:
        made = export_bundle(Session(ledger, viewer), output, at)
    except (DeniedError, BundleWriteError, EvidenceError) as error:
        fail(str(error))
    except UnknownSiteError as error:
        fail(f"--site: {error}", USAGE)
    position = {"open": made.position.open - 1}
    if made.position.sealed is not None:
        position["sealed"] = made.position.sealed - 1
    if as_json:
        print_json(
            {
                "file": str(output),
                "role": role,
                "bytes": made.bytes,
                "sha256": made.sha256,
                "position": position,
                "checkpoint": made.checkpoint,
            }
        )
        return
    where = "/".join(str(seq) for seq in position.values())
    tell(f"{output}: {made.bytes:,} bytes for the role {role}, up to position {where} (SHA-256 {made.sha256})")
    if made.checkpoint != made.position.open:
        say("No checkpoint in it states the tree at this very position; the nearest do so before and after it, if any.")
    say(f"Verify it anywhere: python -m ledger.proof {output} --policy POLICY")
