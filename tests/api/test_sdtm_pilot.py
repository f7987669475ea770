"""The import of CDISCPILOT01: counts, dates, labels, and an open half that knows no arm."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

from api.sdtm import Dataset, read_folder, unread_files
from api.sdtm.mapped import Item, Mapped, Noted
from api.sdtm.mapping import commands
from api.sdtm.protocol_of import protocol_from_sdtm
from api.sdtm.report import Tally
from ledger.domain.events.base import Facts, Provenance
from ledger.domain.events.conduct import Disposition, Visit
from ledger.domain.events.consent import Consent
from ledger.domain.events.enrolment import Enrolment, Randomization, Screening
from ledger.domain.events.safety import AdverseEvent, Coding, Death
from ledger.domain.events.treatment import ProductAction, Treatment
from ledger.domain.events.trial import ImportReport, SiteChange
from ledger.domain.protocol import Protocol, check_values
from ledger.domain.when import check_when
from tests.api.sdtm_trials import in_another_world, of_type, open_half, rejections, unaccounted
from tests.shared_data import shared_data

FACTS: dict[str, type[Facts]] = {
    "activate-site": SiteChange,
    "record-consent": Consent,
    "claim-screening": Screening,
    "enrol-subject": Enrolment,
    "claim-randomization": Randomization,
    "record-visit": Visit,
    "report-adverse-event": AdverseEvent,
    "code-adverse-event": Coding,
    "record-action-taken": ProductAction,
    "record-treatment": Treatment,
    "record-death": Death,
    "record-disposition": Disposition,
}
BEYOND = {"claim-screening": {"eligible", "failed"}, "claim-randomization": {"arm"}}
"""Members that a claim has beside the facts of the ordinary command."""


@cache
def pilot() -> tuple[dict[str, Dataset], Protocol, list[str], list[Item]]:
    datasets = read_folder(shared_data("cdisc-pilot"))
    protocol, notes = protocol_from_sdtm(datasets)
    return datasets, protocol, notes, list(commands(datasets, protocol, source="SDTM CDISCPILOT01"))


def in_stories(items: list[Item]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Subject and commands, for each subject, in the order given."""
    stories: dict[str, list[dict[str, Any]]] = {}
    for item in items:
        if isinstance(item, Mapped) and "subject" in item.command["data"]:
            stories.setdefault(item.command["data"]["subject"], []).append(item.command)
    return iter(stories.items())


def test_the_pilot_becomes_as_many_commands_as_it_has_rows_of_each_kind() -> None:
    items = pilot()[3]
    assert Counter(item.command["type"] for item in items if isinstance(item, Mapped)) == {
        "activate-site": 17, "record-consent": 306, "claim-screening": 306, "enrol-subject": 254,
        "claim-randomization": 254, "record-treatment": 591, "report-adverse-event": 1191,
        "code-adverse-event": 1191, "record-visit": 3559, "record-disposition": 850, "record-death": 3,
    }  # fmt: skip
    assert sum(not command["data"]["eligible"] for command in of_type(items, "claim-screening")) == 52
    arms = Counter(command["data"]["arm"] for command in of_type(items, "claim-randomization"))
    assert arms == {"PBO": 86, "XAN_HI": 84, "XAN_LO": 84}  # the planned arms: 12 of XAN_HI were given the low dose


def test_every_row_of_the_pilot_is_accounted_for() -> None:
    datasets, _, notes, items = pilot()
    assert not rejections(items)
    assert not unaccounted(datasets, items)
    tally = Tally(datasets, "SDTM CDISCPILOT01", notes=notes, unread=unread_files(shared_data("cdisc-pilot")))
    for item in items:
        tally.add(item)
    assert not tally.unaccounted()
    report = ImportReport.model_validate(tally.command("2026-01-01T00:00:00Z")["data"])
    counted = {file.name.split(".")[0].upper(): (file.rows, file.recorded) for file in report.files}
    assert counted == {"DM": (306, 306), "DS": (850, 850), "AE": (1191, 1191), "SV": (3559, 3559), "TS": (33, 33)}
    sealed = ImportReport.model_validate(tally.sealed_report())
    assert ("ex.csv", 591, 591) in [(file.name, file.rows, file.recorded) for file in sealed.files]


def test_the_contradictions_of_the_pilot_are_listed_and_left_as_they_are() -> None:
    items = pilot()[3]
    noted = [item for item in items if isinstance(item, Noted)]
    assert [(one.domain, one.row) for one in noted if "lies after the death of 01-710-1083" in one.reason] == [
        ("SV", 2226)
    ]
    fatal = [one.row for one in noted if one.field == "AEOUT"]
    reports = {item.rows[0][1]: item.command["data"] for item in items
               if isinstance(item, Mapped) and item.command["type"] == "report-adverse-event"}  # fmt: skip
    assert len(fatal) == 3
    assert all(reports[row]["outcome"] == "FATAL" and not reports[row]["serious"] for row in fatal)
    assert sum("yet a criterion of seriousness is Y" in one.reason for one in noted) == 33
    assert sum(one.field == "ACTARMCD" and one.sealed for one in noted) == 12
    deaths = {command["data"]["subject"]: command["data"]["died"] for command in of_type(items, "record-death")}
    assert deaths == {"01-701-1211": "2013-01-14", "01-704-1445": "2014-11-01", "01-710-1083": "2013-08-02"}


