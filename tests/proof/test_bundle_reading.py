"""Bundles as others may have made them: altered in each part, and prepared to harm whoever reads them."""

import contextlib
import re
import struct
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.access import Session, viewer_of
from api.bundle.writing import export_bundle
from ledger.proof.assess import Trusted
from ledger.proof.bundle import MANIFEST, MAX_MEMBERS, SUMS, BundleError, Manifest, is_bundle
from ledger.proof.bundle_reader import BundleBooks
from ledger.proof.bundle_zip import Member, ending, local_header, read_members
from ledger.proof.checking import check
from ledger.proof.entry import MAX_ENTRY
from ledger.proof.evidence import MAX_TOKEN_BYTES, EvidenceError
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.sections import Section, pack, unpack
from ledger.proof.verify import verify_ledger
from tests.proof.bundle_parts import (
    Files,
    codes,
    fitted,
    frames,
    head_of,
    lines,
    read,
    rechained,
    verified,
    with_rows,
    zipped,
)
from tests.trials import SITE, Trial


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A bundle for somebody masked, one with arms, one with names, and the archive's, of one trial."""
    folder = tmp_path_factory.mktemp("bundles")
    trial = Trial(folder)
    trial.do("activate-site", {"site": SITE})
    trial.randomized("S-1")
    trial.randomized("S-2")
    found = {}
    for role in ("sponsor", "statistician", "investigator", "archive"):
        sites = frozenset({SITE} if role == "investigator" else ())
        session = Session(trial.path, viewer_of(f"{role}-1", role, "FJD", sites), clock=trial.clock)
        found[role] = export_bundle(session, folder / f"{role}.zip", clock=trial.clock).path
    return found


@pytest.fixture
def files(bundles: dict[str, Path]) -> Files:
    return read(bundles["sponsor"])


@pytest.fixture
def put(tmp_path: Path) -> Callable[[bytes], Path]:
    """Writes a bundle."""

    def write(data: bytes) -> Path:
        path = tmp_path / "other.zip"
        path.write_bytes(data)
        return path

    return write


Put = Callable[[bytes], Path]


def test_taken_apart_and_put_together_a_bundle_is_the_same_bytes(bundles: dict[str, Path]) -> None:
    for path in bundles.values():
        assert zipped(fitted(read(path))) == path.read_bytes()


def test_a_bundle_is_told_from_a_ledger_by_its_first_bytes(bundles: dict[str, Path], tmp_path: Path) -> None:
    assert is_bundle(bundles["sponsor"])
    assert not is_bundle(bundles["sponsor"].with_name("trial.db"))
    assert not is_bundle(tmp_path / "none.zip")


# -- altered, with every hash left as it was, or made to fit ---------------------------------------------------------


def test_each_file_that_is_altered_is_named(files: Files, put: Put) -> None:
    for name in files:
        if name == MANIFEST:
            continue
        changed = files | {name: files[name][:-2] + bytes([files[name][-2] ^ 1]) + files[name][-1:]}
        report = verified(put(zipped(changed)))
        assert any(one.code == "member" and one.message.startswith(name) for one in report.findings), name


def test_each_file_that_is_taken_away_is_named_or_the_bundle_refused(files: Files, put: Put) -> None:
    for name in files:
        path = put(zipped({other: data for other, data in files.items() if other != name}))
        if name in (MANIFEST, SUMS, "open/entries", "open/sections"):
            with pytest.raises(BundleError, match=name):
                BundleBooks(path)
        else:
            assert any(one.code == "member" and name in one.message for one in verified(path).findings), name


def test_sums_whose_last_line_does_not_end_are_not_those_that_the_manifest_names(files: Files, put: Put) -> None:
    assert codes(verified(put(zipped({**files, SUMS: files[SUMS][:-1]})))) == [("member", None)]


def test_a_time_stamp_that_is_longer_than_one_may_be_is_refused(files: Files, put: Put) -> None:
    name = "evidence/timestamps/0000000000000005-00000000-00.tsr"
    path = put(zipped(fitted({**files, name: bytes(MAX_TOKEN_BYTES + 1)})))
    with pytest.raises(EvidenceError, match="65,536"):
        check(path, Trusted())


