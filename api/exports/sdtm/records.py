"""What the datasets are made of while a subject is told: records, their numbers, and what refers to them.

1. A record that came with a number (an import's --SEQ) keeps it; the others are numbered on, in the order in which
   they were recorded.
2. Qualifiers that SDTMIG has no variable for become rows of SUPP--; a deviation that the ledger raised beside a record
   becomes two rows of RELREC.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from api.exports.sdtm.variables import dataset_of
from ledger.domain.history import Fact
from ledger.domain.vocabulary import Book

Row = dict[str, Any]
"""Variable -> value: text, an integer, or a decimal as its digits. What is missing is absent or None."""


@dataclass(slots=True)
class Record:
    """One row of a domain, before it has its number."""

    values: Row
    sequence: int | None = None
    qualifiers: list[tuple[str, str, str]] = field(default_factory=list)
    """(QNAM, QLABEL, QVAL)"""
    made_by: tuple[Book, str] | None = None
    """The book and the command of the fact that it is of."""

    def qualify(self, name: str, label: str, value: Any) -> None:
        """Add a qualifier, if it has a value."""
        if value is not None:
            self.qualifiers.append((name, label, str(value)))


_BY_VISIT: Final = "VISITNUM"


class Told:
    """The records of one subject."""

    def __init__(self, study: str, usubjid: str) -> None:
        self.study = study
        self.usubjid = usubjid
        self.records: dict[str, list[Record]] = {}
        self.supplements: dict[str, list[Row]] = {}
        """Rows of SUPP-- that a source has given as they are."""

    def add(
        self, domain: str, values: Mapping[str, Any], fact: Fact | None = None, sequence: str | None = None
    ) -> Record:
        """A record of a domain."""
        number = int(float(sequence)) if sequence else None
        made_by = None if fact is None else (fact.book, fact.command)
        record = Record(dict(values), number, made_by=made_by)
        self.records.setdefault(domain, []).append(record)
        return record

    def rows(self) -> Iterator[tuple[str, Row]]:
        """(dataset, row) of all records, numbered, with their qualifiers and relations."""
        for domain, records in self.records.items():
            for row in self._numbered(domain, records):
                yield domain, {"STUDYID": self.study, "DOMAIN": domain, "USUBJID": self.usubjid, **row}
        for domain, records in self.records.items():
            for record in records:
                for name, label, value in record.qualifiers:
                    yield f"SUPP{domain}", self._qualifier(domain, record, name, label, value)
        for name, rows in self.supplements.items():
            for row in rows:
                yield (
                    name,
                    {"STUDYID": self.study, "RDOMAIN": name.removeprefix("SUPP"), "USUBJID": self.usubjid, **row},
                )
        yield from self._relations()

    def _numbered(self, domain: str, records: list[Record]) -> Iterator[Row]:
        name = dataset_of(domain).sequence
        if name is None:
            yield from (record.values for record in records)
            return
        last = max((record.sequence or 0 for record in records), default=0)
        for record in records:
            if record.sequence is None:
                last += 1
                record.sequence = last
        records.sort(key=lambda record: record.sequence or 0)
        for record in records:
            yield {name: record.sequence, **record.values}

    def _qualifier(self, domain: str, record: Record, name: str, label: str, value: str) -> Row:
        variable, key = _key(domain, record)
        return {
            "STUDYID": self.study,
            "RDOMAIN": domain,
            "USUBJID": self.usubjid,
            "IDVAR": variable,
            "IDVARVAL": key,
            "QNAM": name,
            "QLABEL": label,
            "QVAL": value,
            "QORIG": "CRF",
        }

    def _relations(self) -> Iterator[tuple[str, Row]]:
        made: dict[tuple[Book, str], list[tuple[str, Record]]] = {}
        for domain, records in self.records.items():
            for record in records:
                if record.made_by is not None and domain not in ("DM", "SE"):
                    made.setdefault(record.made_by, []).append((domain, record))
        number = 0
        for related in made.values():
            about = [one for one in related if one[0] != "DV"]
            for deviation in (record for domain, record in related if domain == "DV"):
                for domain, record in about:
                    number += 1
                    for name, one in (("DV", deviation), (domain, record)):
                        variable, key = _key(name, one)
                        yield (
                            "RELREC",
                            {
                                "STUDYID": self.study,
                                "RDOMAIN": name,
                                "USUBJID": self.usubjid,
                                "IDVAR": variable,
                                "IDVARVAL": key,
                                "RELID": f"DV{number}",
                            },
                        )


def _key(domain: str, record: Record) -> tuple[str | None, str | None]:
    """How a record is referred to: by its number, a visit by VISITNUM, the subject's row of DM by nothing more."""
    if dataset_of(domain).sequence:
        return f"{domain}SEQ", str(record.sequence)
    if domain == "SV":
        return _BY_VISIT, str(record.values[_BY_VISIT])
    return None, None
