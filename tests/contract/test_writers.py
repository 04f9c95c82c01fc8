"""One contract for all that writes vectors: none adds those of an embedder that fails the probe of the index.

A writer is given an index of ``one`` face of an embedder; a new one is added to `WRITERS` and has to keep it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_replication import BuildOptions, build_index, open_index
from pytest_replication.errors import IndexCorrupt, IndexMismatch
from pytest_replication.index import append
from pytest_replication.index.append import AppendOptions, append_index
from pytest_replication.index.manifest_file import read_manifest, write_manifest
from pytest_replication.index.merge import merge_indexes
from pytest_replication.index.shard import describe_file
from pytest_replication.index.writer import IndexWriter

FACE = BuildOptions(embedder="callable:two_faced:face", shard_rows=6, progress=False)
APPEND = AppendOptions(embedder=FACE.embedder, progress=False)


@pytest.fixture(autouse=True)
def switch(cells: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Turn the embedder to one of its faces, here and in the processes that are started here."""

    def turn(face: str) -> None:
        monkeypatch.setenv("FACE", face)

    turn("one")
    return turn


@pytest.fixture
def index(pictures: Path, tmp_path: Path) -> Path:
    return build_index(pictures, tmp_path / "index", FACE).index


def appended(index: Path, pictures: Path, unrelated: Path) -> None:
    append_index(index, unrelated, APPEND)


def resumed(index: Path, pictures: Path, unrelated: Path) -> None:
    """A build that was killed after its first shard."""
    build_index(pictures, index, FACE)


def remade(index: Path, pictures: Path, unrelated: Path) -> None:
    """A shard that is damaged."""
    build_index(pictures, index, FACE)


def remade_by_workers(index: Path, pictures: Path, unrelated: Path) -> None:
    build_index(pictures, index, replace(FACE, workers=2))


def merged(index: Path, pictures: Path, unrelated: Path) -> None:
    part = build_index(unrelated, index.with_name("part"), replace(FACE, overwrite=True)).index
    merge_indexes([part, index], index.with_name("merged"), embedder=FACE.embedder)


Writer = Callable[[Path, Path, Path], None]
WRITERS = [appended, resumed, remade, remade_by_workers, merged]


def prepare(writer: Writer, index: Path) -> None:
    """Leave the index as the writer expects to find it."""
    if writer is resumed:
        whole = read_manifest(index)
        write_manifest(index, replace(whole, shards=whole.shards[:1], complete=False))
    if writer in (remade, remade_by_workers):
        path = index / "shards" / "000001" / "embeddings.npy"
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)


@pytest.mark.parametrize("writer", WRITERS)
def test_an_embedder_that_gives_other_vectors_adds_none(
    writer: Writer, index: Path, pictures: Path, unrelated: Path, switch: Callable[[str], None]
) -> None:
    prepare(writer, index)
    before = read_manifest(index)
    switch("other")
    with pytest.raises(IndexMismatch, match="other vectors"):
        writer(index, pictures, unrelated)
    assert read_manifest(index) == before
    assert not index.with_name("merged").exists()
    switch("one")
    writer(index, pictures, unrelated)
    assert open_index(index).rows >= 12


@pytest.mark.parametrize("writer", WRITERS)
def test_the_probe_of_another_index_vouches_for_no_vectors(
    writer: Writer, index: Path, pictures: Path, unrelated: Path, switch: Callable[[str], None]
) -> None:
    """It is of the same size, and the embedder at hand would pass it."""
    prepare(writer, index)
    before = read_manifest(index)
    switch("other")
    other = build_index(pictures, index.with_name("other"), FACE).index
    shutil.copyfile(other / "probe.npz", index / "probe.npz")
    with pytest.raises(IndexCorrupt, match=r"index.probe\.npz has changed since it was written"):
        writer(index, pictures, unrelated)
    assert read_manifest(index) == before


def test_workers_that_give_other_vectors_than_who_began_add_none(
    pictures: Path, tmp_path: Path, switch: Callable[[str], None]
) -> None:
    switch("workers")
    with pytest.raises(IndexMismatch, match="other vectors"):
        build_index(pictures, tmp_path / "index", replace(FACE, workers=2))
    assert not read_manifest(tmp_path / "index").shards


@pytest.mark.parametrize(("embedder", "face"), [("face", "other"), ("another", "one")])
def test_an_index_that_is_replaced_while_the_embedder_is_loaded(
    embedder: str,
    face: str,
    index: Path,
    pictures: Path,
    unrelated: Path,
    switch: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def late(folder: Path) -> IndexWriter:
        switch(face)
        options = replace(FACE, embedder=f"callable:two_faced:{embedder}", overwrite=True)
        build_index(pictures, folder, options)
        switch("one")
        return IndexWriter(folder)

    monkeypatch.setattr(append, "IndexWriter", late)
    with pytest.raises(IndexMismatch, match="was replaced by an index of another embedder"):
        append_index(index, unrelated, APPEND)
    assert open_index(index).rows == 12


def edit_probe(part: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Write the probe of an index, and what its manifest says of it, as another machine had."""
    with np.load(part / "probe.npz") as stored:
        arrays = dict(stored)
    change(arrays)
    np.savez(part / "probe.npz", **arrays)
    write_manifest(part, replace(read_manifest(part), probe=describe_file(part / "probe.npz")))


@pytest.mark.parametrize(("size", "allowed"), [(1e-7, True), (5e-5, True), (1e-3, False)])
def test_parts_whose_vectors_differ_as_the_embedder_allows_are_merged(
    size: float, allowed: bool, index: Path, unrelated: Path, tmp_path: Path
) -> None:
    part = build_index(unrelated, tmp_path / "part", FACE).index

    def drift(arrays: dict[str, Any]) -> None:
        rows = arrays["embeddings"]
        aside = rows[::-1] - (rows[::-1] * rows).sum(axis=1, keepdims=True) * rows
        aside /= np.linalg.norm(aside, axis=1, keepdims=True)
        arrays["embeddings"] = (rows * (1 - size) + aside * np.sqrt(2 * size - size**2)).astype(np.float32)

    edit_probe(part, drift)
    if allowed:
        assert merge_indexes([index, part], tmp_path / "merged", embedder=FACE.embedder).rows == 23
        return
    with pytest.raises(IndexMismatch, match=r"1 - cosine 0\.001, at most 1e-04"):
        merge_indexes([index, part], tmp_path / "merged", embedder=FACE.embedder)


def test_parts_with_other_probe_images_are_judged_by_the_embedder(
    index: Path, unrelated: Path, tmp_path: Path, switch: Callable[[str], None]
) -> None:
    part = build_index(unrelated, tmp_path / "part", FACE).index

    def turn(arrays: dict[str, Any]) -> None:
        for number in range(2):
            arrays[f"image_{number}"] = arrays["image_3"]
            arrays["embeddings"][number] = arrays["embeddings"][3]

    edit_probe(part, turn)
    switch("other")
    with pytest.raises(IndexMismatch, match="other vectors"):
        merge_indexes([index, part], tmp_path / "merged", embedder=FACE.embedder)
    switch("one")
    assert merge_indexes([index, part], tmp_path / "merged", embedder=FACE.embedder).rows == 23
