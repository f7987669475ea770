"""English and Spanish: which of them somebody reads, and how numbers, days and times are written in it.

1. `?lang=` says it and is remembered in a cookie; else the cookie; else what the browser prefers; else English.
2. A time is written in the zone in which it was stated, and the zone is named: UTC, or the offset.
3. What was stated with less precision (a month, a year) is written with no more.
"""

import re
from typing import Final, Literal, TypeAlias

from starlette.requests import Request

Language: TypeAlias = Literal["en", "es"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "es")
NAMES: Final = {"en": "English", "es": "Español"}
COOKIE: Final = "lang"
_MONTHS: Final = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "es": ("ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sept", "oct", "nov", "dic"),
}
_WHEN: Final = re.compile(
    r"(?P<year>\d{4})(-(?P<month>\d\d)(-(?P<day>\d\d)(T(?P<clock>\d\d:\d\d(:\d\d)?)(\.\d+)?(?P<zone>Z|[+-]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)
_SPACE: Final = "\N{NO-BREAK SPACE}"


def language_of(request: Request) -> Language:
    """The language of an answer."""
    for said in (request.query_params.get(COOKIE), request.cookies.get(COOKIE)):
        for language in LANGUAGES:
            if said == language:
                return language
    return _preferred(request.headers.get("accept-language", ""))


def chosen(request: Request) -> Language | None:
    """The language that this request asks to be remembered."""
    said = request.query_params.get(COOKIE)
    return next((language for language in LANGUAGES if said == language), None)


def _preferred(header: str) -> Language:
    """Of `Accept-Language` (RFC 9110, section 12.5.4), the one of ours with the highest weight."""
    best: tuple[float, Language] = (0.0, LANGUAGES[0])
    for part in header[:500].split(","):
        tag, _, weight = part.strip().partition(";")
        found = re.fullmatch(r"\s*q=([01](?:\.\d{0,3})?)\s*", weight, re.ASCII) if weight else None
        q = 1.0 if not weight else float(found[1]) if found else 0.0
        for language in LANGUAGES:
            if tag.lower().split("-")[0] == language and q > best[0]:
                best = (q, language)
    return best[1]


def number(value: int | str, language: Language) -> str:
    """A count, or a decimal number given as text. Not grouped below 10,000 in Spanish (Ortografía, RAE)."""
    whole, point, rest = str(value).partition(".")
    sign, digits = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
    if not digits.isdigit():
        return str(value)
    if language == "en" or len(digits) > 4:
        digits = f"{int(digits):,}".replace(",", "," if language == "en" else _SPACE)
    return sign.replace("-", "\N{MINUS SIGN}") + digits + (point and ("." if language == "en" else ",")) + rest


def when(value: str, language: Language) -> str:
    """A day, a month, a year or a time of day as stated (ISO 8601); what is none of them stays as it is."""
    found = _WHEN.fullmatch(value)
    if found is None or (found["month"] is not None and not 1 <= int(found["month"]) <= 12):
        return value
    parts = [found["year"]]
    if found["month"] is not None:
        parts.insert(0, _MONTHS[language][int(found["month"]) - 1])
    if found["day"] is not None:
        parts.insert(0, str(int(found["day"])))
    text = _SPACE.join(parts)
    if found["clock"] is None:
        return text
    zone = found["zone"]
    named = "" if zone is None else f"{_SPACE}UTC" + (zone.replace("-", "\N{MINUS SIGN}") if _offset(zone) else "")
    return f"{text}, {found['clock']}{named}"


def _offset(zone: str) -> bool:
    return zone not in ("Z", "+00:00", "-00:00")
