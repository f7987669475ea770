"""Every scene by its name, and stories made of them."""

from base64 import b64encode
from datetime import timedelta
from typing import Final

from ledger.domain.protocol import Protocol
from ledger.proof.allocation import Parameters, commitment
from tests.two_worlds.protocols import parameters_of
from tests.two_worlds.scenes import subjects, trial, unblinding, wrong
from tests.two_worlds.scenes.subjects import randomized
from tests.two_worlds.telling import Scene, Step, Teller

SCENES: Final[dict[str, Scene]] = {**subjects.SCENES, **trial.SCENES, **wrong.SCENES, **unblinding.SCENES}
SECRET: Final = bytes(range(32))
OPENED: Final = "the list is opened"
IMPORTED: Final = "imported"


def story(protocol: Protocol, scenes: list[tuple[str, int, int]]) -> list[Step]:
    """The steps of the scenes, after an opening in which two subjects are randomized and one is treated.

    The scene `OPENED` may come last: after it, everybody may derive the list.
    """
    teller = Teller(protocol)
    if IMPORTED in {name for name, _, _ in scenes}:  # before there is a list of our own
        teller.tell("activate-site", {"site": "S01"}, "sponsor")
        for name, which, variant in scenes:
            if name == IMPORTED:
                SCENES[name](teller, which, variant)
        scenes = [scene for scene in scenes if scene[0] != IMPORTED]
        teller.tell("close-site", {"site": "S01"}, "sponsor")
    parameters = parameters_of(protocol)
    committed = commitment(SECRET, Parameters.from_value(parameters))
    teller.tell("commit-allocation", {"commitment": committed, "method": parameters["method"]}, "statistician")
    teller.tell("bind-allocation", {"kind": "BEACON", "value": b64encode(b"from outside").decode()}, "sponsor")
    teller.tell("activate-site", {"site": "S01"}, "sponsor")
    teller.at += timedelta(days=2)
    teller.turn("pharmacy", randomized(teller), 1)
    randomized(teller, 1)
    for name, which, variant in scenes:
        if name == OPENED:
            teller.tell("lock-database", {"reason": "the end"}, "data-manager")
            opened = {"secret": SECRET.hex(), "parameters": parameters, "reason": "the end"}
            teller.tell("open-allocation", opened, "sponsor")
        else:
            SCENES[name](teller, which, variant)
    return teller.steps