def test_a_file_that_is_added_is_named_if_a_bundle_may_have_it_and_refused_if_not(files: Files, put: Put) -> None:
    changed = dict(sorted({**files, "docs/more.md": b"x"}.items(), key=lambda item: (item[0] not in files, item[0])))
    ordered = {name: changed[name] for name in [MANIFEST, SUMS, *sorted(changed.keys() - {MANIFEST, SUMS})]}
    assert codes(verified(put(zipped(ordered)))) == [("member", None)]
    with pytest.raises(BundleError, match="which no bundle has"):
        BundleBooks(put(zipped({**files, "open/setup.exe": b"x"})))


def test_files_in_another_order_are_refused(files: Files, put: Put) -> None:
    listed = list(files.items())
    for first in range(len(listed) - 1):
        swapped = [*listed[:first], listed[first + 1], listed[first], *listed[first + 2 :]]
        with pytest.raises(BundleError, match=r"order|begin"):
            BundleBooks(put(zipped(swapped)))


def test_an_entry_that_is_altered_is_found_where_it_stands(files: Files, put: Put) -> None:
    entries = lines(files)
    entries[4] = entries[4].replace(b'"org":"', b'"org":"X', 1)
    report = verified(put(zipped(fitted(with_rows(files, entries, frames(files))))))
    assert codes(report) == [("altered", 4)]


def test_an_entry_that_is_taken_out_with_its_sections_is_missing(files: Files, put: Put) -> None:
    entries, sections = lines(files), frames(files)
    del entries[5], sections[5]
    assert codes(verified(put(zipped(fitted(with_rows(files, entries, sections)))))) == [("missing", 5)]


def test_entries_that_change_places_are_found(files: Files, put: Put) -> None:
    entries, sections = lines(files), frames(files)
    for rows in (entries, sections):
        rows[5], rows[6] = rows[6], rows[5]
    found = codes(verified(put(zipped(fitted(with_rows(files, entries, sections))))))
    assert ("missing", 5) in found
    assert ("misplaced", 5) in found


def test_an_end_that_is_cut_off_is_found_against_the_manifest_and_not_where_that_is_rewritten(
    files: Files, put: Put
) -> None:
    entries, sections = lines(files)[:-3], frames(files)[:-3]
    shorter = with_rows(files, entries, sections)
    assert codes(verified(put(zipped(fitted(shorter))))) == [("missing", len(entries))]
    rewritten = fitted(shorter, books={"open": head_of(entries)})
    assert "missing" not in dict(codes(verified(put(zipped(rewritten)))))  # consistent: only a checkpoint tells


def test_an_entry_after_the_end_is_beyond_it(files: Files, put: Put) -> None:
    entries, sections = lines(files), frames(files)
    shorter = fitted(with_rows(files, entries, sections), books={"open": head_of(entries[:-2])})
    assert codes(verified(put(zipped(shorter)))) == [("beyond", len(entries) - 2)]
    later = entries[-1].replace(b'"seq":%d,' % (len(entries) - 1), b'"seq":%d,' % (len(entries) + 5))
    more = fitted(with_rows(files, [*entries, later], [*sections, sections[-1]]))
    assert ("beyond", len(entries) + 5) in codes(verified(put(zipped(more))))


def test_a_book_that_was_written_anew_as_a_whole_agrees_with_itself_and_not_with_its_checkpoint(
    files: Files, put: Put
) -> None:
    entries = [raw.replace(b'"org":"FJD"', b'"org":"XYZ"') for raw in lines(files)]
    path = put(zipped(rechained(files, entries)))
    report = verified(path)
    assert report.ok  # hashes find damage, not intent
    with BundleBooks(path) as books:
        (newest,) = books.evidence().checkpoints[-1:]
    assert newest.checkpoint.size == report.size
    assert newest.checkpoint.root != report.root
    assert check(path, Trusted()).findings[0].code == "checkpoint"


def test_a_command_whose_id_begins_twice_is_found(files: Files, put: Put) -> None:
    entries = lines(files)
    ids = [re.search(rb'"command":\{"digest":"\w+","id":"([^"]*)","n":0,"of":1\}', raw) for raw in entries]
    first, again = [seq for seq, found in enumerate(ids) if found is not None and found[1]][:2]
    one, other = ids[first], ids[again]
    assert one is not None
    assert other is not None
    entries[again] = entries[again].replace(b'"id":"%s","n"' % other[1], b'"id":"%s","n"' % one[1])
    assert ("command", again) in codes(verified(put(zipped(rechained(files, entries)))))


