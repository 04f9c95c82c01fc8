"""Pixels beside the vectors, through the life of an index."""

from __future__ import annotations

import json
import shutil
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from interrupted import Interrupted

from pytest_replication import BuildOptions, Index, build_index, cli, open_index
from pytest_replication.errors import BuildError, IndexCorrupt, IndexMismatch, SettingsError, SourceError
from pytest_replication.images.decode import decode
from pytest_replication.images.square import square
from pytest_replication.index import tokens
from pytest_replication.index.append import AppendOptions, append_index
from pytest_replication.index.compact import compact_index
from pytest_replication.index.manifest import NAME
from pytest_replication.index.manifest_file import parse_manifest, read_manifest
from pytest_replication.index.merge import merge_indexes
from pytest_replication.index.removed import remove_images
from pytest_replication.index.verify import verify_files

OPTIONS = BuildOptions(embedder="pixels", shard_rows=5, pixels=16, progress=False)


@pytest.fixture
def built(pictures: Path, tmp_path: Path) -> Path:
    build_index(pictures, tmp_path / "index", OPTIONS)
    return tmp_path / "index"


def stored(folder: Path | Index) -> np.ndarray:
    index = folder if isinstance(folder, Index) else open_index(folder)
    return np.concatenate([np.asarray(shard.pixels()[0]) for shard in index.shards])


def expected(paths: list[Path], side: int = 16) -> np.ndarray:
    return np.stack([square(decode(path.read_bytes()), side) for path in paths])


def test_every_row_has_the_pixels_of_its_image(built: Path, pictures: Path) -> None:
    index = open_index(built)
    assert index.side == 16
    assert [shard.pixels()[0].shape for shard in index.shards] == [
        (5, 16, 16, 3),
        (5, 16, 16, 3),
        (2, 16, 16, 3),
    ]
    assert stored(index).dtype == np.uint8
    assert np.array_equal(stored(index), expected(sorted(pictures.iterdir())))
    assert verify_files(built, progress=False).sound
    plain = open_index(build_index(pictures, built.parent / "plain", replace(OPTIONS, pixels=None)).index)
    assert plain.side is None
    assert "pixels" not in json.loads((plain.path / NAME).read_text())
    for ours, theirs in zip(index.shards, plain.shards, strict=True):
        assert ours.entry.files["embeddings.npy"] == theirs.entry.files["embeddings.npy"]
    with pytest.raises(SettingsError, match="holds no pixels: build the index again with --pixels"):
        plain.shards[0].pixels()


def test_images_of_that_size_are_stored_as_they_are(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (6, 28, 28, 3), dtype=np.uint8)
    np.save(tmp_path / "images.npy", images)
    build_index(f"npy:{tmp_path / 'images.npy'}", tmp_path / "index", replace(OPTIONS, pixels=28))
    assert np.array_equal(stored(tmp_path / "index"), images)


def test_unreadable_images_have_no_pixels(pictures: Path, tmp_path: Path) -> None:
    (pictures / "03.png").write_bytes(b"")
    build_index(pictures, tmp_path / "index", replace(OPTIONS, max_rejected=1))
    readable = [path for path in sorted(pictures.iterdir()) if path.name != "03.png"]
    assert np.array_equal(stored(tmp_path / "index"), expected(readable))


def test_worker_processes_make_the_same_bytes(built: Path, pictures: Path) -> None:
    build_index(pictures, built.parent / "two", replace(OPTIONS, workers=2, shard_rows=6))
    assert np.array_equal(stored(built.parent / "two"), stored(built))
    assert not (built.parent / "two" / "shards" / ".handed").exists()


