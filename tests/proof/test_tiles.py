"""Tiles hold to c2sp.org/tlog-tiles: paths, contents, and the proofs that a reader computes from them."""

import hashlib
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proof.tiles import (
    ENTRIES,
    WIDTH,
    Tile,
    TileError,
    TileReader,
    bundles,
    entries_of,
    entries_path,
    entry_bundles,
    hash_tiles,
    hashes_of,
    tile_path,
    tiles,
)
from ledger.proof.tree import (
    EMPTY_ROOT,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root,
    verify_consistency,
    verify_inclusion,
)

LEAVES = [leaf_hash(number.to_bytes(8, "big")) for number in range(70_000)]
SIZES = [0, 1, 2, 255, 256, 257, 511, 512, 513, 1000, 65_535, 65_536, 65_537, 70_000]


@pytest.mark.parametrize(
    ("level", "index", "width", "path"),
    [
        (0, 1_234_067, None, "tile/0/x001/x234/067"),  # the example of the specification
        (0, 0, None, "tile/0/000"),
        (0, 999, None, "tile/0/999"),
        (1, 1000, None, "tile/1/x001/000"),
        (63, 5, 255, "tile/63/005.p/255"),
        (2, 0, 1, "tile/2/000.p/1"),
        (0, 2**63 - 1, None, "tile/0/x009/x223/x372/x036/x854/x775/807"),
    ],
)
def test_a_path_is_written_as_specified(level: int, index: int, width: int | None, path: str) -> None:
    assert tile_path(level, index, width) == path
    assert Tile.parse(path).path == path
    entries = path.replace(f"tile/{level}/", "tile/entries/")
    assert entries_path(index, width) == entries
    assert Tile.parse(entries) == Tile(ENTRIES, index, width or WIDTH)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x001",
        "tile/00/001",
        "tile/64/001",
        "tile/-1/001",
        "tile/0/001.p/0",
        "tile/0/001.p/256",
        "tile/0/001.p/01",
        "tile/0/001.p/",
        "tile/0/001.p/999",
        "tile/0/001\n",
        "/tile/0/001",
        "tile/0/../0/001",
        "tile/0/x\u0661\u0661\u0661/001",
        "tile/entrie/001",
        "tile/0/" + "x999/" * 9 + "999",
        "tile/0/" + "x999/" * 99 + "999",
    ],
)
def test_what_is_no_path_of_a_tile_is_refused(path: str) -> None:
    with pytest.raises(TileError):
        Tile.parse(path)


def test_no_tile_is_named_that_cannot_be() -> None:
    for level, index, width in ((-1, 0, None), (64, 0, None), (0, -1, None), (0, 0, 0), (0, 0, 256), (0, 2**63, None)):
        with pytest.raises(TileError):
            _ = tile_path(level, index, width) if level >= 0 else Tile(-2, index)


def test_the_tiles_of_70_000_leaves_are_those_of_the_specification() -> None:
    found = list(tiles(70_000))
    assert [sum(tile.level == level and tile.width == WIDTH for tile in found) for level in range(4)] == [273, 1, 0, 0]
    assert [tile for tile in found if tile.width != WIDTH] == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert [tile.path for tile in tiles(256)] == ["tile/0/000", "tile/1/000.p/1"]
    assert list(tiles(0)) == []
    assert [tile.path for tile in bundles(300)] == ["tile/entries/000", "tile/entries/001.p/44"]


@pytest.mark.parametrize("size", SIZES)
def test_the_contents_are_those_of_the_definition(size: int) -> None:
    made = dict(hash_tiles(LEAVES[:size]))
    assert sorted(made) == sorted(tiles(size))
    for tile in list(made)[-6:] + list(made)[:2]:
        span = WIDTH**tile.level
        for at, found in enumerate(hashes_of(tile, made[tile])):
            first = (tile.index * WIDTH + at) * span
            assert found == root(LEAVES[first : first + span])


