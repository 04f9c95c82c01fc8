from __future__ import annotations

import hashlib
import os
import shlex
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_replication import BuildOptions, build_index, cli, open_index
from pytest_replication.errors import (
    IndexCorrupt,
    IndexIncomplete,
    SettingsError,
    SourceError,
    TooManyRejected,
)
from pytest_replication.images.sources import base
from pytest_replication.index.append import AppendOptions, append_index
from pytest_replication.index.compact import compact_index
from pytest_replication.index.known import known_images
from pytest_replication.index.manifest_file import read_manifest, write_manifest
from pytest_replication.index.merge import merge_indexes
from pytest_replication.index.removed import remove_images

PIXELS = BuildOptions(embedder="pixels", shard_rows=5, batch_size=2)


@pytest.fixture
def index(pictures: Path, tmp_path: Path) -> Path:
    build_index(pictures, tmp_path / "index", PIXELS)
    return tmp_path / "index"


def ids(index: Path) -> list[str]:
    opened = open_index(index)
    return [record.id for _, record in sorted(opened.records(range(opened.manifest.stored)).items())]


def grow(pictures: Path, picture: Callable[..., object], *seeds: int) -> None:
    for seed in seeds:
        picture(seed).save(pictures / f"{seed:02d}.png")  # type: ignore[attr-defined]


def test_a_folder_that_grew_gives_its_new_images_only(
    index: Path, pictures: Path, picture: Callable[..., object]
) -> None:
    grow(pictures, picture, 30, 31, 32, 33, 34, 35)
    report = append_index(index, pictures)
    assert (report.listed, report.known, report.rows) == (6, 12, 18)
    assert ids(index) == [f"{i:02d}.png" for i in (*range(12), *range(30, 36))]
    assert [source.listed for source in open_index(index).manifest.sources] == [12, 6]


def test_nothing_new_changes_nothing(index: Path, pictures: Path) -> None:
    before = read_manifest(index)
    report = append_index(index, pictures)
    assert (report.listed, report.known, report.rows) == (0, 12, 12)
    assert read_manifest(index) == before


def test_a_build_of_an_index_that_was_appended_to_says_what_to_do(
    index: Path, pictures: Path, unrelated: Path
) -> None:
    append_index(index, unrelated)
    before = read_manifest(index)
    said = r"holds 2 sources, because it was appended to .*'pytest-replication append .*index IMAGES' adds only the images that are new, and --overwrite builds it anew"
    with pytest.raises(SourceError, match=said):
        build_index(pictures, index, PIXELS)
    assert read_manifest(index) == before
    assert append_index(index, pictures).known == 12  # what it advises
    assert build_index(pictures, index, replace(PIXELS, overwrite=True)).rows == 12


def test_a_build_over_an_append_that_is_not_finished(index: Path, pictures: Path, unrelated: Path) -> None:
    append_index(index, unrelated)
    write_manifest(index, replace(read_manifest(index), complete=False))
    with pytest.raises(SourceError, match=r"2 sources \(the last one, folder .*, is not finished\)"):
        build_index(pictures, index, PIXELS)


@pytest.mark.parametrize("copied", [3, 4, 5])
def test_an_append_does_not_finish_a_merge(index: Path, unrelated: Path, tmp_path: Path, copied: int) -> None:
    """It would bring back what was removed: the merge writes that last."""
    build_index(unrelated, tmp_path / "other", PIXELS)
    remove_images(tmp_path / "other", ids=[ids(tmp_path / "other")[0]])
    merged = tmp_path / "merged"
    merge_indexes([index, tmp_path / "other"], merged)
    whole = read_manifest(merged)
    cut = replace(whole, shards=whole.shards[:copied], removed=None, hidden=0, complete=False)
    write_manifest(merged, cut)
    with pytest.raises(IndexIncomplete, match="merge into .* has not finished: give the same .* merge"):
        append_index(merged, unrelated)
    merge_indexes([index, tmp_path / "other"], merged)
    assert open_index(merged).manifest.hidden == 1


def test_another_source_is_searched_too(index: Path, unrelated: Path) -> None:
    assert append_index(index, unrelated).rows == 23
    assert open_index(index).rows == 23


def test_images_in_memory_are_known_by_their_content(
    picture: Callable[..., Image.Image], tmp_path: Path
) -> None:
    index = tmp_path / "index"
    build_index([picture(0), picture(1)], index, PIXELS)
    assert append_index(index, [picture(2), picture(3)]).rows == 4
    report = append_index(index, [picture(4), picture(3), picture(0)])
    assert (report.listed, report.known, report.rows) == (1, 2, 5)
    remove_images(index, sha256=[open_index(index).records([1])[1].sha256 or ""])
    report = append_index(index, [picture(1), picture(5)])
    assert (report.known, report.rows) == (1, 5)
    assert len({record.uri for record in open_index(index).records(range(6)).values()}) == 6


