"""The pages of a dossier: index.html, with all of it, and integrity.html, with heads and roots."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from api.dossier import html, words
from api.dossier.changes import Changes
from api.dossier.changes import refs_of as change_refs
from api.dossier.content import SHOWN, Content, change_caption, change_heads, changed_section
from api.dossier.integrity import Statement
from api.dossier.model import Section
from api.exports.source import Source
from api.html_pages import page, visible
from ledger.domain.history import Fact
from ledger.domain.vocabulary import Book

_CONTENT: Final = 400
_ELSEWHERE: Final = frozenset({"subject", "occurred_at", "late", "protocol", "provenance"})


def index_page(content: Content, path: Path) -> None:
    """Write index.html."""
    title, subtitle, footer = content.names()
    linking = html.Linking()

    def body() -> Iterator[str]:
        yield f'<header><h1>{visible(title)}</h1><p class="subtitle">{visible(subtitle)}</p></header>\n<main>\n'
        for line in content.statement.warning:
            yield f'<p class="bad">{visible(line)}</p>\n'
        for line in (*content.about, words.HOW_TO_READ):
            yield f"<p>{visible(line)}</p>\n"
        yield from _contents(
            [*(one.name for one in content.sections), *content.changed, "integrity", "events"], content.changed
        )
        for one in content.sections:
            yield from html.section(one, linking)
        for name, listed in content.changed.items():
            yield from _changes(name, listed, linking)
        yield from html.section(Section("integrity", words.TITLES["integrity"], content.statement.said), linking)
        yield from _events(content, linking)
        yield f"</main>\n<footer><p>{visible(footer)}</p></footer>"

    _pieces(path, page(f"{title}: {subtitle}", body(), style=html.STYLE, language=words.LANGUAGE))


def integrity_page(source: Source, statement: Statement, heads: Mapping[str, str], path: Path) -> None:
    """Write integrity.html. `heads`: those of the books at the position (hex)."""
    title = words.INTEGRITY_TITLE.format(trial=source.protocol.trial_id)

    def body() -> Iterator[str]:
        yield f"<header><h1>{visible(title)}</h1></header>\n<main>\n"
        yield from _headed(Section("words", words.INTEGRITY_WORDS, statement.words))
        yield "</section>\n"
        yield from _headed(Section("heads", words.INTEGRITY_HEADS, []))
        rows = [(visible(book), visible(head)) for book, head in heads.items()]
        yield from html.table(words.HEADS_CAPTION, ("book", "head"), rows, len(rows), "integrity.json")
        yield "</section>\n"
        yield from _headed(Section("roots", words.INTEGRITY_ROOTS, []))
        roots = [(str(size), root) for size, root in statement.roots]
        yield from html.table(words.ROOTS_CAPTION, ("entries", "root"), roots, len(roots), "integrity.json")
        yield "</section>\n</main>"

    _pieces(path, page(title, body(), style=html.STYLE, language=words.LANGUAGE))


def _contents(names: Iterable[str], found: Mapping[str, Changes]) -> Iterator[str]:
    yield f'<nav aria-label="{words.CONTENTS}"><ol>'
    for name in names:
        since = found["changes"].start.open if name == "changes" else 0
        yield f'<li><a href="#{name}">{visible(words.TITLES[name].format(since=since))}</a></li>'
    yield "</ol></nav>\n"


def _changes(name: str, found: Changes, linking: html.Linking) -> Iterator[str]:
    section = changed_section(name, found)
    yield from _headed(section)
    if found.total:
        rows = ([_cell(row, column, linking) for column in SHOWN] for row in found.rows())
        heads = change_heads()
        yield from html.table(change_caption(name, found), heads, rows, found.total, f"tables/{name}.csv")
    yield "</section>\n"


def _headed(section: Section) -> Iterator[str]:
    yield f'<section aria-labelledby="{section.name}"><h2 id="{section.name}">{visible(section.title)}</h2>\n'
    for line in section.said:
        yield f"<p>{visible(line)}</p>\n"


def _cell(row: Mapping[str, Any], column: str, linking: html.Linking) -> str:
    if column == "seq":
        own, *target = change_refs(dict(row))
        about = "".join(f" ({linking.link(ref, html.named(ref))})" for ref in target)
        return linking.link(own, html.named(own)) + about
    return visible(_short(row[column]))


def _short(value: Any) -> str:
    text = html.shown(value)
    return text if len(text) <= _CONTENT else f"{text[:_CONTENT]} …"


def _events(content: Content, linking: html.Linking) -> Iterator[str]:
    """The events that are referred to, in the order of the books; those after the position say so."""
    yield from _headed(Section("events", words.TITLES["events"], []))
    heads = ("event", "recorded at", "occurred at", "who", "role", "type", "subject", "content")
    if linking.wanted:
        yield f"<table><caption>{visible(words.CAPTIONS['events'])}</caption>\n<thead><tr>"
        yield "".join(f'<th scope="col">{name}</th>' for name in heads)
        yield "</tr></thead>\n<tbody>\n"
        for fact in content.facts():
            if (fact.book.value, fact.seq) in linking.wanted:
                yield _event(content.source, fact)
        yield "</tbody></table>\n"
    if linking.beyond:
        yield f"<p>{visible(words.CUT_EVENTS.format(shown=linking.most))}</p>\n"
    yield "</section>\n"


def _event(source: Source, fact: Fact) -> str:
    ref, data = (fact.book.value, fact.seq), fact.data
    size = source.position.open if fact.book is Book.OPEN else source.position.sealed or 0
    later = f" ({words.LATER})" if fact.seq >= size else ""
    content = {name: value for name, value in data.items() if name not in _ELSEWHERE and value not in ("", [], {})}
    cells = (
        fact.at,
        data.get("occurred_at"),
        fact.actor.id,
        fact.actor.role,
        fact.type.partition("/")[0],
        data.get("subject"),
        _short(content),
    )
    row = "".join(f"<td>{visible(html.shown(cell))}</td>" for cell in cells)
    return f'<tr id="{html.anchor(ref)}"><th scope="row">{visible(html.named(ref) + later)}</th>{row}</tr>\n'


def _pieces(path: Path, pieces: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(pieces)
