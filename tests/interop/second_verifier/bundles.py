"""Evidence bundles taken apart and put together again, as docs/bundle.md says and by nothing of the project's code.

1. `Parts` has what can be changed: names and contents, entries and frames of the books, the manifest.
2. Nothing is mended that is not asked for: `rechained` the chain, `headed` the manifest, `listed` the lists of hashes.
"""

import base64
import binascii
import copy
import hashlib
import json
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

COMMIT: Final = b"trial-ledger/section/v1\0"


def canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha(*data: bytes) -> bytes:
    return hashlib.sha256(b"".join(data)).digest()


def leaf(entry: bytes) -> bytes:
    return sha(b"\0", entry)


def frontier(leaves: Iterable[bytes]) -> list[bytes]:
    """Section 5 of format.md: the roots of the perfect subtrees, the largest first."""
    grown: list[tuple[int, bytes]] = []
    for one in leaves:
        size, node = 1, one
        while grown and grown[-1][0] == size:
            node = sha(b"\1", grown.pop()[1], node)
            size *= 2
        grown.append((size, node))
    return [node for _, node in grown]


def root(leaves: Iterable[bytes]) -> bytes:
    nodes = frontier(leaves)
    if not nodes:
        return sha()
    result = nodes.pop()
    while nodes:
        result = sha(b"\1", nodes.pop(), result)
    return result


def consistency(leaves: Sequence[bytes], first: int, begins: bool = True) -> list[bytes]:
    """RFC 9162 section 2.1.4.1."""
    if first == len(leaves):
        return [] if begins else [root(leaves)]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if first <= split:
        return [*consistency(leaves[:split], first, begins), root(leaves[split:])]
    return [*consistency(leaves[split:], first - split, False), root(leaves[:split])]


def frame(kind: int, body: bytes = b"") -> bytes:
    return bytes([kind]) + struct.pack(">I", len(body)) + body


@dataclass(slots=True)
class Section:
    """One frame: kind and body; of a readable one, salt and payload are the body."""

    kind: int
    body: bytes

    @property
    def payload(self) -> Any:
        return json.loads(self.body[32:])

    def commit(self) -> str:
        return sha(COMMIT, self.body).hex()


@dataclass(slots=True)
class Book:
    """The entries of a book and the frames of each, as stored."""

    entries: list[bytes]
    frames: list[bytes]

    def entry(self, seq: int) -> dict[str, Any]:
        result: dict[str, Any] = json.loads(self.entries[seq])
        return result

    def sections(self, seq: int) -> list[Section]:
        rest, result = self.frames[seq], []
        while rest:
            length = struct.unpack(">I", rest[1:5])[0]
            result.append(Section(rest[0], rest[5 : 5 + length]))
            rest = rest[5 + length :]
        return result

    def put(self, seq: int, sections: Iterable[Section]) -> None:
        self.frames[seq] = b"".join(frame(one.kind, one.body) for one in sections)

    def change(self, seq: int, /, **members: object) -> None:
        """Other members of an entry; `None` takes one away."""
        told = self.entry(seq) | members
        self.entries[seq] = canonical({name: value for name, value in told.items() if value is not None})

    def inside(self, seq: int, member: str, /, **members: object) -> None:
        """Other members of a member."""
        told = self.entry(seq)
        inner = told[member] | members
        self.change(seq, **{member: {name: value for name, value in inner.items() if value is not None}})

    def open_section(self, seq: int, cls: str, payload: bytes, *, salt: bytes | None = None) -> None:
        """Another payload, with the commitment to it."""
        told, sections = self.entry(seq), self.sections(seq)
        place = [part["class"] for part in told["parts"]].index(cls)
        sections[place].body = (sections[place].body[:32] if salt is None else salt) + payload
        told["parts"][place]["commit"] = sections[place].commit()
        self.put(seq, sections)
        self.entries[seq] = canonical(told)

    def leaves(self) -> list[bytes]:
        return [leaf(one) for one in self.entries]

    def rechain(self) -> None:
        before = "0" * 64
        for seq, one in enumerate(self.entries):
            told = json.loads(one)
            if told["prev"] != before:
                self.entries[seq] = canonical(told | {"prev": before})
            before = leaf(self.entries[seq]).hex()

    def stored(self) -> tuple[bytes, bytes]:
        lines = b"".join(one + b"\n" for one in self.entries)
        return lines, b"".join(struct.pack(">I", len(one)) + one for one in self.frames)


