"""What masked people are handed in bundles is the same in both worlds, while unblinded people export as the arms bid.

A story is told with all at work: masked people export now and then, the same in both worlds; where somebody has a
product, unblinded people export, prove, stamp, and fail at it. Then every masked person is handed bundles. Compared is
all of it: each file, its place and length, what is said of it, refusals, what lies beside the ledger. Only the anchors'
commitments may differ, and what follows from them: hashes are compared by what they are the hash of, signatures by
whose they are, how long, and of what time.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import Phase, given, settings

from api import access
from api.access import Session
from api.bundle import contents, writing
from api.bundle.handed import forms_of
from api.bundle.page import Told as PageTold
from api.bundle.page import page
from api.bundle.writing import BundleWriteError
from api.evidence.making import checkpoint_for_export
from ledger.domain.events.access import ExportMade
from ledger.domain.protocol import Protocol
from ledger.domain.roles import Sight
from ledger.proof.sections import ANCHOR, PLAIN
from ledger.recording.engine import fetch, open_reading
from ledger.recording.reader import AsOfError, LedgerReader
from tests.two_worlds.handed import handed_apart
from tests.two_worlds.protocols import NO_INTERVENTION, PROTOCOLS
from tests.two_worlds.scenes import OPENED, story
from tests.two_worlds.test_evidence import signing_often
from tests.two_worlds.test_masked_twice import MASKED_TWICE
from tests.two_worlds.test_stories import OPENED_AT_THE_END, stories
from tests.two_worlds.worlds import Plant, World

SOMEBODY: Final = [
    ("code_break", 0, 0),
    ("visit", 0, 3),
    ("grants", 0, 1),
    ("names_erased", 1, 0),
    ("by_mistake", 1, 0),
    ("unblinded_people", 0, 4),
    ("halt", 0, 0),
    ("unblinded_people", 1, 0),
    ("visit", 1, 3),
]
"""Scenes in which people come to know arms, look, are granted access, and names are erased."""

OFTEN: Final = signing_often(NO_INTERVENTION)


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=list(PROTOCOLS))
def test_what_masked_people_are_handed_is_the_same_while_unblinded_people_export(protocol: Protocol) -> None:
    often = signing_often(protocol)
    assert handed_apart(often, story(often, SOMEBODY)) == []


def test_so_it_is_where_some_roles_are_not_masked() -> None:
    often = signing_often(MASKED_TWICE)
    assert handed_apart(often, story(often, SOMEBODY)) == []


@given(scenes=stories)
@settings(max_examples=2, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_so_it_is_in_any_story(scenes: list[Any]) -> None:
    assert handed_apart(OFTEN, story(OFTEN, scenes)) == []


def test_so_it_is_for_participants_once_the_list_is_opened() -> None:
    assert (OPENED, 0, 0) in OPENED_AT_THE_END
    assert handed_apart(OFTEN, story(OFTEN, OPENED_AT_THE_END)) == []


# -- planted leaks ---------------------------------------------------------------------------------------------------


@contextmanager
def _anchors_as_they_are_stored(_: World) -> Iterator[None]:
    real = forms_of

    def leaking(sight: Sight, *, archive: bool) -> dict[str, str]:
        forms = real(sight, archive=archive)
        return forms if sight.arms else forms | {ANCHOR: "sealed"}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "forms_of", leaking)
        yield


@contextmanager
def _every_export_leaves_a_checkpoint(_: World) -> Iterator[None]:
    def leaking(path: Path, **more: Any) -> Any:
        return checkpoint_for_export(path, **more | {"keep": True})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "checkpoint_for_export", leaking)
        yield


@contextmanager
def _every_export_is_open(_: World) -> Iterator[None]:
    def exported(self: Session, kind: str, _: frozenset[str], sha256: str | None = None) -> None:
        self._record_or_deny(ExportMade, "an export", {"kind": kind, "classes": (PLAIN,), "sha256": sha256})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(access.Session, "exported", exported)
        yield


@contextmanager
def _a_count_on_the_page(world: World) -> Iterator[None]:
    real = page

    def leaking(told: PageTold, events: Any, left_out: int) -> Iterator[bytes]:
        yield from real(told, events, left_out)
        with closing(open_reading(world.path)) as connection:
            yield b"<!-- %d -->" % fetch(connection, "SELECT size FROM head WHERE book = 'sealed'")[0][0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contents, "page", leaking)
        yield


@contextmanager
def _a_count_in_a_refusal(world: World) -> Iterator[None]:
    real = LedgerReader.position_at

    def leaking(self: LedgerReader, as_of: str | int | None) -> Any:
        try:
            return real(self, as_of)
        except AsOfError as error:
            with closing(open_reading(world.path)) as connection:
                size = fetch(connection, "SELECT size FROM head WHERE book = 'sealed'")[0][0]
            raise AsOfError(f"{error}/{size}") from None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LedgerReader, "position_at", leaking)
        yield


@contextmanager
def _looks_of_those_who_know_are_open(_: World) -> Iterator[None]:
    """Who has no arm in sight is taken for masked, whatever the record says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(access, "knows_some_arm", lambda *_: False)
        yield


@contextmanager
def _a_draft_is_left_behind(world: World) -> Iterator[None]:
    real = writing.BundleWriteError

    def leaking(message: str) -> BundleWriteError:
        world.path.with_name(f".{len(list(world.path.parent.iterdir()))}.new").write_bytes(b"")
        return real(message)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "BundleWriteError", leaking)
        yield


LEAKS: Final[dict[str, tuple[Plant, str]]] = {
    "anchors": (_anchors_as_they_are_stored, "open/sections"),
    "checkpoints": (_every_export_leaves_a_checkpoint, "evidence"),
    "records": (_every_export_is_open, "open/entries"),
    "page": (_a_count_on_the_page, "index.html"),
    "refusal": (_a_count_in_a_refusal, "refused"),
    "looks": (_looks_of_those_who_know_are_open, "open/entries"),
    "draft": (_a_draft_is_left_behind, "beside the ledger"),
}
"""Name -> (the leak, what stands in a label under which it must be found)."""


@pytest.mark.parametrize("leak", LEAKS.values(), ids=list(LEAKS))
def test_a_planted_leak_is_found_in_what_is_handed_out(leak: tuple[Plant, str]) -> None:
    plant, where = leak
    found = handed_apart(OFTEN, story(OFTEN, SOMEBODY), plant)
    assert [label for label in found if where in label], found[:20]
