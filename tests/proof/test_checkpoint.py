"""Checkpoints and cosignatures hold to their C2SP specifications, and whatever is altered is found."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.proof.checkpoint import (
    MAX_TIMESTAMP,
    Checkpoint,
    ValidSignature,
    open_checkpoint,
    signature_body,
    signed_message,
)
from ledger.proof.note import (
    COSIGNATURE,
    ED25519,
    ML_DSA_44,
    Note,
    NoteError,
    NoteSignature,
    NotSignedError,
    SignatureError,
    VerifierKey,
)
from ledger.proof.tree import EMPTY_ROOT, leaf_hash
from tests.proof.signers import NOW, TestSigner, signed

# The example of tlog-cosignature; that of tlog-checkpoint is the same without the last line.
EXAMPLE = (
    "example.com/behind-the-sofa\n"
    "20852163\n"
    "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    "\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE"
    "+xeMcTOAYQ8=\n"
    "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+"
    "mbIUBkBIfZ+qnA==\n"
).encode()
ORIGIN = "log.example/trial/00112233445566778899aabbccddeeff"
CHECKPOINT = Checkpoint(ORIGIN, 20_852_163, leaf_hash(b"root"))
TEXT = CHECKPOINT.text()
LOG = TestSigner(ORIGIN, ED25519)
LOG_PQ = TestSigner(ORIGIN, ML_DSA_44)
WITNESS = TestSigner("witness.example/w1", COSIGNATURE)
WITNESS_PQ = TestSigner("witness.example/w2", ML_DSA_44)
EVERYONE = (LOG, LOG_PQ, WITNESS, WITNESS_PQ)
KEYS = [signer.key for signer in EVERYONE]


def note_of(*lines: NoteSignature, text: str = TEXT) -> bytes:
    return Note(text, lines).encode()


# Format.


def test_the_published_example_is_a_checkpoint_with_a_cosignature() -> None:
    note = Note.parse(EXAMPLE)
    checkpoint = Checkpoint.parse(note.text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20_852_163)
    assert checkpoint.root.hex() == "0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62"
    assert checkpoint.text() == note.text
    log, witness = note.signatures
    assert len(log.signature) == 64
    assert len(witness.signature) == 72
    assert int.from_bytes(witness.signature[:8], "big") == 1_679_315_147


def test_the_message_of_a_cosignature_is_the_published_one() -> None:
    text = EXAMPLE.decode().partition("\n\n")[0] + "\n"
    assert signed_message(COSIGNATURE, "witness.example.com/w1", text, 1_679_315_147) == (
        b"cosignature/v1\n"
        b"time 1679315147\n"
        b"example.com/behind-the-sofa\n"
        b"20852163\n"
        b"CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    )


def test_the_message_of_an_ml_dsa_cosignature_is_the_structure_byte_for_byte() -> None:
    checkpoint = Checkpoint("ab", 258, bytes(range(32)))
    assert signed_message(ML_DSA_44, "cde", checkpoint, 0x0102030405060708).hex(" ", 1) == " ".join(
        (
            "73 75 62 74 72 65 65 2f 76 31 0a 00",  # subtree/v1, newline, zero
            "03 63 64 65",
            "01 02 03 04 05 06 07 08",
            "02 61 62",
            "00 00 00 00 00 00 00 00",
            "00 00 00 00 00 00 01 02",
            bytes(range(32)).hex(" ", 1),
        )
    )


ROOT = base64.b64encode(CHECKPOINT.root).decode()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "does not end in a newline"),
        (f"o\n1\n{ROOT}", "does not end in a newline"),
        ("\n", "has 1 lines"),
        (f"1\n{ROOT}\n", "has 2 lines"),
        (f"\n1\n{ROOT}\n", r"line 1 \(origin\) is empty"),
        (f"o\n\n{ROOT}\n", "line 2"),
        (f"o\n01\n{ROOT}\n", "without leading zeros"),
        (f"o\n00\n{ROOT}\n", "line 2"),
        (f"o\n+1\n{ROOT}\n", "line 2"),
        (f"o\n-1\n{ROOT}\n", "line 2"),
        (f"o\n-0\n{ROOT}\n", "line 2"),
        (f"o\n 1\n{ROOT}\n", "line 2"),
        (f"o\n1 \n{ROOT}\n", "line 2"),
        (f"o\n1_0\n{ROOT}\n", "line 2"),
        (f"o\n1e3\n{ROOT}\n", "line 2"),
        (f"o\n0x10\n{ROOT}\n", "line 2"),
        (f"o\n\u0661\n{ROOT}\n", "line 2"),  # a digit, but not an ASCII one
        (f"o\n9223372036854775808\n{ROOT}\n", "line 2"),
        (f"o\n{'9' * 5000}\n{ROOT}\n", "line 2"),
        (f"o\n1\n{ROOT[:-1]}\n", "line 3 .* canonical base64"),
        (f"o\n1\n{ROOT} \n", "line 3 .* canonical base64"),
        ("o\n1\n" + "A" * 42 + "B=\n", "line 3 .* canonical base64"),
        ("o\n1\n" + "_" * 43 + "=\n", "line 3 .* canonical base64"),
        (f"o\n1\n{base64.b64encode(bytes(31)).decode()}\n", "line 3 .* has 31 bytes"),
        (f"o\n1\n{base64.b64encode(bytes(33)).decode()}\n", "line 3 .* has 33 bytes"),
        ("o\n1\n\n", "line 3 .* has 0 bytes"),
        (f"o\n1\n{ROOT}\n\n", r"line 4 \(extension\) is empty"),
        (f"o\n1\n{ROOT}\nx\n\ny\n", r"line 5 \(extension\) is empty"),
        (f"o\r\n1\n{ROOT}\n", "line 1 .* control character"),
    ],
)
def test_a_malformed_checkpoint_is_refused_by_line_and_rule(text: str, message: str) -> None:
    with pytest.raises(NoteError, match=message):
        Checkpoint.parse(text)


def test_the_largest_size_and_zero_are_read() -> None:
    assert Checkpoint.parse(f"o\n9223372036854775807\n{ROOT}\n").size == 2**63 - 1
    assert Checkpoint.parse(f"an origin + spaces\n0\n{ROOT}\next\n").extensions == ("ext",)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Checkpoint("", 1, bytes(32)),
        lambda: Checkpoint("o\nx", 1, bytes(32)),
        lambda: Checkpoint("o", -1, bytes(32)),
        lambda: Checkpoint("o", 2**63, bytes(32)),
        lambda: Checkpoint("o", True, bytes(32)),
        lambda: Checkpoint("o", 1, bytes(20)),
        lambda: Checkpoint("o", 1, bytes(32), ("",)),
        lambda: Checkpoint("o", 1, bytes(32), ("x\ny",)),
        lambda: Checkpoint("half \udc00", 1, bytes(32)),
    ],
)
def test_no_checkpoint_is_made_that_would_not_be_read(make: object) -> None:
    with pytest.raises(NoteError):
        make()  # type: ignore[operator]


def test_only_the_root_of_nothing_is_plausible_for_an_empty_tree() -> None:
    assert Checkpoint("o", 0, EMPTY_ROOT).root_is_plausible
    assert not Checkpoint("o", 0, bytes(32)).root_is_plausible
    assert Checkpoint("o", 1, bytes(32)).root_is_plausible


# Who signed.

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent.parent / "vectors" / "notes.json").read_text(encoding="utf-8")
)["notes"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["source"].split(" ")[0])
def test_the_kept_checkpoints_verify_those_of_others_too(vector: dict[str, Any]) -> None:
    keys = [VerifierKey.parse(vkey) for vkey in vector["keys"]]
    opened = open_checkpoint(vector["note"].encode(), keys)
    assert [one.key for one in opened.signatures] == keys
    assert [one.timestamp for one in opened.signatures] == vector["timestamps"]
    assert opened.checkpoint.size == vector["size"]
    assert [key.encode() for key in keys] == vector["keys"]
    with pytest.raises(SignatureError):
        open_checkpoint(vector["note"].replace(f"\n{vector['size']}\n", f"\n{vector['size'] + 1}\n").encode(), keys)


def test_every_type_of_signature_is_verified_with_its_time() -> None:
    opened = open_checkpoint(signed(TEXT, *EVERYONE), KEYS)
    assert opened.checkpoint == CHECKPOINT
    assert opened.signatures == (
        ValidSignature(LOG.key, None),
        ValidSignature(LOG_PQ.key, NOW),
        ValidSignature(WITNESS.key, NOW),
        ValidSignature(WITNESS_PQ.key, NOW),
    )


@pytest.mark.parametrize("signer", EVERYONE, ids=lambda signer: f"{signer.type:#04x}")
def test_a_key_signs_what_signed_message_says(signer: TestSigner) -> None:
    assert signed_message(signer.type, signer.name, CHECKPOINT, NOW) == signer.message(TEXT)
    body = signature_body(signer.type, NOW, signer.raw(signed_message(signer.type, signer.name, TEXT, NOW)))
    assert open_checkpoint(note_of(signer.line(body)), [signer.key]).keys == {signer.key}


def test_unknown_signatures_are_ignored_and_alone_they_are_not_enough() -> None:
    opened = open_checkpoint(signed(TEXT, *EVERYONE), [WITNESS.key, TestSigner("nobody", ML_DSA_44).key])
    assert opened.keys == {WITNESS.key}
    with pytest.raises(NotSignedError):
        open_checkpoint(signed(TEXT, LOG, LOG_PQ), [WITNESS.key, WITNESS_PQ.key])


def test_of_two_cosignatures_by_one_key_the_earlier_counts_once() -> None:
    data = note_of(WITNESS.sign(TEXT, NOW), WITNESS.sign(TEXT, NOW - 60), WITNESS.sign(TEXT, NOW + 60))
    assert open_checkpoint(data, [WITNESS.key]).signatures == (ValidSignature(WITNESS.key, NOW - 60),)
    with pytest.raises(SignatureError):
        open_checkpoint(note_of(WITNESS.sign(TEXT), WITNESS.line(bytes(72))), [WITNESS.key])
    timeless = note_of(WITNESS_PQ.sign(TEXT, 0), WITNESS_PQ.sign(TEXT, NOW))
    assert open_checkpoint(timeless, KEYS).signatures == (ValidSignature(WITNESS_PQ.key, NOW),)


def test_zero_states_no_time_and_only_ml_dsa_may_state_none() -> None:
    assert open_checkpoint(note_of(LOG_PQ.sign(TEXT, 0)), KEYS).signatures == (ValidSignature(LOG_PQ.key, None),)
    with pytest.raises(SignatureError, match="is zero"):
        open_checkpoint(note_of(WITNESS.sign(TEXT, 0)), KEYS)


@pytest.mark.parametrize("signer", [WITNESS, WITNESS_PQ], ids=["0x04", "0x06"])
def test_a_time_stamp_has_63_bits(signer: TestSigner) -> None:
    opened = open_checkpoint(note_of(signer.sign(TEXT, MAX_TIMESTAMP)), KEYS)
    assert opened.signatures[0].timestamp == MAX_TIMESTAMP
    with pytest.raises(SignatureError, match="not from 0 to"):
        open_checkpoint(note_of(signer.sign(TEXT, MAX_TIMESTAMP + 1)), KEYS)


def test_extension_lines_need_a_signature_that_covers_them() -> None:
    text = TEXT + "an extension\n"
    assert open_checkpoint(signed(text, LOG_PQ, WITNESS), KEYS).checkpoint.extensions == ("an extension",)
    with pytest.raises(NoteError, match="covered by none"):
        open_checkpoint(signed(text, LOG_PQ, WITNESS_PQ), KEYS)
    assert LOG_PQ.message(text) == LOG_PQ.message(TEXT)  # which is why


def test_names_beyond_255_bytes_cannot_sign_with_ml_dsa() -> None:
    with pytest.raises(NoteError, match="at most 255 bytes"):
        VerifierKey("é" * 128, ML_DSA_44, LOG_PQ.key.public)
    long = Checkpoint("o" * 256, 1, bytes(32))
    with pytest.raises(NoteError, match="origin has 1 to 255 bytes"):
        signed_message(ML_DSA_44, "name", long, NOW)
    with pytest.raises(SignatureError, match="origin has 1 to 255 bytes"):
        open_checkpoint(note_of(LOG_PQ.line(bytes(2428)), text=long.text()), KEYS)
    with pytest.raises(NoteError, match="type 0x05"):
        signed_message(5, "name", long, NOW)


# Laws.


def outcome(data: bytes, keys: Sequence[VerifierKey]) -> str | None:
    """The text that is believed; None if none is."""
    try:
        return open_checkpoint(data, keys).note.text
    except NoteError:
        return None


SIGNED = {step: signed(TEXT, *signers) for step, signers in ((1, (LOG,)), (2, (WITNESS,)), (61, (LOG_PQ,)))}


@pytest.mark.parametrize("step", SIGNED, ids=["0x01", "0x04", "0x06"])
def test_every_flipped_bit_of_a_checkpoint_refuses_it(step: int) -> None:
    data = SIGNED[step]
    assert outcome(data, KEYS) == TEXT
    for bit in [*range(0, len(data) * 8, step), *range(len(TEXT) * 8)]:
        altered = bytearray(data)
        altered[bit // 8] ^= 1 << bit % 8
        assert outcome(bytes(altered), KEYS) is None


SIGNED_BY_ALL = signed(TEXT, *EVERYONE)


@given(st.data())
@settings(max_examples=400)
def test_a_changed_byte_is_refused_or_changes_nothing_that_is_believed(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(SIGNED_BY_ALL) - 1) | st.integers(0, len(TEXT) + 300))
    changed = data.draw(st.binary(max_size=3).filter(lambda new: new != SIGNED_BY_ALL[at : at + 1]))
    believed = outcome(SIGNED_BY_ALL[:at] + changed + SIGNED_BY_ALL[at + 1 :], KEYS)
    assert believed in (None, TEXT)
    if at < len(TEXT):
        assert believed is None


lines = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=30)
checkpoints = st.builds(
    Checkpoint,
    lines,
    st.integers(0, 2**63 - 1),
    st.binary(min_size=32, max_size=32),
    st.lists(lines, max_size=3).map(tuple),
)


@given(checkpoints)
def test_what_is_written_is_read_again(checkpoint: Checkpoint) -> None:
    assert Checkpoint.parse(checkpoint.text()) == checkpoint


@given(
    st.text(max_size=100)
    | st.lists(st.sampled_from(["\n", "o", "1", "0", ROOT, "=", "\n0\n", "\r", TEXT]), max_size=9).map("".join)
)
def test_of_any_text_either_a_checkpoint_comes_that_writes_it_again_or_a_note_error(text: str) -> None:
    try:
        checkpoint = Checkpoint.parse(text)
    except NoteError:
        return
    assert checkpoint.text() == text
