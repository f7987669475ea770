"""Signatures in the two worlds: those of masked people are the same, and those of unmasked people leave no trace."""

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

import ledger.application.signing as signing
from ledger.domain.decisions.signing import SIGNING_ROLES
from ledger.domain.vocabulary import Role
from tests.api.server.people import person
from tests.api.server.signing import Desk, desk_of
from tests.two_worlds.looking import Seen, differences, heads_of, look, masked_people, normal
from tests.two_worlds.over_http import _person
from tests.two_worlds.protocols import PROTOCOLS
from tests.two_worlds.scenes import story
from tests.two_worlds.worlds import World, two_worlds

SCENES = [("visit", 0, 3), ("visit", 1, 3), ("adverse_event", 0, 0), ("unblinded_people", 0, 0)]
UNMASKED = "statistician-1"
SIGNED = 3
"""An entry before the first anchor: all that follows from it is the same in both worlds."""


def told(world: World, act: Callable[[Desk, World, list[str]], None]) -> Seen:
    """What masked people see of a world, once people have signed there."""
    seen: Seen = {}
    with world.at_the_desk():
        people = [_person(viewer) for viewer in masked_people(world)]
        desk = desk_of(world.path, [*people, person(Role.STATISTICIAN)], clock=world.clock)
        signers = [one.id for one in people if next(iter(one.rights.values())).role in SIGNING_ROLES]
        answers: list[tuple[str, Any]] = []

        def post(who: str, body: Any) -> Any:
            answer = Desk.post(desk, who, body)
            if who != UNMASKED:
                headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
                answers.append((f"{len(answers)}: {who}", (answer.status_code, headers, answer.text)))
            return answer

        desk.post = post  # type: ignore[method-assign]
        act(desk, world, signers)
        for who in signers:
            shown = desk.client.get("/v1/trials/balmys/signatures", headers={"authorization": f"Bearer {who}"})
            answers.append((f"list of {who}", (shown.status_code, dict(shown.headers), shown.text)))
        desk.client.app.state.ledger.trials.close()  # type: ignore[attr-defined]
    heads = heads_of(world.path)
    for label, answer in answers:
        seen[label] = normal(json.dumps(answer), heads).encode()
    return seen | look(world, thorough=False)


def everybody_signs(desk: Desk, world: World, masked: list[str]) -> None:
    """Every masked person signs; between them an unmasked one does, as often as the arm of a subject says."""
    of = {"seq": SIGNED, "hash": desk.hash(SIGNED, who=masked[0])}
    at = world.clock()
    often = 3 if world.arm_of("P1") == "TREATMENT" else 1
    for n in range(often):
        assert desk.sign(UNMASKED, {"upto": SIGNED}, words=f"number {n}").json()["book"] == "sealed"
        assert desk.sign(UNMASKED, {"book": "sealed", "upto": 0}).status_code == 201
    desk.time.seconds, desk.number = world.clock().timestamp() // 60 * 60 + 600, 0
    world.clock.set(at)
    for who in masked:
        for what in (of, {"upto": SIGNED}, {"book": "sealed", "upto": 0}):
            answer = desk.sign(who, what) if "book" not in what else desk.post(who, desk.asked(who, what))
            assert answer.status_code in (201, 403), answer.text


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
def test_masked_people_cannot_tell_the_worlds_apart_by_signatures(protocol: str) -> None:
    of = PROTOCOLS[protocol]
    with TemporaryDirectory() as folder, two_worlds(Path(folder), of, story(of, SCENES)) as worlds:
        assert {world.arm_of("P1") for world in worlds} == {"CONTROL", "TREATMENT"}
        one, other = (told(world, everybody_signs) for world in worlds)
        assert any(b"signature.made/1" in seen for seen in one.values())
        assert differences(one, other) == []


def test_a_signature_of_an_unmasked_person_that_goes_into_the_open_book_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control."""
    monkeypatch.setattr(signing, "is_sealed", lambda signed, *_: signed.signed_book == "sealed")
    of = PROTOCOLS["no intervention"]

    def act(desk: Desk, world: World, masked: list[str]) -> None:
        if world.arm_of("P1") == "TREATMENT":
            assert desk.sign(UNMASKED, {"upto": SIGNED}).json()["book"] == "open"
        assert masked

    with TemporaryDirectory() as folder, two_worlds(Path(folder), of, story(of, SCENES)) as worlds:
        one, other = (told(world, act) for world in worlds)
        assert differences(one, other) != []
