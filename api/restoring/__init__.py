"""A working ledger file out of an evidence bundle, with the same heads and roots. `docs/restoring.md`.

`making.py` does it; what it needs is imported only then, since every command asks for the mark (`mark.py`).
"""

from pathlib import Path


def restored(bundle: Path, folder: Path) -> Path:
    """A bundle as a ledger file in a folder of one's own, for reading what it holds; gives the path of the file.

    What the bundle gives opened is open to whoever reads the file with the keys beside it, so the folder is to be the
    reader's alone. Raises what `making.restore` raises: LedgerFileError (a bundle that does not verify too), KeysError,
    EvidenceError, OSError.
    """
    from api.restoring.making import restore

    return restore(bundle, folder / "ledger.db").path
