"""Making a page: one function for all of them, `page`, and what templates have at hand.

How to add a page
1. A template in `templates/` that extends `base.html` and fills the blocks `title` and `content`. It says words by
   `t("key")`, which are in a module of `words/`; vocabulary by `term(code)`.
2. A route of a module with a `ROUTER`, which `api/server/app.py` lists in `ROUTES`, with `Ask` for who asks:
   `return page(request, "x.html", ask=ask, at=result.as_of, views={"x": {}}, table=...)`. Methods GET and HEAD
   (`reading("/t/{trial}/x")` of this module gives both).
3. A line in `menu.py`, with the views that the page needs.
4. Addresses are made by `link(path, name=value, …)`, which keeps `?as_of=`, and by `entry_link` and `audit_link`.

Rules
1. Whatever a template writes is escaped, and what nobody could see in it (controls, marks that turn the direction of a
   line) is made visible. A name that is not there is an error.
2. What is shown comes from `Asking.session`; a page is made from it, and is handed no reader.
3. A page of a position has an ETag of what it was made from: address, language, who looks in which sight and session,
   position, this code, and what else it is told (`made_of`). So 304 is answered before anything is written; a session
   that has not looked yet never gets it. Nothing in it comes from the sealed book for who may not see that.
4. Tables are the same as the API's: links to CSV and JSON of exactly what is seen are made here (`views`).
"""

import hashlib
import re
from collections.abc import Callable, Hashable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from api.pages.headers import OF_A_PAGE
from api.pages.keeping import keeping, may_be_kept
from api.pages.languages import COOKIE, LANGUAGES, NAMES, chosen, language_of, number, when
from api.pages.menu import menu_of
from api.pages.static import address
from api.pages.words import IN, Words
from api.server.person import Person
from api.server.state import Asking
from projections.result import AsOf
from projections.views import VIEWS

_F = TypeVar("_F", bound=Callable[..., Any])
# As `api/html_pages.py` has it, but for line feed and tab: what was recorded has lines.
_UNSEEN: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_YEAR: Final = 31_536_000
_NONE: Final[Mapping[str, Mapping[str, object]]] = {}
HTML: Final = "text/html; charset=utf-8"
MOST_ROWS: Final = 1000
"""How many rows of a table a page shows at most; and the API in one answer."""


def seen(value: Any) -> Any:
    r"""What is written of a value: nothing for None; of text, what cannot be seen as `\u202e`."""
    if value is None:
        return ""
    if isinstance(value, str) and not isinstance(value, Markup):
        return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", value)
    return value


_environment: Final = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=seen,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.globals["address"] = address


def reading(
    router: APIRouter, path: str, *, beside: Callable[[Request, Asking], Mapping[str, Hashable]] | None = None
) -> Callable[[_F], _F]:
    """Decorates a route that only reads: GET and HEAD, and not in the API's description.

    `beside`: what the page is made of that is in no book (of its `made_of`), for a page that may be kept
    (`api/pages/keeping.py`) all the same.
    """

    def decorate(route: _F) -> _F:
        router.api_route(path, methods=["GET", "HEAD"], include_in_schema=False)(keeping(route, beside))
        return route

    return decorate


def page(
    request: Request,
    template: str,
    *,
    ask: Asking | None = None,
    person: Person | None = None,
    at: AsOf | None = None,
    views: Mapping[str, Mapping[str, object]] = _NONE,
    made_of: Mapping[str, object] | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **context: Any,
) -> Response:
    """A page. `at`: the position that it was made from; `views`: those of which CSV and JSON are linked to, each with
    the filters by which it was narrowed (column=value, as the API takes them).

    `made_of`: what else the page depends on, for its ETag. Without `at` there is none.
    """
    language = language_of(request)
    who = ask.person if ask is not None else person
    sent = {**OF_A_PAGE, "content-language": language, **(headers or {})}
    if (remembered := chosen(request)) is not None:
        secure = "; Secure" if request.url.scheme == "https" else ""
        sent["set-cookie"] = f"{COOKIE}={remembered}; Path=/; Max-Age={_YEAR}; SameSite=Lax; HttpOnly{secure}"
    behind = None if ask is None or at is None else ask.served.behind()
    if behind is not None:
        made_of = {**(made_of or {}), "behind": behind}
    if at is not None and status == 200:
        sent["etag"] = etag = _etag(request, language, ask, who, at, made_of or {})
        if etag in (one.strip() for one in request.headers.get("if-none-match", "").split(",")):
            return Response(status_code=304, headers=sent)
    words = IN[language]
    made = _environment.get_template(template).render(
        **_at_hand(request, words, ask),
        person=who,
        at=at,
        behind=behind,
        downloads=_downloads(request, ask, at, views),
        error=context.pop("error", None),
        **context,
    )
    if at is not None and status == 200 and headers is None and remembered is None:
        may_be_kept(request, made_of or {})
    return Response(made.encode(), status, sent, HTML)


