"""Bundles with one thing changed, each under a name that says what; and policies that a bundle is held against.

A case is a bundle and, where there is one, a policy. `Bases` has the good ones.
"""

import base64
import json
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from tests.interop.second_verifier import bundles
from tests.interop.second_verifier.bundles import Book, Key, Parts, Section, canonical, leaf, sha

LOG_SEED: Final = bytes(range(32))
TIME: Final = 1_900_000_000


@dataclass(frozen=True, slots=True)
class Case:
    """What both programs are asked; `first` is false where more than one thing is wrong, `roots` where none is stated."""

    name: str
    bundle: bytes
    policy: str | None = None
    first: bool = True
    roots: bool = True


@dataclass(frozen=True, slots=True)
class Bases:
    """Good bundles: `masked` has the open book, `both` all but names, `archive` ciphertexts, `names` those of a site."""

    masked: Parts
    both: Parts
    archive: Parts
    names: Parts


def mended(parts: Parts) -> bytes:
    parts.rechained()
    parts.headed()
    return parts.together()


def headed(parts: Parts) -> bytes:
    parts.headed()
    return parts.together()


def where(book: Book, wanted: Callable[[dict[str, Any]], bool], after: int = 0) -> int:
    return next(seq for seq in range(after, len(book.entries)) if wanted(book.entry(seq)))


