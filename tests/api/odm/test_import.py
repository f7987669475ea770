"""An EDC's audit trail becomes records of a ledger, each as its source claims it, apart from what is ours."""

import json
from collections import Counter
from pathlib import Path

import pytest

from api.odm.importing import import_feed
from ledger.proof.verify import verify_ledger
from tests.api.cli_runs import contents, here
from tests.api.odm.feeds import FIRST, Entry, claims, feed, imported, rave, subject_data


@pytest.fixture(scope="module")
def car(tmp_path_factory: pytest.TempPathFactory) -> Path:
    ledger = tmp_path_factory.mktemp("rave") / "car.db"
    import_feed(rave(), ledger, open_label=True)
    return ledger


def test_every_record_of_the_real_feed_is_in_the_ledger(car: Path) -> None:
    found = claims(car)
    assert len(found) == 1113
    assert len({fact.stream for fact in found}) == 92
    assert len({fact.data["claimed"]["user"] for fact in found}) == 21
    assert sum(bool(fact.data["claimed"].get("reason")) for fact in found) == 121
    assert Counter(fact.data.get("transaction") for fact in found)["Remove"] == 70
    times = [fact.data["claimed"]["at"] for fact in found]
    assert (min(times), max(times)) == ("2008-12-04T16:58:51", "2010-09-03T12:31:28")
    assert times == sorted(times)
    assert len({fact.data["claimed"]["source_id"] for fact in found}) == 1113


def test_it_verifies_and_leaves_no_trace_of_its_making(car: Path) -> None:
    assert verify_ledger(car).ok
    assert {name.partition("/")[0] for name in contents(car.parent)} == {"car.db", "car.db.keys", "car.db.evidence"}


def test_what_the_source_claims_is_apart_from_who_recorded_it_and_when(car: Path) -> None:
    for fact in claims(car):
        assert (fact.actor.id, fact.actor.role) == ("odm-import", "data-manager")
        assert fact.at > "2020"
        assert fact.data["occurred_at"] == fact.data["claimed"]["at"]
        assert set(fact.data["provenance"]["synthesised"]) >= {"actor", "recorded_at"}


def test_a_label_that_may_name_a_person_is_nowhere_in_the_files_and_the_report_says_so(car: Path) -> None:
    assert b"SubjectName=" in rave().read_bytes()
    for path in car.parent.rglob("*"):
        if path.is_file():
            assert b"123 ABC" not in path.read_bytes()
    assert "SubjectName left out" in here("show", "audit", car, "--csv", "--role", "data-manager").out


def test_no_view_takes_subjects_of_a_source_for_subjects_of_the_trial(car: Path) -> None:
    for view in ("subjects", "enrolment", "adverse-events", "deviations"):
        done = here("show", view, car, "--json", "--role", "data-manager")
        assert done.code == 0, done.err
        assert "3428e368-cb05-4b56-b570-1bf71b4ea251" not in done.out
    assert here("show", "subjects", car, "--json", "--role", "data-manager").json["rows"] == []


def test_the_same_feed_again_adds_nothing(tmp_path: Path) -> None:
    first = imported(tmp_path, FIRST, FIRST.but(id="2", value="70"))
    size = verify_ledger(tmp_path / "t.db").size
    again = imported(tmp_path, FIRST, FIRST.but(id="2", value="70"))
    assert (first.added, again.added, again.records) == (2, 0, 2)
    assert verify_ledger(tmp_path / "t.db").size == size


def test_a_feed_that_overlaps_with_the_last_adds_what_is_new_with_the_value_before(tmp_path: Path) -> None:
    imported(tmp_path, FIRST, FIRST.but(id="2", value="70"))
    done = imported(tmp_path, FIRST.but(id="2", value="70"), FIRST.but(id="3", value="80"), name="next.xml")
    assert done.added == 1
    assert [fact.data.get("old_value") for fact in claims(tmp_path / "t.db")] == [None, "60", "70"]


def test_a_feed_that_contradicts_what_is_recorded_is_refused_whole(tmp_path: Path) -> None:
    imported(tmp_path, FIRST)
    before = contents(tmp_path)
    (tmp_path / "other.xml").write_text(feed(FIRST.but(id="2"), FIRST.but(value="61")), encoding="utf-8")
    done = here("import", "odm-audit", tmp_path / "other.xml", tmp_path / "t.db")
    done.refused_in_one_sentence("other.xml, line 6, AuditRecord", "SourceID 1 is in the ledger already")
    assert {name: data for name, data in contents(tmp_path).items() if name in before} == before


def test_a_feed_of_another_study_is_refused(tmp_path: Path) -> None:
    imported(tmp_path, FIRST)
    (tmp_path / "other.xml").write_text(feed(FIRST).replace('"T1"', '"T2"'), encoding="utf-8")
    done = here("import", "odm-audit", tmp_path / "other.xml", tmp_path / "t.db")
    done.refused_in_one_sentence("is the ledger of T1, and the feed is of T2")