@dataclass(slots=True)
class Parts:
    """A bundle, taken apart."""

    manifest: dict[str, Any]
    files: dict[str, bytes]
    books: dict[str, Book]
    sums: bytes | None = None
    tail: bytes = b""
    order: list[str] | None = None
    crcs: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, data: bytes) -> "Parts":
        files = unzipped(data)
        manifest = json.loads(files.pop("manifest.json"))
        files.pop("SHA256SUMS")
        books = {}
        for name in manifest["books"]:
            entries = files.pop(f"{name}/entries").split(b"\n")[:-1]
            sections, frames = files.pop(f"{name}/sections"), []
            while sections:
                length = struct.unpack(">I", sections[:4])[0]
                frames.append(sections[4 : 4 + length])
                sections = sections[4 + length :]
            books[name] = Book(entries, frames)
        return cls(manifest, files, books)

    def copy(self) -> "Parts":
        return copy.deepcopy(self)

    @property
    def open(self) -> Book:
        return self.books["open"]

    @property
    def sealed(self) -> Book:
        return self.books["sealed"]

    @property
    def origin(self) -> str:
        result: str = self.manifest["origin"]
        return result

    def rechained(self) -> None:
        """Chains mended, and the ties to the open book."""
        self.open.rechain()
        if "sealed" in self.books:
            leaves = self.open.leaves()
            for seq in range(len(self.sealed.entries)):
                tie = self.sealed.entry(seq)["open_head"]["seq"]
                if tie < len(leaves):
                    self.sealed.inside(seq, "open_head", hash=leaves[tie].hex())
            self.sealed.rechain()

    def headed(self) -> None:
        """What the manifest says of the books."""
        for name, book in self.books.items():
            leaves = book.leaves()
            self.manifest["books"][name] = {
                "size": len(leaves),
                "head": leaves[-1].hex() if leaves else "0" * 64,
                "frontier": b"".join(frontier(leaves)).hex(),
                "root": base64.b64encode(root(leaves)).decode(),
            }

    def content(self) -> dict[str, bytes]:
        result = dict(self.files)
        for name, book in self.books.items():
            result[f"{name}/entries"], result[f"{name}/sections"] = book.stored()
        return result

    def together(self, content: dict[str, bytes] | None = None, *, listed: bool = True) -> bytes:
        content = dict(sorted((self.content() if content is None else content).items()))
        sums = self.sums
        if sums is None:
            sums = b"".join(f"{sha(one).hex()}  {name}\n".encode() for name, one in content.items())
        manifest = self.manifest | ({"sha256sums": sha(sums).hex()} if listed else {})
        files = {"manifest.json": canonical(manifest), "SHA256SUMS": sums} | content
        if self.order is not None:
            files = {name: files[name] for name in self.order}
        return zipped(files, self.crcs) + self.tail


def zipped(files: dict[str, bytes], crcs: dict[str, int] | None = None) -> bytes:
    """Section 2.1 of bundle.md, without what is larger than 4 GB."""
    return zipped_list([(name, one, (crcs or {}).get(name, binascii.crc32(one))) for name, one in files.items()])


def zipped_list(files: Sequence[tuple[str, bytes, int]]) -> bytes:
    out, directory = b"", b""
    for name, one, crc in files:
        common = struct.pack("<HHHHHIIIHH", 10, 0, 0, 0, 0x21, crc, len(one), len(one), len(name), 0)
        external = struct.pack("<HHHII", 0, 0, 0, 0o100644 << 16, len(out))
        directory += b"PK\1\2" + struct.pack("<H", 0x030A) + common + external + name.encode()
        out += b"PK\3\4" + common + name.encode() + one
    return out + directory + end(len(files), len(directory), len(out))


def end(files: int, size: int, offset: int, comment: bytes = b"") -> bytes:
    return b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, files, files, size, offset, len(comment)) + comment


def unzipped(data: bytes) -> dict[str, bytes]:
    at, result = 0, {}
    while data[at : at + 4] == b"PK\3\4":
        size, named, extra = struct.unpack("<IHH", data[at + 22 : at + 30])
        begin = at + 30 + named + extra
        result[data[at + 30 : at + 30 + named].decode()] = data[begin : begin + size]
        at = begin + size
    return result


@dataclass(frozen=True, slots=True)
class Key:
    """An Ed25519 key of a log (type 1) or of a witness (type 4)."""

    name: str
    seed: bytes
    type: int = 1

    @property
    def material(self) -> bytes:
        public = Ed25519PrivateKey.from_private_bytes(self.seed).public_key()
        return bytes([self.type]) + public.public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def id(self) -> bytes:
        return sha(self.name.encode(), b"\n", self.material)[:4]

    @property
    def vkey(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(self.material).decode()}"

    def line(self, text: str, time: int = 0) -> str:
        signer = Ed25519PrivateKey.from_private_bytes(self.seed)
        if self.type == 4:
            message = f"cosignature/v1\ntime {time}\n{text}".encode()
            value = struct.pack(">Q", time) + signer.sign(message)
        else:
            value = signer.sign(text.encode())
        return f"— {self.name} {base64.b64encode(self.id + value).decode()}\n"


def checkpoint_text(origin: str, leaves: Sequence[bytes], *extensions: str) -> str:
    lines = [origin, str(len(leaves)), base64.b64encode(root(leaves)).decode(), *extensions]
    return "".join(f"{line}\n" for line in lines)


def checkpoint_name(text: str) -> str:
    origin, size = text.split("\n")[:2]
    return f"evidence/checkpoints/{int(size):016d}-{sha(origin.encode())[:4].hex()}.checkpoint"
