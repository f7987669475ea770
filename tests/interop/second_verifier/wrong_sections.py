"""Sections, the sealed book, ties and anchors that are another."""

import struct
from collections.abc import Callable, Iterator
from typing import Any

from tests.interop.second_verifier import bundles
from tests.interop.second_verifier.bundles import Parts, Section, canonical, sha
from tests.interop.second_verifier.making import Bases, Case, headed, mended, mid, shown, where


def sections(bases: Bases) -> Iterator[Case]:
    k = mid(bases.masked.open)

    def each(name: str, change: Callable[[list[Section]], object], base: Parts = bases.masked, seq: int = k) -> Case:
        parts = base.copy()
        found = parts.open.sections(seq)
        change(found)
        parts.open.put(seq, found)
        return Case(f"section: {name}", parts.together())

    def flipped(at: int) -> Callable[[list[Section]], object]:
        def change(found: list[Section]) -> None:
            body = bytearray(found[0].body)
            body[at] ^= 1
            found[0].body = bytes(body)

        return change

    def other(kind: int, body: bytes | None = None) -> Callable[[list[Section]], object]:
        def change(found: list[Section]) -> None:
            found[0] = Section(kind, found[0].body if body is None else body)

        return change

    yield each("another salt", flipped(0))
    yield each("another payload", flipped(40))
    yield each("withheld where readable", other(2, b""))
    yield each("withheld with a body", other(2))
    yield each("sealed where readable", other(1))
    yield each("a kind that is none", other(3))
    yield each("shorter than a salt", other(0, b"short"))
    yield each("none", lambda found: found.clear())
    yield each("one more", lambda found: found.append(Section(0, bytes(33))))
    names = where(bases.masked.open, lambda told: told["parts"][:1] and told["parts"][0]["class"] == "identity")
    yield each("a name given where withheld", other(0, bytes(32) + b"{}"), seq=names)
    yield each("a name sealed where withheld", other(1, bytes(32 + 272)), seq=names)
    yield each("classes exchanged", lambda found: found.reverse(), seq=names)
    given = bases.names.open
    opened = next(
        s
        for s in range(len(given.entries))
        for one in given.entry(s)["parts"]
        if one["class"] == "identity" and given.sections(s)[0].kind == 0
    )
    yield each("a name of the site withheld", other(2, b""), bases.names, opened)
    yield each("another name", flipped(45), bases.names, opened)
    yield each("a name sealed where partly given", other(1, bytes(32 + 272)), bases.names, opened)
    stored = where(bases.archive.open, lambda told: told["parts"][:1] and told["parts"][0]["class"] == "identity")
    yield each("a ciphertext with another bit", flipped(60), bases.archive, stored)
    yield each("a digest with another bit", flipped(2), bases.archive, stored)
    yield each(
        "a ciphertext of another length", lambda found: other(1, found[0].body + b"x")(found), bases.archive, stored
    )
    yield each("withheld where sealed", other(2, b""), bases.archive, stored)
    yield each("given where sealed", other(0, bytes(32) + b"{}"), bases.archive, stored)
    for length, ciphertext in {"272": bytes(272), "16": bytes(16), "528": bytes(528), "none": b""}.items():
        parts = bases.archive.copy()
        commit = bytes.fromhex(parts.open.entry(stored)["parts"][0]["commit"])
        digest = sha(b"trial-ledger/ciphertext/v1\0", commit, ciphertext)
        found = parts.open.sections(stored)
        found[0].body = digest + ciphertext
        parts.open.put(stored, found)
        yield Case(f"section: a ciphertext of {length} bytes, with its digest", parts.together())
    parts = bases.archive.copy()
    two = [
        s
        for s in range(len(parts.open.entries))
        if parts.open.entry(s)["parts"][:1] and parts.open.sections(s)[0].kind == 1
    ]
    first, second = parts.open.sections(two[0]), parts.open.sections(two[1])
    first[0], second[0] = second[0], first[0]
    parts.open.put(two[0], first)
    parts.open.put(two[1], second)
    yield Case("section: two ciphertexts exchanged", parts.together())


