"""The pages of the record: the trail, entries with their proofs, the verification, and the trial then and now."""

import csv
import hashlib
import io
import json
import re
import time
from contextlib import closing
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.acting import Who, command_of
from api.bootstrap import open_trial
from ledger.proof.entry import parse_open
from ledger.proof.tlog_proof import TlogProof
from tests.api.cli_runs import here
from tests.api.pages.hypertext import Page, faults, get
from tests.api.pages.signing import stored
from tests.api.server.identity.making import Time
from tests.api.server.identity.signing_in import browser_of, development, signed_in
from tests.api.server.people import NAME, bearer, client_of
from tests.projections.whole_trial import ARM_WORDS, NAMES, SUBJECTS

AUDIT = f"/t/{NAME}/audit"
PATHS = (
    "/audit",
    "/audit?type=consent.obtained/1&type=subject.enrolled/1&text=s&sort=-position",
    "/audit?from=never&to=never",
    "/audit?limit=3",
    "/entries/0",
    "/entries/17",
    "/verification",
    "/verification?entry=3",
    "/verification?entry=x",
    "/signatures",
    "/as-of",
    "/as-of?as_of=halt",
)


def shown(page: Page) -> list[str]:
    """The entries that the trail shows, by their addresses."""
    links: list[str] = page.root.xpath("//table[@id='audit']/tbody/tr/th/a/@href")
    return [link.partition("/entries/")[2].partition("?")[0] for link in links]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("who", ["investigator-1", "auditor-1", "statistician-1"])
@pytest.mark.parametrize("language", ["en", "es"])
def test_every_page_is_well_made_in_both_languages(ledger: Path, path: str, who: str, language: str) -> None:
    page = get(client_of(ledger), f"/t/{NAME}{path}", who, **{"accept-language": language})
    assert page.answer.status_code == (400 if "never" in path else 200)
    assert faults(page) == []
    assert page.root.get("lang") == language


@pytest.mark.parametrize("who", ["investigator-1", "sponsor-1", "monitor-1", "participant-1", "data-manager-1"])
def test_no_page_of_a_masked_role_says_anything_of_an_arm_or_a_name(ledger: Path, who: str) -> None:
    client = client_of(ledger)
    last = int(shown(get(client, f"{AUDIT}?sort=-position&limit=1", who))[0])
    # Entry 0 is the protocol, which names the arms that there are: that is no secret, who is in which is one.
    pages = [path for path in PATHS if path != "/entries/0"]
    for path in (*pages, *(f"/entries/{seq}" for seq in range(1, last + 1))):
        page = get(client, f"/t/{NAME}{path}", who)
        told = page.answer.text + str(page.answer.headers)
        assert [word for word in (*ARM_WORDS, *NAMES) if word in told] == [], path
        assert "sealed entry" not in told
        assert "book=sealed" not in told


# -- the trail ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["sponsor-1", "statistician-1"])
@pytest.mark.parametrize(
    "query", ["", "limit=4", "type=consent.obtained/1&limit=2&sort=-position", "text=s0&to=2020-12-31"]
)
def test_csv_and_json_are_exactly_what_is_seen_page_after_page(ledger: Path, who: str, query: str) -> None:
    client, address, pages = client_of(ledger), f"{AUDIT}?{query}", 0
    while address and pages < 3:
        page = get(client, address, who)
        links = page.root.xpath("//p[@class='downloads'][1]/a/@href")
        as_csv, as_json = (client.get(link, headers=bearer(who)) for link in links)
        rows = json.loads(as_json.text)["rows"]
        assert [str(row["seq"]) for row in rows] == shown(page)
        assert rows or pages
        read = list(csv.DictReader(io.StringIO(as_csv.content.decode("utf-8-sig"))))
        assert [row["seq"] for row in read] == shown(page)
        address = "".join(page.root.xpath("string(//a[@rel='next' and contains(@href, 'after=')]/@href)"))
        pages += 1


def test_all_pages_of_the_trail_together_are_the_trail_and_are_of_one_position(ledger: Path) -> None:
    client, address, entries = client_of(ledger), f"{AUDIT}?limit=7&as_of=40", []
    while address:
        page = get(client, address, "sponsor-1")
        assert "Entry 40" in page.texts("//p[@class='made-from']")[0]
        assert "as_of=40" in page.root.xpath("string(//nav[1]//a[1]/@href)")
        entries += shown(page)
        address = page.root.xpath("string(//a[@rel='next' and contains(@href, 'after=')]/@href)")
    assert entries == [str(seq) for seq in range(41)]


