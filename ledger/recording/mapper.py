"""Domain events as drafts, and the anchors that tie the books: where the domain's events meet the entry format."""

from collections.abc import Callable, Sequence

from ledger.domain.events import Event
from ledger.domain.events.base import ANCHOR_STREAM, CLOCK_STREAM
from ledger.domain.events.system import ClockSteppedBack, SealedBookAnchored
from ledger.domain.vocabulary import SYSTEM
from ledger.proof.entry import Actor
from ledger.recording.drafts import (
    CommandMark,
    Drafter,
    OpenDraft,
    SealedDraft,
    Upkeep,
    WritingKeys,
)

THE_LEDGER = Actor("ledger", "ledger", SYSTEM)
NO_DIGEST = "0" * 64
"""The digest of what is no command: the ledger itself records it."""


def open_drafts(
    events: Sequence[Event],
    versions: dict[str, int],
    *,
    origin: str,
    actor: Actor,
    command: CommandMark,
    random: Callable[[int], bytes],
    keys: WritingKeys | None = None,
) -> list[OpenDraft]:
    """Drafts of open events, each on the version after `versions` (stream -> last version), which is moved on."""
    drafter, drafts = Drafter(origin, actor, command, random, keys), []
    for n, event in enumerate(events):
        stream = event.stream
        version = versions[stream] = versions.get(stream, 0) + 1
        drafts.append(drafter.draft(stream, version, event.type, event.payloads(), n, len(events)))
    return drafts


def sealed_drafts(events: Sequence[Event], versions: dict[str, int], *, actor: Actor) -> list[SealedDraft]:
    """Drafts of sealed events, each on the version after `versions`; of a stream that was not read, the next free one.

    A masked person's command has read no sealed stream, and so its sealed half cannot fail for what is on one.
    """
    drafts = []
    for n, event in enumerate(events):
        stream, version = event.stream, None
        if stream in versions:
            version = versions[stream] = versions[stream] + 1
        drafts.append(SealedDraft(stream, version, event.type, actor, event.payloads(), n, len(events)))
    return drafts


def upkeep(origin: str, every: int, random: Callable[[int], bytes], keys: WritingKeys) -> Upkeep:
    """What a trial's ledger records by itself: an anchor per `every` open entries, and clock steps."""

    def system(event: Event, version: int) -> OpenDraft:
        command = CommandMark(random(16).hex(), NO_DIGEST)
        drafter = Drafter(origin, THE_LEDGER, command, random, keys)
        return drafter.draft(event.stream, version, event.type, event.payloads())

    def anchor(size: int, root: bytes, version: int, at: str) -> OpenDraft:
        return system(SealedBookAnchored(occurred_at=at, size=f"{size:016d}", root=root.hex()), version)

    def step(shown: str, last: str, version: int) -> OpenDraft:
        return system(ClockSteppedBack(occurred_at=shown, last_recorded_at=last), version)

    return Upkeep(ANCHOR_STREAM, anchor, CLOCK_STREAM, step, every)
