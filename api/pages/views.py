"""The page of a view: heading, a sentence, filters, picture, tables. One template for all (`view.html`)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request, Response
from markupsafe import Markup

from api.pages.languages import language_of
from api.pages.looking import Look
from api.pages.rendering import page
from api.pages.tables import Table
from api.pages.words import IN, Words


@dataclass(frozen=True, slots=True)
class Section:
    """A table with its heading, and what is to be said of it."""

    heading: str
    table: Table
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Filter:
    """A choice among the values that there are. `options`: (value, label)."""

    name: str
    label: str
    options: tuple[tuple[str, str], ...]
    chosen: str


_NOTHING: Final[Mapping[str, Any]] = {}


def words_of(request: Request) -> Words:
    """The words of the language that somebody reads."""
    return IN[language_of(request)]


def choice(
    request: Request, name: str, rows: Iterable[Mapping[str, Any]], *, terms: bool = False, label: str | None = None
) -> Filter:
    """A filter by a member of the rows, and what of it was chosen."""
    words = words_of(request)
    values = sorted({row[name] for row in rows if row[name] is not None})
    options = tuple((value, words.term(value) if terms else value) for value in values)
    return Filter(name, label or words.say(f"column.{name}"), options, request.query_params.get(name, ""))


def filtered(rows: Iterable[Mapping[str, Any]], filters: Iterable[Filter]) -> list[Mapping[str, Any]]:
    """The rows that have all that was chosen."""
    chosen = [(one.name, one.chosen) for one in filters if one.chosen]
    return [row for row in rows if all(row[name] == value for name, value in chosen)]


def view_page(
    request: Request,
    looked: Look,
    heading: str,
    sections: Sequence[Section],
    *,
    views: Sequence[str],
    narrowed: Mapping[str, object] = _NOTHING,
    template: str = "view.html",
    intro: Iterable[str] = (),
    notes: Iterable[str] = (),
    filters: Sequence[Filter] = (),
    picture: Callable[[], Markup] | None = None,
    picture_title: str = "",
    key: Sequence[tuple[Markup, str]] = (),
    more: Mapping[str, Any] = _NOTHING,
    made_of: Mapping[str, object] = _NOTHING,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The page. Of `views` there are links to CSV and JSON, narrowed by the filters of the page and by `narrowed`.

    `picture` draws the picture, once it is known that the page is to be sent.
    """
    chosen = {one.name: one.chosen for one in filters if one.chosen}
    return page(
        request,
        template,
        ask=looked.ask,
        at=looked.where,
        views={view: {**chosen, **narrowed} for view in views},
        made_of={**looked.made_of, **made_of},
        headers=headers,
        heading=heading,
        sections=sections,
        intro=list(intro),
        notes=list(notes),
        filters=filters,
        picture=picture,
        picture_title=picture_title,
        key=key,
        **more,
    )
