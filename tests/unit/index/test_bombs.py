"""Small files of an index that would fill the memory are refused before they are unpacked."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from resealed import reseal

from pytest_replication.errors import IndexCorrupt
from pytest_replication.index.manifest_file import read_manifest
from pytest_replication.index.probe import read_probe
from pytest_replication.index.shard import read_columns, read_records, read_rejected

TEXT = "a" * (1 << 20)
ROWS = 256


@pytest.fixture(scope="module")
def repeated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One text of a MiB in a dictionary stands for all rows: 256 MiB in a file of some KiB."""
    path = tmp_path_factory.mktemp("repeated") / "records.parquet"
    table = pa.table(
        {"id": ["i"] * ROWS, "uri": ["u"] * ROWS, "caption": pa.array([TEXT] * ROWS), "reason": ["r"] * ROWS}
    )
    pq.write_table(table, path, compression="zstd", dictionary_pagesize_limit=4 << 20)
    assert path.stat().st_size < 100_000
    return path


def peak(read: object) -> float:
    """Most bytes that arrow held, in MiB."""
    pool = pa.default_memory_pool()
    before, most = pool.bytes_allocated(), 0
    for _ in read:  # type: ignore[attr-defined]
        most = max(most, pool.bytes_allocated() - before)
    return most / (1 << 20)


def test_a_value_that_stands_for_all_rows_is_read_a_few_rows_at_a_time(repeated: Path) -> None:
    tracemalloc.start()
    try:
        assert peak(read_columns(repeated, ("id", "caption"))) < 128
        found = read_records(repeated, [3])
        assert (found[3].id, len(found[3].caption or "")) == ("i", 1 << 20)
        assert tracemalloc.get_traced_memory()[1] < 128 << 20
    finally:
        tracemalloc.stop()


def test_columns_that_nobody_asked_for_are_not_unpacked(repeated: Path) -> None:
    assert peak(read_rejected(repeated)) < 8  # its caption is none of theirs


def test_a_page_that_unpacks_to_far_more_than_itself_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "records.parquet"
    table = pa.table({"id": ["i"], "uri": ["u" * (65 << 20)]})
    pq.write_table(table, path, compression="zstd", use_dictionary=False, write_statistics=False)
    with pytest.raises(IndexCorrupt, match=r"records\.parquet is damaged \(cannot be read into memory: "):
        list(read_columns(path, ("id", "uri")))
    with pytest.raises(IndexCorrupt, match="bytes of its column uri unpack to"):
        read_records(path, [0])


def test_a_column_that_is_missing_is_said(repeated: Path) -> None:
    with pytest.raises(IndexCorrupt, match="it has no column label"):
        list(read_columns(repeated, ("id", "label")))


def npz(folder: Path, **members: bytes) -> None:
    with zipfile.ZipFile(folder / "probe.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)


def header(shape: tuple[int, ...], dtype: str = "<f4") -> bytes:
    written = io.BytesIO()
    facts = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(written, facts)
    return written.getvalue()


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ({"embeddings": bytes(65 << 20)}, "unpacks to 68,157,440 bytes"),
        ({"embeddings": header((1 << 40, 4)) + bytes(64)}, r"does not hold \(1099511627776, 4\) of float32"),
        ({"embeddings": header((4, 4), "|O") + bytes(128)}, "does not hold"),
        ({"embeddings": b"no array at all"}, "magic string"),
    ],
)
def test_a_probe_is_not_unpacked_beyond_what_it_can_hold(
    members: dict[str, bytes], fault: str, damaged: Path
) -> None:
    npz(damaged, **members)
    manifest = reseal(damaged)
    with pytest.raises(IndexCorrupt, match=rf"probe\.npz is damaged \(.*{fault}"):
        read_probe(damaged, manifest.probe)


def test_the_probe_of_a_build_is_read(built_pixels: Path) -> None:
    probe = read_probe(built_pixels, read_manifest(built_pixels).probe)
    assert probe.embeddings.shape == (4, 769)
    with np.load(built_pixels / "probe.npz", allow_pickle=False) as stored:
        assert np.array_equal(stored["embeddings"], probe.embeddings)
        assert all(np.array_equal(stored[f"image_{i}"], x) for i, x in enumerate(probe.images))
