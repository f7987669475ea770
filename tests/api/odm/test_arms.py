"""What may tell an arm comes into no open book by an audit trail: it is refused, or left out, or said to tell none."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from api.bootstrap import create_trial
from api.odm import OdmError
from api.odm.arms import telling
from api.odm.importing import import_feed
from ledger.domain.history import Fact
from ledger.domain.protocol import reference_protocol
from ledger.domain.vocabulary import Book
from ledger.keys.file import load_keys
from ledger.proof.entry import Actor
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.sections import ARM, PLAIN
from ledger.proof.verify import verify_ledger
from ledger.recording.reader import LedgerReader
from tests.api.cli_runs import here
from tests.api.odm.feeds import FIRST, Entry, claims, feed, imported, rave

ARM_VALUE = Entry("2", "TREATMENT", item="DM.ARM")
DOSE = Entry("3", "120", item="EX.EXDOSE", reason="misread")
CELLS = "Allogeneic expanded adipose-tissue mesenchymal stromal cells"


def registered(folder: Path, **changes: Any) -> Path:
    """A ledger of the reference protocol under the study's name of the feeds, as `t.db`."""
    value = reference_protocol().model_dump(mode="json")
    value["registration"] |= {"org_study_id": "T1", "nct_number": None}
    protocol = reference_protocol().from_value(value | changes)
    create_trial(folder / "t.db", protocol, actor=Actor("sponsor-1", "T1", "sponsor"), host="localhost").close()
    return folder / "t.db"


def entries(ledger: Path, book: Book) -> list[Fact]:
    classes = frozenset({PLAIN, ARM})
    reader = LedgerReader(ledger, books=frozenset({book}), classes=classes, keys=load_keys(ledger))
    with closing(reader), reader:
        return list(reader.facts())


def refused(folder: Path, *records: Entry | str, **options: Any) -> str:
    """Why a feed is refused; nothing is imported of it."""
    before = {path: path.read_bytes() for path in folder.glob("t.db")}
    with pytest.raises(OdmError) as error:
        imported(folder, *records, **options)
    assert {path: path.read_bytes() for path in folder.glob("t.db")} == before
    if not before:
        assert [path.name for path in folder.iterdir()] == ["feed.xml"]
    return str(error.value)


@pytest.mark.parametrize(
    "oid",
    [
        *(
            "DM.ARM",
            "ARMCD",
            "DM.ACTARM",
            "ActualArm",
            "I.EX.EXTRT",
            "TRT01P",
            "TREATMENT",
            "study_drug",
            "RAND.TRTCODE",
        ),
        *(
            "RANDNO",
            "Randomisation_Date",
            "IWRS_ID",
            "EX.EXDOSE",
            "EXSTDTC",
            "DoseLevel",
            "ECDOSE",
            "KIT_NO",
            "KitNumber",
        ),
        *("EXLOT", "DA.DAORRES", "DISPENSED", "AE.AEACN", "AETRTEM", "RFXSTDTC", "UNBLIND_DT", "CODE_BREAK", "PLACEBO"),
    ],
)
def test_names_that_trials_use_for_arms_and_doses_are_refused_with_oid_and_word(tmp_path: Path, oid: str) -> None:
    said = refused(tmp_path, FIRST, Entry("2", "1", item=oid))
    assert f"line 6, {oid}: its name speaks of" in said
    assert "--leave-out" in said
    assert "--not-of-an-arm" in said


@pytest.mark.parametrize(
    "oid",
    [
        *(
            "VS.PULSE",
            "CM.CMTRT",
            "CMDOSE",
            "CM.CMDOSTOT",
            "PRTRT",
            "SUDOSE",
            "AECONTRT",
            "INEX.EX01",
            "PE.EXAM",
            "EXIT",
        ),
        *("VS.ALARM", "PHARM", "FOREARM", "IT_EXPECTED", "EXTERNAL_LAB", "DISPOSITION", "IMPRESSION", "PLOT", "TXT"),
        *("AE.AETERM", "AEOUT", "DSSTDT", "MH.MHTERM", "VISIT.DTC", "EN.SUBJID", "FORM_PAIN_SI.IT_ACT_CLIMB"),
    ],
)
def test_names_that_only_look_like_them_are_not(oid: str) -> None:
    assert telling(oid) is None


@pytest.mark.parametrize("level", ["StudyEventOID", "FormOID", "ItemGroupOID"])
def test_so_are_forms_groups_and_events(tmp_path: Path, level: str) -> None:
    named = {"StudyEventOID": 'StudyEventOID="V1"', "FormOID": 'FormOID="VS"', "ItemGroupOID": 'ItemGroupOID="VS"'}
    record = str(FIRST).replace(named[level], f'{level}="RAND"')
    assert "RAND: its name speaks of randomization" in refused(tmp_path, record)


