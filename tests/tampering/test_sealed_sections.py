"""Sealed sections are damaged, swapped, moved and cut, by someone with the keys and by someone without.

What a ciphertext was damaged or swapped shows without any key; what only a key can tell is found with it, at the right
entry. Whatever was done, nothing of it is ever given out as plaintext.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proof.entry import parse_sealed
from ledger.proof.opening import At, Opening
from ledger.proof.sealing import digest, place
from ledger.proof.sections import (
    ANCHOR,
    ARM,
    HEADER,
    IDENTITY,
    MAX_PAYLOAD,
    OPEN_CLASSES,
    SEALED_CLASSES,
    Section,
    commitment,
    frame,
    pack,
    sealed_frame,
    unpack,
)
from ledger.proof.stored_sections import check_sections, read_part, take_apart
from ledger.proof.verify import verify_ledger
from tests.derived_keys import DerivedKeys
from tests.tampering.ledgers import KEYS, behind_its_back, found, found_without_keys, places, relink, rows
from tests.tampering.sealed_parts import SomeKeys, key_of, opened, sealed
from tests.tampering.test_sections_of_rows import put, sections_of

Where = tuple[str, int, int]
"""Book, seq, and which of the entry's sections."""

IDENTITIES: Sequence[Where] = [("open", 0, 0), ("open", 1, 0), ("open", 2, 0)]
DOSES: Sequence[Where] = [("sealed", seq, 0) for seq in range(7)]
HEADERS: Sequence[Where] = [("sealed", seq, 1) for seq in range(7)]


def stored(path: Path, book: str, seq: int) -> list[Section]:
    return list(unpack(sections_of(path, book, seq), 2))


def replace(path: Path, where: Where, section: Section) -> None:
    book, seq, index = where
    sections = stored(path, book, seq)
    sections[index] = section
    put(path, book, seq, pack(sections))


def section(path: Path, where: Where) -> Section:
    return stored(path, where[0], where[1])[where[2]]


def commit(path: Path, where: Where) -> bytes:
    entry = json.loads(rows(path, f"{where[0]}_entry")[where[1]]["entry"])
    return bytes.fromhex(entry["parts"][where[2]]["commit"])


def by_one_who_knows_the_format(path: Path, where: Where, ciphertext: bytes) -> None:
    """The ciphertext, with the digest that belongs beside it: it takes no key to compute."""
    replace(path, where, Section(b"", None, ciphertext, digest(commit(path, where), ciphertext)))


def flipped(content: bytes, at: int, bit: int = 0) -> bytes:
    return content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]


EACH = pytest.mark.parametrize("where", [IDENTITIES[1], DOSES[3], HEADERS[3]], ids=["identity", "arm", "header"])


def test_the_untouched_ledger_opens_wholly_and_stays_closed_without_keys(ledger: Path) -> None:
    with_keys, without = verify_ledger(ledger, keys=KEYS), verify_ledger(ledger)
    assert (with_keys.ok, without.ok) == (True, True)
    assert with_keys.opened == without.closed == {"anchor": 6, "arm": 7, "header": 7, "identity": 3}
    assert with_keys.closed == without.opened == {}


@EACH
def test_a_flipped_ciphertext_is_found_without_keys(ledger: Path, where: Where) -> None:
    before = section(ledger, where)
    assert before.ciphertext is not None
    replace(ledger, where, Section(b"", None, flipped(before.ciphertext, 100), before.digest))
    assert found(ledger) == found_without_keys(ledger) == [("ciphertext", *where[:2])]


@EACH
def test_a_flipped_ciphertext_with_its_digest_made_to_fit_is_found_with_keys(ledger: Path, where: Where) -> None:
    before = section(ledger, where)
    assert before.ciphertext is not None
    by_one_who_knows_the_format(ledger, where, flipped(before.ciphertext, 100))
    assert found_without_keys(ledger) == []
    assert found(ledger) == [("sealed", *where[:2])]


@pytest.mark.parametrize("pair", [IDENTITIES[:2], DOSES[2:4], HEADERS[2:4]], ids=["identity", "arm", "header"])
def test_two_swapped_ciphertexts_are_found_without_keys(ledger: Path, pair: Sequence[Where]) -> None:
    first, second = (section(ledger, where) for where in pair)
    replace(ledger, pair[0], second)
    replace(ledger, pair[1], first)
    expected = [("ciphertext", book, seq) for book, seq, _ in pair]
    assert found(ledger) == found_without_keys(ledger) == expected


