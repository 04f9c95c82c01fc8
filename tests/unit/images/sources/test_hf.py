from __future__ import annotations

import builtins
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_replication.errors import SourceError
from pytest_replication.images.decode import decode
from pytest_replication.images.sources import open_source

datasets = pytest.importorskip("datasets")

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HUB = f"hf:owner/name@{COMMIT}"


@pytest.fixture
def rows(photos: list[Path]) -> Any:
    """A data set of four photographs with captions and class labels, one without a label."""
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "label": datasets.ClassLabel(names=["cat", "dog"]),
            "text": datasets.Value("string"),
            "url": datasets.Value("string"),
        }
    )
    columns = {
        "image": [str(photo) for photo in photos[:4]],
        "label": [0, 1, -1, None],
        "text": ["a", "b", None, "d"],
        "url": ["u"] * 4,
    }
    return datasets.Dataset.from_dict(columns, features=features)


@pytest.fixture
def saved(rows: Any, tmp_path: Path) -> Path:
    """Two splits, saved to disk."""
    splits = datasets.DatasetDict({"train": rows, "test": rows.select([0])})
    splits.save_to_disk(str(tmp_path / "set"))
    return tmp_path / "set"


def test_all_splits_of_a_folder_are_listed(saved: Path, photos: list[Path]) -> None:
    for given in (saved, f"hf:{saved}"):
        source = open_source(given)
        found = list(source)
        assert (len(source), source.counted) == (5, True)
        assert [ref.id for ref in found] == [*(f"train#{i}" for i in range(4)), "test#0"]
        assert [ref.read() for ref in found[:4]] == [photo.read_bytes() for photo in photos[:4]]
        assert [ref.label for ref in found] == ["cat", "dog", None, None, "cat"]
        assert [ref.caption for ref in found] == ["a", "b", None, "d", "a"]
        assert found[1].uri == f"{saved}/train#1"
        assert source.name == f"hf {saved} (splits train, test)"


def test_one_split_is_listed_under_the_same_ids(saved: Path) -> None:
    source = open_source(f"hf:{saved}:test")
    assert [ref.id for ref in source] == ["test#0"]
    assert source.name == f"hf {saved}"
    with pytest.raises(SourceError, match="no split valid: it has train, test"):
        open_source(f"hf:{saved}:valid")


def test_a_single_data_set_is_listed(rows: Any, tmp_path: Path) -> None:
    rows.with_format("numpy").save_to_disk(str(tmp_path / "one"))
    assert [ref.id for ref in open_source(tmp_path / "one")] == [f"rows#{i}" for i in range(4)]


def test_more_rows_than_a_batch_keep_their_order(photos: list[Path], tmp_path: Path) -> None:
    count = 150
    features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("int64")})
    rows = datasets.Dataset.from_dict(
        {"image": [str(photos[-1])] * count, "label": list(range(count))}, features=features
    )
    rows.save_to_disk(str(tmp_path / "many"), num_shards=3)
    assert [ref.label for ref in open_source(tmp_path / "many")] == [str(i) for i in range(count)]


def test_images_go_through_the_decoder_of_this_package(saved: Path) -> None:
    ref = next(iter(open_source(saved)))
    assert isinstance(ref.content, bytes)
    assert decode(ref.read()).mode == "RGB"


def test_rows_without_bytes_are_read_from_their_path_or_rejected(
    rows: Any, photos: list[Path], tmp_path: Path
) -> None:
    from pytest_replication.images.sources.hf import HfSource

    (tmp_path / "secret.jpg").write_bytes(b"secret")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    given = [str(photos[0]), photos[0].name, "gone.jpg"]
    given += [str(tmp_path / "secret.jpg"), "../secret.jpg", str(tmp_path / "more" / "link.jpg"), "a\0b"]
    images = [*({"bytes": None, "path": path} for path in given), None]
    homes = [photos[0].parent, tmp_path / "more"]
    features = datasets.Features({"image": datasets.Image(decode=False)})
    by_path = datasets.Dataset.from_dict({"image": images}, features=features).cast_column(
        "image", datasets.Image()
    )
    found = list(HfSource([("train", by_path)], "name", "uri", homes))
    assert [(ref.content, ref.uri) for ref in found[:2]] == [(photos[0], str(photos[0]))] * 2
    gone, out = (
        f"the row holds no image bytes, and its path {what}"
        for what in ("does not exist", "leads out of the data set")
    )
    nothing = "the row holds no image bytes and no path"
    assert [ref.fault for ref in found] == [None, None, gone, out, out, out, out, nothing]
    assert all(ref.read() == b"" for ref in found[2:])
    assert {ref.fault for ref in HfSource([("train", by_path)], "name", "uri")} == {out, nothing}


def test_several_image_columns_are_all_listed(photos: list[Path], tmp_path: Path) -> None:
    features = datasets.Features({"image": datasets.Image(), "mask": datasets.Image()})
    columns = {name: [str(photo) for photo in photos[:4]] for name in features}
    datasets.Dataset.from_dict(columns, features=features).save_to_disk(str(tmp_path / "two"))
    source = open_source(tmp_path / "two")
    assert len(source) == 8
    assert [ref.id for ref in source][:3] == ["rows#0/image", "rows#0/mask", "rows#1/image"]


