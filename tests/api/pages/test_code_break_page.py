"""The code-break form: durable before it tells, told once however often it is sent, and nothing lost that was typed."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from lxml import html

from api.bootstrap import open_trial
from ledger.application import TrialLedger
from ledger.domain.history import Fact
from ledger.domain.vocabulary import Book, Role
from ledger.proof.sections import PLAIN
from ledger.recording.reader import LedgerReader
from tests.api.pages.hypertext import Page, faults, get
from tests.api.server.identity.making import Time
from tests.api.server.identity.signing_in import browser_of, development, signed_in
from tests.api.server.people import NAME, bearer, client_of
from tests.projections.whole_trial import ARM_WORDS, SUBJECTS

HERE = f"/t/{NAME}/code-break"
WHO = "investigator-1"
SUBJECT = SUBJECTS[1]


def broken(ledger: Path) -> list[Fact]:
    """The code-breaks on record."""
    return [fact for fact in facts(ledger) if fact.type == "code.broken/1"]


def facts(ledger: Path) -> list[Fact]:
    reader = LedgerReader(ledger, books=frozenset({Book.OPEN}), classes=frozenset({PLAIN}))
    try:
        with reader:
            return list(reader.facts())
    finally:
        reader.close()


def fields(page: Page, **typed: str) -> dict[str, str]:
    """What a browser would send of the form, once somebody has typed into it."""
    held = {
        field.get("name"): field.get("value", "") for field in page.root.xpath("//main//form//input[@type='hidden']")
    }
    return held | {"subject": SUBJECT, "reason": "Anaphylaxis", "confirm": "yes"} | typed


def sent(client: Any, form: Mapping[str, str], who: str | None = WHO) -> Page:
    known = {} if who is None else bearer(who)
    answer: httpx.Response = client.post(HERE, data=form, headers={"accept": "text/html", **known})
    return Page(answer, html.document_fromstring(answer.content))


def arm_of(ledger: Path, subject: str) -> str:
    with closing(open_trial(ledger)) as trial:
        arm = trial.arm_of(subject)
        assert arm is not None
        return arm


def test_the_form_is_well_made_in_both_languages(ledger: Path) -> None:
    for language in ("en", "es"):
        page = get(client_of(ledger), HERE, WHO, **{"accept-language": language})
        assert page.answer.status_code == 200
        assert faults(page) == []
        assert page.answer.headers["cache-control"] == "no-store"
        assert "etag" not in page.answer.headers


def test_the_arm_is_told_and_who_broke_the_code_is_on_record(ledger: Path) -> None:
    client, before = client_of(ledger), broken(ledger)
    page = sent(client, fields(get(client, HERE, WHO)))
    assert page.answer.status_code == 200
    assert faults(page) == []
    assert arm_of(ledger, SUBJECT) in page.texts("//*[@id='arm']")[0]
    assert page.answer.headers["cache-control"] == "no-store"
    (new,) = broken(ledger)[len(before) :]
    assert (new.actor.id, new.data["subject"], new.data["reason"]) == (WHO, SUBJECT, "Anaphylaxis")
    assert f"/t/{NAME}/entries/{new.seq}" in page.root.xpath("//main//a/@href")


def test_the_form_sent_twice_is_one_code_break_and_tells_the_same(
    ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(ledger)
    form = fields(get(client, HERE, WHO))
    first, count = sent(client, form), len(broken(ledger))
    # later by the clock: the second one is another day
    served = next(iter(client.app.state.ledger.trials))  # type: ignore[attr-defined]
    clock = served.clock
    monkeypatch.setattr(served, "clock", lambda: clock().replace(year=clock().year + 1))
    again = sent(client, form)
    assert again.answer.status_code == 200
    assert again.texts("//*[@id='arm']") == first.texts("//*[@id='arm']")
    assert again.texts("//main//time") == first.texts("//main//time")
    assert len(broken(ledger)) == count


def test_the_same_form_with_other_content_is_no_second_code_break(ledger: Path) -> None:
    client = client_of(ledger)
    form = fields(get(client, HERE, WHO))
    sent(client, form)
    count = len(broken(ledger))
    page = sent(client, form | {"reason": "Something else"})
    assert page.answer.status_code == 409
    assert not page.root.xpath("//*[@id='arm']")
    assert len(broken(ledger)) == count
    assert page.root.xpath("//input[@name='command']/@value") != [form["command"]]


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"subject": ""}, "subject"),
        ({"subject": "nobody"}, "subject"),
        ({"subject": "\u202ex" * 200}, "subject"),
        ({"reason": " "}, "reason"),
        ({"reason": "x" * 20_000}, "reason"),
        ({"confirm": ""}, "confirm"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_typed_is_lost(
    ledger: Path, typed: dict[str, str], field: str
) -> None:
    client, before = client_of(ledger), len(broken(ledger))
    form = fields(get(client, HERE, WHO)) | typed
    if not form["confirm"]:
        del form["confirm"]
    page = sent(client, form)
    assert 400 <= page.answer.status_code < 500
    assert page.root.xpath(f"//*[@id='{field}-error']")
    assert faults(page) == []
    assert len(broken(ledger)) == before
    assert not [word for word in ARM_WORDS if word in page.answer.text]
    if field != "subject":
        assert page.root.xpath("//input[@name='subject']/@value") == [SUBJECT]
    if field != "reason":
        assert page.root.xpath("string(//textarea)").strip() == "Anaphylaxis"
    assert page.root.xpath("//input[@name='command']/@value") == [form["command"]]


def test_what_cannot_be_recorded_is_not_told(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    client = client_of(ledger)
    form = fields(get(client, HERE, WHO))
    monkeypatch.setattr(TrialLedger, "submit", full)
    page = sent(client, form)
    assert page.answer.status_code == 503
    assert "envelope" in page.texts("//*[@role='alert']")[0]
    assert not [word for word in ARM_WORDS if word in page.answer.text]
    monkeypatch.undo()
    assert sent(client, form).answer.status_code == 200  # the control: it was that alone


@pytest.mark.parametrize("role", ["sponsor", "monitor", "data-manager", "participant", "statistician"])
def test_a_role_that_may_break_no_code_gets_no_form_and_no_arm(ledger: Path, role: str) -> None:
    client, before = client_of(ledger), len(broken(ledger))
    form = fields(get(client, HERE, WHO))
    assert get(client, HERE, f"{role}-1").answer.status_code == 403
    refused = sent(client, form, f"{role}-1")
    assert refused.answer.status_code == 403
    assert not [word for word in ARM_WORDS if word in refused.answer.text]
    assert len(broken(ledger)) == before
    if Role(role) is not Role.STATISTICIAN:
        assert [fact.type for fact in facts(ledger)][-1] == "access.refused/1"


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "application/json", 415),
        (b"subject=%FF", "application/x-www-form-urlencoded", 400),
        (b"subject=a&subject=b", "application/x-www-form-urlencoded", 400),
        (b"a=" + b"x" * 100_000, "application/x-www-form-urlencoded", 413),
        (b"&".join(b"a%d=b" % n for n in range(50)), "application/x-www-form-urlencoded", 400),
    ],
)
def test_a_body_that_is_no_form_is_refused(ledger: Path, body: bytes, kind: str, status: int) -> None:
    client = client_of(ledger)
    answer = client.post(HERE, content=body, headers={**bearer(WHO), "content-type": kind})
    assert answer.status_code == status


def test_a_browser_needs_the_token_of_its_own_sign_in(ledger: Path) -> None:
    browser = browser_of(development(ledger, Time()), ledger)
    signed_in(browser, WHO)
    page = get(browser, HERE, None)
    form, before = fields(page), len(broken(ledger))
    assert form["csrf"]
    for wrong in ({}, {"csrf": ""}, {"csrf": "x" * 43}):
        refused = sent(browser, {name: value for name, value in form.items() if name != "csrf"} | wrong, None)
        assert refused.answer.status_code == 403
    assert len(broken(ledger)) == before
    assert sent(browser, form, None).answer.status_code == 200
    assert len(broken(ledger)) == before + 1
