"""Pages without a trial: a title and a few paragraphs, for the sign-out and the development issuer."""

from html import escape
from typing import Final

from starlette.responses import HTMLResponse

from api.pages.headers import GUARDS
from api.pages.static import address

_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · trial-ledger</title>
<link rel="icon" href="{icon}" type="image/svg+xml">
<link rel="stylesheet" href="{style}">
</head>
<body>
<header class="top">
<p class="brand"><a href="/">trial-ledger</a></p>
</header>
<main id="main">
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""


def plain(title: str, body: str, status: int = 200) -> HTMLResponse:
    """A page; `body` is HTML, `title` is text."""
    given = {"title": escape(title), "body": body, "icon": address("icon.svg"), "style": address("style.css")}
    return HTMLResponse(_PAGE.format(**given), status, {**GUARDS, "cache-control": "no-store"})
