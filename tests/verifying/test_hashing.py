"""What the compiled kernel hashes is what hashlib hashes; where it would not be, hashlib does it."""

import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proof.sections import commitment
from ledger.proof.tree import Frontier, leaf_hash
from ledger.verifying import hashing
from ledger.verifying.blocks import COMPILED
from ledger.verifying.hashing import FRAME, Hashing

ROWS = st.lists(st.tuples(st.binary(max_size=300), st.binary(min_size=FRAME, max_size=300)), max_size=8)


def made() -> list[Hashing]:
    """Both ways, where there are two."""
    found = [Hashing()]
    if COMPILED:
        from ledger.verifying import kernel

        found.append(hashing.hashing(kernel.Hashing))
        assert isinstance(found[1], kernel.Hashing), "the library of hashlib was not found"
    elif os.environ.get("CI") == "true":
        pytest.fail("the kernel was not compiled")
    return found


def row(entry: Any, sections: Any) -> tuple[Any, ...]:
    return (0, 1, 1, None, entry, sections)


@pytest.mark.parametrize("ours", made(), ids=lambda one: type(one).__module__)
@given(told=ROWS, salt=st.binary(min_size=32, max_size=32))
def test_rows_have_the_hashes_of_the_reference(ours: Hashing, told: list[tuple[bytes, bytes]], salt: bytes) -> None:
    hashes, commits = ours.rows([row(entry, frame[:FRAME] + salt + frame[FRAME:]) for entry, frame in told])
    assert hashes == [leaf_hash(entry) for entry, _ in told]
    assert commits == [commitment(salt, frame[FRAME:]) for _, frame in told]


@pytest.mark.parametrize("ours", made(), ids=lambda one: type(one).__module__)
@pytest.mark.parametrize("count", [1, 2, 4, 256, 2048])
def test_a_perfect_tree_has_the_root_of_the_reference(ours: Hashing, count: int) -> None:
    leaves = [leaf_hash(number.to_bytes(4, "big")) for number in range(count)]
    tree = Frontier()
    tree.extend(leaves)
    assert ours.root(leaves) == tree.root()


@pytest.mark.parametrize("ours", made(), ids=lambda one: type(one).__module__)
@pytest.mark.parametrize("wrong", [row("text", bytes(40)), row(b"{}", None), row(None, bytes(40)), row(b"{}", 3)])
def test_what_is_no_bytes_is_no_row(ours: Hashing, wrong: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        ours.rows([wrong])


def test_sections_too_short_for_a_frame_are_hashed_as_something_and_never_read_beyond() -> None:
    for ours in made():
        for length in range(FRAME):
            assert len(ours.rows([row(b"{}", bytes(length))])[1][0]) == 32


@pytest.mark.skipif(not COMPILED, reason="the kernel was not compiled")
def test_trees_that_are_not_perfect_are_refused() -> None:
    from ledger.verifying import kernel

    ours = hashing.hashing(kernel.Hashing)
    assert isinstance(ours, kernel.Hashing)
    for leaves in ([], [bytes(32)] * 3, [bytes(31)] * 2, [bytes(33), bytes(31)] * 3):
        with pytest.raises(ValueError, match="perfect"):
            ours.root(leaves)


class _Wrong(Hashing):
    """Hashes as something else does."""

    def __init__(self, _: tuple[int, ...]) -> None:
        pass

    def rows(self, rows: Any) -> tuple[list[bytes], list[bytes]]:
        hashes, commits = super().rows(rows)
        return hashes, [bytes(32) if len(rows[-1][5]) == FRAME + 450 else one for one in commits]


def _lacking() -> tuple[int, ...]:
    raise AttributeError("EVP_sha256")


def test_a_library_that_hashes_otherwise_or_is_not_there_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert type(hashing.hashing(_Wrong)) is Hashing
    monkeypatch.setattr(hashing, "_functions", _lacking)
    if COMPILED:
        from ledger.verifying import kernel

        assert type(hashing.hashing(kernel.Hashing)) is Hashing
