"""One person's session with a ledger: who looks at arms or names is recorded before anything is handed out.

1. One event a session and class of data: a session is a run of the command line, or whatever a server takes for one.
   Where it cannot be recorded (no keys, a file that cannot be written, a full disk), access is refused.
2. A look at arms leaves its trace in the sealed book alone. So does every look of somebody who has arms in sight, or
   has come to know one: what they look at may come from what they know (`ledger/domain/events/access.py`).
3. Who wants what they may not see is refused, whether or not the attempt could be recorded; if not, the refusal says
   so. What is no question of rights (a position that there is not, a view nobody has heard of) is no attempt.
4. Whatever is shown to somebody with arms in sight counts as a look at arms: even a table without a treatment in it
   says how long the sealed book is.
5. A copy of the file records nothing here, and whoever holds its keys needs no session: the keys are the control.
"""

from collections.abc import Callable
from copy import copy
from datetime import datetime
from pathlib import Path
from typing import Final, NoReturn, Protocol

from api.bootstrap import DeniedError, Viewing, knows_some_arm, open_trial, viewing
from ledger.domain.decisions.base import CommandActor
from ledger.domain.events.access import (
    AccessRefused,
    ArmAccessed,
    ExportMade,
    IdentityAccessed,
    SealedAccessRefused,
    SealedExportMade,
    SealedIdentityAccessed,
)
from ledger.domain.events.base import Event
from ledger.domain.roles import NOTHING, ROLES, Sight, Viewer
from ledger.domain.vocabulary import Role
from ledger.domain.when import recorded
from ledger.keys.file import KeysError
from ledger.proof.entry import Actor
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.sections import ARM, IDENTITY, PLAIN
from ledger.recording.engine import StorageError
from ledger.recording.live import utc_now
from ledger.recording.reader import day_asked
from projections.base import Audience, ViewDeniedError
from projections.result import Result
from projections.views import VIEWS, view_for
from projections.watched import Progress

_CALLED: Final = {ARM: "arms", IDENTITY: "names"}
_NOT_RECORDED: Final = (KeysError, LedgerFileError, StorageError, OSError)


class Recorder(Protocol):
    """Records a look, as `TrialLedger.record_access` does."""

    def __call__(self, cls: type[Event], actor: Actor, **said: object) -> None: ...


def viewer_of(id: str, role: str, org: str, sites: frozenset[str] = frozenset()) -> Viewer:
    """Who looks, named as an entry can name somebody. Raises pydantic's ValidationError (a ValueError)."""
    actor = CommandActor.model_validate({"id": id, "role": role, "org": org})
    return Viewer(actor.id, actor.role.value, actor.org, sites)


