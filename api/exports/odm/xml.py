"""Writing XML as it comes, without a tree: escaped, in UTF-8, one element a line.

A character that XML 1.0 cannot hold becomes U+FFFD: no event has a control character, but some other code points are
none of its characters either.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final, TextIO

_NONE: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TEXT: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
_ATTRIBUTE: Final = {**_TEXT, '"': "&quot;", "\t": "&#9;", "\n": "&#10;"}
_IN_TEXT: Final = str.maketrans(_TEXT)
_IN_ATTRIBUTE: Final = str.maketrans(_ATTRIBUTE)

Attributes = Mapping[str, str | None]
"""Name -> value; None is left out."""


class Xml:
    """A document that is being written."""

    def __init__(self, file: TextIO) -> None:
        self._write = file.write
        self._open: list[str] = []
        self._write('<?xml version="1.0" encoding="UTF-8"?>\n')

    def start(self, tag: str, attributes: Attributes) -> None:
        """Begin an element."""
        self._write(f"{self._indent()}<{tag}{_written(attributes)}>\n")
        self._open.append(tag)

    def end(self) -> None:
        """End the last element that was begun."""
        tag = self._open.pop()
        self._write(f"{self._indent()}</{tag}>\n")

    @contextmanager
    def element(self, tag: str, attributes: Attributes) -> Iterator[None]:
        """An element around what is written within."""
        self.start(tag, attributes)
        yield
        self.end()

    def leaf(self, tag: str, attributes: Attributes, text: str | None = None) -> None:
        """An element with a text, or with nothing in it."""
        if text is None:
            self._write(f"{self._indent()}<{tag}{_written(attributes)}/>\n")
        else:
            self._write(f"{self._indent()}<{tag}{_written(attributes)}>{_clean(text).translate(_IN_TEXT)}</{tag}>\n")

    def _indent(self) -> str:
        return " " * len(self._open)


def _written(attributes: Attributes) -> str:
    return "".join(
        f' {name}="{_clean(value).translate(_IN_ATTRIBUTE)}"' for name, value in attributes.items() if value is not None
    )


def _clean(text: str) -> str:
    return _NONE.sub("\ufffd", text)
