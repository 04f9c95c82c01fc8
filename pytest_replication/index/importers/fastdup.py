"""``fastdup:FOLDER``: the features that fastdup leaves in its working folder.

``atrain_features.dat`` holds bare little-endian float32, one row for each line of
``atrain_features.dat.csv`` (``index,filename``). An image that could not be read has an index too, but
is listed in ``atrain_features.bad.csv`` (``index,filename,error_code``) and has no row.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import SourceError
from pytest_replication.index.importers.base import Embeddings
from pytest_replication.index.importers.files import RowFile, layout_of
from pytest_replication.index.shard import Record, Rejected

if TYPE_CHECKING:
    import pyarrow as pa

FEATURES, LISTED, BAD = "atrain_features.dat", "atrain_features.dat.csv", "atrain_features.bad.csv"


class FastdupEmbeddings(Embeddings):
    """Features of fastdup; the list of file names stays in memory.

    Args:
        folder: fastdup's working folder.
        dim: length of a vector; None to derive it from the size of the file.

    Raises:
        SourceError: a file is damaged, sizes do not agree, or an index is unaccounted for.
    """

    kind = "fastdup"

    def __init__(self, folder: Path, dim: int | None = None) -> None:
        features, listed, bad = folder / FEATURES, folder / LISTED, folder / BAD
        table = _read(listed)
        failed = _read(bad) if bad.exists() else None
        _account(
            listed, table["index"].to_numpy(), bad, None if failed is None else failed["index"].to_numpy()
        )
        self._filenames = table["filename"].combine_chunks()
        self._file = RowFile(
            features, layout_of(_dim(features, listed, table.num_rows, dim)), 0, table.num_rows
        )
        files = (features, listed, *(() if failed is None else (bad,)))
        super().__init__(folder, table.num_rows, self._file.dim, files)
        if failed is not None:
            self.missing = [_rejected(row) for row in failed.to_pylist()]

    def _vectors(self, start: int, stop: int) -> NDArray[np.float32]:
        return self._file.vectors(start, stop)

    def _records(self, start: int, stop: int) -> list[Record]:
        return [Record(name, name) for name in self._filenames[start:stop].to_pylist()]


def looks_like(folder: Path) -> bool:
    """Whether a folder has this layout."""
    return (folder / FEATURES).is_file()


def _read(path: Path) -> pa.Table:
    """Read ``index``, ``filename`` and, where it is, ``error_code``."""
    import pyarrow as pa
    from pyarrow import csv

    kinds = {"index": pa.int64(), "filename": pa.large_string(), "error_code": pa.large_string()}
    convert = csv.ConvertOptions(column_types=kinds, strings_can_be_null=False, null_values=[])
    try:
        table = csv.read_csv(
            path, parse_options=csv.ParseOptions(newlines_in_values=True), convert_options=convert
        )
    except (OSError, ValueError, pa.ArrowException) as error:
        raise SourceError(f"{path} cannot be read as a list of images: {error}") from error
    if not {"index", "filename"} <= set(table.column_names):
        raise SourceError(
            f"{path} has the columns {', '.join(table.column_names)}, expected index and filename"
        )
    return table.select([name for name in kinds if name in table.column_names])


def _account(listed: Path, rows: NDArray[np.int64], bad: Path, failed: NDArray[np.int64] | None) -> None:
    """Every index from 0 on is a row or a failure, and the rows are in the order of their indexes."""
    if (np.diff(rows) <= 0).any():
        line = int(np.argmax(np.diff(rows) <= 0)) + 3  # counted from 1, behind the header
        raise SourceError(
            f"{listed}, line {line}: the index does not grow; which row is whose is not certain, run fastdup "
            "again"
        )
    every = np.sort(np.concatenate([rows, np.empty(0, np.int64) if failed is None else failed]))
    wrong = np.flatnonzero(every != np.arange(len(every)))
    if len(wrong):
        found, expected = int(every[wrong[0]]), int(wrong[0])
        raise SourceError(
            f"{listed} and {bad.name} {'lack' if found > expected else 'both name'} index "
            f"{min(found, expected)}: an image is unaccounted for; run fastdup again"
        )


def _dim(features: Path, listed: Path, rows: int, dim: int | None) -> int:
    try:
        size = features.stat().st_size
    except OSError as error:
        raise SourceError(f"{features} cannot be read: {error.strerror}") from error
    found = dim or max(1, size // (4 * max(rows, 1)))
    if size != 4 * rows * found:
        what = f"{rows} vectors of {dim} float32" if dim else f"{rows} vectors of float32, all of one length"
        raise SourceError(
            f"{features} has {size} bytes, which are not the {what} that {listed.name} asks for: it was cut, "
            "or belongs to another run; run fastdup again, or correct --dim"
        )
    return found


def _rejected(row: dict[str, str]) -> Rejected:
    name = row["filename"]
    return Rejected(name, name, f"fastdup: {row.get('error_code') or 'no vector'}")
