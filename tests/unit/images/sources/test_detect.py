from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pytest_replication.errors import SourceError
from pytest_replication.images.sources import KINDS, open_source


@pytest.mark.parametrize("given", ["missing", "file.xyz", "empty"])
def test_what_is_no_source_is_refused(given: str, tmp_path: Path) -> None:
    (tmp_path / "file.xyz").write_text("x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match=given):
        open_source(tmp_path / given)
    with pytest.raises(SourceError, match=given):
        open_source(str(tmp_path / given))


@pytest.mark.parametrize("given", ["s3://bucket/images", "huggingface:x"])
def test_an_unknown_kind_is_refused_with_those_that_are_known(given: str) -> None:
    with pytest.raises(SourceError, match=f"{given.partition(':')[0]} is no kind") as caught:
        open_source(given)
    assert all(kind in str(caught.value) for kind in KINDS)


@pytest.mark.parametrize("kind", [*KINDS])
def test_a_kind_without_a_name_is_refused(kind: str) -> None:
    with pytest.raises(SourceError, match="names nothing"):
        open_source(f"{kind}:")


@pytest.mark.parametrize("kind", [*KINDS])
def test_a_kind_of_something_missing_is_refused(kind: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="gone"):
        open_source(f"{kind}:{tmp_path}/gone")


def test_a_path_with_a_colon_that_exists_is_that_path(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pictures.rename(tmp_path / "npy:set")
    assert len(open_source("npy:set")) == 12
    assert len(open_source(Path("npy:set"))) == 12


def test_an_empty_name_is_not_the_current_folder() -> None:
    with pytest.raises(SourceError, match="an empty name"):
        open_source("")


def test_a_text_too_long_for_a_path_is_refused() -> None:
    with pytest.raises(SourceError, match="does not exist"):
        open_source("x" * 5000)


def test_kinds_are_detected(
    photos: list[Path], pictures: Path, tmp_path: Path, write_tar: Callable[..., Path]
) -> None:
    tars = tmp_path / "tars"
    tars.mkdir()
    tar = write_tar(tars / "0.tar", {"a.jpg": photos[0]})
    array = tmp_path / "a.npy"
    np.save(array, np.full((2, 4, 4), 9, np.uint8))
    (tmp_path / "list.txt").write_text(f"{photos[0]}\n")
    arrays = tmp_path / "arrays"
    arrays.mkdir()
    array.rename(arrays / "a.npy")
    for given, name in (
        (pictures, "folder "),
        (tmp_path / "list.txt", "list "),
        (tars, "webdataset "),
        (tar, "webdataset "),
        (f"{tars}/{{0..0}}.tar", "webdataset "),
        (f"{tars}/*.tar", "webdataset "),
        (arrays / "a.npy", "npy "),
        (arrays, "npy "),
    ):
        assert open_source(given).name.startswith(name)
        assert open_source(str(given)).name.startswith(name)


def test_a_folder_of_several_arrays_asks_for_one(tmp_path: Path) -> None:
    for name in "ab":
        np.save(tmp_path / f"{name}.npy", np.full((2, 4, 4), 9, np.uint8))
    with pytest.raises(SourceError, match=r"2 array files: name one with npy:.*a\.npy"):
        open_source(tmp_path)


def test_a_folder_of_tars_and_images_asks_for_one_of_them(
    pictures: Path, photos: list[Path], write_tar: Callable[..., Path]
) -> None:
    write_tar(pictures / "0.tar", {"a.jpg": photos[0]})
    with pytest.raises(SourceError, match=r"tar files and other files .*webdataset:.* or folder:"):
        open_source(pictures)
    assert [ref.id for ref in open_source(f"webdataset:{pictures}")] == ["0.tar/a.jpg"]
    assert len(open_source(f"folder:{pictures}")) == 12


def test_kinds_can_be_named(pictures: Path) -> None:
    (pictures.parent / "train").write_text("pictures/03.png\n")
    assert len(open_source(f"list:{pictures.parent}/train")) == 1
    with pytest.raises(SourceError, match="is no folder"):
        open_source(f"folder:{pictures}/03.png")
    with pytest.raises(SourceError, match="holds no parquet files"):
        open_source(f"parquet:{pictures}")
    with pytest.raises(SourceError, match="holds no tars"):
        open_source(f"webdataset:{pictures}")
