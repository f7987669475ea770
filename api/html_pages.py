"""A document as one HTML page: complete by itself, no script, nothing fetched, legible dark, light and on paper.

1. The policy in its head (Content Security Policy Level 3) lets in the page's own style, by its hash, and nothing else.
2. Whatever others have written goes through `escaped` or `visible` before it is put among tags, the title apart, which
   is escaped here.
"""

import base64
import hashlib
import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

_UNSEEN: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


@dataclass(frozen=True, slots=True)
class Style:
    """A style sheet, and the policy under which a page has it and nothing else."""

    css: str

    @property
    def policy(self) -> str:
        digest = base64.b64encode(hashlib.sha256(self.css.encode()).digest()).decode()
        return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


DOCUMENT: Final = Style("""
:root { color-scheme: light dark; --text: #1b1f24; --dim: #57606a; --back: #fff; --line: #c4ccd4; --head: #eef1f4;
  --good: #0b6b34; --good-back: #e7f6ec; --bad: #a40e26; --bad-back: #fdebec; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e9ec; --dim: #a3adb8; --back: #14181c; --line: #424b55;
  --head: #22282f; --good: #7ee2a1; --good-back: #10301d; --bad: #ff9aa5; --bad-back: #3b1418; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1rem; max-width: 60rem; color: var(--text); background: var(--back);
  font: 1rem/1.5 system-ui, "Segoe UI", Helvetica, Arial, sans-serif; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0; }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; border-bottom: 2px solid var(--line); break-after: avoid; }
p, li, td, th, caption, pre { overflow-wrap: anywhere; }
.subtitle, .aside, caption, footer { color: var(--dim); }
.good, .bad { padding: .75rem 1rem; border-left: .4rem solid; font-size: 1.15rem; font-weight: 600; }
.good { color: var(--good); background: var(--good-back); }
.bad { color: var(--bad); background: var(--bad-back); }
table { width: 100%; border-collapse: collapse; margin: .75rem 0 1.25rem; font-size: .9rem; }
caption { text-align: left; padding-bottom: .25rem; }
th, td { border: 1px solid var(--line); padding: .3rem .5rem; text-align: left; vertical-align: top;
  unicode-bidi: isolate; }
thead { display: table-header-group; }
thead th { background: var(--head); }
tr { break-inside: avoid; }
pre, .exact { font-family: ui-monospace, "SF Mono", Consolas, monospace; font-size: .85em; }
pre { white-space: pre-wrap; padding: .5rem .75rem; background: var(--head); }
.blanks td { height: 3rem; width: 70%; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); font-size: .85rem; }
@page { size: A4; margin: 18mm 16mm; }
@media print { :root { --text: #000; --dim: #444; --back: #fff; --line: #999; --head: #eee; --good: #000;
  --good-back: #fff; --bad: #000; --bad-back: #fff; } body { max-width: none; padding: 0; font-size: 10pt; } }
""")
"""For what is read from the first line to the last, and printed on A4."""


def page(
    title: str,
    body: Iterable[str],
    *,
    style: Style = DOCUMENT,
    language: str = "en",
    doctype: str = "<!DOCTYPE html>",
    referrer: str | None = "no-referrer",
) -> Iterator[str]:
    """The page, in pieces as `body` comes in. `body` is HTML, in which text is escaped; `language` a BCP 47 tag.

    `referrer`: what a link tells the place it leads to (Referrer Policy); None says nothing of it.
    """
    told = "" if referrer is None else f'<meta name="referrer" content="{escaped(referrer)}">\n'
    yield (
        f'{doctype}\n<html lang="{escaped(language)}"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{style.policy}">\n'
        f'{told}<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{visible(title)}</title>\n<style>{style.css}</style></head>\n<body>"
    )
    yield from body
    yield "</body></html>\n"


def escaped(text: str) -> str:
    """Text as it stands among tags, or within an attribute."""
    return html.escape(text, quote=True)


def visible(text: str) -> str:
    r"""Escaped; with control characters, and what changes the direction of a line, made visible (`\u202e`)."""
    return escaped(_UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text))
