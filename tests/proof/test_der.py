"""DER as time stamps need it: strict, and the inverse of what is written."""

from datetime import UTC, datetime

import pytest
from cryptography.x509 import ObjectIdentifier
from hypothesis import given
from hypothesis import strategies as st

from ledger.proof.der import (
    GENERALIZED_TIME,
    OCTET_STRING,
    SEQUENCE,
    DERError,
    Value,
    encoded,
    integer,
    oid,
    set_of,
)


@given(st.integers(-(1 << 200), 1 << 200))
def test_an_integer_is_read_as_it_was_written(number: int) -> None:
    assert Value.read(integer(number)).integer == number


@pytest.mark.parametrize(
    ("number", "der"),
    [(0, "020100"), (127, "02017f"), (128, "02020080"), (256, "02020100"), (-128, "020180"), (-129, "0202ff7f")],
)
def test_integers_are_those_of_x690(number: int, der: str) -> None:
    assert integer(number).hex() == der


@given(st.integers(0, 2), st.integers(0, 39), st.lists(st.integers(0, 1 << 40), min_size=1, max_size=12))
def test_an_object_identifier_is_read_as_it_was_written_and_is_one(first: int, second: int, rest: list[int]) -> None:
    dotted = ".".join(map(str, (first, second, *rest)))
    assert Value.read(oid(dotted)).oid == dotted
    assert ObjectIdentifier(dotted).dotted_string == dotted


def test_a_known_object_identifier_has_its_known_bytes() -> None:
    assert oid("1.2.840.113549.1.7.2").hex() == "06092a864886f70d010702"  # RFC 5652, 5.1
    assert Value.read(bytes.fromhex("0603883703")).oid == "2.999.3"  # X.690, 8.19.5


@given(st.lists(st.binary(max_size=300), max_size=8))
def test_what_is_put_together_comes_apart_again(contents: list[bytes]) -> None:
    whole = encoded(SEQUENCE, *(encoded(OCTET_STRING, each) for each in contents))
    assert [one.octets for one in Value.read(whole).members(SEQUENCE)] == contents
    assert Value.read(whole).whole == whole


def test_a_set_is_in_order() -> None:
    assert set_of([integer(3), integer(1), integer(2)]) == bytes.fromhex("3109020101020102020103")


@given(st.binary(max_size=64))
def test_whatever_is_read_has_one_encoding_only(data: bytes) -> None:
    try:
        value = Value.read(data)
    except DERError:
        return
    assert encoded(value.tag, value.body) == data


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        ("", "ends before its length"),
        ("30", "ends before its length"),
        ("0400ff", "bytes follow"),
        ("3080040100 0000", "indefinite"),
        ("04810100", "not minimal"),
        ("0482008000", "not minimal"),
        ("0485010101010100", "longer than 4"),
        ("0402ff", "longer than what it lies in"),
        ("1f010100", "more than one octet"),
    ],
)
def test_what_der_forbids_is_refused_with_the_rule(data: str, rule: str) -> None:
    with pytest.raises(DERError, match=rule):
        Value.read(bytes.fromhex(data))


@pytest.mark.parametrize("data", ["0200", "02020001", "0202ff80", "0203ffffff"])
def test_an_integer_that_is_not_minimal_is_refused(data: str) -> None:
    with pytest.raises(DERError, match="minimal"):
        _ = Value.read(bytes.fromhex(data)).integer


@pytest.mark.parametrize("data", ["0600", "060181", "06032a8001", "0603808001"])
def test_a_malformed_object_identifier_is_refused(data: str) -> None:
    with pytest.raises(DERError, match="object identifier"):
        _ = Value.read(bytes.fromhex(data)).oid


def test_times_are_those_of_rfc_3161() -> None:
    def time(text: str) -> datetime:
        return Value.read(encoded(GENERALIZED_TIME, text.encode())).time

    assert time("19990609001326.34352Z") == datetime(1999, 6, 9, 0, 13, 26, 343520, UTC)
    assert time("20201231235959Z") == datetime(2020, 12, 31, 23, 59, 59, 0, UTC)
    for wrong in ("20201231235959", "202012312359Z", "20201231235959.Z", "20201231235959.10Z", "20201331000000Z",
                  "20201231235959+0100", "99991231235960Z"):  # fmt: skip
        with pytest.raises(DERError, match="time"):
            time(wrong)