def link(request: Request, path: str, **query: object) -> str:
    """An address of this server: its path quoted; `as_of` kept unless it is given.

    Of the query, what is None is left out; of a list, each value is a parameter.
    """
    query = {"as_of": as_of_of(request), **query}
    text = urlencode({name: value for name, value in query.items() if value is not None}, doseq=True)
    return quote(path, safe="/") + (f"?{text}" if text else "")


def as_of_of(request: Request) -> str | None:
    """The position that is asked for; an empty field of the form means now."""
    return request.query_params.get("as_of", "").strip() or None


def pinned(at: AsOf) -> str | int | None:
    """The exact position of an answer, as an as-of: for all that stands on one page with it."""
    return at.seq if at.sealed is None else f"{at.seq}/{at.sealed}"


def _at_hand(request: Request, words: Words, ask: Asking | None) -> dict[str, Any]:
    """What every template has."""
    language = words.language
    trial = None if ask is None else ask.served.name

    def linked(path: str, **query: object) -> str:
        return link(request, path, **query)

    def here(**query: object) -> str:
        """The same page with another query; what is None is left out of it."""
        asked = {name: request.query_params.getlist(name) for name in request.query_params}
        return link(request, request.url.path, **{"as_of": None, **asked, COOKIE: None, **query})

    def entry_link(seq: int, book: str = "open") -> str | None:
        """The page of an entry. Of the sealed book: only where whoever looks has it in sight."""
        if book == "open":
            return linked(f"/t/{trial}/entries/{seq}")
        return linked(f"/t/{trial}/entries/{seq}", book=book) if ask is not None and ask.session.sight.arms else None

    def audit_link(**query: object) -> str:
        return linked(f"/t/{trial}/audit", **query)

    def shown_when(value: str | None) -> Markup:
        if value is None:
            return Markup("")
        stated = escape(seen(value))
        return Markup('<time datetime="{}">{}</time>').format(stated, seen(when(value, language)))

    return {
        "language": language,
        "languages": [(code, NAMES[code]) for code in LANGUAGES],
        "t": words.say,
        "event": words.event,
        "term": words.term,
        "number": lambda value: "" if value is None else number(value, language),
        "when": shown_when,
        "link": linked,
        "here": here,
        "entry_link": entry_link,
        "audit_link": audit_link,
        "trial": trial,
        "session": None if ask is None else ask.session,
        "menu": [] if ask is None else list(menu_of(ask.session)),
        "path": request.url.path,
        "as_of": as_of_of(request),
        "kept": [(name, value) for name, value in request.query_params.items() if name not in ("as_of", COOKIE)],
    }


def _downloads(
    request: Request, ask: Asking | None, at: AsOf | None, views: Mapping[str, Mapping[str, object]]
) -> list[tuple[str, str, str]]:
    """(view, CSV, JSON): where the same is, at the same position, whatever is recorded meanwhile.

    A view that depends on the day of the question is asked for by the same words, for its day follows from them.
    """
    if ask is None or at is None:
        return []
    listed = []
    for view, filters in views.items():
        path = f"/v1/trials/{ask.served.name}/" + ("audit" if view == "audit" else f"views/{view}")
        as_of = as_of_of(request) if view in VIEWS and VIEWS[view].by_day else pinned(at)
        asked = {"as_of": as_of, **filters, "limit": MOST_ROWS}
        csv, json = (link(request, path, **asked, format=form) for form in ("csv", "json"))
        listed.append((view, csv, json))
    return listed


def _etag(
    request: Request,
    language: str,
    ask: Asking | None,
    person: Person | None,
    at: AsOf,
    more: Mapping[str, object],
) -> str:
    sight = None if ask is None else ask.session.sight
    made_from = (
        code_mark(),
        request.url.path,
        sorted(request.query_params.multi_items()),
        language,
        None if person is None else (person.id, person.session, person.csrf),
        None if ask is None or sight is None else (ask.session.viewer.role, sorted(sight.books), sorted(sight.classes)),
        None if sight is None or sight.sites is None else sorted(sight.sites),
        (at.seq, at.sealed, at.sealed_head),
        sorted(more.items()),
    )
    return f'"{at.head}.{hashlib.sha256(repr(made_from).encode()).hexdigest()[:32]}"'


@cache
def code_mark() -> str:
    """What this version of the code, of the templates and of the static files is known by."""
    digest = hashlib.sha256()
    root = Path(__file__).parents[2]
    for folder in ("api/pages", "projections", "ledger/domain"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".py", ".html", ".css", ".js", ".svg"):
                digest.update(f"{path.relative_to(root)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]
