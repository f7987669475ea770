"""Manifests, lists of hashes, files and zips that are another."""

import base64
import binascii
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from tests.interop.second_verifier import bundles
from tests.interop.second_verifier.bundles import Parts, sha
from tests.interop.second_verifier.making import Bases, Case


def setting(**members: object) -> Callable[[dict[str, Any]], object]:
    """Sets members of a manifest."""
    return lambda told: told.update(members)


def forming(cls: str, form: object) -> Callable[[dict[str, Any]], object]:
    """Gives a class another form."""
    return lambda told: told["sections"].update({cls: form})


def manifests(bases: Bases) -> Iterator[Case]:
    def each(
        name: str, change: Callable[[dict[str, Any]], object], base: Parts = bases.masked, *, listed: bool = True
    ) -> Case:
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
    yield each("one more member", setting(more=1))
    yield each("one member less", lambda told: told.pop("role"))
    yield each("another format", setting(format="trial-ledger/bundle/2"))
    yield each("another origin", setting(origin="other.example/NCT/" + "0" * 32))
    for value in ("", "a/b", "a/b/" + "A" * 32, "a:1/b/" + "0" * 32, "a:123456/b/" + "0" * 32, "a b/b/" + "0" * 32, 1):
        yield each(f"origin {value!r}", setting(origin=value))
    for role in ("archive", "", "another", "x" * 64, "x" * 65, "A", "a-b", "a-", "a--b", "a_b", 1, None):
        yield each(f"role {role!r}", setting(role=role))
    for sites in ([], None, ["S01"], ["S01", "S01"], [1], "S01", [""], ["S02", "S01"]):
        yield each(f"sites {sites!r}", setting(sites=sites))
        yield each(f"sites {sites!r} with names", setting(sites=sites), bases.names)
    yield each("no sections", setting(sections={}))
    for cls, form in (
        ("plain", "withheld"),
        ("plain", "sealed"),
        ("identity", "another"),
        ("identity", "readable"),
        ("identity", "sealed"),
        ("identity", "unerased"),
        ("identity", "partly"),
        ("anchor", "partly"),
        ("anchor", "unerased"),
        ("arm", "withheld"),
        ("anchor", "readable"),
        ("identity", 1),
    ):
        yield each(f"{cls} {form}", forming(cls, form))
    for cls in ("arm", "header", "identity", "anchor"):
        for form in ("withheld", "partly", "sealed", "unerased"):
            yield each(
                f"both books: {cls} {form}",
                forming(cls, form),
                bases.both,
            )
    yield each("another hash of the list", setting(sha256sums="0" * 64), listed=False)
    yield each("a hash that is none", setting(sha256sums="0" * 63), listed=False)
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
    yield each(
        "another frontier, and its root",
        book(frontier=b"".join(other).hex(), root=base64.b64encode(bundles.root([bytes(32)] * size)).decode()),
    )
    yield each("another frontier", book(frontier=b"".join(other).hex()))
    yield each("a frontier of too few", book(frontier=front[64:]))
    yield each("a frontier of too many", book(frontier=front + "0" * 64))
    yield each("a frontier in upper case", book(frontier=front.upper()))
    yield each("a sealed book that is not there", lambda told: told["books"].update(sealed=good))
    yield each(
        "a sealed book, and its forms",
        lambda told: (told["books"].update(sealed=good), told["sections"].update(arm="sealed", header="sealed")),
    )
    yield each("a book of another name", lambda told: told["books"].update(other=good))
    yield each("no books", setting(books={}))
    parts = bases.both.copy()
    del parts.manifest["books"]["sealed"], parts.manifest["sections"]["arm"], parts.manifest["sections"]["header"]
    yield Case("manifest: the sealed book is in it, but not told", parts.together())
    parts = bases.both.copy()
    del (
        parts.manifest["books"]["sealed"],
        parts.manifest["sections"]["arm"],
        parts.manifest["sections"]["header"],
        parts.books["sealed"],
    )
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

    for name in (
        "docs/more.md",
        "docs/more.txt",
        "docs/a/b.md",
        "docs/.md",
        "docs/Größe.md",
        "docs/a b.md",
        "docs/-a_B.9.md",
        "schemas/a-1.json",
        "schemas/.json",
        "schemas/A..json",
        "index.html",
        "more.html",
        "keys/log.vkeys",
        "keys/more.vkeys",
        "keys/data-keys.ndjson",
        "protocol.json",
        "open/more",
        "sealed/entries",
        "../open/entries",
        "/open/entries",
        "docs/../../a.md",
        "open/",
        "evidence/more",
        "evidence/checkpoints/1.checkpoint",
        "consistency/1",
        "docs/a\nb.md",
        "",
    ):
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
    listed = [(name, one, binascii.crc32(one)) for name, one in content.items()]
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
        "two entries of the directory exchanged": good[:directory]
        + good[second : second + 56]
        + good[directory:second]
        + good[second + 56 :],
        "another count": patched(len(good) - 14, b"\1\0"),
        "a file twice": bundles.zipped_list([*listed[:3], listed[2], *listed[3:]]),
        "other files in another order": bundles.zipped_list([*listed[:2], *reversed(listed[2:])]),
        "SHA256SUMS first": bundles.zipped_list([listed[1], listed[0], *listed[2:]]),
        "without SHA256SUMS": bundles.zipped_list([listed[0], *listed[2:]]),
        "without a manifest": bundles.zipped_list(listed[1:]),
        "only the manifest": bundles.zipped_list(listed[:1]),
    }
    for name, data in changed.items():
        yield Case(f"zip: {name}", data)
    text = content["manifest.json"]
    for name, value in {
        "with a line feed": text + b"\n",
        "with spaces": text.replace(b":", b": "),
        "nothing": b"",
        "an array": b"[]",
        "a byte order mark": b"\xef\xbb\xbf" + text,
        "long": text.replace(b'"role":"', b'"role":"' + b"x" * 65536),
        "a fraction": text.replace(b'"size":', b'"size":1.5e', 1),
    }.items():
        yield Case(f"zip: the manifest, {name}", bundles.zipped(content | {"manifest.json": value}))
    yield Case("zip: a sum of nought for one, damaged", patched(entries + 14, b"\0\0\0\0", good))
