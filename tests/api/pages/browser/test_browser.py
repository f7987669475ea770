"""Every page in a real browser, as each kind of person sees it: clicked through, checked by axe-core, and bare."""

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.api.pages.browser.serving import TRIAL, Visit, Visits, sign_in

PEOPLE: Final = ("investigator-1", "auditor-1", "statistician-1")
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
_MORE: Final = (
    "/audit?sort=-position&limit=10",
    "/audit?type=record.corrected/1",
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


def test_a_request_to_another_host_would_be_found(visits: Visits) -> None:
    """The control: a picture from elsewhere, in a browser that does not heed what the page forbids."""
    with visits.of("investigator-1", bypass_csp=True) as visit:
        visit.go("")
        visit.page.evaluate("document.body.append(Object.assign(new Image(), {src: 'http://elsewhere.invalid/1.png'}))")
        visit.page.wait_for_timeout(100)
        assert visit.elsewhere == ["http://elsewhere.invalid/1.png"]
        visit.elsewhere.clear()


@pytest.fixture(scope="module")
def axe() -> str:
    """The source of axe-core."""
    found = pytest.importorskip("axe_playwright_python", reason="axe-core is absent")
    return next(Path(found.__file__).parent.rglob("axe.min.js")).read_text("utf-8")


def test_axe_finds_nothing_on_any_page_in_either_theme_nor_at_the_width_of_a_phone(visits: Visits, axe: str) -> None:
    """A page of the same structure as one that was looked at, whoever saw that, is not looked at again."""
    seen: set[str] = set()
    found: list[str] = []
    with visits.nobody(viewport=WIDE) as visit:
        for path in ("/", "/sign-out", "/development"):
            visit.page.goto(visit.url + path)
            found += _looked_at(visit, axe, path)
    for person in PEOPLE:
        with visits.of(person, viewport=WIDE) as visit:
            for path in ("/", *pages(visit), f"/t/{TRIAL}/no-such-page", f"/t/{TRIAL}/survival?as_of=never"):
                visit.page.goto(visit.url + path + ("?limit=8" if path.endswith("/audit") else ""))
                structure = visit.page.evaluate(_STRUCTURE)
                if structure not in seen:
                    seen.add(structure)
                    found += _looked_at(visit, axe, f"{path} as {person}")
                    visit.page.set_viewport_size(PHONE)
                    wide = visit.page.evaluate("document.documentElement.scrollWidth")
                    found += [f"{path} is {wide} wide on a phone, as {person}"] if wide > PHONE["width"] else []
                    visit.page.set_viewport_size(WIDE)
    assert found == []
    assert len(seen) > 25


def test_axe_would_find_something(visits: Visits, axe: str) -> None:
    """The control, in both themes."""
    with visits.of("sponsor-1", viewport=WIDE) as visit:
        visit.go("")
        visit.page.evaluate("document.querySelector('label').remove(); document.title = ''")
        visit.page.evaluate("document.querySelector('h1').id = 'faint'")
        visit.page.evaluate("document.styleSheets[0].insertRule('#faint { color: #777; background: #888; }')")
        found = {tuple(one.split()[:2]) for one in _looked_at(visit, axe, "")}
    assert {("document-title", "light"), ("label", "light"), ("color-contrast", "light")} <= found
    assert ("color-contrast", "dark") in found


_STRUCTURE: Final = """() => {
    const paths = new Set();
    const walk = (one, above) => {
        const marks = ["class", "role", "type", "aria-sort", "aria-current"].map((name) => one.getAttribute(name));
        const said = ["aria-label", "aria-labelledby", "aria-invalid", "hidden"].map((name) => one.hasAttribute(name));
        const path = `${above}/${one.tagName} ${marks} ${said} ${one.textContent.trim() !== ""}`;
        paths.add(path);
        for (const below of one.children) walk(below, path);
    };
    walk(document.documentElement, "");
    const headings = Array.from(document.querySelectorAll("h1, h2, h3, h4"), (one) => one.tagName);
    return [...paths, ...headings].join("\\n");
}"""
_AXE: Final = """(only) => axe.run(document, {
    resultTypes: ["violations"], reporter: "no-passes", preload: false,
    ...(only ? {runOnly: {type: "rule", values: only}} : {}),
})"""
_OF_LOOKS: Final = ["color-contrast", "link-in-text-block", "scrollable-region-focusable", "target-size"]
"""The rules that depend on the theme and on the width."""


def _looked_at(visit: Visit, axe: str, where: str) -> list[str]:
    """What axe finds: in the light theme on a wide screen by all rules, and in the dark one on a phone."""
    page, found = visit.page, []
    page.evaluate(axe)
    for theme, size, only in (("light", WIDE, None), ("dark", PHONE, _OF_LOOKS)):
        page.emulate_media(color_scheme=theme)
        page.set_viewport_size(size)
        for one in page.evaluate(_AXE, only)["violations"]:
            found.append(f"{one['id']} {theme} {where}: {one['nodes'][0]['html'][:150]}")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(WIDE)
    return found


def test_without_scripts_every_page_has_its_content(visits: Visits) -> None:
    for person in ("statistician-1", "investigator-1"):
        with visits.of(person, java_script_enabled=False) as plain, visits.of(person) as scripted:
            every = list(pages(plain)) if person == "statistician-1" else [f"/t/{TRIAL}", f"/t/{TRIAL}/code-break"]
            for address in every:
                texts = []
                for visit in (plain, scripted):
                    answer = visit.page.goto(visit.url + address)
                    assert answer.status == 200
                    visit.page.locator("form#check").evaluate_all("forms => forms.forEach((form) => form.remove())")
                    texts.append(" ".join(visit.page.locator("main").inner_text().split()))
                assert texts[0] == texts[1], address
                assert len(texts[0]) > 100
            assert not [one for one in plain.requests if ".js" in one]
            assert [one for one in scripted.requests if ".js" in one]
            assert plain.complaints == scripted.complaints == []


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


def test_filters_order_and_pages_change_in_place_with_an_address_and_a_history(visits: Visits) -> None:
    with visits.of("investigator-1", viewport=WIDE) as visit:
        page = visit.page
        visit.go("/subjects")
        page.evaluate("window.kept = true")
        every = page.locator("#subjects tbody tr").count()
        page.get_by_label("Site").select_option("S01")
        page.get_by_role("button", name="Apply").press("Enter")
        page.wait_for_url("**/subjects?site=S01")
        some = page.locator("#subjects tbody tr").count()
        assert 0 < some < every
        assert page.evaluate("document.activeElement.textContent") == "Apply"
        assert "Subjects" in page.locator("#said").inner_text()
        sort = page.locator("#subjects-by-status")
        sort.press("Enter")
        page.wait_for_url("**sort=status")
        assert page.locator("#subjects th[aria-sort=ascending]").inner_text().startswith("Status")
        assert page.evaluate("document.activeElement.id") == "subjects-by-status"
        page.go_back()
        page.locator("#subjects th[aria-sort]").wait_for(state="detached")
        assert page.locator("#subjects tbody tr").count() == some
        page.go_back()
        page.wait_for_url("**/subjects")
        page.locator(f"#subjects tbody tr:nth-child({every})").wait_for()
        assert page.evaluate("window.kept")  # no page was loaded meanwhile
        sort.click(modifiers=["Control"])  # in another tab, as the browser does it
        assert page.url.endswith("/subjects")
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
            assert [one for one in visit.requests[before:] if "/static/icon.svg" not in one] == []
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
