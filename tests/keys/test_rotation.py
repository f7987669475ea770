"""Rotation: the data keys stay, the old key-encryption keys open nothing, and no interruption loses a key."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from random import Random

import pytest

from ledger.keys.file import KeysError, Rotation, keys_folder, load_keys, rotate_keys
from ledger.keys.folder import write_new
from ledger.keys.kek import FileKek
from tests.keys.folders import NAMED, Opened, all_bytes, file_names, keks, new_keys, opened_by, rows
from tests.keys.interrupting import at_every_step

THREE = ["data-keys.db", "identity.kek", "sealed.kek"]


def test_all_opens_as_before_and_the_old_keys_open_nothing(tmp_path: Path) -> None:
    ledger = new_keys(tmp_path)
    before, old, wrapped = Opened.of(ledger), keks(ledger), rows(ledger)
    assert sorted(opened_by(old["identity"], ledger) + opened_by(old["sealed"], ledger)) == sorted(wrapped)
    done = rotate_keys(ledger, os.urandom)
    assert Opened.of(ledger) == before
    assert [opened_by(kek, ledger) for kek in old.values()] == [[], []]
    new = keks(ledger)
    assert done == [
        Rotation("identity", old["identity"].id, new["identity"].id, 4),
        Rotation("sealed", old["sealed"].id, new["sealed"].id, 8),
    ]
    assert sorted(opened_by(new["identity"], ledger) + opened_by(new["sealed"], ledger)) == sorted(wrapped)
    assert file_names(ledger) == THREE


def test_nothing_of_the_old_keys_is_left_in_the_folder(tmp_path: Path) -> None:
    ledger = new_keys(tmp_path)
    old = [kek.content().strip() for kek in keks(ledger).values()] + list(rows(ledger).values())
    assert all(part in all_bytes(ledger) for part in old)
    rotate_keys(ledger, os.urandom)
    assert not any(part in all_bytes(ledger) for part in old)


def test_an_old_key_file_put_back_is_refused(tmp_path: Path) -> None:
    ledger = new_keys(tmp_path)
    path = keys_folder(ledger) / "sealed.kek"
    old = path.read_bytes()
    rotate_keys(ledger, os.urandom)
    path.write_bytes(old)
    with pytest.raises(KeysError, match=r"sealed\.kek: is not the key-encryption key"):
        load_keys(ledger)


@pytest.mark.parametrize(("which", "other"), [("identity", "sealed"), ("sealed", "identity")])
def test_one_of_the_two_can_be_rotated_alone(tmp_path: Path, which: str, other: str) -> None:
    ledger = new_keys(tmp_path)
    before, old = Opened.of(ledger), keks(ledger)
    assert [done.kind for done in rotate_keys(ledger, os.urandom, [which])] == [which]
    new = keks(ledger)
    assert new[which].id != old[which].id
    assert new[other].id == old[other].id
    assert Opened.of(ledger) == before


def test_a_rotation_of_what_there_is_not_is_refused(tmp_path: Path) -> None:
    ledger = new_keys(tmp_path)
    with pytest.raises(ValueError, match="no key-encryption key"):
        rotate_keys(ledger, os.urandom, ["signing"])
    before, files = Opened.of(ledger), file_names(ledger)
    moved = (keys_folder(ledger) / "sealed.kek").rename(tmp_path / "elsewhere")
    with pytest.raises(KeysError, match=r"sealed\.kek"):
        rotate_keys(ledger, os.urandom)
    moved.rename(keys_folder(ledger) / "sealed.kek")
    assert file_names(ledger) == files
    assert Opened.of(ledger) == before


def test_a_tombstone_stays_one(tmp_path: Path) -> None:
    ledger = new_keys(tmp_path)
    load_keys(ledger).destroy(*NAMED)
    rotate_keys(ledger, os.urandom)
    assert load_keys(ledger).destroyed(*NAMED)


def test_who_has_the_keys_open_goes_on_through_a_rotation(tmp_path: Path) -> None:
    ledger = new_keys(tmp_path)
    recording, reading = load_keys(ledger), load_keys(ledger)
    assert recording.section_key(*NAMED) is not None
    rotate_keys(ledger, os.urandom)
    made = recording.make_section_key("identity", "subject/S-9", os.urandom)
    assert reading.section_key("identity", "subject/S-9") == made
    assert reading.section_key(*NAMED) == recording.section_key(*NAMED)
    assert load_keys(ledger).section_key("identity", "subject/S-9") == made


def test_keys_made_while_others_rotate_are_all_there_afterwards(tmp_path: Path) -> None:
    ledger = new_keys(tmp_path)
    keys = load_keys(ledger)
    made: dict[str, bytes] = {}
    failed: list[BaseException] = []
    enough = threading.Event()

    def record() -> None:
        try:
            while not (enough.wait(0.002) and made):  # a pause, in which the other side may have the lock
                stream = f"subject/{len(made)}"
                made[stream] = keys.make_section_key("arm", stream, os.urandom)
                again = load_keys(ledger)
                assert again.section_key("arm", stream) == made[stream]
                again.close()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=record)
    thread.start()
    for _ in range(5):
        rotate_keys(ledger, os.urandom)
    enough.set()
    thread.join()
    assert not failed
    fresh = load_keys(ledger)
    assert {stream: fresh.section_key("arm", stream) for stream in made} == made
    assert file_names(ledger) == THREE


def test_interrupted_anywhere_no_key_is_lost_and_the_next_opening_ends_the_rotation(tmp_path: Path) -> None:
    before: dict[Path, Opened] = {}
    old: dict[Path, dict[str, bytes]] = {}

    def new() -> Path:
        (tmp_path / str(len(before))).mkdir()
        ledger = new_keys(tmp_path / str(len(before)), subjects=("S-1",))
        folder = keys_folder(ledger)
        before[folder] = Opened.of(ledger, ("S-1",))
        old[folder] = {name: (folder / name).read_bytes() for name in THREE[1:]}
        return folder

    outcomes, steps = set(), []
    for folder, step in at_every_step(new, lambda folder: rotate_keys(folder.with_suffix(""), os.urandom)):
        ledger = folder.with_suffix("")
        steps.append(step)
        assert Opened.of(ledger, ("S-1",)) == before[folder], step
        assert file_names(ledger) == THREE, step
        rotated = [(folder / name).read_bytes() != content for name, content in old[folder].items()]
        assert len(set(rotated)) == 1, f"{step}: both or neither"
        outcomes.add(rotated[0])
        opened = [FileKek(bytes.fromhex(content.decode())) for content in old[folder].values()]
        assert [bool(opened_by(kek, ledger)) for kek in opened] == [not rotated[0]] * 2, step
    assert outcomes == {True, False}
    assert {"fsync identity.kek.new", "COMMIT", "os.rename identity.kek.new", "VACUUM"} <= set(steps)
    assert steps.index("COMMIT") > steps.index("fsync sealed.kek.new") > steps.index("open sealed.kek.new")
    assert steps.index("open sealed.kek", steps.index("COMMIT")) < steps.index("os.remove sealed.kek")


ROTATOR = """
import os, sys
from pathlib import Path
from ledger.keys.file import load_keys, rotate_keys
ledger = Path(sys.argv[1])
print("ready", flush=True)
while True:
    rotate_keys(ledger, os.urandom)
    keys = load_keys(ledger)
    keys.make_section_key("identity", f"another/{os.urandom(4).hex()}", os.urandom)
    keys.destroy("identity", f"another/{os.urandom(4).hex()}")
    keys.close()
