"""`python -m ledger.proof LEDGER`: the verifier alone, with the standard library and cryptography.

Exit 0: nothing is wrong. 1: something is. 2: usage. 3: the ledger, or the file of data keys, cannot be read.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from ledger.proof.data_keys import DataKeysError, load_data_keys
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.verify import verify_ledger
from ledger.proof.words import in_words

__all__ = ["in_words", "main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify the ledger that the arguments name; gives the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m ledger.proof",
        description="Verify a ledger file from its stored bytes. Exit 0: nothing is wrong; 1: something is; "
        "3: it cannot be read as a ledger, or the file of data keys cannot be used.",
        epilog="Evidence bundles are not read yet; they come with a later version.",
    )
    parser.add_argument("ledger", type=Path, metavar="LEDGER", help="the ledger file")
    parser.add_argument(
        "--data-keys", type=Path, metavar="FILE",
        help="data keys (JSON), with which sealed sections are opened and checked too; without, only their ciphertexts "
        "are. Nobody else may be able to read the file",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parsed = parser.parse_args(arguments)
    try:
        keys = None if parsed.data_keys is None else load_data_keys(parsed.data_keys)
        report = verify_ledger(parsed.ledger, keys=keys)
    except (LedgerFileError, DataKeysError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    print(json.dumps(report.to_json(), indent=2) if parsed.json else in_words(report))
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
