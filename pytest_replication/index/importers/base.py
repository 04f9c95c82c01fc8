"""What every kind of embeddings is: rows of vectors with a record each, in an order that stays."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import SettingsError, SourceError
from pytest_replication.images.sources.base import printable
from pytest_replication.index.shard import Record, Rejected

_SHORTEST = 1e-12
"""Length below which a vector has no direction; the same line is drawn for embedders."""


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows, in order.

    Attributes:
        vectors: (n, dim) float32, as they are stored: not of unit length yet, but finite and not zero.
        records: one a row. Digest and size of the image are None: nobody read it.
    """

    vectors: NDArray[np.float32]
    records: list[Record]


class Embeddings(ABC):
    """A file or folder of embeddings, opened and checked; a kind implements `_vectors` and `_records`.

    Attributes:
        kind: the word before the colon.
        name: what the manifest and messages call it, such as ``clip-retrieval /data/emb``.
        rows: number of vectors, at least one.
        dim: length of a vector.
        dtype: how they are stored, such as ``<f2``.
        version: digest of names, sizes and times of last change of the files.
        missing: images that were listed when the embeddings were made, and got no vector.
    """

    kind: ClassVar[str]
    dtype: str = "<f4"

    def __init__(self, path: Path, rows: int, dim: int, files: Sequence[Path]) -> None:
        self.name = f"{self.kind} {printable(path)}"
        self.rows, self.dim = rows, dim
        self.missing: list[Rejected] = []
        self._files = tuple(files)
        self.version = version_of(self._files)
        if rows < 1:
            raise SourceError(f"{self.name} holds no vectors: an index of nothing would pass any model")

    def blocks(self, rows: int) -> Iterator[Block]:
        """Read everything, always in the same order; memory does not grow with the number of rows.

        Args:
            rows: rows of a block, at least one; only the last block has fewer.

        Raises:
            SourceError: a file is damaged or changed, a vector is not finite or zero, or an id is empty.
            SettingsError: blocks of no rows.
        """
        if rows < 1:
            raise SettingsError(f"{self.name} cannot be read in blocks of {rows} rows: ask for one or more")
        for start in range(0, self.rows, rows):
            stop = min(start + rows, self.rows)
            block = self.block(start, stop)
            if stop == self.rows:
                self._refuse_change()
            yield block

    def block(self, start: int, stop: int) -> Block:
        """Read the rows from ``start`` up to ``stop``.

        Raises:
            SourceError: as `blocks`.
        """
        vectors, records = self._vectors(start, stop), self._records(start, stop)
        if vectors.shape != (stop - start, self.dim) or len(records) != stop - start:
            raise SourceError(
                f"{self.name} gave {len(vectors)} vectors and {len(records)} records for rows {start} to "
                f"{stop - 1}, expected {stop - start} of both; one of its files is damaged"
            )
        self._check(start, vectors, records)
        return Block(vectors, records)

    @abstractmethod
    def _vectors(self, start: int, stop: int) -> NDArray[np.float32]:
        """Vectors of some rows: (stop - start, dim)."""

    @abstractmethod
    def _records(self, start: int, stop: int) -> list[Record]:
        """Records of some rows."""

    def _check(self, start: int, vectors: NDArray[np.float32], records: Sequence[Record]) -> None:
        lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
        usable = np.isfinite(lengths) & (lengths > _SHORTEST)
        if not usable.all():
            row = int(np.argmin(usable))
            what = "is zero" if np.isfinite(lengths[row]) else "is not finite"
            raise SourceError(
                f"{self.name}: the vector of row {start + row} ({records[row].id}) {what}; make the "
                "embedding of this image again, or take it out of the vectors and of the names"
            )
        for row, record in enumerate(records):
            if not record.id or not record.uri:
                raise SourceError(f"{self.name}: row {start + row} has an empty name; give it one")

    def _refuse_change(self) -> None:
        if version_of(self._files) != self.version:
            raise SourceError(
                f"{self.name} changed while it was read; import it again when nothing writes it"
            )


def version_of(files: Sequence[Path]) -> str:
    """Digest of names, sizes and times of last change of files.

    Raises:
        SourceError: a file is not there.
    """
    digest = hashlib.sha256()
    for path in files:
        try:
            stat = path.stat()
        except OSError as error:
            raise SourceError(f"{printable(path)} cannot be read: {error.strerror}") from error
        digest.update(f"{printable(path.name)}\0{stat.st_size}\0{stat.st_mtime_ns}\0".encode())
    return digest.hexdigest()
