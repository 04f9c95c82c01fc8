from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_replication import open_index
from pytest_replication.embedders import registry
from pytest_replication.errors import (
    EmbedderUnavailable,
    IndexCorrupt,
    IndexMismatch,
    IndexNotFound,
    UnknownName,
)
from pytest_replication.index import Index, reader
from pytest_replication.index.verify import verify_index

SHARD = Path("shards") / "000001"


def test_an_index_tells_its_size(pixels_index: Index) -> None:
    assert (pixels_index.rows, len(pixels_index), len(pixels_index.shards)) == (20, 20, 3)
    assert repr(pixels_index).endswith("rows=20, embedder='pixels')")


def test_opening_reads_no_vectors(built_pixels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*args: object) -> None:
        raise AssertionError("a file of a shard was read")

    for name in ("map_embeddings", "read_records", "count_rejections"):
        monkeypatch.setattr(reader, name, read)
    index = open_index(built_pixels)
    with pytest.raises(AssertionError, match="was read"):  # the watch can see a read
        index.shards[0].embeddings()


def test_opening_imports_no_embedder(built_pixels: Path) -> None:
    code = (
        "import sys; from pytest_replication import open_index; "
        f"open_index({str(built_pixels)!r}); print([m for m in ('torch', 'onnxruntime') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_reading_and_checking_write_nothing(damaged: Path) -> None:
    for path in [*damaged.rglob("*"), damaged]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = {path: path.stat().st_mtime_ns for path in [*damaged.rglob("*"), damaged]}
    index = open_index(damaged)
    assert index.embedder.spec.name == "pixels"
    assert verify_index(damaged, progress=False).sound
    assert {path: path.stat().st_mtime_ns for path in [*damaged.rglob("*"), damaged]} == before
    damaged.chmod(0o755)


def test_a_missing_probe_is_named(damaged: Path) -> None:
    (damaged / "probe.npz").unlink()
    with pytest.raises(IndexCorrupt, match="probe.npz is missing"):
        open_index(damaged)


@pytest.mark.parametrize("name", ["embeddings.npy", "records.parquet", "rejected.parquet"])
def test_a_missing_file_is_named(damaged: Path, name: str) -> None:
    (damaged / SHARD / name).unlink()
    with pytest.raises(
        IndexCorrupt, match=rf"000001/{name} is missing.* same 'pytest-replication build' again"
    ):
        open_index(damaged)


@pytest.mark.parametrize("name", ["embeddings.npy", "records.parquet", "rejected.parquet"])
def test_a_truncated_file_is_named(damaged: Path, name: str) -> None:
    os.truncate(damaged / SHARD / name, 100)
    with pytest.raises(IndexCorrupt, match=rf"000001/{name} has 100 bytes, expected"):
        open_index(damaged)


def test_no_index_is_also_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_index(tmp_path)
    with pytest.raises(IndexNotFound):
        open_index(tmp_path)


def test_the_embedder_is_that_of_the_index(pixels_index: Index) -> None:
    assert pixels_index.embedder is pixels_index.embedder
    assert pixels_index.embedder.spec == pixels_index.manifest.embedder


def test_another_embedder_names_both_sides(built_pixels: Path) -> None:
    index = open_index(built_pixels, embedder="sscd")
    with pytest.raises(IndexMismatch, match=r"name 'sscd' against 'pixels'.*dim 512 against 769"):
        _ = index.embedder


def test_an_embedder_that_is_missing_names_the_index(built_pixels: Path) -> None:
    for name, kind in (("nope", UnknownName), ("sscd:/nowhere.onnx", EmbedderUnavailable)):
        index = open_index(built_pixels, embedder=name)
        with pytest.raises(kind, match=f"{built_pixels} needs its embedder pixels"):
            _ = index.embedder


def test_an_embedder_of_the_index_that_is_not_installed_is_no_wrong_usage(
    built_pixels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_installed", dict)
    monkeypatch.setattr(registry, "_registered", {})
    with pytest.raises(EmbedderUnavailable, match=r"needs its embedder pixels .* no embedder 'pixels'"):
        _ = open_index(built_pixels).embedder


@pytest.mark.parametrize("row", [-1, 20])
def test_rows_outside_are_not_found(pixels_index: Index, row: int) -> None:
    assert pixels_index.records([row]) == {}
