from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_replication import BuildOptions, Index, build_index, open_index, remove_images
from pytest_replication.controls.originals import read_originals
from pytest_replication.errors import SourceError


@pytest.fixture
def moving(pictures: Path, tmp_path: Path) -> Index:
    build_index(pictures, tmp_path / "index", BuildOptions(embedder="pixels"))
    return open_index(tmp_path / "index")


def pixels(image: Image.Image) -> list[int]:
    return np.asarray(image).ravel().tolist()


def test_files_are_read_where_they_lay(moving: Index, picture: Callable[..., Image.Image]) -> None:
    found = dict(read_originals(moving, 5, seed=1))
    assert len(found) == 5
    for row, image in found.items():
        assert pixels(image) == pixels(picture(row))
    assert len(dict(read_originals(moving, 99))) == 12


def test_another_draw_has_other_images(moving: Index) -> None:
    draws = {tuple(row for row, _ in read_originals(moving, 3, seed=seed)) for seed in range(5)}
    assert len(draws) > 1
    first, again = (tuple(row for row, _ in read_originals(moving, 3, seed=1)) for _ in range(2))
    assert first == again


def test_files_that_are_gone_changed_or_torn_are_passed_over(
    moving: Index, pictures: Path, picture: Callable[..., Image.Image]
) -> None:
    (pictures / "03.png").unlink()
    picture(77).save(pictures / "04.png")
    (pictures / "05.png").write_bytes(b"torn")
    assert sorted(row for row, _ in read_originals(moving, 99)) == [0, 1, 2, 6, 7, 8, 9, 10, 11]


def test_removed_images_are_never_planted(moving: Index) -> None:
    remove_images(moving.path, ids=["03.png"])
    assert 3 not in dict(read_originals(open_index(moving.path), 99))


def test_images_of_an_archive_are_found_by_the_name_of_the_source(
    tmp_path: Path, picture: Callable[..., Image.Image]
) -> None:
    images = np.stack([np.asarray(picture(seed, (16, 16))) for seed in range(6)])
    np.save(tmp_path / "train.npy", images)
    build_index(f"npy:{tmp_path / 'train.npy'}", tmp_path / "index", BuildOptions(embedder="pixels"))
    index = open_index(tmp_path / "index")
    found = dict(read_originals(index, 4))
    assert len(found) == 4
    for row, image in found.items():
        assert pixels(image) == images[row].ravel().tolist()
    moved = shutil.move(tmp_path / "train.npy", tmp_path / "moved.npy")
    assert not list(read_originals(index, 4))
    assert len(dict(read_originals(index, 4, given=f"npy:{moved}"))) == 4


def test_what_is_given_has_to_be_a_source(moving: Index, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        list(read_originals(moving, 4, given=str(tmp_path / "nowhere")))


def test_other_images_than_those_that_were_indexed_are_never_planted(moving: Index, unrelated: Path) -> None:
    assert not list(read_originals(moving, 4, given=unrelated))
