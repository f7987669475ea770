"""Policies hold to c2sp.org/tlog-policy: what is a policy, and when a checkpoint is enough for one."""

import base64
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proof.checkpoint import Checkpoint, OpenedCheckpoint, open_checkpoint
from ledger.proof.note import (
    COSIGNATURE,
    ED25519,
    ML_DSA_44,
    NoteError,
    NotSignedError,
    SignatureError,
    VerifierKey,
    shown,
)
from ledger.proof.policy import MAX_OF_A_KIND, MAX_POLICY_BYTES, Policy, PolicyError, QuorumError
from ledger.proof.tree import leaf_hash
from tests.proof.signers import TestSigner, signed

ORIGIN = "log.example/trial"
TEXT = Checkpoint(ORIGIN, 5, leaf_hash(b"")).text()
LOG, LOG_PQ, OTHER_LOG = TestSigner(ORIGIN, ED25519), TestSigner(ORIGIN, ML_DSA_44), TestSigner("other", ED25519)
X1, X2, X3 = (TestSigner(f"x{number}.example", COSIGNATURE) for number in (1, 2, 3))
Y1, Y2, Y3 = (TestSigner(f"y{number}.example", ML_DSA_44) for number in (1, 2, 3))
L, A, B, C = (signer.key.encode() for signer in (LOG, X1, X2, X3))

# The example of tlog-policy, with keys put in.
EXAMPLE = f"""log {LOG.key.encode()}

witness X1 {X1.key.encode()}
witness X2 {X2.key.encode()}
witness X3 {X3.key.encode()}
group X-witnesses 2 X1 X2 X3

witness Y1 {Y1.key.encode()}
witness Y2 {Y2.key.encode()}
witness Y3 {Y3.key.encode()}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
""".encode()


def policy(*lines: str) -> Policy:
    return Policy.parse("".join(f"{line}\n" for line in lines).encode())


def test_the_published_example_asks_for_two_of_x_and_one_of_y() -> None:
    found = Policy.parse(EXAMPLE)
    assert found.logs == (LOG.key,)
    assert list(found.witnesses) == ["X1", "X2", "X3", "Y1", "Y2", "Y3"]
    everyone = (X1, X2, X3, Y1, Y2, Y3)
    for count in range(7):
        for chosen in combinations(everyone, count):
            enough = sum(one in chosen for one in everyone[:3]) >= 2 and any(one in chosen for one in everyone[3:])
            assert found.satisfied_by([one.key for one in chosen]) is enough


def test_a_checkpoint_holds_with_log_and_quorum_and_not_with_less() -> None:
    found = Policy.parse(EXAMPLE)
    opened = found.open(signed(TEXT, LOG, X1, X3, Y2))
    assert opened.checkpoint.size == 5
    assert found.witnessed(opened) == (3, 6)
    assert found.satisfied_by(opened)
    with pytest.raises(QuorumError, match=r"cosigned by 2 of the 6 witnesses .* quorum \(X-and-Y\)"):
        found.open(signed(TEXT, LOG, X1, X3))
    with pytest.raises(NotSignedError, match="no log of the policy"):
        found.open(signed(TEXT, X1, X3, Y2))
    with pytest.raises(NotSignedError):
        found.open(signed(TEXT, LOG_PQ))


def test_one_failing_signature_refuses_what_would_be_enough_without_it() -> None:
    data = signed(TEXT, LOG, X1, X2, X3, Y1)
    line = X3.sign(TEXT).encode().encode()
    assert line in data
    with pytest.raises(SignatureError):
        Policy.parse(EXAMPLE).open(data.replace(line, X3.sign(TEXT.replace("5", "6")).encode().encode()))


def test_a_repeated_cosignature_is_one_witness() -> None:
    found = policy(f"log {L}", f"witness a {A}", f"witness b {B}", "group g 2 a b", "quorum g")
    with pytest.raises(QuorumError):
        found.open(signed(TEXT, LOG, X1, X1))
    assert found.witnessed(found.open(signed(TEXT, LOG, X1, X2, X1))) == (2, 2)


def test_a_log_signs_under_its_own_origin_only() -> None:
    found = policy(f"log {L}", f"log {OTHER_LOG.key.encode()}", "quorum none")
    assert found.open(signed(TEXT, LOG, OTHER_LOG)).keys == {LOG.key, OTHER_LOG.key}
    with pytest.raises(NotSignedError, match=r"as log.example/trial, which is its origin"):
        found.open(signed(TEXT, OTHER_LOG))


def test_a_log_with_two_keys_is_believed_by_either_and_refused_if_one_fails() -> None:
    found = policy(f"log {L}", f"log {LOG_PQ.key.encode()}", "quorum none")
    for signers in ((LOG,), (LOG_PQ,), (LOG, LOG_PQ)):
        assert set(found.log_keys(found.open(signed(TEXT, *signers)))) == {one.key for one in signers}
    good = signed(TEXT, LOG)
    with pytest.raises(SignatureError):
        found.open(good + LOG_PQ.sign(TEXT.replace("5", "6")).encode().encode())