@pytest.mark.parametrize("size", SIZES)
def test_a_reader_computes_root_and_proofs_from_the_files_alone(size: int) -> None:
    files = {tile.path: data for tile, data in hash_tiles(LEAVES[:size])}
    reader = TileReader(size, files.__getitem__)
    top = reader.root()
    assert top == (root(LEAVES[:size]) if size else EMPTY_ROOT)
    for index in {0, 1, 255, 256, size // 2, size - 2, size - 1} & set(range(size)):
        proof = reader.inclusion_proof(index)
        verify_inclusion(index, size, LEAVES[index], proof, top)
        assert proof == inclusion_proof(LEAVES[:size], index)
    for size1 in {1, 2, 255, 256, 257, size // 3, size - 1, size} & set(range(1, size + 1)):
        proof = reader.consistency_proof(size1)
        verify_consistency(size1, size, root(LEAVES[:size1]), top, proof)
        assert proof == consistency_proof(LEAVES[:size], size1, size)
    for wrong in (-1, size):
        with pytest.raises(TileError):
            reader.inclusion_proof(wrong)
    for wrong in (0, size + 1):
        with pytest.raises(TileError):
            reader.consistency_proof(wrong)


def test_an_altered_tile_shows_in_the_root() -> None:
    files = {tile.path: data for tile, data in hash_tiles(LEAVES[:513])}
    for path in ("tile/0/002.p/1", "tile/1/000.p/2"):
        altered = {**files, path: files[path][:-1] + bytes([files[path][-1] ^ 1])}
        assert TileReader(513, altered.__getitem__).root() != root(LEAVES[:513])
        cut = {**files, path: files[path][:-1]}
        with pytest.raises(TileError, match=r"not [12] hashes"):
            TileReader(513, cut.__getitem__).root()
    with pytest.raises(TileError):
        TileReader(-1, files.__getitem__)


def test_bundles_hold_the_entries_of_their_leaves() -> None:
    entries = [number.to_bytes(8, "big") for number in range(600)]
    made = list(entry_bundles(entries))
    assert [tile for tile, _ in made] == list(bundles(600))
    assert made[0][1][:20] == b"\x00\x08" + bytes(8) + b"\x00\x08" + bytes(7) + b"\x01"
    assert [entry for tile, data in made for entry in entries_of(tile, data)] == entries
    level_0 = [data for tile, data in hash_tiles(LEAVES[:600]) if tile.level == 0]
    for (tile, data), hashes in zip(made, level_0, strict=True):
        assert b"".join(leaf_hash(entry) for entry in entries_of(tile, data)) == hashes


def test_an_entry_too_long_for_a_bundle_is_named() -> None:
    longest = bytes(65_535)
    [(tile, data)] = entry_bundles([b"", longest])
    assert entries_of(tile, data) == [b"", longest]
    with pytest.raises(TileError, match=r"entry 1 has 65,536 bytes; .* up to 65,535 bytes"):
        list(entry_bundles([b"", bytes(65_536)]))


def test_a_bundle_that_is_cut_or_goes_on_is_refused() -> None:
    [(tile, data)] = entry_bundles([b"one", b"two"])
    for end in range(len(data)):
        with pytest.raises(TileError, match="ends within entry"):
            entries_of(tile, data[:end])
    with pytest.raises(TileError, match="goes on for 1 bytes"):
        entries_of(tile, data + b"\0")
    with pytest.raises(TileError, match="goes on"):
        entries_of(Tile(ENTRIES, 0, 1), data)


@given(st.binary(max_size=400), st.integers(1, 5))
def test_of_any_bytes_either_entries_come_that_write_them_again_or_a_tile_error(data: bytes, width: int) -> None:
    try:
        entries = entries_of(Tile(ENTRIES, 0, width), data)
    except TileError:
        return
    assert list(entry_bundles(entries)) == [(Tile(ENTRIES, 0, width), data)]


@given(st.text("tile/0x12.p3entries", max_size=30))
def test_of_any_path_either_its_tile_comes_or_a_tile_error(path: str) -> None:
    try:
        tile = Tile.parse(path)
    except TileError:
        return
    assert tile.path == path


@given(st.integers(-1, 63), st.integers(0, 2**63 - 1), st.integers(1, 256))
def test_each_tile_has_its_own_path(level: int, index: int, width: int) -> None:
    tile = Tile(level, index, width)
    assert Tile.parse(tile.path) == tile


def test_hundreds_of_thousands_of_entries_stream_through_little_memory() -> None:
    def leaves() -> Iterator[bytes]:
        for number in range(300_000):
            yield hashlib.sha256(number.to_bytes(4, "big")).digest()

    tracemalloc.start()
    try:
        assert sum(len(data) for _, data in hash_tiles(leaves())) // 32 == 300_000 + 1171 + 4
        assert sum(1 for _ in entry_bundles(leaves())) == 1172
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000
