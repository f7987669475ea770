"""How far a verification reaches, and up to which entry: what somebody outside of the sponsor's reach has to say.

| level | who would have to lie | |
|---|---|---|
| `consistent` | whoever can write the file | the books agree with themselves |
| `signed` | whoever holds the log's key | a checkpoint of the book bears a signature of a log that the policy names |
| `time-stamped` | a time-stamping authority too | these entries existed at a time |
| `witnessed k of n` | so many witnesses too | they saw this history, and no other of the same log |

Each level holds up to its own size. What comes after the largest that somebody outside holds (a time stamp, the
quorum of the witnesses, or a checkpoint that the verifier has kept) can be dropped or written anew unseen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Stamp:
    """Of a time stamp that verifies: up to which size, when (ISO 8601, UTC) and by whom it was made."""

    size: int
    time: str
    authority: str
    renewed: str | None = None
    """When it was last stamped anew, before its certificates ended or its hash became weak."""


@dataclass(frozen=True, slots=True)
class Witnessing:
    """Up to which size how many witnesses of the policy cosigned; `quorum`: whether these are enough for it."""

    size: int
    count: int
    of: int
    quorum: bool


@dataclass(frozen=True, slots=True)
class Assurance:
    """Levels, each with the size up to which it holds. All are empty without trusted keys."""

    signed: int | None = None
    signers: Sequence[str] = ()
    stamped: Sequence[Stamp] = ()
    """The first and the last time stamp: what existed when, as early and as far as can be shown."""
    witnessed: Witnessing | None = None
    kept: int | None = None
    """The size of the largest checkpoint, handed over by the verifier, that the book extends."""
    policy: bool = False
    """Whether a policy of trusted keys was given at all."""
    sealed: int | None = None
    """How many entries of the sealed book are held by anchors before `external`; None where no anchor was opened."""
    remarks: Sequence[str] = ()
    """Evidence that counts for nothing, and why."""

    @property
    def level(self) -> str:
        if self.witnessed is not None and self.witnessed.quorum and self.witnessed.count:
            return f"witnessed {self.witnessed.count} of {self.witnessed.of}"
        if self.stamped:
            return "time-stamped"
        return "consistent" if self.signed is None else "signed"

    @property
    def external(self) -> int:
        """The size up to which somebody outside holds the book; 0: nobody does."""
        sizes = [stamp.size for stamp in self.stamped]
        if self.witnessed is not None and self.witnessed.quorum:
            sizes.append(self.witnessed.size)
        return max([*sizes, self.kept or 0], default=0)

    def to_json(self, size: int) -> dict[str, Any]:
        """As `verify --json` prints it, beside the report of a book of `size` entries."""
        return {
            "assurance": self.level,
            "evidence": {
                "policy": self.policy,
                "signed": None if self.signed is None else {"size": self.signed, "by": list(self.signers)},
                "time_stamped": [
                    {"size": stamp.size, "time": stamp.time, "authority": stamp.authority, "renewed": stamp.renewed}
                    for stamp in self.stamped
                ],
                "witnessed": None if self.witnessed is None else {
                    "size": self.witnessed.size,
                    "count": self.witnessed.count,
                    "of": self.witnessed.of,
                    "quorum": self.witnessed.quorum,
                },
                "kept": self.kept,
                "external": {"size": self.external, "unheld": max(0, size - self.external), "sealed": self.sealed},
                "remarks": list(self.remarks),
            },
        }  # fmt: skip


def assurance_in_words(assurance: Assurance, size: int) -> list[str]:
    """One sentence a level, and what nobody outside holds."""
    lines = []
    if assurance.signed is not None:
        lines.append(f"Signed by {', '.join(assurance.signers)}: {_first(assurance.signed, size)}.")
    if assurance.stamped:
        last = assurance.stamped[-1]
        lines.append(f"Time-stamped: {_first(last.size, size)} existed on {last.time}, says {_by(last)}.")
        if len(assurance.stamped) > 1:
            early = assurance.stamped[0]
            lines.append(f"The first time stamp: {_first(early.size, size)}, on {early.time}, says {_by(early)}.")
    if (seen := assurance.witnessed) is not None:
        enough = "the quorum of the policy is met" if seen.quorum else "too few for the quorum of the policy"
        lines.append(f"Witnessed by {seen.count} of {seen.of}: {_first(seen.size, size)}; {enough}.")
    if assurance.kept is not None:
        lines.append(f"The book extends the checkpoint that was handed over: {_first(assurance.kept, size)}.")
    lines += [f"note: {remark}" for remark in assurance.remarks]
    if not size:
        return lines
    external = assurance.external
    if not external:
        lines.append(
            "Nothing from outside holds any entry: who can write the file, and has its keys, can write all of it anew."
        )
    elif external < size:
        lines.append(
            f"From entry {external} on nothing from outside holds the open book: what comes there could be lost, or "
            "written anew, unseen."
        )
    if external and assurance.sealed is not None:
        lines.append(f"Anchors in what is held cover the first {assurance.sealed} entries of the sealed book.")
    return lines


def _by(stamp: Stamp) -> str:
    return stamp.authority if stamp.renewed is None else f"{stamp.authority} (renewed, last on {stamp.renewed})"


def _first(count: int, size: int) -> str:
    if count >= size:
        return f"all {size} entries" if size != 1 else "the one entry"
    return f"the first {count} of {size} entries" if count != 1 else f"the first of {size} entries"
