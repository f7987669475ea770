"""The allocation list: committed to, bound to a value from outside, drawn to its end, opened; and drawn wrongly.

All of it is open: it tells of no subject's arm, until the opened secret tells of every one. Which index somebody drew
is in `events/enrolment.py`.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, StringConstraints

from ledger.domain.events.base import Code, Facts, SubjectEvent, SubjectId, Text, TrialEvent

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Method = Literal["PERMUTED_BLOCKS", "SIMPLE", "MINIMISATION"]


class AllocationCommitment(Facts):
    """The commitment (hex) to the list's secret and parameters, and by which method the list is made."""

    commitment: Sha256
    method: Method


class AllocationCommitted(AllocationCommitment, TrialEvent):
    """The list's secret can't be changed from here on. `docs/allocation.md` says what is committed to, and how."""

    type: ClassVar[str] = "allocation.committed/1"
    title: ClassVar[str] = "Allocation list committed to"


class OutsideValue(Facts):
    """A value (base64, 16 KiB at most) that nobody could know when the list was committed to, and where it is from."""

    kind: Literal["TIMESTAMP_TOKEN", "COSIGNATURE", "BEACON"]
    value: Annotated[str, StringConstraints(min_length=1, max_length=21_848)]
    note: Text | None = None


class AllocationBound(OutsideValue, TrialEvent):
    """The list follows from the secret and this value: nobody has chosen it. `sha256` is the value's."""

    type: ClassVar[str] = "allocation.bound/1"
    title: ClassVar[str] = "Allocation list bound to a value from outside"

    sha256: Sha256


class AllocationExhausted(TrialEvent):
    """Every index of a list of finite length is drawn. `list_name` is the stratum, or ALL."""

    type: ClassVar[str] = "allocation.exhausted/1"
    title: ClassVar[str] = "Allocation list exhausted"

    list_name: Code
    length: int = Field(ge=1)


class AllocationOpening(Facts):
    """The list's secret (hex) and parameters in the clear, and why they are opened."""

    secret: Sha256
    parameters: dict[str, Any]
    reason: Text


class AllocationOpened(AllocationOpening, TrialEvent):
    """Anybody can derive the list now, and so knows every arm: nobody is randomized after it."""

    type: ClassVar[str] = "allocation.opened/1"
    title: ClassVar[str] = "Allocation list opened"


class RightStratum(Facts):
    """The stratum to which a subject belongs, other than the one it was drawn for, and how the mistake came."""

    subject: SubjectId
    stratum: Code
    reason: Text


class StratumFoundWrong(RightStratum, SubjectEvent):
    """The subject was drawn for the stratum `drawn_for` and belongs to `stratum`. The draw stays."""

    type: ClassVar[str] = "stratum.found-wrong/1"
    title: ClassVar[str] = "Stratum found wrong"

    drawn_for: Code
    index: int = Field(ge=1)


class OutOfTurn(Facts):
    """A subject, the index that it was given out of turn, and how that came."""

    subject: SubjectId
    index: int = Field(ge=1)
    reason: Text


class AllocationOutOfTurn(OutOfTurn, SubjectEvent):
    """The subject has `index` of the list of `stratum`, although `due` was next. Later draws take what was skipped."""

    type: ClassVar[str] = "allocation.out-of-turn/1"
    title: ClassVar[str] = "Allocation out of turn"

    stratum: Code
    due: int = Field(ge=1)
