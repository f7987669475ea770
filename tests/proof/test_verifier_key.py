"""Verifier keys hold to c2sp.org/signed-note; those of Ed25519 under which anything verifies are refused."""

import base64
import hashlib
from itertools import product

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from ledger.proof.note import COSIGNATURE, ED25519, ML_DSA_44, NoteError, VerifierKey
from tests.proof.signers import ORDER, P, TestSigner

LOG = TestSigner("log.example/trial", ED25519)
NAME, ID, MATERIAL = LOG.key.encode().split("+", 2)


def test_a_key_id_begins_the_hash_of_name_type_and_key() -> None:
    for signer in (LOG, TestSigner("w", COSIGNATURE), TestSigner("w", ML_DSA_44)):
        key = signer.key
        hashed = hashlib.sha256(key.name.encode() + b"\n" + bytes([key.type]) + key.public).digest()
        assert key.key_id == hashed[:4]
        assert VerifierKey.parse(key.encode()) == key


@pytest.mark.parametrize(
    ("vkey", "message"),
    [
        ("", "is not <key name>"),
        (f"{NAME}+{ID}", "is not <key name>"),
        (f"+{ID}+{MATERIAL}", "is empty"),
        (f"log example+{ID}+{MATERIAL}", "contains a space"),
        (f"{NAME}\n+{ID}+{MATERIAL}", "contains a space"),
        (f"{NAME}+{ID.upper()}+{MATERIAL}", "lower-case hex"),
        (f"{NAME}+{ID[:-1]}+{MATERIAL}", "lower-case hex"),
        (f"{NAME}+0x{ID[2:]}+{MATERIAL}", "lower-case hex"),
        (f"{NAME}+00000000+{MATERIAL}", "the key ID is 00000000, but its key has"),
        (f"{NAME}x+{ID}+{MATERIAL}", "but its key has"),
        (f"{NAME}+{ID}+{MATERIAL}=", "is not canonical base64"),
        (f"{NAME}+{ID}+{MATERIAL} ", "is not canonical base64"),
        (f"{NAME}+{ID}+{MATERIAL}\n", "is not canonical base64"),
        (f"{NAME}+{ID}+é", "is not canonical base64"),
        (f"{NAME}+{ID}+", "neither type nor public key"),
        (f"{NAME}+{ID}+AQ==", "has 32 bytes, not 0"),
        (f"{NAME}+{ID}+{base64.b64encode(bytes([1]) + bytes(33)).decode()}", "has 32 bytes, not 33"),
        (f"{NAME}+{ID}+{base64.b64encode(bytes([4]) + bytes(31)).decode()}", "has 32 bytes, not 31"),
        (f"{NAME}+{ID}+{base64.b64encode(bytes([6]) + bytes(32)).decode()}", "has 1,312 bytes, not 32"),
        (f"{NAME}+{ID}+{base64.b64encode(bytes([2]) + bytes(91)).decode()}", "type 0x02 is not one of"),
        (f"{NAME}+{ID}+{base64.b64encode(bytes([255]) + bytes(32)).decode()}", "type 0xff is not one of"),
    ],
)
def test_a_malformed_verifier_key_is_refused(vkey: str, message: str) -> None:
    assert VerifierKey.parse(f"{NAME}+{ID}+{MATERIAL}") == LOG.key
    with pytest.raises(NoteError, match=message):
        VerifierKey.parse(vkey)


def test_the_key_id_of_another_type_is_refused() -> None:
    as_cosigner = VerifierKey(LOG.name, COSIGNATURE, LOG.key.public)
    assert as_cosigner.key_id != LOG.key.key_id
    with pytest.raises(NoteError, match="but its key has"):
        VerifierKey.parse(as_cosigner.encode().replace(as_cosigner.key_id.hex(), LOG.key.key_id.hex()))


# Ed25519 public keys under which anything verifies, made from the equations of RFC 8032 section 5.1.

D = -121665 * pow(121666, P - 2, P) % P
Point = tuple[int, int]


def add(one: Point, other: Point) -> Point:
    (x1, y1), (x2, y2) = one, other
    product_ = D * x1 * x2 * y1 * y2
    return (
        (x1 * y2 + x2 * y1) * pow(1 + product_, P - 2, P) % P,
        (y1 * y2 + x1 * x2) * pow(1 - product_, P - 2, P) % P,
    )


def x_of(y: int) -> int | None:
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    return x if (x * x - square) % P == 0 else None


def small_order_points() -> set[Point]:
    """Any point of the curve times L is of an order that divides 8; one of order 8 makes all of them."""
    y = 2
    while True:
        y += 1
        if (x := x_of(y)) is None:
            continue
        found, power, factor = (0, 1), (x, y), ORDER
        while factor:
            if factor & 1:
                found = add(found, power)
            power, factor = add(power, power), factor >> 1
        points, at = {(0, 1)}, found
        while at != (0, 1):
            points.add(at)
            at = add(at, found)
        if len(points) == 8:
            return points


def test_every_public_key_of_small_order_is_refused() -> None:
    encodings = set()
    for (_, y), sign in product(small_order_points(), (0, 1)):
        for written in (y, y + P):
            if written < 2**255:
                encodings.add((written | sign << 255).to_bytes(32, "little"))
    assert len(encodings) == 14
    for public in encodings:
        with pytest.raises(NoteError, match=r"small order|reduced form"):
            VerifierKey("log", ED25519, public)
        with pytest.raises(NoteError, match=r"small order|reduced form"):
            VerifierKey("log", COSIGNATURE, public)


def test_under_such_a_key_anything_would_verify() -> None:
    identity = (1).to_bytes(32, "little")
    Ed25519PublicKey.from_public_bytes(identity).verify(identity + bytes(32), b"whatever")


def test_a_public_key_off_the_curve_or_unreduced_is_refused() -> None:
    off = next(y for y in range(2, 100) if x_of(y) is None)
    on = next(y for y in range(3, 19) if x_of(y) is not None)
    with pytest.raises(NoteError, match="no point of the curve"):
        VerifierKey("log", ED25519, off.to_bytes(32, "little"))
    with pytest.raises(NoteError, match="reduced form"):
        VerifierKey("log", ED25519, (on + P).to_bytes(32, "little"))
    VerifierKey("log", ED25519, on.to_bytes(32, "little"))


@given(
    st.text(max_size=80)
    | st.sampled_from([f"{NAME}+{ID}+{MATERIAL}"]).flatmap(
        lambda vkey: st.tuples(st.integers(0, len(vkey)), st.text(max_size=3)).map(
            lambda cut: vkey[: cut[0]] + cut[1] + vkey[cut[0] + 1 :]
        )
    )
)
def test_of_any_text_either_a_key_comes_that_writes_it_again_or_a_note_error(text: str) -> None:
    try:
        key = VerifierKey.parse(text)
    except NoteError:
        return
    assert key.encode() == text
