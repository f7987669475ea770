"""Each page of a trial's views, as masked people, an auditor with arms in sight, and a statistician see it."""

from pathlib import Path
from typing import Any

import pytest

from api.pages.headers import POLICY
from tests.api.pages.hypertext import Page, faults, get
from tests.api.server.people import NAME, bearer, client_of
from tests.projections.whole_trial import ARM_WORDS, NAMES, SUBJECTS

PATHS = (
    "",
    "/consort",
    "/enrolment",
    "/subjects",
    f"/subjects/{SUBJECTS[0]}",
    "/survival",
    "/adverse-events",
    "/serious-events",
    "/sites",
    "/deviations",
    "/unblinding",
    "/duties",
)
MASKED = ("investigator-1", "sponsor-1", "monitor-1", "participant-1", "outcomes-assessor-1", "data-manager-1")
UNMASKED = ("statistician-1", "auditor-1", "dmc-1", "safety-physician-1", "pharmacist-1")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("who", ["investigator-1", "auditor-1", "statistician-1"])
@pytest.mark.parametrize("language", ["en", "es"])
def test_every_page_is_well_made_in_both_languages(ledger: Path, path: str, who: str, language: str) -> None:
    page = get(client_of(ledger), f"/t/{NAME}{path}", who, **{"accept-language": language})
    assert page.answer.status_code == 200
    assert faults(page) == []
    assert page.root.get("lang") == page.answer.headers["content-language"] == language


@pytest.mark.parametrize("who", MASKED)
def test_no_page_of_a_masked_role_says_anything_of_an_arm_or_a_name(ledger: Path, who: str) -> None:
    client = client_of(ledger)
    for path in PATHS:
        page = get(client, f"/t/{NAME}{path}", who)
        assert page.answer.status_code == 200
        told = page.answer.text + str(page.answer.headers)
        assert [word for word in (*ARM_WORDS, *NAMES) if word in told] == []
        assert "sealed entry" not in told
        assert "book=sealed" not in told


@pytest.mark.parametrize("who", UNMASKED)
def test_who_has_arms_in_sight_sees_them(ledger: Path, who: str) -> None:
    client = client_of(ledger)
    for path in ("/consort", "/enrolment", "/subjects", "/survival", "/adverse-events"):
        told = get(client, f"/t/{NAME}{path}", who).answer.text
        assert "Quince group" in told, path
        assert "Medlar group" in told, path
        assert not [name for name in NAMES if name in told]


def test_the_list_of_trials_is_of_those_in_which_somebody_has_a_role(ledger: Path) -> None:
    page = get(client_of(ledger), "/", "sponsor-1")
    assert page.answer.status_code == 200
    assert faults(page) == []
    assert page.texts("//main//li") == [f"{NAME}, as sponsor"]


def test_every_page_and_every_file_has_the_headers_that_guard_it(ledger: Path) -> None:
    client = client_of(ledger)
    files = get(client, "/", "sponsor-1").root.xpath("//link/@href|//script/@src")
    assert len(files) == 3
    pages = [get(client, f"/t/{NAME}{path}", "sponsor-1").answer for path in (*PATHS, "/no-such-page", "?as_of=never")]
    answers: list[Any] = [*pages, *(client.get(file) for file in files)]
    for answer in answers:
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert answer.headers["referrer-policy"] == "same-origin"
    for answer in pages:
        assert "private" in answer.headers["cache-control"] or "no-store" in answer.headers["cache-control"]


def test_the_policy_lets_in_nothing_that_stands_within_a_page_or_comes_from_elsewhere() -> None:
    rules = dict(rule.strip().split(" ", 1) for rule in POLICY.split(";"))
    assert rules.pop("default-src") == rules.pop("frame-ancestors") == rules.pop("base-uri") == "'none'"
    assert set(rules.values()) == {"'self'"}


def test_a_page_that_has_not_changed_is_not_sent_again(ledger: Path) -> None:
    client = client_of(ledger)
    for path in PATHS:
        first = get(client, f"/t/{NAME}{path}", "sponsor-1").answer
        again = get(client, f"/t/{NAME}{path}", "sponsor-1", **{"if-none-match": first.headers["etag"]}).answer
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        assert again.headers["content-security-policy"] == POLICY


