"""Whether the allocations of a record are those of the list that was fixed before the first of them.

1. The list was committed to once and bound once, in that order; no allocation lies before the binding, and none after
   the opening.
2. Each list is drawn in turn: every draw takes the smallest index that is left, unless an event beside it says that it
   was out of turn. No index is drawn twice, and no subject draws twice.
3. The secret and the parameters that were opened are those committed to.
4. The arm of each subject is that of its index, on the list that follows from the opened secret and the value that was
   bound (`docs/allocation.md`). Where arms differ, and are those of a list that follows from the secret in another way,
   a finding says which.
5. Each draw has its arm, each arm its draw. Who holds no arms gives None for them: then rules 1 to 3 are checked.

What a source claims of an allocation is exempt from all of them, but takes its index; it may be claimed only before
the list is committed to. What an event that cannot be read would say (`Lost`, or a value None) is held against nobody:
the event has its finding. Where a draw stands is the business of `allocation_places.py`. Everything here is given; how
it is read from a ledger is the business of whoever asks (`draws.py`).
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from ledger.proof.allocation import (
    MINIMISATION,
    SECRET_BYTES,
    AllocationPlan,
    Arms,
    Parameters,
    commitment,
    list_of,
    seed_of,
)
from ledger.proof.allocation_facts import (
    CODES,
    AllocationFinding,
    Assigned,
    Bound,
    Committed,
    Draw,
    Lost,
    Opened,
    Randomized,
)
from ledger.proof.allocation_places import check_places, differing

__all__ = [
    "CODES",
    "AllocationFinding",
    "Assigned",
    "Bound",
    "Committed",
    "Draw",
    "Lost",
    "Opened",
    "Randomized",
    "check_allocations",
]


_TELLING = 8
"""So many arms that all of them fit a list tells something of it; of fewer it may be chance."""


def check_allocations(
    opened: Sequence[Opened],
    committed: Sequence[Committed],
    bound: Sequence[Bound],
    arms: Arms,
    draws: Iterable[Draw],
    assigned: Iterable[Assigned] | None,
    *,
    randomized: Sequence[Randomized] | None = None,
    lost: Sequence[Lost] = (),
    unread: Collection[str] = (),
    factors: int | None = None,
    concealed: bool = False,
) -> list[AllocationFinding]:
    """What is wrong with the allocations of a trial; nothing, if the list is empty. `arms` as in the protocol.

    `randomized` None: where draws stand is not checked. `lost`: draws that cannot be read; `unread`: the commands of
    all events that cannot. `factors`: how many the protocol had when the list was committed to; None: not compared.
    `concealed`: the list is not opened in the record yet, so no message names an arm.
    """
    own = sorted(draws, key=lambda draw: draw.seq)
    check = _Check(tuple(opened), tuple(committed), tuple(bound), arms, own, tuple(lost), factors, concealed)
    check.acts()
    check.order()
    check.opening()
    if assigned is not None:
        check.assignments(tuple(assigned))
    if randomized is not None:
        check.found += check_places(own, randomized, lost, unread, check.claimed_late)
    return check.found


class _Check:
    def __init__(
        self,
        opened: tuple[Opened, ...],
        committed: tuple[Committed, ...],
        bound: tuple[Bound, ...],
        arms: Arms,
        draws: list[Draw],
        lost: tuple[Lost, ...],
        factors: int | None,
        concealed: bool,
    ) -> None:
        self.opened, self.committed, self.bound, self.arms, self.draws = opened, committed, bound, arms, draws
        self.own = [draw for draw in draws if not draw.claimed]
        self.lost, self.factors, self.concealed = lost, factors, concealed
        self.claimed_late = set[int]()
        self.parameters: Parameters | None = None
        self.found: list[AllocationFinding] = []

    def add(self, code: str, message: str, seq: int | None = None, subject: str | None = None) -> None:
        self.found.append(AllocationFinding(code, subject, seq, message))

    def acts(self) -> None:
        """Rule 1."""
        for code, what, all_of in (
            ("committed", "committed to", self.committed),
            ("bound", "bound", self.bound),
            ("opened", "opened", self.opened),
        ):
            for again in all_of[1:]:
                self.add(code, f"the list was {what} at entry {all_of[0].seq} already", again.seq)
        if self.bound and (not self.committed or self.bound[0].seq < self.committed[0].seq):
            self.add("committed", "the list was bound before it was committed to", self.bound[0].seq)
        if self.opened and not self.committed:
            self.add("committed", "a list was opened that was never committed to", self.opened[0].seq)
        for one in self.bound:
            if one.value is not None and hashlib.sha256(one.value).hexdigest() != one.sha256:
                self.add("bound", "the outside value does not have the digest recorded with it", one.seq)
        for draw in self.draws:
            if draw.claimed and self.committed and draw.seq > self.committed[0].seq:
                self.claimed_late.add(draw.seq)
                self.add("claimed", "is claimed by a source, after the list was committed to", draw.seq, draw.subject)
        for draw in self.own:
            if not self.committed or draw.seq < self.committed[0].seq:
                self.add("committed", "allocated before the list was committed to", draw.seq, draw.subject)
            elif not self.bound or draw.seq < self.bound[0].seq:
                self.add("bound", "allocated before the list was bound to an outside value", draw.seq, draw.subject)
            if self.opened and draw.seq > self.opened[0].seq:
                self.add("opened", "allocated after the list had been opened", draw.seq, draw.subject)

    def order(self) -> None:
        """Rule 2."""
        holders: dict[tuple[str, int], str] = {}
        subjects: dict[str, Draw] = {}
        due: defaultdict[str, int] = defaultdict(lambda: 1)
        unsure = {one.list_name: one.seq for one in reversed(self.lost)}
        for draw in self.draws:
            name, index = draw.place
            if draw.place in holders:
                also = holders[draw.place]
                self.add("twice", f"index {index} of the list {name} is that of {also} too", draw.seq, draw.subject)
            elif index != due[name] and not (draw.out_of_turn or draw.claimed or unsure.get(name, draw.seq) < draw.seq):
                text = f"index {index} of the list {name} was drawn when {due[name]} was due, and nothing says why"
                self.add("order", text, draw.seq, draw.subject)
            if draw.subject in subjects:
                first = subjects[draw.subject]
                self.add("twice", f"was allocated at entry {first.seq} already", draw.seq, draw.subject)
            holders.setdefault(draw.place, draw.subject)
            subjects.setdefault(draw.subject, draw)
            while (name, due[name]) in holders:
                due[name] += 1

    def opening(self) -> None:
        """Rule 3."""
        if not self.opened:
            return
        opened = self.opened[0]
        try:
            self.parameters = Parameters.from_value(opened.parameters)
            self.parameters.check(self.arms)
            weights = len(self.parameters.weights)
            if self.parameters.method == MINIMISATION and self.factors is not None and weights != (self.factors or 1):
                raise ValueError(f"weights: {weights} for {self.factors} factors of the protocol")
            made = commitment(opened.secret, self.parameters)
        except ValueError as error:
            self.parameters = None
            self.add("commitment", f"what was opened makes no list ({error})", opened.seq)
            return
        before = self.committed[0] if self.committed else None
        if before is not None and before.commitment is not None and made != before.commitment:
            self.add("commitment", "the opened secret and parameters are not those that were committed to", opened.seq)
        if before is not None and before.method is not None and self.parameters.method != before.method:
            text = f"{self.parameters.method} was opened, {before.method} committed to"
            self.add("commitment", text, opened.seq)
        for draw in self.own:
            name = list_of(self.parameters.method, draw.stratum)
            if draw.place[0] != name:
                text = f"was drawn from the list {draw.place[0]}, and {draw.stratum} has the list {name}"
                self.add("order", text, draw.seq, draw.subject)

    def assignments(self, assigned: tuple[Assigned, ...]) -> None:
        """Rules 4 and 5."""
        draws = {draw.subject: draw for draw in reversed(self.draws)}
        arms: dict[str, str] = {}
        lost = {one.subject for one in self.lost}
        for one in assigned:
            draw = draws.get(one.subject)
            if draw is None and (one.subject in lost or None in lost):
                pass  # it may be the one that cannot be read
            elif draw is None:
                which = "an arm" if self.concealed else f"the arm {one.arm}"
                self.add("assignment", f"has {which}, and drew no index", None, one.subject)
            elif told := differing(draw, one, ignored=draw.seq in self.claimed_late):
                text = f"the draw has {told[0]}, and the arm {told[1]}"
                self.add("assignment", text, draw.seq, one.subject)
            if one.subject in arms:
                self.add("assignment", "has an arm already", None if draw is None else draw.seq, one.subject)
            arms.setdefault(one.subject, one.arm)
        for draw in self.draws:
            if draw.subject not in arms:
                self.add("assignment", "drew an index, and has no arm", draw.seq, draw.subject)
        value = self.bound[0].value if self.bound else None
        if self.parameters is None or not self.opened or value is None:
            return
        secret = self.opened[0].secret
        wrong = self._differing(seed_of(secret, value), arms)
        for draw, right in wrong:
            place = f"index {draw.index} of the list {draw.place[0]}"
            text = f"has the arm {arms[draw.subject]}; {place} is {right}"
            self.add("arm", f"its arm is not that of {place}" if self.concealed else text, draw.seq, draw.subject)
        self._explain(len(wrong), arms, secret)

    def _differing(self, seed: bytes, arms: Mapping[str, str]) -> list[tuple[Draw, str]]:
        """Each own draw whose arm is not that of the list of this seed, with the arm that it should be."""
        if self.parameters is None:
            return []
        plan = AllocationPlan(seed, self.parameters, self.arms)
        before: list[tuple[int, str]] = []
        wrong: list[tuple[Draw, str]] = []
        for draw in self.own:
            if self.lost and self.parameters.method == MINIMISATION and draw.seq > self.lost[0].seq:
                break  # its arm depends on the draw that cannot be read
            try:
                right = plan.arm(before, draw.stratum, draw.index)
            except ValueError as error:
                right = f"none ({error})"
            else:
                before.append((draw.index, draw.stratum))
            if arms.get(draw.subject, right) != right:
                wrong.append((draw, right))
        return wrong

    def _explain(self, wrong: int, arms: Mapping[str, str], secret: bytes) -> None:
        others = {
            "the secret alone, by its SHA-256": hashlib.sha256(secret).digest(),
            "the secret itself": secret[:SECRET_BYTES],
            "the secret and the digest of the outside value": seed_of(secret, bytes.fromhex(self.bound[0].sha256)),
        }
        for name, seed in others.items():
            if wrong and len(self.own) >= _TELLING and not self._differing(seed, arms):
                text = f"all arms are those of a list from {name}: its seed was not bound to the outside value"
                self.add("seed", text, self.bound[0].seq)
                return