def test_the_quorum_none_asks_for_no_witness() -> None:
    found = policy(f"log {L}", "quorum none")
    assert found.witnessed(found.open(signed(TEXT, LOG, X1))) == (0, 0)
    assert policy("quorum none").logs == ()


def test_a_single_witness_can_be_the_quorum() -> None:
    found = policy(f"witness a {A}", f"witness b {B}", "quorum b")
    assert found.satisfied_by([X2.key])
    assert not found.satisfied_by([X1.key])
    assert not found.satisfied_by([LOG.key])


def test_what_the_file_format_allows_is_read() -> None:
    found = Policy.parse(
        b"# comment \xff\n \t \n\t# another\n"
        + f" log \t {L}  https://log.example/x \n\twitness none? {A}\thttps://é.example/\n".encode()
        + b"witness \xe2\x84\xaa "
        + B.encode()
        + b"\nwitness K "
        + C.encode()
        + b"\n"
        + b"group \xff\xfe 2 \xe2\x84\xaa K\nquorum \xff\xfe\n"
    )
    assert found.urls == {LOG.key: "https://log.example/x", X1.key: "https://é.example/"}
    assert list(found.witnesses) == ["none?", "\u212a", "K"]
    assert shown(found.quorum) == r"\udcff\udcfe"
    assert found.satisfied_by([X2.key, X3.key])


