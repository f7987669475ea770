"""A visitor of a server that runs: a browser without scripts, as far as a walk through the pages needs one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urljoin

import httpx
from lxml import html

_ACCEPTED: Final = {"accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", "accept-language": "en"}


class Visitor:
    """Follows links and sends forms, and is told what is on the page. Whatever is not answered well is an error."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx.Client(headers=_ACCEPTED, follow_redirects=True, timeout=30)
        self.answer: httpx.Response
        self.page: Any = None

    def go(self, address: str) -> None:
        """Open a page."""
        self._at(self._client.get(urljoin(self.url, address)))

    def follow(self, words: str) -> None:
        """Follow the first link that says this."""
        self.go(self.link(words))

    def link(self, words: str) -> str:
        """Where a link leads."""
        found = self.page.xpath("//a[contains(normalize-space(), $words)]/@href", words=words)
        assert found, f"no link says {words!r} at {self.answer.url}"
        return urljoin(str(self.answer.url), str(found[0]))

    def press(self, words: str, **typed: str) -> None:
        """Press a button that says this; its form is sent with what was typed into fields, by their names."""
        found = self.page.xpath("//button[contains(normalize-space(), $words)]", words=words)
        assert found, f"no button says {words!r} at {self.answer.url}"
        button = found[0]
        (form,) = button.xpath("ancestor::form")
        fields = {one.get("name"): one.get("value", "") for one in form.xpath(".//input[@name]")}
        if button.get("name"):
            fields[button.get("name")] = button.get("value", "")
        to = urljoin(str(self.answer.url), form.get("action"))
        if form.get("method") == "post":
            self._at(self._client.post(to, data={**fields, **typed}))
        else:
            self._at(self._client.get(to, params={**fields, **typed}))

    def field(self, label: str) -> str:
        """The name of the field with this label."""
        found = self.page.xpath("//*[@id = //label[normalize-space() = $label]/@for]/@name", label=label)
        assert found, f"no field is called {label!r} at {self.answer.url}"
        return str(found[0])

    def has(self, words: str) -> bool:
        """Whether a link says this."""
        return bool(self.page.xpath("//a[contains(normalize-space(), $words)]", words=words))

    def text(self, path: str = "//main") -> str:
        """What is written there, white space made one."""
        return " ".join(" ".join(one.text_content().split()) for one in self.page.xpath(path))

    def download(self, address: str) -> bytes:
        """A file."""
        answer = self._client.get(address).raise_for_status()
        return answer.content

    def close(self) -> None:
        """End."""
        self._client.close()

    def _at(self, answer: httpx.Response) -> None:
        self.answer = answer.raise_for_status()
        self.page = html.document_fromstring(answer.content) if answer.content else None


@contextmanager
def visiting(url: str) -> Iterator[Visitor]:
    """A visitor, for as long as the block lasts."""
    visitor = Visitor(url)
    try:
        yield visitor
    finally:
        visitor.close()
