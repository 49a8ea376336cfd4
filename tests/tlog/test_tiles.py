"""Names of tiles, as monitors spell them."""

import pytest

from sharelink.tlog.errors import NoteMalformed
from sharelink.tlog.tiles import TileName, bundled_entries, entry_bundle, tile_hashes, tiles_of


@pytest.mark.parametrize(
    ("name", "path"),
    [
        (TileName(0, 0), "0/000"),
        (TileName(0, 1234067), "0/x001/x234/067"),
        (TileName(None, 1, 44), "entries/001.p/44"),
        (TileName(2, 999, 255), "2/999.p/255"),
    ],
)
def test_names_are_spelt_one_way(name: TileName, path: str):
    assert name.path() == path
    assert TileName.parse(path) == name


@pytest.mark.parametrize(
    "path",
    [
        "",
        "0",
        "0/1",
        "0/0000",
        "8/000",
        "00/000",
        "-1/000",
        "x/000",
        "0/x000/001",
        "0/001/002",
        "0/000.p/0",
        "0/000.p/256",
        "0/000.p/007",
        "0/000.p/",
        "0/000/",
        "entries/000.p/x",
        "0/" + "x999/" * 30 + "999",
        "0/\u0660\u0660\u0660",
    ],
)
def test_other_spellings_are_no_tiles(path: str):
    with pytest.raises(NoteMalformed):
        TileName.parse(path)


def test_a_log_of_300_has_the_specified_tiles():
    assert {tile.path() for tile in tiles_of(300)} == {
        "0/000",
        "0/001.p/44",
        "1/000.p/1",
        "entries/000",
        "entries/001.p/44",
    }
    assert all(tile.is_in(300) for tile in tiles_of(300))
    assert not TileName(0, 1, 45).is_in(300)
    assert not TileName(1, 0, 2).is_in(300)


def test_bundles_give_back_their_entries():
    entries = [b"", b"x", b"y" * 65_535]
    assert bundled_entries(entry_bundle(entries)) == entries
    for cut in (1, 3):
        with pytest.raises(NoteMalformed):
            bundled_entries(entry_bundle([b"abc"])[:cut])
    with pytest.raises(NoteMalformed):
        tile_hashes(b"x" * 31)