LONG = "a" * MAX_POLICY_BYTES


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "has no quorum line"),
        ([f"log {L}"], "has no quorum line"),
        (["quorum none", "quorum none"], "line 2: is a second quorum line"),
        (["quorum"], "line 1: is not: quorum"),
        (["quorum a b"], "line 1: is not: quorum"),
        (["quorum a", f"witness a {A}"], "line 1: a: no line above defines"),
        (["Quorum none"], "line 1: begins with Quorum"),
        (["logs x"], "begins with logs"),
        (["\u00a0log x"], "begins with"),
        (["log"], "is not: log"),
        ([f"log {L} url more"], "is not: log"),
        (["log x"], "line 1: verifier key"),
        ([f"log {L} # comment"], "is not: log"),
        ([f"log {A}"], "of type 0x01 or 0x06, not 0x04"),
        ([f"witness a {L}"], "of type 0x04 or 0x06, not 0x01"),
        ([f"witness {A}"], "is not: witness"),
        ([f"witness a {A} url more"], "is not: witness"),
        ([f"witness none {A}"], "the name none is reserved"),
        ([f"witness a {A}", f"witness a {B}"], "line 2: a: is defined already"),
        ([f"witness a {A}", f"witness b {A}"], "another witness has the same public key"),
        ([f"log {L}", "", f"log {L}"], "line 3: .* another log has the same public key"),
        ([f"witness a {A}", "group a any a"], "a: is defined already"),
        ([f"witness a {A}", "group none any a"], "the name none is reserved"),
        ([f"witness a {A}", "group g any a", "group g any g"], "g: is defined already"),
        ([f"witness a {A}", "group g any"], "with at least one member"),
        ([f"witness a {A}", "group g a"], "with at least one member"),
        ([f"witness a {A}", "group g any none"], "none: no line above defines"),
        ([f"witness a {A}", "group g any g"], "g: no line above defines"),
        (["group g any a", f"witness a {A}"], "line 1: a: no line above defines"),
        ([f"witness a {A}", "group g any a a"], "a: is a member already"),
        ([f"witness a {A}", f"witness b {B}", "group g any a", "group h any b a"], "line 4: a: is a member already"),
        ([f"witness a {A}", "group g 0 a"], "0: is not all, any, or a decimal from 1 to the 1 members"),
        ([f"witness a {A}", "group g 2 a"], "2: is not all, any"),
        ([f"witness a {A}", "group g -1 a"], "is not all, any"),
        ([f"witness a {A}", "group g +1 a"], "is not all, any"),
        ([f"witness a {A}", "group g 01 a"], "is not all, any"),
        ([f"witness a {A}", "group g 1.0 a"], "is not all, any"),
        ([f"witness a {A}", "group g \u0661 a"], "is not all, any"),
        ([f"witness a {A}", f"group g {'9' * 5000} a"], "is not all, any"),
        ([f"witness a {A}", "group g ALL a"], "is not all, any"),
        (["quorum none\r"], "line 1: contains the octet 0x0d"),
        (["", "quorum\x0bnone"], "line 2: contains the octet 0x0b"),
        (["quorum none", "# \x00"], "line 2: contains the octet 0x00"),
        (["# \x7f", "quorum none"], "line 1: contains the octet 0x7f"),
        ([f"# {LONG}", "quorum none"], "at most 1,048,576 are read"),
    ],
)
def test_what_is_no_policy_is_refused_by_line_and_rule(lines: list[str], message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        policy(*lines)


def test_a_policy_cut_short_is_refused() -> None:
    with pytest.raises(PolicyError, match="last line does not end in a newline"):
        Policy.parse(EXAMPLE[:-6])


def test_one_public_key_under_two_names_is_one_witness() -> None:
    renamed = VerifierKey("elsewhere", COSIGNATURE, X1.key.public).encode()
    with pytest.raises(PolicyError, match="elsewhere: another witness has the same public key"):
        policy(f"witness a {A}", f"witness b {renamed}", "quorum none")


def test_two_keys_that_cannot_be_told_apart_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # Four bytes collide after 2^32 attempts, or after one if the recipe is made to.
    monkeypatch.setattr("ledger.proof.note.key_id", lambda *_: b"same")
    one, other = (VerifierKey(ORIGIN, type, key.key.public).encode() for type, key in ((ED25519, LOG), (6, LOG_PQ)))
    with pytest.raises(PolicyError, match=r"line 2: .* a different key above has the same name and key ID"):
        policy(f"log {one}", f"log {other}", "quorum none")
    assert policy(f"log {other}", f"witness w {other}", "quorum w").keys == (LOG_PQ.key,)


def test_a_vkey_that_is_not_utf_8_or_of_another_key_is_refused() -> None:
    with pytest.raises(PolicyError, match="line 1"):
        Policy.parse(b"log \xff\xfe+00000000+AAAA\nquorum none\n")
    unknown = base64.b64encode(b"\x05" + bytes(32)).decode()
    with pytest.raises(PolicyError, match="type 0x05"):
        policy(f"log x+00000000+{unknown}", "quorum none")


@pytest.mark.parametrize("count", [32, MAX_OF_A_KIND])
def test_many_witnesses_and_deep_groups_are_read(count: int) -> None:
    signers = [TestSigner(f"w{number}", COSIGNATURE) for number in range(count)]
    lines = [f"witness w{number} {signer.key.encode()}" for number, signer in enumerate(signers)]
    lines.append("group g0 any w0")
    lines += [f"group g{number} all g{number - 1} w{number}" for number in range(1, count)]
    found = policy(*lines, f"quorum g{count - 1}")
    assert found.satisfied_by([one.key for one in signers])
    assert not found.satisfied_by([one.key for one in signers[1:]])
    assert not found.satisfied_by([one.key for one in signers[:-1]])
    extra = [TestSigner(f"w{number}", COSIGNATURE).key.encode() for number in range(count, MAX_OF_A_KIND + 1)]
    with pytest.raises(PolicyError, match="is one too many"):
        policy(*lines, *(f"witness more{number} {vkey}" for number, vkey in enumerate(extra)), "quorum none")


pieces = st.sampled_from(
    [
        b"\n",
        b" ",
        b"\t",
        b"#",
        b"log ",
        b"witness ",
        b"group ",
        b"quorum ",
        b"none",
        b"any ",
        b"all ",
        b"1 ",
        b"a",
        b"b",
    ]
    + [f"{key} ".encode() for key in (L, A, B)]
    + [b"\xff", b"\r", f"log {L}\n".encode(), f"witness a {A}\n".encode(), b"group g any a\n", b"quorum a\n"]
)


@given(st.binary(max_size=200) | st.lists(pieces, max_size=15).map(b"".join))
def test_of_any_bytes_either_a_policy_comes_or_a_policy_error(data: bytes) -> None:
    try:
        found = Policy.parse(data)
    except PolicyError:
        return
    assert found.quorum == "none" or found.quorum in found.witnesses or found.quorum in found.groups
    assert found.satisfied_by(found.keys)  # with all of them it can be met
    assert found.satisfied_by([]) is (found.quorum == "none")


@given(st.integers(0, len(EXAMPLE) - 1), st.binary(max_size=2))
def test_a_changed_byte_of_a_policy_gives_a_policy_or_a_policy_error(at: int, changed: bytes) -> None:
    try:
        found = Policy.parse(EXAMPLE[:at] + changed + EXAMPLE[at + 1 :])
    except PolicyError:
        return
    assert found.satisfied_by(found.keys)
    assert not found.satisfied_by([]) or found.quorum == "none"


def test_more_signers_never_satisfy_less() -> None:
    found = Policy.parse(EXAMPLE)
    keys = [one.key for one in (X1, X2, X3, Y1, Y2, Y3)]
    for count in range(6):
        for chosen in combinations(keys, count):
            if found.satisfied_by(chosen):
                assert all(found.satisfied_by([*chosen, key]) for key in keys)


def test_what_was_opened_with_other_keys_counts_only_the_policys_own() -> None:
    found = policy(f"log {L}", f"witness a {A}", f"witness b {B}", "quorum a")
    opened: OpenedCheckpoint = open_checkpoint(signed(TEXT, LOG, X1, X3), [LOG.key, X1.key, X3.key])
    found.check(opened)
    assert found.witnessed(opened) == (1, 2)
    assert found.cosigners(opened.keys) == ("a",)
    with pytest.raises(NoteError):
        policy("witness b " + B, "quorum b").check(opened)
