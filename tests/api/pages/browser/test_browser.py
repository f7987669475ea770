"""Every page in a real browser, as each kind of person sees it: clicked through, checked by axe-core, and bare."""

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.api.pages.browser.serving import TRIAL, Visit, Visits, sign_in

PEOPLE: Final = ("investigator-1", "auditor-1", "statistician-1")
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
_MORE: Final = (
    "/audit?sort=-position&limit=10",
    "/entries/5",
    "/verification?entry=5",
    "/as-of?as_of=halt",
    "?as_of=halt",
)


def pages(visit: Visit) -> Iterator[str]:
    """The addresses of all pages that somebody has: those of the menu, and what lies behind them."""
    visit.go("")
    yield from [str(address) for _, address in visit.menu()]
    visit.go("/subjects")
    yield str(visit.page.locator("#subjects tbody a").first.get_attribute("href"))
    yield from (f"/t/{TRIAL}{path}" for path in _MORE)


@pytest.mark.parametrize("person", PEOPLE)
def test_every_page_of_the_menu_is_clicked_through_in_peace(visits: Visits, person: str) -> None:
    with visits.nobody(viewport=WIDE) as visit:
        sign_in(visit, person)
        visit.page.get_by_role("link", name=TRIAL).first.click()
        names = [name for name, _ in visit.menu()]
        assert len(names) >= 13
        for name in names:
            visit.page.locator("nav.menu").get_by_role("link", name=name, exact=True).click()
            visit.page.wait_for_load_state()
            assert visit.page.locator("h1").count() == 1
            assert visit.page.locator("nav.menu [aria-current=page]").inner_text() == name
        visit.page.get_by_role("button", name="Sign out").click()
        visit.page.wait_for_url("**/sign-out")
        assert visit.complaints == []
        assert visit.elsewhere == []


