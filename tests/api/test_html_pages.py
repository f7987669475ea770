"""Pages are complete by themselves, let nothing in but their own style, and show what others wrote as text."""

import base64
import hashlib
from html.parser import HTMLParser

import pytest

from api.html_pages import DOCUMENT, Style, escaped, page, visible

HOSTILE = "</title><script>alert('x')</script>&\u202e\x00\""


class _Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.opened: list[tuple[str, dict[str, str | None]]] = []
        self.closed: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.opened.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.closed.append(tag)


@pytest.mark.parametrize("style", [DOCUMENT, Style("p{color:red}")], ids=["document", "another"])
def test_the_policy_lets_in_the_style_of_the_page_and_nothing_else(style: Style) -> None:
    text = "".join(page("A title", ["<p>said</p>"], style=style))
    inside = text.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
    (policy,) = [at["content"] for _, at in _Tags(text).opened if at.get("http-equiv") == "Content-Security-Policy"]
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def test_a_page_is_whole_and_its_policy_stands_before_what_it_is_for() -> None:
    tags = _Tags("".join(page("A title", ["<p>", "said", "</p>"], language="es")))
    names = [tag for tag, _ in tags.opened]
    assert names == ["html", "head", "meta", "meta", "meta", "meta", "title", "style", "body", "p"]
    assert tags.closed == ["title", "style", "head", "p", "body", "html"]
    assert tags.opened[0] == ("html", {"lang": "es"})


def test_what_others_wrote_is_text_in_the_title_too() -> None:
    text = "".join(page(HOSTILE, [f"<p>{visible(HOSTILE)}</p>"]))
    assert {tag for tag, _ in _Tags(text).opened} == {"html", "head", "meta", "title", "style", "body", "p"}
    assert not {"\u202e", "\x00"} & set(text)
    assert text.count("\\u202e\\u0000") == 2


def test_text_within_an_attribute_stays_there() -> None:
    assert _Tags(f'<p title="{escaped(HOSTILE)}">').opened[0][1] == {"title": HOSTILE}