def test_all_that_is_suspect_is_named_at_once(tmp_path: Path) -> None:
    said = refused(tmp_path, FIRST, ARM_VALUE, DOSE)
    assert "line 6, DM.ARM:" in said
    assert "The same goes for EX.EXDOSE." in said


def test_of_very_many_the_first_are_named_and_the_rest_counted(tmp_path: Path) -> None:
    said = refused(tmp_path, *(Entry(str(n), "1", item=f"EX.Q{n:03}") for n in range(100)))
    assert "EX.Q060 and 39 more." in said


@pytest.mark.parametrize("value", ["TREATMENT", "treatment", " Control ", CELLS, f"1 vial of {CELLS.upper()}"])
def test_a_value_that_names_an_arm_or_intervention_of_the_protocol_is_refused_whatever_the_item(
    tmp_path: Path, value: str
) -> None:
    registered(tmp_path)
    said = refused(tmp_path, FIRST, Entry("2", value, item="X.Q1"))
    assert "X.Q1: has a value that names" in said


@pytest.mark.parametrize("value", ["60", "T", "under treatment", "control of pain", "OTHER", ""])
def test_a_value_with_a_word_of_everybody_is_not(tmp_path: Path, value: str) -> None:
    registered(tmp_path)
    assert imported(tmp_path, Entry("2", value, item="X.Q1")).added == 1


@pytest.mark.parametrize(
    "record",
    [
        FIRST.but(reason=f"given with {CELLS}"),
        FIRST.but(more=f'<v:Query Text="was it {CELLS}?"/>'),
        FIRST.but(more=f"<v:Note>{CELLS}</v:Note>"),
        FIRST.but(more=f'<MeasurementUnitRef MeasurementUnitOID="mg of {CELLS}"/>'),
        FIRST.but(user="unblinded_pharmacist"),
    ],
)
def test_a_reason_a_remark_or_a_user_that_tells_an_arm_is_refused_and_that_record_can_be_left_out(
    tmp_path: Path, record: Entry
) -> None:
    registered(tmp_path)
    later = FIRST.but(id="9", value="62")
    assert "VS.PULSE: " in refused(tmp_path, record, later)
    done = imported(tmp_path, record, later, leave_out=frozenset({"VS.PULSE"}))
    assert (done.records, done.left_out) == (1, {"VS.PULSE": 1})
    (left,) = claims(tmp_path / "t.db")
    assert (left.data["claimed"]["source_id"], left.data.get("old_value")) == ("9", None)
    assert CELLS.encode() not in b"".join(json.dumps(fact.data).encode() for fact in claims(tmp_path / "t.db"))


def test_what_is_left_out_is_not_there_at_all_and_the_open_book_does_not_say_how_much_it_was(tmp_path: Path) -> None:
    found = {}
    for world, doses in (("one", ["120", "80", "80"]), ("two", [])):
        folder = tmp_path / world
        folder.mkdir()
        records = [DOSE.but(id=f"d{n}", value=dose) for n, dose in enumerate(doses)]
        arm = ARM_VALUE.but(value="TREATMENT" if doses else "CONTROL")
        leave_out = frozenset({"DM.ARM", *(["EX.EXDOSE"] if doses else [])})
        # The same OIDs are left out in both worlds: one of them is in a record that neither takes.
        records.append(Entry("e", "1", item="EX.EXDOSE", at="2020-05-07T10:00:00"))
        done = imported(folder, FIRST, arm, *records, FIRST.but(id="8"), leave_out=leave_out | {"EX.EXDOSE"})
        assert done.records == 2
        assert done.left_out == {"DM.ARM": 1, "EX.EXDOSE": len(doses) + 1}
        assert f"EX.EXDOSE: {len(doses) + 1} records left out whole, as was asked for" in done.notes
        found[world] = [
            (fact.type, {name: value for name, value in fact.data.items() if name not in ("occurred_at", "protocol")})
            for fact in entries(folder / "t.db", Book.OPEN)
            if fact.type != "sealed-book.anchored/1"
        ]
        (sealed,) = entries(folder / "t.db", Book.SEALED)
        assert sealed.type == "sealed-data.imported/1"
        assert sealed.data["files"][0]["rejected"] == len(doses) + 2
        assert verify_ledger(folder / "t.db").ok
    assert found["one"] == found["two"]
    assert "EX.EXDOSE" in json.dumps(found["one"][-1])


def test_a_form_that_is_left_out_takes_all_that_is_in_it_along(tmp_path: Path) -> None:
    inside = str(Entry("2", "1", item="X.Q1")).replace('FormOID="VS"', 'FormOID="EX"')
    done = imported(tmp_path, FIRST, inside, leave_out=frozenset({"EX"}))
    assert (done.records, done.left_out) == (1, {"EX": 1})


