from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from interrupted import Interrupted
from PIL import Image

from pytest_replication import BuildOptions, build_index, open_index
from pytest_replication.embedders import registry
from pytest_replication.embedders.pixels import PixelEmbedder
from pytest_replication.errors import (
    BuildError,
    EmbedderUnavailable,
    IndexCorrupt,
    IndexIncomplete,
    IndexLocked,
    IndexUnavailable,
    SettingsError,
    SourceError,
    TooManyRejected,
)
from pytest_replication.images.sources import ImageRef
from pytest_replication.images.sources.files import FileSource, folder
from pytest_replication.index.append import append_index
from pytest_replication.index.manifest_file import read_manifest
from pytest_replication.index.removed import remove_images
from pytest_replication.index.writer import IndexWriter

PIXELS = BuildOptions(embedder="pixels", shard_rows=5, batch_size=2)


def vectors(folder: Path) -> np.ndarray:
    return np.concatenate([np.asarray(shard.embeddings()[0]) for shard in open_index(folder).shards])


def test_every_listed_image_becomes_a_row_in_order(pictures: Path, tmp_path: Path) -> None:
    report = build_index(pictures, tmp_path / "index", PIXELS)
    index = open_index(tmp_path / "index")
    assert (report.listed, report.rows, report.resumed, report.rejected.count) == (12, 12, 0, 0)
    assert [shard.entry.rows for shard in index.shards] == [5, 5, 2]
    assert [index.records([row])[row].id for row in range(12)] == [f"{i:02d}.png" for i in range(12)]
    record = index.records([3])[3]
    assert (record.width, record.height, record.uri) == (48, 32, str(pictures / "03.png"))
    assert {"load", "network", "decode wait", "write", "total"} == set(report.seconds)


def test_the_rows_are_those_of_the_embedder(pictures: Path, tmp_path: Path) -> None:
    build_index(pictures, tmp_path / "index", PIXELS)
    embedder = PixelEmbedder()
    with Image.open(pictures / "07.png") as image:
        expected = embedder.embed([embedder.prepare(image.convert("RGB"))])
    assert np.array_equal(vectors(tmp_path / "index")[7], expected)


def test_batches_and_shards_change_nothing_but_the_files(pictures: Path, tmp_path: Path) -> None:
    build_index(pictures, tmp_path / "a", PIXELS)
    build_index(pictures, tmp_path / "b", BuildOptions(embedder="pixels", batch_size=7, decoders=1))
    assert np.allclose(vectors(tmp_path / "a"), vectors(tmp_path / "b"), atol=1e-6)


def test_the_same_command_again_does_nothing(pictures: Path, tmp_path: Path) -> None:
    build_index(pictures, tmp_path / "index", PIXELS)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "index").rglob("*.np*")}
    report = build_index(pictures, tmp_path / "index", PIXELS)
    assert report.resumed == 12
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_images_in_memory_can_be_indexed(picture: Callable[..., Image.Image], tmp_path: Path) -> None:
    build_index([picture(0), picture(1)], tmp_path / "index", PIXELS)
    record = open_index(tmp_path / "index").records([1])[1]
    assert (record.id, record.uri) == ("000001", f"memory:{record.sha256[:16]}")


def test_float16_halves_the_vectors(pictures: Path, tmp_path: Path) -> None:
    build_index(pictures, tmp_path / "a", PIXELS)
    build_index(pictures, tmp_path / "b", BuildOptions(embedder="pixels", dtype="float16"))
    assert open_index(tmp_path / "b").manifest.dtype == "<f2"
    assert np.abs(vectors(tmp_path / "a") - vectors(tmp_path / "b")).max() < 5e-4


@pytest.mark.parametrize("after", [0, 1, 5, 7, 11])
def test_an_interrupted_build_resumes_and_ends_the_same(pictures: Path, tmp_path: Path, after: int) -> None:
    build_index(pictures, tmp_path / "whole", PIXELS)
    with pytest.raises(KeyboardInterrupt):
        build_index(Interrupted(pictures, after), tmp_path / "index", PIXELS)
    with pytest.raises(IndexIncomplete, match="it resumes"):
        open_index(tmp_path / "index")
    report = build_index(pictures, tmp_path / "index", PIXELS)
    assert report.resumed == after // 5 * 5
    assert np.array_equal(vectors(tmp_path / "index"), vectors(tmp_path / "whole"))
    assert (
        open_index(tmp_path / "index").manifest.fingerprint
        == open_index(tmp_path / "whole").manifest.fingerprint
    )


