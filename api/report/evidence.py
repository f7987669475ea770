"""Two sections of the report: how far the evidence reaches, level by level, and whom the verifier trusted."""

from collections.abc import Iterator, Sequence
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256

from api.report.document import Block, Bullets, Paragraph, Section, Table, shown
from api.report.places import first_entries, many, ranges, span
from ledger.proof.assess import Trusted
from ledger.proof.evidence import StoredCheckpoint
from ledger.proof.findings import Report
from ledger.proof.note import COSIGNATURE, ED25519, ML_DSA_44, VerifierKey
from ledger.proof.policy import NONE, Policy
from ledger.proof.timestamps import Authorities, subject_of

_KINDS: Final = {ED25519: "Ed25519", COSIGNATURE: "Ed25519 cosignature", ML_DSA_44: "ML-DSA-44"}
_MOST: Final = 2000
"""How many rows a table of trusted keys has; a policy has at most this many."""
Row = tuple[str, str, str, str]


def levels(report: Report, trusted: Trusted) -> list[Row]:
    """Each level of assurance: name, up to where it holds, who says so, and who would have to lie."""
    rows = [_consistent(report), *_signed(report, trusted), *_stamped(report, trusted), _witnessed(report, trusted)]
    return [*rows, _kept(report)] if trusted.kept else rows


def evidence_section(report: Report, trusted: Trusted) -> Section:
    """Each level, up to where it holds, and who would have to lie."""
    blocks: list[Block] = [
        Table(
            "Levels of assurance, from the weakest on: each says up to where it holds.",
            ("Level", "Holds for", "Who says so", "To deceive, one would need"),
            [*levels(report, trusted), _outside(report)], (15, 30, 30, 25),
        )
    ]  # fmt: skip
    if not report.ok:
        blocks.append(Paragraph("They count for entries all of whose checks hold, and not for those with findings."))
    if report.assurance.remarks:
        blocks += [
            Paragraph("Evidence that counts for nothing, and why:"),
            Bullets([shown(remark) for remark in report.assurance.remarks]),
        ]
    return Section("Evidence", blocks)


def _consistent(report: Report) -> Row:
    whole = [(name, 0, book.size - 1) for name, book in (("open", report.open), ("sealed", report.sealed)) if book.size]
    held = ranges([one for one in whole if one[0] in report.books] if report.ok else report.sound)
    return "consistent", held, "the file itself", "to write the file"


def _signed(report: Report, trusted: Trusted) -> Iterator[Row]:
    assurance, need = report.assurance, "the signing key of the log"
    if assurance.signed is not None:
        by = shown(", ".join(assurance.signers))
        yield "signed", first_entries(assurance.signed, report.end), by, need
    elif trusted.policy is None:
        yield "signed", "not checked", "no policy was given", need
    else:
        yield "signed", "nothing", "no checkpoint that a log of the policy signed holds", need


def _stamped(report: Report, trusted: Trusted) -> Iterator[Row]:
    need = "the help of the authority"
    for stamp in report.assurance.stamped:
        yield "time-stamped", first_entries(stamp.size, report.end), f"{shown(stamp.authority)}, {stamp.time}", need
    if not report.assurance.stamped:
        if trusted.authorities is None:
            yield "time-stamped", "not checked", "no certificates of authorities were given", need
        else:
            yield "time-stamped", "nothing", "no time stamp of a trusted authority verifies", need


def _witnessed(report: Report, trusted: Trusted) -> Row:
    need, seen = "the signing key of the log, and the help of the quorum", report.assurance.witnessed
    if seen is not None:
        met = "quorum met" if seen.quorum else "too few for the quorum"
        return "witnessed", first_entries(seen.size, report.end), f"{seen.count} of {seen.of}; {met}", need
    if trusted.policy is None:
        return "witnessed", "not checked", "no policy was given", need
    if not trusted.policy.witnesses:
        return "witnessed", "not asked for", "the policy lists no witness", need
    return "witnessed", "nothing", f"0 of {len(trusted.policy.witnesses)}", need


def _kept(report: Report) -> Row:
    kept = report.assurance.kept
    held = "nothing" if kept is None else first_entries(kept, report.end)
    return "kept checkpoint", held, "who made this verification, and kept a checkpoint", "the verifier's own copy"


def _outside(report: Report) -> Row:
    held, size = report.assurance.external, report.end
    rest = span("open", held, size - 1) if held < size else "nothing"
    return "held by NOBODY outside", rest, "nobody", "to write the file, and its keys"


def trusted_section(trusted: Trusted) -> Section:
    """Keys, quorum, authorities, kept checkpoints: what has to be compared with what their owners say."""
    blocks: list[Block] = []
    if trusted.policy is None:
        blocks.append(Paragraph("No policy of trusted keys was given."))
    else:
        blocks += _policy(trusted.policy)
    if trusted.authorities is None:
        blocks.append(Paragraph("No certificates of time-stamping authorities were given."))
    else:
        blocks.append(_authorities(trusted.authorities))
    if trusted.kept:
        blocks.append(_checkpoints(trusted.kept[:_MOST]))
    return Section("What the verifier trusted", blocks)


def _checkpoints(kept: Sequence[StoredCheckpoint]) -> Table:
    rows = [
        (
            shown(one.name.rpartition("/")[2], 200),
            shown(one.checkpoint.origin, 300),
            f"{one.checkpoint.size:,}",
            one.checkpoint.root.hex(),
        )
        for one in kept
    ]
    columns = ("File", "Origin", "Entries", "Root (hex)")
    return Table("Checkpoints that the verifier had kept.", columns, rows, (3, 4, 2, 5), frozenset({3}))


def _policy(policy: Policy) -> Sequence[Block]:
    rows = [("log", *_key(key)) for key in policy.logs]
    rows += [(f"witness {shown(name, 100)}", *_key(key)) for name, key in policy.witnesses.items()]
    blocks: list[Block] = [
        Table(
            "Keys of the policy.",
            ("Who", "Name of the key", "Kind", "Key id"),
            rows[:_MOST],
            (3, 6, 3, 2),
            frozenset({3}),
        )
    ]
    if policy.quorum == NONE:
        blocks.append(Paragraph("Quorum: none; no witness is asked for."))
    elif policy.quorum in policy.witnesses:
        blocks.append(Paragraph(f"Quorum: the witness {shown(policy.quorum, 100)}."))
    else:
        blocks.append(Paragraph(f"Quorum: the group {shown(policy.quorum, 100)}."))
    if policy.groups:
        groups = [
            (
                shown(name, 100),
                f"{group.threshold} of {many(len(group.members), 'member')}",
                shown(", ".join(group.members), 600),
            )
            for name, group in policy.groups.items()
        ]
        blocks.append(Table("Groups of the policy.", ("Group", "Needs", "Members"), groups, (2, 2, 6)))
    return blocks


def _key(key: VerifierKey) -> tuple[str, str, str]:
    return shown(key.name, 300), _KINDS.get(key.type, f"{key.type:#04x}"), key.key_id.hex()


def _authorities(authorities: Authorities) -> Table:
    rows = [
        (
            "root" if one in authorities.roots else "intermediate",
            shown(subject_of(one), 300),
            f"{one.not_valid_after_utc:%Y-%m-%d}",
            one.fingerprint(SHA256()).hex(),
        )
        for one in (*authorities.roots, *authorities.others)[:_MOST]
    ]
    return Table(
        "Certificates of time-stamping authorities.", ("Kind", "Subject", "Valid until", "SHA-256 of the certificate"),
        rows, (3, 6, 3, 8), frozenset({3}),
    )  # fmt: skip