def test_the_protocol_of_the_pilot_says_what_ts_and_dm_say_and_notes_the_rest() -> None:
    datasets, protocol, notes, _ = pilot()
    assert protocol.trial_id == "CDISCPILOT01"
    assert protocol.phases == ("PHASE2",)
    assert (protocol.enrolment.count, protocol.enrolment.type, protocol.cap) == (300, "ESTIMATED", None)
    assert [(arm.code, arm.label, arm.type) for arm in protocol.arms] == [
        ("PBO", "Placebo", "PLACEBO_COMPARATOR"),
        ("XAN_HI", "Xanomeline High Dose", "EXPERIMENTAL"),
        ("XAN_LO", "Xanomeline Low Dose", "EXPERIMENTAL"),
    ]
    assert len(protocol.sites) == 17
    assert protocol.masking == "DOUBLE"
    assert protocol.is_masked_role("investigator")
    assert protocol.is_masked_role("outcomes-assessor")
    assert any("not whom it masks" in note for note in notes)
    visits = {visit.name: visit.day for visit in protocol.settings.visits}
    assert (visits["SCREENING 1"], visits["BASELINE"], visits["WEEK 26"]) == (-7, 0, 181)
    taken = {"AGEMAX", "AGEMIN", "TBLIND", "COMPTRT", "TCNTRL", "INDIC", "TINDTP", "LENGTH", "TPHASE", "PLANSUB",
             "RANDOM", "SEXPOP", "SPONSOR", "TITLE", "TRT"}  # fmt: skip
    stated = {row.values["TSPARMCD"] for row in datasets["TS"].rows}
    assert {f"TS.{name}" for name in stated - taken} | {"TS", "ARMCD"} == set(protocol.registry_extra)
    assert protocol.registry_extra["ARMCD"] == {"PBO": "Pbo", "XAN_HI": "Xan_Hi", "XAN_LO": "Xan_Lo"}
    assert Protocol.load(protocol.to_json()) == protocol


def test_every_command_of_the_pilot_fits_its_facts_and_says_what_was_synthesised() -> None:
    _, protocol, _, items = pilot()
    seen: set[str] = set()
    for item in items:
        if not isinstance(item, Mapped):
            continue
        command = item.command
        seen.add(command["id"])
        beyond = BEYOND.get(command["type"], set())
        FACTS[command["type"]].model_validate_json(
            json.dumps({name: value for name, value in command["data"].items() if name not in beyond})
        )
        check_when(command["occurred_at"])
        provenance = Provenance.model_validate_json(json.dumps(command["provenance"]))
        assert provenance.kind == "import"
        assert {"actor", "recorded_at"} <= set(provenance.synthesised)
        if command["type"] == "record-consent":
            assert {"consent", "form", "giver", "document_version", "occurred_at"} <= set(provenance.synthesised)
        if command["type"] == "claim-screening":
            assert "screening" in provenance.synthesised
            check_values(protocol.eligibility.variables, command["data"]["values"], "2014-01-01")
    assert len(seen) == sum(isinstance(item, Mapped) for item in items)
    assert max(map(len, seen)) <= 128


def test_each_subject_of_the_pilot_is_told_in_the_order_of_dates_and_enrolled_in_it() -> None:
    for _, story in in_stories(pilot()[3]):
        assert story[0]["type"] == "record-consent"
        days = [command["occurred_at"][:10] for command in story[1:]]
        assert days == sorted(days)
        kinds = [command["type"] for command in story]
        if "enrol-subject" in kinds:
            assert kinds.index("claim-screening") < kinds.index("enrol-subject") < kinds.index("claim-randomization")
            assert kinds.index("claim-randomization") < kinds.index("record-treatment")
    enrolled = [command["occurred_at"] for command in of_type(pilot()[3], "enrol-subject")]
    assert enrolled == sorted(enrolled)


def test_shuffling_arms_doses_and_actions_leaves_the_open_half_of_the_pilot_byte_identical() -> None:
    datasets, protocol, _, _ = pilot()
    shuffled = in_another_world(datasets, random.Random(20))
    assert [row.values for row in shuffled["EX"].rows] != [row.values for row in datasets["EX"].rows]
    assert open_half(shuffled, protocol_from_sdtm(shuffled)[0]) == open_half(datasets, protocol)
