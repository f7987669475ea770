"""`python -m tests.api.pages.browser.screenshots`: the pictures of all pages in `docs/screenshots`, made of a demo; or
of those that are named after it.

The demo, the browser's size, its zone and the people are fixed, so that a picture changes where a page does; the times
at which looks are recorded are those of the day. Each is a PNG of at most `MOST` bytes: where the whole page has more,
it is cut at its foot.
"""

import sys
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from PIL import Image

from ledger.application.signing import Wanted
from ledger.domain.events.signature import Extent, Meaning
from ledger.domain.vocabulary import Book
from ledger.proof.tree import leaf_hash
from tests.api.pages.browser.serving import Visits, browser_at, demo, server_of
from tests.api.pages.signing import sign, stored

FOLDER: Final = Path(__file__).resolve().parents[4] / "docs" / "screenshots"
MOST: Final = 150_000
_TALLEST: Final = 1600
_COLOURS: Final = 64
_WIDE: Final = {"width": 1280, "height": 900}
_PHONE: Final = {"width": 360, "height": 740}
_PICTURES: Final[tuple[tuple[str, str, str, dict[str, Any]], ...]] = (
    # name, who, page, and what is asked of the browser
    ("trials", "investigator-1", "/", {}),
    ("overview", "investigator-1", "", {}),
    ("overview-dark", "investigator-1", "", {"color_scheme": "dark"}),
    ("overview-phone-es", "investigator-1", "?lang=es", {"viewport": _PHONE}),
    ("consort", "investigator-1", "/consort", {}),
    ("enrolment", "investigator-1", "/enrolment", {}),
    ("subjects", "investigator-1", "/subjects", {}),
    ("subject", "investigator-1", "/subjects/{subject}", {}),
    ("survival-masked", "investigator-1", "/survival", {}),
    ("survival", "statistician-1", "/survival", {}),
    ("survival-at-halt-dark", "statistician-1", "/survival?as_of=halt", {"color_scheme": "dark"}),
    ("adverse-events", "statistician-1", "/adverse-events", {}),
    ("serious-events", "statistician-1", "/serious-events", {}),
    ("sites", "investigator-1", "/sites", {}),
    ("deviations", "auditor-1", "/deviations", {}),
    ("unblinding", "auditor-1", "/unblinding", {}),
    ("duties", "auditor-1", "/duties", {}),
    ("as-of", "sponsor-1", "/as-of?as_of=halt", {}),
    ("audit", "auditor-1", "/audit?type=record.corrected/1", {}),
    ("entry", "auditor-1", "/entries/5", {}),
    ("signatures", "investigator-1", "/signatures", {}),
    ("verification", "sponsor-1", "/verification?entry=5", {}),
    ("code-break-phone", "investigator-1", "/code-break", {"viewport": _PHONE}),
)


def main() -> None:
    """Make them anew."""
    wanted = set(sys.argv[1:]) or {name for name, *_ in _PICTURES}
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        ledger = demo(Path(folder), subjects=30)
        _signed(ledger)
        with server_of(ledger) as url, browser_at(url) as visits:
            _verified(visits)
            subject = _subject(visits)
            for name, who, page, options in (one for one in _PICTURES if one[0] in wanted):
                _taken(visits, name, who, page.format(subject=subject), options)


def _taken(visits: Visits, name: str, who: str, page: str, options: dict[str, Any]) -> None:
    with visits.of(who, **{"viewport": _WIDE, "timezone_id": "UTC", **options}) as visit:
        if page == "/":
            visit.page.goto(visit.url)
        else:
            visit.go(page)
        if name == "verification":
            visit.page.get_by_role("button", name="Check", exact=True).click()
            visit.page.locator("#check-result[data-ok=true]").wait_for()
        tall = min(_TALLEST, visit.page.evaluate("document.documentElement.scrollHeight"))
        size = visit.page.viewport_size
        picture = Image.open(BytesIO(visit.page.screenshot(full_page=True))).convert("RGB")
    data = _small(picture.crop((0, 0, size["width"], min(tall, picture.height))))
    (FOLDER / f"{name}.png").write_bytes(data)
    sys.stderr.write(f"{name}.png: {len(data)} bytes\n")


def _small(picture: Image.Image) -> bytes:
    """The picture as PNG, cut until it is small enough."""
    while True:
        held = BytesIO()
        picture.quantize(_COLOURS, dither=Image.Dither.NONE).save(held, "PNG", optimize=True)
        if held.tell() <= MOST:
            return held.getvalue()
        picture = picture.crop((0, 0, picture.width, picture.height * 9 // 10))


def _verified(visits: Visits) -> None:
    """Have the record verified, so that the badge has something to say."""
    with visits.of("sponsor-1") as visit:
        visit.go("/verification")
        visit.page.get_by_role("button", name="Verify the whole record now").click()
        for _ in range(60):
            if visit.page.locator("#badge").count():
                return
            visit.page.wait_for_timeout(1000)
            visit.go("/verification")
        raise SystemExit("the demo was not verified in time")


def _signed(ledger: Path) -> None:
    """Have an entry and the record of a subject signed."""
    leaf = leaf_hash(stored(ledger, 5)).hex()
    read = Wanted("a", Meaning.REVIEW, Extent.ENTRY, Book.OPEN, 5, leaf, words="Seen at the site, against the source.")
    sign(ledger, "monitor-7", "monitor", "Irene Campos", read)
    whole = Wanted("b", Meaning.RESPONSIBILITY, Extent.SUBJECT, Book.OPEN, 200, subject="S01-001")
    sign(ledger, "investigator-7", "investigator", "Bruno Salas", whole)


def _subject(visits: Visits) -> str:
    with visits.of("investigator-1") as visit:
        visit.go("/subjects?status=COMPLETED")
        if not visit.page.locator("#subjects tbody a").count():
            visit.go("/subjects")
        return str(visit.page.locator("#subjects tbody a").first.inner_text())


if __name__ == "__main__":
    main()
