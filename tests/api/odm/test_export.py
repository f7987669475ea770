"""A ledger of this project as ODM 1.3.2 and 2.0: valid, complete, and for each role what it may see."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from lxml import etree

from api.cli import demo
from api.exports.odm.definitions import fields_of
from ledger.domain.events import CATALOGUE
from ledger.domain.history import CORRECTIONS, VOIDS, Fact, changes_of
from ledger.domain.routing import unwrap
from ledger.proof.sections import IDENTITY
from tests.api.odm.checking import KIND_OF, TL, audits, exported, facts_for, faults, opened, schema, stripped
from tests.projections.whole_trial import ARM_WORDS, MASKABLE_TERMS, NAMES, protocol_masking, whole_trial
from tests.trials import Trial

WHO = ("investigator", "statistician")
"""One masked, one unmasked."""
BOTH = pytest.mark.parametrize("kind", KIND_OF)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "NCT04348461.db"
    demo.play(path, 4, 12, demo.SeededRandomness(4))
    return path


@pytest.fixture(scope="module")
def files(ledger: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    folder = tmp_path_factory.mktemp("odm")
    return {
        (kind, role): exported(ledger, kind, role, folder / f"{kind}-{role}", "halt")
        for kind in KIND_OF
        for role in WHO
    }


Files = dict[tuple[str, str], Path]


@BOTH
@pytest.mark.parametrize("role", WHO)
def test_it_is_valid_by_the_official_schema(files: Files, kind: str, role: str) -> None:
    path = files[kind, role]
    assert faults(path, kind) == []
    left = sum(1 for _ in stripped(path, kind).getroot().iter(f"{{{KIND_OF[kind]}}}AuditRecord"))
    assert left == sum(1 for _ in audits(path, kind)) > 100


@BOTH
@pytest.mark.parametrize("role", WHO)
def test_what_is_ours_stands_only_where_the_schema_is_open_to_vendors(files: Files, kind: str, role: str) -> None:
    whole = etree.parse(files[kind, role])
    assert opened(kind).validate(whole), opened(kind).error_log
    assert not schema(kind).validate(whole)


@BOTH
def test_the_check_finds_what_is_wrong(files: Files, kind: str, tmp_path: Path) -> None:
    text = files[kind, "investigator"].read_text()
    (tmp_path / "odm.xml").write_text(text.replace("<UserRef ", "<UserReference ", 1))
    assert faults(tmp_path / "odm.xml", kind)


@BOTH
@pytest.mark.parametrize("role", WHO)
def test_every_event_has_one_audit_record(ledger: Path, kind: str, role: str, tmp_path: Path) -> None:
    facts = facts_for(ledger, unmasked=role == "statistician")  # before the export: that adds its own record
    path = exported(ledger, kind, role, tmp_path / "x", _exact(facts))
    told = Counter((one.get(f"{TL}Book"), one.get(f"{TL}Seq")) for one in audits(path, kind))
    assert told == Counter((fact.book.value, str(fact.seq)) for fact in facts)


def _exact(facts: list[Fact]) -> str:
    seqs = {book: max(f.seq for f in facts if f.book.value == book) for book in {f.book.value for f in facts}}
    return "/".join(str(seqs[book]) for book in ("open", "sealed") if book in seqs)


@BOTH
def test_an_audit_record_says_who_when_why_in_which_role_and_what_was_before(
    ledger: Path, files: Files, kind: str
) -> None:
    own = f"{{{KIND_OF[kind]}}}"
    told = {(one.get(f"{TL}Book"), one.get(f"{TL}Seq")): one for one in audits(files[kind, "statistician"], kind)}
    changed = 0
    for fact in map(unwrap, facts_for(ledger, unmasked=True)):
        audit = told.get((fact.book.value, str(fact.seq)))
        if audit is None:  # after the halt
            continue
        said = {etree.QName(child).localname: child for child in audit}
        assert said["DateTimeStamp"].text == fact.at
        assert said["UserRef"].get("UserOID") == f"U.{fact.actor.id}"
        assert said["LocationRef"].get("LocationOID") == f"L.{fact.actor.org}"
        assert said["SourceID"].text == fact.id
        assert (said["ReasonForChange"].text if "ReasonForChange" in said else None) == fact.data.get("reason")
        assert audit.get(f"{TL}Role") == fact.actor.role
        assert audit.get(f"{TL}OccurredAt") == fact.data.get("occurred_at")
        assert audit.get(f"{TL}Event") == fact.type
        group = audit.getparent()
        assert group is not None
        if fact.type in CORRECTIONS.values() and "target_type" in fact.data:
            assert group.get("TransactionType") == "Update"
            for change, item in zip(changes_of(fact), group.iterfind(f"{own}ItemData"), strict=True):
                assert item.get("ItemOID") == f"I.{fact.data['target_type']}.{change['field']}"
                assert item.get(f"{TL}OldValue") == _text(change.get("old"))
                changed += 1
        elif fact.type in VOIDS.values():
            assert group.get("TransactionType") == "Remove"
        else:
            assert group.get("TransactionType") == "Insert"
    assert changed > 2


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


@BOTH
@pytest.mark.parametrize("role", WHO)
def test_every_value_of_every_event_is_in_it_and_every_item_is_defined(
    ledger: Path, files: Files, kind: str, role: str
) -> None:
    own = f"{{{KIND_OF[kind]}}}"
    root = etree.parse(files[kind, role]).getroot()
    defined = {one.get("OID") for one in root.iter(f"{own}ItemDef")}
    groups = {one.get("OID"): one for one in root.iter(f"{own}ItemGroupDef")}
    told = {(one.get(f"{TL}Book"), one.get(f"{TL}Seq")): one for one in audits(files[kind, role], kind)}
    values = 0
    for fact in map(unwrap, facts_for(ledger, unmasked=role == "statistician")):
        audit = told.get((fact.book.value, str(fact.seq)))
        if audit is None or fact.stream == "anchors" or fact.type in {*CORRECTIONS.values(), *VOIDS.values()}:
            continue
        group = audit.getparent()
        assert group is not None
        listed = {one.get("ItemOID") for one in groups[group.get("ItemGroupOID")].iterfind(f"{own}ItemRef")}
        found = {one.get("ItemOID"): one for one in group.iterfind(f"{own}ItemData")}
        assert found.keys() <= listed <= defined
        wanted = {name: value for name, value in fact.data.items() if name not in ("provenance", "after_unblinding")}
        assert found.keys() == {f"I.{fact.type}.{name}" for name in wanted}
        for name, value in wanted.items():
            item = found[f"I.{fact.type}.{name}"]
            shown = item.get("Value") if kind == "odm" else item.findtext(f"{own}Value")
            assert shown == ({True: "true", False: "false"}[value] if isinstance(value, bool) else _text(value))
            values += 1
    assert values > 1000


@BOTH
def test_what_is_about_no_subject_is_reference_data_and_the_rest_is_of_its_subject(files: Files, kind: str) -> None:
    own = f"{{{KIND_OF[kind]}}}"
    for audit in audits(files[kind, "statistician"], kind):
        around = {etree.QName(one).localname: one for one in audit.iterancestors()}
        of_trial = str(audit.get(f"{TL}Event")).partition(".")[0] in ("trial", "protocol", "site", "sealed-book")
        assert ("ReferenceData" in around) != ("ClinicalData" in around)
        assert not of_trial or "ReferenceData" in around
    root = etree.parse(files[kind, "statistician"]).getroot()
    reference = {one.get("OID") for one in root.iter(f"{own}ItemGroupDef") if one.get("IsReferenceData") == "Yes"}
    used = {one.get("ItemGroupOID") for one in root.iterfind(f"{own}ReferenceData/{own}ItemGroupData")}
    assert used <= reference
    assert not reference & {one.get("ItemGroupOID") for one in root.iterfind(f"{own}ClinicalData//{own}ItemGroupData")}


@BOTH
def test_masked_people_are_given_nothing_of_the_sealed_book_and_others_are(files: Files, kind: str) -> None:
    masked, unmasked = (files[kind, role].read_text() for role in WHO)
    for word in ('"sealed"', "treatment.recorded", "arm.assigned", "given_amount", 'RepeatKey="sealed '):
        assert word not in masked, word
        assert word in unmasked, word


@BOTH
def test_a_voided_record_is_removed_under_its_own_key(kind: str, tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    trial.do("activate-site", {"site": "S01"})
    consent = {"subject": "P-1", "site": "S01", "form": "WRITTEN", "giver": "PATIENT", "document_version": "1.0"}
    trial.do("record-consent", consent)
    report = {"subject": "P-1", "ae": "1", "term": "Cough", "serious": False}
    known = trial.do("report-adverse-event", report, id="cough")
    trial.do("void-record", {"target": {"command": "cough"}, "reason": "another patient's"})
    trial.ledger.close()
    path = exported(trial.path, kind, "investigator", tmp_path / kind)
    assert faults(path, kind) == []
    groups = [
        group
        for audit in audits(path, kind)
        if (group := audit.getparent()) is not None and group.get("ItemGroupOID") == "IG.adverse-event.reported/1"
    ]
    assert [(one.get("TransactionType"), one.get("ItemGroupRepeatKey")) for one in groups] == [
        ("Insert", str(known.seq)),
        ("Remove", str(known.seq)),
    ]


@BOTH
def test_an_export_made_again_has_the_same_bytes(ledger: Path, files: Files, kind: str, tmp_path: Path) -> None:
    for role in WHO:
        again = exported(ledger, kind, role, tmp_path / role, "halt")
        assert again.read_bytes() == files[kind, role].read_bytes()


@BOTH
def test_no_name_is_in_it_whoever_asks_and_no_arm_where_masked(kind: str, tmp_path: Path) -> None:
    trial = whole_trial(tmp_path, protocol_masking("QUADRUPLE", MASKABLE_TERMS))
    trial.ledger.close()
    for role in ("investigator", "care-provider", "archive", "statistician"):
        path = exported(trial.path, kind, role, tmp_path / role)
        assert faults(path, kind) == []
        text = path.read_text()
        assert not [name for name in NAMES if name in text]
        # The protocol, which is open, names the arms; who has which is what masked people may not see.
        events = text[text.index("<ClinicalData") :]
        assert any(word in events for word in ARM_WORDS) == (role in ("archive", "statistician"))


def test_no_field_that_names_a_person_is_defined() -> None:
    for cls in CATALOGUE:
        assert not fields_of(cls.type) & set(cls.sections.get(IDENTITY, ()))


def test_the_metadata_is_the_catalogue(files: Files) -> None:
    own = f"{{{KIND_OF['odm']}}}"
    root = etree.parse(files["odm", "statistician"]).getroot()
    items = {one.get("OID") for one in root.iter(f"{own}ItemDef")}
    for cls in CATALOGUE:
        assert {f"I.{cls.type}.{name}" for name in fields_of(cls.type)} <= items
    types = {one.get("OID"): one.get("DataType") for one in root.iter(f"{own}ItemDef")}
    assert types["I.treatment.recorded/1.given_amount"] == "float"
    assert types["I.treatment.recorded/1.dose_number"] == "integer"
    assert types["I.treatment.recorded/1.started_at"] == "partialDatetime"
    assert types["I.consent.obtained/1.witnessed"] == "boolean"
    (listed,) = (one for one in root.iter(f"{own}CodeList") if one.get("OID") == "CL.ConsentForm")
    assert [one.get("CodedValue") for one in listed] == ["WRITTEN", "VERBAL"]


@BOTH
def test_a_record_is_written_so(kind: str, tmp_path: Path) -> None:
    """Whoever changes what is written raises the version of the kind."""
    trial = Trial(tmp_path)
    trial.do("activate-site", {"site": "S01"})
    consent = {"subject": "P-1", "site": "S01", "form": "WRITTEN", "giver": "PATIENT", "document_version": "1.0"}
    trial.do("record-consent", consent, id="c")
    changes = [{"field": "form", "new": "VERBAL"}]
    trial.do("correct-record", {"target": {"command": "c"}, "changes": changes, "reason": "misread"}, id="d")
    trial.ledger.close()
    text = exported(trial.path, kind, "sponsor", tmp_path / kind).read_text()
    clinical = re.sub("<SourceID>[0-9a-f]{32}<", "<SourceID>…<", text[text.index(" <ClinicalData") :])
    assert clinical == GOLDEN[kind]


GOLDEN = {
    "odm": """\
 <ClinicalData StudyOID="NCT04348461" MetaDataVersionOID="trial-ledger/1">
  <SubjectData SubjectKey="P-1">
   <SiteRef LocationOID="S.S01"/>
   <StudyEventData StudyEventOID="SE.SUBJECT">
    <FormData FormOID="F.consent">
     <ItemGroupData ItemGroupOID="IG.consent.obtained/1" ItemGroupRepeatKey="2" TransactionType="Insert">
      <AuditRecord tl:OccurredAt="2020-05-06T08:02+00:00" tl:Book="open" tl:Seq="2" \
