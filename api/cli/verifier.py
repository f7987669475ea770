"""`export verifier`: its options and its help, and the work, which is little."""

from pathlib import Path
from typing import Annotated

import typer

from api.cli.guarding import export
from api.cli.options import AsJson


def add_to(app: typer.Typer) -> None:
    """Add the command to the program, of which `export` is a part already."""
    assert any(group.typer_instance is export for group in app.registered_groups)
    export.command("verifier")(export_verifier)


def export_verifier(
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="A new file, such as trial-ledger-verify.pyz.")
    ],
    as_json: AsJson = False,
) -> None:
    """Write the offline verifier as one file, which Python runs where only cryptography is installed.

    The same version gives the same bytes, so that its SHA-256 can be compared.
    """
    from api.cli.output import errors_named, print_json, tell

    with errors_named():
        import hashlib

        from api.durable import write
        from api.verifier_app import verifier_app

        data = verifier_app()
        write(output, data, mode=0o755)
        digest = hashlib.sha256(data).hexdigest()
        if as_json:
            print_json({"file": str(output), "bytes": len(data), "sha256": digest})
        else:
            tell(f"{output}: the verifier in one file, {len(data):,} bytes, SHA-256 {digest}")
            tell(f"Run it with: python3 {output} FILE --policy FILE")
