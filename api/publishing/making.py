"""Publishing what one viewer may see, and keeping it up to the head.

1. Publishing is an access, as an export is: it is recorded before anything is written, once a run. What a run writes
   again and again is no further access; the record itself moves the head, and the first refresh takes it in.
2. The audience is that of who publishes. Who has arms in sight publishes the unmasked relations; the masked ones are
   published by somebody who knows no arm, for when they are refreshed is open to all, and would be a trace.
3. Where nothing has changed since (position, code, columns, and the day for what is due by it), nothing is written, and
   nothing recorded.
4. Rights are asked for anew at each refresh. One that finds another audience than before writes nothing.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from api.access import Session
from api.exports.making import source_of
from api.exports.source import Source
from api.publishing.publication import Place, Publication, PublishError
from api.publishing.target import Target
from ledger.domain.roles import Viewer
from ledger.domain.vocabulary import Book
from ledger.domain.when import recorded
from ledger.proof.sections import ARM, PLAIN
from ledger.recording.live import utc_now
from projections.base import Audience
from projections.watched import Progress

KIND: Final = "publish"


class Publisher:
    """Publishes a ledger for one viewer, from one run of the program."""

    def __init__(
        self, ledger: Path, viewer: Viewer, *, take_over: bool = False, clock: Callable[[], datetime] = utc_now
    ) -> None:
        """Raises DeniedError, UnknownSiteError, PublishError, LedgerFileError."""
        self._ledger = ledger
        self._viewer = viewer
        self._take_over = take_over
        self._clock = clock
        self._recorded = False
        self._session = Session(ledger, viewer, clock=clock)
        self.audience: Final = self._session.audience
        self._require_same()

    def refresh(self, target: Target, progress: Progress | None = None) -> Publication | None:
        """Bring a target, which was prepared, up to the head; what was published, or None where it was up to date.

        Raises PublishError, DeniedError, LedgerFileError, KeysError, StorageError.
        """
        self._session = Session(self._ledger, self._viewer, clock=self._clock, earlier=self._session)
        self._require_same()
        with source_of(self._session, None) as source:
            if target.stands_at(self._publication(source)):
                return None
        self._record()
        self._session.catch_up(progress)
        with source_of(self._session, None, progress) as source:
            publication = self._publication(source)
            target.refresh(publication)
        return publication

    def _require_same(self) -> None:
        """The audience is the one that it was; nobody who knows an arm publishes masked relations."""
        if self._session.audience is not self.audience:
            raise PublishError(f"role {self._viewer.role}: sees other books than when this began; publish anew")
        if self.audience is Audience.MASKED and self._session.knows_arms:
            raise PublishError(
                f"{self._viewer.id}: knows an arm, and so publishes no masked relations, whose times would tell of it"
            )

    def _record(self) -> None:
        if self._recorded:
            return
        classes = {PLAIN}
        if self._session.sight.arms:
            self._session.admit(ARM, KIND)
            classes.add(ARM)
        self._session.exported(KIND, frozenset(classes))
        self._recorded = True

    def _publication(self, source: Source) -> Publication:
        position, today = source.position, recorded(self._clock())[:10]
        sealed = position.sealed if source.unmasked else None
        return Publication(
            audience=self.audience,
            trial=source.protocol.trial_id,
            title=source.protocol.registration.brief_title,
            origin=source.origin,
            place=Place(
                position.open - 1,
                source.made_at,
                source.head(Book.OPEN),
                sealed - 1 if sealed else None,
                source.head(Book.SEALED) if sealed else None,
            ),
            day=today,
            show=lambda view: self._session.show(view, source.as_of, progress=source.progress, asked=today),
            take_over=self._take_over,
        )
