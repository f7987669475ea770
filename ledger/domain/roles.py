"""Who may see and do what: the one table of roles. What it does not grant is denied.

1. A role sees books, and in them sections of certain classes. A role that the protocol masks sees the open book only.
2. Arms (the sealed book) are for pharmacist, statistician, dmc and safety-physician; a care provider, investigator or
   outcomes assessor whom the protocol does not mask has them too. So has whoever was unblinded for the whole trial by
   an approved request, in the role that it names; and, once the allocation is opened, every role. A participant never
   is shown them: what one subject may see of its own record alone is another matter. (The opened secret stands in the
   open book, and whoever reads that can derive every arm.)
3. Names (class `identity`) are for investigator, care-provider and monitor, of the own sites: those that a viewer
   brings along. Without a site there are no names.
   An auditor or inspector has names, and arms, by grants to the person (`grants.py`), those that stand today.
4. A role that always sees arms records into the sealed book only, for what it adds may come from what it knows. A
   closed list is open whoever gives it (`decisions/routing.py`): a committee's recommendation, unblinding, and, with
   its reporter named in the sealed book alone, death, vital status, and withdrawal.
5. An import is done by a data manager, who may then issue every command: that the provenance says `import` makes it
   a claim of the source. Only the importer lets such a provenance in; whoever submits commands has no such licence,
   nor has a simulation.
6. Who corrects or voids a record needs a role that may make such a record (`decisions/targets.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ledger.domain.grants import classes_of
from ledger.domain.protocol import Protocol
from ledger.domain.state import TrialState
from ledger.domain.vocabulary import Book, Role
from ledger.proof.sections import ANCHOR, ARM, HEADER, IDENTITY, PLAIN


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks: a pseudonym, the role in which it is done, the organisation, and the sites that are the own ones."""

    id: str
    role: str
    org: str
    sites: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Sight:
    """The books that somebody may read, and the section classes in them.

    `sites`: of whose subjects names are in sight (None: of all).
    """

    books: frozenset[Book]
    classes: frozenset[str]
    sites: frozenset[str] | None = frozenset()

    @property
    def arms(self) -> bool:
        """Whether arms are in sight."""
        return Book.SEALED in self.books and ARM in self.classes

    @property
    def names(self) -> bool:
        """Whether names of persons are in sight, of any site."""
        return Book.OPEN in self.books and IDENTITY in self.classes

    def names_at(self, site: str | None) -> bool:
        """Whether the names of a site's subjects are in sight."""
        return self.names and (self.sites is None or site in self.sites)


NOTHING: Final = Sight(frozenset(), frozenset())
"""What a role sees that this table does not know."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a role has: `arms` always, never (False), or (None) unless the protocol masks it; names of the own sites.

    `by_grant`: a person in this role may be granted more. `never_arms`: whatever happens.
    """

    arms: bool | None = False
    identity: bool = False
    everything: bool = False
    by_grant: bool = False
    never_arms: bool = False
    commands: frozenset[str] = frozenset()


_AT_THE_SITE: Final = (
    "record-consent renew-consent withdraw-consent record-screening randomize-subject record-visit "
    "report-adverse-event follow-up-adverse-event record-vital-status record-death report-deviation "
    "record-disposition correct-record void-record report-wrong-stratum record-allocation-out-of-turn"
)
_ALLOCATION: Final = "commit-allocation bind-allocation open-allocation"
# Whoever works in a trial may come to know an arm by mistake, or learn that somebody else did.
_BY_ANYBODY: Final = "report-inadvertent-unblinding"
# Nobody whose role tells an arm is named for these in the open book (`decisions/routing.py`).
_NAMELESS: Final = "record-death record-vital-status withdraw-consent report-inadvertent-unblinding"
_EMERGENCY: Final = "break-code report-envelope-opened"
_CONDUCT: Final = (
    "register-trial amend-protocol activate-site close-site halt-trial suspend-trial impose-clinical-hold "
    "restart-trial terminate-trial record-notification record-dmc-recommendation declare-data-cut-off "
    "lock-database unlock-database"
)


def _commands(*names: str) -> frozenset[str]:
    return frozenset(" ".join(names).split())


