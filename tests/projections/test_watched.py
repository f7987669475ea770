"""How far a fold has come is told in facts of the viewer's own books, and changes nothing of what is shown."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections import runner, watched
from projections.base import Audience
from projections.runner import show
from projections.watched import Progress, Watched
from tests.projections.stories import Step, steps, told

MASKED, UNMASKED = Audience.MASKED, Audience.UNMASKED


def keeping(told_steps: list[tuple[int, int]]) -> Progress:
    return lambda done, total: told_steps.append((done, total))


@given(story=steps, audience=st.sampled_from(Audience), held=st.sampled_from([0, 200_000]))
def test_a_watched_fold_shows_the_same_and_never_tells_more_than_there_is(
    story: list[Step], audience: Audience, held: int
) -> None:
    ledger, steps_told = told(story), list[tuple[int, int]]()
    with TemporaryDirectory() as one, TemporaryDirectory() as other, pytest.MonkeyPatch.context() as patch:
        patch.setattr(watched, "_EVERY", 1)
        patch.setattr(watched, "IN_MEMORY", held)
        patch.setattr(runner, "IN_MEMORY", held)
        reader = Watched(ledger.reader(audience), keeping(steps_told))
        seen = show(reader, "subjects", audience, folder=Path(one))
        assert list(seen.rows) == list(show(ledger.reader(audience), "subjects", audience, folder=Path(other)).rows)
        assert steps_told
        assert all(0 < done <= total for done, total in steps_told)
        assert [done for done, _ in steps_told] == sorted(done for done, _ in steps_told)
        total = steps_told[-1][1]
        show(reader, "subjects", audience, folder=Path(one))
        assert steps_told[-1][1] == total  # it is at the head, and the books are not read again


@given(story=steps)
def test_what_a_masked_viewer_is_told_of_the_progress_does_not_depend_on_the_sealed_book(story: list[Step]) -> None:
    seen = []
    for sealed in (True, False):
        ledger, steps_told = told(story), list[tuple[int, int]]()
        if not sealed:
            ledger.facts = [fact for fact in ledger.facts if fact.book.value == "open"]
        with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            patch.setattr(watched, "_EVERY", 1)
            show(Watched(ledger.reader(MASKED), keeping(steps_told)), "subjects", MASKED, folder=Path(folder))
        seen.append(steps_told)
    assert seen[0] == seen[1]
