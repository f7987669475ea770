"""What a view is: a pure function from the histories of a ledger to a table.

Rules
- A view contributes rows key by key. `rows` sees the facts of one key (a stream) and nothing else:
  no protocol, no clock, no other key. So when a fact arrives, only the rows of its key are folded again.
- Everything that needs the whole (sums, the arms of the protocol, the day of the position) happens in `present`,
  from the stored rows and the context of the position.
- Both are deterministic: equal facts give equal bytes, whatever the order in which keys were folded.
- Stored values are text, integers or None. Numbers that are not integers are decimal strings; there are no floats.
- A view says what it needs: arms (`needs_arm`), names (`needs_identity`), certain roles (`roles`). Whoever does not
  have all of it is denied the view; the runner checks that again, and hands a view the facts of its audience alone.
- Values that name a person come into no view but one that needs them (`histories.py` takes them out before any other
  sees a fact); such a view is kept in no file, and has the open book alone.
- A column marked `sealed` holds what comes from the sealed book. Masked audiences have neither the column nor a
  reader that could fill it.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Final, Literal, TypeAlias

from ledger.domain.roles import Sight
from ledger.domain.vocabulary import Book
from ledger.proof.sections import ARM
from projections.histories import History
from projections.plan import Plan

Stored: TypeAlias = Mapping[str, Any]
"""One stored row: `key` and the columns of the view, by name."""


class Audience(StrEnum):
    """For whom a view is made: those who have the open book alone, or those who may see arms."""

    MASKED = "masked"
    UNMASKED = "unmasked"

    @property
    def file_name(self) -> str:
        """The file of this audience's views. The two lie apart, so that file permissions can tell them apart."""
        return "unmasked.db" if self is Audience.UNMASKED else "open.db"


def audience_of(books: Iterable[Book], classes: Iterable[str]) -> Audience:
    """The audience of those books and section classes; masked unless both the sealed book and arms are among them.

    Raises ViewDeniedError for who may not even read the open book: denial is the default.
    """
    readable = frozenset(books)
    if Book.OPEN not in readable:
        raise ViewDeniedError("role: it may read neither book, and so no view")
    return Audience.UNMASKED if Book.SEALED in readable and ARM in classes else Audience.MASKED


class UnknownViewError(ValueError):
    """There is no view of that name."""


class ViewDeniedError(PermissionError):
    """The view is not for this audience: it would tell an arm, or the role may read nothing."""


@dataclass(frozen=True, slots=True)
class Column:
    """A stored column. `sealed`: only in the file of audiences that may see arms."""

    name: str
    type: Literal["TEXT", "INTEGER"] = "TEXT"
    sealed: bool = False


@dataclass(frozen=True, slots=True)
class Context:
    """What is known at the position that a view is shown as of: the protocol in force, and the day (YYYY-MM-DD).

    `today` is the day of the question: the day that was asked for, the present one where nothing was, otherwise that
    of the position, which it never lies before.
    """

    plan: Plan
    day: str | None
    today: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A view's answer. `columns` order the members of `rows`; `extra` stands beside the rows in JSON."""

    columns: tuple[str, ...]
    rows: Sequence[dict[str, Any]]
    extra: dict[str, Any] = field(default_factory=dict)


class View(ABC):
    """One read model. A new one is one module in `projections/views`, with its instance as `VIEW`."""

    name: ClassVar[str]
    version: ClassVar[int] = 1
    title: ClassVar[str]
    stored: ClassVar[tuple[Column, ...]]
    needs_arm: ClassVar[bool] = False
    needs_identity: ClassVar[bool] = False
    roles: ClassVar[frozenset[str] | None] = None
    """The roles that the view is for; None: all that may see what it needs."""
    by_day: ClassVar[bool] = False
    """Whether the answer depends on the day of the question (`Context.today`), and not on the position alone."""
    kept: ClassVar[bool] = True
    """Whether the view's rows are kept in a file; if not, they are folded in memory each time."""
    in_parts: ClassVar[bool] = True
    """Whether several processes may fold it, each some of the keys: so it is with every view that keeps the rule that
    `rows` sees one key alone. One that does not says so; it is folded by one process, its keys sorted."""

    def takes(self, stream: str) -> bool:
        """Whether facts of this stream contribute rows."""
        return stream.startswith("subject/")

    def columns(self, audience: Audience) -> tuple[Column, ...]:
        """The stored columns of an audience."""
        return tuple(column for column in self.stored if audience is Audience.UNMASKED or not column.sealed)

    def exists_for(self, audience: Audience) -> bool:
        """Whether there is a form of the view for this audience."""
        return audience is Audience.UNMASKED or not self.needs_arm

    def open_to(self, audience: Audience, sight: Sight | None = None, role: str = "") -> bool:
        """Whether somebody of this audience may have the view: with what `sight` has, in `role`. Without, denied."""
        names = not self.needs_identity or (sight is not None and sight.names)
        return self.exists_for(audience) and names and (self.roles is None or role in self.roles)

    @abstractmethod
    def rows(self, history: History) -> Iterator[Mapping[str, Any]]:
        """The contribution of one key, in a fixed order; a column that is left out is None."""

    @abstractmethod
    def present(self, rows: Iterable[Stored], context: Context, audience: Audience) -> Table:
        """The table from all stored rows, which come sorted by key and, within a key, as contributed."""


_NAME: Final = re.compile(r"[a-z][a-z-]{0,40}")


def check_view(view: View) -> View:
    """`view`, if its names can stand in SQL as they are, and it keeps no name of a person. Raises ValueError."""
    names = [view.name, *(column.name.replace("_", "-") for column in view.stored)]
    bad = [name for name in names if not _NAME.fullmatch(name)]
    if bad:
        raise ValueError(f"view {view.name}: {bad[0]!r} is not a name of letters and hyphens")
    if view.needs_identity and (view.kept or view.needs_arm):
        raise ValueError(f"view {view.name}: names are kept in no file, and stand beside no arm")
    return view
