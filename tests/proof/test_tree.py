"""The Merkle tree holds to the published vectors and to the recursive definitions of RFC 9162 section 2.1."""

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proof.tree import (
    EMPTY_ROOT,
    MAX_SIZE,
    Frontier,
    ProofError,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root,
    verify_consistency,
    verify_inclusion,
)
from tests.shared_data import shared_data

LEAVES = [leaf_hash(number.to_bytes(8, "big")) for number in range(5000)]


# RFC 9162 section 2.1, word for word: slow, and obviously the definition.


def largest_power_below(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def mth(leaves: Sequence[bytes]) -> bytes:
    """Section 2.1.1, over leaf hashes."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = largest_power_below(len(leaves))
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """Section 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = largest_power_below(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m: int, leaves: Sequence[bytes], known: bool) -> list[bytes]:
    """Section 2.1.4.1."""
    if m == len(leaves):
        return [] if known else [mth(leaves)]
    k = largest_power_below(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], known), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), mth(leaves[:k])]


sizes = st.integers(1, 300)


@st.composite
def tree_and_index(draw: st.DrawFn) -> tuple[int, int]:
    size = draw(sizes)
    return size, draw(st.integers(0, size - 1))


@st.composite
def two_sizes(draw: st.DrawFn) -> tuple[int, int]:
    size2 = draw(sizes)
    return draw(st.integers(1, size2)), size2


# Published vectors, one test a file.


def vectors(kind: str) -> list[Any]:
    """One parameter a file; a single one, whose test is skipped, where the vectors are absent."""
    wanted = f"vectors/rfc6962/{kind}"
    try:
        folder = shared_data(wanted)
    except pytest.skip.Exception:
        return [pytest.param(wanted, id="absent")]
    files = sorted(str(file.relative_to(folder)) for file in folder.rglob("*.json"))
    return [pytest.param(f"{wanted}/{file}", id=file) for file in files]


def expectation(case: dict[str, Any], verify: Callable[[], None]) -> None:
    if case["wantErr"]:
        with pytest.raises(ProofError):
            verify()
    else:
        verify()


def proof_of(case: dict[str, Any]) -> list[bytes]:
    return [base64.b64decode(each) for each in case["proof"] or []]


def read(file: str) -> dict[str, Any]:
    case: dict[str, Any] = json.loads(shared_data(file).read_bytes())
    return case


def test_all_196_published_vectors_are_run() -> None:
    shared_data("vectors/rfc6962")
    assert (len(vectors("inclusion")), len(vectors("consistency"))) == (98, 98)


@pytest.mark.parametrize("file", vectors("inclusion"))
def test_published_inclusion_vector(file: str) -> None:
    case = read(file)
    leaf, expected_root = base64.b64decode(case["leafHash"]), base64.b64decode(case["root"])
    expectation(case, lambda: verify_inclusion(case["leafIdx"], case["treeSize"], leaf, proof_of(case), expected_root))


@pytest.mark.parametrize("file", vectors("consistency"))
def test_published_consistency_vector(file: str) -> None:
    case = read(file)
    root1, root2 = base64.b64decode(case["root1"]), base64.b64decode(case["root2"])
    expectation(case, lambda: verify_consistency(case["size1"], case["size2"], root1, root2, proof_of(case)))


# The definitions.


def test_the_empty_tree_hashes_nothing() -> None:
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert root([]) == Frontier().root() == EMPTY_ROOT


def test_a_leaf_and_a_node_over_the_same_bytes_differ() -> None:
    left, right = LEAVES[:2]
    assert leaf_hash(left + right) == hashlib.sha256(b"\x00" + left + right).digest()
    assert node_hash(left, right) == hashlib.sha256(b"\x01" + left + right).digest()


@given(st.integers(0, 300))
def test_the_root_is_that_of_the_definition(size: int) -> None:
    assert root(iter(LEAVES[:size])) == mth(LEAVES[:size])


@pytest.mark.parametrize("size", [1023, 1024, 1025, 2048, 3071, 4096, 5000])
def test_the_root_is_that_of_the_definition_around_whole_runs(size: int) -> None:
    assert root(LEAVES[:size]) == mth(LEAVES[:size])


@given(tree_and_index())
def test_the_inclusion_proof_is_that_of_the_definition_and_verifies(tree: tuple[int, int]) -> None:
    size, index = tree
    proof = inclusion_proof(LEAVES[:size], index)
    assert proof == path(index, LEAVES[:size])
    verify_inclusion(index, size, LEAVES[index], proof, mth(LEAVES[:size]))


