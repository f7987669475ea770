"""The simulated allocation list: committed to before the first subject, bound to a simulated beacon, once out of turn.

The secret follows from the seed, as all else in the demo does: who knows the seed knows the list. A real trial draws it
(`trial-ledger allocation commit`).
"""

import hashlib
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from api.simulation.casting import FJD, START
from api.simulation.steps import HOUR, MINUTE, STATISTICIAN, Desk, Happening, Step
from ledger.domain.allocation import checked_parameters, default_parameters
from ledger.domain.protocol import Protocol
from ledger.proof.allocation import Parameters, commitment

_OUT_OF_TURN: Final = 3
"""Which allocation at the first site is made out of turn."""


def simulated_list(protocol: Protocol, seed: int) -> tuple[bytes, Parameters]:
    """The secret and the parameters of the demo's list."""
    secret = hashlib.sha256(f"trial-ledger demo, allocation secret of seed {seed}".encode()).digest()
    return secret, checked_parameters(default_parameters(protocol), protocol)


def tell_list(protocol: Protocol, desk: Desk) -> Iterator[Step]:
    """The commitment, and six hours later the value from outside."""
    secret, parameters = simulated_list(protocol, desk.seed)
    data = {"commitment": commitment(secret, parameters), "method": parameters.method}
    at = START + 10 * MINUTE
    command = desk.command("allocation-committed", "commit-allocation", STATISTICIAN, at, data)
    yield Step(at, command, "the allocation list is committed to")
    at = START + 6 * HOUR
    pulse = hashlib.sha256(f"trial-ledger demo, beacon of seed {desk.seed}".encode()).hexdigest()
    value = f'{{"beacon":"SIMULATED","at":"{at.isoformat()}","value":"{pulse}"}}'.encode()
    data = {"kind": "BEACON", "value": b64encode(value).decode(), "note": "Simulated: no beacon published this."}
    command = desk.command("allocation-bound", "bind-allocation", STATISTICIAN, at, data)
    yield Step(at, command, "and bound to a value that nobody could know before")


def with_one_out_of_turn(happenings: Sequence[Happening]) -> Iterator[Happening]:
    """The story, with one subject of the first site given the envelope after the one that was due.

    Only where somebody comes after: the index that was skipped goes to the next.
    """
    drawn: Counter[str] = Counter()
    total = sum(_randomizes(happening) for happening in happenings)
    for happening in happenings:
        if isinstance(happening, Step) and _randomizes(happening):
            drawn[FJD.id] += 1
            number = drawn[FJD.id]
            if number == _OUT_OF_TURN < total:
                command = happening.command
                told = {
                    "subject": command["data"]["subject"],
                    "index": number + 1,
                    "reason": "The ledger was out of reach, and the wrong envelope was opened.",
                }
                command = {**command, "type": "record-allocation-out-of-turn", "data": told}
                yield replace(happening, command=command, note="an allocation out of turn")
                continue
        yield happening


def _randomizes(happening: Happening) -> bool:
    if not isinstance(happening, Step) or happening.expect is not None:
        return False
    return bool(happening.command["type"] == "randomize-subject" and happening.command["actor"]["org"] == FJD.id)
