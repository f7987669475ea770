"""Who may see and do what: the one table of roles. What it does not grant is denied.

1. A role sees books, and in them sections of certain classes. A role that the protocol masks sees the open book only.
2. Arms (the sealed book) are for pharmacist, statistician, dmc and safety-physician; a care provider, investigator or
   outcomes assessor whom the protocol does not mask has them too. A participant never has: what one subject may see of
   its own record alone is a matter of scope.
3. Names (class `identity`) are for investigator, care-provider and monitor. That they are those of the own site is a
   matter of scope too, which this table does not know yet; nor does it know the grants of auditor and inspector, who
   therefore have the open book without names.
4. A role that always sees arms records into the sealed book only, for what it adds may come from what it knows. The
   recommendation of a committee is open whoever gives it.
5. An import is done by a data manager, who may then issue every command: that the provenance says `import` makes it
   a claim of the source. Only the importer lets such a provenance in; whoever submits commands has no such licence,
   nor has a simulation.
6. Who corrects or voids a record needs a role that may make such a record (`decisions/targets.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ledger.domain.protocol import Protocol
from ledger.domain.vocabulary import Book, Role
from ledger.proof.sections import ANCHOR, ARM, HEADER, IDENTITY, PLAIN


@dataclass(frozen=True, slots=True)
class Sight:
    """The books that somebody may read, and the section classes in them."""

    books: frozenset[Book]
    classes: frozenset[str]

    @property
    def arms(self) -> bool:
        """Whether arms are in sight."""
        return Book.SEALED in self.books and ARM in self.classes


NOTHING: Final = Sight(frozenset(), frozenset())
"""What a role sees that this table does not know."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a role has: `arms` always, never (False), or (None) unless the protocol masks it."""

    arms: bool | None = False
    identity: bool = False
    everything: bool = False
    commands: frozenset[str] = frozenset()


_AT_THE_SITE: Final = (
    "record-consent renew-consent withdraw-consent record-screening randomize-subject record-visit "
    "report-adverse-event follow-up-adverse-event record-vital-status record-death report-deviation "
    "record-disposition correct-record void-record"
)
_CONDUCT: Final = (
    "register-trial amend-protocol activate-site close-site halt-trial suspend-trial impose-clinical-hold "
    "restart-trial terminate-trial record-dmc-recommendation declare-data-cut-off lock-database unlock-database"
)


def _commands(*names: str) -> frozenset[str]:
    return frozenset(" ".join(names).split())


ROLES: Final[Mapping[Role, Grant]] = {
    Role.PARTICIPANT: Grant(commands=_commands("withdraw-consent")),
    Role.CARE_PROVIDER: Grant(arms=None, identity=True, commands=_commands(_AT_THE_SITE)),
    # That somebody is eligible, or may take part although not, is a physician's decision (ICH E6(R3) 2.7).
    Role.INVESTIGATOR: Grant(arms=None, identity=True, commands=_commands(_AT_THE_SITE, "enrol-subject grant-waiver")),
    Role.OUTCOMES_ASSESSOR: Grant(
        arms=None,
        commands=_commands(
            "record-visit report-adverse-event record-vital-status record-death correct-record void-record"
        ),
    ),
    Role.PHARMACIST: Grant(
        arms=True,
        commands=_commands("record-treatment record-action-taken correct-sealed-record void-sealed-record"),
    ),
    Role.STATISTICIAN: Grant(arms=True),
    Role.DMC: Grant(arms=True, commands=_commands("record-dmc-recommendation")),
    Role.SAFETY_PHYSICIAN: Grant(
        arms=True, commands=_commands("record-action-taken correct-sealed-record void-sealed-record")
    ),
    Role.MONITOR: Grant(identity=True, commands=_commands("report-deviation")),
    Role.AUDITOR: Grant(commands=_commands("report-deviation")),
    Role.INSPECTOR: Grant(),
    Role.SPONSOR: Grant(commands=_commands(_CONDUCT, "grant-waiver report-deviation correct-record void-record")),
    Role.DATA_MANAGER: Grant(
        commands=_commands(
            "declare-data-cut-off lock-database unlock-database report-import code-adverse-event report-deviation",
            "correct-record void-record",
        )
    ),
    Role.ARCHIVE: Grant(everything=True),
}


def sight(role: str, protocol: Protocol) -> Sight:
    """What `role` may see of a trial with this protocol; nothing, for a role that is not in the table."""
    grant = ROLES.get(Role(role)) if role in set(Role) else None
    if grant is None:
        return NOTHING
    if grant.everything:
        return Sight(frozenset(Book), frozenset({PLAIN, IDENTITY, ARM, HEADER, ANCHOR}))
    arms = not protocol.is_masked_role(role) if grant.arms is None else grant.arms
    books = {Book.OPEN, Book.SEALED} if arms else {Book.OPEN}
    classes = {PLAIN} | ({ARM} if arms else set()) | ({IDENTITY} if grant.identity else set())
    return Sight(frozenset(books), frozenset(classes))


def roles_for(command_type: str) -> frozenset[Role]:
    """The roles that may issue commands of a type."""
    return frozenset(role for role, grant in ROLES.items() if command_type in grant.commands)


def may_issue(role: Role, command_type: str, *, imported: bool) -> bool:
    """Whether `role` may issue a command of a type; `imported`: its provenance says that it is an import's."""
    if imported and role is Role.DATA_MANAGER:
        return True
    return command_type in ROLES[role].commands
