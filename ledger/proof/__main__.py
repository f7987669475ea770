"""`python -m ledger.proof FILE`: the verifier alone, with the standard library and cryptography.

FILE is an evidence bundle, a ledger, or (with --entry) a proof of one entry.

Exit 0: nothing is wrong. 1: something is. 2: usage. 3: something that was given cannot be read.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from ledger.proof.checking import check, check_proof, is_proof, load_trusted, named_folder
from ledger.proof.data_keys import DataKeysError, load_data_keys
from ledger.proof.evidence import EvidenceError
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.words import in_words

__all__ = ["in_words", "main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify what the arguments name; gives the exit code."""
    parser = _parser()
    parsed = parser.parse_args(arguments)
    if parsed.entry is not None and parsed.policy is None:
        parser.error("--entry needs --policy: a proof alone shows nothing")
    try:
        trusted = load_trusted(parsed.policy, parsed.authorities, parsed.checkpoint)
        if parsed.entry is not None:
            proved = check_proof(parsed.file, parsed.entry, trusted)
            print(json.dumps(proved.to_json(), indent=2) if parsed.json else proved.in_words())
            return 0 if proved.ok else 1
        if is_proof(parsed.file):
            parser.error(
                f"{parsed.file} is the proof of one entry: --entry FILE and --policy FILE say of which, to whom"
            )
        keys = None if parsed.data_keys is None else load_data_keys(parsed.data_keys)
        report = check(parsed.file, trusted, evidence=named_folder(parsed.evidence), keys=keys)
    except (LedgerFileError, EvidenceError, DataKeysError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    print(json.dumps(report.to_json(), indent=2) if parsed.json else in_words(report))
    return 0 if report.ok else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ledger.proof",
        description="Verify an evidence bundle, a ledger file, or the proof of one entry. Exit 0: nothing is wrong; "
        "1: something is; 3: something that was given cannot be read.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the bundle, the ledger, or the proof")
    parser.add_argument(
        "--policy", type=Path, metavar="FILE",
        help="which logs and witnesses to trust (C2SP tlog-policy). Without it a file can only be shown to agree with "
        "itself",
    )  # fmt: skip
    parser.add_argument(
        "--authorities", type=Path, action="append", default=[], metavar="PEM",
        help="certificates of time-stamping authorities to trust; may be given again",
    )  # fmt: skip
    parser.add_argument(
        "--checkpoint", type=Path, action="append", default=[], metavar="FILE",
        help="a checkpoint that you have kept, which the book has to extend; may be given again",
    )  # fmt: skip
    parser.add_argument(
        "--evidence", type=Path, metavar="DIR",
        help="a folder of checkpoints and time stamps, instead of what lies in the bundle or beside the ledger",
    )  # fmt: skip
    parser.add_argument("--entry", type=Path, metavar="FILE", help="the bytes of the entry that FILE is the proof of")
    parser.add_argument(
        "--data-keys", type=Path, metavar="FILE",
        help="data keys (JSON), with which sealed sections are opened and checked too; without, only their ciphertexts "
        "are. Nobody else may be able to read the file",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
