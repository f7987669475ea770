"""How a subject's part in the follow-up ended, and which entries say so; for views that ask it (of a story)."""

import json
from collections.abc import Iterable
from typing import Final

from ledger.domain.history import Fact
from ledger.domain.vocabulary import Book
from projections.subject import Entry, SubjectStory, happened, of_treatment

_ENDED: Final = {
    "WITHDRAWN": "WITHDREW CONSENT",
    "LOST_TO_FOLLOW_UP": "LOST TO FOLLOW-UP",
    "COMPLETED": "COMPLETED",
    "DISCONTINUED": "ENDED",
    "SCREEN_FAILURE": "ENDED",
}
# Treatment that has ended takes nobody out of follow-up.
_STAYS: Final = frozenset({"IN_FOLLOW_UP", "DIED"})


def left(story: SubjectStory) -> tuple[str, Fact] | None:
    """The last end (its status, and the fact) that stands and takes the subject out of follow-up, but for a death."""
    found = None
    for status, fact in story.ends():
        if status not in _STAYS and not (status == "DISCONTINUED" and of_treatment(fact)):
            found = status, fact
    return found


def out_of_follow_up(story: SubjectStory) -> tuple[str | None, str | None, list[Entry]]:
    """(reason, detail, entry) of that end."""
    if (found := left(story)) is None:
        return None, None, []
    status, fact = found
    return _ENDED[status], fact.data.get("scope") or fact.data.get("term"), [(fact.book, fact.seq)]


def dead_by(story: SubjectStory) -> list[Entry]:
    """The entry by which the subject is known to be dead."""
    fact = story.death if story.found_dead is None else story.found_dead[1]
    return [] if fact is None else [(fact.book, fact.seq)]


def part_ended(story: SubjectStory) -> tuple[str, Book, int] | None:
    """When the subject's part ended, by death or otherwise, and the entry that says so; None while it goes on."""
    if story.dead:
        fact = story.death if story.found_dead is None else story.found_dead[1]
        when = story.died_on or happened(fact)
        return None if fact is None or when is None else (when, fact.book, fact.seq)
    _, _, by = out_of_follow_up(story)
    when = next((happened(fact) for _, fact in story.ends() if (fact.book, fact.seq) in by), None)
    return None if when is None else (when, *by[0])


def written(story: SubjectStory, entries: Iterable[Entry]) -> str:
    """Entries, and those that corrected them, as JSON: [[book, seq], ...]."""
    listed = {entry for one in entries for entry in (one, *story.corrections.get(one, ()))}
    return json.dumps(sorted([book.value, seq] for book, seq in listed))
