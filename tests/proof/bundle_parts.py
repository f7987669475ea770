"""Bundles to be tampered with: one in its files, and files as a bundle again, with all hashes made to fit or not."""

import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

from ledger.proof.bundle import MANIFEST, SUMS, BookHead, Manifest, digest_of, in_order, sums_of
from ledger.proof.bundle_reader import BundleBooks
from ledger.proof.bundle_zip import Member, ending, local_header
from ledger.proof.findings import Report
from ledger.proof.tree import Frontier, leaf_hash
from ledger.proof.verify import verify_books

Files = dict[str, bytes]
_PREV = re.compile(rb'"prev":"[0-9a-f]{64}"')


def read(path: Path) -> Files:
    """The files of a bundle, as Python's own zipfile sees them."""
    with ZipFile(path) as zipped:
        return {info.filename: zipped.read(info) for info in zipped.infolist()}


def zipped(files: Mapping[str, bytes] | Iterable[tuple[str, bytes]]) -> bytes:
    """The bytes of a zip of these files, in the order given; the headers as those of a bundle."""
    listed = list(files.items() if isinstance(files, Mapping) else files)
    out, members = b"", list[tuple[str, Member]]()
    for name, data in listed:
        out += local_header(name, len(data), zlib.crc32(data))
        members.append((name, Member(len(out), len(data), zlib.crc32(data))))
        out += data
    return out + b"".join(ending(members, len(out)))


def fitted(files: Files, **changes: object) -> Files:
    """The files with SHA256SUMS and manifest made to fit; `changes` to the manifest."""
    manifest = Manifest.parse(files[MANIFEST])
    names = sorted((name for name in files if name not in (MANIFEST, SUMS)), key=in_order)
    sums = sums_of({name: digest_of(files[name]) for name in names})
    manifest = replace(manifest, sums=digest_of(sums), **changes)  # type: ignore[arg-type]
    return {MANIFEST: manifest.encode(), SUMS: sums, **{name: files[name] for name in names}}


def lines(files: Files, book: str = "open") -> list[bytes]:
    """The entries of a book."""
    return files[f"{book}/entries"].split(b"\n")[:-1]


def frames(files: Files, book: str = "open") -> list[bytes]:
    """The sections of each entry of a book."""
    data, found = files[f"{book}/sections"], []
    while data:
        end = 4 + int.from_bytes(data[:4], "big")
        found.append(data[4:end])
        data = data[end:]
    return found


def with_rows(files: Files, entries: list[bytes], sections: list[bytes], book: str = "open") -> Files:
    """The files with other rows in a book."""
    framed = b"".join(len(one).to_bytes(4, "big") + one for one in sections)
    return files | {f"{book}/entries": b"".join(one + b"\n" for one in entries), f"{book}/sections": framed}


def head_of(entries: list[bytes]) -> BookHead:
    """The head that these entries have."""
    tree = Frontier()
    tree.extend(leaf_hash(entry) for entry in entries)
    return BookHead(len(entries), leaf_hash(entries[-1]), tree.to_bytes())


def rechained(files: Files, entries: list[bytes]) -> Files:
    """The files with these entries as the open book, each naming the one before it, and a head to fit."""
    chained, last = list[bytes](), bytes(32)
    for raw in entries:
        chained.append(_PREV.sub(b'"prev":"%s"' % last.hex().encode(), raw))
        last = leaf_hash(chained[-1])
    return fitted(with_rows(files, chained, frames(files)), books={"open": head_of(chained)})


def verified(path: Path) -> Report:
    """What is found in a bundle."""
    with BundleBooks(path) as books:
        return verify_books(books)


def codes(report: Report) -> list[tuple[str, int | None]]:
    """(code, seq) of each finding."""
    return [(finding.code, finding.seq) for finding in report.findings]