@pytest.mark.parametrize("person", PEOPLE)
def test_axe_finds_nothing_on_any_page_in_either_theme_nor_at_the_width_of_a_phone(visits: Visits, person: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is absent").Axe()
    found: list[str] = []
    with visits.of(person, viewport=WIDE) as visit:
        for address in pages(visit):
            visit.page.goto(visit.url + address)
            found += _violations(axe, visit.page, f"{address} light")
            visit.page.emulate_media(color_scheme="dark")
            visit.page.set_viewport_size(PHONE)
            found += _violations(axe, visit.page, f"{address} dark, on a phone")
            wide = visit.page.evaluate("document.documentElement.scrollWidth")
            found += [f"{address} is {wide} wide on a phone"] if wide > PHONE["width"] else []
            visit.page.emulate_media(color_scheme="light")
            visit.page.set_viewport_size(WIDE)
    assert found == []


def test_axe_would_find_something(visits: Visits) -> None:
    """The control."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is absent").Axe()
    with visits.of("sponsor-1") as visit:
        visit.go("")
        visit.page.evaluate("document.querySelector('label').remove(); document.title = ''")
        assert {"document-title", "label"} <= {one.split()[0] for one in _violations(axe, visit.page, "")}


def _violations(axe: Any, page: Any, where: str) -> list[str]:
    answer = axe.run(page, options={"resultTypes": ["violations"]}).response
    assert answer["passes"], where
    return [f"{one['id']} {where}: {one['nodes'][0]['html'][:150]}" for one in answer["violations"]]


@pytest.mark.parametrize("person", ["investigator-1", "statistician-1"])
def test_without_scripts_every_page_has_its_content(visits: Visits, person: str) -> None:
    with visits.of(person, java_script_enabled=False) as plain, visits.of(person) as scripted:
        for address in pages(plain):
            texts = []
            for visit in (plain, scripted):
                assert visit.page.goto(visit.url + address).status == 200
                visit.page.locator("form#check").evaluate_all("forms => forms.forEach((form) => form.remove())")
                texts.append(visit.page.locator("main").inner_text())
            assert texts[0] == texts[1], address
            assert len(texts[0]) > 100
        assert not [one for one in plain.requests if one.endswith(".js")]


def test_without_scripts_the_forms_work(visits: Visits) -> None:
    with visits.of("investigator-1", java_script_enabled=False) as visit:
        page = visit.page
        visit.go("/audit")
        page.get_by_label("Type of event").select_option("consent.obtained/1")
        page.get_by_label("Order").select_option("-position")
        page.get_by_role("button", name="Search").click()
        assert set(page.locator("#audit tbody tr td:nth-of-type(3)").all_inner_texts()) == {"Consent obtained"}
        assert "type=consent.obtained" in page.url
        visit.go("/survival")
        page.get_by_label("Known as at").fill("halt")
        page.get_by_role("button", name="Show", exact=True).click()
        assert "as_of=halt" in page.url
        visit.go("/as-of")
        page.locator("#slider").press("Home")
        page.locator("form.slide button").click()
        assert page.url.endswith("/as-of?as_of=0")
        assert "Entry 0" in page.locator("#sides thead").inner_text()
        visit.go("/verification")
        page.get_by_label("Entry number").fill("3")
        page.get_by_role("button", name="Fill in the fields").click()
        assert "trial-ledger-verify.pyz" in page.locator("main").inner_text()
        assert not page.locator("form#check").is_visible()
        assert visit.complaints == []


def test_the_keyboard_reaches_the_way_past_the_menu_the_menu_and_the_form(visits: Visits) -> None:
    with visits.of("investigator-1", viewport=WIDE) as visit:
        visit.go("/audit")
        reached = []
        for _ in range(40):
            visit.page.keyboard.press("Tab")
            reached.append(
                visit.page.evaluate(
                    "(() => { const it = document.activeElement; const box = it.getBoundingClientRect();"
                    " return [it.className || it.name || it.textContent.trim(), box.width > 0 && box.left >= 0,"
                    " getComputedStyle(it).outlineStyle]; })()"
                )
            )
        names = [name for name, _, _ in reached]
        assert names[0] == "skip"
        assert names.index("skip") < names.index("Overview") < names.index("Verification") < names.index("text")
        assert all(seen and outline != "none" for _, seen, outline in reached[:30]), reached
        visit.page.keyboard.press("Escape")
        visit.go("/audit")
        visit.page.keyboard.press("Tab")
        visit.page.keyboard.press("Enter")
        assert visit.page.evaluate("document.activeElement.id") == "main"


def test_pages_are_printed_without_what_is_for_the_screen(visits: Visits) -> None:
    with visits.of("statistician-1") as visit:
        for path in ("", "/survival", "/audit", "/verification"):
            visit.go(path)
            visit.page.emulate_media(media="print")
            assert not visit.page.locator("nav.menu").is_visible()
            assert not visit.page.locator("main form").first.is_visible()
            assert visit.page.locator("h1").is_visible()
            assert visit.page.pdf(format="A4").startswith(b"%PDF")
            visit.page.emulate_media(media="screen")


# -- the check of a proof in the browser -------------------------------------------------------------------------------


def checked(visit: Visit) -> tuple[str | None, str]:
    """Press the button; whether it holds, and what is said."""
    visit.page.get_by_role("button", name="Check", exact=True).click()
    result = visit.page.locator("#check-result[data-ok]")
    result.wait_for()
    return result.get_attribute("data-ok"), result.inner_text()


def test_an_entry_is_checked_in_the_browser_itself_which_asks_nobody(visits: Visits) -> None:
    with visits.of("investigator-1") as visit:
        for seq in (0, 1, 7):
            visit.go(f"/entries/{seq}")
            leaf = visit.page.locator("#leaf").inner_text()
            visit.page.get_by_role("link", name="Check it in this browser").click()
            visit.page.locator("form#check").wait_for()
            before = len(visit.requests)
            holds, said = checked(visit)
            assert holds == "true", said
            assert f"number {seq} of the first" in said
            assert "the signature holds" in said or "does not know Ed25519" in said
            assert "ML-DSA-44" in said
            visit.page.locator("#check-result summary").click()
            assert leaf in visit.page.locator("#check-result").inner_text()
            assert visit.requests[before:] == []
        assert visit.complaints == []


def test_one_flipped_digit_is_found_and_so_is_another_checkpoint(visits: Visits) -> None:
    """The controls: of the entry, of the proof, of the checkpoint from elsewhere, and of the signature."""
    with visits.of("investigator-1") as visit:
        page = visit.page
        visit.go("/verification?entry=4")
        fields = {
            name: page.locator(f"textarea[name={name}]") for name in ("entry-bytes", "proof", "checkpoint", "keys")
        }
        whole = {name: field.input_value() for name, field in fields.items()}
        note = whole["proof"].partition("\n\n")[2]

        def asked(**other: str) -> tuple[str | None, str]:
            for name, field in fields.items():
                field.fill({**whole, **other}[name])
            return checked(visit)

        commit = re.search(r'"commit":"([0-9a-f])', whole["entry-bytes"])
        assert commit is not None
        digit = "1" if commit[1] == "0" else "0"
        flipped = whole["entry-bytes"][: commit.start(1)] + digit + whole["entry-bytes"][commit.end(1) :]
        assert asked(**{"entry-bytes": flipped})[0] == "false"
        lines = whole["proof"].split("\n")
        sibling = bytearray(base64.b64decode(lines[2]))
        sibling[0] ^= 1
        lines[2] = base64.b64encode(sibling).decode()
        assert asked(proof="\n".join(lines))[0] == "false"
        assert asked(checkpoint=note)[0] == "true"
        assert asked(checkpoint="\n" + note.strip())[0] == "true"  # as somebody types it off paper
        origin, size, root, rest = note.split("\n", 3)
        other = bytearray(base64.b64decode(root))
        other[31] ^= 1
        holds, said = asked(checkpoint="\n".join((origin, size, base64.b64encode(other).decode(), rest)))
        assert holds == "false"
        assert "another history" in said
        assert asked(checkpoint="\n".join((origin, "1", root, rest)))[0] == "false"
        assert asked(checkpoint="nonsense")[0] == "false"
        assert asked()[0] == "true"
        assert visit.complaints == []


def test_the_badge_says_what_was_verified_once_somebody_asked_for_it(visits: Visits) -> None:
    with visits.of("sponsor-1") as visit:
        visit.go("/verification")
        visit.page.get_by_role("button", name="Verify the whole record now").click()
        for _ in range(30):
            if visit.page.locator("#badge").count():
                break
            visit.page.wait_for_timeout(1000)
            visit.page.get_by_role("link", name="Look again").click()
        assert "holds" in visit.page.locator("#badge").inner_text()
        visit.go("")
        assert "erified" in visit.page.locator("#badge").inner_text()
        assert visit.complaints == []


# -- the code-break, on a phone ----------------------------------------------------------------------------------------


def test_the_code_is_broken_on_a_phone_once_however_often_the_page_is_sent(
    visits: Visits, served_demo: tuple[str, Path]
) -> None:
    assert served_demo[1].exists()
    with visits.of("investigator-1", viewport=PHONE, has_touch=True, is_mobile=True) as visit:
        page = visit.page
        visit.go("/subjects?status=RANDOMIZED")
        if not page.locator("#subjects tbody tr").count():
            visit.go("/subjects")
        rows = page.locator("#subjects tbody tr").all_inner_texts()
        told = None
        for row in rows:
            subject = row.split()[0]
            visit.go("/code-break")
            page.get_by_label("Subject", exact=True).fill(subject)
            page.get_by_label("Reason").fill("Anaphylaxis after the infusion")
            page.get_by_label("I need to know").tap()
            with page.expect_navigation():
                page.get_by_role("button", name="Break the code").tap()
            if page.locator("#arm").count():
                told = page.locator("#arm").inner_text()
                break
            assert page.locator("#subject-error").count(), page.locator("main").inner_text()
            assert page.get_by_label("Reason").input_value() == "Anaphylaxis after the infusion"
        assert told
        recorded = page.locator("main time").first.inner_text()
        page.reload()  # sends the form again
        assert page.locator("#arm").inner_text() == told
        assert page.locator("main time").first.inner_text() == recorded
        page.go_back()
        assert page.locator("#arm").count() == 0
        visit.go("/audit?type=code.broken/1&sort=-position")
        reasons = page.locator("#audit tbody tr td:last-child").all_inner_texts()
        assert reasons.count("Anaphylaxis after the infusion") == 1
        # 4xx answers are said by the browser's console too; they are the ones that were asked for
        assert [one for one in visit.complaints if "status of 409" not in one] == []
