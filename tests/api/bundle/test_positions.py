"""A bundle of a position: the same bytes each time, and what ties it to the checkpoints after it."""

import json
from pathlib import Path

import pytest

from api.access import Session, viewer_of
from api.bundle.walked import consistency
from api.bundle.writing import export_bundle
from api.evidence.making import make_checkpoint
from ledger.domain.vocabulary import Book
from ledger.proof.bundle import MANIFEST, Manifest
from ledger.proof.bundle_reader import BundleBooks
from ledger.proof.evidence import Evidence
from ledger.proof.tree import consistency_proof, leaf_hash, verify_consistency
from ledger.proof.verify import verify_books
from ledger.recording.reader import AsOfError, LedgerReader
from tests.api.bundle.making import MASKABLE, anchored, end_of_command, facts, made
from tests.projections.whole_trial import protocol_masking, whole_trial
from tests.proof.bundle_parts import head_of, lines, read, verified

# -- the same bytes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["sponsor", "investigator", "statistician", "archive"])
def test_the_same_position_gives_the_same_bytes(mine: Path, role: str) -> None:
    at = end_of_command(mine, 20)
    first = made(mine, role, at, name="first").read_bytes()
    assert made(mine, role, at, name="second").read_bytes() == first
    other = made(mine, role, end_of_command(mine, int(at) + 1), name="other").read_bytes()
    assert other != first


def test_nothing_in_a_bundle_says_when_or_by_whom_it_was_made(mine: Path) -> None:
    at = end_of_command(mine, 20)
    one = export_bundle(Session(mine, viewer_of("a-1", "sponsor", "FJD")), mine.with_name("1.zip"), at).path
    other = export_bundle(Session(mine, viewer_of("b-2", "sponsor", "elsewhere")), mine.with_name("2.zip"), at).path
    assert one.read_bytes() == other.read_bytes()


# -- positions --------------------------------------------------------------------------------------------------------


def test_without_a_position_a_checkpoint_of_just_that_size_is_in_it(mine: Path) -> None:
    path = made(mine, "sponsor")
    with BundleBooks(path) as books:
        report, evidence = verify_books(books), books.evidence()
        newest = evidence.checkpoints[-1].checkpoint
        assert (newest.size, newest.root) == (report.size, report.root)
        assert books.log_keys.decode().startswith(newest.origin)
        assert dict(books.consistency) == {}


def test_who_knows_arms_leaves_no_checkpoint_beside_the_ledger(mine: Path) -> None:
    def held() -> list[str]:
        return sorted(path.name for path in Path(f"{mine}.evidence").glob("*/*"))

    before = held()
    path = made(mine, "statistician")
    assert held() == before
    with BundleBooks(path) as books:
        assert books.evidence().checkpoints[-1].checkpoint.size == books.manifest.books["open"].size
    made(mine, "sponsor")  # the control
    assert held() != before


@pytest.mark.parametrize("role", ["sponsor", "statistician"])
def test_at_an_earlier_position_a_later_checkpoint_comes_with_what_ties_it_to_the_bundle(mine: Path, role: str) -> None:
    later = make_checkpoint(mine).checkpoint
    for seq in (int(end_of_command(mine, least)) for least in (0, 7, 20)):
        path = made(mine, role, str(seq), name=f"at-{seq}")
        with BundleBooks(path) as books:
            report = verify_books(books)
            assert report.ok, report.findings
            assert report.size == seq + 1 + anchored(mine, seq)
            (size, proof), *_ = books.consistency.items()
            verify_consistency(report.size, size, report.root, _root_at(books.evidence(), size), proof)
            assert size <= later.size
        protocol = json.loads(read(path)["protocol.json"])
        assert protocol["registration"]["nct_number"]


def _root_at(evidence: Evidence, size: int) -> bytes:
    return next(one.checkpoint.root for one in evidence.checkpoints if one.checkpoint.size == size)


