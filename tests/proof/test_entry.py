"""There is exactly one way to write an entry: what is not canonical is not an entry."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proof.canonical import encode
from ledger.proof.entry import (
    GENESIS,
    MAX_ENTRY,
    Actor,
    EntryError,
    OpenTemplate,
    assemble_sealed,
    complete,
    parse_open,
    parse_sealed,
    parts_json,
    quote,
)
from ledger.proof.tree import leaf_hash

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
HEX = st.binary(min_size=32, max_size=32).map(bytes.hex)
NUMBER = st.integers(0, 10**15)
CLASSES = st.lists(st.sampled_from(["anchor", "identity", "plain"]), unique=True).map(sorted)
AT = "2020-05-04T09:30:00.000000Z"


@st.composite
def open_entries(draw: st.DrawFn) -> bytes:
    parts = parts_json([(name, draw(HEX)) for name in draw(CLASSES)])
    template = OpenTemplate(Actor(draw(TEXT), draw(TEXT), draw(TEXT)), draw(HEX), draw(TEXT), draw(TEXT))
    fragments = template.fragments(
        draw(NUMBER), draw(NUMBER), draw(HEX)[:32], parts, draw(TEXT), draw(TEXT), draw(NUMBER)
    )
    return complete(fragments, AT, bytes.fromhex(draw(HEX)), draw(NUMBER))


@st.composite
def sealed_entries(draw: st.DrawFn) -> bytes:
    parts = parts_json([("arm", draw(HEX)), ("header", draw(HEX))])
    head = (bytes.fromhex(draw(HEX)), draw(NUMBER))
    return assemble_sealed(AT, draw(HEX), draw(HEX)[:32], head, draw(TEXT), parts, GENESIS, draw(NUMBER), draw(HEX))


def only(raw: bytes, change: Any) -> bytes:
    value = json.loads(raw)
    change(value)
    return encode(value)


SAMPLE = complete(
    OpenTemplate(Actor("a", "b", "c"), "0" * 64, "cmd", "origin").fragments(
        0, 1, "1" * 32, parts_json([("plain", "0" * 64)]), "subject/1", "a.b/1", 1
    ),
    AT,
    GENESIS,
    0,
)


@given(open_entries())
def test_what_is_assembled_is_canonical_json_and_is_read_back(raw: bytes) -> None:
    entry, value = parse_open(raw), json.loads(raw)
    assert encode(value) == raw
    assert (entry.actor.id, entry.actor.org, entry.actor.role) == tuple(value["actor"].values())
    assert [(part.section_class, part.commit.hex()) for part in entry.parts] == [
        (part["class"], part["commit"]) for part in value["parts"]
    ]
    for name in ("at", "id", "origin", "seq", "stream", "type", "version"):
        assert getattr(entry, name) == value[name]
    assert (entry.command_digest, entry.command_id, entry.n, entry.of) == tuple(value["command"].values())
    assert entry.prev.hex() == value["prev"]
    assert entry.hash == leaf_hash(raw)


@given(sealed_entries())
def test_a_sealed_entry_is_canonical_json_and_is_read_back(raw: bytes) -> None:
    entry, value = parse_sealed(raw), json.loads(raw)
    assert encode(value) == raw
    assert (entry.open_head_hash.hex(), entry.open_head_seq) == tuple(value["open_head"].values())
    for name in ("at", "command", "id", "origin", "seq", "slot"):
        assert getattr(entry, name) == value[name]


@given(raw=st.one_of(open_entries(), sealed_entries()), data=st.data())
def test_what_parses_is_canonical_json(raw: bytes, data: st.DataObject) -> None:
    """Whatever byte is put, changed or taken away: what still is an entry is still canonical."""
    at = data.draw(st.integers(0, len(raw) - 1))
    changed = raw[:at] + data.draw(st.binary(max_size=3)) + raw[at + data.draw(st.integers(0, 3)) :]
    for parse in (parse_open, parse_sealed):
        try:
            parse(changed)
        except EntryError:
            continue
        assert encode(json.loads(changed)) == changed


@pytest.mark.parametrize(
    ("what", "old", "new"),
    [
        ("white space", b":", b": "),
        ("a member too many", b'"at"', b'"also":1,"at"'),
        ("a member missing", b'"seq":0,', b""),
        ("a leading zero", b'"seq":0', b'"seq":00'),
        ("a negative seq", b'"seq":0', b'"seq":-0'),
        ("a fraction", b'"version":1', b'"version":1.0'),
        ("an exponent", b'"version":1', b'"version":1e0'),
        ("a hash in capitals", b"0" * 64, b"A" * 64),
        ("a needless escape", b'"a"', b'"\\u0061"'),
        ("an escaped slash", b"subject/1", b"subject\\/1"),
        ("a short escape written long", b'"a"', b'"\\u000a"'),
        ("an escape in capitals", b'"a"', b'"\\u001F"'),
        ("a control character", b'"a"', b'"\x01"'),
        ("bytes that are no UTF-8", b'"a"', b'"\xff"'),
        ("a surrogate in UTF-8", b'"a"', b'"\xed\xa0\x80"'),
        ("another format", b"1/sha-256", b"2/sha-256"),
        ("a time without microseconds", b".000000Z", b"Z"),
        ("a time with an offset", b".000000Z", b".000000+00:00"),
        ("parts that end in a comma", b'"}]', b'"},]'),
        ("something after it", b'"version":1}', b'"version":1}\n'),
    ],
)
def test_an_entry_with(what: str, old: bytes, new: bytes) -> None:
    parse_open(SAMPLE)
    assert old in SAMPLE, what
    with pytest.raises(EntryError):
        parse_open(SAMPLE.replace(old, new, 1))


def test_an_entry_beyond_its_bound_is_refused() -> None:
    with pytest.raises(EntryError, match="more than an entry may have"):
        parse_open(SAMPLE.replace(b"subject/1", b"s" * MAX_ENTRY))


def test_one_books_entry_is_not_the_others() -> None:
    with pytest.raises(EntryError):
        parse_sealed(SAMPLE)


@given(TEXT)
def test_a_quoted_text_is_the_canonical_string(text: str) -> None:
    assert quote(text).encode() == encode(text)


def numbered(which: str, number: int) -> bytes:
    """An entry, of the open or of the sealed book, with this number in one of its members."""
    if which.startswith("sealed"):
        raw = assemble_sealed(AT, "0" * 64, "1" * 32, (GENESIS, 7), "origin", "", GENESIS, 7, "0" * 64)
        return only(raw, lambda value: (value["open_head"] if "open" in which else value).update(seq=number))
    inner = which in ("n", "of")
    return only(SAMPLE, lambda value: (value["command"] if inner else value).update({which: number}))


@pytest.mark.parametrize("which", ["seq", "version", "n", "of", "sealed seq", "sealed open_head.seq"])
def test_integers_of_an_entry_end_where_those_of_a_payload_do(which: str) -> None:
    read = parse_sealed if which.startswith("sealed") else parse_open
    for good in (0, 9, 10**15 - 1, 10**15, 8 * 10**15 + 999, 2**53 - 2, 2**53 - 1):
        read(numbered(which, good))
    for digits in ("9007199254740992", "9007199254741000", "9010000000000000", "9999999999999999", "1" + "0" * 16):
        with pytest.raises(EntryError):
            read(numbered(which, 123454321).replace(b"123454321", digits.encode()))


@given(st.integers(2**53 - 10**6, 2**53 + 10**6) | st.integers(10**14, 10**17))
def test_an_integer_is_one_up_to_2_to_the_53rd_less_1(number: int) -> None:
    raw = numbered("seq", 123454321).replace(b"123454321", str(number).encode())
    if number < 2**53:
        assert parse_open(raw).seq == number
    else:
        with pytest.raises(EntryError):
            parse_open(raw)