def test_a_payload_that_is_altered_is_not_the_one_committed_to(files: Files, put: Put) -> None:
    sections = frames(files)
    sections[3] = sections[3][:-2] + bytes([sections[3][-2] ^ 1]) + sections[3][-1:]
    report = verified(put(zipped(fitted(with_rows(files, lines(files), sections)))))
    assert codes(report) == [("commitment", 3)]


def test_a_section_in_another_form_than_the_manifest_says_is_found(bundles: dict[str, Path], put: Put) -> None:
    withheld, unsealed = Section(b"", None), Section(bytes(32), b"{}")
    for role, book, name, other, code in (
        ("sponsor", "open", "plain", withheld, "withheld"),
        ("sponsor", "open", "identity", unsealed, "section"),
        ("sponsor", "open", "identity", Section(b"", None, bytes(272), bytes(32)), "section"),
        ("statistician", "sealed", "arm", withheld, "withheld"),
        ("statistician", "sealed", "header", withheld, "withheld"),
        ("archive", "sealed", "arm", unsealed, "section"),
        ("archive", "open", "identity", withheld, "withheld"),
        ("investigator", "open", "identity", unsealed, "commitment"),
    ):
        files = read(bundles[role])
        entries, sections = lines(files, book), frames(files, book)
        at = next(seq for seq, raw in enumerate(entries) if b'"class":"%s"' % name.encode() in raw)
        parts = entries[at].split(b'"parts":[')[1].split(b"]")[0].split(b"},{")
        given = list(unpack(sections[at], len(parts)))
        given[next(index for index, part in enumerate(parts) if name.encode() in part)] = other
        sections[at] = pack(given)
        report = verified(put(zipped(fitted(with_rows(files, entries, sections, book)))))
        assert (code, at) in codes(report), (role, name)


def test_sections_of_lengths_that_do_not_fit_are_found(files: Files, put: Put) -> None:
    for data in (b"\xff" * 4 + files["open/sections"][4:], files["open/sections"][:-1], files["open/sections"] + b"x"):
        report = verified(put(zipped(fitted(files | {"open/sections": data}))))
        assert not report.ok


def test_an_entry_that_is_too_long_is_found_and_the_rest_read_on(files: Files, put: Put) -> None:
    entries = lines(files)
    entries[2] = entries[2][:-1] + b" " * (3 * MAX_ENTRY) + b"}"
    report = verified(put(zipped(fitted(with_rows(files, entries, frames(files))))))
    assert ("entry", 2) in codes(report)
    assert [(first, last) for book, first, last in report.sound if book == "open"][-1][1] == len(entries) - 1


def test_a_manifest_that_says_something_else_is_found_or_refused(files: Files, put: Put) -> None:
    head = Manifest.parse(files[MANIFEST]).books["open"]
    other = head_of(lines(files)[:-1])
    for changes in (
        {"origin": "x/y/" + "0" * 32},
        {"books": {"open": type(head)(head.size, bytes(32), head.frontier)}},
        {"books": {"open": other}},
    ):
        assert not verified(put(zipped(fitted(files, **changes)))).ok
    raw = files[MANIFEST]
    for old, new in (
        (b'"role"', b'"rule"'),
        (b'"size":', b'"size":-'),
        (b'bundle/1"', b'bundle/2"'),
        (b'"plain":"readable"', b'"plain":"sealed"'),
        (b'{"books"', b'{ "books"'),
        (b'"root":"', b'"root":"A'),
    ):
        assert old in raw
        with pytest.raises(BundleError, match=MANIFEST):
            BundleBooks(put(zipped({**files, MANIFEST: raw.replace(old, new)})))


def test_a_ledger_and_its_bundle_give_the_same_book(bundles: dict[str, Path]) -> None:
    bundle, ledger = verified(bundles["archive"]), verify_ledger(bundles["archive"].with_name("trial.db"))
    assert bundle.ok
    assert ledger.ok
    assert (bundle.opened, bundle.marks[0]) == (ledger.opened, ledger.marks[0])
    entries = lines(read(bundles["archive"]))
    assert (bundle.size, bundle.root) == (len(entries), head_of(entries).root)


