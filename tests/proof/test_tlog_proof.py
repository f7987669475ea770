"""Proofs of inclusion hold to c2sp.org/tlog-proof: one writing, and every part of them bound to entry and policy."""

import base64
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.proof.checkpoint import Checkpoint
from ledger.proof.note import COSIGNATURE, ED25519, NoteError, NotSignedError, SignatureError
from ledger.proof.policy import Policy, QuorumError
from ledger.proof.tlog_proof import MAX_EXTRA_BYTES, TlogProof, TlogProofError, open_proof
from ledger.proof.tree import inclusion_proof, leaf_hash, root
from tests.proof.signers import TestSigner, signed

ORIGIN = "log.example/trial"
LOG, WITNESS, OTHER = (
    TestSigner(ORIGIN, ED25519),
    TestSigner("witness.example", COSIGNATURE),
    TestSigner("other.example", COSIGNATURE),
)
ENTRIES = [f'{{"seq":{number}}}'.encode() for number in range(11)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]
POLICY = Policy.parse(f"log {LOG.key.encode()}\nwitness w {WITNESS.key.encode()}\nquorum w\n".encode())
NOTE = signed(Checkpoint(ORIGIN, len(LEAVES), root(LEAVES)).text(), LOG, WITNESS)


def proof_of(index: int, size: int = len(LEAVES), extra: bytes | None = None) -> TlogProof:
    note = signed(Checkpoint(ORIGIN, size, root(LEAVES[:size])).text(), LOG, WITNESS)
    return TlogProof(index, tuple(inclusion_proof(LEAVES[:size], index)), note, extra)


def test_every_entry_of_every_size_is_proven_and_no_other_entry_in_its_place() -> None:
    for size in range(1, len(ENTRIES) + 1):
        for index in range(size):
            proof = TlogProof.parse(proof_of(index, size).encode())
            assert proof.verify(ENTRIES[index], POLICY).checkpoint.size == size
            for other in range(len(ENTRIES)):
                if other != index:
                    with pytest.raises(TlogProofError, match="gives another root"):
                        proof.verify(ENTRIES[other], POLICY)


def test_the_file_is_laid_out_as_specified() -> None:
    proof = proof_of(7, extra=b"age-v1.2.1")
    lines = proof.encode().decode().split("\n")
    assert lines[:3] == ["c2sp.org/tlog-proof@v1", "extra YWdlLXYxLjIuMQ==", "index 7"]
    assert [base64.b64decode(line) for line in lines[3:7]] == inclusion_proof(LEAVES, 7)
    assert lines[7] == ""
    assert "\n".join(lines[8:]).encode() == NOTE
    assert proof_of(0, 1).encode().startswith(b"c2sp.org/tlog-proof@v1\nindex 0\n\nlog.example/trial\n1\n")


def test_a_proof_opens_under_the_policy_before_there_is_an_entry() -> None:
    proof, opened = open_proof(proof_of(3).encode(), POLICY)
    assert POLICY.witnessed(opened) == (1, 1)
    proof.verify_inclusion(ENTRIES[3])


def test_a_true_path_under_a_checkpoint_that_does_not_hold_proves_nothing() -> None:
    text = proof_of(3).checkpoint.text()
    for note, error in (
        (signed(text, LOG), QuorumError),
        (signed(text, LOG, OTHER), QuorumError),
        (signed(text, WITNESS), NotSignedError),
        (signed(text, OTHER), NotSignedError),
        (NOTE.replace(b"\n11\n", b"\n12\n"), SignatureError),
    ):
        proof = replace(proof_of(3), checkpoint_note=note)
        with pytest.raises(error):
            proof.verify(ENTRIES[3], POLICY)
        with pytest.raises(error):
            open_proof(proof.encode(), POLICY)


def test_every_part_of_the_path_is_bound() -> None:
    proof = proof_of(6)
    proof.verify_inclusion(ENTRIES[6])
    for altered in (
        replace(proof, index=7),
        replace(proof, index=11),
        replace(proof, index=2**63 - 1),
        replace(proof, hashes=proof.hashes[:-1]),
        replace(proof, hashes=()),
        replace(proof, hashes=(*proof.hashes, bytes(32))),
        replace(proof, hashes=proof.hashes[::-1]),
        replace(proof, hashes=(bytes(32), *proof.hashes[1:])),
    ):
        with pytest.raises(TlogProofError):
            TlogProof.parse(altered.encode()).verify(ENTRIES[6], POLICY)


