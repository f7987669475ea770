"""What a witness keeps, and that it never forgets it unnoticed: damage, old copies, power cuts, kills."""

import hashlib
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from api.witness import store as stores
from api.witness.core import Witness
from api.witness.keys import check_name, cosigners, load_keys
from api.witness.opening import opened
from api.witness.store import FolderStore, Recorded, StoreError
from ledger.keys.folder import KeysError, sync_folder
from ledger.proof.note import COSIGNATURE, ML_DSA_44
from tests.api.witnesses import HISTORY, LOG, NAME, OTHER, SIGNERS
from tests.witness_soak.log import NOW, Log, leaves
from tests.witness_soak.power import Disk, PowerCut
from tests.witness_soak.rounds import Rounds

# -- the folder --------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A witness that has cosigned 7 leaves of LOG and 3 of OTHER."""
    place = tmp_path / "witness"
    with opened(place, NAME, os.urandom) as held:
        witness = Witness(held.signers, {log.origin: log.keys for log in (LOG, OTHER)}, held.store, lambda: NOW)
        assert witness.add_checkpoint(LOG.request(HISTORY, 0, 7)).status == 200
        assert witness.add_checkpoint(OTHER.request(HISTORY, 0, 3)).status == 200
    return place


def _file(folder: Path, log: Log = LOG) -> Path:
    return folder / "state" / Recorded.hash_of(log.origin)


def _sizes(folder: Path) -> dict[str, int]:
    with opened(folder, None, os.urandom) as held:
        records = [held.store.get(origin) for origin in held.store.origins()]
        return {one.checkpoint.origin: one.checkpoint.size for one in records if one is not None}


def _grown(folder: Path) -> None:
    with opened(folder, None, os.urandom) as held:
        witness = Witness(held.signers, {LOG.origin: LOG.keys}, held.store, lambda: NOW + 60)
        assert witness.add_checkpoint(LOG.request(HISTORY, 7, 9)).status == 200


def test_what_was_cosigned_is_known_after_a_restart(folder: Path) -> None:
    assert _sizes(folder) == {LOG.origin: 7, OTHER.origin: 3}


def test_keys_are_made_once_for_their_owner_alone_from_the_random_source_given(tmp_path: Path) -> None:
    asked: list[int] = []

    def random(count: int) -> bytes:
        asked.append(count)
        return bytes([len(asked)]) * count

    with opened(tmp_path / "w", NAME, random) as held:
        made = [signer.key for signer in held.signers]
    assert asked == [32, 32]
    assert [key.type for key in made] == [COSIGNATURE, ML_DSA_44]
    assert made == [one.key for one in cosigners(NAME, {COSIGNATURE: bytes([1]) * 32, ML_DSA_44: bytes([2]) * 32})]
    assert [signer.key for signer in load_keys(tmp_path / "w")] == made
    assert {oct(path.stat().st_mode & 0o777) for path in (tmp_path / "w" / "keys").iterdir()} == {"0o600"}
    assert (tmp_path / "w" / "keys").stat().st_mode & 0o777 == 0o700


def test_keys_that_others_can_read_are_refused(folder: Path) -> None:
    (folder / "keys" / "ed25519.seed").chmod(0o640)
    with pytest.raises(KeysError, match="600"):
        load_keys(folder)


def test_a_witness_keeps_its_name(folder: Path) -> None:
    with pytest.raises(KeysError, match="for good"), opened(folder, "witness.example/other", os.urandom):
        pass


@pytest.mark.parametrize("name", ["", "with space", "with+plus", "x" * 256, "tab\tbed", "line\n", "\u2003"])
def test_a_name_that_no_signature_line_can_carry_is_refused(name: str) -> None:
    with pytest.raises(KeysError, match="name"):
        check_name(name)


def test_two_witnesses_cannot_share_a_folder(folder: Path) -> None:
    with opened(folder, None, os.urandom), pytest.raises(StoreError, match="another witness"):  # noqa: SIM117
        with opened(folder, None, os.urandom):
            pass


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _flip(path: Path, at: int | None = None) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2 if at is None else at] ^= 1
    path.write_bytes(bytes(data))


def _put(path: Path, note: bytes) -> None:
    """With the right checksum: somebody who knows the form has written it."""
    path.write_bytes(note + f"sha256 {hashlib.sha256(note).hexdigest()}\n".encode())


