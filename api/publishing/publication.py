"""What is published at once: a trial for one audience at one position."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from projections.base import Audience
from projections.result import Result
from projections.runner import code_of
from projections.sql.relations import Relation, relations
from projections.sql.rows import Row
from projections.views import VIEWS


class PublishError(ValueError):
    """It cannot be published so; the message says why."""


class TargetUnavailableError(PublishError):
    """The database cannot be reached or written now; the message says why. Later it may be."""


@dataclass(frozen=True, slots=True)
class Place:
    """The position: the last entries taken in, by seq and leaf hash (hex), and when the open one was recorded.

    The sealed ones are None for masked audiences, whatever there is.
    """

    seq: int
    recorded_at: str
    head: str
    sealed_seq: int | None = None
    sealed_head: str | None = None


@dataclass(frozen=True, slots=True)
class Publication:
    """`show` gives a view at the position, as of `day` (UTC) where the view depends on that.

    `take_over`: in place of another ledger of the same trial.
    """

    audience: Audience
    trial: str
    title: str
    origin: str
    place: Place
    day: str
    show: Callable[[str], Result]
    take_over: bool = False

    @property
    def relations(self) -> tuple[Relation, ...]:
        return relations(self.audience)

    def positions(self) -> Iterator[Row]:
        """The rows of the relation `position`."""
        place = self.place
        sealed = (place.sealed_seq, place.sealed_head) if self.audience is Audience.UNMASKED else ()
        for relation in self.relations:
            at = (place.seq, place.recorded_at, place.head, *sealed)
            day = self.day if VIEWS[relation.view].by_day else None
            code = _code(relation, self.audience)
            yield (self.trial, relation.name, relation.view, relation.version, *at, day, code)


def _code(relation: Relation, audience: Audience) -> str:
    """What the rows were made by: code and columns, in one hash."""
    columns = [[column.name, column.type.value] for column in relation.columns]
    made_by = [code_of(VIEWS[relation.view], audience), relation.table, columns]
    return hashlib.sha256(json.dumps(made_by).encode()).hexdigest()