tl:Event="consent.obtained/1" tl:Role="investigator" tl:Organisation="FJD" tl:Command="c">
       <UserRef UserOID="U.somebody"/>
       <LocationRef LocationOID="L.FJD"/>
       <DateTimeStamp>2020-05-06T08:02:00.000000Z</DateTimeStamp>
       <SourceID>…</SourceID>
      </AuditRecord>
      <ItemData ItemOID="I.consent.obtained/1.document_version" TransactionType="Insert" Value="1.0"/>
      <ItemData ItemOID="I.consent.obtained/1.form" TransactionType="Insert" Value="WRITTEN"/>
      <ItemData ItemOID="I.consent.obtained/1.giver" TransactionType="Insert" Value="PATIENT"/>
      <ItemData ItemOID="I.consent.obtained/1.late" TransactionType="Insert" Value="false"/>
      <ItemData ItemOID="I.consent.obtained/1.occurred_at" TransactionType="Insert" \
Value="2020-05-06T08:02+00:00"/>
      <ItemData ItemOID="I.consent.obtained/1.site" TransactionType="Insert" Value="S01"/>
      <ItemData ItemOID="I.consent.obtained/1.subject" TransactionType="Insert" Value="P-1"/>
      <ItemData ItemOID="I.consent.obtained/1.witnessed" TransactionType="Insert" Value="false"/>
     </ItemGroupData>
    </FormData>
   </StudyEventData>
  </SubjectData>
  <SubjectData SubjectKey="P-1">
   <SiteRef LocationOID="S.S01"/>
   <StudyEventData StudyEventOID="SE.SUBJECT">
    <FormData FormOID="F.consent">
     <ItemGroupData ItemGroupOID="IG.consent.obtained/1" ItemGroupRepeatKey="2" TransactionType="Update">
      <AuditRecord tl:OccurredAt="2020-05-06T08:03+00:00" tl:Book="open" tl:Seq="3" \
