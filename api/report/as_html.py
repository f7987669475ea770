"""A report as one HTML file: no script, nothing fetched, legible on a screen, dark or light, and on paper.

The policy in its head lets in the style below, by its hash, and nothing else.
"""

import base64
import hashlib
import html
from collections.abc import Iterator
from typing import Final

from api.report.document import Blanks, Block, Bullets, Code, Document, Paragraph, Table

_STYLE: Final = """
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
"""
_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY: Final = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'"


def as_html(document: Document) -> bytes:
    """The report as UTF-8."""
    return "".join(f"{line}\n" for line in _lines(document)).encode()


def _lines(document: Document) -> Iterator[str]:
    yield "<!DOCTYPE html>"
    yield f'<html lang="{_text(document.language)}">'
    yield "<head>"
    yield '<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_text(POLICY)}">'
    yield '<meta name="referrer" content="no-referrer">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{_text(document.title)}: {_text(document.subtitle)}</title>"
    yield f"<style>{_STYLE}</style>"
    yield "</head>"
    yield "<body>"
    yield f'<header><h1>{_text(document.title)}</h1><p class="subtitle">{_text(document.subtitle)}</p></header>'
    yield "<main>"
    for number, section in enumerate(document.sections, 1):
        yield f'<section aria-labelledby="s{number}">'
        yield f'<h2 id="s{number}">{_text(section.title)}</h2>'
        for block in section.blocks:
            yield from _block(block)
        yield "</section>"
    yield "</main>"
    yield f"<footer><p>{_text(document.footer)}</p></footer>"
    yield "</body>"
    yield "</html>"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Paragraph(text, "plain"):
            yield f"<p>{_text(text)}</p>"
        case Paragraph(text, tone):
            yield f'<p class="{tone}">{_text(text)}</p>'
        case Bullets(items):
            yield "<ul>"
            yield from (f"<li>{_text(item)}</li>" for item in items)
            yield "</ul>"
        case Code(text):
            yield f"<pre><code>{_text(text)}</code></pre>"
        case Table():
            yield from _table(block)
        case Blanks(caption, labels):
            yield '<table class="blanks">'
            yield f"<caption>{_text(caption)}</caption>"
            yield "<tbody>"
            yield from (f'<tr><th scope="row">{_text(label)}</th><td></td></tr>' for label in labels)
            yield "</tbody>"
            yield "</table>"


def _table(table: Table) -> Iterator[str]:
    exact = [' class="exact"' if column in table.exact else "" for column in range(len(table.columns))]
    yield "<table>"
    yield f"<caption>{_text(table.caption)}</caption>"
    heads = "".join(f'<th scope="col">{_text(column)}</th>' for column in table.columns)
    yield f"<thead><tr>{heads}</tr></thead>"
    yield "<tbody>"
    for row in table.rows:
        cells = "".join(f"<td{kind}>{_text(cell)}</td>" for kind, cell in zip(exact, row, strict=True))
        yield f"<tr>{cells}</tr>"
    yield "</tbody>"
    yield "</table>"


def _text(text: str) -> str:
    return html.escape(text, quote=True)
