"""Parts and local features beside the vectors, through the life of an index."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_replication import BuildOptions, Index, build_index, open_index
from pytest_replication.embedders import load_embedder
from pytest_replication.errors import SettingsError
from pytest_replication.images import local
from pytest_replication.images.decode import decode
from pytest_replication.images.parts import GRIDS
from pytest_replication.images.views import cut
from pytest_replication.index.features import STORED
from pytest_replication.index.manifest import NAME
from pytest_replication.index.verify import verify_index

pytest.importorskip("cv2")

OPTIONS = BuildOptions(
    embedder="pixels", shard_rows=5, batch_size=3, objects="quarters", dtype="float16", progress=False
)
FILES = ("parts.npy", "features.npy")


@pytest.fixture
def built(pictures: Path, tmp_path: Path) -> Path:
    build_index(pictures, tmp_path / "index", OPTIONS)
    return tmp_path / "index"


def images_of(folder: Path) -> list[Image.Image]:
    return [decode(path.read_bytes()) for path in sorted(folder.iterdir())]


def require_stored(index: Index, images: list[Image.Image]) -> None:
    """Compare what is stored of each row with what it is made of: the images, in their order."""
    embedder, rows = load_embedder("pixels"), np.arange(len(images))
    assert index.objects is not None
    found = index.features_of(rows)
    for row, (image, parts) in enumerate(zip(images, index.parts_of(rows), strict=True)):
        prepared = [embedder.prepare(part) for part in cut(image, index.objects.parts)]
        assert parts == pytest.approx(embedder.embed(prepared), abs=1e-3)
        assert np.array_equal(found[row], local.extract(image))


def test_every_row_has_the_parts_and_features_of_its_image(built: Path, pictures: Path) -> None:
    index = open_index(built)
    assert index.objects is not None
    assert (index.objects.parts, index.objects.detector) == (GRIDS["quarters"], local.DETECTOR)
    assert [shard.parts()[0].shape[:2] for shard in index.shards] == [(5, 4), (5, 4), (2, 4)]
    assert {shard.parts()[0].dtype for shard in index.shards} == {np.dtype("<f2")}
    assert {shard.features()[0].dtype for shard in index.shards} == {STORED}
    require_stored(index, images_of(pictures))
    assert sum(len(found) for found in index.features_of(np.arange(12))) > 0
    assert verify_index(built, progress=False).sound


def test_an_index_without_them_is_as_it_was(built: Path, pictures: Path) -> None:
    index = open_index(built)
    plain = open_index(build_index(pictures, built.parent / "plain", replace(OPTIONS, objects=None)).index)
    assert plain.objects is None
    assert "objects" not in json.loads((plain.path / NAME).read_text())
    for ours, theirs in zip(index.shards, plain.shards, strict=True):
        assert ours.entry.files["embeddings.npy"] == theirs.entry.files["embeddings.npy"]
    for call in (plain.shards[0].parts, plain.shards[0].features):
        with pytest.raises(SettingsError, match="build the index again with --objects"):
            call()
    for of in (plain.parts_of, plain.features_of):
        with pytest.raises(SettingsError, match="build the index again with --objects"):
            of(np.array([0]))


def test_rows_come_in_any_order_and_none_are_taken_for_others(built: Path) -> None:
    index = open_index(built)
    rows = np.array([11, 0, 5, 0])
    parts, features = index.parts_of(rows), index.features_of(rows)
    for place, row in enumerate(rows):
        assert np.array_equal(parts[place], index.parts_of(np.array([row]))[0])
        assert np.array_equal(features[place], index.features_of(np.array([row]))[0])
    assert index.features_of(np.empty(0, np.int64)) == []
    for wrong in (-1, 12):
        with pytest.raises(SettingsError, match="stores rows 0 to 11"):
            index.features_of(np.array([0, wrong]))
