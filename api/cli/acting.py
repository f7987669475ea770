"""One command given from the command line: opened, recorded, answered; or refused, with field and rule."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.cli.output import USAGE, fail

if TYPE_CHECKING:
    from api.acting import Who
    from ledger.application import Answer, TrialLedger

_WORDS = {"actor.id": "--actor", "actor.org": "--org", "actor.role": "--role", "data.reason": "--reason"}
"""Field of a command -> the option that it came from."""


def who(actor: str | None, org: str, role: str) -> "Who":
    """Who gives the command; without a pseudonym, whoever runs the program."""
    from api.acting import Who
    from api.cli.look import whoever_runs_this

    return Who(actor or whoever_runs_this(), org, role)


@contextmanager
def refusals_named(words: Mapping[str, str] | None = None) -> Iterator[None]:
    """A malformed command ends with 2, a refused one with 3, each naming option or field, and the rule.

    `words`: fields of the command -> the arguments that they came from.
    """
    from api.allocation import AllocationError
    from ledger.application import CommandRefusedError
    from ledger.domain.commands import CommandError

    known = {**_WORDS, **(words or {})}
    try:
        yield
    except CommandError as error:
        faults = error.refusals
        fail("; ".join(f"{known.get(fault.field, fault.field)}: {fault.message}" for fault in faults), USAGE)
    except CommandRefusedError as error:
        refusal = error.refusal
        fail(f"refused: {known.get(refusal.field, refusal.field)}: {refusal.message} (rule {refusal.rule})")
    except AllocationError as error:
        fail(str(error))


@contextmanager
def opened(ledger: Path) -> "Iterator[TrialLedger]":
    """The ledger, for recording."""
    from api.bootstrap import open_trial

    trial = open_trial(ledger)
    try:
        yield trial
    finally:
        trial.close()


def as_data(answer: "Answer", **more: Any) -> dict[str, Any]:
    """An answer, and what else there is to say of it, as JSON-ready data."""
    return {
        "id": answer.id,
        "seq": answer.seq,
        "recorded_at": answer.at,
        "events": list(answer.types),
    } | more