@given(two_sizes())
def test_the_consistency_proof_is_that_of_the_definition_and_verifies(pair: tuple[int, int]) -> None:
    size1, size2 = pair
    proof = consistency_proof(LEAVES, size1, size2)
    assert proof == subproof(size1, LEAVES[:size2], True)
    verify_consistency(size1, size2, mth(LEAVES[:size1]), mth(LEAVES[:size2]), proof)


# What does not hold is refused.


@given(tree_and_index(), st.data())
def test_no_leaf_is_included_at_an_index_not_its_own(tree: tuple[int, int], data: st.DataObject) -> None:
    size, index = tree
    other = data.draw(st.integers(0, size - 1).filter(lambda drawn: drawn != index) if size > 1 else st.just(1))
    proof = inclusion_proof(LEAVES[:size], index)
    with pytest.raises(ProofError):
        verify_inclusion(other, size, LEAVES[index], proof, mth(LEAVES[:size]))


@given(two_sizes(), st.data())
def test_a_rewritten_leaf_of_the_old_tree_is_never_consistent(pair: tuple[int, int], data: st.DataObject) -> None:
    size1, size2 = pair
    altered = LEAVES[:size2]
    altered[data.draw(st.integers(0, size1 - 1))] = leaf_hash(b"rewritten")
    for proof in (consistency_proof(LEAVES, size1, size2), consistency_proof(altered, size1, size2)):
        with pytest.raises(ProofError):
            verify_consistency(size1, size2, mth(LEAVES[:size1]), mth(altered), proof)


@given(tree_and_index(), st.data())
def test_one_flipped_bit_anywhere_in_an_inclusion_proof_is_found(tree: tuple[int, int], data: st.DataObject) -> None:
    size, index = tree
    hashes = [LEAVES[index], mth(LEAVES[:size]), *inclusion_proof(LEAVES[:size], index)]
    leaf, expected_root, *proof = flip(hashes, data)
    with pytest.raises(ProofError):
        verify_inclusion(index, size, leaf, proof, expected_root)


@given(two_sizes(), st.data())
def test_one_flipped_bit_anywhere_in_a_consistency_proof_is_found(pair: tuple[int, int], data: st.DataObject) -> None:
    size1, size2 = pair
    hashes = [mth(LEAVES[:size1]), mth(LEAVES[:size2]), *consistency_proof(LEAVES, size1, size2)]
    root1, root2, *proof = flip(hashes, data)
    with pytest.raises(ProofError):
        verify_consistency(size1, size2, root1, root2, proof)


@given(two_sizes(), st.data())
def test_a_proof_with_a_hash_too_few_or_too_many_is_refused(pair: tuple[int, int], data: st.DataObject) -> None:
    size1, size2 = pair
    roots = mth(LEAVES[:size1]), mth(LEAVES[:size2])
    index = size1 - 1
    included, consistent = inclusion_proof(LEAVES[:size2], index), consistency_proof(LEAVES, size1, size2)
    for proof in resized(included, data):
        with pytest.raises(ProofError):
            verify_inclusion(index, size2, LEAVES[index], proof, roots[1])
    for proof in resized(consistent, data):
        with pytest.raises(ProofError):
            verify_consistency(size1, size2, *roots, proof)


@given(st.binary(max_size=80).filter(lambda drawn: len(drawn) != 32))
def test_a_hash_that_is_not_32_bytes_is_refused_wherever_it_stands(odd: bytes) -> None:
    leaf, tree = LEAVES[0], mth(LEAVES[:2])
    attempts: list[Callable[[], object]] = [
        lambda: Frontier().append(odd),
        lambda: root([leaf, odd]),
        lambda: root([*LEAVES[:1023], odd]),
        lambda: verify_inclusion(0, 2, odd, [LEAVES[1]], tree),
        lambda: verify_inclusion(0, 2, leaf, [odd], tree),
        lambda: verify_inclusion(0, 2, leaf, [LEAVES[1]], odd),
        lambda: verify_inclusion(0, 1, odd, [], odd),
        lambda: verify_consistency(1, 2, odd, tree, [LEAVES[1]]),
        lambda: verify_consistency(1, 2, leaf, odd, [LEAVES[1]]),
        lambda: verify_consistency(1, 2, leaf, tree, [odd]),
        lambda: verify_consistency(0, 0, odd, odd, []),
    ]
    for attempt in attempts:
        with pytest.raises(ProofError):
            attempt()


