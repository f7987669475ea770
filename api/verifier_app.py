"""The offline verifier as one file: a zip that Python runs (PEP 441), with `ledger.proof` in it and nothing else.

1. The same source gives the same bytes: files in the order of their names, stored, of one date. So two people can
   compare what they were given by its SHA-256, with each other or with what they make from the source.
2. It needs Python 3.11 and its package cryptography. Where one is missing it says so, and ends with 3.
3. It imports nothing from the folder in which it is started: what lies beside the file to be verified is not believed.
"""

import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Final

import ledger.proof

NAME: Final = "trial-ledger-verify.pyz"
_DATE: Final = (1980, 1, 1, 0, 0, 0)
_SHEBANG: Final = b"#!/usr/bin/env python3\n"
_PACKAGE: Final = b'"""Holds `proof`."""\n'

# Read by any Python 3: it is what tells of one that is too old. Python itself puts the file first on its path, not the
# folder; only PYTHONPATH can bring that in (an empty item of it means: the folder where I am).
_MAIN: Final = b'''\
"""The verifier of trial-ledger in one file."""

import os
import sys


def _leave_out_the_current_folder():
    here = os.path.realpath(os.getcwd())
    asked = "" if sys.flags.ignore_environment else os.environ.get("PYTHONPATH", "")
    given = {os.path.abspath(item) for item in asked.split(os.pathsep)} if asked else set()
    sys.path[1:] = [
        item
        for item in sys.path[1:]
        if item and not (os.path.abspath(item) in given and os.path.realpath(item) == here)
    ]


def _run():
    if sys.version_info < (3, 11):
        sys.stderr.write("error: this needs Python 3.11 or later; here it is %d.%d\\n" % sys.version_info[:2])
        return 3
    try:
        import cryptography
    except ImportError:
        sys.stderr.write("error: this needs the package cryptography (python3 -m pip install cryptography)\\n")
        return 3
    from ledger.proof.__main__ import main

    return main()


if __name__ == "__main__":
    _leave_out_the_current_folder()
    sys.exit(_run())
'''


def verifier_app() -> bytes:
    """The file."""
    made = BytesIO()
    made.write(_SHEBANG)
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as app:
        for name, data in sorted(_files()):
            member = zipfile.ZipInfo(name, _DATE)
            member.create_system = 3  # the same on every system
            member.external_attr = 0o100644 << 16
            app.writestr(member, data)
    return made.getvalue()


def _files() -> Iterator[tuple[str, bytes]]:
    yield "__main__.py", _MAIN
    yield "ledger/__init__.py", _PACKAGE
    folder = Path(ledger.proof.__path__[0])
    for path in folder.rglob("*.py"):
        yield f"ledger/proof/{path.relative_to(folder).as_posix()}", path.read_bytes().replace(b"\r\n", b"\n")
