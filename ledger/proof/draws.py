"""What a ledger holds of its allocation, taken out of the walk through its books, and checked at the end of it.

1. From the open book: arms, ratios and factors of the protocol, and what was committed to, bound, drawn and opened.
   From the sealed one, where it is opened: who got which arm. What of it has not the form that it must have is a
   finding (`allocation_members.py`), and the only one of that event.
2. Arms and ratios do not change after the list was committed to.
3. What belongs to the trial, a subject or a list stands on its stream, an `allocation.out-of-turn/1` in the command of
   its draw. The rest is `allocation_check.py`. Without the arms of anybody, only order and commitments are checked; of
   subjects whose arm stayed closed, all but the arm. Where entries of the open book are missing or altered, nothing
   is: it would be told again, at draws that are not to blame.

Memory grows with the number of subjects.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple, TypeAlias

from ledger.proof.allocation import Arms
from ledger.proof.allocation_check import check_allocations
from ledger.proof.allocation_facts import (
    AllocationFinding,
    Assigned,
    Bound,
    Committed,
    Draw,
    Lost,
    Opened,
    Randomized,
)
from ledger.proof.allocation_members import FormError, arms_of, factors_of, is_import, outside_value, read_event
from ledger.proof.findings import AllocationReport, Findings
from ledger.proof.sealed import Header

Secret: TypeAlias = tuple[bytes, Mapping[str, Any]]
"""The list's secret, and its parameters as a JSON value."""

ARM_TYPE: Final = "arm.assigned/1"
_LIST_STREAM: Final = "allocation/"
_TRIAL: Final = "trial"
_BY_ITSELF: Final = frozenset({"form", "place"})
"""Codes of what is wrong with an event whatever others say."""


class Place(NamedTuple):
    """Where an event of the open book stands."""

    seq: int
    stream: str = ""
    command: str = ""