def test_a_page_is_known_by_who_looks_the_language_the_position_and_the_address(ledger: Path) -> None:
    client = client_of(ledger)
    path = f"/t/{NAME}/subjects"
    asked = [
        get(client, path, "sponsor-1"),
        get(client, path, "monitor-1"),
        get(client, path, "statistician-1"),
        get(client, path, "sponsor-1", **{"accept-language": "es"}),
        get(client, f"{path}?as_of=20", "sponsor-1"),
        get(client, f"{path}?site=S01", "sponsor-1"),
        get(client, f"/t/{NAME}/sites", "sponsor-1"),
    ]
    marks = [page.answer.headers["etag"] for page in asked]
    assert len(set(marks)) == len(marks)


def test_head_is_answered_as_get_without_a_body(ledger: Path) -> None:
    client = client_of(ledger)
    answer = client.head(f"/t/{NAME}/survival", headers={"accept": "text/html", **bearer("sponsor-1")})
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_page_is_that_of_the_position_asked_for(ledger: Path) -> None:
    client = client_of(ledger)
    now = get(client, f"/t/{NAME}/subjects", "sponsor-1")
    then = get(client, f"/t/{NAME}/subjects?as_of=20", "sponsor-1")
    assert [row[0] for row in now.cells("subjects")] == list(SUBJECTS)
    assert [row[0] for row in then.cells("subjects")] == list(SUBJECTS[:2])
    assert "Entry 20" in then.texts("//p[@class='made-from']")[0]
    assert then.root.xpath("//input[@id='as-of']/@value") == ["20"]
    assert all("as_of=20" in link for link in then.root.xpath("//nav[1]//a/@href"))


def test_the_halt_is_a_position(ledger: Path) -> None:
    page = get(client_of(ledger), f"/t/{NAME}?as_of=halt", "sponsor-1")
    assert page.texts("//*[@id='status']") == ["Temporarily halted"]
    assert "lack of money" in page.answer.text
    assert get(client_of(ledger), f"/t/{NAME}", "sponsor-1").texts("//*[@id='status']") == ["Recruiting"]


def test_csv_and_json_of_the_same_position_are_linked_to(ledger: Path) -> None:
    client = client_of(ledger)
    for who, end in (("sponsor-1", r"as_of=\d+&"), ("statistician-1", r"as_of=\d+%2F\d+&")):
        page = get(client, f"/t/{NAME}/survival", who)
        csv, json = page.root.xpath("//p[@class='downloads']/a/@href")
        assert page.root.xpath("//p[@class='downloads']/a[re:test(@href, $end)]", end=end, namespaces=_RE)
        assert csv.startswith(f"/v1/trials/{NAME}/views/survival?")
        assert csv.endswith("format=csv")
        assert client.get(csv, headers=bearer(who)).text.startswith("group,time,at_risk")
        rows = client.get(json, headers=bearer(who)).json()["rows"]
        assert len(rows) == len(page.cells("points"))
        assert json.endswith("format=json")


def test_csv_is_narrowed_as_the_page_is(ledger: Path) -> None:
    client = client_of(ledger)
    page = get(client, f"/t/{NAME}/deviations?category=OTHER&as_of=45", "sponsor-1")
    csv = client.get(page.root.xpath("//p[@class='downloads']/a/@href")[0], headers=bearer("sponsor-1")).text
    shown = page.cells("deviations")
    assert len(shown) == 1
    assert [line.split(",")[1] for line in csv.splitlines()[1:]] == [row[0] for row in shown]


@pytest.mark.parametrize("path", PATHS)
def test_everything_that_is_linked_to_for_download_is_there(ledger: Path, path: str) -> None:
    client = client_of(ledger)
    for query in ("", "?as_of=30"):
        for who in ("sponsor-1", "investigator-1", "statistician-1"):
            page = get(client, f"/t/{NAME}{path}{query}", who)
            for address in page.root.xpath("//p[@class='downloads']/a/@href"):
                assert client.get(address, headers=bearer(who)).status_code == 200, address


def test_a_page_of_one_subject_tells_all_that_the_role_may_see_of_it(ledger: Path) -> None:
    client = client_of(ledger)
    path = f"/t/{NAME}/subjects/{SUBJECTS[0]}"
    masked, unmasked = (get(client, path, who) for who in ("sponsor-1", "statistician-1"))
    assert masked.texts("//ol[@id='timeline']/li/h3")[:3] == [
        "Consent obtained",
        "Screening completed",
        "Subject enrolled",
    ]
    assert "Arm assigned" in unmasked.texts("//ol[@id='timeline']/li/h3")
    assert "Arm assigned" not in masked.texts("//ol[@id='timeline']/li/h3")
    assert f"/t/{NAME}/entries/4" in masked.root.xpath("//ol[@id='timeline']//a/@href")


