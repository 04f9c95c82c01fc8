from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_replication import open_index
from pytest_replication.embedders import EmbedderSpec
from pytest_replication.errors import IndexCorrupt, SampleError, SearchError
from pytest_replication.images.decode import DECODER
from pytest_replication.images.views import WHOLE, View
from pytest_replication.index import Index
from pytest_replication.index.entries import FileEntry, SourceEntry
from pytest_replication.index.manifest import Manifest
from pytest_replication.index.shard import Record
from pytest_replication.index.writer import IndexWriter
from pytest_replication.search import exact, floats, search

DIM = 16
MakeIndex = Callable[..., Index]


def unit(seed: int, *shape: int) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def write_index(folder: Path, shards: Sequence[np.ndarray], dtype: str = "<f4") -> Index:
    """Write an index of given vectors: (rows, views, dim) a shard."""
    views = (*WHOLE, *(View(f"part {i}", (0, 0, 0.5, 0.5)) for i in range(1, shards[0].shape[1])))
    spec = EmbedderSpec("toy", shards[0].shape[2], None, "none", "toy")
    listed = sum(len(vectors) for vectors in shards)
    manifest = Manifest(
        spec,
        DECODER,
        views,
        dtype,
        max(1, len(shards[0])),
        "now",
        "0",
        FileEntry(0, "", ""),
        (SourceEntry("x", listed),),
    )
    with IndexWriter(folder) as writer:
        (folder / "probe.npz").touch()
        writer.start(manifest)
        first = 0
        for vectors in shards:
            records = [Record(f"id{first + i}", f"/t/{first + i}", "s", 1, 1) for i in range(len(vectors))]
            writer.add_shard(vectors, records, [], "listing")
            first += len(vectors)
        writer.finish(listed, 0)
    return open_index(folder)


@pytest.fixture
def make_index(tmp_path: Path) -> MakeIndex:
    def make(*shards: np.ndarray, dtype: str = "<f4") -> Index:
        return write_index(tmp_path / f"index{len(list(tmp_path.iterdir()))}", shards, dtype)

    return make


def brute_force(stored: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """Score of every sample with every row, the best over pairs of views, in float64."""
    pairs = np.einsum("svd,rwd->srvw", samples.astype(np.float64), stored.astype(np.float64))
    return pairs.max(axis=(2, 3))


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.lists(st.integers(0, 9), min_size=1, max_size=4).filter(lambda sizes: sum(sizes) > 0),
    views=st.integers(1, 3),
    samples=st.integers(1, 5),
    k=st.integers(1, 6),
    block=st.sampled_from([1, 3, 1000]),
    seed=st.integers(0, 99),
)
def test_it_finds_what_brute_force_finds(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    sizes: list[int],
    views: int,
    samples: int,
    k: int,
    block: int,
    seed: int,
) -> None:
    monkeypatch.setattr("pytest_replication.search.blocks._BLOCK_BYTES", block * DIM * 4)
    monkeypatch.setattr(floats, "QUERIES", 2)
    shards = [unit(seed * 10 + i, n, views, DIM) for i, n in enumerate(sizes)]
    queries = unit(1000 + seed, samples, views, DIM)
    found = search(write_index(tmp_path_factory.mktemp("i") / "index", shards), queries, k)
    expected = brute_force(np.concatenate(shards), queries)
    rows = sum(sizes)
    assert found.searched == rows
    for sample in range(samples):
        best = np.sort(expected[sample])[::-1][:k]
        assert found.scores[sample, : len(best)] == pytest.approx(best, abs=1e-6)
        assert len(set(found.rows[sample, : len(best)])) == len(best)
        for rank in range(len(best)):
            row = found.rows[sample, rank]
            assert expected[sample, row] == pytest.approx(found.scores[sample, rank], abs=1e-6)
        assert (found.rows[sample, len(best) :] == -1).all()
        assert np.isneginf(found.scores[sample, len(best) :]).all()


