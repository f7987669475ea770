"""`import sdtm` and `import ctgov`."""

import sys
from pathlib import Path

from api.cli.output import INPUT, errors_named, fail, print_json, progress, say


def ctgov(source: Path, output: Path | None, as_json: bool) -> None:
    """Make a protocol file from a ClinicalTrials.gov v2 API record."""
    from ledger.domain.protocol import ProtocolError, from_ctgov
    from ledger.proof.canonical import CanonicalError, parse

    with errors_named():
        try:
            made = from_ctgov(parse(source.read_bytes(), decimals=True))
        except CanonicalError as error:
            fail(f"{source}: {error}")
        except ProtocolError as error:
            for problem in error.problems:
                say(f"error: {source}: {problem.field}: {problem.rule}")
            raise SystemExit(INPUT) from None
        protocol = made.protocol.to_json()
        if output is not None:
            output.write_bytes(protocol + b"\n")
    if as_json:
        print_json(
            {
                "trial": made.protocol.trial_id,
                "unknown": list(made.unknown),
                "notes": list(made.notes),
                "conflicts": [{"code": found.code, "message": found.message} for found in made.conflicts],
            }
        )
    elif output is None:
        sys.stdout.buffer.write(protocol + b"\n")
    for path in made.unknown:
        say(f"{source}: {path} has no field of its own in the protocol; it is kept in registry_extra")
    for note in made.notes:
        say(f"{source}: {note}")
    for found in made.conflicts:
        say(f"{source}: the record disagrees with itself ({found.code}): {found.message}")


def sdtm(folder: Path, ledger: Path, as_json: bool) -> None:
    """Turn a folder of SDTM datasets into a new ledger; rows that cannot be imported are listed with the reason."""
    from api.sdtm import SdtmError
    from api.sdtm.importing import import_folder

    with errors_named():
        try:
            with progress("importing", None, shown=not as_json) as step:
                done = import_folder(folder, ledger, on_command=step)
        except SdtmError as error:
            fail(str(error))
    if as_json:
        print_json(done.as_dict())
    else:
        for line in (*done.notes, *done.rejected):
            say(line)
        say(f"{done.recorded} commands recorded in {ledger}; {len(done.rejected)} rows could not be imported")
    if done.refused:
        raise SystemExit(INPUT)