def test_what_is_chosen_stands_in_the_form_and_can_be_taken_away_one_by_one(ledger: Path) -> None:
    query = f"type=consent.obtained/1&type=subject.enrolled/1&subject={SUBJECTS[0]}&sort=-position&from=2020-01-01"
    page = get(client_of(ledger), f"{AUDIT}?{query}", "sponsor-1")
    assert page.root.xpath("//input[@type='checkbox'][@checked]/@value") == [
        "consent.obtained/1",
        "subject.enrolled/1",
        SUBJECTS[0],
    ]
    assert page.root.xpath("//select[@name='sort']/option[@selected]/@value") == ["-position"]
    assert page.root.xpath("//input[@id='ask-from']/@value") == ["2020-01-01"]
    assert page.texts("//table[@id='audit']//td[3]") == ["Subject enrolled", "Consent obtained"]
    # and another position is asked for with all of it
    kept = page.root.xpath("//form[contains(@class, 'as-of')]//input[@type='hidden']/@value")
    assert kept == ["consent.obtained/1", "subject.enrolled/1", SUBJECTS[0], "-position", "2020-01-01"]


def test_a_masked_person_is_offered_no_type_of_the_sealed_book(ledger: Path) -> None:
    client = client_of(ledger)
    types = [
        get(client, AUDIT, who).root.xpath("//select[@name='type']/option/@value")
        for who in ("sponsor-1", "statistician-1")
    ]
    assert "arm.assigned/1" not in types[0]
    assert "arm.assigned/1" in types[1]


@pytest.mark.parametrize(
    ("query", "field"),
    [("from=never", "from"), ("to=2020-13-45", "to"), ("sort=sideways", "sort"), ("text=" + "x" * 300, "text")],
)
def test_what_cannot_be_asked_is_said_at_its_field_and_stays_there(ledger: Path, query: str, field: str) -> None:
    page = get(client_of(ledger), f"{AUDIT}?{query}", "sponsor-1")
    assert page.answer.status_code == 400
    assert faults(page) == []
    if field != "sort":
        assert page.root.xpath(f"//p[@id='ask-{field}-error']")
        assert page.root.xpath(f"//input[@name='{field}']/@value") == [query.partition("=")[2]]


def test_a_correction_says_what_stood_there_what_stands_there_and_why(ledger: Path) -> None:
    command = parse_open(stored(ledger, 21)).command_id
    change = {"field": "severity", "new": "MODERATE"}
    about = {"target": {"command": command}, "reason": "Misread", "changes": [change]}
    with closing(open_trial(ledger)) as trial:
        trial.submit(command_of("correct-record", about, Who("investigator-1", "FJD", "investigator")))
    client, trail = client_of(ledger), f"{AUDIT}?type=record.corrected/1"
    (seq,) = shown(get(client, trail, "sponsor-1"))
    for address in (trail, f"/t/{NAME}/entries/{seq}"):
        page = get(client, address, "sponsor-1")
        assert page.texts("//main//del") == ["Old: MILD"]
        assert page.texts("//main//ins") == ["New: MODERATE"]
        assert "Misread" in page.texts("//main")[0]
        assert f"/t/{NAME}/entries/21" in page.root.xpath("//main//a/@href")


# -- an entry ----------------------------------------------------------------------------------------------------------


def test_an_entry_shows_its_bytes_and_a_proof_of_them_that_holds(ledger: Path) -> None:
    client = client_of(ledger)
    page = get(client, f"/t/{NAME}/entries/3", "sponsor-1")
    raw = stored(ledger, 3)
    assert page.root.xpath("string(//pre[@id='stored'])") == raw.decode()
    proof = TlogProof.parse(page.root.xpath("string(//pre[@id='proof'])").encode())
    assert proof.index == 3
    proof.verify_inclusion(raw)
    assert client.get(f"/v1/trials/{NAME}/entries/3", headers=bearer("sponsor-1")).content == raw


def test_an_entry_of_the_sealed_book_is_for_who_has_arms_in_sight(ledger: Path) -> None:
    client = client_of(ledger)
    address = f"/t/{NAME}/entries/3?book=sealed"
    there, nowhere = (get(client, f"/t/{NAME}/entries/{seq}?book=sealed", "sponsor-1") for seq in (3, 999_999))
    assert there.answer.status_code == nowhere.answer.status_code == 403
    assert len(there.answer.content) == len(nowhere.answer.content.replace(b"999999", b"3"))
    page = get(client, address, "statistician-1")
    assert page.answer.status_code == 200
    assert faults(page) == []
    assert "sealed entry 3" in page.texts("//h1")[0]


@pytest.mark.parametrize("path", ["entries/999999", "entries/-1", "entries/x", "entries/30?as_of=20", "entries/007"])
def test_an_entry_that_is_not_there_at_that_position_is_not_found(ledger: Path, path: str) -> None:
    assert get(client_of(ledger), f"/t/{NAME}/{path}", "sponsor-1").answer.status_code == 404


# -- the verification --------------------------------------------------------------------------------------------------


def test_the_fields_of_the_check_hold_the_entry_byte_for_byte_its_proof_and_the_keys(ledger: Path) -> None:
    page = get(client_of(ledger), f"/t/{NAME}/verification?entry=5", "sponsor-1")
    assert page.root.xpath("string(//textarea[@name='entry-bytes'])").lstrip("\n").encode() == stored(ledger, 5)
    proof = TlogProof.parse(page.root.xpath("string(//textarea[@name='proof'])").lstrip("\n").encode())
    proof.verify_inclusion(stored(ledger, 5))
    assert page.root.xpath("string(//textarea[@name='checkpoint'])") == ""
    assert re.fullmatch(r"\n?(\S+\+[0-9a-f]{8}\+\S+\n?)+", page.root.xpath("string(//textarea[@name='keys'])"))


