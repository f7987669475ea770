"""Signed notes hold to c2sp.org/signed-note: published examples are accepted, everything malformed is refused."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proof.note import (
    COSIGNATURE,
    ED25519,
    MAX_NOTE_BYTES,
    MAX_SIGNATURES,
    Note,
    NoteError,
    NoteSignature,
    NotSignedError,
    SignatureError,
    VerifierKey,
    open_note,
)
from tests.proof.signers import ORDER, P, TestSigner

# The example of signed-note, section Verifier keys.
EXAMPLE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE_NOTE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
).encode()
# The example in the documentation of Go's golang.org/x/mod/sumdb/note.
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
).encode()
# The example that opens signed-note; its text has an empty line and letters beyond ASCII.
POEM = (
    "Ognuno sta solo sul cuor della terra\n"
    "trafitto da un raggio di sole:\n"
    "\n"
    "ed è subito sera.\n"
    "\n"
    "— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKON"
    "rMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n"
).encode()

TEXT = "first\n\nthird\n"
LOG = TestSigner("log.example/trial", ED25519)
OTHER = TestSigner("other.example", ED25519)
SIGNATURE = LOG.sign(TEXT)


def note_of(*lines: NoteSignature, text: str = TEXT) -> bytes:
    return Note(text, lines).encode()


@pytest.mark.parametrize(("vkey", "data"), [(EXAMPLE_KEY, EXAMPLE_NOTE), (GO_KEY, GO_NOTE)])
def test_the_published_notes_verify_with_their_published_keys(vkey: str, data: bytes) -> None:
    key = VerifierKey.parse(vkey)
    note, signers = open_note(data, [key])
    assert signers == (key,)
    assert key.encode() == vkey
    assert note.encode() == data
    with pytest.raises(SignatureError, match="does not verify"):
        open_note(data.replace(b"your", b"youR").replace(b"example message", b"example messagE"), [key])


def test_the_text_of_a_note_goes_to_its_last_blank_line() -> None:
    note = Note.parse(POEM)
    assert note.text.endswith("\n\ned è subito sera.\n")
    assert [(one.name, one.key_id.hex()) for one in note.signatures] == [("quasimodo.example/salvatore", "367ba04b")]
    assert len(note.signatures[0].signature) == 64
    assert note.encode() == POEM


LINE = SIGNATURE.encode().encode()
VALID = note_of(SIGNATURE)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "does not end in a newline"),
        (b"\n", "no blank line"),
        (b"text\n", "no blank line"),
        (b"text\n\n", "no signature line"),
        (b"\n" + LINE, "no blank line"),
        (VALID[:-1], "last line does not end in a newline"),
        (VALID + b"\n", "no signature line"),
        (VALID + b"a comment\n", "line 6: signature line: is not"),
        (VALID.replace(b"first", b"fi\xffst"), "line 1 is not UTF-8"),
        (VALID.replace(b"third", b"\xed\xa0\x80"), "line 3 is not UTF-8"),
        (VALID.replace(b"third", b"th\rird"), r"control character 0x0d \(line 3\)"),
        (VALID.replace(b"third", b"th\0ird"), "control character 0x00"),
        (VALID.replace(b"third", b"th\tird"), "control character 0x09"),
        (VALID.replace(b"\n", b"\r\n"), "control character 0x0d"),
        (VALID.replace("\u2014".encode(), b"-"), "is not an em dash"),
        (VALID.replace("\u2014".encode(), "\u2013".encode()), "is not an em dash"),
        (VALID.replace("\u2014 ".encode(), "\u2014  ".encode()), "is not an em dash"),
        (VALID.replace("\u2014 ".encode(), " \u2014 ".encode()), "is not an em dash"),
        (VALID.replace(b"log.example/trial", b"log.example trial"), "is not an em dash"),
        (VALID.replace(b"log.example/trial", b"log+example"), "contains a space or a plus"),
        (VALID.replace(b"log.example/trial", "log\u2003example".encode()), "contains a space or a plus"),
        (VALID.replace(b"log.example/trial", "log\u00a0example".encode()), "contains a space or a plus"),
        (VALID.replace(b"log.example/trial", "log\u0085example".encode()), "contains a space or a plus"),
        (VALID.replace(b"log.example/trial", b""), "key name: is empty"),
        (VALID[:-1] + b" \n", "is not an em dash"),
        (VALID[:-2] + b"\n", "is not canonical base64"),
        (VALID[:-1] + b"=\n", "is not canonical base64"),
        (VALID.replace(LINE.split(b" ")[2], b"AAAAAA==\n"), "shorter than the 4 bytes"),
        (VALID.replace(LINE.split(b" ")[2], b"AAAAAAB=\n"), "is not canonical base64"),
        (VALID.replace(LINE.split(b" ")[2], b"AAAA-_8=\n"), "is not canonical base64"),
        (VALID.replace(LINE.split(b" ")[2], b"\n"), "shorter than the 4 bytes"),
        (b"a" * MAX_NOTE_BYTES + VALID, "at most 1,048,576 are read"),
        (VALID + LINE * MAX_SIGNATURES, "has 65 signatures; at most 64"),
    ],
)
def test_a_malformed_note_is_refused_by_line_and_rule(data: bytes, message: str) -> None:
    assert Note.parse(VALID)
    with pytest.raises(NoteError, match=message):
        Note.parse(data)


def test_the_refusal_names_the_line_in_the_file() -> None:
    with pytest.raises(NoteError, match=r"^note: line 6: signature by log.example/trial: is not canonical base64$"):
        Note.parse(VALID + b"\xe2\x80\x94 log.example/trial AAAA*\n")


def test_as_many_signatures_as_are_allowed_are_read() -> None:
    assert len(Note.parse(TEXT.encode() + b"\n" + LINE * MAX_SIGNATURES).signatures) == MAX_SIGNATURES


@pytest.mark.parametrize(
    "make",
    [
        lambda: Note("no newline", ()),
        lambda: Note("", ()),
        lambda: Note("tab\t\n", ()),
        lambda: Note("half \ud800\n", ()),
        lambda: Note("x\n", (SIGNATURE,) * 65),
        lambda: NoteSignature("", bytes(4), b"x"),
        lambda: NoteSignature("a b", bytes(4), b"x"),
        lambda: NoteSignature("a", bytes(3), b"xx"),
        lambda: NoteSignature("a", bytes(4), b""),
        lambda: Note("x" * MAX_NOTE_BYTES + "\n", (SIGNATURE,)).encode(),
    ],
)
def test_nothing_is_made_that_would_not_be_read(make: object) -> None:
    with pytest.raises(NoteError):
        make()  # type: ignore[operator]


def test_adding_a_signature_twice_keeps_it_once() -> None:
    note = Note(TEXT, (SIGNATURE,))
    other = OTHER.sign(TEXT)
    assert note.adding(SIGNATURE, other, other).signatures == (SIGNATURE, other)


# Malformed signatures of type 0x01.


def malformed() -> dict[str, bytes]:
    valid = SIGNATURE.signature
    r, s = valid[:32], int.from_bytes(valid[32:], "little")
    identity = (1).to_bytes(32, "little")
    return {
        "of one byte": b"\x00",
        "cut by a byte": valid[:-1],
        "longer by a byte": valid + b"\x00",
        "twice": valid + valid,
        "all zero": bytes(64),
        "all ones": b"\xff" * 64,
        "S + L": r + (s + ORDER).to_bytes(32, "little"),
        "S = L": r + ORDER.to_bytes(32, "little"),
        "S negated": r + (ORDER - s).to_bytes(32, "little"),
        "S = 0": r + bytes(32),
        "S with its top bit": r + (s | 1 << 255).to_bytes(32, "little"),
        "R of small order": identity + valid[32:],
        "R and S of nothing": identity + bytes(32),
        "R unreduced": (P + 1).to_bytes(32, "little") + valid[32:],
        "halves exchanged": valid[32:] + r,
        "over the text without its newline": LOG.raw(TEXT[:-1].encode()),
        "over the text with the blank line": LOG.raw(f"{TEXT}\n".encode()),
        "over the hash of the text": LOG.raw(hashlib.sha512(TEXT.encode()).digest()),
        "by another key": OTHER.raw(TEXT.encode()),
        "with a time stamp before it": bytes(8) + valid,
    }


@pytest.mark.parametrize("kind", malformed())
def test_a_malformed_signature_by_a_known_key_refuses_the_note(kind: str) -> None:
    data = note_of(LOG.line(malformed()[kind]), OTHER.sign(TEXT))
    with pytest.raises(SignatureError, match=r"signature by log.example/trial"):
        open_note(data, [LOG.key, OTHER.key])
    with pytest.raises(SignatureError):
        open_note(data, [LOG.key])
    assert open_note(data, [OTHER.key])[1] == (OTHER.key,)  # for whom the first key is unknown


def test_every_flipped_bit_of_a_signature_is_found() -> None:
    valid = SIGNATURE.signature
    for bit in range(len(valid) * 8):
        altered = (int.from_bytes(valid, "big") ^ 1 << bit).to_bytes(len(valid), "big")
        with pytest.raises(SignatureError):
            open_note(note_of(LOG.line(altered)), [LOG.key])


def test_a_signature_that_shares_name_or_id_with_a_known_key_but_not_both_is_ignored() -> None:
    same_name = NoteSignature(LOG.name, b"\x00\x01\x02\x03", b"whatever")
    same_id = NoteSignature("elsewhere", LOG.key.key_id, b"whatever")
    assert open_note(note_of(same_name, SIGNATURE, same_id), [LOG.key])[1] == (LOG.key,)
    with pytest.raises(NotSignedError):
        open_note(note_of(same_name, same_id), [LOG.key])


def test_a_note_signed_by_no_known_key_is_refused() -> None:
    with pytest.raises(NotSignedError):
        open_note(VALID, [])
    with pytest.raises(NotSignedError):
        open_note(VALID, [OTHER.key])


def test_a_repeated_signature_counts_once_and_a_bad_repetition_refuses_the_note() -> None:
    assert open_note(note_of(SIGNATURE, SIGNATURE), [LOG.key, LOG.key])[1] == (LOG.key,)
    with pytest.raises(SignatureError):
        open_note(note_of(SIGNATURE, LOG.line(bytes(64))), [LOG.key])


def test_a_cosigner_signs_no_text_that_is_no_checkpoint() -> None:
    witness = TestSigner("witness.example", COSIGNATURE)
    with pytest.raises(SignatureError, match="signs checkpoints only"):
        open_note(note_of(witness.sign(TEXT)), [witness.key])


def test_two_known_keys_that_cannot_be_told_apart_are_refused() -> None:
    class Colliding(VerifierKey):
        @property
        def key_id(self) -> bytes:
            return LOG.key.key_id

    with pytest.raises(NoteError, match="two different keys"):
        open_note(VALID, [LOG.key, Colliding(LOG.name, ED25519, OTHER.key.public)])


def test_a_message_shows_a_hostile_name_cut_and_escaped() -> None:
    name = "\x9b2J\x7f\u202e" + "x" * 1000
    with pytest.raises(NoteError) as refused:
        Note.parse(f"text\n\n\u2014 {name} AAAA*\n".encode())
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 200
    assert r"\u009b2J\u007f\u202e" in str(refused.value)


# Laws.

names = st.text(st.characters(codec="utf-8", exclude_characters="+"), min_size=1, max_size=20).filter(
    lambda name: not any(character.isspace() or character < " " for character in name)
)
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]) | st.just("\n"), max_size=60).map(
    lambda text: text + "\n"
)
signatures = st.builds(NoteSignature, names, st.binary(min_size=4, max_size=4), st.binary(min_size=1, max_size=90))
notes = st.builds(Note, texts, st.lists(signatures, min_size=1, max_size=5).map(tuple))


@given(notes)
def test_what_is_encoded_is_parsed_again(note: Note) -> None:
    assert Note.parse(note.encode()) == note


@given(signatures)
def test_a_signature_line_is_parsed_again(one: NoteSignature) -> None:
    assert NoteSignature.parse(one.encode()) == one


pieces = st.sampled_from([b"\n", b"\n\n", "\u2014 ".encode(), b"log ", b"AAAAAAA=", b"\r", b"\xff", LINE, b"+", VALID])


@given(st.binary(max_size=200) | st.lists(pieces, max_size=12).map(b"".join))
def test_of_any_bytes_either_a_note_comes_that_writes_them_again_or_a_note_error(data: bytes) -> None:
    try:
        note = Note.parse(data)
    except NoteError:
        return
    assert note.encode() == data
