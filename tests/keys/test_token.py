"""Key-encryption keys in a token (SoftHSM): the same promises, and the key never leaves it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.keys.file import KeysError, TokenPlace, keys_folder, load_keys, rotate_keys
from ledger.keys.kek import wrapping_aad
from ledger.keys.token import PIN, PIN_FILE, TokenKek, close_sessions
from tests.keys.folders import NAMED, Opened, all_bytes, change, file_names, keks, new_keys, opened_by, rows
from tests.keys.interrupting import at_every_step
from tests.keys.softhsm import USER_PIN

THREE = ["data-keys.db", "identity.kek", "sealed.kek"]


@pytest.fixture
def ledger(tmp_path: Path, place: TokenPlace) -> Path:
    """A ledger whose key-encryption keys lie in the token."""
    made = new_keys(tmp_path)
    rotate_keys(made, os.urandom, to=place)
    return made


@pytest.fixture
def logged_out(ledger: Path) -> Iterator[Path]:
    """The same, when nobody has given the PIN yet."""
    close_sessions()
    yield ledger
    close_sessions()


def in_token(place: TokenPlace) -> list[str]:
    """The labels of the keys in the token."""
    import pkcs11

    with pkcs11.lib(str(place.module)).get_token(token_label=place.token).open() as session:
        return sorted(str(found[pkcs11.Attribute.LABEL]) for found in session.get_objects())


def test_moved_into_a_token_all_opens_as_before_and_the_old_files_open_nothing(
    tmp_path: Path, place: TokenPlace
) -> None:
    ledger = new_keys(tmp_path)
    before, old = Opened.of(ledger), keks(ledger)
    done = rotate_keys(ledger, os.urandom, to=place)
    assert Opened.of(ledger) == before
    assert [opened_by(kek, ledger) for kek in old.values()] == [[], []]
    assert not any(kek.content().strip() in all_bytes(ledger) for kek in old.values())
    assert {rotation.new for rotation in done} <= set(in_token(place))
    assert file_names(ledger) == THREE


def test_the_file_says_where_the_key_is_and_holds_neither_key_nor_pin(ledger: Path, place: TokenPlace) -> None:
    for kind in ("identity", "sealed"):
        content = json.loads((keys_folder(ledger) / f"{kind}.kek").read_text())
        assert content == {"key": keks(ledger)[kind].id, "module": str(place.module), "token": place.token}
    assert USER_PIN.encode() not in all_bytes(ledger)


def test_the_key_cannot_be_taken_out_of_the_token(ledger: Path, place: TokenPlace) -> None:
    import pkcs11

    load_keys(ledger)
    assert load_keys(ledger).marks  # logs in
    label = keks(ledger)["sealed"].id
    with pkcs11.lib(str(place.module)).get_token(token_label=place.token).open() as session:
        key = session.get_key(object_class=pkcs11.ObjectClass.SECRET_KEY, label=label)
        assert key[pkcs11.Attribute.SENSITIVE]
        assert not key[pkcs11.Attribute.EXTRACTABLE]
        with pytest.raises(pkcs11.AttributeSensitive):
            key[pkcs11.Attribute.VALUE]


def test_a_rotation_in_a_token_destroys_the_old_key_there(ledger: Path, place: TokenPlace) -> None:
    before = Opened.of(ledger)
    done = rotate_keys(ledger, os.urandom)
    labels = in_token(place)
    assert all(rotation.new in labels and rotation.old not in labels for rotation in done)
    assert Opened.of(ledger) == before


def test_moved_out_of_a_token_nothing_is_left_in_it(ledger: Path, place: TokenPlace) -> None:
    before, old = Opened.of(ledger), keks(ledger)
    rotate_keys(ledger, os.urandom, to="file")
    assert Opened.of(ledger) == before
    assert not {kek.id for kek in old.values()} & set(in_token(place))


def test_one_in_the_token_and_one_in_a_file(tmp_path: Path, place: TokenPlace) -> None:
    ledger = new_keys(tmp_path)
    before = Opened.of(ledger)
    rotate_keys(ledger, os.urandom, ["sealed"], to=place)
    assert isinstance(keks(ledger)["sealed"], TokenKek)
    assert not isinstance(keks(ledger)["identity"], TokenKek)
    rotate_keys(ledger, os.urandom)
    assert isinstance(keks(ledger)["sealed"], TokenKek)
    assert not isinstance(keks(ledger)["identity"], TokenKek)
    assert Opened.of(ledger) == before


@pytest.mark.parametrize("position", [0, 11, 12, 30, -1])
def test_a_changed_wrapped_key_does_not_open(ledger: Path, position: int) -> None:
    wrapped = bytearray(rows(ledger)["section/identity/subject/S-1"])
    wrapped[position] ^= 1
    for value in (bytes(wrapped), bytes(wrapped[:20]), b""):
        change(ledger, "UPDATE key SET wrapped = ? WHERE name = 'section/identity/subject/S-1'", value)
        keys = load_keys(ledger)
        with pytest.raises(KeysError, match="section/identity/subject/S-1 does not open"):
            keys.section_key(*NAMED)
        assert keys.section_key("identity", "subject/S-2") is not None


def test_a_wrapped_key_opens_under_its_own_name_only(ledger: Path) -> None:
    kek, wrapped = keks(ledger)["sealed"], rows(ledger)["marks"]
    assert kek.unwrap(wrapping_aad("marks"), wrapped) == load_keys(ledger).marks
    assert kek.unwrap(wrapping_aad("digest/arm"), wrapped) is None


def test_a_wrong_pin_is_refused_and_not_told(logged_out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PIN, "99887766")
    with pytest.raises(KeysError, match="PinIncorrect") as caught:
        _ = load_keys(logged_out).marks
    assert "99887766" not in str(caught.value)


def test_without_a_pin_the_error_says_how_to_give_it(logged_out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PIN)
    with pytest.raises(KeysError, match=f"{PIN}.*{PIN_FILE}"):
        _ = load_keys(logged_out).marks


def test_what_needs_no_key_of_the_token_needs_no_pin(
    tmp_path: Path, place: TokenPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = new_keys(tmp_path)
    rotate_keys(ledger, os.urandom, ["sealed"], to=place)
    close_sessions()
    monkeypatch.delenv(PIN)
    assert load_keys(ledger).section_key(*NAMED) is not None


def test_the_pin_comes_from_a_private_file(logged_out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PIN)
    path = tmp_path / "pin"
    path.write_text(f"{USER_PIN}\n")
    monkeypatch.setenv(PIN_FILE, str(path))
    path.chmod(0o644)
    with pytest.raises(KeysError, match="set its mode to 600"):
        _ = load_keys(logged_out).marks
    path.chmod(0o600)
    assert load_keys(logged_out).marks


def test_a_token_or_key_that_is_not_there_is_named(ledger: Path, place: TokenPlace) -> None:
    path = keys_folder(ledger) / "sealed.kek"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"token": "another"}))
    with pytest.raises(KeysError, match=r"token another.*no such token"):
        _ = load_keys(ledger).marks
    path.write_text(json.dumps(content | {"module": "/no/module.so"}))
    with pytest.raises(KeysError, match=r"/no/module\.so"):
        _ = load_keys(ledger).marks
    path.write_text(json.dumps(content))
    TokenKek(place, content["key"]).destroy()
    with pytest.raises(KeysError, match=f"there is no key {content['key']}"):
        _ = load_keys(ledger).marks


def test_a_move_into_a_token_that_is_not_there_changes_nothing(tmp_path: Path, place: TokenPlace) -> None:
    ledger = new_keys(tmp_path)
    before, old = Opened.of(ledger), keks(ledger)
    with pytest.raises(KeysError, match="no such token"):
        rotate_keys(ledger, os.urandom, to=replace(place, token="another"))
    assert file_names(ledger) == THREE
    assert Opened.of(ledger) == before
    assert {kind: kek.id for kind, kek in keks(ledger).items()} == {kind: kek.id for kind, kek in old.items()}


def test_interrupted_anywhere_no_key_is_lost_and_none_is_left_behind_in_the_token(
    tmp_path: Path, place: TokenPlace
) -> None:
    made: list[Opened] = []

    def new() -> Path:
        (tmp_path / str(len(made))).mkdir()
        ledger = new_keys(tmp_path / str(len(made)), subjects=("S-1",))
        rotate_keys(ledger, os.urandom, ["sealed"], to=place)
        made.append(Opened.of(ledger, ("S-1",)))
        return keys_folder(ledger)

    def clear() -> None:
        for label in set(in_token(place)) - others:
            TokenKek(place, label).destroy()

    others = set(in_token(place))
    steps = 0
    for folder, step in at_every_step(new, lambda folder: rotate_keys(folder.with_suffix(""), os.urandom, to=place)):
        ledger = folder.with_suffix("")
        if not steps:
            TokenKek(place, keks(tmp_path / "0" / "trial.db")["sealed"].id).destroy()  # of the one that went through
            TokenKek(place, keks(tmp_path / "0" / "trial.db")["identity"].id).destroy()
        assert Opened.of(ledger, ("S-1",)) == made[-1], step
        assert file_names(ledger) == THREE, step
        assert set(in_token(place)) - others == {k.id for k in keks(ledger).values() if isinstance(k, TokenKek)}, step
        clear()
        steps += 1
    assert steps > 30


ANOTHER = """
import sys
from pathlib import Path
from ledger.keys.file import load_keys
print(load_keys(Path(sys.argv[1])).marks.hex())
"""


def test_another_process_opens_the_same(ledger: Path) -> None:
    done = subprocess.run([sys.executable, "-c", ANOTHER, str(ledger)], capture_output=True, text=True, check=True)
    marks = load_keys(ledger).marks
    assert marks is not None
    assert done.stdout.strip() == marks.hex()
