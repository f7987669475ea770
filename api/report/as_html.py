"""A report as one HTML file (`api/html_pages.py`): no script, nothing fetched, legible on a screen and on paper."""

from collections.abc import Iterator

from api.html_pages import escaped, page
from api.report.document import Blanks, Block, Bullets, Code, Document, Paragraph, Table


def as_html(document: Document) -> bytes:
    """The report as UTF-8."""
    title = f"{document.title}: {document.subtitle}"
    return "".join(page(title, (f"{line}\n" for line in _lines(document)), language=document.language)).encode()


def _lines(document: Document) -> Iterator[str]:
    yield f'<header><h1>{escaped(document.title)}</h1><p class="subtitle">{escaped(document.subtitle)}</p></header>'
    yield "<main>"
    for number, section in enumerate(document.sections, 1):
        yield f'<section aria-labelledby="s{number}">'
        yield f'<h2 id="s{number}">{escaped(section.title)}</h2>'
        for block in section.blocks:
            yield from _block(block)
        yield "</section>"
    yield "</main>"
    yield f"<footer><p>{escaped(document.footer)}</p></footer>"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Paragraph(text, "plain"):
            yield f"<p>{escaped(text)}</p>"
        case Paragraph(text, tone):
            yield f'<p class="{tone}">{escaped(text)}</p>'
        case Bullets(items):
            yield "<ul>"
            yield from (f"<li>{escaped(item)}</li>" for item in items)
            yield "</ul>"
        case Code(text):
            yield f"<pre><code>{escaped(text)}</code></pre>"
        case Table():
            yield from _table(block)
        case Blanks(caption, labels):
            yield '<table class="blanks">'
            yield f"<caption>{escaped(caption)}</caption>"
            yield "<tbody>"
            yield from (f'<tr><th scope="row">{escaped(label)}</th><td></td></tr>' for label in labels)
            yield "</tbody>"
            yield "</table>"


def _table(table: Table) -> Iterator[str]:
    exact = [' class="exact"' if column in table.exact else "" for column in range(len(table.columns))]
    yield "<table>"
    yield f"<caption>{escaped(table.caption)}</caption>"
    heads = "".join(f'<th scope="col">{escaped(column)}</th>' for column in table.columns)
    yield f"<thead><tr>{heads}</tr></thead>"
    yield "<tbody>"
    for row in table.rows:
        cells = "".join(f"<td{kind}>{escaped(cell)}</td>" for kind, cell in zip(exact, row, strict=True))
        yield f"<tr>{cells}</tr>"
    yield "</tbody>"
    yield "</table>"