tl:Event="record.corrected/1" tl:Role="investigator" tl:Organisation="FJD" tl:Command="d">
       <UserRef UserOID="U.somebody"/>
       <LocationRef LocationOID="L.FJD"/>
       <DateTimeStamp>2020-05-06T08:03:00.000000Z</DateTimeStamp>
       <ReasonForChange>misread</ReasonForChange>
       <SourceID>…</SourceID>
      </AuditRecord>
      <ItemData ItemOID="I.consent.obtained/1.form" TransactionType="Update" Value="VERBAL" \
tl:OldValue="WRITTEN"/>
     </ItemGroupData>
    </FormData>
   </StudyEventData>
  </SubjectData>
 </ClinicalData>
</ODM>
""",
    "odm2": """\
 <ClinicalData StudyOID="NCT04348461" MetaDataVersionOID="trial-ledger/1">
  <SubjectData SubjectKey="P-1">
   <SiteRef LocationOID="S.S01"/>
   <StudyEventData StudyEventOID="SE.SUBJECT">
    <ItemGroupData ItemGroupOID="IG.consent.obtained/1" ItemGroupRepeatKey="2" TransactionType="Insert">
     <ItemData ItemOID="I.consent.obtained/1.document_version" TransactionType="Insert">
      <Value>1.0</Value>
     </ItemData>
     <ItemData ItemOID="I.consent.obtained/1.form" TransactionType="Insert">
      <Value>WRITTEN</Value>
     </ItemData>
     <ItemData ItemOID="I.consent.obtained/1.giver" TransactionType="Insert">
      <Value>PATIENT</Value>
     </ItemData>
     <ItemData ItemOID="I.consent.obtained/1.late" TransactionType="Insert">
      <Value>false</Value>
     </ItemData>
     <ItemData ItemOID="I.consent.obtained/1.occurred_at" TransactionType="Insert">
      <Value>2020-05-06T08:02+00:00</Value>
     </ItemData>
     <ItemData ItemOID="I.consent.obtained/1.site" TransactionType="Insert">
      <Value>S01</Value>
     </ItemData>
     <ItemData ItemOID="I.consent.obtained/1.subject" TransactionType="Insert">
      <Value>P-1</Value>
     </ItemData>
     <ItemData ItemOID="I.consent.obtained/1.witnessed" TransactionType="Insert">
      <Value>false</Value>
     </ItemData>
     <AuditRecord tl:OccurredAt="2020-05-06T08:02+00:00" tl:Book="open" tl:Seq="2" \
