"""From datasets to commands: the same events, through the same commands, that anybody else would submit.

1. Every row of DM, DS, AE, SV and EX is carried by a command or rejected with a reason. None is dropped in silence.
2. Subjects come in the order of their randomization (else consent), so that enrolment numbers and places on the
   list are those of the dates. Within a subject consent is first, then everything by date (`story.py`).
3. The open half is made of rows without what may depend on an arm (`halves.py`). Two folders that differ only in
   that give the same open commands, byte for byte; the arm in `claim-randomization` is the sealed half's.
4. What no event takes of a row goes along beside it, as the source has it (`kept.py`).
5. Rows are checked here; rules of the trial (say, the cap) are the ledger's, which may refuse a command.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from api.sdtm.cells import CellError, Cells
from api.sdtm.conduct import death, disposition, visit
from api.sdtm.dataset import Dataset, Row
from api.sdtm.exposure import arm, by_date, note_actual_arm, texts_that_name_an_arm, treatment, unknown_arm
from api.sdtm.halves import SUBJECT_DOMAINS, Epochs, OpenSubject, SealedSubject, by_subject, open_rows, screened
from api.sdtm.kept import kept_sealed, kept_supplement, noted_supplement, unkept
from api.sdtm.mapped import Item, Mapped, Noted, Origin, Rejected
from api.sdtm.safety import action_taken, adverse_event
from api.sdtm.story import Placed
from api.sdtm.subjects import consent, milestones, screening
from ledger.domain.protocol import Protocol
from ledger.domain.vocabulary import ActionTaken

_SUBJECT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass
class _Story:
    """What a subject comes to: the consent, then the rest in order."""

    key: tuple[str, str]
    consent: Mapped
    rest: list[Placed] = field(default_factory=list)
    beside: list[Item] = field(default_factory=list)

    def items(self) -> Iterator[Item]:
        yield self.consent
        for placed in sorted(self.rest, key=lambda one: one[:4]):
            yield placed.item
        yield from self.beside


def commands(datasets: Mapping[str, Dataset], protocol: Protocol, *, source: str) -> Iterator[Item]:
    """The commands of an import with the rows that each carries, and the rows that none can carry, with reasons.

    `source` names where the data are from in every event (`SDTM CDISCPILOT01`). Sites are activated first.
    """
    study = next((dataset.study for dataset in datasets.values() if dataset.study), source)
    origin = Origin(source, protocol.sponsor.name[:200] or study)
    whole = {domain: datasets[domain].rows for domain in ("DM", *SUBJECT_DOMAINS) if domain in datasets}
    epochs = Epochs.of(datasets)
    opened = {domain: open_rows(datasets[domain], epochs) for domain in whole if domain != "EX"}
    sealed_rows, opened_rows = by_subject(whole), by_subject(opened)
    stories: list[_Story] = []
    for subject in sealed_rows:
        fault = _subject_fault(subject, sealed_rows[subject])
        if fault is None:
            try:
                stories.append(_story(subject, opened_rows[subject], sealed_rows[subject], protocol, origin, epochs))
                continue
            except CellError as error:
                fault = error
        yield from _all_rejected(sealed_rows[subject], fault)
    yield from _activations(stories, origin)
    for story in sorted(stories, key=lambda one: one.key):
        yield from story.items()
    yield from _supplements(datasets, {story.key[1] for story in stories})


def _story(
    subject: str,
    opened: Mapping[str, list[Row]],
    whole: Mapping[str, list[Row]],
    protocol: Protocol,
    origin: Origin,
    epochs: Epochs,
) -> _Story:
    dm = opened["DM"][0]
    rows = {domain: opened.get(domain, []) for domain in ("DS", "AE", "SV")}
    seen = OpenSubject(subject, screened(whole["DM"][0]), dm, rows["DS"], rows["AE"], rows["SV"])
    beside: list[Item] = [
        Rejected("DM", row.number, "USUBJID", f"{subject} has a row in DM already (row {dm.number})")
        for row in opened["DM"][1:]
    ]
    rest: list[Placed] = []
    kept: dict[str, list[Row]] = {}

    def taken(domain: str, key: Callable[[Cells], object], mapped: Callable[[Cells], Iterator[Placed]]) -> None:
        known: dict[object, int] = {}
        for row in rows[domain]:
            cells = Cells(domain, row)
            try:
                identity = key(cells)
                if identity in known:
                    raise CellError(_KEYS[domain], f"repeats row {known[identity]} of {subject}")
                found = list(mapped(cells))
                for column, reason in unkept(row):
                    cells.note(column, reason)
            except CellError as error:
                beside.append(cells.rejected(error))
                continue
            known[identity] = row.number
            kept.setdefault(domain, []).append(row)
            rest.extend(found)
            beside.extend(cells.notes)

    numbers: dict[str, int] = {}

    def visited(cells: Cells) -> Iterator[Placed]:
        number = cells.row.values.get("VISITNUM", "")
        found = visit(seen, cells, origin, numbers.get(number, 0))
        numbers[number] = numbers.get(number, 0) + 1
        yield found

    consented = consent(seen, origin)
    at = str(consented.command["occurred_at"])
    taken("SV", lambda cells: tuple(sorted(cells.row.values.items())), visited)
    taken("DS", lambda cells: cells.sequence("DSSEQ"), lambda cells: iter([disposition(seen, cells, origin)]))
    taken("AE", lambda cells: cells.sequence("AESEQ"), lambda cells: adverse_event(subject, cells, origin, at))
    seen = replace(seen, ds=kept.get("DS", []), ae=kept.get("AE", []), sv=kept.get("SV", []))
    rest.extend(screening(seen, protocol, origin, at))
    deaths = list(death(seen, origin))
    rest.extend(deaths)
    beside.extend(_after_death(seen, deaths))

    def whole_rows(domain: str, taken_in: list[Row]) -> list[Row]:
        numbers = {row.number for row in taken_in}
        return [row for row in whole.get(domain, []) if row.number in numbers]

    behind = SealedSubject(
        subject,
        whole["DM"][0],
        whole_rows("DS", seen.ds),
        whole_rows("AE", seen.ae),
        whole_rows("SV", seen.sv),
        whole.get("EX", []),
    )
    started = milestones(seen)
    first = started.randomized or started.enrolled
    story = _Story((first[0] if first else at, subject), consented, rest, beside)
    _seal(story, behind, protocol, origin, at, epochs)
    return story


_KEYS: Final = {"DS": "DSSEQ", "AE": "AESEQ", "SV": "VISITNUM", "EX": "EXSEQ"}


def _seal(
    story: _Story, subject: SealedSubject, protocol: Protocol, origin: Origin, consented: str, epochs: Epochs
) -> None:
    """Add the sealed half: the arm to the claim, actions taken, treatments. It takes nothing open away."""
    dm = Cells("DM", subject.dm, sealed=True)
    claims = [one for one in story.rest if isinstance(one.item, Mapped) and one.item.command["type"] == _CLAIM]
    for claim in claims:
        assert isinstance(claim.item, Mapped)
        try:
            claim.item.command["data"]["arm"] = arm(subject, protocol)
        except CellError as error:  # the claim stays, without an arm: that there is none would tell something of it
            story.beside.append(unknown_arm(dm, error))
    note_actual_arm(dm)
    for domain, rows in (("DS", subject.ds), ("AE", subject.ae), ("SV", subject.sv)):
        story.beside.extend(note for row in rows for note in texts_that_name_an_arm(domain, row, protocol))
    story.beside.extend(dm.notes)
    known: dict[int, int] = {}
    reference = subject.dm.values.get("RFSTDTC")
    for domain, rows in (("DM", [subject.dm]), ("DS", subject.ds), ("SV", subject.sv), ("AE", subject.ae)):
        for row in rows:
            if found := kept_sealed(domain, row, _taken(domain, row, epochs), reference):
                story.beside.append(found)
    for row in subject.ae:
        _sealed_row(story, Cells("AE", row, sealed=True), lambda c: action_taken(subject.id, c, origin, consented))

    def given(cells: Cells) -> Iterator[Placed]:
        sequence = cells.sequence("EXSEQ")
        if sequence in known:
            raise CellError("EXSEQ", f"repeats row {known[sequence]} of {subject.id}")
        # A rejected row takes no number: doses are numbered as they are recorded.
        found = treatment(subject.id, len(known) + 1, cells, origin, reference)
        known[sequence] = cells.row.number
        yield found

    for row in by_date(subject.ex):
        _sealed_row(story, Cells("EX", row, sealed=True), given)


_CLAIM: Final = "claim-randomization"


def _taken(domain: str, row: Row, epochs: Epochs) -> dict[str, str | None]:
    """What events take of the columns that are otherwise kept in the sealed book."""
    if epochs.tells(domain, row):
        return {"EPOCH": row.values["EPOCH"]}
    columns: dict[str, tuple[str, set[str]]] = {"AE": ("AEACN", set(ActionTaken))}
    name, known = columns.get(domain, ("", set()))
    return {name: row.values[name]} if row.values.get(name) in known else {}


def _supplements(datasets: Mapping[str, Dataset], subjects: set[str]) -> Iterator[Item]:
    for name, dataset in datasets.items():
        for row in dataset.rows if name.startswith("SUPP") else ():
            if row.values.get("USUBJID") in subjects:
                yield kept_supplement(name, row)
                yield from noted_supplement(name, row)
            else:
                yield Rejected(name, row.number, "USUBJID", "is not a subject that was imported", sealed=True)


def _sealed_row(story: _Story, cells: Cells, mapped: Callable[[Cells], Iterator[Placed]]) -> None:
    try:
        story.rest.extend(list(mapped(cells)))
    except CellError as error:
        story.beside.append(cells.rejected(error))
        return
    if cells.domain == "EX":
        for column, reason in unkept(cells.row):
            cells.note(column, reason)
    story.beside.extend(cells.notes)


def _subject_fault(subject: str, rows: Mapping[str, list[Row]]) -> CellError | None:
    if not subject:
        return CellError("USUBJID", "is missing, and a row needs its subject")
    if "DM" not in rows:
        return CellError("USUBJID", f"{subject!a} is not a subject of DM")
    if not _SUBJECT.fullmatch(subject):
        rule = "letters, digits, dot, underscore and hyphen, at most 64"
        return CellError("USUBJID", f"{subject[:80]!a} cannot be a subject's id here ({rule})")
    return None


def _all_rejected(rows: Mapping[str, list[Row]], fault: CellError) -> Iterator[Rejected]:
    for domain, listed in rows.items():
        for row in listed:
            reason = fault.reason
            if domain != "DM" and fault.field != "USUBJID":
                reason = f"the subject's row in DM is rejected: {fault.field} {fault.reason}"
            field_of = fault.field if domain == "DM" else "USUBJID"
            yield Rejected(domain, row.number, field_of, reason, sealed=domain == "EX")


def _activations(stories: list[_Story], origin: Origin) -> Iterator[Mapped]:
    """Each site's activation at its first consent: SDTM has none, and a consent at a closed site is a deviation."""
    first: dict[str, str] = {}
    for story in stories:
        site, at = str(story.consent.command["data"]["site"]), str(story.consent.command["occurred_at"])
        first[site] = min(first.get(site, at), at)
    for site, at in sorted(first.items(), key=lambda one: (one[1], one[0])):
        data = {"site": site, "reason": "not in SDTM: taken as active from the first consent"}
        synthesised = ("site activation", "occurred_at", "reason")
        yield origin.command(
            "activate-site",
            f"site-{site}",
            at,
            data,
            record=f"DM SITEID {site}",
            synthesised=synthesised,
            imputed=("occurred_at",),
        )


def _after_death(subject: OpenSubject, deaths: list[Placed]) -> Iterator[Noted]:
    """Visits and onsets of adverse events after the day of death: listed, and recorded as they are."""
    died = next((placed.day for placed in deaths if isinstance(placed.item, Mapped)), None)
    if died is None or len(died) < 10:
        return
    for domain, rows, column in (("SV", subject.sv, "SVSTDTC"), ("AE", subject.ae, "AESTDTC")):
        for row in rows:
            at = row.values.get(column, "")[:10]
            if at[: len(died)] > died[: len(at)]:
                yield Noted(domain, row.number, column, f"{at} lies after the death of {subject.id} on {died}")