def test_a_verification_is_begun_by_a_form_and_leads_back(ledger: Path) -> None:
    client = client_of(ledger)
    answer = client.post(f"/t/{NAME}/verification", headers=bearer("sponsor-1"), follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/t/{NAME}/verification?begun=1"
    assert client.app.state.ledger.more["verifications"].wait(NAME, 60) is not None  # type: ignore[attr-defined]
    page = get(client, f"/t/{NAME}/verification", "sponsor-1")
    assert page.texts("//*[@id='badge']") == ["The whole record holds."]
    client.app.state.ledger.more["verifications"].close()  # type: ignore[attr-defined]


def _taken(client: TestClient, who: str) -> tuple[str, bytes]:
    """Ask for a bundle as the page does, and fetch it from where the page links to: (name, bytes)."""
    asked = client.post(f"/t/{NAME}/bundles", headers=bearer(who), follow_redirects=False)
    assert (asked.status_code, asked.headers["location"]) == (303, f"/t/{NAME}/verification#bundle")
    for _ in range(200):
        page = get(client, f"/t/{NAME}/verification", who)
        assert faults(page) == []
        if links := page.root.xpath("//ul[@id='bundles']//a[@download]/@href"):
            return links[0].rsplit("/", 1)[1], client.get(links[0], headers=bearer(who)).content
        time.sleep(0.05)
    raise AssertionError("no bundle was made")


@pytest.mark.parametrize("who", ["auditor-1", "sponsor-1"])
def test_a_bundle_is_asked_for_on_the_page_and_what_is_downloaded_there_verifies(
    ledger: Path, tmp_path: Path, who: str
) -> None:
    client = client_of(ledger)
    name, data = _taken(client, who)
    assert name == f"{NAME}.zip"
    (tmp_path / name).write_bytes(data)
    done = here("verify", tmp_path / name)
    assert done.code == 0, done.err
    page = get(client, f"/t/{NAME}/verification", who)
    assert hashlib.sha256(data).hexdigest() in page.texts("//ul[@id='bundles']")[0]
    # nobody else is told that there is one
    assert not get(client, f"/t/{NAME}/verification", "monitor-1").root.xpath("//ul[@id='bundles']")


def test_no_other_site_can_have_a_browser_ask_for_a_bundle_or_a_verification(ledger: Path) -> None:
    browser = browser_of(development(ledger, Time()), ledger)
    signed_in(browser, "sponsor-1")
    page = get(browser, f"/t/{NAME}/verification", None)
    for form in page.root.xpath("//main//form[@method='post']"):
        fields = {field.get("name"): field.get("value") for field in form.xpath(".//input")}
        for wrong in ({}, {"csrf": "x" * 43}):
            assert browser.post(form.get("action"), data=wrong).status_code == 403
        assert browser.post(form.get("action"), data=fields).status_code == 303
    assert len(page.root.xpath("//main//form[@method='post']")) == 2
    held = browser.app.state.ledger.more  # type: ignore[attr-defined]
    held["exports"].close()
    held["verifications"].close()


def test_that_a_bundle_was_taken_is_on_record(ledger: Path) -> None:
    client = client_of(ledger)
    _taken(client, "sponsor-1")
    page = get(client, f"{AUDIT}?sort=-position&limit=1", "sponsor-1")
    assert "sponsor-1" in page.texts("//table[@id='audit']//td[2]")[0]
    assert "export" in page.texts("//table[@id='audit']//td[3]")[0].lower()


# -- then and now ------------------------------------------------------------------------------------------------------


def test_then_and_now_stand_side_by_side(ledger: Path) -> None:
    client = client_of(ledger)
    page = get(client, f"/t/{NAME}/as-of?as_of=halt", "sponsor-1")
    rows = {row[0]: row[1:] for row in page.cells("sides")}
    assert rows["Status"] == ["Temporarily halted", "Recruiting"]
    then = get(client, f"/t/{NAME}?as_of=halt", "sponsor-1").texts("//dl[@class='numbers']/div/dd/a")
    now = get(client, f"/t/{NAME}", "sponsor-1").texts("//dl[@class='numbers']/div/dd/a")
    assert rows["Entries of the open book"] == [then[-1], now[-1]]
    assert "Entry " + page.root.xpath("string(//input[@type='range']/@value)") in page.texts("//th[2]")[0]
    assert [len(row) for row in get(client, f"/t/{NAME}/as-of", "sponsor-1").cells("sides")] == [2] * 12


def test_every_event_of_the_trial_is_a_position_to_look_at(ledger: Path) -> None:
    client = client_of(ledger)
    links = get(client, f"/t/{NAME}/as-of", "sponsor-1").root.xpath(
        "//ol[@id='events']//a[contains(@href, 'as_of')]/@href"
    )
    assert len(links) > 3
    for link in links:
        assert get(client, link, "sponsor-1").answer.status_code == 200