def test_a_shard_that_no_manifest_names_is_made_again(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        build_index(Interrupted(pictures, 7), tmp_path / "index", PIXELS)
    orphan = tmp_path / "index" / "shards" / "000001"
    orphan.mkdir()
    (orphan / "embeddings.npy").write_bytes(b"half")
    build_index(pictures, tmp_path / "index", PIXELS)
    assert open_index(tmp_path / "index").rows == 12


def test_a_source_that_changed_since_is_refused(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        build_index(Interrupted(pictures, 7), tmp_path / "index", PIXELS)
    (pictures / "03.png").write_bytes((pictures / "03.png").read_bytes() + b"\0")
    with pytest.raises(
        SourceError, match=r"has changed since the build began \(between 00\.png and 04\.png\)"
    ):
        build_index(pictures, tmp_path / "index", PIXELS)


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        (BuildOptions(embedder="pixels", shard_rows=6), "shard rows 6 against 5"),
        (BuildOptions(embedder="pixels", shard_rows=5, dtype="float16"), "dtype '<f2' against '<f4'"),
        (BuildOptions(embedder="sscd", shard_rows=5), "name 'sscd' against 'pixels'"),
    ],
)
def test_other_options_do_not_mix_into_an_index(
    pictures: Path, tmp_path: Path, options: BuildOptions, difference: str
) -> None:
    build_index(pictures, tmp_path / "index", PIXELS)
    with pytest.raises(SourceError, match=difference):
        build_index(pictures, tmp_path / "index", options)


def test_more_images_are_another_set(pictures: Path, tmp_path: Path) -> None:
    build_index(pictures, tmp_path / "index", PIXELS)
    (pictures / "zz.png").write_bytes((pictures / "00.png").read_bytes())
    with pytest.raises(SourceError, match="listed images 13 against 12"):
        build_index(pictures, tmp_path / "index", PIXELS)
    overwritten = BuildOptions(embedder="pixels", overwrite=True)
    assert build_index(pictures, tmp_path / "index", overwritten).rows == 13


class Uncounted(FileSource):
    """The files of a folder, for which nothing tells how many they are but their list."""

    counted = False

    def __init__(self, path: Path) -> None:
        super().__init__(folder(path).listed, f"folder {path}")


def test_more_images_do_not_slip_into_a_finished_index(
    pictures: Path, picture: Callable[..., Image.Image], tmp_path: Path
) -> None:
    options, index = replace(PIXELS, shard_rows=4), tmp_path / "index"  # the last shard is full
    build_index(Uncounted(pictures), index, options)
    remove_images(index, ids=["00.png"])
    before = read_manifest(index)
    picture(12).save(pictures / "12.png")
    with pytest.raises(
        SourceError, match=r"has grown since .*\(from 12\.png on\): .* append .*index IMAGES'"
    ):
        build_index(Uncounted(pictures), index, options)
    assert read_manifest(index) == before
    assert append_index(index, Uncounted(pictures)).rows == 12


def test_more_images_beside_a_damaged_shard_are_added_with_it(
    pictures: Path, picture: Callable[..., Image.Image], tmp_path: Path
) -> None:
    options = replace(PIXELS, shard_rows=4)
    build_index(Uncounted(pictures), tmp_path / "index", options)
    damage(tmp_path / "index", 1)
    picture(12).save(pictures / "12.png")
    assert build_index(Uncounted(pictures), tmp_path / "index", options).rows == 13


@pytest.mark.parametrize("after", [0, 12])
def test_another_source_that_looks_the_same_is_another_set(
    pictures: Path, tmp_path: Path, after: int, picture: Callable[..., Image.Image]
) -> None:
    """Names, sizes and times are those of the first: such as pictures without compression out of an archive."""
    (tmp_path / "others").mkdir()
    for seed, path in enumerate(sorted(pictures.iterdir())):
        for place, number in ((pictures, seed), (tmp_path / "others", seed + 50)):
            picture(number).save(place / path.name, "BMP")
            os.utime(place / path.name, (1, 1))
    with pytest.raises(KeyboardInterrupt) if after < 12 else nullcontext():
        build_index(Interrupted(pictures, after), tmp_path / "index", PIXELS)
    with pytest.raises(SourceError, match="source 'folder .*others' against 'folder .*pictures'"):
        build_index(tmp_path / "others", tmp_path / "index", PIXELS)
    assert build_index(pictures, tmp_path / "index", PIXELS).rows == 12