tl:Event="consent.obtained/1" tl:Role="investigator" tl:Organisation="FJD" tl:Command="c">
      <UserRef UserOID="U.somebody"/>
      <LocationRef LocationOID="L.FJD"/>
      <DateTimeStamp>2020-05-06T08:02:00.000000Z</DateTimeStamp>
      <SourceID>…</SourceID>
     </AuditRecord>
    </ItemGroupData>
   </StudyEventData>
  </SubjectData>
  <SubjectData SubjectKey="P-1">
   <SiteRef LocationOID="S.S01"/>
   <StudyEventData StudyEventOID="SE.SUBJECT">
    <ItemGroupData ItemGroupOID="IG.consent.obtained/1" ItemGroupRepeatKey="2" TransactionType="Update">
     <ItemData ItemOID="I.consent.obtained/1.form" TransactionType="Update" tl:OldValue="WRITTEN">
      <Value>VERBAL</Value>
     </ItemData>
     <AuditRecord tl:OccurredAt="2020-05-06T08:03+00:00" tl:Book="open" tl:Seq="3" \
tl:Event="record.corrected/1" tl:Role="investigator" tl:Organisation="FJD" tl:Command="d">
      <UserRef UserOID="U.somebody"/>
      <LocationRef LocationOID="L.FJD"/>
      <DateTimeStamp>2020-05-06T08:03:00.000000Z</DateTimeStamp>
      <ReasonForChange>misread</ReasonForChange>
      <SourceID>…</SourceID>
     </AuditRecord>
    </ItemGroupData>
   </StudyEventData>
  </SubjectData>
 </ClinicalData>
</ODM>
""",
}
