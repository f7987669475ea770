"""What a witness answers: C2SP tlog-witness, without network and disk."""

import time
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.witness.core import SIZE, Witness
from api.witness.logs import LogsError, parse_logs
from api.witness.request import MAX_BODY_BYTES, RequestError, encode, parse
from api.witness.store import Recorded
from ledger.keys.signing import Ed25519FileSigner
from ledger.proof.checkpoint import Checkpoint, open_checkpoint
from ledger.proof.note import Note, VerifierKey
from ledger.proof.tree import EMPTY_ROOT, ProofError, consistency_proof, root, verify_consistency
from tests.api.witnesses import HISTORY, KEYS, LOG, NAME, OTHER, SIGNERS, InMemory, Memory, cosigned
from tests.witness_soak.log import NOW, Log, leaves, seed

HASH = b64encode(bytes(32)).decode()
SPECIFICATION = """old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

\u2014 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
\u2014 example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
""".encode()  # noqa: E501  (tlog-witness, the example of a request)


# -- the answers of the specification ----------------------------------------------------------------------------------


def test_a_first_checkpoint_is_cosigned_with_both_keys_without_a_proof() -> None:
    cosigned(InMemory().add(HISTORY, 0, 7), LOG.checkpoint(HISTORY, 7))


def test_a_larger_tree_that_goes_on_from_the_last_is_cosigned() -> None:
    tested = InMemory()
    for old, size in ((0, 3), (3, 8), (8, 9), (9, 40)):
        cosigned(tested.add(HISTORY, old, size), LOG.checkpoint(HISTORY, size))


def test_the_same_checkpoint_is_cosigned_again() -> None:
    tested = InMemory()
    tested.add(HISTORY, 0, 7)
    cosigned(tested.add(HISTORY, 7, 7), LOG.checkpoint(HISTORY, 7))


def test_a_log_of_no_leaves_is_cosigned_and_may_grow() -> None:
    tested = InMemory()
    cosigned(tested.add(HISTORY, 0, 0), LOG.checkpoint(HISTORY, 0))
    cosigned(tested.add(HISTORY, 0, 0), LOG.checkpoint(HISTORY, 0))
    cosigned(tested.add(HISTORY, 0, 5), LOG.checkpoint(HISTORY, 5))
    assert tested.add(HISTORY, 0, 0).status == 409


def test_an_unknown_log_gets_404_before_its_signature_is_looked_at() -> None:
    tested = InMemory()
    assert tested.witness.add_checkpoint(OTHER.request(HISTORY, 0)).status == 404
    unsigned = encode(0, [], Note(OTHER.checkpoint(HISTORY).text(), LOG.note(HISTORY).signatures).encode())
    assert tested.witness.add_checkpoint(unsigned).status == 404


def test_without_a_signature_of_a_trusted_key_the_answer_is_403() -> None:
    checkpoint = LOG.checkpoint(HISTORY)
    impostor = Log((Ed25519FileSigner(LOG.origin, seed("somebody else")),))
    note = impostor.signed(checkpoint).adding(*(one.sign(checkpoint, NOW) for one in OTHER.signers))
    assert InMemory().witness.add_checkpoint(encode(0, [], note.encode())).status == 403


@pytest.mark.parametrize("damaged", [0, 1])
def test_one_trusted_signature_that_fails_is_403_though_the_other_is_good(damaged: int) -> None:
    good, bad = LOG.note(HISTORY), LOG.note(HISTORY, 3)
    lines = [bad.signatures[at] if at == damaged else good.signatures[at] for at in range(2)]
    body = encode(0, [], Note(good.text, tuple(lines)).encode())
    assert InMemory().witness.add_checkpoint(body).status == 403


def test_signatures_of_unknown_keys_are_ignored_and_not_kept() -> None:
    tested = InMemory()
    checkpoint = LOG.checkpoint(HISTORY)
    note = LOG.signed(checkpoint).adding(*(one.sign(checkpoint, NOW) for one in OTHER.signers))
    cosigned(tested.witness.add_checkpoint(encode(0, [], note.encode())), checkpoint)
    kept = Note.parse(tested.store.records[LOG.origin].data)
    assert [one.name for one in kept.signatures] == [LOG.origin] * 2 + [NAME] * 2


