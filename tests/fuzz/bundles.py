"""Bundles taken apart, one thing in them changed, and put together again: with the old hashes, or with hashes to fit.

| how | |
|---|---|
| bytes | the file as bytes |
| old | one file changed; zip to fit, SHA256SUMS and manifest as they were |
| fitted | one file changed, dropped, added or exchanged; SHA256SUMS and manifest made to fit |
| chained | an entry changed, dropped, doubled or moved, the open book chained anew, with head, tree and hashes to fit |
| manifest | a value in the manifest changed |
| hostile | what no bundle is: lies about sizes, thousands of files, names twice, overlapping files, files of zeros |
"""

import io
import json
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from ledger.proof.bundle import MANIFEST, SUMS
from ledger.proof.bundle_zip import Member, central_header, end_of, ending, local_header
from tests.fuzz.mutators import TOKENS, mutated
from tests.proof.bundle_parts import Files, fitted, frames, lines, rechained, with_rows, zipped

_HOW: Final = {"bytes": 20, "old": 15, "fitted": 35, "chained": 12, "manifest": 12, "hostile": 6}
_COVERED: Final = ("open/", "sealed/", "consistency/")
_CHECKPOINT: Final = "evidence/checkpoints/"
_HOLE: Final = 24 << 20
_NAMES: Final = (
    "docs/more.md", "schemas/more.json", "evidence/timestamps/0000000000000010-7a80e411-07.tsr", "open/entries",
    "evidence/checkpoints/0000000000000009-7a80e411.checkpoint", "consistency/0000000000000099", "sealed/sections",
    "docs/../../x.md", "keys/data-keys.ndjson", "keys/other",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Made:
    """A bundle that was mutated; `hole`: where in it how many zeros belong."""

    how: str
    data: bytes
    honest: bool = False
    hole: tuple[int, int] = (0, 0)


def make(
    random: Random, bundles: Mapping[str, bytes], files: Mapping[str, Files], note_is_honest: Callable[[bytes], bool]
) -> Made:
    """One mutated bundle."""
    name = random.choice(list(bundles))
    (how,) = random.choices(list(_HOW), list(_HOW.values()))
    seed = files[name]
    if how == "bytes":
        data = mutated(random, bundles[name], list(bundles.values()))
        return Made(how, data, data in bundles.values())
    if how == "hostile":
        return random.choice(_HOSTILE)(random, seed)
    if how == "chained":
        data = zipped(_chained(random, seed))
        return Made(how, data, data in bundles.values())  # chained anew, a change of `prev` is undone
    if how == "manifest":
        changed = seed | {MANIFEST: _manifest(random, seed[MANIFEST])}
        return Made(how, zipped(changed), _same_claim(changed[MANIFEST], seed[MANIFEST]))
    changed = _changed(random, seed, files)
    if how == "fitted":
        changed = fitted(changed)
    return Made(how, zipped(changed), (how == "fitted" or changed == seed) and _honest(changed, seed, note_is_honest))


def _honest(changed: Files, seed: Files, note_is_honest: Callable[[bytes], bool]) -> bool:
    """Whether all that the trusted checkpoint covers is as it was; what nobody signed may be another."""

    def books(files: Files) -> Files:
        return {name: data for name, data in files.items() if name.startswith(("open/", "sealed/"))}

    proofs = [name for name in seed if name.startswith("consistency/")]  # one more, to no checkpoint, proves nothing
    notes = [data for name, data in changed.items() if name.startswith(_CHECKPOINT)]
    return (
        books(changed) == books(seed)
        and all(changed.get(name) == seed[name] for name in proofs)
        and any(map(note_is_honest, notes))
    )


def _same_claim(changed: bytes, seed: bytes) -> bool:
    try:
        one, other = json.loads(changed), json.loads(seed)
        return all(one[name] == other[name] for name in ("books", "format", "origin", "sha256sums"))
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def _changed(random: Random, seed: Files, all_files: Mapping[str, Files]) -> Files:
    weighty = [name for name in seed if name.startswith((*_COVERED, "evidence/"))]
    name = random.choice(weighty if random.random() < 0.85 else [name for name in seed if name not in (MANIFEST, SUMS)])
    how, other = random.random(), random.choice(list(all_files.values()))
    if how < 0.1:
        return {each: data for each, data in seed.items() if each != name}
    if how < 0.2:
        return _sorted(seed | {random.choice(_NAMES): random.choice((b"", b"x", seed[name], random.choice(TOKENS)))})
    if how < 0.3:
        return seed | {name: other.get(name, b"")}
    if how < 0.35:
        second = random.choice(weighty)
        return seed | {name: seed[second], second: seed[name]}
    if how < 0.6 and name.endswith("/sections"):
        book = name.partition("/")[0]
        stored = frames(seed, book)
        at = random.randrange(len(stored))
        stored[at] = mutated(random, stored[at], stored)
        return with_rows(seed, lines(seed, book), stored, book)
    pool = [seed[name], *(data for data in other.values() if len(data) < 9999)]
    return seed | {name: mutated(random, seed[name], pool)}


def _sorted(files: Files) -> Files:
    first = {name: files[name] for name in (MANIFEST, SUMS)}
    return first | {name: files[name] for name in sorted(files) if name not in first}


def _chained(random: Random, seed: Files) -> Files:
    entries, stored = lines(seed), frames(seed)
    at, to = random.randrange(len(entries)), random.randrange(len(entries))
    how = random.randrange(5)
    if how == 0:
        entries[at] = mutated(random, entries[at], entries).replace(b"\n", b"")
    elif how == 1:
        del entries[at], stored[at]
    elif how == 2:
        entries.insert(to, entries[at])
        stored.insert(to, stored[at])
    elif how == 3:
        value = random.choice((b'"org":"X', b'"id":"Z', b'"at":"1', b'"seq":9', b'"version":7', b'"prev":"0'))
        key = value[: value.index(b":") + 1]
        entries[at] = entries[at].replace(key, value, 1) if key in entries[at] else entries[at] + b" "
    else:
        entries[at] = entries[at].replace(b'"type":"', b'"type":"x', 1)
    if not entries or entries == lines(seed):
        entries = [*lines(seed), lines(seed)[-1]]
        stored = [*frames(seed), frames(seed)[-1]]
    return rechained(with_rows(seed, entries, stored), entries)


def _manifest(random: Random, data: bytes) -> bytes:
    if random.random() < 0.4:
        return mutated(random, data, [data])
    value = json.loads(data)
    place: Any = value
    for _ in range(3):
        name = random.choice(sorted(place))
        if not isinstance(place[name], dict) or random.random() < 0.2:
            break
        place = place[name]
    strange: Any = [[]]
    for _ in range(40):
        strange = [strange]
    place[name] = random.choice((
        None, 0, -1, 2**53, 2**64, 1.5, True, "", "x" * 70_000, [], {}, ["S01"], "withheld", "readable", strange,
        "00" * 32, "\ud800" if random.random() < 0.2 else "\u202e",
    ))  # fmt: skip
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=random.random() < 0.3).encode(
        errors="surrogatepass"
    )


