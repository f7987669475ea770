"""The high-water mark: what is signed next is computed from it, and what does not go on from it is refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.keys.file import KeysError, keys_folder
from ledger.keys.signed_head import (
    SIGNED_HEAD,
    Grown,
    Kept,
    SignedHead,
    SigningRefusedError,
    check_mark,
    grown,
    read_signed_head,
    write_signed_head,
)
from ledger.proof.checkpoint import Checkpoint
from ledger.proof.entry import GENESIS, Actor, OpenTemplate, complete
from ledger.proof.note import Note, NoteSignature
from ledger.proof.tree import leaf_hash, root

ORIGIN = "example.org/T-1/00112233445566778899aabbccddeeff"
SIZE = 40


def book(size: int, *, origin: str = ORIGIN, from_: int = 0, word: str = "a", before: bytes = GENESIS) -> list[bytes]:
    """Entries of a whole book, or its going on from an entry."""
    template = OpenTemplate(Actor("x", "y", "sponsor"), "0" * 64, f"c-{word}", origin)
    entries, prev = list[bytes](), before
    for seq in range(from_, size):
        fragments = template.fragments(0, 1, f"{seq:032x}", "", "trial", "dmc.recommended/1", seq + 1)
        entries.append(complete(fragments, "2020-05-06T08:00:00.000000Z", prev, seq))
        prev = leaf_hash(entries[-1])
    return entries


ENTRIES = book(SIZE)


def on(entries: list[bytes], mark: SignedHead | None = None, *, origin: str = ORIGIN) -> Grown:
    """What is signed of a book, on from a mark."""
    start = 0 if mark is None else mark.size
    last = entries[start - 1] if 0 < start <= len(entries) else None
    return grown(mark, origin, len(entries), last, list(enumerate(entries))[start:])


def mark_of(tree: Grown) -> SignedHead:
    text = Checkpoint(ORIGIN, tree.tree.size, tree.tree.root()).text()
    note = Note(text, (NoteSignature(ORIGIN, bytes(4), bytes(64)),)).encode()
    return SignedHead(ORIGIN, tree.tree, tree.head, note, 1_700_000_000, Kept(tree.tree.size, 1_700_000_000))


@given(st.lists(st.integers(0, SIZE), max_size=6))
def test_in_however_many_steps_it_is_signed_the_root_is_that_of_the_whole_book(stops: list[int]) -> None:
    mark = None
    for stop in [*sorted(stops), SIZE]:
        done = on(ENTRIES[:stop], mark)
        assert done.tree.root() == root(map(leaf_hash, ENTRIES[:stop]))
        mark = SignedHead.decode(mark_of(done).encode())
    assert mark is not None
    assert (mark.size, mark.head) == (SIZE, leaf_hash(ENTRIES[-1]))


@given(st.integers(1, SIZE), st.data())
def test_what_is_altered_before_the_mark_does_not_change_what_is_signed(size: int, data: st.DataObject) -> None:
    mark = mark_of(on(ENTRIES[:size]))
    altered = list(ENTRIES)
    for at in data.draw(st.sets(st.integers(0, size - 1))) - {size - 1}:
        altered[at] = b"anything at all"
    assert on(altered, mark).tree.root() == root(map(leaf_hash, ENTRIES))


@given(st.integers(1, SIZE), st.integers(0, SIZE))
def test_a_shorter_book_is_a_rollback_and_no_other(signed: int, now: int) -> None:
    mark = mark_of(on(ENTRIES[:signed]))
    if now >= signed:
        assert on(ENTRIES[:now], mark).tree.size == now
        return
    with pytest.raises(SigningRefusedError, match="rollback") as refused:
        on(ENTRIES[:now], mark)
    assert refused.value.kind == "rollback"
    assert f"the book has {now} entries" in str(refused.value)


@given(st.integers(2, SIZE), st.data())
def test_a_book_that_was_restored_and_went_on_past_the_mark_is_a_fork(signed: int, data: st.DataObject) -> None:
    mark = mark_of(on(ENTRIES[:signed]))
    restored = data.draw(st.integers(1, signed - 1))
    other = ENTRIES[:restored] + book(SIZE, from_=restored, word="b", before=leaf_hash(ENTRIES[restored - 1]))
    assert on(other).tree.size == SIZE, "a whole book by itself: without the mark nothing is wrong with it"
    with pytest.raises(SigningRefusedError, match="fork") as refused:
        on(other, mark)
    assert refused.value.kind == "fork"


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda entries: entries[:10] + entries[11:], "damaged"),
        (lambda entries: [*entries[:10], entries[11], entries[10], *entries[12:]], "damaged"),
        (lambda entries: [*entries[:10], b"{}", *entries[11:]], "damaged"),
        (lambda entries: [*entries[:10], "text", *entries[11:]], "damaged"),
        (lambda entries: [*entries[:10], entries[10] + b" ", *entries[11:]], "damaged"),
        (lambda entries: [*entries[:10], *book(SIZE, from_=10, before=bytes(32))], "fork"),
        (
            lambda entries: [*entries[:10], *book(SIZE, from_=10, origin="x.org/y", before=leaf_hash(entries[9]))],
            "fork",
        ),
    ],
)
def test_what_does_not_join_on_is_not_signed(change: object, kind: str) -> None:
    mark = mark_of(on(ENTRIES[:5]))
    with pytest.raises(SigningRefusedError) as refused:
        on(change(ENTRIES), mark)  # type: ignore[operator]
    assert refused.value.kind == kind


def test_a_book_that_is_said_to_be_longer_than_it_is_is_not_signed() -> None:
    with pytest.raises(SigningRefusedError, match="is said to have 41 entries, and has 40"):
        grown(None, ORIGIN, SIZE + 1, None, enumerate(ENTRIES))


def test_of_an_empty_mark_nothing_is_asked() -> None:
    empty = mark_of(on([]))
    check_mark(empty, 0, None)
    check_mark(None, 0, None)
    assert on(ENTRIES, empty).tree.size == SIZE


def test_the_mark_is_read_as_it_was_written_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    ledger = tmp_path / "trial.db"
    keys_folder(ledger).mkdir(mode=0o700)
    assert read_signed_head(ledger) is None
    for size in (3, 8, 21):
        mark = replace(mark_of(on(ENTRIES[:size])), kept=Kept(size, None))
        write_signed_head(ledger, mark)
        again = read_signed_head(ledger)
        assert again is not None
        assert (again.encode(), again.size, again.root, again.kept) == (mark.encode(), size, mark.root, mark.kept)
    path = keys_folder(ledger) / SIGNED_HEAD
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in keys_folder(ledger).iterdir()] == [SIGNED_HEAD]
    path.chmod(0o644)
    with pytest.raises(KeysError, match="others than the owner"):
        read_signed_head(ledger)


MEMBERS = tuple(json.loads(mark_of(on(ENTRIES[:5])).encode()))


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("value", [None, 6, "00", [], {"at": 1}])
def test_a_mark_that_is_none_is_refused_and_not_taken_for_the_beginning(
    tmp_path: Path, member: str, value: object
) -> None:
    ledger = tmp_path / "trial.db"
    keys_folder(ledger).mkdir(mode=0o700)
    write_signed_head(ledger, mark_of(on(ENTRIES[:5])))
    path = keys_folder(ledger) / SIGNED_HEAD
    kept = json.loads(path.read_bytes())
    if member == "at" and value == 6:
        return  # any time will do
    path.write_text(json.dumps(kept | {member: value}, sort_keys=True, indent=1) + "\n")
    with pytest.raises(KeysError, match="is no mark of what was signed"):
        read_signed_head(ledger)


@pytest.mark.parametrize("data", [b"", b"{", b"null", b"{}", b"\xff"])
def test_half_a_mark_is_none(tmp_path: Path, data: bytes) -> None:
    ledger = tmp_path / "trial.db"
    keys_folder(ledger).mkdir(mode=0o700)
    (keys_folder(ledger) / SIGNED_HEAD).write_bytes(data)
    (keys_folder(ledger) / SIGNED_HEAD).chmod(0o600)
    with pytest.raises(KeysError, match="is no mark"):
        read_signed_head(ledger)