def test_one_of_two_trusted_signatures_is_enough() -> None:
    checkpoint = LOG.checkpoint(HISTORY)
    for signer in LOG.signers:
        note = Note(checkpoint.text(), (signer.sign(checkpoint, NOW),))
        cosigned(InMemory().witness.add_checkpoint(encode(0, [], note.encode())), checkpoint)


def test_an_old_size_beyond_the_new_one_is_400_and_not_409() -> None:
    tested = InMemory()
    assert tested.offer(LOG.checkpoint(HISTORY, 5), 6).status == 400


def test_an_old_size_other_than_the_last_is_409_with_the_size_in_decimal() -> None:
    tested = InMemory()
    assert tested.add(HISTORY, 3, 7).body == b"0\n"
    tested.add(HISTORY, 0, 7)
    for old, size in ((0, 9), (6, 9), (0, 7), (8, 9), (0, 3)):
        answer = tested.add(HISTORY, old, size)
        assert (answer.status, answer.content_type, answer.body) == (409, SIZE, b"7\n")


def test_a_size_of_none_with_the_root_of_something_is_422() -> None:
    assert InMemory().offer(Checkpoint(LOG.origin, 0, bytes(32)), 0).status == 422


def test_a_proof_from_no_leaves_is_422() -> None:
    assert InMemory().offer(LOG.checkpoint(HISTORY), 0, [bytes(32)]).status == 422


def test_the_same_size_with_another_root_is_422() -> None:
    tested = InMemory()
    tested.add(HISTORY, 0, 7)
    assert tested.add(leaves(7, "other"), 7).status == 422


def test_the_same_size_with_a_proof_is_422() -> None:
    tested = InMemory()
    tested.add(HISTORY, 0, 7)
    assert tested.offer(LOG.checkpoint(HISTORY, 7), 7, [bytes(32)]).status == 422


def test_of_two_forks_signed_with_a_stolen_key_only_one_is_ever_cosigned() -> None:
    tested = InMemory()
    tested.add(HISTORY, 0, 7)
    fork = HISTORY[:7] + leaves(5, "fork")
    cosigned(tested.add(fork, 7), LOG.checkpoint(fork))
    assert tested.add(HISTORY, 7, 12).status == 409
    for old, proof in ((12, consistency_proof(HISTORY, 12, 20)), (12, consistency_proof(HISTORY, 7, 20)), (12, [])):
        assert tested.offer(LOG.checkpoint(HISTORY, 20), old, proof).status == 422


def test_monitors_get_the_note_with_all_signatures_and_404_before_there_is_one() -> None:
    tested = InMemory(LOG, OTHER)
    assert tested.witness.checkpoint(Recorded.hash_of(LOG.origin)).status == 404
    answer = tested.add(HISTORY, 0, 7)
    shown = tested.witness.checkpoint(Recorded.hash_of(LOG.origin))
    assert shown.status == 200
    assert shown.body.endswith(answer.body)
    assert open_checkpoint(shown.body, (*KEYS, *LOG.keys)).keys == {*KEYS, *LOG.keys}
    for name in (Recorded.hash_of(OTHER.origin), Recorded.hash_of("x"), "", "..", Recorded.hash_of(LOG.origin).upper()):
        assert tested.witness.checkpoint(name).status == 404


# -- time and failure --------------------------------------------------------------------------------------------------


def test_a_clock_that_went_back_cosigns_nothing_until_it_has_caught_up() -> None:
    tested = InMemory()
    tested.add(HISTORY, 0, 7)
    tested.clock.now = NOW - 5
    answer = tested.add(HISTORY, 7, 9)
    assert (answer.status, answer.retry_after) == (503, 5)
    assert tested.store.records[LOG.origin].checkpoint.size == 7
    tested.clock.now = NOW
    assert tested.add(HISTORY, 7, 9).status == 200


@pytest.mark.parametrize("now", [0, -1, 2**63])
def test_a_clock_that_is_not_set_cosigns_nothing(now: int) -> None:
    tested = InMemory()
    tested.clock.now = now
    assert tested.add(HISTORY, 0, 7).status == 503
    assert not tested.store.records


