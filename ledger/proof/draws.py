"""What a ledger holds of its allocation, taken out of the walk through its books, and checked at the end of it.

1. From the open book: arms and ratios of the protocol, and what was committed to, bound, drawn and opened. From the
   sealed one, where it is opened: who got which arm. What of it has not the form that it must have is a finding.
2. The arms and ratios do not change after the list was committed to.
3. The rest is `allocation_check.py`. Without the arms of anybody, only order and commitments are checked; of subjects
   whose arm stayed closed, all but the arm. Where entries of the open book are missing or altered, nothing is: it would
   be told again, at draws that are not to blame.

Memory grows with the number of subjects.
"""

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from ledger.proof.allocation import Arms
from ledger.proof.allocation_check import (
    AllocationFinding,
    Assigned,
    Bound,
    Committed,
    Draw,
    Opened,
    check_allocations,
)
from ledger.proof.findings import AllocationReport, Findings
from ledger.proof.sealed import Header

Secret: TypeAlias = tuple[bytes, Mapping[str, Any]]
"""The list's secret, and its parameters as a JSON value."""

ARM_TYPE: Final = "arm.assigned/1"
_HASH: Final = re.compile("[0-9a-f]{64}")
_LONGEST_LIST: Final = 1_000_000
"""Lists are derived from their beginning, so that a place far beyond any would take without end."""