def mid(book: Book) -> int:
    """An entry in the middle of the book, alone in its command, with one readable section, not the last of its stream."""
    streams = [book.entry(seq)["stream"] for seq in range(len(book.entries))]

    def plain(told: dict[str, Any]) -> bool:
        alone = told["command"]["of"] == 1 and [one["class"] for one in told["parts"]] == ["plain"]
        return alone and told["type"] == "visit.recorded/1" and streams[told["seq"] + 1 :].count(told["stream"]) > 0

    return where(book, plain, len(book.entries) // 4)


def paired(book: Book) -> int:
    """The first entry of a command of two or more."""
    return where(book, lambda told: told["command"]["of"] >= 2, 10)


# --- Entries


def entry_members(bases: Bases) -> Iterator[Case]:
    values: dict[str, list[object]] = {
        "at": ["2020-05-06T06:00:00Z", "2020-02-30T06:00:00.000000Z", "2020-05-06T24:00:00.000000Z", "0000-01-01T00:00:00.000000Z",
               "2020-05-06T06:00:60.000000Z", "2020-05-06t06:00:00.000000Z", "٢020-05-06T06:00:00.000000Z", "", 5,
               "9999-12-31T23:59:59.999999Z", "2019-05-06T06:00:00.000000Z", "2020-13-01T00:00:00.000000Z", "2021-02-29T00:00:00.000000Z",
               "2020-00-01T00:00:00.000000Z", "2020-01-01T00:00:00.00000Z", "2020-01-01T00:60:00.000000Z", None],
        "id": ["0" * 31, "0" * 33, "A" * 32, 0, None],
        "origin": ["", "other.example/NCT/" + "0" * 32, 1],
        "prev": ["0" * 63, "g" * 64, "A" * 64, 1],
        "stream": ["", "another", 1, None],
        "type": ["", "another/1", "sealed-book.anchored/1", 1, None],
        "v": ["2/sha-256", 1, None],
        "version": [0, -1, 999, "1", True, 1 << 53, 1 << 63, None],
        "seq": [-1, "4", 1 << 53, None],
        "extra": [1],
        "actor": ["", {}],
        "command": ["", {}],
        "parts": ["", [], [{"class": "plain"}], [{"class": "plain", "commit": "0" * 63}], [{"class": "other", "commit": "0" * 64}],
                  [{"class": "arm", "commit": "0" * 64}], [{"class": "plain", "commit": "0" * 64, "x": 1}], [1],
                  [{"class": "plain", "commit": "0" * 64}] * 2],
    }  # fmt: skip
    inner: dict[str, dict[str, list[object]]] = {
        "actor": {"id": ["", 1, None], "org": ["", None], "role": ["", None, 1], "more": [""]},
        "command": {"digest": ["0" * 63, "0" * 64, "G" * 64, None], "id": ["", "another", 1, None], "n": [1, -1, "0", None],
                    "of": [0, 2, -1, None], "more": [1]},
    }  # fmt: skip
    k = mid(bases.masked.open)
    for mending, make in (("mended", mended), ("headed", headed)):
        for member, wrong in values.items():
            for value in wrong if make is mended else wrong[:1]:
                parts = bases.masked.copy()
                parts.open.change(k, **{member: value})
                yield Case(f"{mending}: {member} is {str(value)[:40]!r}", make(parts))
        for member, within in inner.items():
            for name, wrong in within.items():
                for value in wrong if make is mended else wrong[:1]:
                    parts = bases.masked.copy()
                    parts.open.inside(k, member, **{name: value})
                    yield Case(f"{mending}: {member}.{name} is {str(value)[:40]!r}", make(parts))


def entry_bytes(bases: Bases) -> Iterator[Case]:
    k = mid(bases.masked.open)
    good = bases.masked.open.entries[k]
    changed = {
        "a space": good.replace(b":", b": ", 1),
        "a space behind": good + b" ",
        "nothing": b"",
        "no JSON": b"{",
        "a carriage return": good + b"\r",
        "a member twice": good.replace(b'"seq"', b'"seq":1,"seq"'),
        "members in another order": canonical(json.loads(good)).replace(b'{"actor"', b'{"zz":1,"actor"'),
        "an escaped slash": good.replace(b"visit.recorded/1", b"visit.recorded\\/1"),
        "an escape that is not needed": good.replace(b"visit.recorded", b"\\u0076isit.recorded"),
        "a byte that is no UTF-8": good.replace(b"visit.recorded", b"visit.recorde\xff"),
        "a surrogate": good.replace(b"visit.recorded", b"visit.recorde\xed\xa0\x80"),
        "a fraction": good.replace(b'"n":0', b'"n":0.0'),
        "an exponent": good.replace(b'"n":0', b'"n":0e0'),
        "minus nought": good.replace(b'"n":0', b'"n":-0'),
        "an upper case escape": good.replace(b"visit.recorded", b"visit.recorde\\u001F"),
        "an array": b"[" + good + b"]",
        "a byte order mark": b"\xef\xbb\xbf" + good,
        "a long one": good.replace(b"visit.recorded", b"v" * 65536),
    }
    for name, value in changed.items():
        parts = bases.masked.copy()
        parts.open.entries[k] = value
        rest = Book(parts.open.entries[k + 1 :], [])
        before = leaf(value).hex()
        for seq in range(len(rest.entries)):
            rest.change(seq, prev=before)
            before = leaf(rest.entries[seq]).hex()
        parts.open.entries[k + 1 :] = rest.entries
        yield Case(f"entry: {name}", headed(parts), roots=name != "a long one")
    for name, letter in {"a control character": "\x1f", "delete": "\x7f", "letters beyond ASCII": "é\U0001f600\u2028", "a quote": '"\\'}.items():
        parts = bases.masked.copy()
        parts.open.inside(k, "actor", org=letter)
        data = json.dumps(parts.open.entry(k), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        parts.open.entries[k] = data
        yield Case(f"entry: {name}, as it is written", mended(parts))
    parts = bases.masked.copy()
    parts.open.change(k, type="t" * (65536 - len(good) + len("visit.recorded/1")))
    assert len(parts.open.entries[k]) == 65536
    yield Case("entry: as long as it may be", mended(parts))


def order(bases: Bases) -> Iterator[Case]:
    """Entries taken away, doubled, exchanged, put in; with and without chain and manifest mended."""
    k = mid(bases.masked.open)
    last = len(bases.masked.open.entries) - 1

    def each(name: str, change: Callable[[Book], None]) -> Iterator[Case]:
        for mending in ("raw", "headed", "mended"):
            parts = bases.masked.copy()
            change(parts.open)
            if mending == "mended":
                parts.rechained()
            if mending != "raw":
                parts.headed()
            yield Case(f"order: {name} ({mending})", parts.together(), first=name not in ("two exchanged",))

    def without(seq: int, count: int = 1) -> Callable[[Book], None]:
        def change(book: Book) -> None:
            del book.entries[seq : seq + count], book.frames[seq : seq + count]

        return change

    def twice(seq: int) -> Callable[[Book], None]:
        def change(book: Book) -> None:
            book.entries.insert(seq, book.entries[seq])
            book.frames.insert(seq, book.frames[seq])

        return change

    def exchanged(first: int, second: int) -> Callable[[Book], None]:
        def change(book: Book) -> None:
            for row in (book.entries, book.frames):
                row[first], row[second] = row[second], row[first]

        return change

    def frames_exchanged(book: Book) -> None:
        book.frames[k], book.frames[k + 1] = book.frames[k + 1], book.frames[k]

    def renumbered(book: Book) -> None:
        without(k)(book)
        for seq in range(k, len(book.entries)):
            book.change(seq, seq=seq)

    yield from each("one missing", without(k))
    yield from each("the first missing", without(0))
    yield from each("the last missing", without(last))
    yield from each("two missing", without(k, 2))
    yield from each("all missing", without(0, last + 1))
    yield from each("one twice", twice(k))
    yield from each("the last twice", twice(last))
    yield from each("two exchanged", exchanged(k, k + 1))
    yield from each("sections of two exchanged", frames_exchanged)
    yield from each("one missing, the others renumbered", renumbered)


def events(bases: Bases) -> Iterator[Case]:
    """Time, versions and commands of the open book."""
    parts = bases.masked.copy()
    k, p = mid(parts.open), paired(parts.open)
    late = parts.open.entry(k + 1)["at"].replace("2020", "2021")
    parts.open.change(k, at=late)
    yield Case("event: one later than the next", mended(parts))
    for seq in (0, 1):
        parts = bases.masked.copy()
        parts.open.change(seq, at="2040-01-01T00:00:00.000000Z")
        yield Case(f"event: entry {seq} later than all", mended(parts))
    for name, members in {"of": {"of": 3}, "n": {"n": 1}, "id": {"id": "another"}, "digest": {"digest": "0" * 64}}.items():
        parts = bases.masked.copy()
        parts.open.inside(p, "command", **members)
        yield Case(f"event: another {name} in a first event", mended(parts))
        parts = bases.masked.copy()
        parts.open.inside(p + 1, "command", **members)
        if name != "n":
            yield Case(f"event: another {name} in a second event", mended(parts))
    parts = bases.masked.copy()
    parts.open.inside(k, "command", id=parts.open.entry(3)["command"]["id"])
    yield Case("event: the id of a command again", mended(parts))
    parts = bases.masked.copy()
    last = len(parts.open.entries) - 1
    parts.open.inside(last, "command", n=0, of=parts.open.entry(last)["command"]["of"] + 1)
    yield Case("event: the last command is not complete", mended(parts), first=False)
    parts = bases.masked.copy()
    parts.open.change(p, at=parts.open.entry(p - 1)["at"])
    yield Case("event: two times in a command", mended(parts))
    for version in (2, 3):
        parts = bases.masked.copy()
        parts.open.change(k, stream="stream/new", version=version)
        yield Case(f"event: a stream begins with {version}", mended(parts), first=False)


def appended(parts: Parts, event: str, payload: bytes, /, **members: Any) -> Parts:
    """One more event at the end of the open book."""
    book, seq = parts.open, len(parts.open.entries)
    body = bytes(32) + payload
    told = {
        "actor": {"id": "a", "org": "o", "role": "sponsor"}, "at": book.entry(seq - 1)["at"],
        "command": {"digest": "0" * 64, "id": f"more-{seq}", "n": 0, "of": 1}, "id": f"{seq:032x}", "origin": parts.origin,
        "parts": [{"class": "plain", "commit": Section(0, body).commit()}], "prev": "0" * 64, "seq": seq,
        "stream": f"more/{seq}", "type": event, "v": "1/sha-256", "version": 1,
    }  # fmt: skip
    book.entries.append(canonical(told | members))
    book.frames.append(bundles.frame(0, body))
    return parts


def origins(bases: Bases) -> Iterator[Case]:
    """Another origin in all entries, and in the manifest."""
    for origin in ("x", "a/b/" + "0" * 31, "a b/NCT/" + "0" * 32, "a:1/NCT/" + "0" * 32, "a:12345/N.C_T-/" + "0" * 32, "a:/NCT/" + "0" * 32,
                   "/NCT/" + "0" * 32, "a/N/C/" + "0" * 32, "a:123456/b/" + "0" * 32, "a/b/" + "A" * 32):  # fmt: skip
        parts = bases.masked.copy()
        for seq in range(len(parts.open.entries)):
            parts.open.change(seq, origin=origin)
        yield Case(f"origin of all entries: {origin}", mended(parts))
        parts.manifest["origin"] = origin
        yield Case(f"origin of all entries and of the manifest: {origin}", mended(parts))
    parts = bases.masked.copy()
    parts.open.change(0, origin="x/y/" + "0" * 32)
    yield Case("origin of the first entry", mended(parts))


def raw(n: int = 0, of: int = 1, digest: str = "0" * 64) -> dict[str, Any]:
    return {"digest": digest, "id": "", "n": n, "of": of}


def appended_events(bases: Bases) -> Iterator[Case]:
    def more(name: str, payload: bytes = b"{}", event: str = "more/1", /, **members: Any) -> Case:
        return Case(f"more: {name}", mended(appended(bases.masked.copy(), event, payload, **members)))

    yield more("an event")
    yield more("an event without sections", parts=[])
    yield more("a payload of nothing", b"")
    yield more("a payload that is an array", b"[]")
    yield more("a payload with a space", b'{"a": 1}')
    yield more("a payload as deep as it may be", b'{"a":' + b"[" * 31 + b"]" * 31 + b"}")
    yield more("a payload that is deeper", b'{"a":' + b"[" * 32 + b"]" * 32 + b"}")
    yield more("a payload with a scalar at the deepest level", b'{"a":' + b"[" * 31 + b"1" + b"]" * 31 + b"}")
    yield more("the largest integer", b'{"a":9007199254740991}')
    yield more("a larger integer", b'{"a":9007199254740992}')
    yield more("the smallest integer", b'{"a":-9007199254740991}')
    yield more("a key twice", b'{"a":1,"a":2}')
    yield more("keys out of order", b'{"b":1,"a":2}')
    yield more("a key beyond ASCII", '{"é":1}'.encode())
    yield more("an escaped key", b'{"\\n":1}')
    yield more("keys whose order is another when escaped", b'{"\\n":1,"!":2}')
    yield more("keys in the order of their escaped bytes", b'{"!":2,"\\n":1}')
    yield more("a lone surrogate", b'{"a":"\\ud800"}')
    yield more("a surrogate pair, escaped", b'{"a":"\\ud83d\\ude00"}')
    yield more("an escape of eight bits", b'{"a":"\\u0080"}')
    yield more("a raw control character", b'{"a":"\x01"}')
    yield more("a short escape written long", b'{"a":"\\u000a"}')
    yield more("delete, as it is", b'{"a":"\x7f"}')
    yield more("a leading nought", b'{"a":01}')
    yield more("a payload as long as it may be", b'{"a":"' + b"a" * (1048576 - 8) + b'"}')
    yield more("a payload that is longer", b'{"a":"' + b"a" * (1048576 - 7) + b'"}')
    yield more("a raw event", b"\xff\x00", command=raw())
    yield more("a raw event of version 0", b"", command=raw(), version=0)
    yield more("a raw event of version 2", b"", command=raw(), version=2)
    yield more("a raw event of type anchor", b"{}", "sealed-book.anchored/1", command=raw())
    yield more("half of a batch of raw events", command=raw(0, 2))
    yield more("an event of type anchor", b"{}", "sealed-book.anchored/1")
    yield more("an actor without a role", actor={"id": "a", "org": "o"})
    parts = appended(bases.masked.copy(), "more/1", b"", command=raw(0, 2))
    yield Case("more: a batch of two raw events", mended(appended(parts, "more/1", b"", command=raw(1, 2))))
    parts = appended(bases.masked.copy(), "more/1", b"", command=raw(0, 2))
    yield Case("more: a batch with two digests", mended(appended(parts, "more/1", b"", command=raw(1, 2, "1" * 64))))
    parts = appended(bases.masked.copy(), "more/1", b"", command=raw())
    yield Case("more: two batches of one raw event", mended(appended(parts, "more/1", b"", command=raw())))
    parts = appended(bases.masked.copy(), "more/1", b"", command=raw(), version=0, stream="s")
    yield Case("more: raw versions 0 and 1", mended(appended(parts, "more/1", b"", command=raw(), stream="s")))
    parts = appended(bases.masked.copy(), "more/1", b"", command=raw(), version=0, stream="s")
    yield Case("more: raw version 0, then another event", mended(appended(parts, "more/1", b"{}", stream="s")))
    parts = appended(bases.masked.copy(), "more/1", b"", command=raw(), version=0, stream="s")
    yield Case("more: raw version 0 twice", mended(appended(parts, "more/1", b"", command=raw(), version=0, stream="s")))


# --- Sections


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
    opened = next(s for s in range(len(given.entries)) for one in given.entry(s)["parts"]
                  if one["class"] == "identity" and given.sections(s)[0].kind == 0)  # fmt: skip
    yield each("a name of the site withheld", other(2, b""), bases.names, opened)
    yield each("another name", flipped(45), bases.names, opened)
    yield each("a name sealed where partly given", other(1, bytes(32 + 272)), bases.names, opened)
    stored = where(bases.archive.open, lambda told: told["parts"][:1] and told["parts"][0]["class"] == "identity")
    yield each("a ciphertext with another bit", flipped(60), bases.archive, stored)
    yield each("a digest with another bit", flipped(2), bases.archive, stored)
    yield each("a ciphertext of another length", lambda found: other(1, found[0].body + b"x")(found), bases.archive, stored)
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
    two = [s for s in range(len(parts.open.entries)) if parts.open.entry(s)["parts"][:1] and parts.open.sections(s)[0].kind == 1]
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
        "a length that is one too small": stored[:at] + struct.pack(">I", len(bases.masked.open.frames[k]) - 1) + stored[at + 4 :],
        "a length of nought": stored[:at] + bytes(4) + stored[at + 4 :],
    }  # fmt: skip
    for name, value in changed.items():
        yield Case(f"sections: {name}", bases.masked.together(content | {"open/sections": value}))
    entries = content["open/entries"]
    for name, value in {"without the last line feed": entries[:-1], "an empty line behind": entries + b"\n",
                        "an empty line in front": b"\n" + entries, "nothing": b"", "half a line": entries[:-20] + b"\n",
                        "carriage returns": entries.replace(b"\n", b"\r\n")}.items():  # fmt: skip
        yield Case(f"entries: {name}", bases.masked.together(content | {"open/entries": value}))


# --- The sealed book, ties and anchors


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
            yield Case(f"sealed: {member} is {str(value)[:40]!r}", headed(parts), first=member != "parts")
    parts = bases.both.copy()
    parts.sealed.change(last, command=parts.sealed.entry(0)["command"])
    parts.sealed.rechain()
    yield Case("sealed: the mark of an earlier command", headed(parts), first=False)

    def header(name: str, first: bool = True, **members: object) -> Case:
        parts = bases.both.copy()
        told = parts.sealed.sections(last)[-1].payload | members
        parts.sealed.open_section(last, "header", canonical({one: value for one, value in told.items() if value is not None}))
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
            seq = where(bases.both.sealed, lambda told, cls=cls: any(one["class"] == cls for one in told["parts"]), last - 8)  # type: ignore[misc]
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
    for member, value in {"slot": bases.archive.sealed.entry(2)["slot"], "command": bases.archive.sealed.entry(0)["command"],
                          "at": "2019-01-01T00:00:00.000000Z", "parts": [], "origin": ""}.items():  # fmt: skip
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
    seqs = [s for s in range(len(bases.both.open.entries)) if bases.both.open.entry(s)["type"] == "sealed-book.anchored/1"]
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
        yield each(f"of {count - size} more, with its root", canonical({"size": f"{count:016d}", "root": bundles.root(leaves[:count]).hex()}))
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


# --- The manifest, the lists, the zip


def manifests(bases: Bases) -> Iterator[Case]:
    def each(name: str, change: Callable[[dict[str, Any]], object], base: Parts = bases.masked, *, listed: bool = True) -> Case:
        parts = base.copy()
        change(parts.manifest)
        return Case(f"manifest: {name}", parts.together(listed=listed), first=False)

    def book(**members: object) -> Callable[[dict[str, Any]], object]:
        def change(told: dict[str, Any]) -> None:
            inner = told["books"]["open"] | members
            told["books"]["open"] = {one: value for one, value in inner.items() if value is not None}

        return change

    good = bases.masked.manifest["books"]["open"]
    size, front = good["size"], good["frontier"]
    yield each("one more member", lambda told: told.update(more=1))
    yield each("one member less", lambda told: told.pop("role"))
    yield each("another format", lambda told: told.update(format="trial-ledger/bundle/2"))
    yield each("another origin", lambda told: told.update(origin="other.example/NCT/" + "0" * 32))
    for value in ("", "a/b", "a/b/" + "A" * 32, "a:1/b/" + "0" * 32, "a:123456/b/" + "0" * 32, "a b/b/" + "0" * 32, 1):
        yield each(f"origin {value!r}", lambda told, value=value: told.update(origin=value))  # type: ignore[misc]
    for value in ("archive", "", "another", 1, None):
        yield each(f"role {value!r}", lambda told, value=value: told.update(role=value))  # type: ignore[misc]
    for sites in ([], None, ["S01"], ["S01", "S01"], [1], "S01", [""], ["S02", "S01"]):
        yield each(f"sites {sites!r}", lambda told, sites=sites: told.update(sites=sites))  # type: ignore[misc]
        yield each(f"sites {sites!r} with names", lambda told, sites=sites: told.update(sites=sites), bases.names)  # type: ignore[misc]
    yield each("no sections", lambda told: told.update(sections={}))
    for cls, form in (("plain", "withheld"), ("plain", "sealed"), ("identity", "another"), ("identity", "readable"), ("identity", "sealed"),
                      ("identity", "unerased"), ("identity", "partly"), ("anchor", "partly"), ("anchor", "unerased"), ("arm", "withheld"),
                      ("anchor", "readable"), ("identity", 1)):  # fmt: skip
        yield each(f"{cls} {form}", lambda told, cls=cls, form=form: told["sections"].update({cls: form}))  # type: ignore[misc]
    for cls in ("arm", "header", "identity", "anchor"):
        for form in ("withheld", "partly", "sealed", "unerased"):
            yield each(f"both books: {cls} {form}", lambda told, cls=cls, form=form: told["sections"].update({cls: form}), bases.both)  # type: ignore[misc]
    yield each("another hash of the list", lambda told: told.update(sha256sums="0" * 64), listed=False)
    yield each("a hash that is none", lambda told: told.update(sha256sums="0" * 63), listed=False)
    yield each("size one more", book(size=size + 1))
    yield each("size one less", book(size=size - 1))
    yield each("size that has as many bits", book(size=int(bin(size)[:2] + "".join(sorted(bin(size)[3:])), 2)))
    yield each("size -1", book(size=-1))
    yield each("size as a string", book(size=str(size)))
    yield each("size 0", book(size=0, frontier="", head="0" * 64, root=base64.b64encode(sha()).decode()))
    yield each("another head", book(head="0" * 64))
    yield each("no head", book(head=None))
    yield each("a short head", book(head="0" * 63))
    yield each("another root", book(root=base64.b64encode(bytes(32)).decode()))
    yield each("a root in hex", book(root="0" * 64))
    other = bundles.frontier([bytes(32)] * size)
    yield each("another frontier, and its root",
               book(frontier=b"".join(other).hex(), root=base64.b64encode(bundles.root([bytes(32)] * size)).decode()))  # fmt: skip
    yield each("another frontier", book(frontier=b"".join(other).hex()))
    yield each("a frontier of too few", book(frontier=front[64:]))
    yield each("a frontier of too many", book(frontier=front + "0" * 64))
    yield each("a frontier in upper case", book(frontier=front.upper()))
    yield each("a sealed book that is not there", lambda told: told["books"].update(sealed=good))
    yield each("a sealed book, and its forms",
               lambda told: (told["books"].update(sealed=good), told["sections"].update(arm="sealed", header="sealed")))  # fmt: skip
    yield each("a book of another name", lambda told: told["books"].update(other=good))
    yield each("no books", lambda told: told.update(books={}))
    parts = bases.both.copy()
    del parts.manifest["books"]["sealed"], parts.manifest["sections"]["arm"], parts.manifest["sections"]["header"]
    yield Case("manifest: the sealed book is in it, but not told", parts.together())
    parts = bases.both.copy()
    del parts.manifest["books"]["sealed"], parts.manifest["sections"]["arm"], parts.manifest["sections"]["header"], parts.books["sealed"]
    yield Case("manifest: the sealed book left out altogether", parts.together())


def lists(bases: Bases) -> Iterator[Case]:
    content = bases.masked.content()
    good = b"".join(f"{sha(content[name]).hex()}  {name}\n".encode() for name in sorted(content))
    text = good.splitlines(keepends=True)
    changed = {
        "one line less": b"".join(text[1:]),
        "nothing": b"",
        "one line more": good + b"0" * 64 + b"  docs/more.md\n",
        "one line more of no such name": good + b"0" * 64 + b"  /etc/passwd\n",
        "a line twice": good + text[0],
        "two lines exchanged": text[1] + text[0] + b"".join(text[2:]),
        "one space": good.replace(b"  ", b" ", 1),
        "a star": good.replace(b"  ", b" *", 1),
        "upper case": text[0].upper().replace(b"OPEN/", b"open/") + b"".join(text[1:]),
        "another hash": b"0" * 64 + good[64:],
        "no line feed at the end": good[:-1],
        "an empty line": good + b"\n",
        "a carriage return": good.replace(b"\n", b"\r\n", 1),
        "no text": b"\xff\xfe",
        "the manifest listed": b"0" * 64 + b"  manifest.json\n" + good,
    }
    for name, sums in changed.items():
        parts = bases.masked.copy()
        parts.sums = sums
        yield Case(f"list: {name}", parts.together(), first=False)
        if name in ("one line less", "two lines exchanged"):
            yield Case(f"list: {name}, but not in the manifest", replace(parts).together(listed=False), first=False)


def files(bases: Bases) -> Iterator[Case]:
    good = bases.masked.content()

    def each(name: str, more: dict[str, bytes], less: tuple[str, ...] = ()) -> Case:
        content = {one: value for one, value in (good | more).items() if one not in less}
        return Case(f"files: {name}", bases.masked.together(content), first=False)

    for name in ("docs/more.md", "docs/more.txt", "docs/a/b.md", "docs/.md", "docs/Größe.md", "docs/a b.md", "docs/-a_B.9.md", "schemas/a-1.json",
                 "schemas/.json", "schemas/A..json", "index.html", "more.html", "keys/log.vkeys", "keys/more.vkeys", "keys/data-keys.ndjson",
                 "protocol.json", "open/more", "sealed/entries", "../open/entries", "/open/entries", "docs/../../a.md", "open/",
                 "evidence/more", "evidence/checkpoints/1.checkpoint", "consistency/1", "docs/a\nb.md", ""):  # fmt: skip
        yield each(f"one more, {name!r}", {name: b"more"})
    for name in ("open/entries", "open/sections"):
        yield each(f"{name} missing", {}, (name,))
    yield each("an empty proof", {"consistency/0000000000000500": b""})
    yield each("a proof that is none", {"consistency/0000000000000500": b"x\n"})
    hashed = base64.b64encode(bytes(32))
    yield each("a proof without a line feed", {"consistency/0000000000000500": hashed})
    yield each("a proof that nothing needs", {"consistency/0000000000000500": hashed + b"\n"})
    yield each("a proof of 128", {"consistency/0000000000000500": (hashed + b"\n") * 128})
    yield each("a proof of 129", {"consistency/0000000000000500": (hashed + b"\n") * 129})
    yield each("a proof of 31 bytes", {"consistency/0000000000000500": base64.b64encode(bytes(31)) + b"\n"})
    yield each("a proof with stray bits", {"consistency/0000000000000500": hashed[:-2] + b"B=\n"})
    stamp = "evidence/timestamps/0000000000000005-00000000-00.tsr"
    yield each("a time stamp that is none", {stamp: b"more"})
    yield each("a time stamp of nothing", {stamp: b""})
    for where_ in ("manifest.json", "SHA256SUMS", "open/entries", "open/sections"):
        parts = bases.masked.copy()
        parts.crcs[where_] = 1
        yield Case(f"files: another CRC-32 of {where_}", parts.together())
    parts = bases.masked.copy()
    data = bytearray(parts.together())
    data[bytes(data).index(b"open/sections") + 60] ^= 1
    yield Case("files: a bit of the sections", bytes(data), first=False)
    data = bytearray(parts.together())
    data[bytes(data).index(b'"seq":7,') - 200] ^= 1
    yield Case("files: a bit of an entry", bytes(data), first=False)


def zips(bases: Bases) -> Iterator[Case]:
    good = bases.masked.together()
    content = bundles.unzipped(good)
    listed = [(name, one, __import__("binascii").crc32(one)) for name, one in content.items()]
    entries = good.index(b"open/entries") - 30
    directory = good.index(b"PK\1\2")
    second = good.index(b"PK\1\2", directory + 1)

    def patched(at: int, value: bytes, data: bytes = good) -> bytes:
        return data[:at] + value + data[at + len(value) :]

    def both(offset: int, value: bytes) -> bytes:
        """In the local header of the first file, and in the directory."""
        return patched(directory + offset + 2, value, patched(offset, value))

    yield Case("zip: as it was", good)
    changed = {
        "bytes in front": b"x" + good,
        "bytes behind": good + b"x",
        "a comment": good[:-2] + b"\4\0note",
        "a length of a comment": good[:-2] + b"\1\0",
        "cut": good[:-1],
        "cut in half": good[: len(good) // 2],
        "nothing": b"",
        "no zip": b"PK\3\4" + bytes(100),
        "only an end": bundles.end(0, 0, 0),
        "bytes between": good[:entries] + b"xx" + good[entries:],
        "flag of a data descriptor": both(6, b"\x08\0"),
        "flag of UTF-8": both(6, b"\0\x08"),
        "flag of encryption": both(6, b"\1\0"),
        "compressed": both(8, b"\x08\0"),
        "a time": both(10, b"\1\0"),
        "a date": both(12, b"\x22\0"),
        "version 20": both(4, b"\x14\0"),
        "a date in the directory only": patched(directory + 14, b"\x22\0"),
        "made by another system": patched(directory + 5, b"\0"),
        "other external attributes": patched(directory + 38, b"\0\0\0\0"),
        "internal attributes": patched(directory + 36, b"\1\0"),
        "a disk": patched(directory + 34, b"\1\0"),
        "another offset": patched(directory + 42, b"\1\0\0\0"),
        "another size in the directory": patched(directory + 24, b"\1\0\0\0"),
        "another name in the directory": patched(directory + 46, b"Manifest"),
        "another CRC-32 in the directory": patched(directory + 16, b"\1\1\1\1"),
        "two entries of the directory exchanged": good[:directory] + good[second : second + 56] + good[directory:second] + good[second + 56 :],
        "another count": patched(len(good) - 14, b"\1\0"),
        "a file twice": bundles.zipped_list([*listed[:3], listed[2], *listed[3:]]),
        "other files in another order": bundles.zipped_list([*listed[:2], *reversed(listed[2:])]),
        "SHA256SUMS first": bundles.zipped_list([listed[1], listed[0], *listed[2:]]),
        "without SHA256SUMS": bundles.zipped_list([listed[0], *listed[2:]]),
        "without a manifest": bundles.zipped_list(listed[1:]),
        "only the manifest": bundles.zipped_list(listed[:1]),
    }  # fmt: skip
    for name, data in changed.items():
        yield Case(f"zip: {name}", data)
    text = content["manifest.json"]
    for name, value in {"with a line feed": text + b"\n", "with spaces": text.replace(b":", b": "), "nothing": b"", "an array": b"[]",
                        "a byte order mark": b"\xef\xbb\xbf" + text, "long": text.replace(b'"role":"', b'"role":"' + b"x" * 65536),
                        "a fraction": text.replace(b'"size":', b'"size":1.5e', 1)}.items():  # fmt: skip
        yield Case(f"zip: the manifest, {name}", bundles.zipped(content | {"manifest.json": value}))
    yield Case("zip: a sum of nought for one, damaged", patched(entries + 14, b"\0\0\0\0", good))


# --- Evidence


def policy_of(*lines: str) -> str:
    return "".join(f"{line}\n" for line in lines)


def witness(number: int) -> Key:
    return Key(f"witness.example/w{number}", bytes([number + 1] * 32), 4)


def evidence(bases: Bases) -> Iterator[Case]:
    base = bases.masked
    origin, leaves = base.origin, base.open.leaves()
    size = len(leaves)
    log = Key(origin, LOG_SEED)
    signed = policy_of(f"log {log.vkey}", "quorum none")
    three = [witness(number) for number in range(3)]

    def quorum(least: int | str) -> str:
        return policy_of(f"log {log.vkey}", *(f"witness w{n} {one.vkey}" for n, one in enumerate(three)), f"group g {least} w0 w1 w2", "quorum g")

    def note(text: str, *lines: str) -> dict[str, bytes]:
        return {bundles.checkpoint_name(text): (text + "\n" + "".join(lines)).encode()}

    def with_(*notes: dict[str, bytes], parts: Parts = base, **more: bytes) -> bytes:
        content = {name: value for name, value in parts.content().items() if not name.startswith(("evidence/", "consistency/"))}
        for one in notes:
            content |= one
        return parts.together(content | more)

    text = bundles.checkpoint_text(origin, leaves)
    small = bundles.checkpoint_text(origin, leaves[: size // 2])
    smaller = bundles.checkpoint_text(origin, leaves[: size // 3])
    wrong = bundles.checkpoint_text(origin, [bytes(32), *leaves[1:]])
    wrong_small = bundles.checkpoint_text(origin, [bytes(32), *leaves[1 : size // 2]])
    own = log.line(text)
    cosigned = [one.line(text, TIME) for one in three]
    yield Case("evidence: none, and no policy", with_())
    yield Case("evidence: none", with_(), signed)
    yield Case("evidence: signed", with_(note(text, own)), signed)
    yield Case("evidence: signed, no policy", with_(note(text, own)))
    yield Case("evidence: a smaller one signed", with_(note(small, log.line(small))), signed)
    yield Case("evidence: size 0", with_(note(z := bundles.checkpoint_text(origin, []), log.line(z))), signed)
    yield Case("evidence: another root", with_(note(wrong, log.line(wrong))), signed)
    yield Case("evidence: another root, no policy", with_(note(wrong, log.line(wrong))))
    yield Case("evidence: another root below one that agrees", with_(note(wrong_small, log.line(wrong_small)), note(text, own)), signed)
    yield Case("evidence: another root above one that agrees", with_(note(wrong, log.line(wrong)), note(small, log.line(small))), signed)
    yield Case("evidence: another root above two", with_(note(wrong, log.line(wrong)), note(small, log.line(small)),
                                                        note(smaller, log.line(smaller))), signed)  # fmt: skip
    yield Case("evidence: two with other roots", with_(note(wrong, log.line(wrong)), note(wrong_small, log.line(wrong_small)),
                                                      note(smaller, log.line(smaller))), signed, first=False)  # fmt: skip
    for count in range(4):
        lines = [own, *cosigned[:count]]
        for least in (1, 2, 3, "any", "all"):
            yield Case(f"evidence: {count} cosigned, quorum {least}", with_(note(text, *lines)), quorum(least))
        none = policy_of(f"log {log.vkey}", *(f"witness w{n} {one.vkey}" for n, one in enumerate(three)), "quorum none")
        yield Case(f"evidence: {count} cosigned, quorum none", with_(note(text, *lines)), none)
        single = policy_of(f"log {log.vkey}", *(f"witness w{n} {one.vkey}" for n, one in enumerate(three)), "quorum w1")
        yield Case(f"evidence: {count} cosigned, one witness asked", with_(note(text, *lines)), single)
    yield Case("evidence: cosigned, of witnesses unknown", with_(note(text, own, *cosigned)), signed)
    yield Case("evidence: cosigned, but not signed", with_(note(text, *cosigned)), quorum(1))
    yield Case("evidence: cosigned below, signed above", with_(note(text, own), note(small, log.line(small), three[0].line(small, TIME))), quorum(1))
    yield Case("evidence: two cosigned below, one above", with_(note(text, own, cosigned[0]),
               note(small, log.line(small), *(one.line(small, TIME) for one in three[:2]))), quorum(1))  # fmt: skip
    yield Case("evidence: cosigned by one twice", with_(note(text, own, cosigned[0], cosigned[0])), quorum(2))
    yield Case("evidence: cosigned by one at two times", with_(note(text, own, cosigned[0], three[0].line(text, TIME + 9))), quorum(2))
    yield Case("evidence: signed twice", with_(note(text, own, own)), signed)
    yield Case("evidence: cosigned long ago", with_(note(text, own, three[0].line(text, 1))), quorum(1))
    yield Case("evidence: cosigned long ago, two", with_(note(text, own, three[0].line(text, 1)),
               note(small, log.line(small), three[1].line(small, 1))), quorum(1))  # fmt: skip
    at = base.open.entry(size - 1)["at"]
    import datetime

    last = int(datetime.datetime.fromisoformat(at.replace("Z", "+00:00")).timestamp())
    for off in (-301, -300, -299, 0):
        yield Case(f"evidence: cosigned {off} s from the last entry", with_(note(text, own, three[0].line(text, last + off))), quorum(1))
    yield Case("evidence: cosigned at the end of time", with_(note(text, own, three[0].line(text, (1 << 63) - 1))), quorum(1))
    yield Case("evidence: cosigned after the end of time", with_(note(text, own, three[0].line(text, 1 << 63))), quorum(1))
    # Signatures that fail.
    broken = base64.b64encode(log.id + bytes(64)).decode()
    yield Case("evidence: a signature that fails", with_(note(text, f"— {origin} {broken}\n")), signed)
    yield Case("evidence: a signature that fails beside one that holds", with_(note(text, own, f"— {origin} {broken}\n")), signed)
    yield Case("evidence: a signature that fails, no policy", with_(note(text, f"— {origin} {broken}\n")))
    short = base64.b64encode(log.id + bytes(63)).decode()
    yield Case("evidence: a signature that is short", with_(note(text, f"— {origin} {short}\n")), signed)
    yield Case("evidence: a signature of another text", with_(note(text, log.line(small))), signed)
    yield Case("evidence: a cosignature that fails", with_(note(text, own, three[0].line(small, TIME))), quorum(1))
    yield Case("evidence: a cosignature that fails beside one that holds", with_(note(text, own, cosigned[1], three[0].line(small, TIME))), quorum(1))
    yield Case("evidence: a cosignature that fails, of one below", with_(note(text, own, cosigned[1]),
               note(small, log.line(small), three[0].line(text, TIME))), quorum(1))  # fmt: skip
    yield Case("evidence: a cosignature that is short", with_(note(text, own, f"— {three[0].name} {base64.b64encode(three[0].id + bytes(8)).decode()}\n")), quorum(1))
    yield Case("evidence: another key ID", with_(note(text, f"— {origin} {base64.b64encode(bytes(4) + bytes(64)).decode()}\n")), signed)
    yield Case("evidence: another key name", with_(note(text, own.replace(origin, "another.example"))), signed)
    # What is no checkpoint.
    for name, value in {"stripped of signatures": text, "stripped, with the blank line": text + "\n", "no em dash": text + "\n" + own[1:],
                        "no line feed": (text + "\n" + own)[:-1], "a line feed more": text + "\n" + own + "\n", "a carriage return": text.replace("\n", "\r\n") + "\r\n" + own,
                        "a tab": text + "\n" + own.replace(" ", "\t"), "two spaces": text + "\n" + own.replace(" ", "  ", 1),
                        "base64 that is none": text + f"\n— {origin} !!!!\n", "no signature bytes": text + f"\n— {origin} AAAA\n",
                        "four bytes of a signature": text + f"\n— {origin} AAAAAA==\n", "five bytes of a signature": text + f"\n— {origin} AAAAAAA=\n",
                        "stray bits": text + f"\n— {origin} AAAAAAB=\n", "a plus in a key name": text + "\n— a+b AAAAAAA=\n",
                        "a space in a key name": text + "\n— a\u00a0b AAAAAAA=\n", "two lines": "\n".join(text.split("\n")[:2]) + "\n\n" + own,
                        "a size with a nought": text.replace(f"\n{size}\n", f"\n0{size}\n") + "\n" + own,
                        "a size that is negative": text.replace(f"\n{size}\n", f"\n-{size}\n") + "\n" + own,
                        "a size with a plus": text.replace(f"\n{size}\n", f"\n+{size}\n") + "\n" + own,
                        "a root of 31 bytes": f"{origin}\n{size}\n{base64.b64encode(bytes(31)).decode()}\n\n" + own,
                        "an empty origin": f"\n{size}\n{base64.b64encode(bytes(32)).decode()}\n\n" + own,
                        "nothing": ""}.items():  # fmt: skip
        yield Case(f"note: {name}", with_({bundles.checkpoint_name(text): value.encode()}), signed)
    yield Case("note: no UTF-8", with_({bundles.checkpoint_name(text): text.encode() + b"\n\xff" + own.encode()}), signed)
    extended = bundles.checkpoint_text(origin, leaves, "more")
    yield Case("note: an extension line", with_(note(extended, log.line(extended), three[0].line(extended, TIME))), quorum(1))
    gap = text + "\nmore\n"
    yield Case("note: an empty line within", with_(note(gap, log.line(gap))), signed)
    yield Case("note: the name of another size", with_({bundles.checkpoint_name(small): (text + "\n" + own).encode()}), signed)
    yield Case("note: the name of another origin", with_({bundles.checkpoint_name(text)[:-19] + "00000000.checkpoint": (text + "\n" + own).encode()}), signed)
    huge = bundles.checkpoint_text(origin, leaves).replace(f"\n{size}\n", f"\n{10**16}\n")
    yield Case("note: a size of 17 digits", with_({"evidence/checkpoints/9999999999999999-00000000.checkpoint": (huge + "\n" + log.line(huge)).encode()}), signed)
    for lines in (16, 17, 100, 1000):
        yield Case(f"note: {lines} signatures", with_(note(text, own, *(f"— other.example/{n} AAAAAAA=\n" for n in range(lines - 1)))), signed)
    yield Case("note: longer than may be", with_(note(text, own, *(f"— other.example/{n} {'AAAA' * 100}\n" for n in range(1000)))), signed)
    # Other origins.
    foreign = "other.example/NCT/" + "0" * 32
    other = Key(foreign, bytes([9] * 32))
    text_other = bundles.checkpoint_text(foreign, leaves)
    yield Case("origin: another, signed by its log", with_(note(text_other, other.line(text_other)), note(text, own)),
               policy_of(f"log {log.vkey}", f"log {other.vkey}", "quorum none"))  # fmt: skip
    yield Case("origin: another, no policy", with_(note(text_other, other.line(text_other))))
    yield Case("origin: another, of a log unknown", with_(note(text_other, other.line(text_other)), note(text, own)), signed)
    yield Case("origin: another, signed by this log", with_(note(text_other, log.line(text_other)), note(text, own)), signed)
    yield Case("origin: another, only", with_(note(text_other, log.line(text_other))), signed)
    again = f"{origin.rsplit('/', 1)[0]}/{'1' * 32}"
    went = appended(base.copy(), "ledger.continued/1", canonical({"former_origin": origin, "occurred_at": "2020-01-01", "origin": again}), stream="trial",
                    version=max(base.open.entry(s)["version"] for s in range(size) if base.open.entry(s)["stream"] == "trial") + 1)  # fmt: skip
    went.rechained()
    went.headed()
    key_again = Key(again, bytes([8] * 32))
    for name, where_, key, count in (("the new one", again, key_again, size + 1), ("the old one before", origin, log, size), ("the old one after", origin, log, size + 1),
                                     ("the new one before", again, key_again, size), ("the new one long before", again, key_again, size - 3)):  # fmt: skip
        one = bundles.checkpoint_text(where_, went.open.leaves()[:count])
        yield Case(f"continued: {name}", with_(note(one, key.line(one)), parts=went), policy_of(f"log {log.vkey}", f"log {key_again.vkey}", "quorum none"))
        yield Case(f"continued: {name}, no policy", with_(note(one, key.line(one)), parts=went))
    # The end of the book, and proofs.
    cut = base.copy()
    keep = where(base.open, lambda told: told["command"]["n"] + 1 == told["command"]["of"], size * 3 // 4) + 1
    del cut.open.entries[keep:], cut.open.frames[keep:]
    cut.headed()
    proof = bundles.consistency(leaves, keep)
    name = f"consistency/{size:016d}"
    proved = "".join(base64.b64encode(one).decode() + "\n" for one in proof).encode()
    yield Case("proof: it holds", with_(note(text, own), parts=cut, **{name: proved}), signed)
    yield Case("proof: it holds, no policy", with_(note(text, own), parts=cut, **{name: proved}))
    yield Case("proof: it holds, and is witnessed", with_(note(text, own, *cosigned), parts=cut, **{name: proved}), quorum(2))
    yield Case("proof: cosigned long ago", with_(note(text, own, three[0].line(text, 1)), parts=cut, **{name: proved}), quorum(1))
    for label, value in {"missing": None, "empty": b"", "cut": proved[:-45], "longer": proved + proved[-45:], "another": proved[45:] + proved[:45]}.items():
        more = {} if value is None else {name: value}
        yield Case(f"proof: {label}", with_(note(text, own), parts=cut, **more), signed)
        yield Case(f"proof: {label}, no policy", with_(note(text, own), parts=cut, **more))
        kept = bundles.checkpoint_text(origin, leaves[: keep // 2])
        yield Case(f"proof: {label}, and a smaller one", with_(note(text, own), note(kept, log.line(kept)), parts=cut, **more), signed)
    yield Case("proof: under another size", with_(note(text, own), parts=cut, **{f"consistency/{size + 1:016d}": proved}), signed)
    yield Case("proof: for a size that is reached", with_(note(text, own), **{name: proved}), signed)
    forked = base.copy()
    k = mid(forked.open)
    forked.open.inside(k, "actor", org="another")
    forked.rechained()
    forked.headed()
    for label, one in (("the last", text), ("one before", smaller)):
        yield Case(f"forked: against {label}", with_(note(one, log.line(one)), parts=forked), signed)
    yield Case("forked: against three", with_(*(note(one, log.line(one)) for one in (text, small, smaller)), parts=forked), signed, first=False)
    altered = base.copy()
    altered.open.inside(k, "actor", org="another")
    yield Case("altered: beside evidence", with_(note(text, own), parts=altered), signed)
    gone = base.copy()
    del gone.open.entries[k], gone.open.frames[k]
    yield Case("missing: beside evidence", with_(note(text, own), parts=gone), signed)
    gone = base.copy()
    del gone.open.entries[k : k + 2], gone.open.frames[k : k + 2]
    yield Case("two missing: beside evidence", with_(note(text, own), parts=gone), signed)


def policies(bases: Bases) -> Iterator[Case]:
    base = bases.masked
    log, one, two = Key(base.origin, LOG_SEED), witness(0), witness(1)
    text = bundles.checkpoint_text(base.origin, base.open.leaves())
    content = {name: value for name, value in base.content().items() if not name.startswith(("evidence/", "consistency/"))}
    lines = log.line(text) + one.line(text, TIME) + two.line(text, TIME)
    data = base.together(content | {bundles.checkpoint_name(text): (text + "\n" + lines).encode()})
    l, a, b = f"log {log.vkey}", f"witness a {one.vkey}", f"witness b {two.vkey}"
    as_log = Key(base.origin, one.seed)
    material = base64.b64encode(log.material).decode()
    for name, policy in {
        "as usual": policy_of(l, a, b, "group g 2 a b", "quorum g"),
        "comments, tabs and blanks": policy_of("# comment", "", " \t", f"\t{l.replace(' ', chr(9))}  https://log.example", f"  {a}\t", "  # x", "quorum  a "),
        "a comment behind": policy_of(l, a, "quorum a # x"),
        "no quorum": policy_of(l, a),
        "two quorums": policy_of(l, a, "quorum a", "quorum a"),
        "quorum none twice": policy_of(l, "quorum none", "quorum none"),
        "an unknown quorum": policy_of(l, a, "quorum b"),
        "a quorum before its witness": policy_of(l, "quorum a", a),
        "lines after the quorum": policy_of("quorum none", l),
        "no log": policy_of(a, "quorum a"),
        "an unknown log": policy_of(f"log {Key(base.origin, bytes(32)).vkey}", "quorum none"),
        "a log twice": policy_of(l, l, "quorum none"),
        "a witness twice": policy_of(l, a, f"witness c {one.vkey}", "quorum a"),
        "a key as log and as witness": policy_of(f"log {as_log.vkey}", l, a, "quorum a"),
        "a log with a cosignature key": policy_of(l, f"log {Key(base.origin, bytes([7] * 32), 4).vkey}", "quorum none"),
        "a log with a cosignature key only": policy_of(f"log {Key(base.origin, LOG_SEED, 4).vkey}", "quorum none"),
        "a witness with a log's key": policy_of(l, f"witness a {Key('w', bytes([7] * 32), 1).vkey}", "quorum none"),
        "a key of an unknown type": policy_of(f"log {Key(base.origin, LOG_SEED, 9).vkey}", "quorum none"),
        "a witness named none": policy_of(l, f"witness none {one.vkey}", "quorum none"),
        "a group named none": policy_of(l, a, "group none any a", "quorum none"),
        "none in a group": policy_of(l, a, "group g any none a", "quorum g"),
        "a name twice": policy_of(l, a, f"witness a {two.vkey}", "quorum a"),
        "a group with the name of a witness": policy_of(l, a, "group a any a", "quorum a"),
        "a member twice": policy_of(l, a, b, "group g 1 a a", "quorum g"),
        "a member of two groups": policy_of(l, a, b, "group g 1 a", "group h 1 a b", "quorum h"),
        "a group within": policy_of(l, a, b, "group g all a b", "group h any g", "quorum h"),
        "a group without members": policy_of(l, "group g any", "quorum none"),
        "0 of 1": policy_of(l, a, "group g 0 a", "quorum g"),
        "2 of 1": policy_of(l, a, "group g 2 a", "quorum g"),
        "a threshold with a nought": policy_of(l, a, "group g 01 a", "quorum g"),
        "a threshold with a plus": policy_of(l, a, "group g +1 a", "quorum g"),
        "a threshold in hex": policy_of(l, a, "group g 0x1 a", "quorum g"),
        "a group before its members": policy_of(l, "group g any a", a, "quorum g"),
        "another word": policy_of(l, "logs x", "quorum none"),
        "upper case": policy_of(l, "QUORUM none"),
        "too many words": policy_of(f"{l} url more", "quorum none"),
        "urls": policy_of(f"{l} https://log.example/", f"{a} https://w.example/", "quorum a"),
        "too few words": policy_of("log", "quorum none"),
        "a witness without a key": policy_of(l, "witness a", "quorum none"),
        "carriage returns": policy_of(l, a, "quorum a").replace("\n", "\r\n"),
        "no line feed at the end": policy_of(l, a, "quorum a")[:-1],
        "nothing": "",
        "only quorum none": policy_of("quorum none"),
        "another key ID": policy_of(f"log {base.origin}+00000000+{material}", "quorum none"),
        "a key ID in upper case": policy_of(f"log {base.origin}+{log.id.hex().upper()}+{material}", "quorum none"),
        "a key of no base64": policy_of(f"log {base.origin}+{log.id.hex()}+!!!!", "quorum none"),
        "a key that is short": policy_of(f"log {base.origin}+{log.id.hex()}+AQ==", "quorum none"),
        "names beyond ASCII": policy_of(l, a.replace(" a ", " é "), "quorum é"),
        "a comment beyond ASCII": policy_of("# é", l, "quorum none"),
        "a delete character": policy_of("# \x7f", l, "quorum none"),
        "a no-break space": policy_of(l, f"witness\u00a0a {one.vkey}", "quorum none"),
        "a form feed": policy_of(l, "\x0cquorum none"),
        "the log under another name": policy_of(f"log {Key('another.example', LOG_SEED).vkey}", "quorum none"),
        "a quorum of a group not used": policy_of(l, a, b, "group g all a b", "quorum a"),
        "33 witnesses": policy_of(l, a, *(f"witness x{n} {Key(f'x{n}', bytes([100 + n] * 32), 4).vkey}" for n in range(32)), "quorum a"),
    }.items():  # fmt: skip
        yield Case(f"policy: {name}", data, policy)


FAMILIES: Final = (entry_members, entry_bytes, order, events, origins, appended_events, sections, sections_file, sealed_book, archived_sealed,
                   anchors, manifests, lists, files, zips, evidence, policies)  # fmt: skip