def test_what_cannot_be_kept_is_not_cosigned() -> None:
    tested = InMemory()
    tested.store.fails = True
    answer = tested.add(HISTORY, 0, 7)
    assert answer.status == 503
    assert "\u2014".encode() not in answer.body
    assert b"device" not in answer.body, "the reason is for the operator"
    assert "no space left on device" in answer.note


def test_the_operators_log_never_has_what_an_unknown_client_wrote() -> None:
    tested = InMemory()
    for body in (b"old 0\n\nsecret\n", OTHER.request(HISTORY, 0), LOG.request(HISTORY, 3)):
        assert tested.witness.add_checkpoint(body).note == ""


# -- histories ---------------------------------------------------------------------------------------------------------


@given(st.data())
@settings(max_examples=300)
def test_whatever_is_asked_all_that_is_cosigned_is_one_history(data: st.DataObject) -> None:
    """Honest, forked, replayed and garbled requests in any order; each answer is held against the specification."""
    tested = InMemory()
    trunk = leaves(data.draw(st.integers(1, 12), "trunk"))
    forks = [trunk + leaves(8, f"fork {number}") for number in range(2)]
    last: tuple[int, bytes] = (0, EMPTY_ROOT)
    seen: list[tuple[int, bytes]] = []
    for _ in range(data.draw(st.integers(1, 8), "requests")):
        fork = data.draw(st.sampled_from(forks), "fork")
        size = data.draw(st.integers(0, len(fork)), "size")
        old = data.draw(st.sampled_from([last[0], last[0], last[0], 0, size, size + 1, 3]), "old")
        proof = consistency_proof(fork, old, size) if 0 < old < size else []
        if data.draw(st.sampled_from([False, False, False, True]), "garbled"):
            proof = [*proof, bytes(32)] if data.draw(st.booleans()) or not proof else proof[1:]
        answer = tested.offer(LOG.checkpoint(fork, size), old, proof)
        assert answer.status == _specified(last, old, LOG.checkpoint(fork, size), proof)
        if answer.status == 200:
            last = (size, root(fork[:size]))
            seen.append(last)
    final = next((fork for fork in forks if root(fork[: last[0]]) == last[1]), trunk)
    assert all(root(final[:size]) == head for size, head in seen)
    assert [size for size, _ in seen] == sorted(size for size, _ in seen)


def _specified(last: tuple[int, bytes], old: int, new: Checkpoint, proof: list[bytes]) -> int:
    """The specification's rules for a well-formed, signed request of a known log, in its words and order."""
    if old > new.size:
        return 400
    if old != last[0]:
        return 409
    if new.size == 0 and new.root != EMPTY_ROOT:
        return 422
    if old == 0:
        return 422 if proof else 200
    try:
        verify_consistency(old, new.size, last[1], new.root, proof)
    except ProofError:
        return 422
    return 200


class Dawdling(Memory):
    """A store that gives other threads time to come in between."""

    def get(self, origin: str) -> Recorded | None:
        found = super().get(origin)
        time.sleep(0.02)
        return found


def test_of_forks_that_arrive_at_the_same_moment_one_is_cosigned() -> None:
    witness = Witness(SIGNERS, {LOG.origin: LOG.keys}, Dawdling(), lambda: NOW)
    with ThreadPoolExecutor(8) as threads:
        bodies = [LOG.request(leaves(5 + number, f"fork {number}"), 0) for number in range(8)]
        statuses = [answer.status for answer in threads.map(witness.add_checkpoint, bodies)]
    assert sorted(statuses) == [200] + 7 * [409]


# -- bodies ------------------------------------------------------------------------------------------------------------


def test_the_example_of_the_specification_is_read_and_written_as_it_stands() -> None:
    request = parse(SPECIFICATION)
    assert (request.old, len(request.proof), request.checkpoint.size) == (20852014, 4, 20852163)
    assert request.checkpoint.origin == "example.com/behind-the-sofa"
    assert request.encode() == SPECIFICATION
    assert InMemory().witness.add_checkpoint(SPECIFICATION).status == 404


