"""Proofs out of a ledger: each verifies with nothing but public keys, and what would not is not written."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.access import Session, viewer_of
from api.evidence.continuing import continue_ledger
from api.evidence.making import make_checkpoint
from api.evidence.proving import consistency_ranges, inclusion_ranges, subtree_roots
from ledger.domain.vocabulary import Book
from ledger.keys.file import keys_folder
from ledger.keys.signing import load_signing_keys
from ledger.proof.checkpoint import Checkpoint, open_checkpoint
from ledger.proof.evidence import CHECKPOINTS, evidence_folder
from ledger.proof.note import Note, NoteError, NoteSignature
from ledger.proof.policy import Policy
from ledger.proof.tiles import Tile, TileReader, entries_of
from ledger.proof.tlog_proof import TlogProof
from ledger.proof.tree import consistency_proof, inclusion_proof, leaf_hash, verify_consistency
from tests.api.cli_runs import contents, here
from tests.api.evidence_ledgers import SPONSOR, backup, checkpoints, grow, restore, size_of, sizes, trial_of, unchecked
from tests.trials import Trial


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Trial]:
    made = trial_of(tmp_path, entries=11)
    yield made
    made.ledger.close()


def entry(path: Path, seq: int) -> bytes:
    return here("entry", path, seq).stdout


def policy(path: Path) -> Policy:
    """What an auditor holds: the log keys of `trial-ledger keys`, and nothing else."""
    lines = [f"log {line}\n" for line in here("keys", path).out.splitlines()]
    return Policy.parse("".join([*lines, "quorum none\n"]).encode())


def proved(trial: Trial, *arguments: object) -> bytes:
    """What `prove` writes."""
    file = trial.path.with_name("out.tlog-proof")
    file.unlink(missing_ok=True)
    done = here("prove", trial.path, *arguments, "-o", file)
    assert done.code == 0, done.err
    return file.read_bytes()


# -- one entry -------------------------------------------------------------------------------------------------------


def test_every_entry_is_proved_by_its_bytes_alone_and_no_other_passes_for_it(trial: Trial) -> None:
    here("checkpoint", trial.path)
    trusted = policy(trial.path)
    entries = [entry(trial.path, seq) for seq in range(11)]
    for seq, raw in enumerate(entries):
        proof = TlogProof.parse(proved(trial, seq))
        assert proof.verify(raw, trusted).checkpoint.size == 11
        assert proof.index == seq
        for other in (entries[seq - 1], raw + b" "):
            with pytest.raises(NoteError):
                proof.verify(other, trusted)


def test_where_no_checkpoint_covers_the_entry_one_is_made_and_else_the_newest_is_taken(trial: Trial) -> None:
    assert TlogProof.parse(proved(trial, 3)).checkpoint.size == 11
    assert sizes(trial.path) == [], "it lies in the proof alone: who asked for it may know arms"
    make_checkpoint(trial.path, clock=trial.clock)
    grow(trial, 2)
    assert TlogProof.parse(proved(trial, 3)).checkpoint.size == 11
    assert TlogProof.parse(proved(trial, 12)).checkpoint.size == 13
    assert TlogProof.parse(proved(trial, 3)).checkpoint.size == 11
    assert sizes(trial.path) == [11]


def test_an_older_checkpoint_can_be_chosen_and_has_to_cover_the_entry(trial: Trial) -> None:
    old = evidence_folder(trial.path) / CHECKPOINTS / make_checkpoint(trial.path, clock=trial.clock).name
    grow(trial, 5)
    make_checkpoint(trial.path, clock=trial.clock)
    proof = TlogProof.parse(proved(trial, 10, "--checkpoint", old))
    assert (proof.checkpoint.size, proof.checkpoint_note) == (11, old.read_bytes())
    proof.verify(entry(trial.path, 10), policy(trial.path))
    file = trial.path.with_name("no.tlog-proof")
    here("prove", trial.path, 11, "--checkpoint", old, "-o", file).refused_in_one_sentence("covers the first 11")
    assert not file.exists()


def test_cosignatures_that_a_checkpoint_has_are_in_the_proof(trial: Trial) -> None:
    from api.evidence import store

    stored = make_checkpoint(trial.path, clock=trial.clock)
    line = NoteSignature("witness.example", bytes(4), bytes(72))
    store.add_signatures(trial.path, stored, (line,))
    assert line in Note.parse(TlogProof.parse(proved(trial, 0)).checkpoint_note).signatures


def test_a_checkpoint_that_is_not_of_this_book_gives_no_proof(trial: Trial, tmp_path: Path) -> None:
    other = trial_of(tmp_path / "other", entries=11)
    foreign = tmp_path / "foreign.checkpoint"
    other.clock.at = other.clock.at.replace(year=2021)
    grow(other, 1)
    foreign.write_bytes(make_checkpoint(other.path, clock=other.clock).data)
    file = tmp_path / "x.tlog-proof"
    grow(trial, 3)
    here("prove", trial.path, 3, "--checkpoint", foreign, "-o", file).refused_in_one_sentence("root")
    assert not file.exists()
    other.ledger.close()


def test_an_altered_book_gives_no_proof_against_what_was_signed(trial: Trial, tmp_path: Path) -> None:
    make_checkpoint(trial.path, clock=trial.clock)
    connection = apsw.Connection(str(trial.path))
    connection.execute("DROP TRIGGER open_entry_no_update")
    connection.execute(
        "UPDATE open_entry SET entry = CAST(replace(CAST(entry AS TEXT), 'FJD', 'FJX') AS BLOB) WHERE seq = 5"
    )
    connection.close()
    file = tmp_path / "x.tlog-proof"
    here("prove", trial.path, 3, "-o", file).refused_in_one_sentence("root")
    here("prove", trial.path, "--from", 4, "-o", file).refused_in_one_sentence("root")
    here("export", "tiles", trial.path, "-o", tmp_path / "tiles").refused_in_one_sentence("root")
    assert not file.exists()
    assert not (tmp_path / "tiles").exists()
    assert not (tmp_path / ".tiles.new").exists()


def test_a_forged_checkpoint_in_the_evidence_folder_is_passed_over(trial: Trial) -> None:
    from api.evidence import store

    make_checkpoint(trial.path, clock=trial.clock)
    grow(trial, 1)
    keys = load_signing_keys(trial.path)
    forged = Checkpoint(keys.origin, 12, bytes(32)).text()
    store.put(trial.path, Note(forged, (NoteSignature(keys.origin, keys.vkeys[0].key_id, bytes(64)),)))
    assert TlogProof.parse(proved(trial, 3)).checkpoint.size == 11


def test_checkpoints_of_a_former_origin_prove_what_the_book_still_holds_and_no_more(
    trial: Trial, tmp_path: Path
) -> None:
    make_checkpoint(trial.path, clock=trial.clock)  # of 11
    copy = backup(trial, tmp_path / "backup.db")
    grow(trial, 4)
    make_checkpoint(trial.path, clock=trial.clock)  # of 15, which is lost
    restore(trial, copy)
    continue_ledger(trial.path, reason="disk failed", actor=SPONSOR, clock=trial.clock)
    with unchecked(trial):
        grow(trial, 6)
    assert TlogProof.parse(proved(trial, 3)).checkpoint.size == 11, "of the former origin; it covers entry 3"
    made = TlogProof.parse(proved(trial, 13))
    assert made.checkpoint.size == 18
    made.verify(entry(trial.path, 13), policy(trial.path))


@pytest.mark.parametrize("seq", [11, 12, 10**15])
def test_an_entry_that_there_is_not_is_refused_with_the_size(trial: Trial, seq: int) -> None:
    here("prove", trial.path, seq, "-o", trial.path.with_name("x")).refused_in_one_sentence(
        f"no entry {seq}", "11, counted from 0"
    )
    assert sizes(trial.path) == []


def test_who_holds_no_keys_can_prove_against_what_is_stored(trial: Trial) -> None:
    make_checkpoint(trial.path, clock=trial.clock)
    trusted = policy(trial.path)
    trial.ledger.close()
    for name in ("log.ed25519", "log.mldsa44"):
        (keys_folder(trial.path) / name).unlink()
    TlogProof.parse(proved(trial, 3)).verify(entry(trial.path, 3), trusted)


def test_a_proof_goes_to_stdout_or_into_a_new_file_and_never_over_one(trial: Trial, tmp_path: Path) -> None:
    to_file = proved(trial, 3)
    assert here("prove", trial.path, 3, "-o", "-").stdout == to_file
    kept = tmp_path / "kept"
    kept.write_text("kept")
    here("prove", trial.path, 3, "-o", kept).refused_in_one_sentence("exists already")
    assert kept.read_text() == "kept"
    said = here("prove", trial.path, 3, "-o", tmp_path / "new", "--json").json
    assert (said["seq"], said["size"], said["file"]) == (3, 11, str(tmp_path / "new"))


@pytest.mark.parametrize(
    "arguments",
    [[], [3, "--from", 2], [3, "--to", 11], ["--from", 3, "--checkpoint", "x"], [-1], ["--from", "-1"], ["x"]],
)
def test_what_does_not_go_together_is_a_usage_error(trial: Trial, arguments: list[object]) -> None:
    assert here("prove", trial.path, "-o", "-", *arguments).code == 2


@pytest.mark.parametrize("data", [b"", b"no checkpoint\n", b"x" * (1 << 19)])
def test_a_file_that_is_no_checkpoint_is_named(trial: Trial, tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "file.checkpoint"
    file.write_bytes(data)
    here("prove", trial.path, 3, "--checkpoint", file, "-o", tmp_path / "x").refused_in_one_sentence("file.checkpoint")
    here("prove", trial.path, 3, "--checkpoint", tmp_path / "no", "-o", tmp_path / "x").refused_in_one_sentence("no")


# -- consistency -----------------------------------------------------------------------------------------------------


def read_request(body: bytes) -> tuple[int, list[bytes], bytes]:
    """A request as C2SP tlog-witness has it, read as a witness would."""
    from base64 import b64decode

    head, _, note = body.partition(b"\n\n")
    first, *lines = head.decode().split("\n")
    assert first.startswith("old ")
    return int(first.removeprefix("old ")), [b64decode(line, validate=True) for line in lines], note


def test_a_consistency_proof_leads_from_each_checkpoint_to_each_later_one(trial: Trial) -> None:
    for count in (1, 5, 1, 9, 0):
        make_checkpoint(trial.path, clock=trial.clock)
        grow(trial, count)
    stored = checkpoints(trial.path)
    keys = load_signing_keys(trial.path).vkeys
    assert len(stored) == 5
    for at, new in enumerate(stored):
        for old in stored[: at + 1]:
            body = proved(trial, "--from", old.checkpoint.size, "--to", new.checkpoint.size)
            size, hashes, note = read_request(body)
            assert size == old.checkpoint.size
            found = open_checkpoint(note, keys).checkpoint
            assert found == new.checkpoint
            verify_consistency(size, found.size, old.checkpoint.root, found.root, hashes)


def test_from_nothing_no_hash_is_needed_and_to_is_the_newest_unless_said(trial: Trial) -> None:
    make_checkpoint(trial.path, clock=trial.clock)
    assert read_request(proved(trial, "--from", 0))[:2] == (0, [])
    grow(trial, 1)
    assert open_size(read_request(proved(trial, "--from", 11))[2], trial) == 11
    assert open_size(read_request(proved(trial, "--from", 12))[2], trial) == 12, "made, for none reached so far"


def open_size(note: bytes, trial: Trial) -> int:
    return open_checkpoint(note, load_signing_keys(trial.path).vkeys).checkpoint.size


def test_sizes_that_there_are_not_are_refused(trial: Trial) -> None:
    make_checkpoint(trial.path, clock=trial.clock)
    file = trial.path.with_name("x")
    here("prove", trial.path, "--from", 3, "--to", 9, "-o", file).refused_in_one_sentence("no checkpoint of 9")
    here("prove", trial.path, "--from", 12, "-o", file).refused_in_one_sentence("covers 11 entries, fewer than 12")
    assert not file.exists()


@given(st.integers(1, 300), st.data())
def test_a_path_found_in_one_pass_is_that_of_the_tree(size: int, data: st.DataObject) -> None:
    leaves = [leaf_hash(b"%d" % number) for number in range(size)]
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(1, size))
    assert subtree_roots(iter(leaves), inclusion_ranges(index, size)) == inclusion_proof(leaves, index)
    assert subtree_roots(iter(leaves), consistency_ranges(old, size)) == consistency_proof(leaves, old, size)


def test_memory_does_not_grow_with_the_book() -> None:
    def peak(size: int) -> int:
        tracemalloc.start()
        subtree_roots((b"%032d" % number for number in range(size)), inclusion_ranges(size // 3, size))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(1000)
    assert peak(200_000) < peak(2_000) + 20_000


# -- tiles -----------------------------------------------------------------------------------------------------------


def exports(path: Path, book: Book) -> list[str]:
    """The kinds of export that a book records."""
    from ledger.keys.file import load_keys
    from ledger.recording.reader import LedgerReader

    keys = load_keys(path)
    reader = LedgerReader(path, books=frozenset({book}), classes=frozenset({"plain", "arm"}), keys=keys)
    try:
        with reader:
            return [fact.data["kind"] for fact in reader.facts() if fact.type.endswith("export.made/1")]
    finally:
        reader.close()
        keys.close()


def test_tiles_are_the_whole_open_book_and_give_its_root_and_proofs(tmp_path: Path) -> None:
    trial = trial_of(tmp_path, entries=520, checkpoint_every=10_000)
    folder = tmp_path / "tiles"
    done = here("export", "tiles", trial.path, "-o", folder, "--json")
    assert done.code == 0, done.err
    note = (folder / "checkpoint").read_bytes()
    found = open_checkpoint(note, load_signing_keys(trial.path).vkeys).checkpoint
    assert found.size == done.json["size"] >= 520
    reader = TileReader(found.size, lambda path: (folder / path).read_bytes())
    assert reader.root() == found.root
    bundled = []
    for name in sorted(each for each in contents(folder / "tile" / "entries") if ".p" not in each):
        tile = Tile.parse(f"tile/entries/{name}")
        bundled += entries_of(tile, (folder / tile.path).read_bytes())
    last = Tile.parse(f"tile/entries/002.p/{found.size - 512}")
    bundled += entries_of(last, (folder / last.path).read_bytes())
    assert len(bundled) == found.size
    for seq in (0, 1, 255, 256, 519):
        assert bundled[seq] == entry(trial.path, seq)
        TlogProof(seq, tuple(reader.inclusion_proof(seq)), note).verify(bundled[seq], policy(trial.path))
    assert b'"arm"' not in b"".join(bundled), "of the open book alone"
    trial.ledger.close()


def test_an_export_of_tiles_is_recorded_and_a_folder_is_never_written_over(trial: Trial, tmp_path: Path) -> None:
    assert here("export", "tiles", trial.path, "-o", tmp_path / "tiles").code == 0
    assert exports(trial.path, Book.OPEN) == ["tiles"]
    before = contents(tmp_path / "tiles")
    here("export", "tiles", trial.path, "-o", tmp_path / "tiles").refused_in_one_sentence("exists already")
    assert contents(tmp_path / "tiles") == before
    assert exports(trial.path, Book.OPEN) == ["tiles"]


def test_an_export_by_who_has_arms_in_sight_leaves_the_open_book_and_the_evidence_as_they_were(
    trial: Trial, tmp_path: Path
) -> None:
    assert Session(trial.path, viewer_of("stat-1", "statistician", "x")).knows_arms
    before = size_of(trial.path)
    done = here("export", "tiles", trial.path, "-o", tmp_path / "tiles", "--role", "statistician", "--actor", "stat-1")
    assert done.code == 0, done.err
    assert size_of(trial.path) == before
    assert exports(trial.path, Book.OPEN) == []
    assert exports(trial.path, Book.SEALED) == ["tiles"]
    assert sizes(trial.path) == []


def test_of_a_restored_backup_no_tiles_are_made(trial: Trial, tmp_path: Path) -> None:
    restored = backup(trial, tmp_path / "old.db")
    grow(trial, 1)
    make_checkpoint(trial.path, clock=trial.clock)
    restore(trial, restored)
    here("export", "tiles", trial.path, "-o", tmp_path / "tiles").refused_in_one_sentence("rollback")
    assert not (tmp_path / "tiles").exists()
