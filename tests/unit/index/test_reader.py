from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pytest_replication import open_index
from pytest_replication.embedders import registry
from pytest_replication.errors import EmbedderUnavailable, IndexMismatch, SettingsError, UnknownName
from pytest_replication.index import Index


def test_an_index_tells_its_size(pixels_index: Index) -> None:
    assert (pixels_index.rows, len(pixels_index), len(pixels_index.shards)) == (20, 20, 3)
    assert repr(pixels_index).endswith("rows=20, embedder='pixels')")


def test_the_embedder_is_that_of_the_index(pixels_index: Index) -> None:
    assert pixels_index.embedder is pixels_index.embedder
    assert pixels_index.embedder.spec == pixels_index.manifest.embedder


def test_another_embedder_names_both_sides(built_pixels: Path) -> None:
    index = open_index(built_pixels, embedder="sscd")
    with pytest.raises(IndexMismatch, match=r"name 'sscd' against 'pixels'.*dim 512 against 769"):
        _ = index.embedder


def test_an_embedder_that_is_missing_names_the_index(built_pixels: Path) -> None:
    for name, kind in (("nope", UnknownName), ("sscd:/nowhere.onnx", EmbedderUnavailable)):
        index = open_index(built_pixels, embedder=name)
        with pytest.raises(kind, match=f"{built_pixels} needs its embedder pixels"):
            _ = index.embedder


def test_an_embedder_of_the_index_that_is_not_installed_is_no_wrong_usage(
    built_pixels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_installed", dict)
    monkeypatch.setattr(registry, "_registered", {})
    with pytest.raises(EmbedderUnavailable, match=r"needs its embedder pixels .* no embedder 'pixels'"):
        _ = open_index(built_pixels).embedder


@pytest.mark.parametrize("row", [-1, 20])
def test_rows_outside_are_not_found(pixels_index: Index, row: int) -> None:
    assert pixels_index.records([row]) == {}


def test_rows_are_found_in_their_shards(tmp_path: Path, made_up_index: Callable[..., Index]) -> None:
    sizes = (2, 0, 3, 1)
    index = made_up_index(tmp_path / "index", *(np.ones((size, 1, 4), np.float32) / 2 for size in sizes))
    rows = np.array([4, 0, 5, 4, 2, 1])
    found = [(shard.first, places.tolist(), rows.tolist()) for shard, places, rows in index.homes(rows)]
    assert found == [(0, [1, 5], [0, 1]), (2, [0, 3, 4], [2, 2, 0]), (5, [2], [0])]
    assert list(index.homes(rows[:0])) == []


@pytest.mark.parametrize("row", [-1, 20])
def test_rows_outside_have_no_shard(pixels_index: Index, row: int) -> None:
    with pytest.raises(SettingsError, match="stores rows 0 to 19, not all of"):
        list(pixels_index.homes(np.array([3, row])))