@pytest.mark.parametrize(
    "head",
    [
        "", "\n", "old\n", "old \n", "old  0\n", "old 00\n", "old 07\n", "old -1\n", "old +1\n", "old 0x1\n", "Old 0\n",
        "old 0 \n", " old 0\n", "old 0\r\n", "old 9223372036854775808\n", "old 99999999999999999999\n", "old \u0661\n",
        "old 0\nnot base64\n", "old 0\n" + HASH[:-1] + "\n", "old 0\n" + HASH + " \n", "old 0\n" + HASH + "\r\n",
        "old 0\n" + b64encode(bytes(31)).decode() + "\n", "old 0\n" + b64encode(bytes(33)).decode() + "\n",
        "old 0\n" + HASH[:-2] + "B=\n", "old 0\n" + 64 * (HASH + "\n"), "old 0\nold 0\n", "old 1e3\n", "old 1_0\n",
    ],
)  # fmt: skip
def test_a_head_in_any_other_form_is_400(head: str) -> None:
    body = f"{head}\n".encode() + LOG.note(HISTORY).encode()
    assert InMemory().witness.add_checkpoint(body).status == 400


def test_sixty_three_lines_of_proof_are_read() -> None:
    body = ("old 0\n" + 63 * (HASH + "\n") + "\n").encode() + LOG.note(HISTORY).encode()
    assert InMemory().witness.add_checkpoint(body).status == 422  # well-formed, and no proof of anything


def test_a_body_beyond_its_limit_is_400_in_the_core_too() -> None:
    with pytest.raises(RequestError, match="bytes"):
        parse(SPECIFICATION + bytes(MAX_BODY_BYTES))


BODY = LOG.request(HISTORY, 3, 7)
PIECES = [line + b"\n" for line in BODY.split(b"\n")[:-1]]
REFUSALS = {400, 403, 404, 409, 422}


@given(st.binary(max_size=300))
@settings(max_examples=2000)
@example(b"")
@example(b"\n\n")
@example(b"old 0\n\n")
@example(b"old 0\n\n\n\n")
def test_noise_is_always_400(body: bytes) -> None:
    assert InMemory().witness.add_checkpoint(body).status == 400


@given(st.integers(0, len(BODY) * 8 - 1))
@settings(max_examples=2000)
def test_a_flipped_bit_is_never_cosigned_nor_a_fault(bit: int) -> None:
    tested = InMemory()
    tested.add(HISTORY, 0, 3)
    body = bytearray(BODY)
    body[bit // 8] ^= 1 << bit % 8
    answer = tested.witness.add_checkpoint(bytes(body))
    if answer.status == 200:  # only a line that was of a trusted key may have become one of an unknown key
        assert (
            bytes(body).partition(b"\n\n")[2].partition(b"\n\n")[0] == BODY.partition(b"\n\n")[2].partition(b"\n\n")[0]
        )
        assert len([s for s in Note.parse(bytes(body).partition(b"\n\n")[2]).signatures if s in SIGNATURES]) == 1
    else:
        assert answer.status in REFUSALS


SIGNATURES = set(Note.parse(BODY.partition(b"\n\n")[2]).signatures)


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=20)), max_size=12))
@settings(max_examples=1000)
def test_pieces_of_a_request_in_any_order_are_cosigned_only_if_they_are_one(pieces: list[bytes]) -> None:
    tested = InMemory()
    tested.add(HISTORY, 0, 3)
    body = b"".join(pieces)
    answer = tested.witness.add_checkpoint(body)
    assert answer.status in REFUSALS | {200}
    if answer.status == 200:
        assert body.startswith(BODY.partition(b"\n\n")[0] + b"\n\n" + LOG.checkpoint(HISTORY, 7).text().encode())


# -- the file of logs --------------------------------------------------------------------------------------------------


def test_several_keys_of_one_name_are_keys_of_one_log() -> None:
    text = "# the ledger\n\n" + "".join(f"  {key.encode()}\n" for key in (*LOG.keys, *OTHER.keys))
    assert parse_logs(text) == {LOG.origin: LOG.keys, OTHER.origin: OTHER.keys}


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("# nothing\n", "no log"),
        ("nonsense\n", "line 1"),
        (f"#\n{LOG.keys[0].encode()}\n{LOG.keys[0].encode()}\n", "line 3: the same key"),
        (VerifierKey("l" * 256, 1, LOG.keys[0].public).encode(), "255 bytes"),
    ],
)
def test_a_file_of_logs_that_cannot_be_used_is_refused_with_line_and_rule(text: str, rule: str) -> None:
    with pytest.raises(LogsError, match=rule):
        parse_logs(text)