ROLES: Final[Mapping[Role, Grant]] = {
    Role.PARTICIPANT: Grant(never_arms=True, commands=_commands("withdraw-consent")),
    Role.CARE_PROVIDER: Grant(arms=None, identity=True, commands=_commands(_AT_THE_SITE, _EMERGENCY, _BY_ANYBODY)),
    # That somebody is eligible, or may take part although not, is a physician's decision (ICH E6(R3) 2.7).
    Role.INVESTIGATOR: Grant(
        arms=None,
        identity=True,
        commands=_commands(_AT_THE_SITE, _EMERGENCY, _BY_ANYBODY, "enrol-subject grant-waiver erase-identity"),
    ),
    Role.OUTCOMES_ASSESSOR: Grant(
        arms=None,
        commands=_commands(
            "record-visit report-adverse-event record-vital-status record-death correct-record void-record",
            _BY_ANYBODY,
        ),
    ),
    Role.PHARMACIST: Grant(
        arms=True,
        commands=_commands(
            "prepare-product record-treatment record-interruption record-action-taken",
            "correct-sealed-record void-sealed-record report-envelope-opened",
            _NAMELESS,
        ),
    ),
    Role.STATISTICIAN: Grant(
        arms=True,
        commands=_commands(_ALLOCATION, _NAMELESS, "request-unblinding approve-unblinding record-envelopes-exported"),
    ),
    Role.DMC: Grant(
        arms=True,
        commands=_commands("record-dmc-recommendation request-unblinding approve-unblinding", _NAMELESS),
    ),
    Role.SAFETY_PHYSICIAN: Grant(
        arms=True,
        commands=_commands(
            "record-action-taken assess-expectedness report-unexpected-reaction",
            "correct-sealed-record void-sealed-record request-unblinding",
            _EMERGENCY,
            _NAMELESS,
        ),
    ),
    Role.MONITOR: Grant(
        identity=True,
        commands=_commands("report-wrong-stratum report-deviation report-envelope-opened", _BY_ANYBODY),
    ),
    Role.AUDITOR: Grant(by_grant=True, commands=_commands("report-deviation", _BY_ANYBODY)),
    Role.INSPECTOR: Grant(by_grant=True, commands=_commands(_BY_ANYBODY)),
    Role.SPONSOR: Grant(
        commands=_commands(
            _CONDUCT,
            "bind-allocation open-allocation",
            "grant-waiver report-deviation correct-record void-record grant-access revoke-access",
            "request-unblinding approve-unblinding record-envelopes-exported report-envelope-opened erase-identity",
            _BY_ANYBODY,
        )
    ),
    Role.DATA_MANAGER: Grant(
        commands=_commands(
            "declare-data-cut-off lock-database unlock-database report-import code-adverse-event report-deviation",
            "correct-record void-record report-wrong-stratum",
            "request-unblinding report-envelope-opened erase-identity",
            _BY_ANYBODY,
        )
    ),
    Role.ARCHIVE: Grant(everything=True),
}


def sight(
    viewer: Viewer | str, protocol: Protocol, trial: TrialState | None = None, *, now: str | None = None
) -> Sight:
    """What a viewer (or somebody without a name, in a role) may see of a trial with this protocol.

    `trial`: the trial as it stands, for what has been granted, unblinded and opened in it; `now`: for grants that end.
    Nothing, for a role that is not in the table.
    """
    if isinstance(viewer, str):
        viewer = Viewer("", viewer, "")
    grant = ROLES.get(Role(viewer.role)) if viewer.role in set(Role) else None
    if grant is None:
        return NOTHING
    if grant.everything:
        return Sight(frozenset(Book), frozenset({PLAIN, IDENTITY, ARM, HEADER, ANCHOR}), None)
    has = classes_of(trial.grants, viewer.id, viewer.role, now) if trial is not None and grant.by_grant else frozenset()
    arms = not protocol.is_masked_role(viewer.role) if grant.arms is None else grant.arms
    arms = not grant.never_arms and (arms or ARM in has or (trial is not None and _unblinded(viewer, trial)))
    sites = viewer.sites if grant.identity else None if IDENTITY in has else frozenset[str]()
    books = {Book.OPEN, Book.SEALED} if arms else {Book.OPEN}
    classes = {PLAIN} | ({ARM} if arms else set()) | ({IDENTITY} if sites is None or sites else set())
    return Sight(frozenset(books), frozenset(classes), sites)


def _unblinded(viewer: Viewer, trial: TrialState) -> bool:
    """Whether the allocation is opened, or this person was unblinded for the whole trial as had been asked for.

    Who was unblinded inadvertently knows arms, but has no right to be shown them.
    """
    if trial.allocation.opened_at is not None:
        return True
    asked = trial.unblinded.requests.values()
    return any(
        one.approved and not one.subjects and (one.person, one.role) == (viewer.id, viewer.role) for one in asked
    )


def roles_for(command_type: str) -> frozenset[Role]:
    """The roles that may issue commands of a type."""
    return frozenset(role for role, grant in ROLES.items() if command_type in grant.commands)


def may_issue(role: Role, command_type: str, *, imported: bool) -> bool:
    """Whether `role` may issue a command of a type; `imported`: its provenance says that it is an import's."""
    if imported and role is Role.DATA_MANAGER:
        return True
    return command_type in ROLES[role].commands
