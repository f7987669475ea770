"""What the keys in files promise: private, whole, each under its own name, never a wrong one."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.keys.file import KeysError, create_keys, keys_folder, load_keys, rotate_keys
from tests.keys.folders import NAMED, SUBJECTS, Opened, all_bytes, change, file_names, new_keys, rows
from tests.unprivileged import folder_of_nobody, unprivileged

FILES = ("identity.kek", "sealed.kek", "data-keys.db")


def test_the_folder_is_its_owners_alone(tmp_path: Path) -> None:
    folder = keys_folder(new_keys(tmp_path))
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == dict.fromkeys(FILES, 0o600)


@pytest.mark.parametrize("name", ["", *FILES])
@pytest.mark.parametrize("mode", [0o040, 0o004, 0o020, 0o002])
def test_what_others_have_access_to_is_refused(tmp_path: Path, name: str, mode: int) -> None:
    ledger = new_keys(tmp_path)
    path = keys_folder(ledger) / name
    path.chmod(path.stat().st_mode | mode)
    with pytest.raises(KeysError, match=f"{path.name}.*set its mode to {'600' if name else '700'}"):
        load_keys(ledger)


def test_a_file_that_others_can_read_is_refused_while_a_rotation_is_unfinished_too(tmp_path: Path) -> None:
    ledger = new_keys(tmp_path)
    standing = keys_folder(ledger) / "sealed.kek"
    incoming = standing.rename(standing.with_name("sealed.kek.new"))
    incoming.chmod(0o644)
    with pytest.raises(KeysError, match="set its mode to 600"):
        load_keys(ledger)


def test_keys_are_made_once_and_never_overwritten(tmp_path: Path) -> None:
    ledger = new_keys(tmp_path)
    before = all_bytes(ledger)
    with pytest.raises(KeysError, match="never overwritten"):
        create_keys(ledger, os.urandom)
    assert all_bytes(ledger) == before


@pytest.mark.parametrize("name", FILES)
def test_one_file_that_is_there_already_is_not_overwritten_either(tmp_path: Path, name: str) -> None:
    ledger = tmp_path / "trial.db"
    keys_folder(ledger).mkdir(0o700)
    (keys_folder(ledger) / name).write_text("somebody's")
    with pytest.raises(KeysError, match="never overwritten"):
        create_keys(ledger, os.urandom)
    assert file_names(ledger) == [name]


def test_what_was_made_is_there_when_loaded_again(tmp_path: Path) -> None:
    ledger = tmp_path / "trial.db"
    keys = create_keys(ledger, os.urandom)
    made = {s: keys.make_section_key("identity", f"subject/{s}", os.urandom) for s in SUBJECTS}
    keys.close()
    again = load_keys(ledger)
    assert {s: again.section_key("identity", f"subject/{s}") for s in SUBJECTS} == made
    assert all(again.make_section_key("identity", f"subject/{s}", os.urandom) == made[s] for s in SUBJECTS)


def test_no_two_keys_are_equal(tmp_path: Path) -> None:
    opened = Opened.of(new_keys(tmp_path))
    every = [opened.marks, *opened.sections.values(), *opened.digests]
    assert None not in every
    assert len(set(every)) == len(every) == 1 + 8 + 5


def test_no_key_stands_in_the_clear_but_those_that_encrypt_keys(tmp_path: Path) -> None:
    ledger = new_keys(tmp_path)
    opened, stored = Opened.of(ledger), all_bytes(ledger)
    for key in [opened.marks, *opened.sections.values(), b"the list"]:
        assert key is not None
        assert key not in stored
        assert key.hex().encode() not in stored
    assert all(wrapped in stored for wrapped in rows(ledger).values())  # the scan finds what is there


def test_neither_a_printout_nor_an_error_tells_a_key(tmp_path: Path) -> None:
    ledger = new_keys(tmp_path)
    keys = load_keys(ledger)
    assert repr(keys) == f"TrialKeys('{keys_folder(ledger)}')"
    kek = (keys_folder(ledger) / "identity.kek").read_text().strip()
    (keys_folder(ledger) / "sealed.kek").write_text(kek)
    with pytest.raises(KeysError) as caught:
        load_keys(ledger)
    assert kek not in str(caught.value)


def test_without_any_key_nothing_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(KeysError, match="not here"):
        load_keys(tmp_path / "trial.db")


def test_without_the_identity_key_the_sealed_book_still_opens_and_names_do_not(tmp_path: Path) -> None:
    ledger = new_keys(tmp_path)
    (keys_folder(ledger) / "identity.kek").unlink()
    keys = load_keys(ledger)
    assert keys.section_key(*NAMED) is None
    assert keys.section_key("arm", "subject/S-1") is not None
    assert keys.marks is not None
    assert keys.digest_of("arm", b"{}")
    for needs_it in (
        lambda: keys.make_section_key("identity", "subject/S-9", os.urandom),
        lambda: keys.make_section_key(*NAMED, os.urandom),
        lambda: keys.digest_of("open", b"{}"),
        lambda: keys.digest_of("identity:subject/S-1", b"{}"),
        lambda: rotate_keys(ledger, os.urandom),
    ):
        with pytest.raises(KeysError, match=r"identity\.kek"):
            needs_it()
    assert [done.kind for done in rotate_keys(ledger, os.urandom, ["sealed"])] == ["sealed"]


def test_without_the_sealed_key_names_still_open_and_the_sealed_book_does_not(tmp_path: Path) -> None:
    ledger = new_keys(tmp_path)
    (keys_folder(ledger) / "sealed.kek").unlink()
    keys = load_keys(ledger)
    assert keys.section_key(*NAMED) is not None
    assert keys.digest_of("open", b"{}")
    held = [keys.marks, keys.secret("allocation")]
    assert (
        held + [keys.section_key(c, s) for c, s in (("arm", "subject/S-1"), ("header", ""), ("anchor", ""))]
        == [None] * 5
    )
    for needs_it in (
        lambda: keys.make_section_key("arm", "subject/S-9", os.urandom),
        lambda: keys.digest_of("arm", b"{}"),
        lambda: keys.keep_secret("another", b"x"),
    ):
        with pytest.raises(KeysError, match=r"sealed\.kek"):
            needs_it()


@pytest.mark.parametrize("content", [b"", b"00" * 32, b"not a key", b"\xff" * 64, b"ab" * 31, b'{"key": "a"}', b"{"])
def test_another_key_or_none_in_the_place_of_a_key_encryption_key_is_refused(tmp_path: Path, content: bytes) -> None:
    ledger = new_keys(tmp_path)
    (keys_folder(ledger) / "identity.kek").write_bytes(content)
    with pytest.raises(KeysError, match=r"identity\.kek"):
        load_keys(ledger)


def test_the_two_key_encryption_keys_cannot_stand_in_for_each_other(tmp_path: Path) -> None:
    ledger = new_keys(tmp_path)
    folder = keys_folder(ledger)
    (folder / "identity.kek").rename(folder / "x")
    (folder / "sealed.kek").rename(folder / "identity.kek")
    (folder / "x").rename(folder / "sealed.kek")
    with pytest.raises(KeysError, match="is not the key-encryption key"):
        load_keys(ledger)


@pytest.mark.parametrize("content", [b"", b"x" * 5000])
def test_a_database_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    ledger = new_keys(tmp_path)
    (keys_folder(ledger) / "data-keys.db").write_bytes(content)
    with pytest.raises(KeysError, match=r"data-keys\.db"):
        load_keys(ledger)


@given(st.integers(0, 10_000), st.integers(0, 7))
def test_a_flipped_bit_of_a_wrapped_key_is_an_error_and_never_another_key(position: int, bit: int) -> None:
    with TemporaryDirectory() as folder:
        ledger = new_keys(Path(folder), subjects=("S-1",))
        wrapped = bytearray(rows(ledger)["section/identity/subject/S-1"])
        wrapped[position % len(wrapped)] ^= 1 << bit
        change(ledger, "UPDATE key SET wrapped = ? WHERE name = 'section/identity/subject/S-1'", bytes(wrapped))
        keys = load_keys(ledger)
        with pytest.raises(KeysError, match="section/identity/subject/S-1 does not open"):
            keys.section_key(*NAMED)
        with pytest.raises(KeysError, match="section/identity/subject/S-1 does not open"):
            keys.make_section_key(*NAMED, os.urandom)
        assert keys.section_key("arm", "subject/S-1") is not None
        keys.close()


@pytest.mark.parametrize("wrapped", [b"", b"\x00" * 5, b"\x00" * 27])
def test_a_truncated_wrapped_key_is_an_error(tmp_path: Path, wrapped: bytes) -> None:
    ledger = new_keys(tmp_path)
    change(ledger, "UPDATE key SET wrapped = ? WHERE name = 'marks'", wrapped)
    with pytest.raises(KeysError, match="marks does not open"):
        _ = load_keys(ledger).marks


def test_a_wrapped_key_opens_under_its_own_name_only(tmp_path: Path) -> None:
    ledger = new_keys(tmp_path)
    change(ledger, "UPDATE key SET wrapped = ? WHERE name = ?",
           rows(ledger)["section/identity/subject/S-2"], "section/identity/subject/S-1")  # fmt: skip
    keys = load_keys(ledger)
    with pytest.raises(KeysError, match="section/identity/subject/S-1 does not open"):
        keys.section_key(*NAMED)
    assert keys.section_key("identity", "subject/S-2") is not None


def test_a_secret_is_kept_once(tmp_path: Path) -> None:
    ledger = tmp_path / "trial.db"
    keys = create_keys(ledger, os.urandom)
    assert keys.secret("allocation") is None
    keys.keep_secret("allocation", b"one")
    keys.keep_secret("allocation", b"one")
    with pytest.raises(KeysError, match="never replaced"):
        keys.keep_secret("allocation", b"another")
    keys.close()
    assert load_keys(ledger).secret("allocation") == b"one"


@given(st.binary(max_size=600))
def test_a_secret_comes_back_as_it_was_and_its_length_shows_in_steps_only(value: bytes) -> None:
    with TemporaryDirectory() as folder:
        ledger = Path(folder) / "trial.db"
        create_keys(ledger, os.urandom).keep_secret("allocation", value)
        assert load_keys(ledger).secret("allocation") == value
        assert (len(rows(ledger)["secret/allocation"]) - 12 - 16) % 256 == 0


def test_digests_are_keyed_by_scope_and_last(tmp_path: Path) -> None:
    ledger = new_keys(tmp_path)
    keys = load_keys(ledger)
    scopes = ["open", "arm", *(f"identity:subject/{subject}" for subject in SUBJECTS)]
    digests = [keys.digest_of(scope, b'{"a":1}') for scope in scopes]
    assert len(set(digests)) == len(scopes)
    assert all(len(bytes.fromhex(digest)) == 32 for digest in digests)
    assert keys.digest_of("open", b'{"a":2}') not in digests
    assert [load_keys(ledger).digest_of(scope, b'{"a":1}') for scope in scopes] == digests
    with pytest.raises(KeysError, match="never made"):
        keys.digest_of("identity:subject/S-9", b"{}")
    for scope in ("identity", "plain", "arm:subject/S-1", ""):
        with pytest.raises(ValueError, match="no scope"):
            keys.digest_of(scope, b"{}")


def test_what_is_not_sealed_has_no_key(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not sealed"):
        load_keys(new_keys(tmp_path)).section_key("plain", "subject/S-1")


MAKER = """
import os, sys
from pathlib import Path
from ledger.keys.file import load_keys
keys = load_keys(Path(sys.argv[1]))
sys.stdin.readline()
for number in range(20):
    print(keys.make_section_key("identity", f"subject/{number}", os.urandom).hex())
