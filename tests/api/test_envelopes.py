"""Sealed envelopes: each opens with its own passphrase, nothing else opens it, and no length tells an arm."""

import hashlib
from collections.abc import Callable
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.envelopes import (
    HEADING,
    PASSPHRASE_CHARACTERS,
    EnvelopeError,
    new_passphrase,
    open_envelope,
    plaintext_size,
    seal_envelope,
    subject_on,
)
from ledger.domain.protocol import reference_protocol

PASSPHRASE = "k7m2q-9xw3t-0ab4c-5defg"
SIZE = 512


def seeded(seed: int = 1) -> Callable[[int], bytes]:
    """Random bytes that are the same for the same seed."""
    drawn = 0

    def draw(count: int) -> bytes:
        nonlocal drawn
        drawn += 1
        return hashlib.shake_256(f"{seed} {drawn}".encode()).digest(count)

    return draw


def envelope(arm: str = "A", label: str = "Imatinib", subject: str = "S01-001", seed: int = 1) -> bytes:
    return seal_envelope(
        trial="NCT04348461",
        origin="test.invalid/NCT04348461/00",
        subject=subject,
        arm=arm,
        label=label,
        size=SIZE,
        passphrase=PASSPHRASE,
        random=seeded(seed),
    )


def test_an_envelope_opens_with_its_passphrase_and_says_what_was_put_in() -> None:
    opened = open_envelope(envelope(), PASSPHRASE)
    assert (opened.subject, opened.arm, opened.label) == ("S01-001", "A", "Imatinib")
    assert (opened.trial, opened.origin) == ("NCT04348461", "test.invalid/NCT04348461/00")


@pytest.mark.parametrize("typed", ["K7M2Q 9XW3T 0AB4C 5DEFG", "k7m2q9xw3t0ab4c5defg", " k7m2q-9xw3t-oab4c-5defg\n"])
def test_case_spaces_hyphens_and_letters_that_look_like_digits_do_not_matter(typed: str) -> None:
    assert open_envelope(envelope(), typed).arm == "A"


@pytest.mark.parametrize("typed", ["", "k7m2q-9xw3t-0ab4c-5defh", "k7m2q", "K7M2Q 9XW3T 0AB4C 5DEFGG"])
def test_another_passphrase_opens_nothing_and_says_so(typed: str) -> None:
    with pytest.raises(EnvelopeError, match="the passphrase is not that of the envelope of S01-001"):
        open_envelope(envelope(), typed)


def test_an_envelope_tells_its_subject_without_a_passphrase_and_its_arm_in_no_form() -> None:
    data = envelope(arm="IMATINIB-ARM", label="Imatinib mesilate")
    assert subject_on(data) == "S01-001"
    assert b"matinib" not in data.lower()


@settings(max_examples=10)
@given(st.text(min_size=1, max_size=60), st.text(min_size=1, max_size=60))
def test_lengths_of_envelopes_do_not_tell_arms(one: str, other: str) -> None:
    assert len(envelope(arm="A", label=one)) == len(envelope(arm="LONGER-CODE", label=other))


def test_the_size_is_that_of_the_longest_arm_whoever_the_subject_is() -> None:
    protocol = reference_protocol()
    size = plaintext_size(protocol, ["S01-001", "S" * 64])
    assert size % 512 == 0
    made = {
        len(
            seal_envelope(
                trial=protocol.trial_id,
                origin="o",
                subject="S01-001",
                arm=arm.code,
                label=arm.label,
                size=size,
                passphrase=PASSPHRASE,
                random=seeded(),
            )
        )
        for arm in protocol.arms
    }
    assert len(protocol.arms) > 1
    assert len(made) == 1


def test_what_does_not_fit_is_refused_and_never_made_longer() -> None:
    with pytest.raises(ValueError, match="no room"):
        envelope(label="x" * SIZE)


def test_the_same_random_source_makes_the_same_bytes_and_another_one_others() -> None:
    assert envelope(seed=1) == envelope(seed=1)
    assert envelope(seed=1) != envelope(seed=2)


def test_equal_contents_do_not_look_equal() -> None:
    one, other = (envelope(seed=seed).split(b"ciphertext: ")[1] for seed in (1, 2))
    assert all(one[start : start + 8] != other[start : start + 8] for start in range(0, 64, 8))


@pytest.mark.parametrize(
    "alter",
    [
        (b"subject: S01-001", b"subject: S01-002"),
        (b"trial: NCT04348461", b"trial: NCT04348462"),
        (b"origin: test", b"origin: best"),
        (b"kdf: scrypt n=32768", b"kdf: scrypt n=16384"),
        (b"salt: ", b"salt: AAAA"),
    ],
    ids=lambda pair: pair[0].decode(),
)
def test_whatever_is_altered_on_an_envelope_keeps_it_shut(alter: tuple[bytes, bytes]) -> None:
    data = envelope()
    assert alter[0] in data
    with pytest.raises(EnvelopeError):
        open_envelope(data.replace(*alter), PASSPHRASE)


def test_the_ciphertext_of_another_subject_does_not_open_under_this_name() -> None:
    mine, other = envelope(subject="S01-001"), envelope(subject="S01-002", seed=1)
    forged = mine.split(b"ciphertext: ")[0] + b"ciphertext: " + other.split(b"ciphertext: ")[1]
    with pytest.raises(EnvelopeError):
        open_envelope(forged, PASSPHRASE)
    assert open_envelope(other, PASSPHRASE).subject == "S01-002"  # the control: it is sound where it belongs


def test_line_ends_of_another_system_do_no_harm() -> None:
    assert open_envelope(envelope().replace(b"\n", b"\r\n"), PASSPHRASE).arm == "A"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "this is no envelope"),
        (b"\xff\xfe", "this is no envelope"),
        (b"hello\nworld\n", "this is no envelope"),
        (HEADING.encode() + b"\n", "its lines are not"),
        (envelope().replace(b"n=32768", b"n=33554432"), "its line kdf"),
        (envelope().replace(b"n=32768", b"n=32767"), "its line kdf"),
        (envelope().replace(b"r=8", b"r=0"), "its line kdf"),
        (envelope().replace(b"p=1\n", b"p=99\n"), "its line kdf"),
        (envelope().replace(b"nonce: ", b"nonce: *"), "its line nonce is not base64"),
    ],
)
def test_what_is_no_envelope_is_told_in_a_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(EnvelopeError, match=sentence):
        open_envelope(data, PASSPHRASE)


@given(st.binary(max_size=300))
def test_any_bytes_are_an_envelope_or_an_error_of_one_kind(data: bytes) -> None:
    with pytest.raises(EnvelopeError):
        open_envelope(data, PASSPHRASE)


def test_passphrases_have_more_than_80_bits_and_no_two_look_alike() -> None:
    random = seeded()
    made = [new_passphrase(random) for _ in range(200)]
    assert PASSPHRASE_CHARACTERS * 5 >= 80
    assert all(len(passphrase.replace("-", "")) == PASSPHRASE_CHARACTERS for passphrase in made)
    assert not set("".join(made)) & set("iloulILOU")
    assert all(one != other for one, other in combinations(made, 2))
    used = {character for passphrase in made for character in passphrase} - {"-"}
    assert len(used) == 32
