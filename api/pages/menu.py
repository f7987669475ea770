"""The pages of a trial in the order of the menu, and who has which.

A page is in somebody's menu where every view that it is made of may be shown to them. Who asks for another one all
the same is refused by the session, which records it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from api.access import Session
from ledger.domain.roles import may_issue
from ledger.domain.vocabulary import Role
from projections.views import VIEWS


@dataclass(frozen=True, slots=True)
class Entry:
    """A page: the last part of its address, the views that it needs, the command that it is for.

    `menu.<slug>` are its words (the overview's slug is empty; its words are `menu.overview`).
    """

    slug: str
    views: tuple[str, ...] = ()
    command: str | None = None

    @property
    def words(self) -> str:
        return f"menu.{self.slug or 'overview'}"

    def open_to(self, session: Session) -> bool:
        """Whether the page is for this viewer."""
        role = session.viewer.role
        if self.command is not None and not may_issue(Role(role), self.command, imported=False):
            return False
        return all(VIEWS[view].open_to(session.audience, session.sight, role) for view in self.views)


MENU: Final[tuple[Entry, ...]] = (
    Entry(""),
    Entry("consort", ("consort",)),
    Entry("enrolment", ("enrolment",)),
    Entry("subjects", ("subjects",)),
    Entry("survival", ("survival",)),
    Entry("adverse-events", ("adverse-events",)),
    Entry("serious-events", ("adverse-events", "serious-events")),
    Entry("sites", ("enrolment", "open-adverse-events", "deviations", "follow-up")),
    Entry("deviations", ("deviations",)),
    Entry("unblinding", ("unblinding",)),
    Entry("duties", ("duties",)),
    Entry("as-of", ("enrolment", "open-adverse-events", "deviations", "duties")),
    Entry("audit", ("audit",)),
    Entry("signatures", ("signatures",)),
    Entry("verification"),
    Entry("code-break", command="break-code"),
)


def menu_of(session: Session) -> Iterator[Entry]:
    """The pages of the viewer's menu."""
    return (entry for entry in MENU if entry.open_to(session))
