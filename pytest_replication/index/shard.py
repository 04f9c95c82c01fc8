"""The files of one shard: vectors, records and rejected images; written once, then immutable."""

from __future__ import annotations

import hashlib
import io
import json
import os
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pytest_replication.durable import sync_folder
from pytest_replication.errors import IndexCorrupt
from pytest_replication.images.sources.tables import Unbounded, batches_of
from pytest_replication.index.entries import FileEntry
from pytest_replication.index.manifest import NAMING, VECTORS, Manifest
from pytest_replication.index.side_arrays import FILE_OF, Beside, kinds_of

if TYPE_CHECKING:
    import pyarrow as pa

EMBEDDINGS, (RECORDS, REJECTED) = VECTORS, NAMING
FILES = (EMBEDDINGS, RECORDS, REJECTED)
HALF = "<f2"
BYTE = "|u1"
UNREAD = "cannot be read: "
"""How the reason begins where the bytes of an image could not be had: they may be there another time."""
_ROW_GROUP = 4096
_BLOCK = 1 << 22


@dataclass(frozen=True, slots=True)
class Record:
    """One training image of the index.

    Attributes:
        id: names it within its source.
        uri: where a person finds it.
        sha256: digest of its encoded bytes; None where only its vector was imported.
        width: in pixels, upright; None as above.
        height: in pixels, upright; None as above.
        caption: text that belongs to it, if any.
        label: class that it belongs to, if any.
        thumbnail: a small WebP picture of it, where the index carries them.
        version: what its source said of its content; None where it was imported.
    """

    id: str
    uri: str
    sha256: str | None = None
    width: int | None = None
    height: int | None = None
    caption: str | None = None
    label: str | None = None
    thumbnail: bytes | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """One listed image that could not be read, and why."""

    id: str
    uri: str
    reason: str
    version: str | None = None


_RECORD, _REJECTED = (tuple(one.name for one in fields(kind)) for kind in (Record, Rejected))
_Row = TypeVar("_Row", Record, Rejected)


def content_of(records: Sequence[Record], parts: bool = False) -> str:
    """Digest of the images of a shard, in order: sha256, caption and label, and not where they lay.

    What was imported without its sha256 is known by its id alone.

    Args:
        records: of the shard.
        parts: whether the index stores local features: then shape and small picture of an image decide, too.
    """
    names = content_columns(parts)
    return content_of_rows(tuple(getattr(one, name) for name in names) for one in records)


def content_columns(parts: bool) -> tuple[str, ...]:
    """Columns of the records that `content_of_rows` is about."""
    return ("id", "sha256", "caption", "label", *(("width", "height", "thumbnail") if parts else ()))


def content_of_rows(rows: Iterable[tuple[Any, ...]]) -> str:
    """The same of the values of `content_columns` of each."""
    digest = hashlib.sha256()
    for id_, sha256, caption, label, *shown in rows:
        if shown:
            width, height, thumbnail = shown
            shown = [width, height, hashlib.sha256(thumbnail).hexdigest() if thumbnail else None]
        digest.update(json.dumps([sha256 or {"id": id_}, caption, label, *shown]).encode())
    return digest.hexdigest()


def files_of(manifest: Manifest) -> tuple[str, ...]:
    """Names of the files that every shard of an index has."""
    return (*FILES, *(FILE_OF[kind] for kind in kinds_of(manifest)))


def write_shard(
    folder: Path,
    embeddings: NDArray[Any],
    records: Sequence[Record],
    rejected: Sequence[Rejected],
    dtype: str,
    beside: Beside | None = None,
) -> None:
    """Write the files of a shard into an empty folder and make them durable.

    Args:
        folder: exists and is empty.
        embeddings: (rows, views, dim), unit rows.
        records: one a row, in order.
        rejected: the listed images that are not rows.
        dtype: ``<f4`` or ``<f2``.
        beside: what the index stores of the rows besides; its parts have this dtype, too.
    """
    import pyarrow.parquet as pq

    np.save(folder / EMBEDDINGS, np.ascontiguousarray(embeddings, dtype=dtype), allow_pickle=False)
    pq.write_table(_table(records, _record_schema()), folder / RECORDS, row_group_size=_ROW_GROUP)
    pq.write_table(_table(rejected, _rejected_schema()), folder / REJECTED)
    names = list(FILES)
    for kind, found in beside or Beside():
        stored = np.ascontiguousarray(found, dtype=dtype if kind == "parts" else found.dtype)
        np.save(folder / FILE_OF[kind], stored, allow_pickle=False)
        names.append(FILE_OF[kind])
    sync_shard(folder, names)


def sync_shard(folder: Path, names: Sequence[str]) -> None:
    """Make the files of a shard durable: a manifest may not outlive what it names."""
    for name in names:
        with (folder / name).open("rb+") as file:
            os.fsync(file.fileno())
    sync_folder(folder)


