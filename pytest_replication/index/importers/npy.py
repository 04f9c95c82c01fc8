"""``npy:FILE.npy``: one array of vectors, with a list of names beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pytest_replication.index.importers.base import Embeddings
from pytest_replication.index.importers.files import open_npy
from pytest_replication.index.importers.names import open_names
from pytest_replication.index.shard import Record


class NpyEmbeddings(Embeddings):
    """Vectors of one ``.npy`` file.

    Args:
        path: the file.
        names: a ``.txt`` list or ``.parquet`` table of names, None for row numbers.

    Raises:
        SourceError: the file is none, or the names do not fit it.
        SettingsError: the names are in another form.
    """

    kind = "npy"

    def __init__(self, path: Path, names: Path | None = None) -> None:
        self._file = open_npy(path)
        self._names = open_names(names, path, self._file.rows)
        self.dtype = self._file.dtype
        super().__init__(path, self._file.rows, self._file.dim, (path, *self._names.files))

    def _vectors(self, start: int, stop: int) -> NDArray[np.float32]:
        return self._file.vectors(start, stop)

    def _records(self, start: int, stop: int) -> list[Record]:
        return self._names.records(start, stop)