def sections_file(bases: Bases) -> Iterator[Case]:
    k = mid(bases.masked.open)
    content = bases.masked.content()
    stored = content["open/sections"]
    at = sum(4 + len(one) for one in bases.masked.open.frames[:k])
    changed = {
        "bytes behind": stored + b"x",
        "four bytes behind": stored + bytes(4),
        "cut by one byte": stored[:-1],
        "cut in the middle": stored[:at],
        "nothing": b"",
        "a length that is too large": stored[:at] + b"\xff\xff\xff\xff" + stored[at + 4 :],
        "a length that is one too small": stored[:at]
        + struct.pack(">I", len(bases.masked.open.frames[k]) - 1)
        + stored[at + 4 :],
        "a length of nought": stored[:at] + bytes(4) + stored[at + 4 :],
    }
    for name, value in changed.items():
        yield Case(f"sections: {name}", bases.masked.together(content | {"open/sections": value}))
    entries = content["open/entries"]
    for name, value in {
        "without the last line feed": entries[:-1],
        "an empty line behind": entries + b"\n",
        "an empty line in front": b"\n" + entries,
        "nothing": b"",
        "half a line": entries[:-20] + b"\n",
        "carriage returns": entries.replace(b"\n", b"\r\n"),
    }.items():
        yield Case(f"entries: {name}", bases.masked.together(content | {"open/entries": value}))


def holding(cls: str) -> Callable[[dict[str, Any]], bool]:
    """Whether an entry has a section of a class."""
    return lambda told: any(one["class"] == cls for one in told["parts"])


