"""Pages as tests read them: the document, and what is wrong with it."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any, Final

from lxml import html
from starlette.testclient import TestClient

from tests.api.server.people import bearer

VOID: Final = frozenset({"meta", "link", "input", "br", "hr", "img", "area", "base", "col", "source", "wbr"})
_ASKED: Final = {"accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}


@dataclass(frozen=True, slots=True)
class Page:
    """An answer, and its document."""

    answer: Any
    root: Any

    def texts(self, path: str) -> list[str]:
        """The texts of the elements that an XPath finds, white space made one."""
        return [" ".join(element.text_content().split()) for element in self.root.xpath(path)]

    def cells(self, table: str) -> list[list[str]]:
        """The rows of the body of a table, as text."""
        rows = self.root.xpath(f"//table[@id='{table}']/tbody/tr")
        return [[" ".join(cell.text_content().split()) for cell in row.xpath("./th|./td")] for row in rows]


def get(client: TestClient, path: str, who: str | None, **headers: str) -> Page:
    """The page at an address, as a browser asks for it."""
    known = {} if who is None else bearer(who)
    answer = client.get(path, headers={**_ASKED, **known, **headers}, follow_redirects=False)
    return Page(answer, html.document_fromstring(answer.content or b"<html></html>"))


def faults(page: Page) -> list[str]:
    """What is wrong with the structure of a page."""
    return [*_tags(page.answer.text), *_document(page.root)]


class _Tags(HTMLParser):
    """Whether each element that begins also ends, within the one that it began in."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        repeated = [name for name, count in Counter(name for name, _ in attrs).items() if count > 1]
        self.wrong += [f"{tag} has {name} twice" for name in repeated]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.wrong.append(f"{tag} ends itself")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"{tag} ends at {self.getpos()}, and is not what was open")


def _tags(text: str) -> Iterator[str]:
    parser = _Tags()
    parser.feed(text)
    parser.close()
    yield from parser.wrong
    yield from (f"{tag} never ends" for tag in parser.open)


def _document(root: Any) -> Iterator[str]:
    if root.get("lang") not in ("en", "es"):
        yield "the document has no language"
    if not root.xpath("string(//title)").strip():
        yield "the document has no title"
    ids = Counter(root.xpath("//@id"))
    yield from (f"id {one} stands {count} times" for one, count in ids.items() if count > 1)
    for name in ("aria-labelledby", "aria-describedby", "for"):
        for value in root.xpath(f"//@{name}"):
            yield from (f"{name} names {one}, which is not there" for one in value.split() if one not in ids)
    levels = [int(element.tag[1]) for element in root.iter("h1", "h2", "h3", "h4", "h5", "h6")]
    if levels.count(1) != 1 or levels[0] != 1:
        yield f"headings: {levels}: there is to be one of the first level, at the beginning"
    yield from (f"heading {b} follows {a}" for a, b in pairwise(levels) if b > a + 1)
    for landmark in ("main", "header", "footer"):
        if len(root.xpath(f"//{landmark}")) != 1:
            yield f"there is not one {landmark}"
    labels = root.xpath("//nav/@aria-label")
    if len(labels) != len(root.xpath("//nav")) or len(set(labels)) != len(labels):
        yield f"navigations are not told apart: {labels}"
    regions = root.xpath("//section[@aria-labelledby]|//*[@role='region']")
    named = [region.get("aria-label") or _named(root, region.get("aria-labelledby", "")) for region in regions]
    if len(set(named)) != len(named):
        yield f"regions are not told apart: {named}"
    if root.xpath("//body/*")[0].get("href") != "#main" or root.xpath("//main/@id") != ["main"]:
        yield "there is no link to skip to the content"
    yield from _tables(root)
    for field in root.xpath("//input[not(@type='hidden')]|//select|//textarea"):
        if field.get("id") not in root.xpath("//label/@for"):
            yield f"{field.tag} {field.get('name')} has no label"
    for control in root.xpath("//a|//button|//summary"):
        if not (control.text_content().strip() or control.get("aria-label")):
            yield f"{html.tostring(control)[:80]!r} says nothing"
    for element in root.iter():
        if not isinstance(element.tag, str):
            continue
        for name, value in element.attrib.items():
            if name == "style" or name.startswith("on") or re.match(r"\s*(javascript|data):", value, re.I):
                yield f"{element.tag} has {name}={value[:40]}"
    if root.xpath("//style|//script[not(@src)]|//iframe|//object|//embed|//base"):
        yield "there is a style or a script within the page, or what embeds another"
    for address in root.xpath("//@src|//@href|//@action"):
        if not re.match(r"/(?!/)|#", address):
            yield f"the address {address} is of another place"


def _named(root: Any, ids: str) -> str:
    found = (root.xpath(f"//*[@id='{one}']") for one in ids.split())
    return " ".join(element.text_content().strip() for elements in found for element in elements)


def _tables(root: Any) -> Iterator[str]:
    for table in root.xpath("//table"):
        if not "".join(table.xpath("string(./caption)")).strip():
            yield f"table {table.get('id')} has no caption"
        for head in table.xpath(".//th"):
            if head.get("scope") not in ("col", "row"):
                yield f"table {table.get('id')} has a heading without scope"
        columns = len(table.xpath("./thead/tr/th"))
        for row in table.xpath("./tbody/tr"):
            if len(row.xpath("./th|./td")) != columns:
                yield f"table {table.get('id')} has a row of another length"
    for region in root.xpath("//*[@role='region']"):
        if region.get("tabindex") != "0" or not (region.get("aria-label") or region.get("aria-labelledby")):
            yield "a region that scrolls cannot be reached, or has no name"
    for picture in root.xpath("//*[local-name()='svg']"):
        named = picture.get("role") == "img" and picture.get("aria-labelledby")
        if not named and picture.get("aria-hidden") != "true":
            yield "a picture has no name"