@EACH
def test_a_truncated_or_lengthened_ciphertext_is_found_without_keys(ledger: Path, where: Where) -> None:
    before = section(ledger, where)
    assert before.ciphertext is not None
    for other in (before.ciphertext[:-1], before.ciphertext[:16], before.ciphertext + b"\x00"):
        by_one_who_knows_the_format(ledger, where, other)
        assert found(ledger) == found_without_keys(ledger) == [("section", *where[:2])]
    for other in (before.ciphertext[:-256], before.ciphertext + bytes(256)):
        code = "ciphertext" if len(other) > 256 else "section"
        replace(ledger, where, Section(b"", None, other, before.digest))
        assert found(ledger) == found_without_keys(ledger) == [(code, *where[:2])]


@EACH
def test_a_length_changed_by_whole_steps_with_its_digest_made_to_fit_is_found_with_keys(
    ledger: Path, where: Where
) -> None:
    before = section(ledger, where)
    assert before.ciphertext is not None
    for other in (before.ciphertext[:-256], before.ciphertext + bytes(256)):
        if len(other) > 256:
            by_one_who_knows_the_format(ledger, where, other)
            assert found_without_keys(ledger) == []
            assert found(ledger) == [("sealed", *where[:2])]


def test_a_name_moved_to_another_subject_is_found_with_keys(ledger: Path) -> None:
    """Ciphertext and digest as one without keys would put them: the place within the seal tells."""
    moved = section(ledger, IDENTITIES[0]).ciphertext
    assert moved is not None
    by_one_who_knows_the_format(ledger, IDENTITIES[1], moved)
    assert found(ledger) == [("sealed", "open", 1)]
    assert verify_ledger(ledger, keys=KEYS).findings[0].stream == "subject/ES-001"