class Session:
    """What one viewer is shown of a ledger, with the record of it.

    `record`: by what looks are recorded, where the ledger is open for recording already; `viewing_of`: what the viewer
    is shown by; `earlier`: a session of the same viewer that goes on in this one, whose looks are recorded already.

    Raises UnknownSiteError, and DeniedError for a role that sees nothing at all.
    """

    def __init__(
        self,
        path: Path,
        viewer: Viewer,
        *,
        clock: Callable[[], datetime] = utc_now,
        record: Recorder | None = None,
        viewing_of: Callable[..., Viewing] = viewing,
        earlier: "Session | None" = None,
    ) -> None:
        self.path = path
        self.viewer = viewer
        self._clock = clock
        self._recorder = record
        self._recorded: set[str] = set() if earlier is None else earlier._recorded
        self._sight: Sight = NOTHING
        self._knowing: list[
            bool
        ] = []  # whether he knows some arm, once that was looked up; of this session's copies too
        try:
            self._viewing = viewing_of(path, viewer, now=recorded(clock()))
        except DeniedError as error:
            self._refuse(PLAIN, "the trial", str(error))
        self._sight = self._viewing.sight

    @property
    def sight(self) -> Sight:
        """What is in sight, as of the beginning of the session."""
        return self._sight

    @property
    def audience(self) -> Audience:
        return self._viewing.audience

    def show(
        self,
        view: str,
        as_of: str | int | None = None,
        *,
        progress: Progress | None = None,
        asked: str | int | None = None,
    ) -> Result:
        """A view as of a position or recorded time. Raises DeniedError, AsOfError, UnknownViewError.

        `asked`: the words that `as_of` was made from, where they were others: what is due is reckoned by their day.
        """
        what, known = f"view {view}", VIEWS.get(view)
        named = known is not None and known.needs_identity
        if named and not self._sight.names:
            self._refuse(IDENTITY, what, self._why_not(IDENTITY))
        try:
            view_for(view, self.audience, self._sight, self.viewer.role)
        except ViewDeniedError as error:
            told = known is not None and not known.exists_for(self.audience)
            self._refuse(ARM if told else PLAIN, what, f"role {self.viewer.role}: {error}")
        if named:  # of the open book alone, so that it is no look at arms
            self.admit(IDENTITY, what)
        elif self.audience is Audience.UNMASKED:
            self.admit(ARM, what)
        today = day_asked(as_of if asked is None else asked, recorded(self._clock()))
        return self._viewing.show(view, as_of, progress, today=today)

    def of_record(self) -> "Session":
        """The same session, in which nothing that is shown is read from a replica."""
        same = copy(self)
        same._viewing = self._viewing.of_record()
        return same

    def catch_up(self, progress: Progress | None = None) -> None:
        """Bring the views to the head in one pass, before many of them are shown."""
        self._viewing.catch_up(progress)

    def admit(self, section_class: str, what: str) -> None:
        """Let the viewer have data of a class, of which the first time in the session is recorded beforehand.

        Raises DeniedError: they are not in sight, or it cannot be recorded.
        """
        if section_class not in self._sight.classes:
            self._refuse(section_class, what, self._why_not(section_class))
        if section_class not in _CALLED or section_class in self._recorded:
            return
        cls: type[Event] = ArmAccessed
        said: dict[str, object] = {"what": what}
        if section_class == IDENTITY:
            cls = SealedIdentityAccessed if self._knows else IdentityAccessed
            said["sites"] = tuple(sorted(self._sight.sites or ()))
        self._record_or_deny(cls, f"access to {_CALLED[section_class]}", said)
        self._recorded.add(section_class)

    def exported(self, kind: str, classes: frozenset[str], sha256: str | None = None) -> None:
        """Record that data of these classes were exported. Raises DeniedError where that cannot be recorded."""
        cls: type[Event] = SealedExportMade if self._knows or classes - {PLAIN, IDENTITY} else ExportMade
        said: dict[str, object] = {"kind": kind, "classes": tuple(sorted(classes)), "sha256": sha256}
        self._record_or_deny(cls, "an export", said)

    @property
    def knows_arms(self) -> bool:
        """Whether the viewer has arms in sight, or is known to know one: then no open trace is left (rule 2)."""
        return self._knows

    def ask_anew_who_knows(self) -> None:
        """The viewer may have come to know an arm just now: it is looked up anew when it counts next."""
        self._knowing.clear()

    @property
    def _knows(self) -> bool:
        """Whether the viewer has arms in sight, or the record says that he knows one, of whomever (rule 2)."""
        if self._sight.arms:
            return True
        knowing = self._knowing[:1]
        if not knowing:
            knowing = [knows_some_arm(self.path, self.viewer.id)]
            self._knowing[:] = knowing
        return knowing[0]

    def _why_not(self, section_class: str) -> str:
        role = self.viewer.role
        if section_class != IDENTITY:
            return f"role {role}: may not see {_CALLED.get(section_class, section_class)}"
        hint = " but of the own sites; say which they are" if ROLES[Role(role)].identity else ""
        return f"role {role}: may not see names{hint}"

    def _record_or_deny(self, cls: type[Event], what: str, said: dict[str, object]) -> None:
        try:
            self._record(cls, said)
        except _NOT_RECORDED as error:
            message = f"role {self.viewer.role}: {what} has to be recorded, and cannot be ({error})"
            raise DeniedError(message) from None

    def _refuse(self, wanted: str, what: str, sentence: str) -> NoReturn:
        try:
            self._record(SealedAccessRefused if self._knows else AccessRefused, {"wanted": wanted, "what": what})
        except _NOT_RECORDED as error:
            sentence += f"; and this attempt could not be recorded ({error})"
        raise DeniedError(sentence)

    def _record(self, cls: type[Event], said: dict[str, object]) -> None:
        actor = Actor(self.viewer.id, self.viewer.org, self.viewer.role)
        if self._recorder is not None:
            self._recorder(cls, actor, **said)
            return
        trial = open_trial(self.path, clock=self._clock)
        try:
            trial.record_access(cls, actor, **said)
        finally:
            trial.close()
