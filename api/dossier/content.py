"""All that a dossier says, before it is written in one form or another."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from api.dossier import words
from api.dossier.changes import Changes
from api.dossier.integrity import Statement
from api.dossier.model import Section
from api.exports.source import Source
from ledger.domain.history import Fact

SHOWN: Final = (
    "kind",
    "seq",
    "recorded_at",
    "occurred_at",
    "who",
    "role",
    "what",
    "subject",
    "why",
    "before",
    "after",
)
"""The columns of a change that people are shown."""


@dataclass(frozen=True, slots=True)
class Content:
    """`about`: sentences that come first; `changed`: what was recorded before and after the position, by name."""

    source: Source
    about: Sequence[str]
    sections: Sequence[Section]
    changed: Mapping[str, Changes]
    statement: Statement

    def names(self) -> tuple[str, str, str]:
        """Title, subtitle, footer."""
        source = self.source
        told = {
            "trial": source.protocol.trial_id,
            "seq": source.position.open - 1,
            "at": source.made_at,
            "role": source.viewer.role,
        }
        return words.TITLE.format(**told), words.SUBTITLE.format(**told), words.FOOTER.format(**told)

    def facts(self) -> Iterator[Fact]:
        """All facts that there are, those after the position too."""
        told: dict[str, Any] = {one.name: getattr(self.source, one.name) for one in fields(Source)}
        return Source(**{**told, "position": self.source.reader.head()}).facts()


def changed_section(name: str, found: Changes) -> Section:
    """The words about changes, without the table."""
    title = words.TITLES[name].format(since=found.start.open)
    if not found.total and not found.unlisted and name == "known_later":
        return Section(name, title, [words.ENDS_HERE])
    counts = ", ".join(f"{found.counts[kind]} {called}" for kind, called in words.KINDS.items())
    said = [words.CHANGED.format(total=found.total, counts=counts)]
    if found.unlisted:
        said.append(words.UNLISTED.format(count=found.unlisted))
    return Section(name, title, said)


def change_caption(name: str, found: Changes) -> str:
    """The caption of the table of changes."""
    return words.CAPTIONS[name].format(since=found.start.open, until=found.stop.open - 1)


def change_heads() -> tuple[str, ...]:
    """The columns of a change in words."""
    return tuple(words.HEADS.get(column, column.replace("_", " ")) for column in SHOWN)