def spoil(pictures: Path) -> None:
    (pictures / "02.png").write_bytes((pictures / "02.png").read_bytes()[:200])
    (pictures / "05.png").write_bytes(b"")
    (pictures / "09.png").write_text("no image")


def test_unreadable_images_end_the_build_with_their_reasons(pictures: Path, tmp_path: Path) -> None:
    spoil(pictures)
    with pytest.raises(TooManyRejected) as caught:
        build_index(pictures, tmp_path / "index", PIXELS)
    message = str(caught.value)
    assert message.startswith("3 of 12 training images cannot be read, and 0 may be left out")
    assert "--max-rejected 3" in message
    assert f"{pictures / '02.png'}: damaged: " in message
    assert f"{pictures / '05.png'}: the file is empty" in message
    assert f"{pictures / '09.png'}: not an image in a format that is read" in message
    with pytest.raises(IndexIncomplete):
        open_index(tmp_path / "index")


def test_a_gap_can_be_accepted_afterwards_and_is_remembered(pictures: Path, tmp_path: Path) -> None:
    spoil(pictures)
    with pytest.raises(TooManyRejected):
        build_index(pictures, tmp_path / "index", PIXELS)
    options = BuildOptions(embedder="pixels", shard_rows=5, batch_size=2, max_rejected=3)
    report = build_index(pictures, tmp_path / "index", options)
    index = open_index(tmp_path / "index")
    assert (report.rows, report.resumed, report.rejected.count) == (9, 12, 3)
    assert (index.rows, index.manifest.rejected) == (9, 3)
    assert [row.id for row in index.rejected().first] == ["02.png", "05.png", "09.png"]
    assert index.records([2])[2].id == "03.png"


def test_an_index_of_nothing_is_no_success(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"")
    with pytest.raises(IndexCorrupt, match="is empty"):
        build_index([tmp_path / "x.png"], tmp_path / "index", BuildOptions(embedder="pixels", max_rejected=1))


def test_a_build_over_a_lost_probe_is_no_success(pictures: Path, tmp_path: Path) -> None:
    build_index(pictures, tmp_path / "index", PIXELS)
    (tmp_path / "index" / "probe.npz").unlink()
    with pytest.raises(IndexCorrupt, match=r"probe\.npz cannot be read \(No such file"):
        build_index(pictures, tmp_path / "index", PIXELS)


def test_two_builders_do_not_meet(pictures: Path, tmp_path: Path) -> None:
    with IndexWriter(tmp_path / "index"), pytest.raises(IndexLocked, match="another process is writing"):
        build_index(pictures, tmp_path / "index", PIXELS)


def test_an_embedder_that_is_missing_costs_no_old_index(pictures: Path, tmp_path: Path) -> None:
    build_index(pictures, tmp_path / "index", PIXELS)
    with pytest.raises(EmbedderUnavailable):
        build_index(pictures, tmp_path / "index", BuildOptions(embedder="sscd:/nowhere.onnx", overwrite=True))
    assert open_index(tmp_path / "index").rows == 12


def test_a_folder_of_other_files_is_left_alone(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "shards").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    for options in (PIXELS, BuildOptions(embedder="pixels", overwrite=True)):
        with pytest.raises(BuildError, match=r"holds thesis\.tex and no index"):
            build_index(pictures, tmp_path / "mine", options)
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == ["shards", "thesis.tex"]


def test_the_index_may_not_lie_among_its_images(pictures: Path) -> None:
    with pytest.raises(SourceError, match="lies inside the training images"):
        build_index(pictures, pictures / "index", PIXELS)


def test_a_kind_without_a_path_is_not_the_folder_where_the_user_stands(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pictures)
    with pytest.raises(SourceError) as caught:
        build_index("folder:", "index", PIXELS)
    assert "lies inside" not in str(caught.value)


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a folder that nobody can write")
def test_a_place_that_cannot_be_written_is_named(pictures: Path) -> None:
    with pytest.raises(BuildError, match="/sys/kernel/index cannot be written"):
        build_index(pictures, "/sys/kernel/index", PIXELS)


def test_a_source_that_gives_fewer_than_it_says_is_refused(pictures: Path, tmp_path: Path) -> None:
    class Short(Interrupted):
        def __iter__(self) -> Iterator[ImageRef]:
            yield from list(self._source)[:3]

    with pytest.raises(SourceError, match="announced 12 images and gave 3"):
        build_index(Short(pictures, 0), tmp_path / "index", PIXELS)
    with pytest.raises(IndexIncomplete):
        open_index(tmp_path / "index")


