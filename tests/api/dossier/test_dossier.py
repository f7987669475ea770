"""What is in a dossier, where each number comes from, and what is recorded of its making."""

import csv
import hashlib
import io
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from api.access import Session, viewer_of
from api.bootstrap import viewing
from api.cli import demo
from api.cli.demo import SimulatedClock
from api.dossier import html, making, words
from api.dossier.behind import behind
from api.dossier.gathering import cell_column
from api.dossier.making import dossier
from api.exports.making import Exported, export, source_of
from api.report.as_pdf import NoPdfError
from ledger.domain.history import CORRECTIONS
from ledger.recording.reader import AsOfError
from projections.base import Context
from projections.plan import plan_of
from tests.projections.whole_trial import (
    ARM_WORDS,
    ENTERED,
    MASKABLE_TERMS,
    NAMES,
    protocol_masking,
    whole_trial,
)

SEALED_UNSAID = words.OPEN_VERIFIED.format(level="consistent")
WHO = ("investigator", "statistician")
SECTIONS = ["trial", "flow", "subjects", "safety", "deviations", "outcomes"]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "NCT04348461.db"
    demo.play(path, 4, 16, demo.SeededRandomness(4))
    return path


@pytest.fixture(scope="module")
def made(ledger: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Exported]:
    """A dossier of the halt for each of the two, with what changed since 1 August."""
    folder = tmp_path_factory.mktemp("made")
    return {role: make(ledger, role, folder / role, since="2020-08-01") for role in WHO}


def make(path: Path, role: str, output: Path, at: str = "halt", **told: Any) -> Exported:
    return export(Session(path, viewer_of(f"{role}-1", role, "FJD")), dossier(**told), output, at)


