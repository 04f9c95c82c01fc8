from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_replication import BuildOptions, Index, build_index, open_index, remove_images
from pytest_replication.errors import SettingsError
from pytest_replication.images.decode import decode
from pytest_replication.index.imported import ImportOptions, import_index
from pytest_replication.index.originals import Originals


@pytest.fixture
def index(pictures: Path, tmp_path: Path) -> Index:
    """An index of twelve pictures in a folder."""
    build_index(pictures, tmp_path / "index", BuildOptions(embedder="pixels"))
    return open_index(tmp_path / "index")


@pytest.fixture
def of_array(tmp_path: Path, picture: Callable[..., Image.Image]) -> Index:
    """An index of six pictures in one array."""
    np.save(tmp_path / "train.npy", np.stack([np.asarray(picture(seed)) for seed in range(6)]))
    build_index(tmp_path / "train.npy", tmp_path / "index", BuildOptions(embedder="pixels"))
    return open_index(tmp_path / "index")


def ids(index: Index, found: Originals) -> dict[int, str]:
    return {row: index.records([row])[row].id for row, _ in found}


def test_images_are_read_from_where_they_lay(index: Index, pictures: Path) -> None:
    found = dict(Originals(index, 12))
    assert sorted(found) == list(range(12))
    for row, record in index.records(range(12)).items():
        assert found[row] == decode((pictures / record.id).read_bytes())


def test_so_many_are_drawn_and_no_others(index: Index) -> None:
    some = [row for row, _ in Originals(index, 4)]
    assert len(set(some)) == 4
    assert some == [row for row, _ in Originals(index, 4)]
    assert some != [row for row, _ in Originals(index, 4, seed=1)]


def test_a_file_that_is_another_one_now_or_none_is_left_out(index: Index, pictures: Path) -> None:
    (pictures / "03.png").unlink()
    shutil.copyfile(pictures / "05.png", pictures / "04.png")
    assert set(ids(index, Originals(index, 12)).values()).isdisjoint({"03.png", "04.png"})
    assert len(dict(Originals(index, 12))) == 10


def test_removed_images_are_left_out(index: Index) -> None:
    remove_images(index.path, ids=["03.png"])
    assert "03.png" not in ids(index, Originals(open_index(index.path), 12)).values()


def test_images_inside_an_array_take_the_source(of_array: Index, tmp_path: Path) -> None:
    assert not list(Originals(of_array, 6))
    assert sorted(row for row, _ in Originals(of_array, 6, tmp_path / "train.npy")) == list(range(6))


def test_a_source_that_was_moved_is_known_by_its_ids(index: Index, pictures: Path, tmp_path: Path) -> None:
    pictures.rename(tmp_path / "moved")
    assert not list(Originals(index, 12))
    assert len(dict(Originals(index, 12, tmp_path / "moved"))) == 12
    assert len(dict(Originals(index, 3, tmp_path / "moved"))) == 3


def test_another_source_gives_nothing(index: Index, unrelated: Path, tmp_path: Path, pictures: Path) -> None:
    for number, path in enumerate(sorted(pictures.glob("*.png"))):
        Image.new("RGB", (9, 9), (number, 0, 0)).save(path)
    assert not list(Originals(index, 12, pictures))
    assert not list(Originals(index, 12, unrelated))


def test_an_image_without_a_digest_proves_nothing(index: Index, tmp_path: Path, pictures: Path) -> None:
    np.save(tmp_path / "v.npy", np.concatenate([shard.embeddings()[0][:, 0] for shard in index.shards]))
    import_index(f"npy:{tmp_path / 'v.npy'}", tmp_path / "imported", ImportOptions(embedder="pixels"))
    assert not list(Originals(open_index(tmp_path / "imported"), 12))


def test_none_wanted_makes_no_sense(index: Index) -> None:
    with pytest.raises(SettingsError, match="0 training images are wanted"):
        list(Originals(index, 0))
