from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardlight.ledger.tiles import ENTRIES, Edge, Tile, pack, unpack
from wardlight.problems import BadInput, NotFound

TILES = st.builds(Tile, st.integers(-1, 63), st.integers(0, 10**12), st.integers(1, 256))


@given(tile=TILES)
def test_a_path_reads_back(tile: Tile) -> None:
    assert Tile.parse(tile.path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/../../key", "tile/00/000", "tile/64/000", "tile/0/0", "tile/0/x000/001", "tile/0/001/002",
        "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/٠٠٠", "tile/0/000\n", "tile/0/000/", "key",
    ],
)  # fmt: skip
def test_no_other_path_is_read(path: str) -> None:
    with pytest.raises(NotFound):
        Tile.parse(path)


def test_the_tiles_of_a_tree_are_those_of_the_specification() -> None:
    _, tiles = Edge().grown([b""] * 70_000)
    hashes = [tile for tile, _ in tiles if tile.level >= 0]
    assert hashes == [
        *(Tile(0, number) for number in range(273)), Tile(0, 273, 112),
        Tile(1, 0), Tile(1, 1, 17), Tile(2, 0, 1),
    ]  # fmt: skip
    bundles = [tile for tile, _ in tiles if tile.level == ENTRIES]
    assert bundles == [*(Tile(ENTRIES, number) for number in range(273)), Tile(ENTRIES, 273, 112)]


def test_a_tree_of_256_has_a_full_tile_and_one_above_it() -> None:
    _, tiles = Edge().grown([b""] * 256)
    assert [tile.path for tile, _ in tiles] == ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]


@given(entries=st.lists(st.binary(max_size=50), max_size=20))
def test_a_bundle_reads_back(entries: list[bytes]) -> None:
    assert unpack(pack(entries)) == entries


def test_the_largest_entry_fits() -> None:
    assert unpack(pack([bytes(65535)])) == [bytes(65535)]


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_a_bundle_that_is_cut_off_is_refused(cut: int) -> None:
    with pytest.raises(BadInput):
        unpack(pack([b"a", b"bc"])[:-cut])
    assert unpack(pack([b"a", b"bc"])[:-cut], lenient=True) == [b"a"]