def test_a_dose_moved_to_another_subject_with_its_commitment_is_found_with_keys(ledger: Path) -> None:
    """Chain, tree and heads are made whole after it; the subjects even share a key."""
    entries = [json.loads(row["entry"]) for row in rows(ledger, "sealed_entry")]
    donor, taker = 1, 3
    entries[taker]["parts"][0] = entries[donor]["parts"][0]
    replace(ledger, DOSES[taker], section(ledger, DOSES[donor]))
    with behind_its_back(ledger) as connection:
        raw = json.dumps(entries[taker], separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()
        connection.execute("UPDATE sealed_entry SET entry = ? WHERE seq = ?", (raw, taker))
        relink(connection, "sealed", 0, head=True)
    one_key = OneKey(key_of(ARM, header(ledger, donor)))
    assert ("sealed", "sealed", taker) in places(verify_ledger(ledger, keys=one_key))
    assert ("sealed", "sealed", donor) not in places(verify_ledger(ledger, keys=one_key))


class OneKey:
    """One key for all that depends on an arm, so that nothing but the place tells sections apart."""

    marks = None

    def __init__(self, key: bytes) -> None:
        self._key = key

    def section_key(self, section_class: str, stream: str) -> bytes | None:
        return self._key if section_class == ARM else KEYS.section_key(section_class, stream)


def header(path: Path, seq: int) -> dict[str, Any]:
    row = rows(path, "sealed_entry")[seq]
    told: dict[str, Any] = json.loads(opened(json.loads(row["entry"]), row["sections"])[1].payload)
    return told


def test_a_wrong_key_opens_nothing_and_is_found_at_each_entry(ledger: Path) -> None:
    report = verify_ledger(ledger, keys=DerivedKeys(b"another secret" + bytes(18)))
    anchors = [row["seq"] for row in rows(ledger, "open_entry") if b"sealed-book.anchored" in row["entry"]]
    assert places(report) == [("sealed", "open", seq) for seq in sorted([0, 1, 2, *anchors])] + [
        ("sealed", "sealed", seq) for seq in range(7)
    ]
    assert report.opened == {}


def test_one_wrong_key_is_found_at_the_entries_of_its_subject_and_at_no_other(ledger: Path) -> None:
    report = verify_ledger(
        ledger, keys=SomeKeys(wrong=frozenset({(IDENTITY, "subject/ES-001"), (ARM, "subject/ES-000")}))
    )
    doses = [seq for seq in range(7) if header(ledger, seq)["stream"] == "subject/ES-000"]
    assert places(report) == [("sealed", "open", 1), *(("sealed", "sealed", seq) for seq in doses)]
    assert {finding.stream for finding in report.findings} == {"subject/ES-001", "subject/ES-000"}
    assert report.opened[IDENTITY] == 2


def test_keys_of_a_wrong_length_open_nothing(ledger: Path) -> None:
    assert ("sealed", "sealed", 0) in places(verify_ledger(ledger, keys=OneKey(b"short")))


def test_another_key_of_marks_is_found_at_each_sealed_entry(ledger: Path) -> None:
    report = verify_ledger(ledger, keys=SomeKeys(marks=bytes(32)))
    assert places(report) == [("header", "sealed", seq) for seq in range(7)]


def test_another_dose_sealed_by_one_who_has_the_keys_is_not_the_one_committed_to(ledger: Path) -> None:
    row = rows(ledger, "sealed_entry")[3]
    entry, said = json.loads(row["entry"]), header(ledger, 3)
    one = opened(entry, row["sections"])[0]
    assert b"71.5" in one.payload
    aad = place(entry["origin"], said["stream"], said["version"], entry["id"], 0, ARM, commit(ledger, DOSES[3]))
    forged = sealed(key_of(ARM, said), aad, commit(ledger, DOSES[3]), one.salt, one.payload.replace(b"71.5", b"17.5"))
    replace(ledger, DOSES[3], unpack(forged, 1)[0])
    assert found(ledger) == [("commitment", "sealed", 3)]
    assert verify_ledger(ledger, keys=KEYS).findings[0].stream == said["stream"]


def test_a_name_that_lies_readable_in_the_file_is_found_without_keys(ledger: Path) -> None:
    """It is the name that the entry commits to: but it must not lie there."""
    row = rows(ledger, "open_entry")[0]
    name = opened(json.loads(row["entry"]), row["sections"])[0]
    replace(ledger, IDENTITIES[0], Section(name.salt, name.payload))
    assert found(ledger) == found_without_keys(ledger) == [("section", "open", 0)]


def test_a_plain_section_that_is_sealed_is_found_without_keys(ledger: Path) -> None:
    ciphertext = bytes(272)
    put(ledger, "open", 6, sealed_frame(digest(bytes(32), ciphertext), ciphertext))
    assert found(ledger) == found_without_keys(ledger) == [("section", "open", 6)]


def test_a_dose_that_is_withheld_is_found_and_its_subject_named(ledger: Path) -> None:
    replace(ledger, DOSES[3], Section(b"", None))
    assert found(ledger) == found_without_keys(ledger) == [("withheld", "sealed", 3)]
    assert verify_ledger(ledger, keys=KEYS).findings[0].stream == header(ledger, 3)["stream"]


def all_sealed(path: Path) -> Iterator[tuple[bytes, bytes, frozenset[str]]]:
    """(parts, stored sections, classes of the book) of each row with a sealed section."""
    for book, allowed in (("open", OPEN_CLASSES), ("sealed", SEALED_CLASSES)):
        for row in rows(path, f"{book}_entry"):
            parts = row["entry"].partition(b'"parts":[')[2].partition(b"]")[0]
            if any(name in parts for name in (b"identity", b"anchor", b"arm")):
                yield parts, row["sections"], allowed


def test_whatever_byte_of_a_stored_section_changes_is_found_without_keys(pristine: Path) -> None:
    """Kind, length, digest and ciphertext, of every sealed section; salts and payloads beside them too."""
    tried = 0
    for parts, sections, allowed in all_sealed(pristine):
        where = (0, b"o", b"s", 1, b"0" * 32)
        assert check_sections(parts, sections, allowed, where, Opening(None), canonical=True) is None
        for at in range(len(sections)):
            for bit in (0, 7):
                changed = flipped(sections, at, bit)
                assert check_sections(parts, changed, allowed, where, Opening(None), canonical=True) is not None, at
                tried += 1
    assert tried > 10_000


@given(st.data())
def test_nothing_is_read_out_of_a_ciphertext_that_was_changed_in_any_way(pristine: Path, data: st.DataObject) -> None:
    """With the key, and with a digest made to fit."""
    row = rows(pristine, "open_entry")[1]
    entry = json.loads(row["entry"])
    before = unpack(row["sections"], 2)[0].ciphertext
    assert before is not None
    after = data.draw(
        st.builds(flipped, st.just(before), st.integers(0, len(before) - 1), st.integers(0, 7))
        | st.binary(min_size=1, max_size=600)
        | st.just(before + bytes(256))
    )
    at = At(1, entry["origin"], entry["stream"], entry["version"], entry["id"])
    parts = b'{"class":"identity","commit":"%s"}' % entry["parts"][0]["commit"].encode()
    for ciphertext in (before, after):
        framed = sealed_frame(digest(bytes.fromhex(entry["parts"][0]["commit"]), ciphertext), ciphertext)
        _, (part,) = take_apart(parts, framed, OPEN_CLASSES)
        complaint, payload = read_part(part, at, Opening(KEYS), canonical=True)
        if ciphertext == before:
            assert complaint is None
            assert payload == b'{"giver_name":"Mar\xc3\xada \\"Mari\\" N\xc3\xba\xc3\xb1ez"}'
        else:
            assert complaint is not None
            assert payload is None


@pytest.mark.parametrize(
    ("payload", "code"), [(b'{"a":1}', None), (b'{"a": 1}', "payload"), (b'{"a":2}', "commitment")]
)
def test_nothing_is_read_out_of_a_readable_section_that_is_at_fault(payload: bytes, code: str | None) -> None:
    committed = payload if code != "commitment" else b'{"a":1}'
    parts = b'{"class":"plain","commit":"%s"}' % commitment(bytes(32), committed).hex().encode()
    _, (part,) = take_apart(parts, frame(bytes(32), payload), OPEN_CLASSES)
    complaint, read = read_part(part, None, Opening(None), canonical=True)
    assert (complaint and complaint[0]) == code
    assert read == (payload if code is None else None)


@pytest.mark.parametrize(
    "other",
    [
        {"origin": "elsewhere.example/NCT00000000/" + "0" * 32},
        {"stream": "subject/ES-002"},
        {"version": 2},
        {"entry_id": None},
    ],
)
def test_a_section_opens_at_its_own_place_only(pristine: Path, other: dict[str, Any]) -> None:
    row = rows(pristine, "open_entry")[1]
    entry = json.loads(row["entry"])
    parts = row["entry"].partition(b'"parts":[')[2].partition(b"]")[0]
    at = At(1, entry["origin"], entry["stream"], entry["version"], entry["id"])
    _, listed = take_apart(parts, row["sections"], OPEN_CLASSES)
    assert read_part(listed[0], at, Opening(KEYS), canonical=True)[0] is None
    if other == {"entry_id": None}:  # a header's place is its entry's id; no other section's is
        sealed_row = rows(pristine, "sealed_entry")[0]
        raw = parse_sealed(sealed_row["entry"])
        parts = sealed_row["entry"].partition(b'"parts":[')[2].partition(b"]")[0]
        _, listed = take_apart(parts, sealed_row["sections"], SEALED_CLASSES)
        at = At(0, raw.origin, "", 0, raw.id)
        assert read_part(listed[1], at, Opening(KEYS), canonical=True)[0] is None
        listed, other = listed[1:], {"entry_id": "f" * 32}
    same_key = At(*at)._replace(**other)
    complaint, payload = read_part(listed[0], same_key, Opening(SameKey(at.stream)), canonical=True)
    assert complaint is not None
    assert complaint[0] == "sealed"
    assert payload is None


class SameKey:
    """The keys of one stream, whatever stream is asked for."""

    marks = None

    def __init__(self, stream: str) -> None:
        self._stream = stream

    def section_key(self, section_class: str, stream: str) -> bytes | None:  # noqa: ARG002
        return KEYS.section_key(section_class, "" if section_class in (HEADER, ANCHOR) else self._stream)


def test_a_place_that_no_entry_can_have_is_a_finding_and_no_crash(pristine: Path) -> None:
    row = rows(pristine, "open_entry")[1]
    parts = row["entry"].partition(b'"parts":[')[2].partition(b"]")[0]
    where = (1, b"o", b"s", 9_999_999_999_999_999, b"0" * 32)
    complaint = check_sections(parts, row["sections"], OPEN_CLASSES, where, Opening(KEYS), canonical=True)
    assert complaint is not None
    assert complaint[0] == "sealed"


def test_a_payload_longer_than_a_section_may_be_is_found_in_the_seal_too(pristine: Path) -> None:
    entry = json.loads(rows(pristine, "open_entry")[1]["entry"])
    at = At(1, entry["origin"], entry["stream"], 1, entry["id"])
    for length, code in ((MAX_PAYLOAD, None), (MAX_PAYLOAD + 1, "section")):
        salt, payload = bytes(32), b'{"a":"' + b"x" * (length - 8) + b'"}'
        committed = commitment(salt, payload)
        aad = place(at.origin, at.stream, 1, at.entry_id, 0, IDENTITY, committed)
        framed = sealed(key_of(IDENTITY, entry), aad, committed, salt, payload)
        parts = b'{"class":"identity","commit":"%s"}' % committed.hex().encode()
        _, (part,) = take_apart(parts, framed, OPEN_CLASSES)
        complaint, _ = read_part(part, at, Opening(KEYS), canonical=True)
        assert (complaint and complaint[0]) == code


def test_a_readable_frame_of_another_kind_of_length_is_refused_beside_a_sealed_one(ledger: Path) -> None:
    put(ledger, "open", 0, sections_of(ledger, "open", 0) + frame(bytes(32), b"{}"))
    assert found(ledger) == found_without_keys(ledger) == [("section", "open", 0)]
