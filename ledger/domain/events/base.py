"""What every event is: a past fact, named for good, in one book, on one stream, in sections of fixed classes.

A new event is one class in a module of this package. Its type string is stored in every entry and never changes;
the class may be renamed. From the class follow its JSON schema, the sections that its payload is cut into, its
page in `docs/events.md` and its label in the audit view. A type that is not in the catalogue is never looked up
by name anywhere else: nothing is imported because data says so.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import BaseModel, ConfigDict, StringConstraints

from ledger.domain.vocabulary import Book
from ledger.domain.when import When
from ledger.proof.canonical import encode
from ledger.proof.sections import ARM, IDENTITY, PLAIN

SubjectId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""A pseudonym: letters, digits, dot, underscore and hyphen; never a name."""
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._/-]{0,63}$")]
# Control characters carry no meaning that a reader could see, and could deceive one at a terminal; a text has lines.
NO_CONTROLS: Final = r"^[^\x00-\x1f\x7f-\x9f]*$"
LINES: Final = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"
Text = Annotated[str, StringConstraints(min_length=1, max_length=4000, pattern=LINES)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=NO_CONTROLS)]
Values = dict[Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.]{0,63}$")], Text]
"""Values of a source's record as the source has them, by the source's names."""


@dataclass(frozen=True, slots=True)
class InSection:
    """Marks a field whose value lies in another section than the book's usual one."""

    section_class: str


Identifying = Annotated[Name | None, InSection(IDENTITY)]
"""A field that names a person."""


class Facts(BaseModel):
    """What a person states in the data of a command, or an event says; nothing unknown is let in."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def marks_of(cls: type[Facts]) -> Mapping[str, str]:
    """Field -> the section class that it is marked with."""
    return {
        name: mark.section_class
        for name, field in cls.model_fields.items()
        for mark in field.metadata
        if isinstance(mark, InSection)
    }


@cache
def identifying(cls: type[Facts]) -> frozenset[str]:
    """The fields that name a person."""
    return frozenset(name for name, section in marks_of(cls).items() if section == IDENTITY)


class Provenance(Facts):
    """Where an imported or simulated record comes from. What the source claims is data, never ours.

    `synthesised` lists the fields of the event that the source does not have and that the import made up. `values`
    are those of the source's record that no field of the event gives back.
    """

    kind: Annotated[str, StringConstraints(pattern=r"^(import|simulation)$")]
    source: Name
    record: Name | None = None
    synthesised: tuple[Name, ...] = ()
    imputed: tuple[Name, ...] = ()
    claimed_actor: Name | None = None
    claimed_recorded_at: When | None = None
    values: Values | None = None


class Event(Facts):
    """A past fact. `occurred_at` is when it was observed; when it was recorded stands in the entry."""

    type: ClassVar[str]
    book: ClassVar[Book] = Book.OPEN
    title: ClassVar[str]
    sections: ClassVar[Mapping[str, tuple[str, ...]]]
    """Section class -> the names of the fields that lie in it, for every event of the type, sorted by class."""

    occurred_at: When
    late: bool = False
    provenance: Provenance | None = None

    @property
    def stream(self) -> str:
        """The stream that the event belongs to."""
        raise NotImplementedError

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        usual = PLAIN if cls.book is Book.OPEN else ARM
        parts: dict[str, list[str]] = {usual: []}
        marked = marks_of(cls)
        for name in cls.model_fields:
            parts.setdefault(marked.get(name, usual), []).append(name)
        cls.sections = {section: tuple(parts[section]) for section in sorted(parts)}

    def payloads(self) -> list[tuple[str, bytes]]:
        """(section class, canonical bytes) for each section, sorted by class."""
        dumped = self.model_dump(mode="json", exclude_none=True)
        if len(self.sections) == 1:
            return [(next(iter(self.sections)), encode(dumped))]
        return [
            (section, encode({name: dumped[name] for name in names if name in dumped}))
            for section, names in self.sections.items()
        ]

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        """The event from the merged members of its sections."""
        return cls.model_validate(data)


class SubjectEvent(Event):
    """An event of one subject, on the stream `subject/<id>`."""

    subject: SubjectId

    @property
    def stream(self) -> str:
        return subject_stream(self.subject)


class TrialEvent(Event):
    """An event of the trial as a whole, on the stream `trial`."""

    @property
    def stream(self) -> str:
        return TRIAL_STREAM


TRIAL_STREAM: Final = "trial"
ENROLMENT_LOG: Final = "enrolment-log"
ANCHOR_STREAM: Final = "anchors"
CLOCK_STREAM: Final = "clock"


def subject_stream(subject: str) -> str:
    """The stream of a subject, of the same name in both books."""
    return f"subject/{subject}"


def allocation_stream(stratum: str) -> str:
    """The stream that counts the indices drawn from the allocation list of a stratum."""
    return f"allocation/{stratum}"


class Catalogue:
    """The closed registry of event types."""

    def __init__(self, classes: Iterator[type[Event]]) -> None:
        self._by_type: dict[str, type[Event]] = {}
        for cls in classes:
            if cls.type in self._by_type:
                raise ValueError(f"two event classes have the type {cls.type}")
            self._by_type[cls.type] = cls

    def get(self, type_: str) -> type[Event] | None:
        """The class of an event type, or None for a type that this version does not know."""
        return self._by_type.get(type_)

    def __iter__(self) -> Iterator[type[Event]]:
        return iter(self._by_type.values())

    def __len__(self) -> int:
        return len(self._by_type)