def test_the_views_that_scored_are_named(make_index: MakeIndex) -> None:
    stored, samples = unit(0, 4, 3, DIM), unit(1, 1, 3, DIM)
    samples[0, 2] = stored[3, 1]
    found = search(make_index(stored), samples, 1)
    assert (found.rows[0, 0], found.views[0, 0], found.sample_views[0, 0]) == (3, 1, 2)
    assert found.scores[0, 0] == 1


def test_many_copies_of_one_image_hide_nothing(make_index: MakeIndex) -> None:
    copies = np.repeat(unit(0, 1, 1, DIM), 500, axis=0)
    found = search(make_index(copies[:300], copies[300:]), copies[:1], 3)
    assert found.scores[0].tolist() == [1, 1, 1]
    assert len(set(found.rows[0].tolist())) == 3


@pytest.mark.parametrize("dtype", ["<f4", "<f2"])
def test_scores_are_those_of_the_stored_vectors(make_index: MakeIndex, dtype: str) -> None:
    stored, samples = unit(0, 50, 1, DIM), unit(1, 5, 1, DIM)
    found = search(make_index(stored, dtype=dtype), samples, 50)
    kept = stored.astype(dtype).astype(np.float64)
    for sample in range(5):
        stored_rows = kept[found.rows[sample], 0]
        lengths = np.linalg.norm(stored_rows, axis=1) * np.linalg.norm(samples[sample, 0].astype(np.float64))
        exact_scores = stored_rows @ samples[sample, 0].astype(np.float64) / lengths
        assert found.scores[sample] == pytest.approx(np.round(exact_scores, 6), abs=1.1e-6)


def test_the_score_does_not_depend_on_the_other_samples(make_index: MakeIndex) -> None:
    index, samples = make_index(unit(0, 300, 1, DIM)), unit(1, 40, 1, DIM)
    together = search(index, samples, 3)
    alone = [search(index, samples[i : i + 1], 3) for i in range(40)]
    assert np.array_equal(together.scores, np.concatenate([one.scores for one in alone]))


@pytest.mark.parametrize("shape", [(0, 1, DIM), (2, DIM), (2, 1, DIM + 1), (2, 2, DIM)])
def test_samples_of_another_shape_are_refused(make_index: MakeIndex, shape: tuple[int, ...]) -> None:
    with pytest.raises(SampleError, match="sample vectors have shape"):
        search(make_index(unit(0, 3, 1, DIM)), np.zeros(shape, np.float32))


@pytest.mark.parametrize("value", [np.nan, np.inf, 2.0, 0.0])
def test_sample_vectors_that_are_no_unit_vectors_are_refused(make_index: MakeIndex, value: float) -> None:
    samples = unit(1, 2, 1, DIM)
    samples[1] *= value
    with pytest.raises(SampleError, match="not finite or not of unit length"):
        search(make_index(unit(0, 3, 1, DIM)), samples)