def test_an_image_that_could_not_be_read_once_is_taken_in_when_it_can(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mending a permission or a mount changes neither size nor time."""
    read, index = base.read_file, tmp_path / "index"
    (pictures / "05.png").write_bytes(b"no image")  # what was read stays known

    def denied(path: Path) -> bytes:
        if path.name == "03.png":
            raise PermissionError(13, "Permission denied")
        return read(path)

    monkeypatch.setattr(base, "read_file", denied)
    assert build_index(pictures, index, replace(PIXELS, max_rejected=2)).rows == 10
    report = append_index(index, pictures)  # still so: a gap that was accepted
    assert (report.listed, report.known, report.rows) == (0, 12, 10)
    monkeypatch.setattr(base, "read_file", read)
    report = append_index(index, pictures)
    assert (report.listed, report.known, report.rows) == (1, 11, 11)
    assert ids(index)[-1] == "03.png"
    report = append_index(index, pictures)
    assert (report.listed, report.known, report.rows) == (0, 12, 11)


def test_a_touched_file_is_the_same_image(index: Path, pictures: Path) -> None:
    os.utime(pictures / "03.png", (1, 1))
    assert append_index(index, pictures).known == 12


def test_a_known_file_that_cannot_be_read_is_named(index: Path, pictures: Path) -> None:
    listed = [str(path) for path in sorted(pictures.iterdir())]
    (pictures / "03.png").unlink()
    before = read_manifest(index)
    with pytest.raises(SourceError, match=r"03\.png is in the index and cannot be read now \(No such file"):
        append_index(index, listed)
    assert read_manifest(index) == before


def test_a_changed_file_has_to_be_removed_first(
    index: Path, pictures: Path, unrelated: Path, tmp_path: Path, picture: Callable[..., object]
) -> None:
    (tmp_path / "other").mkdir()
    shutil.copy(next(unrelated.iterdir()), tmp_path / "other" / "03.png")  # the id that changes
    append_index(index, tmp_path / "other")
    old = hashlib.sha256((pictures / "03.png").read_bytes()).hexdigest()
    picture(99).save(pictures / "03.png")  # type: ignore[attr-defined]
    said = rf"03\.png has changed since it was indexed \(its sha256 was {old}\): '[^']*' takes only the old"
    with pytest.raises(SourceError, match=said) as caught:
        append_index(index, pictures)
    assert open_index(index).rows == 13  # nothing was begun
    command = shlex.split(str(caught.value).split("'")[1])
    assert command[1:] == ["remove", str(index), "--id", str(pictures / "03.png"), "--source", "0"]
    assert cli.main(command[1:]) == 0
    assert open_index(index).removed.tolist() == [3]
    report = append_index(index, pictures)
    assert (report.listed, report.known, report.rows) == (1, 11, 13)
    assert append_index(index, tmp_path / "other").known == 1
    # Changed once more: the row that is meant now is the one in the last source.
    picture(98).save(pictures / "03.png")  # type: ignore[attr-defined]
    with pytest.raises(SourceError, match="--source 2' takes"):
        append_index(index, pictures)


def test_a_removed_image_does_not_come_back(index: Path, pictures: Path, tmp_path: Path) -> None:
    remove_images(index, ids=["03.png"])
    assert append_index(index, pictures).listed == 0
    copy = tmp_path / "elsewhere" / "copy.png"
    copy.parent.mkdir()
    shutil.copy(pictures / "03.png", copy)
    for _ in range(2):  # the second time after its row is gone
        report = append_index(index, [copy])
        assert (report.rows, report.rejected.count) == (11, 0)
        assert open_index(index).manifest.opted_out >= 1
        compact_index(index)


def test_removed_images_are_known_after_they_were_deleted_too(index: Path, pictures: Path) -> None:
    remove_images(index, ids=["03.png", "07.png"])
    compact_index(index)
    before = read_manifest(index)
    for _ in range(2):
        report = append_index(index, pictures)
        assert (report.listed, report.known, report.rows) == (0, 12, 10)
    assert read_manifest(index) == before
    assert (before.opted_out, before.listed) == (2, 12)


def test_new_images_beside_removed_ones_are_counted_alone(
    index: Path, pictures: Path, picture: Callable[..., object]
) -> None:
    remove_images(index, ids=["03.png"])
    compact_index(index)
    grow(pictures, picture, 30)
    (pictures / "31.png").write_bytes(b"")
    report = append_index(index, pictures, AppendOptions(max_rejected=1))
    assert (report.listed, report.known, report.rejected.count, report.rows) == (2, 12, 1, 12)
    assert open_index(index).manifest.opted_out == 1


def test_an_unfinished_append_is_never_searched_and_goes_on(
    index: Path, pictures: Path, picture: Callable[..., object], unrelated: Path
) -> None:
    grow(pictures, picture, *range(30, 41))
    (pictures / "36.png").write_bytes(b"")
    with pytest.raises(TooManyRejected, match="1 of 11 training images cannot be read"):
        append_index(index, pictures)
    with pytest.raises(IndexIncomplete, match="append' with --max-rejected 1 accepts"):
        open_index(index)
    with pytest.raises(SourceError, match="waits for the rest of folder"):
        append_index(index, unrelated)
    with pytest.raises(SourceError, match="holds 2 sources"):
        build_index(pictures, index, PIXELS)
    report = append_index(index, pictures, AppendOptions(max_rejected=0.1))
    assert (report.resumed, report.rejected.count, report.rows) == (11, 1, 22)
    assert open_index(index).manifest.sources[1].max_rejected == 1


def test_a_killed_append_ends_equal(
    index: Path, pictures: Path, picture: Callable[..., object], tmp_path: Path
) -> None:
    grow(pictures, picture, *range(30, 41))
    whole = Path(shutil.copytree(index, tmp_path / "whole"))
    append_index(whole, pictures)
    # The state after the first of three shards, as a kill leaves it.
    half = Path(shutil.copytree(whole, tmp_path / "half"))
    manifest = read_manifest(half)
    source = replace(manifest.sources[1], listed=None)
    write_manifest(
        half,
        replace(manifest, shards=manifest.shards[:4], complete=False, sources=(manifest.sources[0], source)),
    )
    report = append_index(half, pictures)
    assert (report.resumed, report.listed) == (5, 11)
    assert open_index(half).manifest.fingerprint == open_index(whole).manifest.fingerprint


def test_an_unfinished_build_comes_first(pictures: Path, unrelated: Path, tmp_path: Path) -> None:
    (pictures / "12.png").write_bytes(b"")
    with pytest.raises(TooManyRejected):
        build_index(pictures, tmp_path / "index", PIXELS)
    with pytest.raises(IndexIncomplete, match="build' again first"):
        append_index(tmp_path / "index", unrelated)


@pytest.mark.parametrize("name", ["embeddings.npy", "records.parquet", "rejected.parquet"])
@pytest.mark.parametrize("missing", [True, False])
def test_an_append_drops_no_damaged_shard(index: Path, unrelated: Path, name: str, missing: bool) -> None:
    path = index / "shards" / "000000" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink() if missing else path.write_bytes(content)
    manifest, shards = read_manifest(index), sorted(index.glob("shards/*/*"))
    with pytest.raises(IndexCorrupt, match=f"000000.{name} (is missing|has changed).*: restore it, or build"):
        append_index(index, unrelated)
    assert (read_manifest(index), sorted(index.glob("shards/*/*"))) == (manifest, shards)


@pytest.mark.parametrize("name", ["records.parquet", "rejected.parquet"])
def test_what_is_known_is_read_from_sound_files_only(index: Path, name: str) -> None:
    path = index / "shards" / "000000" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(IndexCorrupt, match=f"{name} has changed since it was written"):
        known_images(index / "shards", read_manifest(index).shards, np.empty(0, np.int64))


@pytest.mark.parametrize("options", [{"workers": 0}, {"decoders": -1}, {"max_rejected": 1.5}])
def test_options_that_cannot_be(options: dict[str, float]) -> None:
    with pytest.raises(SettingsError):
        AppendOptions(**options)  # type: ignore[arg-type]


def test_thumbnails_go_on_as_they_were(
    pictures: Path, picture: Callable[..., object], tmp_path: Path
) -> None:
    index = tmp_path / "index"
    build_index(pictures, index, replace(PIXELS, thumbnails=16))
    grow(pictures, picture, 30)
    append_index(index, pictures)
    thumbnail = open_index(index).records([12])[12].thumbnail
    assert thumbnail is not None
    assert thumbnail[8:12] == b"WEBP"


def test_workers_make_the_same_index(pictures: Path, tmp_path: Path) -> None:
    build_index(pictures, tmp_path / "one", PIXELS)
    report = build_index(pictures, tmp_path / "two", replace(PIXELS, workers=2))
    one, two = (open_index(tmp_path / name).manifest for name in ("one", "two"))
    assert report.rows == 12
    assert one.fingerprint == two.fingerprint
