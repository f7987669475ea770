"""One verification, as a process of its own: `python -m api.server.operation.verification LEDGER [--policy FILE] …`.

It prints one JSON value (`verifying.py` reads it) and ends with 0, whatever was found; with 3 where no verdict could be
given. Sealed sections are opened with the keys beside the ledger, where there are any. The secret of the allocation
list is not used: until it is opened, nothing of it goes into what is told here.
"""

import argparse
import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final

from api.cli.check import held_keys
from api.cli.output import INPUT, errors_named
from api.server.operation.verifying import MOST_FINDINGS
from ledger.proof.assess import Trusted
from ledger.proof.checking import check, load_trusted
from ledger.proof.checkpoint import open_checkpoint
from ledger.proof.evidence import evidence_folder, read_evidence
from ledger.proof.findings import Report
from ledger.proof.note import NoteError
from ledger.verifying.fast import verify_fast

_LOWEST: Final = 19


@errors_named()
def main() -> None:
    """Verify, and print what came of it."""
    parser = argparse.ArgumentParser(prog="verification")
    parser.add_argument("ledger", type=Path)
    parser.add_argument("--policy", type=Path)
    parser.add_argument("--authority", type=Path, action="append", default=[])
    asked = parser.parse_args()
    os.nice(_LOWEST)
    trusted = load_trusted(asked.policy, asked.authority)
    out, sys.stdout = sys.stdout, sys.stderr  # what others say is no part of the answer
    with held_keys(asked.ledger) as keys:
        report = check(asked.ledger, trusted, keys=keys, walk=verify_fast)
    print(json.dumps(_said(asked.ledger, report, trusted)), file=out)


def _said(ledger: Path, report: Report, trusted: Trusted) -> dict[str, Any]:
    counts: Counter[str | None] = Counter()
    findings = []
    for finding in report.findings:
        counts[finding.book] += 1
        if counts[finding.book] <= MOST_FINDINGS:
            findings.append(finding.to_json())
    return {
        "size": report.size,
        "ok": report.ok,
        "root": report.root.hex(),
        "head": report.head.hex(),
        "level": report.assurance.level,
        "external": report.assurance.external,
        "witnessed_by": [*_witnesses(ledger, report, trusted), *_authorities(report)],
        "findings": findings,
    }


def _witnesses(ledger: Path, report: Report, trusted: Trusted) -> list[str]:
    """The names of the witnesses whose cosignatures are on the checkpoint up to which the quorum holds."""
    seen, policy = report.assurance.witnessed, trusted.policy
    if seen is None or policy is None or not seen.quorum:
        return []
    for stored in read_evidence(evidence_folder(ledger)).checkpoints:
        if stored.checkpoint.size != seen.size:
            continue
        try:
            opened = open_checkpoint(stored.data, (*policy.logs, *policy.witnesses.values()))
        except NoteError:
            continue
        if policy.log_keys(opened) and policy.satisfied_by(opened):
            return list(policy.cosigners(opened.keys))
    return []


def _authorities(report: Report) -> list[str]:
    return list(dict.fromkeys(stamp.authority for stamp in report.assurance.stamped))


if __name__ == "__main__":
    try:
        main()
    except MemoryError:
        sys.exit(INPUT)
