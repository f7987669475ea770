"""Where a registry record disagrees with itself. The record is kept as it is; each conflict is listed.

A conflict is a finding, never an error: who reads the trial's data has to know of it, and only the sponsor
can settle it. The codes are for good.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from ledger.domain.protocol.base import Part
from ledger.domain.protocol.model import Protocol
from ledger.domain.protocol.partial import earliest, latest
from ledger.domain.protocol.terms import MASKED_IN

_OPEN_STATUSES: Final = ("SUSPENDED", "RECRUITING", "NOT_YET_RECRUITING", "ENROLLING_BY_INVITATION")
_STOPPED_STATUSES: Final = ("SUSPENDED", "TERMINATED", "WITHDRAWN")
_STRICTLY_OLDER: Final = re.compile(
    r"(?:\bover|\bolder than|\babove|\bmore than|>)\s*(\d{1,3})(?!\d)\b(?!\s*(?:kg|mm))", re.I
)
_YEARS: Final = re.compile(r"(\d{1,3}) years?", re.I)


class Conflict(Part):
    """Two statements of one record that cannot both hold, the fields that make them, and a sentence."""

    code: str
    fields: tuple[str, ...]
    message: str


def conflicts(protocol: Protocol) -> list[Conflict]:
    """Every conflict known to this list, in a fixed order; empty for a record that agrees with itself."""
    return [
        *_completion(protocol),
        *_masking(protocol),
        *_age(protocol),
        *_sites(protocol),
        *_registration(protocol),
        *_status(protocol),
    ]


def _completion(protocol: Protocol) -> Iterator[Conflict]:
    primary = protocol.primary_completion
    if primary and primary.type == "ACTUAL" and protocol.overall_status in _OPEN_STATUSES:
        yield Conflict(
            code="primary-completion-actual-while-open",
            fields=("primary_completion", "overall_status"),
            message=f"Primary completion {primary.date} is recorded as actual, but the status is "
            f"{protocol.overall_status}: the last subject cannot have been measured already.",
        )
    named = (("start", protocol.start), ("primary_completion", primary), ("completion", protocol.completion))
    dates = [(name, dated.date) for name, dated in named if dated]
    for (before, first), (after, second) in pairwise(dates):
        if earliest(first) > latest(second):
            yield Conflict(
                code="dates-out-of-order",
                fields=(before, after),
                message=f"{before} ({first}) lies after {after} ({second}).",
            )


def _masking(protocol: Protocol) -> Iterator[Conflict]:
    bare = [arm for arm in protocol.arms if arm.type == "NO_INTERVENTION"]
    hidden = [role for role in ("PARTICIPANT", "CARE_PROVIDER") if protocol.masks(role)]
    if bare and hidden and protocol.masking is not None and len(protocol.arms) > 1:
        yield Conflict(
            code="no-intervention-arm-under-masking",
            fields=("arms", "masking", "masked_roles"),
            message=f"Arm {', '.join(arm.label for arm in bare)} is NO_INTERVENTION under "
            f"{protocol.masking} masking: {' and '.join(hidden)} can tell the arm by whether anything is given.",
        )
    if protocol.masking and protocol.masked_roles and len(protocol.masked_roles) != MASKED_IN[protocol.masking]:
        yield Conflict(
            code="masking-differs-from-roles",
            fields=("masking", "masked_roles"),
            message=f"Masking is {protocol.masking}, but {len(protocol.masked_roles)} masked roles are named.",
        )


def _age(protocol: Protocol) -> Iterator[Conflict]:
    minimum = _YEARS.fullmatch(protocol.eligibility.minimum_age or "")
    if minimum is None:
        return
    for criterion in protocol.eligibility.inclusion:
        written = _STRICTLY_OLDER.search(criterion.text)
        if written is None or not re.search(r"\b(years?|age|aged|old)\b", criterion.text, re.I):
            continue
        yield Conflict(
            code="age-text-differs-from-minimum-age",
            fields=(f"eligibility.criteria.{criterion.id}", "eligibility.minimum_age"),
            message=f"Criterion {criterion.id} says {criterion.text.rstrip('.')!r}, the minimum age is "
            f"{protocol.eligibility.minimum_age}: one lets in who is exactly that old, the other does not.",
        )


def _sites(protocol: Protocol) -> Iterator[Conflict]:
    title = f"{protocol.registration.brief_title} {protocol.registration.official_title or ''}"
    if re.search(r"\bmulti-?\s?cent(er|re|ric)\b", title, re.I) and len(protocol.sites) == 1:
        yield Conflict(
            code="multicenter-with-one-site",
            fields=("registration.official_title", "sites"),
            message=f"The title says multicenter, but one site is listed ({protocol.sites[0].name}).",
        )


def _registration(protocol: Protocol) -> Iterator[Conflict]:
    verified, updated = protocol.registration.last_verified, protocol.registration.last_update_posted
    if verified and updated and latest(verified.date) < earliest(updated.date):
        yield Conflict(
            code="verified-before-last-update",
            fields=("registration.last_verified", "registration.last_update_posted"),
            message=f"The record was last verified in {verified.date}, but updated on {updated.date}: "
            "what changed then was not verified.",
        )


def _status(protocol: Protocol) -> Iterator[Conflict]:
    stopped = protocol.overall_status in _STOPPED_STATUSES
    if stopped and protocol.why_stopped is None:
        yield Conflict(
            code="stopped-without-reason",
            fields=("overall_status", "why_stopped"),
            message=f"The status is {protocol.overall_status}, but no reason is given.",
        )
    if protocol.why_stopped is not None and not stopped:
        yield Conflict(
            code="reason-without-stop",
            fields=("why_stopped", "overall_status"),
            message=f"A reason for stopping is given, but the status is {protocol.overall_status}.",
        )