HASH = base64.b64encode(bytes(32)).decode()
HASHES_64 = f"{HASH}\n" * 64
NOTE_TEXT = NOTE.decode()
HEAD = "c2sp.org/tlog-proof@v1\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no blank line"),
        (HEAD + "index 0\n", "no blank line"),
        (f"\n{HEAD}index 0\n\n{NOTE_TEXT}", "line 1 is not c2sp.org"),
        (f"c2sp.org/tlog-proof@v2\nindex 0\n\n{NOTE_TEXT}", "line 1 is not c2sp.org"),
        (f"c2sp.org/tlog-proof@v1 \nindex 0\n\n{NOTE_TEXT}", "line 1 is not c2sp.org"),
        (f"{HEAD}\n{NOTE_TEXT}", "line 2 is not: index"),
        (f"{HEAD}{HASH}\n\n{NOTE_TEXT}", "line 2 is not: index"),
        (f"{HEAD}index\n\n{NOTE_TEXT}", "line 2 is not: index"),
        (f"{HEAD}Index 0\n\n{NOTE_TEXT}", "line 2 is not: index"),
        (f"{HEAD}index 00\n\n{NOTE_TEXT}", "without leading zeros"),
        (f"{HEAD}index 01\n\n{NOTE_TEXT}", "without leading zeros"),
        (f"{HEAD}index  1\n\n{NOTE_TEXT}", "without leading zeros"),
        (f"{HEAD}index 1 \n\n{NOTE_TEXT}", "without leading zeros"),
        (f"{HEAD}index -1\n\n{NOTE_TEXT}", "without leading zeros"),
        (f"{HEAD}index {2**63}\n\n{NOTE_TEXT}", "without leading zeros"),
        (f"{HEAD}extra \nindex 0\n\n{NOTE_TEXT}", "or their line is left out"),
        (f"{HEAD}extra\nindex 0\n\n{NOTE_TEXT}", "line 2 is not: index"),
        (f"{HEAD}extra AA\nindex 0\n\n{NOTE_TEXT}", r"line 2 \(extra\): is not canonical"),
        (f"{HEAD}extra AB==\nindex 0\n\n{NOTE_TEXT}", r"line 2 \(extra\): is not canonical"),
        (f"{HEAD}extra AA==\nextra AA==\nindex 0\n\n{NOTE_TEXT}", "line 3 is not: index"),
        (f"{HEAD}index 0\nextra AA==\n\n{NOTE_TEXT}", r"line 3 \(hash\): is not canonical"),
        (f"{HEAD}index 0\n{HASH} \n\n{NOTE_TEXT}", r"line 3 \(hash\): is not canonical"),
        (f"{HEAD}index 0\n{HASH}\r\n\n{NOTE_TEXT}", r"line 3 \(hash\): is not canonical"),
        (f"{HEAD}index 0\n{HASH}\nAAAA\n\n{NOTE_TEXT}", r"line 4 \(hash\) has 3 bytes"),
        (f"{HEAD}index 0\n{HASHES_64}\n{NOTE_TEXT}", "a path has at most 63"),
        (f"{HEAD}index é\n\n{NOTE_TEXT}", "line 2 is not ASCII"),
        (f"{HEAD}index 0\n\n", "note: the last line does not end"),
        (f"{HEAD}index 0\n\n\n{NOTE_TEXT}", r"checkpoint: line 2 \(tree size\)"),
        (f"{HEAD}index 0\n\n{NOTE_TEXT}\n", "no signature line"),
        (f"{HEAD}index 0\n\nno checkpoint\n\n{WITNESS.sign(proof_of(0).checkpoint.text()).encode()}", "has 1 lines"),
        ("a" * 3_000_000, "are read"),
    ],
)
def test_a_malformed_proof_is_refused_by_line_and_rule(text: str, message: str) -> None:
    assert TlogProof.parse(f"{HEAD}extra AA==\nindex 0\n{HASH}\n\n{NOTE_TEXT}".encode()).extra == b"\0"
    with pytest.raises(NoteError, match=message):
        TlogProof.parse(text.encode())


@pytest.mark.parametrize(
    "make",
    [
        lambda: TlogProof(-1, (), NOTE),
        lambda: TlogProof(2**63, (), NOTE),
        lambda: TlogProof(0, (bytes(31),), NOTE),
        lambda: TlogProof(0, (bytes(32),) * 64, NOTE),
        lambda: TlogProof(0, (), b"no note"),
        lambda: TlogProof(0, (), NOTE, b""),
        lambda: TlogProof(0, (), NOTE, bytes(MAX_EXTRA_BYTES + 1)),
    ],
)
def test_nothing_is_made_that_would_not_be_read(make: object) -> None:
    with pytest.raises(NoteError):
        make()  # type: ignore[operator]


def test_the_largest_extra_data_are_read_again() -> None:
    proof = proof_of(3, extra=bytes(MAX_EXTRA_BYTES))
    assert TlogProof.parse(proof.encode()) == proof


proofs = st.builds(
    TlogProof,
    st.integers(0, 2**63 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63).map(tuple),
    st.just(NOTE),
    st.none() | st.binary(min_size=1, max_size=99),
)


@given(proofs)
def test_what_is_encoded_is_parsed_again(proof: TlogProof) -> None:
    assert TlogProof.parse(proof.encode()) == proof


WHOLE = proof_of(6).encode()
pieces = st.sampled_from(
    [HEAD.encode(), b"extra ", b"index ", b"0", b"\n", b"\n\n", HASH.encode(), NOTE, b"AA==", b"\xff", WHOLE]
)


@given(st.binary(max_size=200) | st.lists(pieces, max_size=12).map(b"".join))
def test_of_any_bytes_either_a_proof_comes_that_writes_them_again_or_a_note_error(data: bytes) -> None:
    try:
        proof = TlogProof.parse(data)
    except NoteError:
        return
    assert proof.encode() == data


@given(st.integers(0, len(WHOLE) - 1), st.binary(max_size=2))
@settings(max_examples=300)
def test_no_changed_byte_proves_another_entry(at: int, changed: bytes) -> None:
    data = WHOLE[:at] + changed + WHOLE[at + 1 :]
    for number, entry in enumerate(ENTRIES):
        if number != 6 or data != WHOLE:
            try:
                TlogProof.parse(data).verify(entry, POLICY)
            except NoteError:
                continue
            assert number == 6
            assert data == WHOLE


def test_every_flipped_bit_of_a_proof_is_found() -> None:
    TlogProof.parse(WHOLE).verify(ENTRIES[6], POLICY)
    for bit in range(len(WHOLE) * 8):
        altered = bytearray(WHOLE)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(NoteError):
            TlogProof.parse(bytes(altered)).verify(ENTRIES[6], POLICY)