@pytest.mark.parametrize(
    "size",
    [-1, -(2**70), MAX_SIZE + 1, pytest.param(10**5000, id="beyond printing"), True, 2.0, "2", None],
)
def test_a_size_or_index_that_is_none_is_refused(size: Any) -> None:
    tree = mth(LEAVES[:2])
    attempts: list[Callable[[], object]] = [
        lambda: Frontier.from_bytes(size, tree),
        lambda: verify_inclusion(0, size, LEAVES[0], [LEAVES[1]], tree),
        lambda: verify_inclusion(size, 2, LEAVES[0], [LEAVES[1]], tree),
        lambda: verify_consistency(size, 2, LEAVES[0], tree, [LEAVES[1]]),
        lambda: verify_consistency(2, size, tree, tree, []),
        lambda: inclusion_proof(LEAVES, size),
        lambda: consistency_proof(LEAVES, 1, size),
        lambda: consistency_proof(LEAVES, size, 2),
    ]
    for attempt in attempts:
        with pytest.raises(ProofError):
            attempt()


def test_no_proof_is_made_for_a_leaf_or_a_tree_that_is_not_there() -> None:
    with pytest.raises(ProofError, match="index is 5, not that of one of 5 leaves"):
        inclusion_proof(LEAVES[:5], 5)
    with pytest.raises(ProofError, match="size2 is 6, beyond the 5 leaves"):
        consistency_proof(LEAVES[:5], 2, 6)
    with pytest.raises(ProofError, match="size1 is 4, beyond size2, 3"):
        consistency_proof(LEAVES[:5], 4, 3)


def test_the_empty_tree_proves_nothing_about_a_later_one() -> None:
    assert consistency_proof(LEAVES, 0, 0) == []
    verify_consistency(0, 0, EMPTY_ROOT, EMPTY_ROOT, [])
    with pytest.raises(ProofError, match="nothing to prove"):
        consistency_proof(LEAVES, 0, 1)
    with pytest.raises(ProofError, match="nothing to prove"):
        verify_consistency(0, 1, EMPTY_ROOT, LEAVES[0], [])
    with pytest.raises(ProofError, match="hash of nothing"):
        verify_consistency(0, 0, LEAVES[0], LEAVES[0], [])


# The frontier.


@given(st.integers(0, 200))
def test_the_frontier_has_at_every_size_the_root_of_the_definition(size: int) -> None:
    frontier = Frontier()
    for leaf in LEAVES[:size]:
        frontier.append(leaf)
    assert frontier.size == size
    assert frontier.root() == mth(LEAVES[:size])


@given(st.lists(st.integers(0, 2500), max_size=4))
def test_a_frontier_stored_and_read_back_goes_on_as_if_it_never_stopped(steps: list[int]) -> None:
    frontier, size = Frontier(), 0
    for step in steps:
        step = min(step, len(LEAVES) - size)
        frontier = Frontier.from_bytes(frontier.size, frontier.to_bytes())
        frontier.extend(LEAVES[size : size + step])
        size += step
    one_by_one = Frontier()
    for leaf in LEAVES[:size]:
        one_by_one.append(leaf)
    assert (frontier.size, frontier.to_bytes()) == (size, one_by_one.to_bytes())
    assert frontier.root() == one_by_one.root()


def test_a_copy_goes_on_by_itself() -> None:
    frontier = Frontier()
    frontier.extend(LEAVES[:3])
    other = frontier.copy()
    other.append(LEAVES[3])
    assert frontier.root() == mth(LEAVES[:3])
    assert other.root() == mth(LEAVES[:4])


@given(st.integers(0, 2**40), st.integers(0, 2100))
def test_a_frontier_of_another_length_than_its_size_needs_is_refused(size: int, length: int) -> None:
    if length == 32 * size.bit_count():
        length += 1
    with pytest.raises(ProofError, match=f"a frontier of {size} leaves"):
        Frontier.from_bytes(size, bytes(length))


def flip(hashes: list[bytes], data: st.DataObject) -> list[bytes]:
    """The hashes with one bit of one of them flipped."""
    which, bit = data.draw(st.integers(0, len(hashes) - 1)), data.draw(st.integers(0, 255))
    altered = int.from_bytes(hashes[which], "big") ^ 1 << bit
    return [*hashes[:which], altered.to_bytes(32, "big"), *hashes[which + 1 :]]


def resized(proof: list[bytes], data: st.DataObject) -> list[list[bytes]]:
    """The proof without one of its hashes, and with one more."""
    at = data.draw(st.integers(0, len(proof)))
    longer = [*proof[:at], LEAVES[4999], *proof[at:]]
    return [longer, proof[:at] + proof[at + 1 :]] if at < len(proof) else [longer]