@pytest.mark.parametrize(
    "numbers", [{"shard_rows": 0}, {"batch_size": -1}, {"max_rejected": -1}, {"dtype": "int8"}]
)
def test_impossible_options_are_refused(numbers: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        BuildOptions(**numbers)  # type: ignore[arg-type]


def test_a_network_that_breaks_down_midway_stops_the_build(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Breaking(PixelEmbedder):
        calls = 0

        def forward(self, batch: Sequence[np.ndarray]) -> np.ndarray:
            rows = super().forward(batch)
            self.calls += 1
            return rows * (np.nan if self.calls > 8 else 1)

    monkeypatch.setattr(registry, "_registered", {"breaking": lambda _: Breaking()})
    with pytest.raises(Exception, match="zero or not finite"):
        build_index(pictures, tmp_path / "index", BuildOptions(embedder="breaking", batch_size=1))
    with pytest.raises(IndexIncomplete):
        open_index(tmp_path / "index")


def test_many_shapes_at_once_keep_order_and_memory(
    tmp_path: Path, picture: Callable[..., Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    class AsItIs(PixelEmbedder):
        """Prepares each image in its own shape, as presets that keep the aspect do."""

        batches: ClassVar[list[int]] = []

        def prepare(self, image: Image.Image) -> np.ndarray:
            return np.asarray(image)

        def forward(self, batch: Sequence[np.ndarray]) -> np.ndarray:
            self.batches.append(len(batch))
            assert len({image.shape for image in batch}) == 1 or len(batch) == 4  # 4 are the probes
            return super().forward([PixelEmbedder.prepare(self, Image.fromarray(x)) for x in batch])

    monkeypatch.setattr(registry, "_registered", {"as-it-is": lambda _: AsItIs()})
    images = [picture(i, (20 + i % 3, 20)) for i in range(7)] + [picture(i, (40 + i, 20)) for i in range(20)]
    build_index(images, tmp_path / "a", BuildOptions(embedder="as-it-is", batch_size=2))
    build_index(images, tmp_path / "b", PIXELS)
    assert np.allclose(vectors(tmp_path / "a"), vectors(tmp_path / "b"), atol=1e-6)
    assert max(AsItIs.batches[5:]) == 2


def damage(index: Path, *shards: int, name: str = "embeddings.npy") -> None:
    for shard in shards:
        path = index / "shards" / f"{shard:06d}" / name
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)


def state(index: Path) -> dict[Path, bytes]:
    """Every file of an index but its lock."""
    return {path: path.read_bytes() for path in index.rglob("*") if path.is_file() and path.name != ".lock"}


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("lost", "spoiled", "resumed"), [([1], [], 7), ([], [1], 7), ([0], [2], 5), ([0, 1], [2], 0)]
)
def test_a_build_makes_damaged_shards_again_and_no_others(
    pictures: Path, tmp_path: Path, lost: list[int], spoiled: list[int], resumed: int, workers: int
) -> None:
    build_index(pictures, tmp_path / "index", PIXELS)
    before = state(tmp_path / "index")
    for shard in lost:
        shutil.rmtree(tmp_path / "index" / "shards" / f"{shard:06d}")
    damage(tmp_path / "index", *spoiled)
    report = build_index(pictures, tmp_path / "index", replace(PIXELS, workers=workers))
    assert (report.resumed, report.rows) == (resumed, 12)
    assert state(tmp_path / "index") == before


@pytest.mark.parametrize("name", ["records.parquet", "rejected.parquet"])
def test_a_build_makes_damaged_lists_again(pictures: Path, tmp_path: Path, name: str) -> None:
    spoil(pictures)
    options = replace(PIXELS, max_rejected=3)
    build_index(pictures, tmp_path / "index", options)
    before = state(tmp_path / "index")
    damage(tmp_path / "index", 0, name=name)
    assert build_index(pictures, tmp_path / "index", options).resumed == 7
    assert state(tmp_path / "index") == before


def test_a_mend_that_is_interrupted_goes_on(pictures: Path, tmp_path: Path) -> None:
    build_index(pictures, tmp_path / "index", PIXELS)
    before = state(tmp_path / "index")
    damage(tmp_path / "index", 0, 2)
    with pytest.raises(KeyboardInterrupt):
        build_index(Interrupted(pictures, 11), tmp_path / "index", PIXELS)
    with pytest.raises(IndexIncomplete):
        open_index(tmp_path / "index")
    assert build_index(pictures, tmp_path / "index", PIXELS).resumed == 10
    assert state(tmp_path / "index") == before


def test_a_damaged_shard_of_images_that_changed_is_not_made_again(pictures: Path, tmp_path: Path) -> None:
    build_index(pictures, tmp_path / "index", PIXELS)
    damage(tmp_path / "index", 1)
    before = state(tmp_path / "index")
    (pictures / "07.png").write_bytes((pictures / "06.png").read_bytes())
    with pytest.raises(SourceError, match=r"has changed since the build began \(between 05\.png and 09\.png"):
        build_index(pictures, tmp_path / "index", PIXELS)
    assert state(tmp_path / "index") == before


def test_a_source_that_lost_the_images_of_a_damaged_shard(pictures: Path, tmp_path: Path) -> None:
    class Streamed(Interrupted):
        counted = False

    build_index(Streamed(pictures, 12), tmp_path / "index", PIXELS)
    damage(tmp_path / "index", 2)
    before = state(tmp_path / "index")
    for number in (10, 11):
        (pictures / f"{number}.png").unlink()
    with pytest.raises(SourceError, match="has changed since the build began"):
        build_index(Streamed(pictures, 12), tmp_path / "index", PIXELS)
    assert state(tmp_path / "index") == before


def test_a_build_of_something_else_leaves_a_damaged_index(
    pictures: Path, unrelated: Path, tmp_path: Path
) -> None:
    build_index(pictures, tmp_path / "index", PIXELS)
    damage(tmp_path / "index", 1)
    before = state(tmp_path / "index")
    with pytest.raises(SourceError, match="listed images 11 against 12"):
        build_index(unrelated, tmp_path / "index", PIXELS)
    assert state(tmp_path / "index") == before


def test_a_damaged_index_with_removed_images_is_not_made_again(pictures: Path, tmp_path: Path) -> None:
    build_index(pictures, tmp_path / "index", PIXELS)
    remove_images(tmp_path / "index", ids=["00.png"])
    damage(tmp_path / "index", 1)
    before = state(tmp_path / "index")
    said = (
        "000001.embeddings.npy has changed .*: restore it, or .*--overwrite, which forgets what was removed"
    )
    with pytest.raises(IndexCorrupt, match=said):
        build_index(pictures, tmp_path / "index", PIXELS)
    assert state(tmp_path / "index") == before


def test_a_file_that_cannot_be_read_now_costs_no_shard(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(path: Path) -> None:
        raise OSError(24, "Too many open files")

    build_index(pictures, tmp_path / "index", PIXELS)
    before = state(tmp_path / "index")
    monkeypatch.setattr("pytest_replication.index.sound.describe_file", busy)
    for work in (build_index, lambda source, out, how: append_index(out, source)):
        with pytest.raises(IndexUnavailable, match="Too many open files.*nothing was changed"):
            work(pictures, tmp_path / "index", PIXELS)
    assert state(tmp_path / "index") == before


def test_a_lower_limit_does_not_close_an_index_that_is_served(pictures: Path, tmp_path: Path) -> None:
    spoil(pictures)
    options = replace(PIXELS, max_rejected=3)
    build_index(pictures, tmp_path / "index", options)
    before = state(tmp_path / "index")
    for limit in (0, 2, 0.2):
        with pytest.raises(TooManyRejected, match=r"3 of 12 training images cannot be read, and . may"):
            build_index(pictures, tmp_path / "index", replace(options, max_rejected=limit))
    damage(tmp_path / "index", 2)
    with pytest.raises(TooManyRejected):
        build_index(pictures, tmp_path / "index", PIXELS)
    assert {path for path, content in state(tmp_path / "index").items() if before[path] != content} == {
        tmp_path / "index" / "shards" / "000002" / "embeddings.npy"
    }
    assert open_index(tmp_path / "index").rows == 9


def test_a_build_that_read_too_little_says_how_to_accept_it(pictures: Path, tmp_path: Path) -> None:
    spoil(pictures)
    with pytest.raises(TooManyRejected, match="accept the gap with --max-rejected 3"):
        build_index(pictures, tmp_path / "index", PIXELS)
    with pytest.raises(IndexIncomplete, match="with --max-rejected 3 accepts the gap"):
        open_index(tmp_path / "index")