class Draws:
    """Collects what was drawn, and checks it."""

    def __init__(self) -> None:
        self._committed: list[Committed] = []
        self._bound: list[Bound] = []
        self._opened: list[Opened] = []
        self._draws: list[Draw] = []
        self._randomized: list[Randomized] = []
        self._out_of_turn = set[tuple[str, str, int, str]]()
        self._lost: list[Lost] = []
        self._unread = set[str]()
        """Commands that hold an event which cannot be read."""
        self.arms: Arms = ()
        """(code, ratio) of each arm, in the protocol's order."""
        self._factors: tuple[str, ...] | None = None
        self._factors_committed: int | None = None
        self._assigned: list[Assigned] = []
        self._assigned_at = dict[str, int]()
        self._closed = set[str]()
        """Subjects whose arm was assigned, and stayed closed or could not be read."""
        self._unknown = 0
        """How many entries of the sealed book could be the assignment of anybody's arm."""
        self._missed = False
        self._found: list[AllocationFinding] = []

    def take_open(self, type_: bytes, place: Place, payload: bytes | None) -> None:
        """An event of the open book, of one of OPEN_TYPES; `payload` None: it is at fault."""
        if payload is None:
            self._missed = True
            return
        name, told = type_.decode(), dict[str, Any]()
        try:
            told = read_event(name, payload)
            _TAKE[type_](self, place, told)
        except FormError as error:
            self._found.append(AllocationFinding("form", None, place.seq, f"an event of type {name}: {error}"))
            self._lose(name, place, told)

    def _lose(self, name: str, place: Place, told: dict[str, Any]) -> None:
        """What an event that cannot be read leaves: that it stood there."""
        self._unread.add(place.command)
        if name == "allocation.committed/1":
            self._committed.append(Committed(place.seq, None, None))
        elif name == "allocation.bound/1":
            self._bound.append(Bound(place.seq, None, ""))
        elif name == "allocation.drawn/1":
            subject = told.get("subject")
            named = subject if isinstance(subject, str) else None
            self._lost.append(Lost(place.seq, place.stream.removeprefix(_LIST_STREAM), named, place.command))

    def take_sealed(self, seq: int, header: Header | None, payload: bytes | None) -> None:
        """An entry of the sealed book; `header` None: it stayed closed, or is at fault, and so for `payload`."""
        if header is None:
            self._unknown += 1
        elif header.type == ARM_TYPE:
            subject = header.stream.removeprefix("subject/")
            if payload is None:
                self._closed.add(subject)
                return
            try:
                told = read_event(ARM_TYPE, payload)
                if header.stream != f"subject/{told['subject']}":
                    raise FormError(f"it is on the stream {header.stream}, and names the subject {told['subject']}")
            except FormError as error:
                self._closed.add(subject)
                self._found.append(AllocationFinding("form", subject, None, f"the arm assigned: {error}"))
            else:
                self._assigned.append(
                    Assigned(subject, told["arm"], told["stratum"], told["index"], told.get("claimed", False))
                )
            self._assigned_at.setdefault(subject, seq)

    def check(self, findings: Findings, size: int, *, whole: bool, secret: Secret | None) -> AllocationReport | None:
        """Check all that was taken; None where there is nothing to check.

        `size` is that of the open book; `whole`: none of its entries is missing or altered. `secret` stands for what
        was not opened yet.
        """
        there, whole = whole, whole and not self._missed
        draws, told = self._draws, self._randomized
        claimed = sum(draw.claimed for draw in draws)
        if not (draws or told or self._committed or self._bound or self._opened or self._found):
            return None
        opened = [*self._opened]
        if secret is not None and not opened:
            opened.append(Opened(size, *secret))
        derived = bool(opened and self._bound and self._bound[0].value is not None) and whole
        # Beside an event at fault, what is wrong with another by itself; beside a missing one, nothing (section 7.3).
        found = [one for one in self._found if whole or (there and one.code in _BY_ITSELF)]
        if whole:
            found += self._held_is_opened(secret)
            assigned = self._assigned if self._assigned or not self._unknown else None
            known = {one.subject for one in self._assigned}
            for one in check_allocations(
                opened, self._committed, self._bound, self.arms, [self._turned(draw) for draw in draws], assigned,
                randomized=told, lost=self._lost, unread=self._unread, factors=self._factors_committed,
                concealed=not self._opened,
            ):  # fmt: skip
                unread = one.subject not in known and (one.subject in self._closed or self._unknown)
                if one.code != "assignment" or not unread:  # else the arm may lie in what cannot be read
                    found.append(one)
        for one in found:
            self._add(findings, one)
        stage = "OPENED" if self._opened else "BOUND" if self._bound else "COMMITTED" if self._committed else "NONE"
        arms = sum(not one.claimed for one in self._assigned) if derived else 0
        return AllocationReport(stage, len(draws) - claimed, claimed, whole, arms, found)

    def _turned(self, draw: Draw) -> Draw:
        """The draw, told to be out of turn where an event of its command says so, or one that cannot be read."""
        said = (draw.command, draw.subject, draw.index, draw.stratum) in self._out_of_turn
        return replace(draw, out_of_turn=True) if said or draw.command in self._unread else draw

    def _held_is_opened(self, secret: Secret | None) -> list[AllocationFinding]:
        if secret is None or not self._opened:
            return []
        opened = self._opened[0]
        if (opened.secret, dict(opened.parameters)) == (secret[0], dict(secret[1])):
            return []
        return [AllocationFinding("commitment", None, opened.seq, "what was opened is not the secret that is held")]

    def _add(self, findings: Findings, one: AllocationFinding) -> None:
        stream = "trial" if one.subject is None else f"subject/{one.subject}"
        if one.seq is None and one.subject in self._assigned_at:
            findings.add("allocation", "sealed", self._assigned_at[one.subject], one.message, stream)
        else:
            findings.add("allocation", "open", one.seq, one.message, stream)

    def _take_protocol(self, place: Place, told: dict[str, Any]) -> None:
        arms, self._factors = arms_of(told), factors_of(told)
        if self._committed and arms != self.arms:
            text = "the protocol has other arms or ratios than when the list was committed to"
            self._found.append(AllocationFinding("committed", None, place.seq, text))
        else:
            self.arms = arms

    def _take_committed(self, place: Place, told: dict[str, Any]) -> None:
        self._on(place, _TRIAL)
        self._committed.append(Committed(place.seq, told["commitment"], told["method"]))
        if self._factors is not None:
            self._factors_committed = len(self._factors)

    def _take_bound(self, place: Place, told: dict[str, Any]) -> None:
        self._on(place, _TRIAL)
        self._bound.append(Bound(place.seq, outside_value(told), told["sha256"]))

    def _take_opened(self, place: Place, told: dict[str, Any]) -> None:
        self._on(place, _TRIAL)
        self._opened.append(Opened(place.seq, bytes.fromhex(told["secret"]), told["parameters"]))

    def _take_drawn(self, place: Place, told: dict[str, Any]) -> None:
        self._draws.append(
            Draw(
                place.seq,
                told["subject"],
                told["stratum"],
                told["index"],
                told.get("list_name"),
                told.get("claimed", False),
                stream=place.stream,
                command=place.command,
                factors=self._factors,
                imported=is_import(told),
            )
        )

    def _take_randomized(self, place: Place, told: dict[str, Any]) -> None:
        self._on(place, f"subject/{told['subject']}")
        self._randomized.append(
            Randomized(
                place.seq,
                told["subject"],
                told["site"],
                told["stratum"],
                told["index"],
                told.get("claimed", False),
                place.command,
            )
        )

    def _take_out_of_turn(self, place: Place, told: dict[str, Any]) -> None:
        self._on(place, f"subject/{told['subject']}")
        self._out_of_turn.add((place.command, told["subject"], told["index"], told["stratum"]))

    def _on(self, place: Place, stream: str) -> None:
        if place.stream != stream:
            text = f"the event is on the stream {place.stream}, and belongs to {stream}"
            self._found.append(AllocationFinding("place", None, place.seq, text))

    def _take_form(self, place: Place, told: dict[str, Any]) -> None:
        """An event of which nothing but its form is checked."""


_TAKE: Final[Mapping[bytes, Callable[[Draws, Place, dict[str, Any]], None]]] = {
    b"trial.registered/1": Draws._take_protocol,
    b"protocol.amended/1": Draws._take_protocol,
    b"allocation.committed/1": Draws._take_committed,
    b"allocation.bound/1": Draws._take_bound,
    b"allocation.drawn/1": Draws._take_drawn,
    b"allocation.exhausted/1": Draws._take_form,
    b"allocation.out-of-turn/1": Draws._take_out_of_turn,
    b"allocation.opened/1": Draws._take_opened,
    b"stratum.found-wrong/1": Draws._take_form,
    b"subject.randomized/1": Draws._take_randomized,
}
OPEN_TYPES: Final = frozenset(_TAKE)
"""The types of events of the open book that tell of the allocation; all of them in plain sections."""
