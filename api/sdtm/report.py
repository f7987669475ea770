"""What came of an import: files, counts, rejected rows with their reasons, and what else there is to know.

1. Each row counts once: recorded if a command that carries it was taken, else rejected. Their sum is the file's rows.
2. There are two reports. The open one goes into the open book (`report-import`) and says nothing that depends on an
   arm; the sealed one, with EX and the digests of the whole files, is for who imports and for the sealed book.
3. A file with columns that are not open stands in the open report with the digest of its other columns: the digest
   of a whole file would let a masked person test guesses at who has which arm, or what name.
   That digest is the SHA-256 of the canonical JSON of its rows, each an object of the values that are there.
4. Contradictions are listed. Nothing is put right here.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from api.sdtm.dataset import Dataset, Row
from api.sdtm.halves import (
    OPEN_DOMAINS,
    SUBJECT_DOMAINS,
    Epochs,
    is_open_column,
    names_a_person,
    open_rows,
    without_persons,
)
from api.sdtm.mapped import ACTOR_ID, Item, Kept, Mapped, Noted, Rejected, RowId
from api.sdtm.summary import value_of
from ledger.proof.canonical import encode

TOOL: Final = "trial-ledger import sdtm"

KEPT_IN_ONE: Final = 500
"""How many rows one report keeps values of."""


class Tally:
    """Counts what becomes of each row while an import goes on, and reports it at the end."""

    def __init__(
        self,
        datasets: Mapping[str, Dataset],
        source: str,
        *,
        notes: Iterable[str] = (),
        unread: Iterable[Path] = (),
    ) -> None:
        self._datasets = datasets
        self._epochs = Epochs.of(datasets)
        self._source = source
        self._notes = [*notes, *_about_files(datasets), *(f"{path.name}: not read" for path in unread)]
        self._recorded: set[RowId] = set()
        self._in_the_open: set[RowId] = set()
        self._rejected: list[Rejected] = []
        self._noted: list[Noted] = []
        self._kept: list[Kept] = []
        self._organisation = source

    def add(self, item: Item) -> None:
        """An item of `commands`; a command only once the ledger has taken it (else: `refused`)."""
        match item:
            case Mapped():
                self._recorded.update(item.rows)
                if not item.sealed:
                    self._in_the_open.update(item.rows)
                self._organisation = item.command["actor"]["org"]
            case Rejected():
                self._rejected.append(item)
            case Noted():
                self._noted.append(item)
            case Kept():
                self._kept.append(item)
                self._recorded.add((item.domain, item.row))

    def refused(self, mapped: Mapped, field: str, reason: str) -> None:
        """A command that the ledger refused: its rows are rejected, unless another command carries them."""
        for domain, row in mapped.rows:
            told = f"{mapped.command['type']} refused: {reason}"
            self._rejected.append(Rejected(domain, row, field, told, sealed=mapped.sealed))

    @property
    def rejected(self) -> tuple[Rejected, ...]:
        """Every rejection so far, sealed ones too."""
        return tuple(self._rejected)

    def unaccounted(self, *, opened: bool = False) -> list[RowId]:
        """Rows of which nothing was said. There are none unless the import itself is at fault.

        `opened`: rows that are open, of which nothing open was said.
        """
        told = {(one.domain, one.row) for one in self._rejected if not (opened and one.sealed)}
        told |= self._in_the_open if opened else self._recorded
        domains = ("DM", *(domain for domain in SUBJECT_DOMAINS if not (opened and domain == "EX")))
        rows = ((domain, row.number) for domain in domains for row in self._rows(domain))
        return [row for row in rows if row not in told]

    def command(self, at: str) -> dict[str, Any]:
        """The open `report-import` command, `at` being when the import ended."""
        return self._report("report-import", at, self.open_report())

    def sealed_commands(self, at: str) -> Iterator[dict[str, Any]]:
        """The `report-sealed-import` commands, which only write the sealed book: the report, and the values kept."""
        yield self._report("report-sealed-import", at, self.sealed_report())
        for start in range(0, len(self._kept), KEPT_IN_ONE):
            kept = self._kept[start : start + KEPT_IN_ONE]
            rows = [{"dataset": one.domain, "subject": one.subject, "values": one.values} for one in kept]
            yield self._report("report-sealed-import", at, {"tool": TOOL, "files": [], "kept": rows})

    def _report(self, type_: str, at: str, data: dict[str, Any]) -> dict[str, Any]:
        digest = hashlib.sha256(encode([type_, at, data])).hexdigest()
        return {
            "id": f"sdtm-report-{digest[:32]}",
            "type": type_,
            "actor": {"id": ACTOR_ID, "role": "data-manager", "org": self._organisation},
            "occurred_at": at,
            "data": data,
            "provenance": {"kind": "import", "source": self._source},
        }

    def open_report(self) -> dict[str, Any]:
        """The report without what depends on an arm."""
        return self._data(sealed=False)

    def sealed_report(self) -> dict[str, Any]:
        """The same report of the whole files, arms and EX included; never for the open book."""
        return self._data(sealed=True)

    def _data(self, *, sealed: bool) -> dict[str, Any]:
        wanted = self._datasets if sealed else [domain for domain in OPEN_DOMAINS if domain in self._datasets]
        lost = [
            Rejected(*row, "USUBJID", "nothing was made of the row", sealed)
            for row in self.unaccounted(opened=not sealed)
        ]
        notes = [] if sealed else list(self._notes)
        notes += [line for domain in ("DM", *SUBJECT_DOMAINS) if (line := self._not_carried(domain, sealed=sealed))]
        return {
            "tool": TOOL,
            "files": [self._file(self._datasets[domain], sealed=sealed) for domain in wanted],
            "rejected": [self._line(one) for one in (*self._rejected, *lost) if one.sealed == sealed],
            "notes": [*notes, *self._grouped(one for one in self._noted if one.sealed == sealed)],
        }

    def _file(self, dataset: Dataset, *, sealed: bool) -> dict[str, Any]:
        name, rows = dataset.path.name, dataset.rows
        of_subjects = dataset.domain in ("DM", *SUBJECT_DOMAINS)
        hidden = any(not is_open_column(dataset.domain, column) for column in dataset.columns)
        if of_subjects and hidden and not sealed:
            name += " (open columns)"
            digest = hashlib.sha256(encode([dict(row.values) for row in open_rows(dataset, self._epochs)])).hexdigest()
        elif dataset.domain == "TS" and len(rows) > len(without_persons(dataset)):
            name, rows = f"{name} (without persons)", without_persons(dataset)
            digest = hashlib.sha256(encode([dict(row.values) for row in rows])).hexdigest()
        else:
            digest = hashlib.sha256(dataset.path.read_bytes()).hexdigest()
        if dataset.domain == "TS":
            recorded = sum(value_of(row) is not None for row in rows)
        elif not of_subjects:
            recorded = len(rows)
        else:
            taken = self._recorded if sealed else self._in_the_open
            recorded = sum((dataset.domain, row.number) in taken for row in rows)
        return {
            "name": name,
            "sha256": digest,
            "rows": len(rows),
            "recorded": recorded,
            "rejected": len(rows) - recorded,
        }

    def _not_carried(self, domain: str, *, sealed: bool) -> str | None:
        columns = dict.fromkeys(column for row in self._rows(domain) for column in row.values)
        left = [column for column in columns if names_a_person(column)]
        if sealed or not left:
            return None
        return f"{domain}: columns that name a person, and are kept nowhere: {', '.join(left)}"

    def _rows(self, domain: str) -> list[Row]:
        return self._datasets[domain].rows if domain in self._datasets else []

    def _place(self, domain: str) -> str:
        dataset = self._datasets[domain]
        return f"{dataset.path.name}, {dataset.counted}"

    def _line(self, one: Rejected) -> str:
        return f"{self._place(one.domain)} {one.row}, field {one.field}: {one.reason}"[:4000]

    def _grouped(self, noted: Iterable[Noted]) -> list[str]:
        """One note for all rows of which the same is to be said."""
        groups: dict[tuple[str, str, str], list[int]] = {}
        for one in noted:
            groups.setdefault((one.domain, one.field, one.reason), []).append(one.row)
        return [
            f"{self._place(domain)} {', '.join(map(str, sorted(rows)))}, field {field}: {reason}"
            for (domain, field, reason), rows in sorted(groups.items())
        ]


def _about_files(datasets: Mapping[str, Dataset]) -> list[str]:
    notes = [
        f"{dataset.path.name}: not UTF-8, read as Windows-1252 (cp1252)"
        for dataset in datasets.values()
        if dataset.encoding == "cp1252"
    ]
    if supplements := [dataset.path.name for name, dataset in datasets.items() if name.startswith("SUPP")]:
        notes.append(f"{', '.join(supplements)}: supplemental qualifiers, kept in the sealed book as they stand")
    if absent := [domain for domain in SUBJECT_DOMAINS if domain not in datasets]:
        notes.append(f"There is no dataset {', '.join(absent)}")
    return notes
