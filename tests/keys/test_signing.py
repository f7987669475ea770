"""The signing keys of a ledger: in files and in a token, of one origin, and never open to others."""

import json
import os
from pathlib import Path

import pytest

from api.evidence.making import make_checkpoint
from ledger.keys.file import KEY_FILES, KeysError, TokenPlace, keys_folder
from ledger.keys.signing import (
    LOG_KEYS,
    Ed25519FileSigner,
    MlDsaFileSigner,
    TokenSigner,
    create_signing_keys,
    former_keys,
    former_name,
    load_signing_keys,
    make_in_token,
)
from ledger.keys.token import in_token
from ledger.proof.checkpoint import Checkpoint, open_checkpoint
from ledger.proof.note import COSIGNATURE, ED25519, ML_DSA_44, Note, VerifierKey
from tests.api.cli_runs import here
from tests.trials import Trial

ORIGIN = "example.org/T-1/00112233445566778899aabbccddeeff"
HEAD = Checkpoint(ORIGIN, 7, bytes(range(32)))
WHEN = 1_700_000_000


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    made = tmp_path / "trial.db"
    keys_folder(made).mkdir(mode=0o700)
    return made


def counted(count: int) -> bytes:
    """A random source that everybody can follow."""
    return bytes(range(count))


def test_both_keys_sign_a_checkpoint_and_their_vkeys_verify_it(ledger: Path) -> None:
    create_signing_keys(ledger, ORIGIN, os.urandom)
    keys = load_signing_keys(ledger)
    assert [key.type for key in keys.vkeys] == [ED25519, ML_DSA_44]
    assert {key.name for key in keys.vkeys} == {ORIGIN}
    note = Note(HEAD.text(), tuple(keys.sign(HEAD, WHEN)))
    known = [VerifierKey.parse(key.encode()) for key in keys.vkeys]
    opened = open_checkpoint(note.encode(), known)
    assert opened.checkpoint == HEAD
    assert {one.key.type: one.timestamp for one in opened.signatures} == {ED25519: None, ML_DSA_44: WHEN}


def test_keys_follow_from_the_random_source_and_two_ledgers_have_none_in_common(ledger: Path, tmp_path: Path) -> None:
    other, third = tmp_path / "other.db", tmp_path / "third.db"
    for each in (other, third):
        keys_folder(each).mkdir(mode=0o700)
    create_signing_keys(ledger, ORIGIN, counted)
    create_signing_keys(other, ORIGIN, counted)
    create_signing_keys(third, ORIGIN, os.urandom)
    assert load_signing_keys(ledger).vkeys == load_signing_keys(other).vkeys
    assert not set(load_signing_keys(ledger).vkeys) & set(load_signing_keys(third).vkeys)


def test_files_are_for_the_owner_alone_are_never_overwritten_and_are_known_as_key_files(ledger: Path) -> None:
    create_signing_keys(ledger, ORIGIN, os.urandom)
    assert set(LOG_KEYS) <= set(KEY_FILES)
    before = load_signing_keys(ledger).vkeys
    for name in LOG_KEYS:
        assert (keys_folder(ledger) / name).stat().st_mode & 0o777 == 0o600
    with pytest.raises(KeysError, match="never overwritten"):
        create_signing_keys(ledger, ORIGIN, os.urandom)
    assert load_signing_keys(ledger).vkeys == before


@pytest.mark.parametrize("name", LOG_KEYS)
def test_a_key_that_others_can_read_signs_nothing(ledger: Path, name: str) -> None:
    create_signing_keys(ledger, ORIGIN, os.urandom)
    (keys_folder(ledger) / name).chmod(0o640)
    with pytest.raises(KeysError, match=f"{name}: others than the owner"):
        load_signing_keys(ledger)


@pytest.mark.parametrize("name", LOG_KEYS)
@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b'{"key":"00","origin":"x"}', b'{"key":1,"origin":"x"}', b'{"origin":"x"}', b"\xff", b"00" * 32,
     b'{"key":"' + b"0" * 64 + b'","origin":"a b"}', b'{"key":"label","origin":"x","token":"t"}'],
)  # fmt: skip
def test_what_is_no_key_is_refused_by_name(ledger: Path, name: str, content: bytes) -> None:
    create_signing_keys(ledger, ORIGIN, os.urandom)
    (keys_folder(ledger) / name).write_bytes(content)
    with pytest.raises(KeysError, match=f"{name}: holds no signing key"):
        load_signing_keys(ledger)


def test_a_missing_key_is_named_and_so_is_the_way_on(ledger: Path) -> None:
    with pytest.raises(KeysError, match=r"log\.ed25519: there is no signing key.*trial-ledger continue"):
        load_signing_keys(ledger)


def test_keys_of_two_origins_do_not_sign_together_and_none_signs_for_another_origin(ledger: Path) -> None:
    create_signing_keys(ledger, ORIGIN, os.urandom)
    with pytest.raises(ValueError, match="sign no checkpoint of"):
        load_signing_keys(ledger).sign(Checkpoint("example.org/other", 7, bytes(32)), WHEN)
    path = keys_folder(ledger) / "log.mldsa44"
    path.write_text(json.dumps({"key": "00" * 32, "origin": "example.org/other"}))
    with pytest.raises(KeysError, match="two origins"):
        load_signing_keys(ledger)