def test_the_sealed_entries_of_a_position_are_those_that_name_an_open_entry_up_to_it(mine: Path) -> None:
    for seq in (int(end_of_command(mine, least)) for least in (10, 20, 30)):
        files = read(made(mine, "statistician", str(seq), name=f"at-{seq}"))
        heads = [json.loads(raw)["open_head"]["seq"] for raw in lines(files, "sealed")]
        last = seq + anchored(mine, seq)
        assert all(head <= last for head in heads)
        following = len(heads)
        everything = facts(mine, Book.SEALED)
        assert following == len(everything) or everything[following].open_seq > last


def test_an_exact_position_takes_in_just_so_many_sealed_entries(mine: Path) -> None:
    head = len(facts(mine, Book.OPEN)) - 1
    path = made(mine, "statistician", f"{head}/{len(facts(mine, Book.SEALED)) - 1}", name="exact")
    report = verified(path)
    assert report.ok, report.findings
    assert report.size == head + 1
    with pytest.raises(AsOfError, match="the anchor at"):
        made(mine, "statistician", f"{head}/0", name="less")


def test_an_exact_position_whose_sealed_half_names_the_anchor_that_follows_is_refused(
    tmp_path: Path,
) -> None:
    masked = protocol_masking("QUADRUPLE", MASKABLE)
    settings = masked.model_dump(mode="json")["settings"] | {"anchor_every": 2}
    mine = whole_trial(tmp_path, masked.amended({"settings": settings})).path
    anchors = {fact.seq for fact in facts(mine, Book.OPEN) if fact.stream == "anchors"}
    along = {fact.open_seq: fact.seq for fact in facts(mine, Book.SEALED) if fact.open_seq in anchors}
    halves = {fact.command.removeprefix("of ") for fact in facts(mine, Book.SEALED)}
    anchor = next(fact.seq + 1 for fact in facts(mine, Book.OPEN) if fact.command in halves and fact.seq + 1 in anchors)
    sealed = along[anchor]
    with pytest.raises(AsOfError, match=f"sealed entry {sealed} was recorded after"):
        made(mine, "statistician", f"{anchor - 1}/{sealed}", name="short")
    assert verified(made(mine, "statistician", f"{anchor}/{sealed}", name="whole")).ok


def test_a_position_that_nobody_can_be_given_is_refused_before_anything_is_recorded(mine: Path) -> None:
    within = _within(mine)
    before = [len(facts(mine, book)) for book in Book]
    for role, at, words in (
        ("statistician", "999999", "ends at position"),
        ("statistician", "soon", "neither a position"),
        ("sponsor", "20/3", "no position in the sealed book"),
        ("sponsor", str(within), "lies within a command"),
    ):
        with pytest.raises(AsOfError, match=words):
            made(mine, role, at, name="refused")
    assert [len(facts(mine, book)) for book in Book] == before
    assert not mine.with_name("refused.zip").exists()


def _within(ledger: Path) -> int:
    """The seq of an entry that is not the last of its command."""
    with LedgerReader(ledger, books=frozenset({Book.OPEN}), classes=frozenset()) as reader:
        for seq, raw, _ in reader.stored(Book.OPEN, 0, reader.head().open):
            command = json.loads(raw)["command"]
            if command["n"] < command["of"] - 1:
                return seq
    raise AssertionError("no command has two events")


def test_the_proof_of_consistency_that_is_made_while_reading_is_that_of_the_tree(mine: Path) -> None:
    with LedgerReader(mine, books=frozenset({Book.OPEN}), classes=frozenset()) as reader:
        leaves = [leaf_hash(raw) for _, raw, _ in reader.stored(Book.OPEN, 0, reader.head().open)]
        for size in range(1, len(leaves)):
            for larger in (size + 1, len(leaves)):
                assert consistency(reader, size, larger) == consistency_proof(leaves, size, larger)


def test_the_head_in_the_manifest_is_that_of_the_entries(mine: Path) -> None:
    files = read(made(mine, "archive"))
    for book, head in Manifest.parse(files[MANIFEST]).books.items():
        assert head == head_of(lines(files, book))