# -- bits, and bytes at random ---------------------------------------------------------------------------------------


def test_no_bit_of_a_bundle_can_be_flipped_unseen(bundles: dict[str, Path], put: Put) -> None:
    whole, random = bundles["sponsor"].read_bytes(), Random(4)
    for at in [*range(64), *(random.randrange(len(whole)) for _ in range(60)), *range(len(whole) - 64, len(whole))]:
        flipped = bytearray(whole)
        flipped[at] ^= 1 << random.randrange(8)
        with contextlib.suppress(BundleError):
            assert not verified(put(bytes(flipped))).ok, at


@given(st.data())
def test_no_bundle_that_was_tampered_with_is_whole_or_brings_the_reader_down(
    bundles: dict[str, Path], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    files = read(bundles[data.draw(st.sampled_from(sorted(bundles)))])
    name = data.draw(st.sampled_from([MANIFEST, SUMS, *(n for n in files if n.startswith(("open/", "sealed/", "ev")))]))
    content = files[name]
    start = data.draw(st.integers(0, len(content)))
    end = min(len(content), start + data.draw(st.integers(0, 200)))
    piece = data.draw(st.binary(max_size=200))
    changed = files | {name: content[:start] + piece + content[end:]}
    if changed == files:
        return
    if data.draw(st.booleans()) and name not in (MANIFEST, SUMS):
        changed = fitted(changed)
    path = tmp_path_factory.mktemp("fuzz") / "x.zip"
    path.write_bytes(zipped(changed))
    try:
        with BundleBooks(path) as books:
            books.evidence()
        report = verified(path)
    except (LedgerFileError, EvidenceError):
        return
    if not name.startswith("evidence/"):  # of those somebody with keys says what they are worth
        assert not report.ok


# -- hostile zips ----------------------------------------------------------------------------------------------------


def _with(data: bytes, at: int, form: str, value: int) -> bytes:
    return data[:at] + struct.pack(form, value) + data[at + struct.calcsize(form) :]


def _directory(data: bytes) -> int:
    return data.index(b"PK\x01\x02")


HOSTILE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "a compressed file": (lambda data: _with(data, 8, "<H", 8), "compressed"),
    "an encrypted file": (lambda data: _with(data, 6, "<H", 1), "encrypted"),
    "a file whose size follows": (lambda data: _with(data, 6, "<H", 8), "without its size"),
    "two sizes": (lambda data: _with(data, 22, "<L", 1), "two sizes"),
    "a later date": (lambda data: _with(data, 12, "<H", 0x5000), "other flags, dates"),
    "a size beyond the file": (
        lambda data: _with(_with(data, 18, "<L", 1 << 30), 22, "<L", 1 << 30),
        "cut off",
    ),
    "a directory with another name": (lambda data: data[: _directory(data) + 46] + b"M" + data[_directory(data) + 47 :],
                                      "directory"),
    "a link": (lambda data: _with(data, _directory(data) + 38, "<L", 0o120777 << 16), "directory"),
    "another size in the directory": (lambda data: _with(data, _directory(data) + 24, "<L", 7), "directory"),
    "another offset in the directory": (lambda data: _with(data, _directory(data) + 42, "<L", 7), "directory"),
    "a comment": (lambda data: data[:-2] + b"\x01\x00x", "end of its directory"),
    "bytes before": (lambda data: b"x" + data, "does not begin"),
    "bytes after": (lambda data: data + b"x", "after its end"),
    "a second zip after": (lambda data: data + data, "after its end"),
    "bytes before the directory": (
        lambda data: data[: _directory(data)] + b"x" + data[_directory(data) :],
        "directory",
    ),
    "no directory": (lambda data: data[: _directory(data)], "directory"),
    "half of it": (lambda data: data[: len(data) // 2], "cut off"),
    "nothing but an end": (lambda _: b"".join(ending([], 0)), "does not begin"),
    "two letters": (lambda _: b"PK", "does not begin"),
}  # fmt: skip


@pytest.mark.parametrize("how", HOSTILE)
def test_a_zip_that_two_readers_could_read_differently_is_refused(bundles: dict[str, Path], put: Put, how: str) -> None:
    change, words = HOSTILE[how]
    data = bundles["sponsor"].read_bytes()
    with pytest.raises(BundleError, match=words):
        BundleBooks(put(change(data)))


@pytest.mark.parametrize(
    "name",
    ["../open/entries", "/open/entries", "open\\entries", "open/", "open/../open/entries", "OPEN/ENTRIES", "docs/é.md",
     "schemas/..json", "a" * 200],
)  # fmt: skip
def test_names_that_lead_elsewhere_are_refused(files: Files, put: Put, name: str) -> None:
    def header(encoded: bytes) -> bytes:
        return local_header("x" * len(encoded), 1, 0).replace(b"x" * len(encoded), encoded)

    whole = zipped({MANIFEST: files[MANIFEST]})
    data = whole[: whole.index(b"PK\x01\x02")] + header(name.encode()) + b"x"
    with pytest.raises(BundleError, match=r"which no bundle has|whose name has"):
        BundleBooks(put(data))


def test_a_file_that_stands_twice_is_refused(files: Files, put: Put) -> None:
    with pytest.raises(BundleError, match="two files of the name"):
        BundleBooks(put(zipped([(MANIFEST, files[MANIFEST]), (MANIFEST, files[MANIFEST])])))


def test_a_bundle_that_was_zipped_anew_by_others_is_refused_in_words_that_say_why(files: Files, put: Put) -> None:
    path = put(b"")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    with pytest.raises(BundleError, match=f"{MANIFEST} compressed, where files are stored"):
        BundleBooks(path)


def _checkpoints(count: int) -> bytes:
    return zipped((f"evidence/checkpoints/{number:016d}-00000000.checkpoint", b"") for number in range(count))


def _prepared(files: Files) -> dict[str, bytes]:
    """Bundles that ask for much."""
    sums = b"".join(b"0" * 64 + b"  docs/%s.md\n" % (b"a" * 20 + bytes([97 + n % 26])) * 1 for n in range(26))
    whole = zipped(files)
    return {
        "a manifest of nothing but brackets": zipped({MANIFEST: b"[" * 65000, SUMS: b""}),
        "a manifest of empty objects": zipped({MANIFEST: b"[" + b"{}," * 21000 + b"{}]", SUMS: b""}),
        "a manifest that is too long": zipped({MANIFEST: b" " * 70000, SUMS: b""}),
        "sums of files that are not there": zipped({**files, SUMS: sums * 4000}),
        "sums without a line": zipped({**files, SUMS: b"0" * 4_000_000}),
        "twenty thousand files": _checkpoints(20_000),
        "a size of 2^62": whole[:18] + b"\xff" * 8 + whole[26:28] + b"\x14\x00" + whole[30:43]
        + struct.pack("<2H2Q", 1, 16, 1 << 62, 1 << 62) + whole[43:],
    }  # fmt: skip


def test_what_is_prepared_to_take_much_time_or_memory_is_refused_in_little(files: Files, put: Put) -> None:
    for what, data in _prepared(files).items():
        path = put(data)
        tracemalloc.start()
        began = time.perf_counter()
        with pytest.raises(BundleError):
            verified(path)
        took, peak = time.perf_counter() - began, tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert took < 10, what  # traced, on a machine that others use; 2 s without
        assert peak < 64 << 20, what


def test_empty_lines_and_a_line_without_end_are_read_in_bounded_memory(files: Files, put: Put) -> None:
    for entries in (b"\n" * 20_000, b"x" * (8 << 20)):
        path = put(zipped(fitted(files | {"open/entries": entries})))
        tracemalloc.start()
        report = verified(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert not report.ok
        assert peak < 64 << 20


def test_too_much_evidence_is_refused(files: Files, put: Put) -> None:
    name = "consistency/0000000000000099"
    with pytest.raises(BundleError, match="consistency"):
        BundleBooks(put(zipped(fitted({**files, name: b"A" * 44 + b"\n"}))))
    big = {f"evidence/timestamps/{n:016d}-00000000-00.tsr": bytes(12 << 20) for n in range(3)}
    with BundleBooks(put(zipped(fitted({**files, **big})))) as books, pytest.raises(BundleError, match="at most"):
        books.evidence()


# -- zip64 -----------------------------------------------------------------------------------------------------------


def test_a_file_beyond_four_gigabytes_is_laid_out_as_others_read_it(tmp_path: Path) -> None:
    """Sparse: nothing of it is written."""
    path, size = tmp_path / "big.zip", (1 << 32) + 5
    with path.open("wb") as file:
        header = local_header("open/entries", size, 0)
        file.write(header)
        file.seek(size, 1)
        offset = file.tell()
        second = local_header("open/sections", 1, 0)
        file.write(second + b"x")
        members = [
            ("open/entries", Member(len(header), size, 0)),
            ("open/sections", Member(offset + len(second), 1, 0)),
        ]
        for part in ending(members, file.tell()):
            file.write(part)
    with path.open("rb") as file:
        found = read_members(file, path.stat().st_size)
    assert found == dict(members)
    with zipfile.ZipFile(path) as archive:
        assert [(one.filename, one.file_size, one.header_offset) for one in archive.infolist()] == [
            ("open/entries", size, 0),
            ("open/sections", 1, offset),
        ]


def test_more_files_than_sixteen_bits_count_are_laid_out_as_others_read_them(put: Put) -> None:
    names = [f"evidence/checkpoints/{number:016d}-00000000.checkpoint" for number in range(65_540)]
    header = len(local_header(names[0], 0, 0))
    members = [(name, Member((number + 1) * header, 0, 0)) for number, name in enumerate(names)]
    body = b"".join(local_header(name, 0, 0) for name in names)
    path = put(body + b"".join(ending(members, len(body))))
    with path.open("rb") as file:
        assert len(read_members(file, path.stat().st_size)) == 65_540
    with zipfile.ZipFile(path) as archive:
        assert len(archive.namelist()) == 65_540
    assert len(names) < MAX_MEMBERS


# -- where a number comes from, and where the book ends ---------------------------------------------------------------


def test_bytes_that_are_no_entry_say_no_number(files: Files, put: Put) -> None:
    entries = lines(files)
    entries[5] = entries[5].replace(b'"seq":5,', b'"seq":1,"seq":5,')
    assert codes(verified(put(zipped(fitted(with_rows(files, entries, frames(files))))))) == [("entry", 5)]
    entries[5] = lines(files)[5].replace(b'"v":"', b'"u":"').replace(b'"seq":5,', b'"seq":1,')
    assert codes(verified(put(zipped(fitted(with_rows(files, entries, frames(files))))))) == [("entry", 5)]


def test_a_last_line_that_is_no_entry_does_not_say_where_the_book_ends(files: Files, put: Put) -> None:
    entries = lines(files)
    last = len(entries) - 1
    entries[last] = entries[last].replace(b'"seq":%d,' % last, b'"seq":%d,' % (last + 7)).replace(b'"v":"', b'"u":"')
    report = verified(put(zipped(fitted(with_rows(files, entries, frames(files))))))
    assert codes(report) == [("entry", last)]


def test_a_number_beyond_that_of_any_integer_is_no_entry(files: Files, put: Put) -> None:
    entries = lines(files)
    entries[5] = entries[5].replace(b'"seq":5,', b'"seq":%d,' % 2**53)
    assert codes(verified(put(zipped(fitted(with_rows(files, entries, frames(files))))))) == [("entry", 5)]


def test_entries_beyond_the_end_are_counted_in_whatever_order_they_stand(files: Files, put: Put) -> None:
    entries, sections = lines(files), frames(files)
    shorter = fitted(files, books={"open": head_of(entries[:-3])})
    for rows in (entries, sections):
        rows[-3:] = reversed(rows[-3:])
    report = verified(put(zipped(fitted(with_rows(shorter, entries, sections)))))
    (beyond,) = [one for one in report.findings if one.code == "beyond"]
    assert beyond.seq == len(entries) - 3
    assert f"{len(entries) - 3} to {len(entries) - 1}, stand" in beyond.message


def test_anchors_are_not_readable_without_the_book_that_they_tell_of(bundles: dict[str, Path], put: Put) -> None:
    files = read(bundles["sponsor"])
    forms = dict(Manifest.parse(files[MANIFEST]).sections)
    with pytest.raises(BundleError, match=r"sections\.anchor"):
        BundleBooks(put(zipped(fitted(files, sections=forms | {"anchor": "readable"}))))
