"""SDTM's words as the ledger's codes and terms: the same word always gives the same code."""

import re
from typing import Final

_NOT_CODE: Final = re.compile(r"[^A-Z0-9_-]")
_NOT_TERM: Final = re.compile(r"[^A-Z0-9]+")


def code_of(word: str) -> str:
    """An arm or site code from ARMCD or SITEID: capitals, and `_` for what a code may not hold; 20 characters."""
    code = _NOT_CODE.sub("_", word.strip().upper())
    return (code if code[:1].isalnum() else f"X{code}")[:20]


def term_of(words: str | None) -> str | None:
    """A screening term from a value of DM: BLACK OR AFRICAN AMERICAN is BLACK_OR_AFRICAN_AMERICAN."""
    term = _NOT_TERM.sub("_", (words or "").upper()).strip("_")
    if not term:
        return None
    return (term if term[0].isalpha() else f"X_{term}")[:63]