def sealed_book(bases: Bases) -> Iterator[Case]:
    last = len(bases.both.sealed.entries) - 1
    values: dict[str, list[object]] = {
        "at": ["2019-01-01T00:00:00.000000Z", "x"],
        "command": ["0" * 64, "0" * 63, 1],
        "slot": ["0" * 64, bases.both.sealed.entry(2)["slot"], "x"],
        "id": ["x"],
        "open_head": [{"hash": "0" * 64, "seq": 0}, {"hash": "0" * 64, "seq": 1 << 40}, {"seq": 0}, 1],
        "origin": [bases.both.origin, ""],
        "parts": [[], [{"class": "plain", "commit": "0" * 64}]],
        "stream": ["x"],
        "seq": [-1],
    }
    for member, wrong in values.items():
        for value in wrong:
            parts = bases.both.copy()
            parts.sealed.change(last, **{member: value})
            parts.sealed.rechain()
            yield Case(f"sealed: {member} is {shown(value)}", headed(parts), first=member != "parts")
    parts = bases.both.copy()
    parts.sealed.change(last, command=parts.sealed.entry(0)["command"])
    parts.sealed.rechain()
    yield Case("sealed: the mark of an earlier command", headed(parts), first=False)

    def header(name: str, first: bool = True, **members: object) -> Case:
        parts = bases.both.copy()
        told = parts.sealed.sections(last)[-1].payload | members
        parts.sealed.open_section(
            last, "header", canonical({one: value for one, value in told.items() if value is not None})
        )
        parts.sealed.rechain()
        return Case(f"header: {name}", headed(parts), first=first)

    told = bases.both.sealed.sections(last)[-1].payload
    yield header("as it was")
    yield header("one more member", more=1)
    yield header("one member less", actor=None)
    yield header("an actor that is none", actor={"id": "a"})
    yield header("a raw event", command=told["command"] | {"id": ""})
    yield header("n is of", command=told["command"] | {"n": told["command"]["of"]})
    yield header("version 0", version=0)
    yield header("another version", version=7)
    yield header("version that is a string", version="1")
    for cls in ("arm", "header"):
        for name, payload in {"no JSON": b"x", "an array": b"[]"}.items():
            seq = where(bases.both.sealed, holding(cls), last - 8)
            parts = bases.both.copy()
            parts.sealed.open_section(seq, cls, payload)
            parts.sealed.rechain()
            yield Case(f"sealed: {cls} is {name}", headed(parts), first=False)
    for name, seqs in {"one": [last // 2], "the last": [last]}.items():
        for mend in (False, True):
            parts = bases.both.copy()
            for seq in seqs:
                del parts.sealed.entries[seq], parts.sealed.frames[seq]
            yield Case(f"sealed: {name} missing ({mend})", headed(parts) if mend else parts.together(), first=False)
    parts = bases.both.copy()
    parts.sealed.change(1, id="0" * 32)
    yield Case("sealed: an entry altered", parts.together())
    parts = bases.both.copy()
    parts.sealed.change(1, id="0" * 32)
    parts.sealed.rechain()
    yield Case("sealed: an entry altered, and the chain mended", headed(parts))


def archived_sealed(bases: Bases) -> Iterator[Case]:
    """Where headers stay closed, little of the sealed book can be told."""
    last = len(bases.archive.sealed.entries) - 1
    for member, value in {
        "slot": bases.archive.sealed.entry(2)["slot"],
        "command": bases.archive.sealed.entry(0)["command"],
        "at": "2019-01-01T00:00:00.000000Z",
        "parts": [],
        "origin": "",
    }.items():
        parts = bases.archive.copy()
        parts.sealed.change(last, **{member: value})
        parts.sealed.rechain()
        yield Case(f"archive: {member}", headed(parts), first=False)
    parts = bases.archive.copy()
    stored = parts.sealed.sections(last)
    stored[-1].body = stored[-1].body[:40] + bytes(4) + stored[-1].body[44:]
    parts.sealed.put(last, stored)
    yield Case("archive: a ciphertext of a header", parts.together())


def anchors(bases: Bases) -> Iterator[Case]:
    seqs = [
        s for s in range(len(bases.both.open.entries)) if bases.both.open.entry(s)["type"] == "sealed-book.anchored/1"
    ]
    assert len(seqs) >= 2
    last = seqs[-1]

    def each(name: str, payload: bytes, seq: int = last) -> Case:
        parts = bases.both.copy()
        parts.open.open_section(seq, "anchor", payload)
        return Case(f"anchor: {name}", mended(parts), first=False)

    place = [part["class"] for part in bases.both.open.entry(last)["parts"]].index("anchor")
    told = bases.both.open.sections(last)[place].payload
    size = int(told["size"])
    yield each("as it was", canonical(told))
    yield each("another root", canonical(told | {"root": "0" * 64}))
    yield each("one less", canonical(told | {"size": f"{size - 1:016d}"}))
    yield each("one more", canonical(told | {"size": f"{size + 1:016d}"}))
    yield each("more than there is", canonical(told | {"size": f"{size + 1000:016d}"}))
    leaves = bases.both.sealed.leaves()
    for count in (0, 1, size - 1, size + 1, len(leaves)):
        yield each(
            f"of {count - size} more, with its root",
            canonical({"size": f"{count:016d}", "root": bundles.root(leaves[:count]).hex()}),
        )
    yield each("none", canonical(told | {"size": f"{0:016d}", "root": sha().hex()}))
    yield each("a size that is a number", canonical(told | {"size": size}))
    yield each("a size of fewer digits", canonical(told | {"size": str(size)}))
    yield each("one more member", canonical(told | {"more": 1}))
    yield each("an upper case root", canonical(told | {"root": told["root"].upper()}))
    yield each("no object", b"[]")
    yield each("the one before says more", canonical(told | {"size": f"{size + 1:016d}"}), seqs[0])
    parts = bases.both.copy()
    parts.open.change(last, type="another/1")
    yield Case("anchor: of another type", mended(parts), first=False)
    parts = bases.both.copy()
    parts.open.inside(last, "command", id="")
    yield Case("anchor: raw", mended(parts), first=False)