"""


def test_killed_at_any_moment_no_key_is_lost_and_nothing_is_left_lying(tmp_path: Path) -> None:
    ledger = new_keys(tmp_path)
    before, random = Opened.of(ledger), Random(7)
    for _ in range(12):
        rotator = subprocess.Popen([sys.executable, "-c", ROTATOR, str(ledger)], stdout=subprocess.PIPE)
        assert rotator.stdout is not None
        rotator.stdout.readline()
        time.sleep(random.random() * 0.12)
        rotator.kill()
        rotator.communicate()
        assert Opened.of(ledger) == before
        assert file_names(ledger) == THREE


def test_a_new_key_that_was_not_durable_before_its_rows_would_be_lost(tmp_path: Path) -> None:
    """The control of the interruptions: rows wrapped by a key whose file came out empty are found not to open."""
    ledger = new_keys(tmp_path)
    rotate_keys(ledger, os.urandom)
    (keys_folder(ledger) / "sealed.kek").rename(keys_folder(ledger) / "sealed.kek.new").write_bytes(b"")
    with pytest.raises(KeysError, match=r"sealed\.kek"):
        load_keys(ledger)


@pytest.mark.parametrize("rest", [b"", b"\x00" * 65, b"00"])
def test_the_rest_of_a_key_file_beside_the_one_in_force_is_cleared_away(tmp_path: Path, rest: bytes) -> None:
    ledger = new_keys(tmp_path)
    before = Opened.of(ledger)
    write_new(keys_folder(ledger) / "identity.kek.new", rest)
    assert Opened.of(ledger) == before
    assert file_names(ledger) == THREE


def test_a_key_that_lies_elsewhere_is_not_destroyed_by_an_opening(tmp_path: Path) -> None:
    """Where the key in force is not here, nothing says that what is beside its place is a leftover."""
    ledger = new_keys(tmp_path)
    folder = keys_folder(ledger)
    (folder / "sealed.kek").rename(tmp_path / "elsewhere")
    write_new(folder / "sealed.kek.new", FileKek(os.urandom(32)).content())
    with pytest.raises(KeysError, match="is not the key-encryption key"):
        load_keys(ledger)
    assert (folder / "sealed.kek.new").exists()
