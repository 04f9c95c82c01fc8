from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pytest_replication.embedders.pixels import PixelEmbedder
from pytest_replication.embedders.probe import prove
from pytest_replication.errors import BuildError, IndexCorrupt, IndexMismatch
from pytest_replication.index.probe import check_probe, copy_probe, write_probe
from pytest_replication.index.shard import describe_file


def test_the_same_embedder_agrees(tmp_path: Path) -> None:
    entry = write_probe(tmp_path, prove(PixelEmbedder()))
    assert check_probe(tmp_path, entry, PixelEmbedder()) < 1e-6
    assert entry.bytes == (tmp_path / "probe.npz").stat().st_size


class Drifting(PixelEmbedder):
    """The same embedder on a machine that computes a little differently."""

    def forward(self, batch: Sequence[np.ndarray]) -> np.ndarray:
        rows = super().forward(batch)
        rows[:, ::2] *= 1.1
        return rows


def test_an_embedder_that_drifts_is_refused(tmp_path: Path) -> None:
    entry = write_probe(tmp_path, prove(PixelEmbedder()))
    with pytest.raises(IndexMismatch, match="on this machine gives other vectors"):
        check_probe(tmp_path, entry, Drifting())


def test_another_probe_of_the_same_size_vouches_for_nobody(tmp_path: Path) -> None:
    entry = write_probe(tmp_path, prove(PixelEmbedder()))
    other = write_probe(tmp_path, prove(Drifting()))
    assert other.bytes == entry.bytes
    with pytest.raises(IndexCorrupt, match=r"probe\.npz has changed since it was written"):
        check_probe(tmp_path, entry, Drifting())


def test_a_missing_probe_is_an_error(tmp_path: Path) -> None:
    entry = write_probe(tmp_path, prove(PixelEmbedder()))
    (tmp_path / "probe.npz").unlink()
    with pytest.raises(IndexCorrupt, match=r"probe\.npz cannot be read \(No such file"):
        check_probe(tmp_path, entry, PixelEmbedder())


@pytest.mark.parametrize("content", [b"", b"PK nothing"])
def test_a_damaged_probe_is_an_error(tmp_path: Path, content: bytes) -> None:
    entry = write_probe(tmp_path, prove(PixelEmbedder()))
    (tmp_path / "probe.npz").write_bytes(content)
    with pytest.raises(IndexCorrupt, match="has changed since it was written"):
        check_probe(tmp_path, entry, PixelEmbedder())
    with pytest.raises(IndexCorrupt, match="is damaged"):
        check_probe(tmp_path, describe_file(tmp_path / "probe.npz"), PixelEmbedder())


def test_a_pickled_probe_is_never_loaded(tmp_path: Path) -> None:
    np.savez(tmp_path / "probe.npz", embeddings=np.array([{}], dtype=object))
    with pytest.raises(IndexCorrupt, match="is damaged"):
        check_probe(tmp_path, describe_file(tmp_path / "probe.npz"), PixelEmbedder())


def test_another_number_of_dimensions_is_refused(tmp_path: Path) -> None:
    entry = write_probe(tmp_path, prove(PixelEmbedder())[:, :5])
    with pytest.raises(IndexMismatch, match=r"shape \(4, 5\)"):
        check_probe(tmp_path, entry, PixelEmbedder())


def test_a_copy_is_compared(tmp_path: Path) -> None:
    entry = write_probe(tmp_path, prove(PixelEmbedder()))
    (tmp_path / "new").mkdir()
    copy_probe(tmp_path, entry, tmp_path / "new")
    assert check_probe(tmp_path / "new", entry, PixelEmbedder()) < 1e-6
    with pytest.raises(IndexCorrupt, match=r"probe\.npz has changed since it was written"):
        copy_probe(tmp_path, replace(entry, sha256="0" * 64), tmp_path / "new")
    with pytest.raises(IndexCorrupt, match=r"probe\.npz cannot be read \(No such file"):
        copy_probe(tmp_path / "nowhere", entry, tmp_path / "new")


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"probe\.npz cannot be written"):
        write_probe(tmp_path / "nowhere", prove(PixelEmbedder()))
