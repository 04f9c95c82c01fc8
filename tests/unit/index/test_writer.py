from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pytest_replication.embedders import EmbedderSpec
from pytest_replication.errors import BuildError
from pytest_replication.images.views import WHOLE
from pytest_replication.index.entries import FileEntry, SourceEntry
from pytest_replication.index.manifest import Manifest
from pytest_replication.index.manifest_file import read_manifest
from pytest_replication.index.shard import Record
from pytest_replication.index.writer import IndexWriter

MANIFEST = Manifest(
    EmbedderSpec("toy", 4, None, "none", "toy"),
    "pillow",
    WHOLE,
    "<f4",
    2,
    "now",
    "0",
    FileEntry(0, "", ""),
    (SourceEntry("x", 2),),
)
RECORDS = [Record("a", "a", "s", 1, 1), Record("b", "b", "s", 1, 1)]


def unit(n: int = 2) -> np.ndarray:
    return np.eye(4, dtype=np.float32)[:n].reshape(n, 1, 4)


def test_shards_are_committed_one_by_one(tmp_path: Path) -> None:
    with IndexWriter(tmp_path / "index") as writer:
        writer.start(MANIFEST)
        writer.add_shard(unit(), RECORDS, [], "listing")
        on_disk = read_manifest(tmp_path / "index")
        assert (on_disk.rows, on_disk.complete) == (2, False)
        writer.finish(2, 0)
    assert read_manifest(tmp_path / "index").complete


@pytest.mark.parametrize(
    "vectors",
    [
        unit(1),
        unit() * 2,
        unit() * np.nan,
        np.zeros((2, 1, 4), np.float32),
        np.ones((2, 2, 4), np.float32) / 2,
    ],
)
def test_vectors_that_do_not_fit_are_refused(tmp_path: Path, vectors: np.ndarray) -> None:
    with IndexWriter(tmp_path / "index") as writer:
        writer.start(MANIFEST)
        with pytest.raises(BuildError, match="shape|unit length"):
            writer.add_shard(vectors, RECORDS, [], "listing")
        assert read_manifest(tmp_path / "index").rows == 0


def test_it_cannot_finish_with_images_unaccounted_for(tmp_path: Path) -> None:
    with IndexWriter(tmp_path / "index") as writer:
        writer.start(MANIFEST)
        writer.add_shard(unit(), RECORDS, [], "listing")
        with pytest.raises(BuildError, match="3 images were listed but 2 are accounted for"):
            writer.finish(3, 0)


def test_a_full_disk_keeps_what_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    with IndexWriter(tmp_path / "index") as writer:
        writer.start(MANIFEST)
        writer.add_shard(unit(), RECORDS, [], "listing")
        monkeypatch.setattr("pytest_replication.index.writer.write_shard", full)
        with pytest.raises(BuildError, match="No space left.*what is finished is kept"):
            writer.add_shard(unit(), RECORDS, [], "listing")
    assert read_manifest(tmp_path / "index").rows == 2


def test_nothing_can_be_added_before_the_start(tmp_path: Path) -> None:
    with IndexWriter(tmp_path / "index") as writer, pytest.raises(BuildError, match="comes before"):
        writer.add_shard(unit(), RECORDS, [], "listing")