def describe_file(path: Path) -> FileEntry:
    """Size and checksums of a file, read in blocks."""
    import xxhash

    sha256, fast, size = hashlib.sha256(), xxhash.xxh3_64(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            sha256.update(block)
            fast.update(block)
            size += len(block)
    return FileEntry(bytes=size, sha256=sha256.hexdigest(), xxh3=fast.hexdigest())


def map_embeddings(
    path: Path, shape: tuple[int, ...], dtype: str | np.dtype[Any]
) -> tuple[NDArray[Any], int]:
    """Memory-map the vectors of a shard, or what is stored beside them, after a look at the header.

    Returns:
        The array, of this shape and type, and the byte at which it starts in the file.

    Raises:
        IndexCorrupt: the header says something else, or the file is too short for it.
    """
    header = header_of(shape, dtype)
    try:
        with path.open("rb") as file:
            if file.read(len(header)) != header:
                raise ValueError(f"it does not hold {shape} of {dtype}")
        if 0 in shape:
            return np.empty(shape, dtype), len(header)
        return np.memmap(path, dtype=dtype, mode="r", offset=len(header), shape=shape), len(header)
    except (OSError, ValueError) as error:
        raise IndexCorrupt(f"{path} is damaged ({error}): run 'pytest-replication verify'") from error


def header_of(shape: tuple[int, ...], dtype: str | np.dtype[Any]) -> bytes:
    """The npy header that these numbers have: compared whole, so that a foreign one is never parsed."""
    written, descr = io.BytesIO(), np.lib.format.dtype_to_descr(np.dtype(dtype))
    np.lib.format.write_array_header_1_0(written, {"descr": descr, "fortran_order": False, "shape": shape})
    return written.getvalue()


def read_records(path: Path, rows: Sequence[int]) -> dict[int, Record]:
    """Read some records of a shard, in bounded memory.

    Raises:
        IndexCorrupt: the file cannot be read or lacks a row.
    """
    found: dict[int, Record] = {}
    wanted = sorted(set(rows))
    for start, batch in _batches(path, _RECORD, rows=wanted):
        here = wanted[bisect_left(wanted, start) : bisect_left(wanted, start + batch.num_rows)]
        if here:
            values = batch.take([row - start for row in here]).to_pylist()
            found |= dict(zip(here, (_made(path, Record, one) for one in values), strict=True))
    if len(found) != len(wanted):
        raise IndexCorrupt(f"{path} lacks {len(wanted) - len(found)} of the rows that were matched")
    return found


def read_columns(path: Path, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Read some columns of a parquet file of the index, in bounded memory.

    Raises:
        IndexCorrupt: the file cannot be read, or lacks one of them.
    """
    for _, batch in _batches(path, names):
        if missing := set(names) - set(batch.schema.names):
            raise _damaged(path, f"it has no column {min(missing)}")
        yield from zip(*(batch.column(name).to_pylist() for name in names), strict=True)


def read_rejected(path: Path) -> Iterator[Rejected]:
    """Read the rejected images of a shard, in bounded memory.

    Raises:
        IndexCorrupt: the file cannot be read.
    """
    for _, batch in _batches(path, _REJECTED):
        yield from (_made(path, Rejected, one) for one in batch.to_pylist())


def _batches(
    path: Path, names: Sequence[str], rows: Sequence[int] | None = None
) -> Iterator[tuple[int, Any]]:
    """Columns of a file, as many rows at a time as fit into memory, with the number of the first of them.

    Args:
        path: the file.
        names: of the columns; those that it lacks are left out, and others are not read.
        rows: sorted; only row groups that hold one of them are read. None for all.

    Raises:
        IndexCorrupt: the file cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    start = 0
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as parquet, path.open("rb") as file:
            for group in range(parquet.num_row_groups):
                length = parquet.metadata.row_group(group).num_rows
                if rows is None or bisect_left(rows, start) < bisect_left(rows, start + length):
                    at = start
                    for batch in batches_of(parquet, group, file, names, _ROW_GROUP):
                        yield at, batch
                        at += batch.num_rows
                    if at != start + length:
                        raise ValueError(f"it gave {at - start} of {length} rows")
                start += length
    except (OSError, ValueError, KeyError, Unbounded, pa.ArrowException) as error:
        raise _damaged(path, error) from error


def _made(path: Path, kind: type[_Row], values: dict[str, Any]) -> _Row:
    try:
        return kind(**values)
    except TypeError as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, why: object) -> IndexCorrupt:
    return IndexCorrupt(f"{path} is damaged ({why}): run 'pytest-replication verify'")


def _table(rows: Sequence[Record] | Sequence[Rejected], schema: pa.Schema) -> pa.Table:
    import pyarrow as pa

    columns = {name: [getattr(row, name) for row in rows] for name in schema.names}
    return pa.Table.from_pydict(columns, schema=schema)


def _record_schema() -> pa.Schema:
    import pyarrow as pa

    text, number = pa.string(), pa.int32()
    return pa.schema(
        [
            pa.field("id", text, nullable=False),
            pa.field("uri", text, nullable=False),
            pa.field("sha256", text),
            pa.field("width", number),
            pa.field("height", number),
            pa.field("caption", text),
            pa.field("label", text),
            pa.field("thumbnail", pa.binary()),
            pa.field("version", text),
        ]
    )


def _rejected_schema() -> pa.Schema:
    import pyarrow as pa

    required = [pa.field(name, pa.string(), nullable=False) for name in ("id", "uri", "reason")]
    return pa.schema([*required, pa.field("version", pa.string())])
