"""Paths on which something sealed could reach a masked person, one by one: each was open once, or nearly.

The generated stories find them too; here each has its name.
"""

from base64 import b64encode
from typing import Any

import pytest

from tests.trials import ELIGIBLE
from tests.two_worlds.differences import told_apart
from tests.two_worlds.protocols import NO_INTERVENTION
from tests.two_worlds.scenes import story
from tests.two_worlds.scenes.subjects import consented
from tests.two_worlds.telling import Teller

DOSE: dict[str, Any] = {"dose_number": 1, "product": "X", "given_amount": "1", "unit": "mg"}


def begun() -> Teller:
    """A teller who goes on where every story has begun: P1 treated, P2 randomized, each in another arm."""
    teller = Teller(NO_INTERVENTION, subjects=["P1", "P2"])
    teller.steps = story(NO_INTERVENTION, [])
    teller.at = teller.steps[-1].at
    return teller


def test_a_masked_person_who_guesses_the_id_of_a_sealed_command_is_told_no_more_than_that_the_role_may_not() -> None:
    """`submit` looked for the id in the sealed book before it asked for the role."""
    teller = begun()
    taken = teller.turn("pharmacy", "P1", 1)
    teller.tell("record-treatment", DOSE | {"subject": "P1", "started_at": teller.at.isoformat()}, id=taken)
    teller.tell("record-action-taken", {"subject": "P1", "ae": "A1", "action": "UNKNOWN"}, "sponsor", id=taken)
    assert told_apart(NO_INTERVENTION, teller.steps) == []


def test_a_randomization_is_recorded_under_an_id_that_a_sealed_command_has() -> None:
    """The append, whose other half is sealed, looked for the id in the sealed book, and refused the whole of it."""
    teller = begun()
    subject = consented(teller)
    teller.tell("record-screening", {"subject": subject, "values": ELIGIBLE})
    teller.tell("enrol-subject", {"subject": subject})
    taken = teller.turn("pharmacy", "P1", 1)
    teller.tell("randomize-subject", {"subject": subject}, id=taken)
    teller.tell("randomize-subject", {"subject": subject}, id=taken, occurred_at=teller.at.isoformat())
    assert told_apart(NO_INTERVENTION, teller.steps) == []


@pytest.mark.parametrize("names", [True, False], ids=["who names somebody", "who names nobody"])
def test_what_an_unblinded_person_enters_draws_nothing_from_the_open_books_random_source(names: bool) -> None:
    """P2 has no name in the record yet; a key for one would be drawn before the name is refused."""
    teller = begun()
    broken = teller.tell("break-code", {"subject": "P2", "reason": "anaphylaxis"}, who="investigator-2")
    knows = {"person": "investigator-2", "role": "investigator", "after": broken["id"]}
    teller.turn("names somebody" if names else "knows", "P2", 3, **knows)
    for visit in ("DAY 3", "DAY 7"):
        teller.tell("record-visit", {"subject": "P2", "visit": visit})
    assert told_apart(NO_INTERVENTION, teller.steps) == []


def test_an_id_used_by_somebody_unblinded_is_free_for_masked_people() -> None:
    teller = begun()
    broken = teller.tell("break-code", {"subject": "P1", "reason": "anaphylaxis"}, who="investigator-2")
    knows = {"person": "investigator-2", "role": "investigator", "after": broken["id"]}
    taken = teller.turn("knows", "P1", 2, **knows)
    teller.tell("record-visit", {"subject": "P1", "visit": "DAY 3"}, id=taken)
    teller.tell("record-visit", {"subject": "P1", "visit": "DAY 7"}, id=taken)
    assert told_apart(NO_INTERVENTION, teller.steps) == []


def test_a_correction_by_a_masked_person_finds_nothing_that_was_entered_after_unblinding() -> None:
    teller = begun()
    broken = teller.tell("break-code", {"subject": "P1", "reason": "anaphylaxis"}, who="investigator-2")
    knows = {"person": "investigator-2", "role": "investigator", "after": broken["id"]}
    for seed in range(4):
        taken = teller.turn("knows", "P1", seed, **knows)
        about = {"target": {"command": taken, "n": 0}, "reason": "curious"}
        for subject in ({}, {"subject": "P1"}):
            teller.tell("void-record", about | subject)
            change = {"changes": [{"field": "visit", "new": "DAY 3"}]}
            teller.tell("correct-record", about | subject | change)
    assert told_apart(NO_INTERVENTION, teller.steps) == []


def test_a_second_look_at_the_same_refusal_tells_nothing() -> None:
    """A refusal on remembered state is decided anew: once more in both worlds, or in neither."""
    teller = begun()
    for seed in range(3):
        teller.turn("pharmacy", "P1", seed)
        teller.tell("randomize-subject", {"subject": "P1"})
        teller.tell("bind-allocation", {"kind": "BEACON", "value": b64encode(b"other").decode()}, "sponsor")
    assert told_apart(NO_INTERVENTION, teller.steps) == []
