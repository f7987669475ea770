"""Entries that are another: their members and bytes, their order, time, versions and commands."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from tests.interop.second_verifier.bundles import Book, canonical, leaf
from tests.interop.second_verifier.making import Bases, Case, appended, headed, mended, mid, paired, raw, shown


def entry_members(bases: Bases) -> Iterator[Case]:
    values: dict[str, list[object]] = {
        "at": [
            "2020-05-06T06:00:00Z",
            "2020-02-30T06:00:00.000000Z",
            "2020-05-06T24:00:00.000000Z",
            "0000-01-01T00:00:00.000000Z",
            "2020-05-06T06:00:60.000000Z",
            "2020-05-06t06:00:00.000000Z",
            "٢020-05-06T06:00:00.000000Z",
            "",
            5,
            "9999-12-31T23:59:59.999999Z",
            "2019-05-06T06:00:00.000000Z",
            "2020-13-01T00:00:00.000000Z",
            "2021-02-29T00:00:00.000000Z",
            "2020-00-01T00:00:00.000000Z",
            "2020-01-01T00:00:00.00000Z",
            "2020-01-01T00:60:00.000000Z",
            None,
        ],
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
        "parts": [
            "",
            [],
            [{"class": "plain"}],
            [{"class": "plain", "commit": "0" * 63}],
            [{"class": "other", "commit": "0" * 64}],
            [{"class": "arm", "commit": "0" * 64}],
            [{"class": "plain", "commit": "0" * 64, "x": 1}],
            [1],
            [{"class": "plain", "commit": "0" * 64}] * 2,
            [{"class": "Plain", "commit": "0" * 64}],
            [{"class": "", "commit": "0" * 64}],
        ],
    }
    inner: dict[str, dict[str, list[object]]] = {
        "actor": {"id": ["", 1, None], "org": ["", None], "role": ["", None, 1], "more": [""]},
        "command": {
            "digest": ["0" * 63, "0" * 64, "G" * 64, None],
            "id": ["", "another", 1, None],
            "n": [1, -1, "0", None],
            "of": [0, 2, -1, None],
            "more": [1],
        },
    }
    k = mid(bases.masked.open)
    for mending, make in (("mended", mended), ("headed", headed)):
        for member, wrong in values.items():
            for value in wrong if make is mended else wrong[:1]:
                parts = bases.masked.copy()
                parts.open.change(k, **{member: value})
                yield Case(f"{mending}: {member} is {shown(value)}", make(parts))
        for member, within in inner.items():
            for name, wrong in within.items():
                for value in wrong if make is mended else wrong[:1]:
                    parts = bases.masked.copy()
                    parts.open.inside(k, member, **{name: value})
                    yield Case(f"{mending}: {member}.{name} is {shown(value)}", make(parts))


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
    for name, letter in {
        "a control character": "\x1f",
        "delete": "\x7f",
        "letters beyond ASCII": "é\U0001f600\u2028",
        "a quote": '"\\',
    }.items():
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
    for name, value in {"of": 3, "n": 1, "id": "another", "digest": "0" * 64}.items():
        parts = bases.masked.copy()
        parts.open.inside(p, "command", **{name: value})
        yield Case(f"event: another {name} in a first event", mended(parts))
        parts = bases.masked.copy()
        parts.open.inside(p + 1, "command", **{name: value})
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


def origins(bases: Bases) -> Iterator[Case]:
    """Another origin in all entries, and in the manifest."""
    for origin in (
        "x",
        "a/b/" + "0" * 31,
        "a b/NCT/" + "0" * 32,
        "a:1/NCT/" + "0" * 32,
        "a:12345/N.C_T-/" + "0" * 32,
        "a:/NCT/" + "0" * 32,
        "/NCT/" + "0" * 32,
        "a/N/C/" + "0" * 32,
        "a:123456/b/" + "0" * 32,
        "a/b/" + "A" * 32,
    ):
        parts = bases.masked.copy()
        for seq in range(len(parts.open.entries)):
            parts.open.change(seq, origin=origin)
        yield Case(f"origin of all entries: {origin}", mended(parts))
        parts.manifest["origin"] = origin
        yield Case(f"origin of all entries and of the manifest: {origin}", mended(parts))
    parts = bases.masked.copy()
    parts.open.change(0, origin="x/y/" + "0" * 32)
    yield Case("origin of the first entry", mended(parts))


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
    yield Case(
        "more: raw version 0 twice", mended(appended(parts, "more/1", b"", command=raw(), version=0, stream="s"))
    )