class Draws:
    """Collects what was drawn, and checks it."""

    def __init__(self) -> None:
        self._committed: list[Committed] = []
        self._bound: list[Bound] = []
        self._opened: list[Opened] = []
        self._draws: list[tuple[int, dict[str, Any]]] = []
        self._out_of_turn = set[tuple[str, int]]()
        self.arms: Arms = ()
        """(code, ratio) of each arm, in the protocol's order."""
        self._assigned: list[Assigned] = []
        self._assigned_at = dict[str, int]()
        self._closed = set[str]()
        """Subjects whose arm was assigned, and stayed closed or could not be read."""
        self._unknown = 0
        """How many entries of the sealed book could be the assignment of anybody's arm."""
        self._missed = False
        self._found: list[AllocationFinding] = []

    def take_open(self, type_: bytes, seq: int, payload: bytes | None) -> None:
        """An event of the open book, of one of OPEN_TYPES; `payload` None: it is at fault."""
        if payload is None:
            self._missed = True
            return
        try:
            _TAKE[type_](self, seq, json.loads(payload))
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            text = f"the event does not hold what one of type {type_.decode()} must"
            self._found.append(AllocationFinding("form", None, seq, text))

    def take_sealed(self, seq: int, header: Header | None, payload: bytes | None) -> None:
        """An entry of the sealed book; `header` None: it stayed closed, or is at fault, and so for `payload`."""
        if header is None:
            self._unknown += 1
        elif header.type == ARM_TYPE:
            subject = header.stream.partition("/")[2]
            if payload is None:
                self._closed.add(subject)
                return
            try:
                told = json.loads(payload)
                one = Assigned(
                    _text(told["subject"]), _text(told["arm"]), _text(told["stratum"]), _index(told),
                    told.get("claimed", False) is True,
                )  # fmt: skip
                if one.subject != subject:
                    raise ValueError
            except (ValueError, KeyError, TypeError, AttributeError):
                self._closed.add(subject)
                self._found.append(AllocationFinding("form", subject, None, "the arm assigned cannot be read"))
            else:
                self._assigned.append(one)
            self._assigned_at.setdefault(subject, seq)

    def check(self, findings: Findings, size: int, *, whole: bool, secret: Secret | None) -> AllocationReport | None:
        """Check all that was taken; None where there is nothing to check.

        `size` is that of the open book; `whole`: none of its entries is missing or altered. `secret` stands for what
        was not opened yet.
        """
        whole = whole and not self._missed
        draws = [self._draw(seq, told) for seq, told in self._draws]
        claimed = sum(draw.claimed for draw in draws)
        if not (draws or self._committed or self._bound or self._opened or self._found):
            return None
        opened = [*self._opened]
        if secret is not None and not opened:
            opened.append(Opened(size, *secret))
        derived = bool(opened and self._bound) and whole
        found = list(self._found)
        if whole:
            found += self._held_is_opened(secret)
            assigned = self._assigned if self._assigned or not self._unknown else None
            known = {one.subject for one in self._assigned}
            for one in check_allocations(opened, self._committed, self._bound, self.arms, draws, assigned):
                unread = one.subject not in known and (one.subject in self._closed or self._unknown)
                if one.code != "assignment" or not unread:  # else the arm may lie in what cannot be read
                    found.append(one)
        for one in found:
            self._add(findings, one)
        stage = "OPENED" if self._opened else "BOUND" if self._bound else "COMMITTED" if self._committed else "NONE"
        arms = sum(not one.claimed for one in self._assigned) if derived else 0
        return AllocationReport(stage, len(draws) - claimed, claimed, whole, arms, found)

    def _draw(self, seq: int, told: dict[str, Any]) -> Draw:
        subject, index = told["subject"], told["index"]
        return Draw(
            seq, subject, told["stratum"], index, told["list_name"], told["claimed"],
            (subject, index) in self._out_of_turn,
        )  # fmt: skip

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

    def _take_protocol(self, seq: int, told: dict[str, Any]) -> None:
        arms = tuple((_text(arm["code"]), _number(arm.get("ratio", 1))) for arm in told["protocol"]["arms"])
        if self._committed and arms != self.arms:
            text = "the protocol has other arms or ratios than when the list was committed to"
            self._found.append(AllocationFinding("committed", None, seq, text))
        else:
            self.arms = arms

    def _take_committed(self, seq: int, told: dict[str, Any]) -> None:
        self._committed.append(Committed(seq, _hash(told["commitment"]), _text(told["method"])))

    def _take_bound(self, seq: int, told: dict[str, Any]) -> None:
        value = base64.b64decode(told["value"], validate=True)
        if not value:
            raise ValueError
        self._bound.append(Bound(seq, value, _hash(told["sha256"])))

    def _take_opened(self, seq: int, told: dict[str, Any]) -> None:
        parameters = told["parameters"]
        if not isinstance(parameters, dict):
            raise TypeError
        self._opened.append(Opened(seq, bytes.fromhex(_hash(told["secret"])), parameters))

    def _take_drawn(self, seq: int, told: dict[str, Any]) -> None:
        list_name = told.get("list_name")
        self._draws.append((seq, {
            "subject": _text(told["subject"]), "stratum": _text(told["stratum"]), "index": _index(told),
            "list_name": None if list_name is None else _text(list_name), "claimed": told.get("claimed", False) is True,
        }))  # fmt: skip

    def _take_out_of_turn(self, seq: int, told: dict[str, Any]) -> None:  # noqa: ARG002
        self._out_of_turn.add((_text(told["subject"]), _index(told)))


_TAKE: Final[Mapping[bytes, Callable[[Draws, int, Any], None]]] = {
    b"trial.registered/1": Draws._take_protocol,
    b"protocol.amended/1": Draws._take_protocol,
    b"allocation.committed/1": Draws._take_committed,
    b"allocation.bound/1": Draws._take_bound,
    b"allocation.drawn/1": Draws._take_drawn,
    b"allocation.out-of-turn/1": Draws._take_out_of_turn,
    b"allocation.opened/1": Draws._take_opened,
}
OPEN_TYPES: Final = frozenset(_TAKE)
"""The types of events of the open book that tell of the allocation; all of them in plain sections."""


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _hash(value: Any) -> str:
    if not _HASH.fullmatch(value):
        raise ValueError
    return _text(value)


def _number(value: Any) -> int:
    if type(value) is not int or not 0 < value <= _LONGEST_LIST:
        raise ValueError
    return value


def _index(told: dict[str, Any]) -> int:
    return _number(told["index"])
