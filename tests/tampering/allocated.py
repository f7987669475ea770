"""A ledger whose subjects were drawn from a list, as the recorder would write it; or as one would who cheats."""

import hashlib
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from ledger.domain.events import Event
from ledger.domain.events.allocation import AllocationBound, AllocationCommitted, AllocationOpened, AllocationOutOfTurn
from ledger.domain.events.enrolment import AllocationDrawn, ArmAssigned, SubjectRandomized
from ledger.domain.events.trial import ProtocolAmended, TrialRegistered
from ledger.proof.allocation import AllocationPlan, Parameters, commitment, list_of, seed_of
from ledger.recording.drafts import Append, CommandMark
from ledger.recording.engine import create_ledger
from ledger.recording.mapper import open_drafts, sealed_drafts, upkeep
from ledger.recording.sqlite import SQLiteBooks
from tests.tampering.ledgers import ACTOR, KEYS, ORIGIN, Drawn, settle

SECRET: Final = bytes(range(100, 132))
OUTSIDE: Final = b"a value that nobody knew before"
BLOCKS: Final[dict[str, Any]] = {"block_sizes": [2, 4], "method": "PERMUTED_BLOCKS"}
ARMS: Final = (("CONTROL", 1), ("TREATMENT", 1))
ON: Final = "2020-05-06"


@dataclass(frozen=True)
class Allotted:
    """One subject's draw and arm (None: none is recorded)."""

    subject: str
    stratum: str
    index: int
    arm: str | None
    claimed: bool = False
    out_of_turn: bool = False
    due: int = 1
    site: str | None = None


@dataclass(frozen=True)
class Story:
    """What is recorded of an allocation. The parts can be replaced, one by one, by what should not be."""

    draws: Sequence[Allotted]
    parameters: dict[str, Any] = field(default_factory=lambda: dict(BLOCKS))
    committed_to: bytes = SECRET
    outside: bytes | None = OUTSIDE
    opened: bytes | None = SECRET
    draws_after_opening: Sequence[Allotted] = ()
    amended_arms: Sequence[tuple[str, int]] | None = None
    bound_first: bool = False
    claims_before: Sequence[Allotted] = ()


def honest(
    count: int = 12,
    *,
    parameters: dict[str, Any] = BLOCKS,
    seed: bytes | None = None,
    arms: Sequence[tuple[str, int]] = ARMS,
) -> Story:
    """Subjects of two strata in turn, each with the arm of its index."""
    chosen = Parameters.from_value(parameters)
    plan = AllocationPlan(seed or seed_of(SECRET, OUTSIDE), chosen, arms)
    draws, before, last = list[Allotted](), list[tuple[int, str]](), dict[str, int]()
    for number in range(count):
        stratum = ("S01", "S02")[number % 3 == 0]
        name = list_of(chosen.method, stratum)
        index = last[name] = last.get(name, 0) + 1
        draws.append(Allotted(f"ES-{number:03d}", stratum, index, plan.arm(before, stratum, index), due=index))
        before.append((index, stratum))
    return Story(draws, dict(parameters))


def changed(story: Story, number: int, **change: Any) -> Story:
    """The story with another draw."""
    draws = list(story.draws)
    draws[number] = replace(draws[number], **change)
    return replace(story, draws=draws)


def write(path: Path, story: Story) -> Path:
    """Record the story at `path`."""
    create_ledger(path, ORIGIN)
    drawn = Drawn()
    books = SQLiteBooks(path, randomness=drawn, keys=KEYS, upkeep=upkeep(ORIGIN, 8, drawn.open, KEYS))
    versions, number = dict[str, int](), iter(range(10**6))

    def record(*events: Event, sealed: Sequence[Event] = ()) -> None:
        command = CommandMark(f"cmd-{next(number)}", "0" * 64)
        opened = open_drafts(
            events, versions, origin=ORIGIN, actor=ACTOR, command=command, random=drawn.open, keys=KEYS
        )
        books.append(Append(command, opened, sealed_drafts(sealed, {}, actor=ACTOR)))

    method = story.parameters["method"]
    record(TrialRegistered(occurred_at=ON, protocol=protocol(ARMS)))
    for draw in story.claims_before:
        _draw(record, draw, method)
    steps: list[Callable[[], None]] = [lambda: _commit(record, story)]
    if story.outside is not None:
        bound = AllocationBound(
            occurred_at=ON, kind="BEACON", value=b64encode(story.outside).decode(),
            sha256=hashlib.sha256(story.outside).hexdigest(),
        )  # fmt: skip
        steps.append(lambda: record(bound))
    for step in reversed(steps) if story.bound_first else steps:
        step()
    for draw in story.draws:
        _draw(record, draw, method)
    if story.amended_arms is not None:
        record(ProtocolAmended(occurred_at=ON, amendment="A1", reason="x", protocol=protocol(story.amended_arms)))
    if story.opened is not None:
        record(
            AllocationOpened(
                occurred_at=ON, secret=story.opened.hex(), parameters=story.parameters, reason="the trial has ended"
            )
        )
    for draw in story.draws_after_opening:
        _draw(record, draw, method)
    books.close()
    settle(path)
    return path


def protocol(arms: Sequence[tuple[str, int]]) -> dict[str, Any]:
    return {"arms": [{"code": code, "ratio": ratio} for code, ratio in arms]}


def _commit(record: Callable[..., None], story: Story) -> None:
    made = commitment(story.committed_to, Parameters.from_value(story.parameters))
    record(AllocationCommitted(occurred_at=ON, commitment=made, method=story.parameters["method"]))


def _draw(record: Callable[..., None], draw: Allotted, method: str) -> None:
    place: dict[str, Any] = {"stratum": draw.stratum, "index": draw.index, "claimed": draw.claimed}
    if draw.claimed:
        place["provenance"] = {"kind": "import", "source": "dm.csv"}
    name = list_of(method, draw.stratum)
    events: list[Event] = [
        SubjectRandomized(
            occurred_at=ON, subject=draw.subject, site=draw.site or draw.stratum.partition("/")[0], **place
        ),
        AllocationDrawn(
            occurred_at=ON, subject=draw.subject, list_name=None if name == draw.stratum else name, **place
        ),
    ]
    if draw.out_of_turn:
        events.append(
            AllocationOutOfTurn(
                occurred_at=ON, subject=draw.subject, stratum=draw.stratum, index=draw.index, due=draw.due, reason="x"
            )
        )
    arm = draw.arm
    record(*events, sealed=[] if arm is None else [ArmAssigned(occurred_at=ON, subject=draw.subject, arm=arm, **place)])
