"""What people have entered is text on every page, whatever it looks like."""

from pathlib import Path
from typing import Any

import pytest

from tests.api.pages.hypertext import faults, get
from tests.api.server.people import NAME, client_of
from tests.projections.whole_trial import MASKABLE_TERMS, SUBJECTS, actor, protocol_masking
from tests.trials import SITE, Trial

HOSTILE = (
    "<script>alert(1)</script>",
    "</td></table><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }}{% include 'x' %}",
    '" autofocus onfocus="alert(1)',
    "fever \u202egnp.exe\u202c end",
    "zero\u200bwidth\ufeff and \u2066isolate\u2069",
)
_UNSEEN = "\u202e\u202c\u200b\ufeff\u2066\u2069"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trial in which every text that people enter is hostile."""
    trial = Trial(tmp_path_factory.mktemp("hostile"), protocol=protocol_masking("QUADRUPLE", MASKABLE_TERMS))

    def do(role: str, type_: str, data: dict[str, Any]) -> None:
        trial.do(type_, data, actor=actor(role))

    do("sponsor", "activate-site", {"site": SITE})
    subject = SUBJECTS[0]
    trial.randomized(subject)
    for number, text in enumerate(HOSTILE):
        event = {"subject": subject, "ae": f"AE{number}", "term": text, "severity": "SEVERE", "serious": True}
        more = {"seriousness": ["HOSPITALIZATION"], "onset": trial.clock.at.date().isoformat()}
        do("investigator", "report-adverse-event", event | more)
        do("investigator", "report-deviation", {"subject": subject, "category": "OTHER", "detail": text})
    for text in HOSTILE:  # last: what is entered after it goes into the sealed book
        do("investigator", "break-code", {"subject": subject, "reason": text})
    do("sponsor", "halt-trial", {"reason": HOSTILE[0] + HOSTILE[4]})
    trial.ledger.close()
    return trial.path


PATHS = ("", "/adverse-events", "/serious-events", "/deviations", "/unblinding", f"/subjects/{SUBJECTS[0]}", "/consort")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("who", ["sponsor-1", "statistician-1"])
def test_hostile_text_is_text(hostile: Path, path: str, who: str) -> None:
    page = get(client_of(hostile), f"/t/{NAME}{path}", who)
    assert page.answer.status_code == 200
    assert faults(page) == []
    assert page.root.xpath("//script[not(@src)]|//img|//*[@onfocus]|//*[@autofocus]") == []
    assert [mark for mark in _UNSEEN if mark in page.answer.text] == []


def test_hostile_text_can_be_read_as_it_was_entered(hostile: Path) -> None:
    terms = [row[3] for row in get(client_of(hostile), f"/t/{NAME}/serious-events", "sponsor-1").cells("serious")]
    assert HOSTILE[0] in terms
    assert HOSTILE[2] in terms
    assert "fever \\u202egnp.exe\\u202c end" in terms


@pytest.mark.parametrize(
    "query", ["site=%3Cscript%3E", "sort=%22%3E%3Cimg%3E", "status='--", "as_of=%3Cscript%3E", "x=%E2%80%AE"]
)
def test_hostile_addresses_are_text_too(hostile: Path, query: str) -> None:
    page = get(client_of(hostile), f"/t/{NAME}/subjects?{query}", "sponsor-1")
    assert page.answer.status_code in (200, 400)
    assert faults(page) == []
    assert page.root.xpath("//script[not(@src)]|//img") == []
    assert "\u202e" not in page.answer.text


@pytest.mark.parametrize("subject", ["%3Cscript%3E", "..", "%00", "%E2%80%AE", "a" * 5000])
def test_hostile_names_of_subjects_are_not_found(hostile: Path, subject: str) -> None:
    page = get(client_of(hostile), f"/t/{NAME}/subjects/{subject}", "sponsor-1")
    assert page.answer.status_code in (404, 200 if subject == ".." else 404)
    assert faults(page) == []