@pytest.mark.parametrize("who", ["sponsor-1", "statistician-1"])
def test_the_timeline_ends_at_the_position(ledger: Path, who: str) -> None:
    client = client_of(ledger)
    path = f"/t/{NAME}/subjects/{SUBJECTS[0]}"
    whole = get(client, path, who).texts("//ol[@id='timeline']/li/h3")
    then = get(client, f"{path}?as_of=9", who).texts("//ol[@id='timeline']/li/h3")
    assert then == whole[: len(then)]
    assert [one for one in then if one != "Arm assigned"][-1] == "Subject randomized"
    assert ("Arm assigned" in then) is (who == "statistician-1")


def test_a_subject_that_there_is_not_yet_is_not_found(ledger: Path) -> None:
    client = client_of(ledger)
    assert get(client, f"/t/{NAME}/subjects/nobody", "sponsor-1").answer.status_code == 404
    assert get(client, f"/t/{NAME}/subjects/{SUBJECTS[3]}?as_of=20", "sponsor-1").answer.status_code == 404


def test_subjects_are_filtered_and_sorted_by_the_address(ledger: Path) -> None:
    client = client_of(ledger)
    none = get(client, f"/t/{NAME}/subjects?status=DIED", "sponsor-1")
    assert none.cells("subjects") == []
    page = get(client, f"/t/{NAME}/subjects?status=RANDOMIZED&sort=-subject", "sponsor-1")
    assert [row[0] for row in page.cells("subjects")] == list(SUBJECTS[::-1])
    assert page.root.xpath("//th[@aria-sort]/@aria-sort") == ["descending"]
    assert page.root.xpath("//option[@selected]/@value") == ["RANDOMIZED"]


def test_a_masked_person_cannot_sort_or_filter_by_arm(ledger: Path) -> None:
    client = client_of(ledger)
    plain = get(client, f"/t/{NAME}/subjects", "sponsor-1").cells("subjects")
    for query in ("sort=arm", "sort=-arm", "arm=Quince+group"):
        assert get(client, f"/t/{NAME}/subjects?{query}", "sponsor-1").cells("subjects") == plain


def test_the_menu_has_the_pages_that_the_role_may_have(ledger: Path) -> None:
    client = client_of(ledger)

    def menu(who: str) -> list[str]:
        return get(client, f"/t/{NAME}", who).texts("//nav[@class='menu']//a")

    assert "Break the code" in menu("investigator-1")
    assert "Break the code" not in menu("auditor-1")
    assert menu("sponsor-1") == menu("data-manager-1")


def test_accesses_are_shown_to_those_who_oversee_the_trial(ledger: Path) -> None:
    client = client_of(ledger)
    assert get(client, f"/t/{NAME}/unblinding", "sponsor-1").root.xpath("//table[@id='access']")
    assert not get(client, f"/t/{NAME}/unblinding", "investigator-1").root.xpath("//table[@id='access']")


def test_the_badge_says_nothing_that_was_not_checked(ledger: Path) -> None:
    page = get(client_of(ledger), f"/t/{NAME}", "sponsor-1")
    assert page.texts("//*[@id='badge']")[0].startswith("Not verified yet")


def test_the_language_that_was_chosen_is_remembered(ledger: Path) -> None:
    client = client_of(ledger)
    chosen = get(client, f"/t/{NAME}?lang=es", "sponsor-1")
    assert chosen.root.get("lang") == "es"
    assert get(client, f"/t/{NAME}", "sponsor-1").root.get("lang") == "es"
    assert get(client, f"/t/{NAME}?lang=en", "sponsor-1").root.get("lang") == "en"
    assert "SameSite=Lax" in chosen.answer.headers["set-cookie"]


def test_the_numbers_of_the_overview_are_those_of_the_pages_that_they_lead_to(ledger: Path) -> None:
    client = client_of(ledger)

    def numbers(page: Page) -> dict[str, str]:
        return dict(
            zip(page.texts("//dl[@class='numbers']//dt"), page.texts("//dl[@class='numbers']//dd/a"), strict=True)
        )

    found = numbers(get(client, f"/t/{NAME}", "sponsor-1"))
    months = get(client, f"/t/{NAME}/enrolment", "sponsor-1").cells("months")
    assert found["Randomized"] == months[-1][-1] == "4"
    assert int(found["Deviations"]) == len(get(client, f"/t/{NAME}/deviations", "sponsor-1").cells("deviations"))
    assert int(found["Open adverse events"]) == len(get(client, f"/t/{NAME}/adverse-events", "sponsor-1").cells("open"))


_RE = {"re": "http://exslt.org/regular-expressions"}
