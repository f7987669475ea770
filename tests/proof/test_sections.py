"""Sections: commitments bind salt and payload; frames are read in one way only."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proof.canonical import encode, is_canonical
from ledger.proof.entry import parts_json
from ledger.proof.opening import Opening
from ledger.proof.sealing import enter_sealed
from ledger.proof.sections import ENCRYPTED, Section, SectionError, commitment, enter, frame, pack, unpack
from ledger.proof.stored_sections import check_sections
from tests.derived_keys import DerivedKeys

SALT = st.binary(min_size=32, max_size=32)
KEYS = DerivedKeys(bytes(32))
SECTION = st.one_of(
    st.builds(Section, SALT, st.binary(max_size=80)),
    st.builds(Section, st.just(b""), st.none(), st.binary(min_size=1, max_size=80), SALT),
    st.just(Section(b"", None)),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="ascii"), max_size=6), inner, max_size=4)
    ),
    max_leaves=8,
)


def test_the_commitment_is_the_hash_that_the_document_gives() -> None:
    salt = bytes(range(32))
    assert commitment(salt, b"{}") == hashlib.sha256(b"trial-ledger/section/v1\x00" + salt + b"{}").digest()


@given(st.lists(SECTION, max_size=4))
def test_sections_are_read_back_as_they_were_packed(sections: list[Section]) -> None:
    assert list(unpack(pack(sections), len(sections))) == sections


@given(st.lists(SECTION, max_size=3), st.binary(max_size=12), st.integers(0, 4))
def test_what_can_be_read_is_packed_the_same_way(sections: list[Section], tail: bytes, count: int) -> None:
    stored = pack(sections) + tail
    try:
        found = unpack(stored, count)
    except SectionError:
        return
    assert pack(found) == stored


@pytest.mark.parametrize(
    ("stored", "count"),
    [
        (b"", 1),
        (b"\x00", 1),
        (b"\x01\x00\x00\x00\x00", 1),
        (b"\x01\x00\x00\x00\x20" + bytes(32), 1),
        (b"\x03\x00\x00\x00\x21" + bytes(33), 1),
        (b"\x02\x00\x00\x00\x01x", 1),
        (b"\x00\x00\x00\x00\x1f" + bytes(31), 1),
        (frame(bytes(32), b"{}") + b"\x00", 1),
        (frame(bytes(32), b"{}"), 0),
    ],
)
def test_frames_of_another_shape_are_refused(stored: bytes, count: int) -> None:
    with pytest.raises(SectionError):
        unpack(stored, count)


def verdict(payload: bytes, section: str = "plain", *, canonical: bool = True) -> str | None:
    salt = bytes(32)
    commit, framed = enter(salt, payload)
    if section in ENCRYPTED:
        key = KEYS.section_key(section, "subject/1")
        assert key is not None
        commit, framed = enter_sealed(key, "o", "subject/1", 1, "0" * 32, 0, section, salt, payload)
    parts, where = parts_json([(section, commit)]).encode(), (0, b"o", b"subject/1", 1, b"0" * 32)
    complaint = check_sections(parts, framed, {section}, where, Opening(KEYS), canonical=canonical)
    return complaint and complaint[0]


@given(JSON)
def test_every_canonical_object_is_a_payload_and_nothing_else_is(value: object) -> None:
    assert verdict(encode(value)) == (None if isinstance(value, dict) else "payload")


@given(JSON.map(encode), st.data())
def test_the_fast_check_of_payloads_never_takes_more_than_the_strict_one(body: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(body)))
    piece = data.draw(
        st.sampled_from([b"", b" ", b'"', b",", b"0", b"1.5", b"-", b"\\", b'"a":1,', b"{", b"}", b"\xff", b"e1"])
    )
    changed = body[:at] + piece + body[at + data.draw(st.integers(0, 2)) :]
    expected = None if changed[:1] == b"{" and is_canonical(changed) else "payload"
    assert verdict(changed) == expected
    assert verdict(changed, "identity") == expected
    assert verdict(changed, canonical=False) is None


@pytest.mark.parametrize(
    "payload",
    [
        b'{"a":1,"a":1}', b'{"b":1,"a":1}', b'{"a":01}', b'{"a":-0}', b'{"a":9007199254740992}', b'{"a":1.0}',
        b'{"a":NaN}',
        b'{"a":"\\/"}', b'{"a":"\\ud800"}', b'{"\xc3\xa9":1}', b'{"a":{"c":1,"b":1}}', b'{ "a":1}', b"{}x", b"[]", b"",
        b'{"a":' * 33 + b"1" + b"}" * 33,
    ],
)  # fmt: skip
def test_what_is_not_canonical_is_no_payload(payload: bytes) -> None:
    assert verdict(payload) == "payload"


@pytest.mark.parametrize(
    "payload", [b"{}", b'{"a":"\xc3\xa9"}', b'{"a":"\\u0000"}', b'{"a":-9007199254740991}', b'{"A":1,"a":{"b":[1,{}]}}']
)
def test_what_is_canonical_is_a_payload(payload: bytes) -> None:
    assert verdict(payload) is None