def test_a_label_may_have_another_name(photos: list[Path], tmp_path: Path) -> None:
    features = datasets.Features(
        {"img": datasets.Image(), "fine_label": datasets.ClassLabel(names=["x", "y"])}
    )
    rows = datasets.Dataset.from_dict({"img": [str(photos[0])], "fine_label": [1]}, features=features)
    rows.save_to_disk(str(tmp_path / "one"))
    assert [ref.label for ref in open_source(tmp_path / "one")] == ["y"]


@pytest.mark.parametrize(
    ("features", "reason"),
    [
        ({"text": "text"}, "no column of the type Image"),
        ({"images": "list"}, "images inside the column images"),
        ({"image": "image", "more": "struct"}, "images inside the column more"),
    ],
)
def test_images_in_another_form_are_refused(features: dict[str, str], reason: str, tmp_path: Path) -> None:
    kinds = {
        "text": datasets.Value("string"),
        "list": datasets.Sequence(datasets.Image()),
        "image": datasets.Image(),
        "struct": {"a": datasets.Image()},
    }
    schema = datasets.Features({name: kinds[kind] for name, kind in features.items()})
    rows = datasets.Dataset.from_dict({name: [None] for name in features}, features=schema)
    rows.save_to_disk(str(tmp_path / "set"))
    with pytest.raises(SourceError, match=reason):
        open_source(tmp_path / "set")


def test_damage_is_an_error(saved: Path) -> None:
    (arrow,) = (saved / "train").glob("*.arrow")
    size = arrow.stat().st_size
    os.truncate(arrow, size - 8)
    with pytest.raises(SourceError, match=r"arrow is cut off: it has no end mark"):
        open_source(saved)
    os.truncate(arrow, size // 2)
    with pytest.raises(SourceError, match=r"set (cannot be loaded|is cut off)|arrow is cut off"):
        open_source(saved)
    arrow.unlink()
    with pytest.raises(SourceError, match="cannot be loaded"):
        open_source(saved)


def test_parquet_files_are_read_without_the_library(
    rows: Any, tmp_path: Path, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "set").mkdir()
    rows.to_parquet(str(tmp_path / "set" / "train.parquet"))
    without(monkeypatch, "datasets")
    for given in (tmp_path / "set", f"hf:{tmp_path}/set", f"hf:{tmp_path}/set/train.parquet"):
        assert [ref.id for ref in open_source(given)] == [f"train.parquet#{i}" for i in range(4)]
    with pytest.raises(SourceError, match="has no split train"):
        open_source(f"hf:{tmp_path}/set:train")


def test_without_the_library_the_extra_is_named(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "datasets")
    with pytest.raises(SourceError, match=r"pip install 'pytest-replication\[hf\]'"):
        open_source(saved)


def without(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == package:
            raise ImportError(f"No module named {package!r}")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)


@pytest.mark.parametrize("revision", ["", "@main", "@0123456", f"@{COMMIT.upper()}", "@main:train"])
def test_the_hub_is_asked_for_a_commit_only(revision: str) -> None:
    with pytest.raises(SourceError, match="40 hex digits, because a branch moves"):
        open_source(f"hf:owner/name{revision}")


class Builder:
    """Stands for what the library makes of a name on the hub."""

    def __init__(self, revision: str, found: Any) -> None:
        self.hash, self._found, self.prepared = revision, found, False

    def download_and_prepare(self) -> None:
        self.prepared = True

    def as_dataset(self) -> Any:
        assert self.prepared
        return self._found


@pytest.fixture
def on_hub(rows: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put two splits on the hub, at a revision."""

    def put(revision: str) -> None:
        found = datasets.DatasetDict({"train": rows, "test": rows.select([0])})

        def builder(repo: str, revision: str = "", *, at: str = revision) -> Builder:
            assert (repo, revision) == ("owner/name", COMMIT)
            return Builder(at, found)

        monkeypatch.setattr(datasets, "load_dataset_builder", builder)

    return put


def test_a_commit_of_the_hub_is_read(
    on_hub: Callable[[str], None], photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    on_hub(COMMIT)
    assert {ref.fault for ref in open_source(HUB)} == {
        "the row holds no image bytes, and its path leads out of the data set"
    }
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", photos[0].parent)
    found = list(open_source(HUB))
    assert len(found) == 5
    assert found[0].read() == photos[0].read_bytes()
    assert found[0].uri == str(photos[0])  # these rows hold paths
    assert [ref.id for ref in open_source(f"{HUB}:test")] == ["test#0"]
    with pytest.raises(SourceError, match="owner/name has no split valid"):
        open_source(f"{HUB}:valid")


def test_another_revision_out_of_the_cache_is_refused(on_hub: Callable[[str], None]) -> None:
    on_hub("f" * 40)
    with pytest.raises(SourceError, match="revision f+ is at hand, and not the one that was named"):
        open_source(HUB)


def test_without_a_network_the_error_says_what_to_bring(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: Any, **__: Any) -> None:
        raise ConnectionError("Couldn't reach 'owner/name' on the Hub\n(LocalEntryNotFoundError)")

    monkeypatch.setattr(datasets, "load_dataset_builder", offline)
    with pytest.raises(SourceError) as caught:
        open_source(HUB)
    message = str(caught.value)
    assert "\n" not in message
    assert f"datasets.load_dataset('owner/name', revision='{COMMIT}').save_to_disk('FOLDER')" in message
    assert "name hf:FOLDER" in message


def test_what_is_neither_a_path_nor_on_the_hub_is_refused() -> None:
    with pytest.raises(SourceError, match="/gone/set does not exist"):
        open_source("hf:/gone/set")