# -- what no bundle is ------------------------------------------------------------------------------------------------


def _many(random: Random, seed: Files) -> Made:
    count = random.choice((65_535, 100_001))
    header = local_header("schemas/a000000.json", 0, 0)
    names = (f"schemas/a{number:06d}.json".encode() for number in range(count))
    body = b"".join(header.replace(b"schemas/a000000.json", name) for name in names)
    first = b"".join(local_header(name, len(seed[name]), 0) + seed[name] for name in (MANIFEST, SUMS))
    return Made("hostile: many files", first + body)


def _twice(random: Random, seed: Files) -> Made:
    name = random.choice(list(seed))
    return Made("hostile: a name twice", zipped([*seed.items(), (name, random.choice((b"", seed[name])))]))


def _zeros(random: Random, seed: Files) -> Made:
    """A file of zeros, which the disk need not hold; its CRC-32 is that of the zeros."""
    name = random.choice([MANIFEST, SUMS, *(each for each in seed if "/" not in each or each.startswith(_COVERED))])
    crc = zlib.crc32(bytes(_HOLE))
    out, members, hole = b"", list[tuple[str, Member]](), (0, 0)
    for each, data in seed.items():
        size, sum_ = (_HOLE, crc) if each == name else (len(data), zlib.crc32(data))
        out += local_header(each, size, sum_)
        members.append((each, Member(len(out) + hole[1], size, sum_)))
        if each == name:
            hole = (len(out), _HOLE)
        else:
            out += data
    return Made("hostile: zeros", out + b"".join(ending(members, len(out) + _HOLE)), hole=hole)


def _lies(random: Random, seed: Files) -> Made:
    """Sizes, offsets and counts that are not true, some of them in zip64 fields."""
    data = bytearray(zipped(seed))
    lie = random.choice((0, 1, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF))
    at = random.choice(list(_headers(bytes(data))))
    field = random.choice((4, 6, 8, 10, 14, 18, 22, 26, 28, 42))
    struct.pack_into("<H" if field < 14 or field in (26, 28) else "<L", data, min(at + field, len(data) - 4),
                     lie & (0xFFFF if field < 14 or field in (26, 28) else 0xFFFFFFFF))  # fmt: skip
    if random.random() < 0.5:
        name = random.choice(list(seed)).encode()
        huge = random.choice((2**63, 2**64 - 1, 2**40, 5))
        fixed = struct.pack("<4s5H3L2H", b"PK\x03\x04", 45, 0, 0, 0, 33, 0, 0xFFFFFFFF, 0xFFFFFFFF, len(name), 20)
        extra = struct.pack("<2H2Q", 1, 16, huge, huge)
        data[:0] = fixed + name + extra
    return Made("hostile: lies", bytes(data), bytes(data) == zipped(seed))


def _headers(data: bytes) -> Iterator[int]:
    for magic in (b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"):
        at = data.find(magic)
        while at >= 0:
            yield at
            at = data.find(magic, at + 1)


def _overlapping(random: Random, seed: Files) -> Made:
    """All files of the directory are the same bytes."""
    out = local_header(MANIFEST, len(seed[MANIFEST]), zlib.crc32(seed[MANIFEST])) + seed[MANIFEST]
    crc, size, many = zlib.crc32(seed[MANIFEST]), len(seed[MANIFEST]), random.choice((3, 2000))
    directory = b"".join(central_header(f"docs/{'a' * (n % 99 + 1)}.md", size, crc, 0) for n in range(many))
    return Made("hostile: overlapping", out + directory + end_of(many, len(out), len(directory)))


def _packed(random: Random, seed: Files) -> Made:
    """As Python's zipfile writes it: compressed, with comments, links, or something before it."""
    stream = io.BytesIO(random.choice((b"", b"#!/bin/sh\n")))
    stream.seek(0, 2)
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w", random.choice((0, 8))) as archive:
        warnings.simplefilter("ignore")
        for name, data in seed.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o120777 << 16
            archive.writestr(info, bytes(4 << 20) if random.random() < 0.02 else data, random.choice((0, 8)))
        archive.comment = random.choice(TOKENS)[:60_000]
    return Made("hostile: packed", stream.getvalue())


_HOSTILE: Final = (_many, _twice, _zeros, _zeros, _lies, _lies, _overlapping, _packed)