@pytest.mark.parametrize("origin", ["a b", "a+b", "", "x" * 256])
def test_an_origin_that_cannot_be_the_name_of_a_key_is_refused_before_a_file_is_written(
    ledger: Path, origin: str
) -> None:
    with pytest.raises(KeysError, match="cannot be the name of a signing key"):
        create_signing_keys(ledger, origin, os.urandom)
    assert not list(keys_folder(ledger).iterdir())


def test_former_keys_are_shown_but_not_loaded_to_sign(ledger: Path) -> None:
    create_signing_keys(ledger, ORIGIN, os.urandom)
    old = load_signing_keys(ledger).vkeys
    for name in LOG_KEYS:
        (keys_folder(ledger) / name).rename(keys_folder(ledger) / former_name(name, ORIGIN))
    create_signing_keys(ledger, "example.org/next", os.urandom)
    assert {key.name for key in load_signing_keys(ledger).vkeys} == {"example.org/next"}
    assert former_keys(ledger) == list(old)
    (keys_folder(ledger) / former_name("log.ed25519", ORIGIN)).write_bytes(b"")
    assert former_keys(ledger) == list(old[1:])


def test_no_key_shows_in_what_python_prints_of_it() -> None:
    seed = bytes(range(32))
    for signer in (Ed25519FileSigner(ORIGIN, seed), MlDsaFileSigner(ORIGIN, seed)):
        assert seed.hex() not in repr(signer) + str(vars(signer))


def test_a_witness_signs_with_the_same_classes() -> None:
    signers = (Ed25519FileSigner("w.example", bytes(32), COSIGNATURE), MlDsaFileSigner("w.example", bytes(32)))
    note = Note(HEAD.text(), tuple(signer.sign(HEAD, WHEN) for signer in signers))
    opened = open_checkpoint(note.encode(), [signer.key for signer in signers])
    assert {one.key.type: one.timestamp for one in opened.signatures} == {COSIGNATURE: WHEN, ML_DSA_44: WHEN}
    with pytest.raises(ValueError, match="none of Ed25519"):
        Ed25519FileSigner("w.example", bytes(32), ML_DSA_44)


# -- in a token ------------------------------------------------------------------------------------------------------


def test_a_key_in_a_token_signs_what_its_vkey_verifies_and_its_file_holds_no_key(
    ledger: Path, place: TokenPlace
) -> None:
    create_signing_keys(ledger, ORIGIN, os.urandom, place)
    keys = load_signing_keys(ledger)
    assert isinstance(keys.signers[0], TokenSigner)
    assert [key.type for key in keys.vkeys] == [ED25519, ML_DSA_44]
    note = Note(HEAD.text(), tuple(keys.sign(HEAD, WHEN)))
    assert len(open_checkpoint(note.encode(), keys.vkeys).signatures) == 2
    kept = json.loads((keys_folder(ledger) / "log.ed25519").read_bytes())
    assert set(kept) == {"key", "module", "origin", "public", "token"}
    assert bytes.fromhex(kept["public"]) == keys.vkeys[0].public


def test_the_key_in_the_token_cannot_be_taken_out(ledger: Path, place: TokenPlace) -> None:
    import pkcs11

    create_signing_keys(ledger, ORIGIN, os.urandom, place)
    signer = load_signing_keys(ledger).signers[0]
    assert isinstance(signer, TokenSigner)

    def asked(session: pkcs11.Session) -> tuple[bool, bool]:
        key = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=signer.label)
        return bool(key[pkcs11.Attribute.EXTRACTABLE]), bool(key[pkcs11.Attribute.SENSITIVE])

    assert in_token(place, signer.label, asked) == (False, True)


def test_another_key_under_the_label_hands_out_no_signature(place: TokenPlace) -> None:
    make_in_token(place, "swapped")
    other = Ed25519FileSigner(ORIGIN, bytes(32)).key.public
    with pytest.raises(KeysError, match="is not the ledger's signing key"):
        TokenSigner(ORIGIN, place, "swapped", other).sign(HEAD, WHEN)


def test_a_key_that_is_not_in_the_token_is_named(place: TokenPlace) -> None:
    public = Ed25519FileSigner(ORIGIN, bytes(32)).key.public
    with pytest.raises(KeysError, match="there is no key nowhere"):
        TokenSigner(ORIGIN, place, "nowhere", public).sign(HEAD, WHEN)


def test_a_ledger_goes_on_with_a_new_key_in_a_token_and_signs_from_there(tmp_path: Path, place: TokenPlace) -> None:
    trial = Trial(tmp_path)
    reason = ("--reason", "keys belong in a token", "--to-token", place.token, "--module", place.module)
    done = here("continue", trial.path, *reason)
    assert done.code == 0, done.err
    keys = load_signing_keys(trial.path)
    assert isinstance(keys.signers[0], TokenSigner)
    stored = make_checkpoint(trial.path, clock=trial.clock)
    assert len(open_checkpoint(stored.data, keys.vkeys).signatures) == 2
    trial.ledger.close()
