"""What becomes of a row: a command, a rejection with its reason, or a command and a remark. Nothing else.

1. Every command says that it is an import's, which record of the source it comes from, which of its fields the
   source does not have (`synthesised`), and which were taken from another variable than their own (`imputed`).
2. Command ids follow from the source alone: the same folder imported twice is the same commands twice.
3. What depends on an arm is marked `sealed`, be it a command, a rejection or a remark (see `halves.py`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

SEALED_COMMANDS: Final = ("record-treatment", "record-action-taken")
"""The commands that only write the sealed book."""

ACTOR_ID: Final = "sdtm-import"
_ALWAYS: Final = ("actor", "recorded_at")

RowId = tuple[str, int]
"""A domain and the number of a row in it."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """A command, and the rows that it carries."""

    command: dict[str, Any]
    rows: tuple[RowId, ...]

    @property
    def sealed(self) -> bool:
        """Whether the whole command depends on an arm. Of `claim-randomization`, only the member `arm` does."""
        return self.command["type"] in SEALED_COMMANDS


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that is not recorded, or (an unknown arm) not as what it should be: which field breaks which rule."""

    domain: str
    row: int
    field: str
    reason: str
    sealed: bool = False


@dataclass(frozen=True, slots=True)
class Noted:
    """Something to know of a row that is recorded: a value no event can carry, or two that contradict each other."""

    domain: str
    row: int
    field: str
    reason: str
    sealed: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """Values of a row that may depend on an arm, for the sealed report of the import to hold (`kept.py`)."""

    domain: str
    row: int
    subject: str
    values: dict[str, str]

    @property
    def sealed(self) -> bool:
        return True


Item = Mapped | Rejected | Noted | Kept


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the commands come from: makes their envelopes."""

    source: str
    organisation: str

    def command(
        self,
        kind: str,
        key: str,
        occurred_at: str,
        data: dict[str, Any],
        *,
        record: str,
        rows: Iterable[RowId] = (),
        synthesised: Sequence[str] = (),
        imputed: Sequence[str] = (),
        values: dict[str, str] | None = None,
    ) -> Mapped:
        """The command `kind` with the id `sdtm-<key>`; members of `data` that are None are left out.

        `values`: what else the row says (`kept.py`).
        """
        provenance: dict[str, Any] = {
            "kind": "import",
            "source": self.source,
            "record": record[:200],
            "synthesised": [*_ALWAYS, *synthesised],
        }
        if imputed:
            provenance["imputed"] = list(imputed)
        if values:
            provenance["values"] = values
        return Mapped(
            {
                "id": f"sdtm-{key}",
                "type": kind,
                "actor": {"id": ACTOR_ID, "role": "data-manager", "org": self.organisation},
                "occurred_at": occurred_at,
                "data": {name: value for name, value in data.items() if value is not None},
                "provenance": provenance,
            },
            tuple(rows),
        )
