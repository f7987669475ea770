"""`export KIND`: the work."""

from pathlib import Path

from api.cli.acting import who
from api.cli.ahead import note_if_ahead
from api.cli.output import USAGE, errors_named, fail, print_json, progress, tell
from api.exports.kinds import Kind


@errors_named()
def export(
    kind: Kind, ledger: Path, output: Path, role: str, at: str | None, actor: str | None, org: str, as_json: bool
) -> None:
    """Make an export, and say what it is."""
    from pydantic import ValidationError

    from api.access import Session, viewer_of
    from api.bootstrap import DeniedError
    from api.exports.making import ExportError
    from api.exports.making import export as make

    by = who(actor, org, role)
    try:
        viewer = viewer_of(by.id, by.role, by.org)
    except ValidationError:
        fail("--actor, --org: a pseudonym of printable ASCII without spaces, and an organisation in one line", USAGE)
    try:
        with progress(f"export {kind.name}", None, shown=not as_json) as step:
            made = make(Session(ledger, viewer), kind, output, at, progress=step.reach)
    except (DeniedError, ExportError) as error:
        fail(str(error))
    note_if_ahead("--at", at)
    if as_json:
        print_json({"folder": str(output), "sha256": made.sha256, "manifest": made.manifest})
        return
    seqs = "/".join(str(book["seq"]) for book in made.manifest["position"].values())
    files = len(made.manifest["files"])
    tell(f"{output}: {kind.title}; {files} files for the role {role}, up to position {seqs} (manifest {made.sha256})")
