"""What becomes of the evidence about a ledger, recorded by the ledger itself: no command makes such an event.

Nobody corrects or voids one either. All of it is open: it speaks of checkpoints of the open book alone.
"""

from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from ledger.domain.events.base import NO_CONTROLS, Facts, Name, Text, TrialEvent
from ledger.domain.when import When

Origin = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=NO_CONTROLS)]
"""The first line of a checkpoint (C2SP tlog-checkpoint), and the name of the keys that sign it."""
Root = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""The root of a tree, in hex."""


class SignedTree(Facts):
    """A tree that was signed: how many entries, and the root over them."""

    size: Annotated[int, Field(ge=0)]
    root: Root


class StampedTree(SignedTree):
    """A checkpoint, as a time stamp covers it."""

    origin: Origin


class LedgerContinued(TrialEvent):
    """The ledger goes on under a new checkpoint origin, with new signing keys: the old ones sign nothing any more.

    `size`: how many entries the open book had, which are kept. `lost`: what was signed last under the former origin,
    where the book does not hold it any more (a backup was restored); absent where nothing is known to be lost.
    """

    type: ClassVar[str] = "ledger.continued/1"
    title: ClassVar[str] = "Ledger continued under a new origin"

    origin: Origin
    former_origin: Origin
    reason: Text
    size: Annotated[int, Field(ge=0)]
    lost: SignedTree | None = None


class CheckpointTimestamped(TrialEvent):
    """A time stamp (RFC 3161) over a checkpoint was obtained: whatever is recorded after this is later than it.

    `authority` is the name in its certificate, shortened where it is very long; `gen_time` is the time that it states.
    `token_sha256` is of the stored response, which lies in the evidence folder. What the token says stands here as it
    was read; that it holds is for a verifier to find out.
    """

    type: ClassVar[str] = "checkpoint.timestamped/1"
    title: ClassVar[str] = "Checkpoint time-stamped"

    checkpoint: StampedTree
    authority: Name
    gen_time: When
    hash_algorithm: Annotated[str, StringConstraints(pattern=r"^sha(256|384|512)$")]
    token_sha256: Root
