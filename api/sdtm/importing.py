"""A folder of SDTM datasets as a new ledger: read, mapped to commands, submitted, accounted for row by row.

The ledger is made under a name of its own and takes its place only when the import is through, so that a folder that
cannot be read, or a disk that fills up, leaves nothing half-imported.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api.bootstrap import create_trial
from api.drafted import drafted
from api.sdtm.halves import Epochs
from api.sdtm.mapped import ACTOR_ID, Mapped
from api.sdtm.mapping import commands
from api.sdtm.protocol_of import protocol_from_sdtm
from api.sdtm.reading import read_folder, unread_files
from api.sdtm.report import Tally
from ledger.application import CommandRefusedError, TrialLedger
from ledger.domain.commands import CommandError, parse_command
from ledger.domain.protocol.terms import MASKING_ROLES
from ledger.keys.file import keys_folder
from ledger.proof.entry import Actor
from ledger.proof.ledger_file import LedgerFileError
from ledger.recording.live import utc_now


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import. `refused` counts commands that the ledger did not take; their rows are in `rejected`."""

    ledger: Path
    trial: str
    recorded: int
    refused: int
    by_command: dict[str, int]
    rejected: tuple[str, ...]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """As `import sdtm --json` prints it."""
        return {
            "ledger": str(self.ledger),
            "trial": self.trial,
            "recorded": self.recorded,
            "refused": self.refused,
            "commands": self.by_command,
            "rejected": list(self.rejected),
            "notes": list(self.notes),
        }


def import_folder(folder: Path, ledger: Path, *, on_command: Callable[[], None] = lambda: None) -> Imported:
    """Import `folder` into the new ledger file `ledger`. Raises SdtmError, LedgerFileError, StorageError."""
    if ledger.exists() or keys_folder(ledger).exists():
        raise LedgerFileError(f"{ledger}: exists already; an import makes a new ledger")
    datasets = read_folder(folder)
    protocol, notes = protocol_from_sdtm(datasets)
    if "DS" in datasets and any(protocol.masks(role) for role in MASKING_ROLES):
        Epochs.of(datasets).check(datasets["DS"])
    source = f"SDTM {protocol.trial_id}"
    tally = Tally(datasets, source, notes=notes, unread=unread_files(folder))
    begun = utc_now()  # the whole import bears one time: gaps between open entries would tell how many sealed ones were
    with drafted(ledger) as draft:
        trial = create_trial(
            draft,
            protocol,
            actor=Actor(ACTOR_ID, protocol.sponsor.name, "sponsor"),
            host="localhost",
            clock=lambda: begun,
            provenance={"kind": "import", "source": source, "synthesised": ["actor", "recorded_at"]},
            importing=True,
        )
        with closing(trial):
            counts, refused = _submit_all(
                trial,
                tally,
                commands(datasets, protocol, source=source),
                on_command,
                begun.isoformat(timespec="seconds"),
            )
    sealed = tally.sealed_report()
    opened = tally.open_report()
    return Imported(
        ledger,
        protocol.trial_id,
        sum(counts.values()),
        refused,
        counts,
        (*opened["rejected"], *sealed["rejected"]),
        (*opened["notes"], *sealed["notes"]),
    )


def _submit_all(
    trial: TrialLedger, tally: Tally, items: Any, on_command: Callable[[], None], at: str
) -> tuple[dict[str, int], int]:
    counts: dict[str, int] = {}
    refused = 0
    for item in items:
        if not isinstance(item, Mapped):
            tally.add(item)
            continue
        try:
            trial.submit(parse_command(item.command), importing=True)
        except CommandError as error:
            refused += 1
            tally.refused(item, error.refusals[0].field, error.refusals[0].message)
        except CommandRefusedError as error:
            refused += 1
            tally.refused(item, error.refusal.field, str(error.refusal.message))
        else:
            tally.add(item)
            counts[item.command["type"]] = counts.get(item.command["type"], 0) + 1
        on_command()
    for command in (tally.command(at), *tally.sealed_commands(at)):
        trial.submit(parse_command(command), importing=True)
        counts[command["type"]] = counts.get(command["type"], 0) + 1
    return counts, refused