def flip(path: Path, offset: int, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[offset] ^= 1 << bit
    path.write_bytes(content)


@pytest.mark.parametrize("where", [-1, -DIM * 4 * 2, 128, 60])
def test_a_flipped_bit_in_the_vectors_is_found(make_index: MakeIndex, where: int) -> None:
    index = make_index(unit(0, 8, 1, DIM), unit(1, 8, 1, DIM))
    path = index.shards[1].embeddings_path
    flip(path, where % path.stat().st_size, 7)
    with pytest.raises(IndexCorrupt):  # in the header, in the first or in the last vector
        search(index, unit(2, 1, 1, DIM))


def test_a_flipped_bit_is_found_after_a_good_search_too(make_index: MakeIndex) -> None:
    index = make_index(unit(0, 8, 1, DIM))
    search(index, unit(2, 1, 1, DIM))
    path = index.shards[0].embeddings_path
    flip(path, path.stat().st_size - 1, 7)
    os.utime(path, ns=(1, 1))
    with pytest.raises(IndexCorrupt, match="checksum differs"):
        search(index, unit(2, 1, 1, DIM))


def test_a_vector_that_is_not_finite_is_found(make_index: MakeIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    index = make_index(unit(0, 8, 1, DIM))
    broken = unit(0, 8, 1, DIM)
    broken[5, 0, 3] = np.nan
    monkeypatch.setattr(type(index.shards[0]), "embeddings", lambda self: (broken, 128))
    with pytest.raises(IndexCorrupt, match="is not finite"):
        search(index, unit(2, 1, 1, DIM))


def test_rows_that_were_not_searched_are_an_error(
    make_index: MakeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = make_index(unit(0, 8, 1, DIM), unit(1, 8, 1, DIM))
    whole = exact.blocks
    monkeypatch.setattr(exact, "blocks", lambda shard: [] if shard.first else whole(shard))
    with pytest.raises(SearchError, match="8 of 16 rows"):
        search(index, unit(2, 1, 1, DIM))


def test_wrong_linear_algebra_is_an_error(make_index: MakeIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    index = make_index(unit(0, 8, 1, DIM))
    take_in = exact.take_in
    monkeypatch.setattr(
        exact,
        "take_in",
        lambda queries, block, *rest: take_in(queries, block * np.float32(1.001), *rest),
    )
    with pytest.raises(SearchError, match="wrong results on this machine"):
        search(index, unit(2, 1, 1, DIM))


def test_a_shard_without_rows_is_passed_over(make_index: MakeIndex) -> None:
    index = make_index(unit(0, 2, 1, DIM), np.empty((0, 1, DIM), np.float32), unit(1, 2, 1, DIM))
    assert search(index, unit(2, 1, 1, DIM)).searched == 4


def test_an_index_of_another_total_cannot_be_searched(make_index: MakeIndex) -> None:
    index = make_index(unit(0, 2, 1, DIM), unit(1, 2, 1, DIM))
    index.manifest = replace(index.manifest, shards=index.manifest.shards[:1])
    with pytest.raises(SearchError, match="4 of 2 rows"):
        search(index, unit(2, 1, 1, DIM))


MEMORY = """
import sys
import numpy as np
from pytest_replication import open_index
from pytest_replication.search import search
index = open_index(sys.argv[1])
samples = np.eye(512, dtype=np.float32)[:4].reshape(4, 1, 512)
search(index, samples)
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux memory")
@pytest.mark.slow
def test_memory_does_not_grow_with_the_index(tmp_path: Path) -> None:
    peaks = []
    for shards in (1, 8):
        vectors = [unit(i, 20000, 1, 512) for i in range(shards)]
        index = write_index(tmp_path / f"index{shards}", vectors)
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, str(index.path)], capture_output=True, text=True, check=True
        )
        peaks.append(int(done.stdout) / 1024)
    growth = 7 * 20000 * 512 * 4 / 2**20  # MiB that the larger index is larger
    assert peaks[1] - peaks[0] < growth / 4


def test_an_exact_copy_scores_one_in_float16_too(make_index: MakeIndex) -> None:
    stored = unit(0, 200, 1, DIM)
    found = search(make_index(stored, dtype="<f2"), stored[:100], 1)
    assert (found.scores == 1).all()


def test_a_file_is_checked_again_when_the_manifest_expects_another(make_index: MakeIndex) -> None:
    index = make_index(unit(0, 8, 1, DIM))
    search(index, unit(2, 1, 1, DIM))
    (shard,) = index.shards
    name = shard.embeddings_path.name
    other = replace(shard.entry.files[name], xxh3="0" * 16)
    index.shards = [replace(shard, entry=replace(shard.entry, files={**shard.entry.files, name: other}))]
    with pytest.raises(IndexCorrupt, match="checksum differs"):
        search(index, unit(2, 1, 1, DIM))
