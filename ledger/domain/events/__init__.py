"""The catalogue of events: every type that a ledger of a trial can hold, each one class."""

from typing import Final

from ledger.domain.events import (
    access,
    allocation,
    conduct,
    consent,
    enrolment,
    erasure,
    evidence,
    notification,
    pharmacovigilance,
    safety,
    signature,
    source,
    system,
    treatment,
    trial,
    unblinding,
)
from ledger.domain.events.base import Catalogue, Event

_MODULES: Final = (
    trial,
    consent,
    enrolment,
    treatment,
    safety,
    conduct,
    system,
    unblinding,
    erasure,
    allocation,
    pharmacovigilance,
    access,
    evidence,
    source,
    notification,
    signature,
)

CATALOGUE: Final = Catalogue(
    cls
    for module in _MODULES
    for cls in vars(module).values()
    if isinstance(cls, type) and issubclass(cls, Event) and cls.__module__ == module.__name__ and "type" in vars(cls)
)

__all__ = ["CATALOGUE", "Catalogue", "Event"]