def told(done: Exported) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((done.path / "dossier.json").read_text())
    return value


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class Page(HTMLParser):
    """What a page has: headings, ids, links, tables without a caption or a heading of columns, and elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.headings: list[int] = []
        self.ids: list[str] = []
        self.targets: set[str] = set()
        self.elements: list[str] = []
        self.poor: list[str] = []
        self._seen: list[set[str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.elements.append(tag)
        if "id" in values:
            self.ids.append(values["id"] or "")
        if tag == "a":
            self.targets.add((values.get("href") or "").removeprefix("#"))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "table":
            self._seen.append(set())
        elif self._seen:
            self._seen[-1].add(f"{tag} {values.get('scope', '')}".strip())

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            seen = self._seen.pop()
            self.poor += [] if {"caption", "th col", "th row"} <= seen else [str(seen)]


@pytest.mark.parametrize("role", WHO)
def test_it_has_every_section_in_order_and_treatments_for_those_alone_who_may(
    made: dict[str, Exported], role: str
) -> None:
    value = told(made[role])
    wanted = [*SECTIONS, *(["treatments"] if role == "statistician" else []), "duties"]
    assert list(value["sections"]) == wanted
    assert value["sections"]["trial"]["state"]["status"] == "TEMPORARILY_HALTED"
    assert value["sections"]["trial"]["state"]["reason"] == "lack of financial support"
    arms = {row["group"] for row in value["sections"]["flow"]["views"]["consort"]["rows"]}
    assert arms == ({"Total", "Control", "Treatment"} if role == "statistician" else {"Total"})


@pytest.mark.parametrize("role", WHO)
def test_the_state_leads_to_the_event_that_made_it(made: dict[str, Exported], ledger: Path, role: str) -> None:
    (event,) = told(made[role])["sections"]["trial"]["state"]["events"]
    trail = viewing(ledger, role).show("audit", "halt").rows
    row = next(row for row in trail if (row["book"], row["seq"]) == (event["book"], event["seq"]))
    assert row["type"] == "trial.temporarily-halted/1"


@pytest.mark.parametrize("role", WHO)
def test_every_number_of_the_outcome_tables_has_as_many_events_or_subjects_behind_it(ledger: Path, role: str) -> None:
    session = Session(ledger, viewer_of(f"{role}-2", role, "FJD"))
    with source_of(session, "halt", None) as source:
        found = behind(source, Context(plan_of(source.trial_facts()), source.made_at[:10]))
        counted = 0
        for view, of in (("survival", found.survival), ("ae-rate", found.ae_rate)):
            for row in source.view(view).rows:
                for column, refs in of(row):
                    assert len(refs) == row[column], (view, row, column)
                    assert all(refs)
                    counted += len(refs)
        result = source.view("adverse-events")
        header, lines = result.spread()
        for row, line in zip(result.rows, lines, strict=True):
            for column, refs in found.adverse_events(row, cell_column):
                assert len(refs) == line[header.index(column)], (row, column)
        for row in source.view("enrolment").rows:
            assert len(found.enrolment(row)) == row["subjects"], row
    assert counted > 50


@pytest.mark.parametrize("role", WHO)
def test_every_link_leads_to_an_event_that_was_known_at_that_point(
    made: dict[str, Exported], ledger: Path, role: str
) -> None:
    value = told(made[role])
    trail = viewing(ledger, role).show("audit", "halt").rows
    known = {(row["book"], row["seq"]) for row in trail}
    links = [link for section in value["sections"].values() for of in section["links"].values() for link in of]
    assert len(links) > 100
    for link in links:
        assert link["events"]
        assert {(event["book"], event["seq"]) for event in link["events"]} <= known
    numbers = value["sections"]["flow"]["views"]["consort"]["rows"]
    linked = {link["row"] for link in value["sections"]["flow"]["links"]["consort"]}
    assert linked == {place for place, row in enumerate(numbers) if row["subjects"]}


@pytest.mark.parametrize("role", WHO)
@pytest.mark.parametrize("name", ["index.html", "integrity.html"])
def test_the_page_is_whole_by_itself_and_its_links_lead_somewhere(
    made: dict[str, Exported], role: str, name: str
) -> None:
    text = (made[role].path / name).read_text()
    page = Page(text)
    assert not {"script", "iframe", "img", "link", "object", "form"} & set(page.elements)
    assert not re.search(r"https?:", text)
    assert len(page.ids) == len(set(page.ids))
    assert page.targets <= set(page.ids)
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in zip(page.headings, page.headings[1:], strict=False))
    assert page.poor == []
    assert page.elements.count("html") == page.elements.count("main") == 1


def test_numbers_of_the_flow_stand_in_the_diagram_and_lead_to_their_events(made: dict[str, Exported]) -> None:
    text = (made["statistician"].path / "index.html").read_text()
    figure = text[text.index("<figure>") : text.index("</figure>")]
    rows = told(made["statistician"])["sections"]["flow"]["views"]["consort"]["rows"]
    assessed = next(row for row in rows if row["stage"] == "ASSESSED")
    assert f"Assessed for eligibility <details><summary>{assessed['subjects']}</summary>" in figure
    for seq in assessed["events"]:
        assert f'<a href="#open-{seq}">' in figure
        assert f'<tr id="open-{seq}">' in text


def test_links_beyond_what_a_page_holds_are_counted_and_not_dangling(
    ledger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = html.Linking
    monkeypatch.setattr(html, "Linking", lambda: real(most=20))
    monkeypatch.setattr(html, "ROWS", 5)
    text = (make(ledger, "sponsor", tmp_path / "out").path / "index.html").read_text()
    page = Page(text)
    assert page.targets <= set(page.ids)
    assert sum(bool(re.fullmatch(r"open-\d+", id_)) for id_ in page.ids) == 20
    assert "those beyond the first 20 are not listed here" in text
    assert "The first 5 of" in text


@pytest.mark.parametrize("role", WHO)
def test_what_came_later_is_listed_event_by_event_with_old_and_new_values(
    made: dict[str, Exported], ledger: Path, role: str
) -> None:
    later = told(made[role])["known_later"]
    trail = viewing(ledger, role).show("audit", None).rows
    last = told(made[role])["position"]
    wanted = [
        row
        for row in trail
        if row["seq"] > last.get(row["book"], -1)
        and (row["subject"] or row["type"].startswith(("trial.", "protocol.", "site.", "data", "dmc", "unblinding.")))
        and not row["type"].startswith(("allocation.drawn", "enrolment.counted"))
    ]
    listed = {(row["book"], row["seq"]): row for row in later["events"]}
    assert {(row["book"], row["seq"]) for row in wanted} <= listed.keys()
    for row in wanted:
        found = listed[row["book"], row["seq"]]
        assert (found["before"], found["after"], found["why"]) == (row["before"], row["after"], row["why"])
        kinds = {"CORRECTION"} if row["type"] in CORRECTIONS.values() else {"LATE", "OTHER", "VOID", "AFTER_UNBLINDING"}
        assert found["kind"] in kinds
    assert sum(later["counts"].values()) == len(later["events"]) > 20
    with (made[role].path / "tables/known_later.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == len(listed)


def test_what_changed_since_is_listed_up_to_the_point_and_no_further(made: dict[str, Exported], ledger: Path) -> None:
    value = told(made["investigator"])
    rows = value["changes"]["events"]
    assert rows
    assert all("2020-08-01" < row["recorded_at"] <= value["recorded_at"] for row in rows)
    assert made["investigator"].manifest["since"] == "2020-08-01"
    with pytest.raises(AsOfError, match="lies after the point"):
        make(ledger, "investigator", made["investigator"].path.parent / "no", at="100", since="halt")


def test_of_a_correction_both_values_are_shown_and_the_record_is_linked(ledger: Path, tmp_path: Path) -> None:
    done = make(ledger, "sponsor", tmp_path / "out", at="20")
    rows = [row for row in told(done)["known_later"]["events"] if row["kind"] == "CORRECTION"]
    assert rows
    for row in rows:
        assert row["before"] == "[identity]" or row["before"].keys() == row["after"].keys()
        assert {"book": row["book"], "seq": row["target_seq"]} in row["events"]
    late = [row for row in told(done)["known_later"]["events"] if row["kind"] == "LATE"]
    assert late


def test_the_integrity_statement_says_how_far_it_reaches_and_which_checkpoint_covers_the_point(
    made: dict[str, Exported],
) -> None:
    for role in WHO:
        value, report = told(made[role]), json.loads((made[role].path / "integrity.json").read_text())
        assert value["integrity"]["ok"] is True
        assert value["integrity"]["covered_by"] == min(one["entries"] for one in report["checkpoints"] if one["covers"])
        assert value["integrity"]["covered_by"] > value["position"]["open"]
        assert report["position"]["heads"].keys() == ({"open", "sealed"} if role == "statistician" else {"open"})
        assert ("sealed" in report["report"]) is (role == "statistician")
        assert any(line.startswith("sealed book") for line in report["words"]) is (role == "statistician")
        assert (SEALED_UNSAID in value["integrity"]["said"]) is (role != "statistician")


def test_a_damaged_ledger_is_said_to_be_one(ledger: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    for suffix in ("", ".keys", ".evidence"):
        there = ledger.with_name(ledger.name + suffix)
        (shutil.copytree if there.is_dir() else shutil.copy)(there, copy.with_name(copy.name + suffix))
    demo._alter_one_byte(copy, 1)
    done = make(copy, "auditor", tmp_path / "out")
    assert told(done)["integrity"]["ok"] is False
    assert json.loads((done.path / "integrity.json").read_text())["report"]["findings"]
    assert "NOT verified" in (done.path / "index.html").read_text()


@pytest.mark.parametrize("role", WHO)
def test_it_is_recorded_as_an_export_with_the_hash_of_its_manifest(
    made: dict[str, Exported], ledger: Path, role: str
) -> None:
    there = files(made[role].path)
    manifest = there.pop("manifest.json")
    assert {one["name"]: one["sha256"] for one in json.loads(manifest)["files"]} == {
        name: hashlib.sha256(data).hexdigest() for name, data in there.items()
    }
    trail = viewing(ledger, "statistician").show("audit", None).rows
    (row,) = [row for row in trail if (row["after"] or {}).get("sha256") == made[role].sha256]
    assert row["book"] == ("sealed" if role == "statistician" else "open")
    assert row["after"]["kind"] == "dossier"


def test_the_same_ledger_gives_the_same_bytes(ledger: Path, tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        copy = folder / ledger.name
        for suffix in ("", ".keys", ".evidence"):
            there = ledger.with_name(ledger.name + suffix)
            (shutil.copytree if there.is_dir() else shutil.copy)(there, copy.with_name(copy.name + suffix))
        found.append(files(make(copy, "sponsor", folder / "out").path))
    assert found[0] == found[1]


def test_it_is_made_without_fpdf2_and_says_so(ledger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: Any) -> bytes:
        raise NoPdfError

    monkeypatch.setattr(making, "as_pdf", missing)
    there = files(make(ledger, "sponsor", tmp_path / "out").path)
    assert "dossier.pdf" not in there
    assert b"fpdf2" in there["dossier.txt"]


def test_the_pdf_has_pages_and_says_whose_it_is(made: dict[str, Exported]) -> None:
    data = (made["investigator"].path / "dossier.pdf").read_bytes()
    assert data.startswith(b"%PDF")
    assert data.count(b"/Type /Page\n") > 5


def test_no_dossier_names_anybody_and_masked_ones_tell_no_arm(tmp_path: Path) -> None:
    trial = whole_trial(tmp_path, protocol_masking("QUADRUPLE", MASKABLE_TERMS))
    for role in ("investigator", "sponsor", "statistician"):
        session = Session(trial.path, viewer_of(f"other-{role}", role, "FJD"), clock=SimulatedClock(trial.clock.at))
        done = export(session, dossier(), tmp_path / role, "20")
        for name, data in files(done.path).items():
            assert not any(person.encode() in data for person in NAMES), f"{role}: {name}"
            if role != "statistician":
                assert not any(word.encode() in data for word in ARM_WORDS), f"{role}: {name}"
        if role == "statistician":
            later = told(done)["known_later"]
            assert later["counts"]["AFTER_UNBLINDING"] > 0
            assert any(ENTERED in str(row["after"]) for row in later["events"] if row["kind"] == "AFTER_UNBLINDING")


def test_the_tables_are_the_views_as_of_the_point(made: dict[str, Exported], ledger: Path) -> None:
    for view in ("consort", "follow-up", "open-adverse-events", "subjects"):
        text = (made["investigator"].path / "tables" / f"{view.replace('-', '_')}.csv").read_text()
        shown = viewing(ledger, "investigator").show(view, "halt")
        assert len(list(csv.reader(io.StringIO(text)))) == len(shown.rows) + 1
