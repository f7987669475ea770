"""What routes get at: who asks, which trial, and that person's session with it. One dependency each."""

from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, Request

from api.access import Session
from api.server.person import Identity, Person
from api.server.trials import Served, Trials


@dataclass(slots=True)
class State:
    """What the application holds while it runs (`app.state.ledger`). `more`: what edges keep for themselves."""

    trials: Trials
    identity: Identity
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asking:
    """One request about one trial: who asks, the trial, and the session by which it is looked at."""

    person: Person
    served: Served
    session: Session


def state_of(request: Request) -> State:
    """What the application holds."""
    state: State = request.app.state.ledger
    return state


def person_of(request: Request) -> Person:
    """Who asks. Raises Problem (401)."""
    return state_of(request).identity.person(request)


def asking(request: Request, trial: str, person: Annotated[Person, Depends(person_of)]) -> Asking:
    """Who asks about the trial of the path. Raises Problem (401, 404) and DeniedError."""
    served = state_of(request).trials.of(trial, person)
    return Asking(person, served, served.session(person))


Who = Annotated[Person, Depends(person_of)]
Ask = Annotated[Asking, Depends(asking)]