def test_an_item_whose_values_are_those_of_arms_is_left_out_whole_and_not_only_where_they_show(tmp_path: Path) -> None:
    registered(tmp_path)
    said = Entry("2", "TREATMENT", item="X.Q1")
    blank = Entry("1", None, item="X.Q1")
    done = imported(
        tmp_path, blank, FIRST.but(id="7"), said, said.but(id="3", value="B"), leave_out=frozenset({"X.Q1"})
    )
    assert (done.records, done.left_out) == (1, {"X.Q1": 3})


def test_of_an_item_that_only_names_persons_the_records_stay(tmp_path: Path) -> None:
    done = imported(tmp_path, FIRST, FIRST.but(id="2", item="EN.INIT", value="QQZ"), leave_out=frozenset({"EN.INIT"}))
    assert (done.records, done.left_out) == (2, {})
    assert [fact.data["withheld"] for fact in claims(tmp_path / "t.db")] == [False, True]


def test_whoever_imports_may_say_that_an_item_tells_no_arm(tmp_path: Path) -> None:
    record = Entry("2", "left", item="VS.BP_ARM")
    assert "VS.BP_ARM" in refused(tmp_path, record)
    done = imported(tmp_path, record, not_of_an_arm=frozenset({"VS.BP_ARM"}))
    assert done.records == 1


def test_that_is_said_of_one_oid_and_of_no_other(tmp_path: Path) -> None:
    said = refused(tmp_path, ARM_VALUE, Entry("4", "left", item="VS.BP_ARM"), not_of_an_arm=frozenset({"VS.BP_ARM"}))
    assert "DM.ARM" in said
    assert "VS.BP_ARM" not in said


def test_an_oid_that_is_not_there_or_is_said_to_be_both_is_refused(tmp_path: Path) -> None:
    assert "has no item NOPE" in refused(tmp_path, FIRST, not_of_an_arm=frozenset({"NOPE"}))
    both = frozenset({"DM.ARM"})
    assert "say one of the two" in refused(tmp_path, ARM_VALUE, not_of_an_arm=both, leave_out=both)


def test_a_feed_of_which_nothing_is_left_is_refused(tmp_path: Path) -> None:
    assert "has no record that is taken" in refused(tmp_path, ARM_VALUE, leave_out=frozenset({"DM.ARM"}))


def test_of_an_open_label_trial_everything_is_taken(tmp_path: Path) -> None:
    registered(tmp_path, masking="NONE", masked_roles=[])
    assert imported(tmp_path, FIRST, ARM_VALUE, DOSE).added == 3
    new = tmp_path / "new"
    new.mkdir()
    assert imported(new, FIRST, ARM_VALUE, DOSE, open_label=True).added == 3
    assert imported(new, FIRST, ARM_VALUE, DOSE.but(id="4"), name="more.xml").added == 1


def test_that_a_trial_masks_nobody_is_for_its_protocol_to_say(tmp_path: Path) -> None:
    registered(tmp_path)
    with pytest.raises(LedgerFileError, match="its protocol masks people"):
        imported(tmp_path, FIRST, ARM_VALUE, open_label=True)


def test_the_real_feed_has_an_arm_in_it_and_comes_in_without(tmp_path: Path) -> None:
    with pytest.raises(OdmError, match=r"RAND: its name speaks of randomization.*RAND.ARMCD, RAND.DSSTDT"):
        import_feed(rave(), tmp_path / "t.db")
    assert not list(tmp_path.iterdir())
    done = import_feed(rave(), tmp_path / "t.db", leave_out=frozenset({"RAND"}))
    assert (done.records, done.left_out) == (1103, {"RAND": 10})
    assert not [fact for fact in claims(tmp_path / "t.db") if fact.data.get("form") == "RAND"]
    again = import_feed(rave(), tmp_path / "t.db", leave_out=frozenset({"RAND"}))
    assert again.added == 0


def test_the_command_says_what_it_wants_to_be_told_and_takes_it(tmp_path: Path) -> None:
    (tmp_path / "f.xml").write_text(feed(FIRST, ARM_VALUE, DOSE), encoding="utf-8")
    wrong = here("import", "odm-audit", tmp_path / "f.xml", tmp_path / "t.db")
    wrong.refused_in_one_sentence("DM.ARM: its name speaks of an arm (ARM)")
    assert not (tmp_path / "t.db").exists()
    options = ("--leave-out", "DM.ARM", "--not-of-an-arm", "EX.EXDOSE", "--json")
    still = here("import", "odm-audit", tmp_path / "f.xml", tmp_path / "t.db", *options)
    assert still.code == 0, still.err
    assert still.json["left_out"] == {"DM.ARM": 1}
    opened = here("import", "odm-audit", tmp_path / "f.xml", tmp_path / "u.db", "--open-label", "--json")
    assert (opened.code, opened.json["records"], opened.json["left_out"]) == (0, 3, {})
