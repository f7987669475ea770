"""The headers of every page and file: what a browser may do with it.

1. Nothing is let in that this server did not give out, and no script or style stands inside a page (Content Security
   Policy Level 3). Nothing frames a page, and no form of it goes elsewhere.
2. A page belongs to one person: no shared cache keeps it, and a browser asks each time whether it still holds.
3. Links tell no other place where somebody came from.
"""

from collections.abc import Mapping
from typing import Final

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
GUARDS: Final[Mapping[str, str]] = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
"""Of pages and of files."""

OF_A_PAGE: Final[Mapping[str, str]] = {
    **GUARDS,
    "cache-control": "private, no-cache",
    "vary": "Accept, Accept-Language, Authorization, Cookie",
}
