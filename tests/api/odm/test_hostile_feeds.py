"""What is no feed, or a wrong one, is refused with the line and the rule; nothing of it is imported."""

import bz2
import gzip
import io
import lzma
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.odm import OdmError
from api.odm.arms import Choice
from api.odm.importing import import_feed
from api.odm.survey import Survey, survey
from tests.api.cli_runs import contents, here
from tests.api.odm.feeds import FIRST, HEAD, claims, feed, rave, subject_data
from tests.thorough import THOROUGH

BOMB = (
    '<!DOCTYPE ODM [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>\n'
)
AUDIT = FIRST.audit_record


def zipped(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("feed.xml", data)
    return file.getvalue()


def refused(folder: Path, data: bytes | str) -> str:
    """Why a feed is refused; it leaves nothing."""
    path, ledger = folder / "f.xml", folder / "t.db"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    done = here("import", "odm-audit", path, ledger)
    done.refused_in_one_sentence("f.xml")
    assert [one.name for one in folder.iterdir()] == ["f.xml"]
    return done.err.removeprefix(f"error: {path}").strip().removeprefix(", ").removeprefix(": ")


GOOD = feed(FIRST, FIRST.but(id="2", value="61"))


def test_the_good_feed_that_the_others_are_made_from_is_imported(tmp_path: Path) -> None:
    (tmp_path / "f.xml").write_text(GOOD)
    assert import_feed(tmp_path / "f.xml", tmp_path / "t.db").added == 2


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (BOMB + GOOD, "line 1, DOCTYPE: has a document type declaration"),
        (BOMB + GOOD.replace('Value="60"', 'Value="&c;"'), "line 1, DOCTYPE: has a document type declaration"),
        ('<!DOCTYPE ODM SYSTEM "file:///etc/passwd">\n' + GOOD, "line 1, DOCTYPE: has a document type declaration"),
        (
            '<?xml version="1.0"?>\n<!DOCTYPE ODM [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n'
            + GOOD.replace('Value="60"', 'Value="&x;"'),
            "line 2, DOCTYPE: has a document type declaration",
        ),
        (GOOD.replace('Value="60"', 'Value="&x;"'), "line 3: is no XML (undefined entity)"),
        (gzip.compress(GOOD.encode()), "is compressed (gzip); unpack it first"),
        (zipped(GOOD.encode()), "is compressed (zip); unpack it first"),
        (bz2.compress(GOOD.encode()), "is compressed (bzip2); unpack it first"),
        (lzma.compress(GOOD.encode()), "is compressed (xz); unpack it first"),
        (GOOD.replace("mkoch", "mköch").encode("latin-1"), "line 3: is no XML (not well-formed (invalid token)"),
        ('<?xml version="1.0" encoding="x-klingon"?>' + GOOD, "encoding"),
        ('<?xml version="1.0" encoding="UTF-16"?>' + GOOD, "encoding"),
        (b"", "is empty"),
        (b"STUDYID,USUBJID\n", "line 1: is no XML"),
        (GOOD + GOOD, "is no XML (junk after document element)"),
        (HEAD + "<v:x>" * 100, "line 1: elements lie deeper than 64"),
    ],
)  # fmt: skip
def test_what_is_no_plain_xml_is_refused(tmp_path: Path, data: bytes | str, why: str) -> None:
    assert why in refused(tmp_path, data)


def test_a_feed_cut_anywhere_is_refused_and_nothing_is_imported(tmp_path: Path) -> None:
    data = GOOD.encode()
    for length in range(len(HEAD) + 1, len(data.rstrip()), 1 if THOROUGH else 4):
        why = refused(tmp_path, data[:length])
        assert "ends in the middle" in why, (length, why)
        assert why.startswith("line ")


def test_the_real_feed_cut_in_the_middle_is_refused_with_its_last_line(tmp_path: Path) -> None:
    data = rave().read_bytes()[:600_000]
    last = len(data.splitlines())
    assert refused(tmp_path, data).startswith(f"line {last}: ends in the middle")


def test_a_tag_that_does_not_end_costs_no_memory(tmp_path: Path) -> None:
    assert "a tag or text of more than 8 MB" in refused(tmp_path, f'{HEAD}<v:x a="{"a" * (20 << 20)}"/></ODM>')


