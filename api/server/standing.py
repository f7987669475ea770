"""Where a trial stands, in a few words and numbers: the one place in which they are taken from the views."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from ledger.domain.events.base import TRIAL_STREAM
from ledger.domain.history import Fact, corrected
from ledger.domain.state import TrialState
from ledger.domain.state.trial import STOPS
from ledger.recording.reader import LedgerReader, Position
from projections.result import Result

_RESTART: Final = "trial.restarted/1"


@dataclass(frozen=True, slots=True)
class Whole:
    """The trial as a whole at a position; `stop`: the event by which it stands still, if it does."""

    state: TrialState
    stop: Fact | None

    @property
    def reason(self) -> str | None:
        """Why it stands still."""
        return None if self.stop is None else self.stop.data.get("reason")


def whole_of(reader: LedgerReader, end: Position) -> Whole:
    """The trial as a whole, as the open book has it up to `end`."""
    facts = reader.stream(TRIAL_STREAM, stop=end)
    turns = [fact for fact in corrected(facts) if fact.type in STOPS or fact.type == _RESTART]
    stands = bool(turns) and turns[-1].type != _RESTART
    return Whole(TrialState.fold(facts), turns[-1] if stands else None)


def numbers_of(show: Callable[[str], Result]) -> dict[str, Any]:
    """The key numbers, each as one of the views has it that `show` gives."""
    duties = list(show("duties").rows)
    enrolment = show("enrolment")
    reached = {row["stage"]: row["subjects"] for row in enrolment.rows if row["site"] is None and row["month"] is None}
    open_events = show("open-adverse-events").table.extra
    deviations = list(show("deviations").rows)
    return {
        "consented": reached.get("CONSENTED", 0),
        "randomized": reached.get("RANDOMIZED", 0),
        "target": enrolment.table.extra["target"],
        "completed": reached.get("COMPLETED", 0),
        "died": reached.get("DIED", 0),
        "open_events": open_events["open"],
        "open_serious": open_events["open_serious"],
        "deviations": len(deviations),
        "important": sum(bool(row["important"]) for row in deviations),
        "overdue": sum(row["status"] == "OVERDUE" for row in duties),
        "due": sum(row["status"] == "DUE" for row in duties),
    }
