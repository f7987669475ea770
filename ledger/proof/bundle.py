"""The bundle: books, evidence and documents in one zip, for somebody who holds neither ledger nor keys. docs/bundle.md.

    manifest.json                       what this is: format, origin, for whom, the head of each book
    SHA256SUMS                          of every file that follows, as `sha256sum` writes it
    consistency/<size, 16 digits>       from the bundle's open book to the tree of a later checkpoint
    docs/*.md, index.html, protocol.json, schemas/*.json
    evidence/checkpoints/…, evidence/timestamps/…           as `evidence.py` names them
    keys/log.vkeys                      verifier keys of the log, one a line (claimed, not to be trusted by this alone)
    keys/data-keys.ndjson               archive only: wrapped data keys
    open/entries, open/sections, sealed/entries, sealed/sections

The first two stand first; the others follow in the order of their names. Nothing else may be in it.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ledger.proof.canonical import CanonicalError, encode, members, parse
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.note import decoded
from ledger.proof.sections import MAX_PAYLOAD
from ledger.proof.tree import HASH_BYTES, MAX_SIZE, Frontier

FORMAT: Final = "trial-ledger/bundle/1"
MANIFEST: Final = "manifest.json"
SUMS: Final = "SHA256SUMS"
INDEX: Final = "index.html"
PROTOCOL: Final = "protocol.json"
LOG_KEYS: Final = "keys/log.vkeys"
DATA_KEYS: Final = "keys/data-keys.ndjson"
EVIDENCE: Final = "evidence/"
CONSISTENCY: Final = "consistency/"
BOOKS: Final = ("open", "sealed")

READABLE: Final = "readable"
UNERASED: Final = "unerased"
PARTLY: Final = "partly"
WITHHELD: Final = "withheld"
SEALED: Final = "sealed"
FORMS: Final = {
    READABLE: "all are readable",
    UNERASED: "all are readable but those that were erased, which are withheld",
    PARTLY: "those of the own sites are readable, the others withheld",
    WITHHELD: "all are withheld",
    SEALED: "all are as the ledger file stores them: encrypted",
}
"""How the sections of a class are given; those of class plain are always readable."""
CLASSES: Final = {"open": ("anchor", "identity", "plain"), "sealed": ("anchor", "arm", "header", "identity", "plain")}
"""The section classes that the manifest tells of, by the innermost book that the bundle has."""

MAX_MANIFEST: Final = 1 << 16
MAX_MEMBERS: Final = 100_000
MAX_NAME: Final = 160
MAX_SECTIONS: Final = 3 * (MAX_PAYLOAD + 1024)
"""Of one entry: no book has more than three classes."""
MAX_EVIDENCE: Final = 1 << 25
"""All files of evidence, and all proofs of consistency, together."""
MAX_FILE: Final = 1 << 24
"""Of every other file that is not a book."""
_NAMES: Final = re.compile(
    r"manifest\.json|SHA256SUMS|index\.html|protocol\.json|(?:open|sealed)/(?:entries|sections)"
    r"|keys/(?:log\.vkeys|data-keys\.ndjson)|evidence/checkpoints/[0-9]{16}-[0-9a-f]{8}\.checkpoint"
    r"|evidence/timestamps/[0-9]{16}-[0-9a-f]{8}-[0-9]{2}\.(?:tsr|er)|consistency/[0-9]{16}"
    r"|schemas/[a-z0-9]+(?:[.-][a-z0-9]+)*\.json|docs/[a-z]+(?:-[a-z]+)*\.md"
)
_HEX: Final = re.compile("(?:[0-9a-f]{2})*")
_ROLE: Final = re.compile("[a-z]+(?:-[a-z]+)*")


class BundleError(LedgerFileError):
    """The file cannot be read as a bundle; the message says why, in one sentence."""


def is_bundle(path: Path) -> bool:
    """Whether a file is meant to be a bundle: it begins as a zip does. What cannot be read is none."""
    try:
        if not path.is_file():  # a pipe would be waited for without end
            return False
        with path.open("rb") as file:
            return file.read(2) == b"PK"
    except OSError:
        return False


def is_known(name: str) -> bool:
    """Whether a bundle may hold a file of this name."""
    return len(name) <= MAX_NAME and _NAMES.fullmatch(name) is not None


def in_order(name: str) -> tuple[int, str]:
    """Sorts the names of files as they stand in a bundle."""
    return {MANIFEST: 0, SUMS: 1}.get(name, 2), name


@dataclass(frozen=True, slots=True)
class BookHead:
    """A book as the manifest states it: number of entries, leaf hash of the last one, and the tree's frontier."""

    size: int
    head: bytes
    frontier: bytes

    @property
    def root(self) -> bytes:
        return Frontier.from_bytes(self.size, self.frontier).root()

    def to_value(self) -> dict[str, Any]:
        """As the manifest has it: hashes in hex, the root in base64, as checkpoints have it."""
        return {
            "frontier": self.frontier.hex(),
            "head": self.head.hex(),
            "root": base64.b64encode(self.root).decode(),
            "size": self.size,
        }


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle says that it is. `sites`: of whom names are in it (None: of all); `sections`: class -> form."""

    origin: str
    role: str
    sites: tuple[str, ...] | None
    books: Mapping[str, BookHead]
    sections: Mapping[str, str]
    sums: bytes
    """SHA-256 of SHA256SUMS."""

    def encode(self) -> bytes:
        """The bytes of manifest.json."""
        return encode(
            {
                "books": {name: head.to_value() for name, head in self.books.items()},
                "format": FORMAT,
                "origin": self.origin,
                "role": self.role,
                "sections": dict(self.sections),
                "sha256sums": self.sums.hex(),
                "sites": None if self.sites is None else list(self.sites),
            }
        )

    @classmethod
    def parse(cls, data: bytes) -> "Manifest":
        """Read manifest.json. Raises BundleError."""
        try:
            value = parse(data)
            if encode(value) != data:
                raise CanonicalError("not canonical JSON")
            return _manifest(value)
        except CanonicalError as error:
            raise BundleError(f"{MANIFEST}: {error}") from None


_MEMBERS: Final = frozenset({"books", "format", "origin", "role", "sections", "sha256sums", "sites"})


def _manifest(value: Any) -> Manifest:
    if isinstance(value, dict) and "format" in value and value["format"] != FORMAT:
        raise CanonicalError(f"format {str(value['format'])[:60]!r}; this version reads {FORMAT}")
    told = members(value, "manifest", _MEMBERS)
    origin, role, sites, books, forms = (told[name] for name in ("origin", "role", "sites", "books", "sections"))
    if not isinstance(origin, str) or not 0 < len(origin) <= 1000:
        raise CanonicalError("origin: no text of 1 to 1000 characters")
    if not isinstance(role, str) or len(role) > 64 or not _ROLE.fullmatch(role):
        raise CanonicalError("role: no name of a role")
    if sites is not None and not (isinstance(sites, list) and all(isinstance(site, str) for site in sites)):
        raise CanonicalError("sites: neither null nor a list of texts")
    if not isinstance(books, dict) or books.keys() not in ({"open"}, {"open", "sealed"}):
        raise CanonicalError("books: not open, nor open and sealed")
    classes = CLASSES["sealed" if "sealed" in books else "open"]
    if not isinstance(forms, dict) or tuple(sorted(forms)) != classes:
        raise CanonicalError(f"sections: not the classes {', '.join(classes)}")
    for name, form in forms.items():
        if not isinstance(form, str) or form not in FORMS or (form != READABLE and name == "plain"):
            raise CanonicalError(f"sections.{name}: sections of this class are not given so")
    if "sealed" not in books and forms["anchor"] != WITHHELD:
        raise CanonicalError("sections.anchor: anchors are withheld without the sealed book that they tell of")
    heads = {name: _head(f"books.{name}", books[name]) for name in sorted(books)}
    return Manifest(origin, role, None if sites is None else tuple(sites), heads, forms,
                    _bytes("sha256sums", told["sha256sums"], HASH_BYTES))  # fmt: skip


def _head(path: str, value: Any) -> BookHead:
    told = members(value, path, frozenset({"frontier", "head", "root", "size"}))
    size = told["size"]
    if type(size) is not int or not 0 <= size <= MAX_SIZE:
        raise CanonicalError(f"{path}.size: no number of entries")
    frontier = _bytes(f"{path}.frontier", told["frontier"], HASH_BYTES * size.bit_count())
    head = BookHead(size, _bytes(f"{path}.head", told["head"], HASH_BYTES), frontier)
    if told["root"] != base64.b64encode(head.root).decode():
        raise CanonicalError(f"{path}.root: is not the root of its frontier")
    return head


def _bytes(path: str, text: Any, length: int) -> bytes:
    if not isinstance(text, str) or len(text) != 2 * length or not _HEX.fullmatch(text):
        raise CanonicalError(f"{path}: not {2 * length} hex digits")
    return bytes.fromhex(text)


def sums_of(digests: Mapping[str, bytes]) -> bytes:
    """The bytes of SHA256SUMS, of files in the order in which they stand."""
    return b"".join(f"{digest.hex()}  {name}\n".encode() for name, digest in digests.items())


def consistency_name(size: int) -> str:
    """The file of a proof of consistency to a tree of that size."""
    return f"{CONSISTENCY}{size:016d}"


def encode_proof(proof: list[bytes]) -> bytes:
    """A proof of consistency as a file: its hashes in base64, one a line."""
    return b"".join(base64.b64encode(node) + b"\n" for node in proof)


def parse_proof(name: str, data: bytes) -> tuple[bytes, ...]:
    """Read a proof of consistency. Raises BundleError."""
    *lines, end = data.split(b"\n")
    try:
        nodes = tuple(decoded(name, line.decode("ascii")) for line in lines)
        if end or len(nodes) > 128 or any(len(node) != HASH_BYTES for node in nodes):
            raise ValueError
    except ValueError:
        raise BundleError(f"{name}: is no proof of hashes in base64, one a line") from None
    return nodes


def digest_of(data: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(data).digest()