SOMEBODY_ELSES = LOG.note(HISTORY).adding(*(one.sign(LOG.checkpoint(HISTORY), NOW) for one in SIGNERS)).encode()
DAMAGE: dict[str, Callable[[Path], object]] = {
    "a checkpoint deleted": lambda folder: _file(folder).unlink(),
    "a checkpoint emptied": lambda folder: _file(folder).write_bytes(b""),
    "a checkpoint cut short": lambda folder: _cut(_file(folder)),
    "a checkpoint flipped": lambda folder: _flip(_file(folder)),
    "a checkpoint of another log": lambda folder: shutil.copyfile(_file(folder, OTHER), _file(folder)),
    "a checkpoint that it never cosigned": lambda folder: _put(_file(folder), LOG.note(HISTORY, 3).encode()),
    "a checkpoint of another witness": lambda folder: _put(_file(folder), SOMEBODY_ELSES),
    "a checkpoint with a flipped signature of the log": lambda folder: _flip(_file(folder), 300),
    "the index deleted": lambda folder: (folder / "state" / "index").unlink(),
    "the index emptied": lambda folder: (folder / "state" / "index").write_bytes(b""),
    "the index cut short": lambda folder: _cut(folder / "state" / "index"),
    "the index flipped": lambda folder: _flip(folder / "state" / "index"),
    "all deleted": lambda folder: shutil.rmtree(folder / "state"),
    "the keys deleted": lambda folder: shutil.rmtree(folder / "keys"),
    "a key deleted": lambda folder: (folder / "keys" / "ed25519.seed").unlink(),
    "the name deleted": lambda folder: (folder / "keys" / "name").unlink(),
    "a key damaged": lambda folder: (folder / "keys" / "ed25519.seed").write_bytes(b"00\n"),
    "a key replaced": lambda folder: (folder / "keys" / "ed25519.seed").write_text("11" * 32 + "\n"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_witness_never_starts_from_damaged_or_missing_state(folder: Path, damage: str) -> None:
    DAMAGE[damage](folder)
    with pytest.raises((StoreError, KeysError)), opened(folder, NAME, os.urandom):
        pass


@pytest.mark.parametrize("what", ["checkpoint", "index"])
def test_one_file_put_back_from_an_older_copy(folder: Path, what: str) -> None:
    path = _file(folder) if what == "checkpoint" else folder / "state" / "index"
    older = path.read_bytes()
    _grown(folder)
    path.write_bytes(older)
    if what == "checkpoint":
        with pytest.raises(StoreError, match="older"):
            _sizes(folder)
    else:  # as after a cut between the two writes: the checkpoint counts
        assert _sizes(folder)[LOG.origin] == 9


def test_drafts_that_a_killed_process_left_are_cleared_away(folder: Path) -> None:
    data = _file(folder).read_bytes()
    for draft in (f".{_file(folder).name}.99.new", ".index.7.new", f".{'0' * 64}.1.new"):
        (folder / "state" / draft).write_bytes(data[: len(data) // 2])
    assert _sizes(folder) == {LOG.origin: 7, OTHER.origin: 3}
    assert not list((folder / "state").glob(".*"))


def test_a_first_run_that_was_cut_off_between_state_and_keys_begins_again(tmp_path: Path) -> None:
    place = tmp_path / "w"
    (place / ".keys.new").mkdir(parents=True)
    (place / ".keys.new" / "ed25519.seed").write_text("half")
    stores.prepare(place)
    assert _first_run(place) == {}
    assert not (place / ".keys.new").exists()


def _first_run(place: Path) -> dict[str, int]:
    with opened(place, NAME, os.urandom):
        pass
    return _sizes(place)


def test_after_a_failed_write_what_is_on_the_disk_counts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(folder, None, os.urandom) as held:
        witness = Witness(held.signers, {LOG.origin: LOG.keys}, held.store, lambda: NOW)

        def fails(_: Path) -> None:
            raise OSError(5, "Input/output error")

        monkeypatch.setattr("api.durable.sync_folder", fails)  # after the rename: nobody knows what is on the disk
        monkeypatch.setattr("api.witness.store.sync_folder", fails)
        assert witness.add_checkpoint(LOG.request(HISTORY, 7, 9)).status == 503
        assert witness.add_checkpoint(LOG.request(leaves(9, "fork"), 0)).status == 503
        assert witness.checkpoint(Recorded.hash_of(LOG.origin)).status == 503
        monkeypatch.setattr("api.durable.sync_folder", sync_folder)
        monkeypatch.setattr("api.witness.store.sync_folder", sync_folder)
        answer = witness.add_checkpoint(LOG.request(HISTORY, 7, 9))
        assert (answer.status, answer.body) == (409, b"9\n")


# -- power cuts and kills ----------------------------------------------------------------------------------------------


def _cut_and_continue(place: Path, seed_: int, *, careless: bool) -> bool:
    """Cut the power somewhere; whether the witness then contradicts what it had answered before."""
    random = Random(seed_)
    with opened(place / "w", NAME, os.urandom) as held:
        signers = held.signers
    state, told = place / "w" / "state", 0
    disk = Disk(state, random.randint(0, 30), careless)
    try:
        with disk.used():
            store = FolderStore(place / "w", [one.key for one in signers])
            witness = Witness(signers, {LOG.origin: LOG.keys}, store, lambda: NOW)
            for old in range(0, 40, 4):
                assert witness.add_checkpoint(LOG.request(HISTORY, old, old + 4)).status == 200
                told = old + 4
    except PowerCut:
        pass
    after = place / "after"
    shutil.copytree(place / "w", after, ignore=shutil.ignore_patterns("state"))
    (after / "state").mkdir()
    disk.after(random, after / "state")
    with opened(after, None, os.urandom) as held:
        witness = Witness(held.signers, {LOG.origin: LOG.keys}, held.store, lambda: NOW)
        fork = HISTORY[: max(0, told - 1)] + leaves(8, "fork")
        answers = [witness.add_checkpoint(LOG.request(fork, old)).status for old in range(len(fork))]
        return told > 0 and 200 in answers


def _cuts(folder: Path, count: int, *, careless: bool) -> int:
    """In how many of so many cuts the witness contradicted itself, or did not start again."""
    wrong = 0
    for number in range(count):
        place = folder / f"{careless}-{number}"
        place.mkdir()
        try:
            wrong += _cut_and_continue(place, number, careless=careless)
        except StoreError:
            wrong += 1
    return wrong


def test_after_a_power_cut_anywhere_the_witness_starts_and_contradicts_nothing(tmp_path: Path) -> None:
    assert _cuts(tmp_path, 60, careless=False) == 0


def test_control_a_disk_that_does_not_sync_its_folders_is_found(tmp_path: Path) -> None:
    assert _cuts(tmp_path, 60, careless=True) > 0


def test_what_a_killed_witness_shows_after_its_restart_outlives_a_power_cut(tmp_path: Path) -> None:
    """Killed between a rename and its sync, it finds the new name on a disk that may still lose it."""
    for number in range(24):
        place = tmp_path / str(number)
        with opened(place, NAME, os.urandom) as held:
            signers = held.signers
        keys = [one.key for one in signers]
        disk = Disk(place / "state", number // 2)
        with disk.used():
            try:
                witness = Witness(signers, {LOG.origin: LOG.keys}, FolderStore(place, keys), lambda: NOW)
                for old in range(0, 40, 4):
                    witness.add_checkpoint(LOG.request(HISTORY, old, old + 4))
            except PowerCut:
                disk.cut = sys.maxsize  # it was only killed; the disk goes on
            shown = FolderStore(place, keys).get(LOG.origin)
        after = tmp_path / f"{number}-after"
        (after / "state").mkdir(parents=True)
        disk.after(Random(number), after / "state")
        found = FolderStore(after, keys).get(LOG.origin)
        assert (shown is None) or (found is not None and found.checkpoint.size >= shown.checkpoint.size)


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_witness_killed_at_random_never_cosigns_two_histories(tmp_path: Path) -> None:
    done = Rounds(tmp_path, seed=1).run(15)
    assert (done.rounds, done.problem) == (15, "")
    assert done.answers > 15


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_control_a_witness_that_answers_before_it_persists_is_caught_by_the_same_rounds(tmp_path: Path) -> None:
    assert "two histories" in Rounds(tmp_path, seed=1, careless=True).run(100).problem
