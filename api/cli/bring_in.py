"""`import sdtm`, `import ctgov` and `import usdm`."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.cli.output import INPUT, errors_named, fail, print_bytes, print_json, progress, say

if TYPE_CHECKING:  # imported when it is used
    from ledger.domain.protocol import CtgovImport
    from ledger.domain.protocol.usdm import UsdmImport


@errors_named()
def ctgov(source: Path, output: Path | None, as_json: bool) -> None:
    """Make a protocol file from a ClinicalTrials.gov v2 API record."""
    from ledger.domain.protocol import from_ctgov

    _protocol(source, output, as_json, from_ctgov)


@errors_named()
def usdm(source: Path, output: Path | None, as_json: bool) -> None:
    """Make a protocol file from a protocol in USDM 4."""
    from ledger.domain.protocol.usdm import from_usdm

    _protocol(source, output, as_json, from_usdm)


def _protocol(
    source: Path, output: Path | None, as_json: bool, read: "Callable[[Any], CtgovImport | UsdmImport]"
) -> None:
    from ledger.domain.protocol import ProtocolError
    from ledger.proof.canonical import CanonicalError, parse

    try:
        made = read(parse(source.read_bytes(), decimals=True))
    except CanonicalError as error:
        fail(f"{source}: {error}")
    except ProtocolError as error:
        for problem in error.problems:
            say(f"error: {source}: {problem.field}: {problem.rule}")
        raise SystemExit(INPUT) from None
    left_out = getattr(made, "left_out", None)
    protocol = made.protocol.to_json() + b"\n"
    if output is not None:
        _write_new(output, protocol)
    elif not as_json:
        print_bytes(protocol)
    if as_json:
        report = {
            "trial": made.protocol.trial_id,
            "unknown": list(made.unknown),
            **({} if left_out is None else {"left_out": list(left_out)}),
            "notes": list(made.notes),
            "conflicts": [{"code": found.code, "message": found.message} for found in made.conflicts],
        }
        print_json(report if output is not None else report | {"protocol": parse(protocol)})
    for path in made.unknown:
        say(f"{source}: {path} has no field of its own in the protocol; it is kept in registry_extra")
    for part in left_out or ():
        say(f"{source}: {part} has no place in the protocol, and is left out")
    for note in made.notes:
        say(f"{source}: {note}")
    for found in made.conflicts:
        say(f"{source}: the record disagrees with itself ({found.code}): {found.message}")


@errors_named()
def sdtm(folder: Path, ledger: Path, as_json: bool) -> None:
    """Turn a folder of SDTM datasets into a new ledger; rows that cannot be imported are listed with the reason."""
    from api.sdtm import SdtmError
    from api.sdtm.importing import import_folder

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


def _write_new(path: Path, data: bytes) -> None:
    """A new file with these bytes, whole or not at all; whatever lies there already is left alone."""
    try:
        file = path.open("xb")
    except FileExistsError:
        fail(f"{path}: exists already; it is left as it is, choose another name")
    try:
        with file:
            file.write(data)
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            fail(f"{path}: cannot be written ({error.strerror})")
        raise
