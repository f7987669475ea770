"""A destroyed key is in no file of the folder, in no form, and is never made again."""

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.keys.file import DestroyedKeyError, KeysError, create_keys, keys_folder, load_keys, rotate_keys
from tests.keys.folders import NAMED, SUBJECTS, Opened, all_bytes, change, database, file_names, new_keys, rows
from tests.keys.interrupting import at_every_step

NAME = "section/identity/subject/S-1"


def test_a_destroyed_key_is_gone_and_leaves_its_tombstone(tmp_path: Path) -> None:
    ledger = new_keys(tmp_path)
    keys = load_keys(ledger)
    before = Opened.held(keys)
    assert not keys.destroyed(*NAMED)
    keys.destroy(*NAMED)
    for again in (keys, load_keys(ledger)):
        assert again.destroyed(*NAMED)
        assert again.section_key(*NAMED) is None
        with pytest.raises(DestroyedKeyError, match="erased for good"):
            again.make_section_key(*NAMED, os.urandom)
        with pytest.raises(DestroyedKeyError):
            again.digest_of("identity:subject/S-1", b"{}")
        others = {place: key for place, key in before.sections.items() if place != NAMED}
        assert {place: again.section_key(*place) for place in others} == others
    assert NAME not in rows(ledger)


def test_to_destroy_may_be_done_again_and_of_what_was_never_made(tmp_path: Path) -> None:
    ledger = new_keys(tmp_path)
    keys = load_keys(ledger)
    for place in (NAMED, NAMED, ("identity", "subject/S-9")):
        keys.destroy(*place)
        assert keys.destroyed(*place)
    with pytest.raises(DestroyedKeyError):
        keys.make_section_key("identity", "subject/S-9", os.urandom)
    assert not keys.destroyed("identity", "subject/S-8")


def test_the_keys_of_the_whole_trial_are_not_destroyed(tmp_path: Path) -> None:
    keys = load_keys(new_keys(tmp_path))
    for section_class in ("header", "anchor"):
        with pytest.raises(ValueError, match="not destroyed"):
            keys.destroy(section_class, "")
        assert keys.section_key(section_class, "") is not None


def test_to_destroy_needs_no_key_encryption_key(tmp_path: Path) -> None:
    ledger = new_keys(tmp_path)
    (keys_folder(ledger) / "identity.kek").unlink()
    keys = load_keys(ledger)
    keys.destroy(*NAMED)
    assert keys.destroyed(*NAMED)


def test_what_another_process_destroyed_is_forgotten_here_too(tmp_path: Path) -> None:
    ledger = new_keys(tmp_path)
    keys = load_keys(ledger)
    assert keys.section_key(*NAMED) is not None
    load_keys(ledger).destroy(*NAMED)
    time.sleep(0.06)
    assert keys.section_key(*NAMED) is None
    assert keys.section_key("arm", "subject/S-1") is not None


@settings(max_examples=25)
@given(
    st.lists(st.text("abcdefgh0123456789/", min_size=1, max_size=60), min_size=1, max_size=120, unique=True),
    st.data(),
)
def test_the_bytes_of_a_destroyed_key_are_in_no_file_of_the_folder(streams: list[str], data: st.DataObject) -> None:
    """However many keys were made before, so that pages of the database were split, and rotated in between."""
    with TemporaryDirectory() as folder:
        ledger = Path(folder) / "trial.db"
        keys = create_keys(ledger, os.urandom)
        for stream in streams:
            keys.make_section_key("identity", stream, os.urandom)
        dead = data.draw(st.lists(st.sampled_from(streams), min_size=1, max_size=5, unique=True))
        forms = [rows(ledger)[f"section/identity/{stream}"] for stream in dead]
        assert all(form in all_bytes(ledger) for form in forms)  # the scan finds what is there
        rotate_keys(ledger, os.urandom)
        assert not any(form in all_bytes(ledger) for form in forms)
        forms += [rows(ledger)[f"section/identity/{stream}"] for stream in dead]
        kept = {stream: keys.section_key("identity", stream) for stream in streams if stream not in dead}
        for stream in dead:
            keys.destroy("identity", stream)
        stored = all_bytes(ledger)
        assert not any(form in stored or form[12:28] in stored for form in forms)
        keys.close()
        keys = load_keys(ledger)
        assert {stream: keys.section_key("identity", stream) for stream in kept} == kept
        keys.close()


def test_a_deletion_as_sqlite_does_it_of_itself_would_leave_the_bytes(tmp_path: Path) -> None:
    """The control of the scan: without secure_delete it finds them."""
    ledger = new_keys(tmp_path)
    wrapped = rows(ledger)[NAME]
    db = apsw.Connection(str(database(ledger)))
    db.pragma("secure_delete", "OFF")
    db.execute("DELETE FROM key WHERE name = ?", (NAME,))
    db.close()
    assert wrapped in all_bytes(ledger)


def test_interrupted_anywhere_a_destruction_has_not_been_or_is_ended_by_the_next_opening(tmp_path: Path) -> None:
    wrapped: dict[Path, bytes] = {}

    def new() -> Path:
        (tmp_path / str(len(wrapped))).mkdir()
        ledger = new_keys(tmp_path / str(len(wrapped)))
        wrapped[keys_folder(ledger)] = rows(ledger)[NAME]
        return keys_folder(ledger)

    def destroy(folder: Path) -> None:
        load_keys(folder.with_suffix("")).destroy(*NAMED)

    found, steps = set(), set()
    for folder, step in at_every_step(new, destroy):
        ledger = folder.with_suffix("")
        if step == "VACUUM":
            assert wrapped[folder] not in all_bytes(ledger), "overwritten with the commit, before the file is made anew"
        keys = load_keys(ledger)
        done = keys.destroyed(*NAMED)
        found.add(done)
        steps.add(step)
        assert (wrapped[folder] in all_bytes(ledger)) == (not done), step
        keys.destroy(*NAMED)
        assert wrapped[folder] not in all_bytes(ledger), step
        assert file_names(ledger) == ["data-keys.db", "identity.kek", "sealed.kek"], step
        assert keys.section_key("identity", "subject/S-2") is not None
        keys.close()
    assert found == {True, False}
    assert {"COMMIT", "VACUUM"} <= steps


def test_the_journal_that_a_killed_process_leaves_goes_with_the_next_opening(tmp_path: Path) -> None:
    """One without a header is not rolled back by SQLite, and would lie there with its copies of pages."""
    ledger = new_keys(tmp_path)
    before, old = Opened.of(ledger), rows(ledger)[NAME]
    rotate_keys(ledger, os.urandom)
    database(ledger).with_name("data-keys.db-journal").write_bytes(bytes(512) + old)
    assert old in all_bytes(ledger)
    assert Opened.of(ledger) == before
    assert old not in all_bytes(ledger)
    assert file_names(ledger) == ["data-keys.db", "identity.kek", "sealed.kek"]


def test_a_destruction_that_cannot_be_written_is_an_error_and_not_a_silence(tmp_path: Path) -> None:
    keys = load_keys(ledger := new_keys(tmp_path))
    change(ledger, "CREATE TRIGGER full BEFORE UPDATE ON key BEGIN SELECT raise(ABORT, 'disk'); END")
    with pytest.raises(KeysError, match="disk"):
        keys.destroy(*NAMED)
    assert not keys.destroyed(*NAMED)
    assert len(Opened.held(keys).sections) == 2 * len(SUBJECTS) + 2
