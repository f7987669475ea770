"""A feed's XML as a stream of subtrees, read by the expat of the standard library.

1. A document type declaration is refused where it begins. So no entity is ever declared, and none expanded or fetched:
   neither entities that multiply nor external ones get as far as being read.
2. What is not XML is refused with its line: a feed that was cut, text in another encoding than it declares, whatever
   is compressed (nothing is unpacked here).
3. Memory stays small however long the feed is: one subtree is held at a time, and one that is too large or too deep is
   refused, as is a single tag or text that does not end.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple
from xml.parsers import expat

from api.odm.fault import OdmError

ODM: Final = "http://www.cdisc.org/ns/odm/v1.3"
_CHUNK: Final = 1 << 16
_SEPARATOR: Final = "\x0c"  # in no name of XML
_LONGEST_TOKEN: Final = 1 << 23
_LARGEST_SUBTREE: Final = 500_000
_DEEPEST: Final = 64
_COMPRESSED: Final = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"(\xb5/\xfd": "zstd",
}
_XML: Final = "http://www.w3.org/XML/1998/namespace"
_ENCODING: Final = "; a feed is in the encoding that it declares, UTF-8 if it declares none"


class Name(NamedTuple):
    """The name of an element or attribute. `prefix`: as the feed writes it; empty without one."""

    uri: str
    local: str
    prefix: str = ""

    @property
    def text(self) -> str:
        """As people know it: `ItemData`, `mdsol:Query`."""
        return f"{self.prefix}:{self.local}" if self.prefix and self.uri != ODM else self.local


@dataclass(slots=True)
class Node:
    """An element, with the line on which its tag begins. `attributes` without a namespace have their bare names."""

    name: Name
    line: int
    attributes: dict[str, str]
    qualified: dict[Name, str]
    parent: "Node | None" = None
    children: "list[Node]" = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    @property
    def tag(self) -> str | None:
        """The local name of an element of ODM; None for a vendor's."""
        return self.name.local if self.name.uri == ODM else None

    @property
    def text(self) -> str:
        return "".join(self.texts)

    def of(self, tag: str) -> "list[Node]":
        """The children of ODM with this name."""
        return [child for child in self.children if child.tag == tag]


class Feed:
    """One reading of a feed: iterate over it for the nodes that `wanted` names, each once its end is read.

    A wanted node has its subtree and its parents (with attributes, without other children). `sha256` is that of the
    whole file, once all is read. Raises OdmError, OSError.
    """

    def __init__(self, path: Path, wanted: Callable[[Node], bool], *, entered: "Callable[[Feed, Node], None]") -> None:
        self.path = path
        self.sha256 = ""
        self._wanted, self._entered = wanted, entered
        self._ready: list[Node] = []
        self._node: Node | None = None
        self._root: Node | None = None  # of the wanted subtree that is being read
        self._inside = 0
        self._depth = 0
        self._last = 0
        parser = self._parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
        parser.namespace_prefixes = True
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._doctype

    def __iter__(self) -> Iterator[Node]:
        digest, read = hashlib.sha256(), 0
        if self.path.exists() and not self.path.is_file():  # it is read twice
            raise self.error(None, None, "is no regular file")
        with self.path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                if not read:
                    self._check_beginning(chunk)
                digest.update(chunk)
                read += len(chunk)
                self._parse(chunk, last=False)
                if read - self._parser.CurrentByteIndex > _LONGEST_TOKEN:
                    raise self.error(self._parser.CurrentLineNumber, None, "a tag or text of more than 8 MB")
                ready, self._ready = self._ready, []
                yield from ready
        if not read:
            raise self.error(None, None, "is empty")
        self._parse(b"", last=True)
        self.sha256 = digest.hexdigest()
        yield from self._ready

    def error(self, line: int | None, where: str | None, rule: str) -> OdmError:
        """A fault of this feed."""
        return OdmError(self.path, line, where, rule)

    def _check_beginning(self, chunk: bytes) -> None:
        for magic, kind in _COMPRESSED.items():
            if chunk.startswith(magic):
                raise self.error(None, None, f"is compressed ({kind}); unpack it first")

    def _parse(self, chunk: bytes, *, last: bool) -> None:
        try:
            self._parser.Parse(chunk, last)
        except expat.ExpatError as error:
            raise self.error(error.lineno, None, _in_words(error, last=last, open_=self._depth > 0)) from None
        except (LookupError, ValueError) as error:
            if isinstance(error, OdmError):
                raise
            raise self.error(1, None, f"is in an encoding that is not read here ({error})") from None

    def _doctype(self, *_: object) -> None:
        rule = "has a document type declaration; ODM has none, and no entity is read from one"
        raise self.error(self._parser.CurrentLineNumber, "DOCTYPE", rule)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        line = self._parser.CurrentLineNumber
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self.error(line, None, f"elements lie deeper than {_DEEPEST}")
        bare, qualified = {}, {}
        for key, value in attributes.items():
            known = _name(key)
            if not known.uri:
                bare[key] = value
            elif known.uri != _XML:
                qualified[known] = value
        node = Node(_name(name), line, bare, qualified, self._node)
        if self._root is not None:
            self._inside += 1
            if self._inside > _LARGEST_SUBTREE:
                raise self.error(line, None, f"one subject's element holds more than {_LARGEST_SUBTREE:,} elements")
            assert self._node is not None
            self._node.children.append(node)
        else:
            self._entered(self, node)
            if self._wanted(node):
                self._root, self._inside = node, 1
        self._node = node

    def _end(self, _: str) -> None:
        node = self._node
        assert node is not None
        self._depth -= 1
        self._node = node.parent
        if node is self._root:
            self._root = None
            self._ready.append(node)

    def _text(self, text: str) -> None:
        if self._root is not None and self._node is not None:
            self._node.texts.append(text)


def _name(written: str) -> Name:
    parts = written.split(_SEPARATOR)
    return Name("", parts[0]) if len(parts) == 1 else Name(*parts)


def _in_words(error: expat.ExpatError, *, last: bool, open_: bool) -> str:
    said = expat.errors.messages.get(error.code, str(error))
    if last and (open_ or error.code == expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN]):
        return f"ends in the middle ({said}); the feed was cut"
    if error.code in (
        expat.errors.codes[expat.errors.XML_ERROR_INVALID_TOKEN],
        expat.errors.codes[expat.errors.XML_ERROR_UNKNOWN_ENCODING],
        expat.errors.codes[expat.errors.XML_ERROR_INCORRECT_ENCODING],
        expat.errors.codes[expat.errors.XML_ERROR_PARTIAL_CHAR],
    ):
        return f"is no XML ({said}{_ENCODING})"
    return f"is no XML ({said})"