def test_the_value_before_is_what_was_last_stated_of_the_very_item(tmp_path: Path) -> None:
    imported(
        tmp_path,
        FIRST,
        FIRST.but(id="2", value="99", item="VS.TEMP"),
        FIRST.but(id="3", value="99", subject="P-2"),
        FIRST.but(id="4", value=None, more='<v:Query Value="sure?"/>'),
        FIRST.but(id="5", value="61"),
        FIRST.but(id="6", value=None, transaction="Remove"),
        FIRST.but(id="7", value="62"),
    )
    old = {fact.data["claimed"]["source_id"]: fact.data.get("old_value") for fact in claims(tmp_path / "t.db")}
    assert old == {"1": None, "2": None, "3": None, "4": None, "5": "60", "6": "61", "7": None}
    synthesised = [fact.data["provenance"]["synthesised"] for fact in claims(tmp_path / "t.db")]
    assert ["old_value" in listed for listed in synthesised] == [False] * 4 + [True, True, False]


def test_a_source_id_may_come_again_at_another_place(tmp_path: Path) -> None:
    assert imported(tmp_path, FIRST, FIRST.but(item="VS.TEMP")).added == 2


def test_a_time_stays_as_it_is_written(tmp_path: Path) -> None:
    times = ["2020-05-06T10:30:00", "2020-05-06T10:30:00+02:00", "2020-05-06T08:30:00.1234567Z"]
    imported(tmp_path, *(FIRST.but(id=str(number), at=at) for number, at in enumerate(times)))
    found = claims(tmp_path / "t.db")
    assert [fact.data["claimed"]["at"] for fact in found] == times
    assert [fact.data["occurred_at"] for fact in found] == [*times[:2], "2020-05-06T08:30:00.123456Z"]


def test_data_without_a_record_of_their_own_have_that_of_what_is_around_them(tmp_path: Path) -> None:
    bare = '<ItemData ItemOID="VS.TEMP" Value="37.1"/>'
    items = FIRST.item_data + bare
    around = subject_data(items).replace('<FormData FormOID="VS">', '<FormData FormOID="VS">' + Entry("9").audit_record)
    imported(tmp_path, around)
    said = [(fact.data.get("item"), fact.data["claimed"]) for fact in claims(tmp_path / "t.db")]
    assert [(item, one["source_id"], one.get("on")) for item, one in said] == [
        (None, "9", None),
        ("VS.PULSE", "1", None),
        ("VS.TEMP", "9", "FormData"),
    ]


def test_values_that_name_a_person_are_left_out_where_the_importer_says_which(tmp_path: Path) -> None:
    (tmp_path / "f.xml").write_text(feed(FIRST, FIRST.but(id="2", item="EN.INIT", value="QQZ")), encoding="utf-8")
    done = here("import", "odm-audit", tmp_path / "f.xml", tmp_path / "t.db", "--leave-out", "EN.INIT", "--json")
    assert "EN.INIT: 1 values left out, as was asked for" in done.json["notes"]
    assert [fact.data["withheld"] for fact in claims(tmp_path / "t.db")] == [False, True]
    assert b"QQZ" not in (tmp_path / "t.db").read_bytes()
    wrong = here("import", "odm-audit", tmp_path / "f.xml", tmp_path / "u.db", "--leave-out", "EN.INITIALS")
    wrong.refused_in_one_sentence("has no item EN.INITIALS")


def test_the_command_says_what_was_taken(tmp_path: Path) -> None:
    (tmp_path / "f.xml").write_text(feed(FIRST, FIRST.but(id="2", reason="typing error")), encoding="utf-8")
    done = here("import", "odm-audit", tmp_path / "f.xml", tmp_path / "t.db", "--json")
    assert done.code == 0
    told = json.loads(done.out)
    wanted = {"trial": "T1", "records": 2, "added": 2, "subjects": 1, "users": 1, "with_reason": 1}
    assert {name: told[name] for name in wanted} == wanted
    assert told["transactions"] == {"Upsert": 2}


def test_what_a_feed_holds_beside_its_records_is_told(tmp_path: Path) -> None:
    done = imported(tmp_path, "<AdminData><User OID='x'/></AdminData><v:Page/><v:Page/>", FIRST)
    assert "AdminData: not read (1 elements)" in done.notes
    assert "v:Page: not read (2 elements)" in done.notes


def test_a_source_is_claimed_by_imports_alone(tmp_path: Path) -> None:
    imported(tmp_path, FIRST)
    (claim,) = claims(tmp_path / "t.db")
    data = {name: value for name, value in claim.data.items() if name not in ("occurred_at", "late", "provenance")}
    command = {
        "id": "c-1",
        "type": "claim-source-record",
        "actor": {"id": "dm-1", "role": "data-manager", "org": "T1"},
        "occurred_at": "2020-05-06T10:30:00",
        "data": data,
    }
    for more in ({}, {"provenance": {"kind": "import", "source": "ODM T1"}}):
        done = here("submit", "-", tmp_path / "t.db", stdin=json.dumps(command | more).encode())
        assert done.code == 3
    assert len(claims(tmp_path / "t.db")) == 1
