from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_replication import open_index
from pytest_replication.errors import IndexCorrupt, IndexNotFound
from pytest_replication.index import mapped_shard, reader
from pytest_replication.index.verify import verify_files

SHARD = Path("shards") / "000001"


def test_opening_reads_no_vectors(built_pixels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*args: object) -> None:
        raise AssertionError("a file of a shard was read")

    monkeypatch.setattr(mapped_shard, "map_embeddings", read)
    for name in ("read_records", "count_rejections"):
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
    assert verify_files(damaged, progress=False).sound
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