def test_an_interrupted_build_ends_the_same_and_another_side_is_another_build(
    built: Path, pictures: Path, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        build_index(Interrupted(pictures, 7), tmp_path / "half", OPTIONS)
    for other in (None, 32):
        with pytest.raises(SourceError, match=r"pixels '?(none|32)'? against 16"):
            build_index(pictures, tmp_path / "half", replace(OPTIONS, pixels=other))
    assert build_index(pictures, tmp_path / "half", OPTIONS).resumed == 5
    assert read_manifest(tmp_path / "half").fingerprint == read_manifest(built).fingerprint


@pytest.mark.parametrize("gone", [False, True])
def test_damaged_pixels_are_told_and_made_anew(built: Path, pictures: Path, gone: bool) -> None:
    before, path = read_manifest(built), built / "shards" / "000001" / "pixels.npy"
    if gone:
        path.unlink()
        with pytest.raises(IndexCorrupt, match="pixels.npy is missing"):
            open_index(built)
    else:
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
    assert any("pixels.npy" in fault for fault in verify_files(built, progress=False).faults)
    with pytest.raises(IndexCorrupt, match=r"pixels.npy"):
        append_index(built, pictures, AppendOptions(progress=False))
    build_index(pictures, built, OPTIONS)
    assert read_manifest(built).shards == before.shards


def test_append_remove_compact_and_merge(
    built: Path, pictures: Path, tmp_path: Path, picture: object
) -> None:
    more = tmp_path / "more"
    more.mkdir()
    picture(100).save(more / "new.png")  # type: ignore[operator]
    shutil.copytree(built, tmp_path / "other")
    append_index(built, more, AppendOptions(progress=False))
    remove_images(built, ids=["01.png", "07.png"])
    compact_index(built)
    kept = [path for path in sorted(pictures.iterdir()) if path.name not in ("01.png", "07.png")]
    assert np.array_equal(stored(built), expected([*kept, more / "new.png"]))
    merge_indexes([built, tmp_path / "other"], tmp_path / "merged")
    assert np.array_equal(
        stored(tmp_path / "merged"), np.concatenate([stored(built), stored(tmp_path / "other")])
    )
    assert verify_files(tmp_path / "merged", progress=False).sound
    build_index(pictures, tmp_path / "plain", replace(OPTIONS, pixels=None))
    with pytest.raises(IndexMismatch, match="pixels 16 against None"):
        merge_indexes([built, tmp_path / "plain"], tmp_path / "never")


def test_room_is_told_and_asked_for(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = [
        "build",
        str(pictures),
        "--out",
        str(tmp_path / "index"),
        "--embedder",
        "pixels",
        "--pixels",
        "32",
    ]
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(tokens.shutil, "disk_usage", lambda _: usage(0, 0, 12 * 3072 - 1))
    assert cli.main(arguments) == 3
    error = capsys.readouterr().err
    assert "pixels: 32 x 32 x 3 bytes, 3.0 KiB an image, 36 KiB for 12 images" in error
    assert "build without --pixels" in error
    monkeypatch.setattr(tokens.shutil, "disk_usage", lambda _: usage(0, 0, 12 * 3072))
    assert cli.main(arguments) == 0
    assert cli.main(["info", str(tmp_path / "index")]) == 0
    assert "  pixels       32 x 32 of each image\n" in capsys.readouterr().out
    assert cli.main(["info", str(tmp_path / "index"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pixels"] == 32


@pytest.mark.parametrize("side", [7, 513, 0, -1])
def test_a_side_out_of_range(side: int, built: Path) -> None:
    with pytest.raises(SettingsError, match="squares of 8 to 512 pixels a side"):
        BuildOptions(pixels=side)
    path = built / NAME
    manifest = replace(read_manifest(built), pixels=side)
    with pytest.raises(IndexCorrupt, match="pixels"):
        parse_manifest(manifest.to_json(), path)


@pytest.mark.parametrize(
    "pixels",
    [None, np.zeros((5, 8, 8, 3), np.uint8), np.zeros((5, 16, 16, 3)), np.zeros((4, 16, 16, 3), np.uint8)],
)
def test_pixels_that_do_not_fit_are_not_written(pixels: np.ndarray | None, built: Path) -> None:
    from pytest_replication.index.staging import check_pixels

    with pytest.raises(BuildError, match="an index stores pixels of all its images, or of none"):
        check_pixels(pixels, 5, read_manifest(built))
    check_pixels(np.zeros((5, 16, 16, 3), np.uint8), 5, read_manifest(built))
