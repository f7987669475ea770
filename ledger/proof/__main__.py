"""`python -m ledger.proof LEDGER`: the verifier alone, with the standard library and cryptography.

Exit 0: nothing is wrong. 1: something is. 2: usage. 3: the file cannot be read as a ledger.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from ledger.proof.findings import Report
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.verify import verify_ledger


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify the ledger that the arguments name; gives the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m ledger.proof",
        description="Verify a ledger file from its stored bytes. Exit 0: nothing is wrong; 1: something is; "
        "3: it cannot be read as a ledger.",
        epilog="Evidence bundles are not read yet; they come with a later version.",
    )
    parser.add_argument("ledger", type=Path, metavar="LEDGER", help="the ledger file")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parsed = parser.parse_args(arguments)
    try:
        report = verify_ledger(parsed.ledger)
    except LedgerFileError as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    print(json.dumps(report.to_json(), indent=2) if parsed.json else in_words(report))
    return 0 if report.ok else 1


def in_words(report: Report) -> str:
    """The report for people."""
    lines = []
    for name, book in (("open", report.open), ("sealed", report.sealed)):
        shown = book.to_json()
        lines.append(f"{name} book: {book.size} entries, root {shown['root']}, head {shown['head']}")
    lines += [str(finding) for finding in report.findings]
    if report.ok:
        lines.append(f"Verified ({report.assurance}): every entry, column and payload is as chain and tree have it.")
    else:
        sound = ", ".join(f"{book} {first} to {last}" for book, first, last in report.sound)
        count = len(report.findings)
        lines.append(f"NOT verified: {count} finding{'s' if count > 1 else ''}. Sound: {sound or 'nothing'}.")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
