"""What the pages say, in English and in Spanish, side by side: `WORDS` of each module here.

1. A key has both languages or does not exist. A page says nothing that has no key.
2. `term.<CODE>` is a word of the ledger's vocabulary. A code without one is shown as it is recorded.
3. Values are put in by name (`{n}`); both languages of a key have the same ones. A key with `n` may have a form for
   one, under `<key>.one`.
4. More pages, more words: a new module here with its `WORDS`. A key that two modules have is an error.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Final

from api.pages.languages import LANGUAGES, Language, number


@cache
def catalogue() -> Mapping[str, tuple[str, str]]:
    """Key -> (English, Spanish)."""
    found: dict[str, tuple[str, str]] = {}
    for info in iter_modules(__path__):
        words = import_module(f"{__name__}.{info.name}").WORDS
        if clash := found.keys() & words.keys():
            raise ValueError(f"words: {sorted(clash)[0]} is in two modules")
        found |= words
    return found


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one language."""

    language: Language

    def say(self, key: str, **values: object) -> str:
        """The words of a key. Numbers among the values are written as the language writes them."""
        known = catalogue()
        if values.get("n") == 1 and f"{key}.one" in known:
            key = f"{key}.one"
        written = {
            name: number(value, self.language) if isinstance(value, int) else value for name, value in values.items()
        }
        return known[key][LANGUAGES.index(self.language)].format(**written)

    def term(self, code: str | None) -> str:
        """A word of the vocabulary; the code itself where there is none."""
        if code is None:
            return ""
        known = catalogue().get(f"term.{code}")
        return code if known is None else known[LANGUAGES.index(self.language)]

    def event(self, type: str, title: str) -> str:
        """What a type of event is called; the catalogue's title where it is not known here."""
        known = catalogue().get(f"event.{type}")
        return title if known is None else known[LANGUAGES.index(self.language)]


IN: Final[Mapping[Language, Words]] = {language: Words(language) for language in LANGUAGES}
