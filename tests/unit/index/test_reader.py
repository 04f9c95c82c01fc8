from __future__ import annotations

from pathlib import Path

import pytest

from pytest_replication import open_index
from pytest_replication.embedders import registry
from pytest_replication.errors import EmbedderUnavailable, IndexMismatch, UnknownName
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
