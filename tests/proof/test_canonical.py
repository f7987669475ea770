"""Canonical bytes are those of RFC 8785 within our subset; what lies outside is refused, and nothing is read twice."""

import json
from decimal import Decimal

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from ledger.proof.canonical import MAX_DEPTH, MAX_INTEGER, CanonicalError, encode, is_canonical, members, parse
from tests.shared_data import shared_data

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_INTEGER, MAX_INTEGER)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="ascii")), inner),
    max_leaves=20,
)


@given(VALUES)
def test_the_bytes_are_those_of_another_implementation(value: object) -> None:
    assert encode(value) == rfc8785.dumps(value)  # type: ignore[arg-type]


@given(VALUES)
def test_what_was_encoded_is_read_back(value: object) -> None:
    assert parse(encode(value)) == value
    assert is_canonical(encode(value))


@pytest.mark.parametrize("name", ["arrays", "unicode"])
def test_the_published_vectors_of_our_subset_pass(name: str) -> None:
    vectors = shared_data("vectors/rfc8785")
    value = parse((vectors / "input" / f"{name}.json").read_bytes())
    assert encode(value) == (vectors / "output" / f"{name}.json").read_bytes()
    assert encode(value).hex() == "".join((vectors / "outhex" / f"{name}.txt").read_text().split())


def test_the_published_vector_with_one_fraction_passes_without_it() -> None:
    vectors = shared_data("vectors/rfc8785")
    text = (vectors / "input" / "structures.json").read_bytes()
    with pytest.raises(CanonicalError, match=r"56\.0"):
        parse(text)
    assert encode(parse(text.replace(b"56.0", b"56"))) == (vectors / "output" / "structures.json").read_bytes()


@pytest.mark.parametrize(("name", "why"), [("french", "not ASCII"), ("weird", "not ASCII"), ("values", "decimals")])
def test_the_published_vectors_beyond_our_subset_are_refused(name: str, why: str) -> None:
    with pytest.raises(CanonicalError, match=why):
        parse((shared_data("vectors/rfc8785") / "input" / f"{name}.json").read_bytes())


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b'{"a":1,"a":1}', "stands twice"),
        (b'[{"b":{"a":1,"a":2}}]', "stands twice"),
        (b"NaN", "NaN"),
        (b"[-Infinity]", "Infinity"),
        (b"9007199254740992", "2\\^53"),
        (b"-9007199254740992", "2\\^53"),
        (b"1" * 5000, "2\\^53"),
        (b"1.5", "decimals"),
        (b"1e3", "decimals"),
        (b'"\\ud800"', "surrogate"),
        (b'["\\udc00\\ud800"]', "surrogate"),
        (b'\xef\xbb\xbf{"a":1}', "byte order mark"),
        ('{"a":1}'.encode("utf-16"), "not UTF-8"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        (b'"\xc0\xaf"', "not UTF-8"),
        (b'{"a":1}{', "not JSON"),
        (b'{"a":01}', "not JSON"),
        (b"{'a':1}", "not JSON"),
        (b"[1,]", "not JSON"),
        (b'"\x01"', "not JSON"),
        (b"", "not JSON"),
        (b"[" * (MAX_DEPTH + 1), "deeper"),
        (b"[" * 1_000_000, "deeper"),
        ('{"é":1}'.encode(), "ASCII"),
    ],
)
def test_what_two_readers_could_read_differently_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(CanonicalError, match=why):
        parse(data)


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ({"a": 1.5}, r"\$\.a"),
        ({"a": [0, Decimal("1")]}, r"\$\.a\[1\]"),
        ({"a": "\ud800"}, r"\$\.a"),
        ({"é": 1}, "é"),
        ({1: 1}, "key 1"),
        (2**53, "2\\^53"),
        ({"a": b"x"}, "bytes"),
        ({"a": {1, 2}}, "set"),
    ],
)
def test_a_value_beyond_the_subset_is_refused_with_the_path_to_it(value: object, where: str) -> None:
    with pytest.raises(CanonicalError, match=where):
        encode(value)


@given(st.decimals("-1000000", "1000000", allow_nan=False, places=3))
def test_commands_may_write_decimals_and_keep_their_digits(number: Decimal) -> None:
    found = parse(b'{"weight":%s}' % f"{number:f}".encode(), decimals=True)["weight"]
    assert str(found) == f"{number:f}"


@pytest.mark.parametrize("data", [b"1e400", b"1" + b"0" * 60 + b".5", b"1e-31", b"1e999999999999999999999"])
def test_a_decimal_that_cannot_be_a_measurement_is_refused(data: bytes) -> None:
    with pytest.raises(CanonicalError):
        parse(data, decimals=True)


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused_as_python_reads_them_or_not(data: bytes) -> None:
    try:
        value = parse(data)
    except CanonicalError:
        return
    assert json.loads(data) == value


def test_white_space_and_order_are_not_canonical() -> None:
    assert is_canonical(b'{"a":1,"b":2}')
    assert not is_canonical(b'{"b":2,"a":1}')
    assert not is_canonical(b'{"a": 1}')
    assert not is_canonical(b"nonsense")


def test_members_names_what_is_missing_and_what_is_not_known() -> None:
    with pytest.raises(CanonicalError, match=r"header: missing \['b'\], not known \['c'\]"):
        members({"a": 1, "c": 2}, "header", frozenset({"a", "b"}))
    with pytest.raises(CanonicalError, match="not an object"):
        members([1], "header", frozenset({"a"}))