"""


def test_of_several_processes_that_make_a_key_at_once_all_are_given_the_same(tmp_path: Path) -> None:
    ledger = new_keys(tmp_path)
    makers = [
        subprocess.Popen([sys.executable, "-c", MAKER, str(ledger)], stdin=-1, stdout=-1, text=True) for _ in range(3)
    ]
    for maker in makers:
        assert maker.stdin is not None
        maker.stdin.write("go\n")
        maker.stdin.flush()
    answers = [maker.communicate()[0].split() for maker in makers]
    keys = load_keys(ledger)
    wanted = [keys.make_section_key("identity", f"subject/{n}", os.urandom).hex() for n in range(20)]
    assert answers == [wanted] * 3


def test_of_several_threads_that_make_a_key_at_once_all_are_given_the_same(tmp_path: Path) -> None:
    keys = load_keys(new_keys(tmp_path))
    made: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: made.append(keys.make_section_key("arm", "subject/S-9", os.urandom)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    assert len(set(made)) == 1


def test_what_could_not_be_made_durable_is_not_given(tmp_path: Path) -> None:
    keys = load_keys(ledger := new_keys(tmp_path))
    change(ledger, "CREATE TRIGGER full BEFORE INSERT ON key BEGIN SELECT raise(ABORT, 'disk'); END")
    with pytest.raises(KeysError, match="disk"):
        keys.make_section_key("arm", "subject/S-9", os.urandom)
    assert keys.section_key("arm", "subject/S-9") is None


def test_keys_on_a_read_only_medium_can_be_used_though_not_added_to(tmp_path: Path) -> None:
    made = new_keys(tmp_path)
    before = Opened.of(made)
    with folder_of_nobody(tmp_path) as folder:
        ledger = folder / made.name
        for path in keys_folder(ledger).iterdir():
            path.chmod(0o400)
        keys_folder(ledger).chmod(0o500)
        with unprivileged():
            assert Opened.of(ledger) == before
            with pytest.raises(KeysError, match="ReadOnly"):
                load_keys(ledger).make_section_key("arm", "subject/S-9", os.urandom)
