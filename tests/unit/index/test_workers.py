from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_replication import BuildOptions, build_index, open_index, verify_index
from pytest_replication.embedders import load_embedder
from pytest_replication.errors import EmbedderError, EmbedderUnavailable, ReplicationError
from pytest_replication.images.sources import open_source
from pytest_replication.images.views import WHOLE
from pytest_replication.index.entries import FileEntry
from pytest_replication.index.layout import drop_shards
from pytest_replication.index.pipeline import PipelineOptions
from pytest_replication.index.workers import Elsewhere, WorkerSettings

PIXELS = BuildOptions(embedder="pixels", shard_rows=4, batch_size=2, progress=False)


@pytest.mark.parametrize(
    ("name", "dim", "kind", "said"),
    [
        ("pixels", 7, EmbedderError, "a worker process loaded another embedder: dim"),
        ("sscd:/gone/sscd.onnx", None, EmbedderUnavailable, "/gone/sscd.onnx"),
    ],
)
def test_a_worker_that_cannot_start_says_why(
    name: str, dim: int | None, kind: type[ReplicationError], said: str, pictures: Path, tmp_path: Path
) -> None:
    spec = load_embedder("pixels").spec
    spec, probe = replace(spec, dim=dim or spec.dim), FileEntry(0, "", "")
    settings = WorkerSettings(name, spec, probe, "cpu", PipelineOptions(WHOLE), 1)
    with Elsewhere(settings, tmp_path) as embed:
        result = embed.submit(iter(open_source(pictures)), lambda done: None)
        with pytest.raises(kind, match=said):
            result()


def test_images_in_memory_make_the_same_index_and_leave_nothing(
    picture: Callable[..., Image.Image], tmp_path: Path
) -> None:
    images = [picture(seed, (24 + 8 * (seed % 3), 32)) for seed in range(11)]
    build_index(images, tmp_path / "one", PIXELS)
    build_index(images, tmp_path / "two", replace(PIXELS, workers=2))
    one, two = (open_index(tmp_path / name) for name in ("one", "two"))
    assert one.manifest.fingerprint == two.manifest.fingerprint
    assert [record.id for record in two.records(range(11)).values()] == [f"{i:06d}" for i in range(11)]
    for mine, theirs in zip(one.shards, two.shards, strict=True):
        assert np.array_equal(mine.embeddings()[0], theirs.embeddings()[0])
    assert sorted(path.name for path in (tmp_path / "two" / "shards").iterdir()) == [
        "000000",
        "000001",
        "000002",
    ]


def test_what_a_killed_build_had_handed_over_is_cleared_away(pictures: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    build_index(pictures, index, PIXELS)
    left = index / "shards" / ".handed" / "000000"
    left.parent.mkdir()
    left.write_bytes(b"abc")
    assert verify_index(index, progress=False).sound
    drop_shards(index, keep={"000000", "000001", "000002"})
    assert left.exists()  # a writer may drop shards while its workers work
    assert build_index(pictures, index, PIXELS).resumed == 12
    assert not left.parent.exists()