def test_a_subject_of_too_many_elements_is_refused(tmp_path: Path) -> None:
    assert "holds more than 500,000 elements" in refused(tmp_path, feed(subject_data("<v:x/>" * 500_001)))


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('FileType="Transactional"', 'FileType="Snapshot"', "line 1, ODM/@FileType: is Snapshot"),
        ('ODMVersion="1.3.2"', 'ODMVersion="2.0"', "line 1, ODM/@ODMVersion: is 2.0"),
        ("odm/v1.3", "odm/v1.2", "line 1, ODM: is not the element ODM of the namespace"),
        ("10:30:00</", "10:30</", "line 3, DateTimeStamp: '2020-05-06T10:30' is not a whole date and time"),
        ("2020-05-06T10:30:00</", "2020-05</", "line 3, DateTimeStamp: '2020-05' is not a whole date and time"),
        ("2020-05-06T10:30:00</", "</", "line 3, DateTimeStamp: '' is not a whole date and time"),
        ("2020-05-06", "2021-02-29", "line 3, DateTimeStamp: 2021-02-29T10:30:00 is no possible date and time"),
        ("10:30:00", "25:30:00", "line 3, DateTimeStamp: 2020-05-06T25:30:00 is no possible date and time"),
        ("10:30:00", "10:30:00+25:00", "is no possible date and time"),
        ("2020-05-06", "2999-05-06", "line 3, DateTimeStamp: 2999-05-06T10:30:00 lies in the future"),
        ('<UserRef UserOID="mkoch"/>', "", "line 3, AuditRecord: has no UserRef"),
        ('<LocationRef LocationOID="S01"/>', "", "line 3, AuditRecord: has no LocationRef"),
        ("<DateTimeStamp>2020-05-06T10:30:00</DateTimeStamp>", "", "line 3, AuditRecord: has no DateTimeStamp"),
        ('UserOID="mkoch"', 'UserOID=""', "line 3, UserRef: has no UserOID"),
        ("<SourceID>1</SourceID>", "<SourceID>1</SourceID>" * 2, "AuditRecord/SourceID: stands there twice"),
        ("<AuditRecord>", '<AuditRecord EditPoint="Lunch">', "edit_point): must be 'Monitoring'"),
        ("<AuditRecord>", '<AuditRecord UsedImputationMethod="maybe">', "'maybe' is not Yes or No"),
        (AUDIT, "", "line 3, ItemData: has no AuditRecord, nor has anything around it: who entered it?"),
        (AUDIT, AUDIT * 2, "line 3, ItemData/AuditRecord: stands there twice"),
        ('"Upsert"', '"Replace"', "line 3, ItemData/@TransactionType: 'Replace' is none of Insert, Update"),
        ('Value="60"', 'Value="60" IsNull="Yes"', "line 3, ItemData: has a Value, and IsNull beside it"),
        ('Value="60"', 'Wert="60"', "line 3, ItemData/@Wert: is no attribute of ODM 1.3 there"),
        ('ItemOID="VS.PULSE"', "", "line 3, ItemData: has no ItemOID"),
        ('SubjectKey="P-1"', "", "line 3, SubjectData: has no SubjectKey"),
        (' StudyOID="T1"', "", "ClinicalData: has no StudyOID"),
        ("<ItemData ", "<ItemDataString ", "is no XML (mismatched tag)"),
        ("<SiteRef", "<Sponsor/><SiteRef", "line 3, SubjectData/Sponsor: does not belong there"),
        ('<FormData FormOID="VS">', '<FormData FormOID="VS">text', "line 3, FormData: holds text"),
        ('Value="60"', 'Value="&#x9f;"', "line 3, ItemData (value): must not have control characters"),
        ('Value="60"', f'Value="{"6" * 16_001}"', "line 3, ItemData (value): must have at most 16000 characters"),
        ('ItemOID="VS.PULSE"', f'ItemOID="{"V" * 201}"', "ItemData (item): must have at most 200 characters"),
        ("</ItemData>", "<v:q/>" * 201 + "</ItemData>", "ItemData (extensions): must have at most 200 items"),
        (
            "<SubjectData ",
            '<SubjectData xmlns:m="http://www.mdsol.com/ns/odm/metadata" m:SubjectKeyType="SubjectName" ',
            "SubjectKey is the subject's label, which may name a person",
        ),
    ],
)  # fmt: skip
def test_what_odm_does_not_allow_is_refused_with_line_element_and_rule(
    tmp_path: Path, old: str, new: str, why: str
) -> None:
    assert old in GOOD
    assert why in refused(tmp_path, GOOD.replace(old, new, 1))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (feed(), "has no AuditRecord in it"),
        (feed(FIRST, FIRST), "line 6, AuditRecord: SourceID 1 stands there already, in line 3"),
        (feed(FIRST, str(FIRST.but(id="2")).replace('"T1"', '"T2"')), "T2 is another study than T1"),
        (
            feed(*(str(FIRST.but(id=number)).replace("<AuditRecord>", '<AuditRecord ID="A">') for number in "12")),
            "line 6, AuditRecord/@ID: 'A' is the ID of the record in line 3 already",
        ),
        (feed(f"<ReferenceData>{AUDIT}</ReferenceData>"), "line 2, AuditRecord: stands in no subject's data"),
        (feed(f"<Study>{AUDIT}</Study>"), "line 2, AuditRecord: stands in no subject's data"),
        (feed(f"<ClinicalData><AuditRecords>{AUDIT}</AuditRecords></ClinicalData>"), "audit records by reference"),
        (feed("<Protocol/>"), "line 2, Protocol: is no element of ODM 1.3 there"),
        (
            feed(subject_data('<ItemDataString ItemOID="X" AuditRecordID="A">1</ItemDataString>')),
            "ItemGroupData/ItemDataString: audit records by reference (AuditRecordID) are not read",
        ),
        (feed(subject_data("")), "line 3, SubjectData: has no AuditRecord in it"),
        (feed('<SubjectData SubjectKey="P-1"/>'), "line 2, SubjectData: is no element of ODM 1.3 there"),
        (
            feed(subject_data("").replace("<ItemGroupData ", '<ItemGroupData TransactionType="Remove" ')),
            "line 3, ItemGroupData: has a TransactionType, and no AuditRecord that says whose it is",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_feed_as_a_whole_is_refused(tmp_path: Path, data: str, why: str) -> None:
    assert why in refused(tmp_path, data)


def test_what_is_wrong_at_the_end_of_a_feed_imports_nothing_of_its_beginning(tmp_path: Path) -> None:
    entries = [FIRST.but(id=str(number)) for number in range(300)]
    data = feed(*entries, FIRST.but(id="x", at="2020-13-01T00:00:00"))
    assert refused(tmp_path, data).startswith("line 903, DateTimeStamp: ")


def test_a_ledger_that_is_there_stays_as_it_is_when_a_feed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f.xml").write_text(GOOD)
    import_feed(tmp_path / "f.xml", tmp_path / "t.db")
    before = contents(tmp_path)
    (tmp_path / "bad.xml").write_text(feed(FIRST.but(id="8"), FIRST.but(id="9", at="2020-05")))
    with pytest.raises(OdmError):
        import_feed(tmp_path / "bad.xml", tmp_path / "t.db")
    (tmp_path / "bad.xml").unlink()
    assert contents(tmp_path) == before


def test_a_disk_that_fails_in_the_middle_leaves_no_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ledger.application import TrialLedger

    (tmp_path / "f.xml").write_text(GOOD)
    real, count = TrialLedger.submit, 0

    def failing(self: TrialLedger, *given: object, **more: object) -> object:
        nonlocal count
        count += 1
        if count == 3:
            raise OSError(28, "No space left on device", "t.db")
        return real(self, *given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(TrialLedger, "submit", failing)
    with pytest.raises(OSError, match="No space left"):
        import_feed(tmp_path / "f.xml", tmp_path / "t.db")
    assert [one.name for one in tmp_path.iterdir()] == ["f.xml"]
    monkeypatch.undo()
    assert import_feed(tmp_path / "f.xml", tmp_path / "t.db").added == 2


def test_a_feed_that_changes_between_its_two_readings_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "f.xml"
    path.write_text(GOOD)

    def surveyed(*given: Any, **more: Any) -> tuple[Survey, Choice]:
        found = survey(*given, **more)
        path.write_text(GOOD.replace('"61"', '"62"'))
        return found

    monkeypatch.setattr("api.odm.importing.survey", surveyed)
    with pytest.raises(OdmError, match="has changed while it was read"):
        import_feed(path, tmp_path / "t.db")
    assert [one.name for one in tmp_path.iterdir()] == ["f.xml"]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_feed_with_anything_cut_out_of_it_is_imported_as_it_stands_or_refused_in_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(GOOD) - 1))
    path = tmp_path_factory.mktemp("cut") / "f.xml"
    path.write_text(GOOD[:start] + data.draw(st.text(max_size=3)) + GOOD[start + data.draw(st.integers(0, 40)) :])
    done = here("import", "odm-audit", path, path.with_name("t.db"), "--json")
    if done.code == 0:
        assert len(claims(path.with_name("t.db"))) == done.json["records"]
    else:
        done.refused_in_one_sentence(str(path))
        assert [one.name for one in path.parent.iterdir()] == ["f.xml"]
