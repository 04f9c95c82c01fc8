"""One shard of an open index: its files, memory-mapped."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import SettingsError
from pytest_replication.index.entries import ObjectsEntry, ShardEntry
from pytest_replication.index.features import STORED, count_in
from pytest_replication.index.manifest import FEATURES, PARTS, PIXELS, TOKENS
from pytest_replication.index.objects import require_objects
from pytest_replication.index.shard import BYTE, EMBEDDINGS, HALF, map_embeddings


@dataclass(frozen=True, slots=True)
class Shard:
    """One shard of an open index.

    Attributes:
        folder: where its files lie.
        entry: what the manifest says of it.
        first: number of its first row within the index.
        shape: rows, views, dim.
        dtype: of the stored vectors.
        token_shape: chunks of a view and length of a chunk; None where no tokens are stored.
        side: of the squares of pixels; None where no pixels are stored.
        objects: parts and local features; None where none are stored.
        pinned: its files are compared with their sha256, which the fingerprint is about, and not only with a
            fast checksum, which says nothing of what somebody changed on purpose.
    """

    folder: Path
    entry: ShardEntry
    first: int
    shape: tuple[int, int, int]
    dtype: str
    token_shape: tuple[int, int] | None = None
    side: int | None = None
    objects: ObjectsEntry | None = None
    pinned: bool = False

    def checksum_of(self, name: str) -> str:
        """Checksum that one of its files has to have, as `checksums.Checksum` takes it."""
        entry = self.entry.files[name]
        return entry.sha256 if self.pinned else entry.xxh3

    @property
    def embeddings_path(self) -> Path:
        """File of the vectors."""
        return self.folder / EMBEDDINGS

    def embeddings(self) -> tuple[NDArray[Any], int]:
        """Memory-mapped (rows, views, dim) vectors and their first byte in the file.

        Raises:
            IndexCorrupt: the file does not hold what the manifest says.
        """
        return map_embeddings(self.embeddings_path, self.shape, self.dtype)

    def tokens(self) -> NDArray[np.float16]:
        """Memory-mapped (rows * views, chunks, length) tokens, in the order of the vectors.

        They are those of the embedder, up to a factor for each view that no score depends on.

        Raises:
            SettingsError: the index stores none.
            IndexCorrupt: the file does not hold what the manifest says.
        """
        if self.token_shape is None:
            raise SettingsError(f"{self.folder} holds no tokens: build the index again with --tokens")
        shape = (self.shape[0] * self.shape[1], *self.token_shape)
        return map_embeddings(self.folder / TOKENS, shape, HALF)[0]

    @property
    def pixels_path(self) -> Path:
        """File of the pixels."""
        return self.folder / PIXELS

    def pixels(self) -> tuple[NDArray[np.uint8], int]:
        """Memory-mapped (rows, side, side, 3) pixels and their first byte in the file.

        Raises:
            SettingsError: the index stores none.
            IndexCorrupt: the file does not hold what the manifest says.
        """
        if self.side is None:
            raise SettingsError(f"{self.folder} holds no pixels: build the index again with --pixels SIDE")
        return map_embeddings(self.pixels_path, (self.shape[0], self.side, self.side, 3), BYTE)

    @property
    def parts_path(self) -> Path:
        """File of the vectors of parts."""
        return self.folder / PARTS

    def parts(self) -> tuple[NDArray[Any], int]:
        """Memory-mapped (rows, parts, dim) unit vectors, of the dtype of the index, and their first byte.

        Their checksum is not compared: `index.checksums.Checksum` does while they pass by, `Index.parts_of`
        before it takes some.

        Raises:
            SettingsError: the index stores none.
            IndexCorrupt: the file does not hold what the manifest says.
        """
        parts = require_objects(self.folder, self.objects).parts
        return map_embeddings(self.parts_path, (self.shape[0], len(parts), self.shape[2]), self.dtype)

    @property
    def features_path(self) -> Path:
        """File of the local features."""
        return self.folder / FEATURES

    def features(self) -> tuple[NDArray[np.void], int]:
        """Memory-mapped (n,) local features of `index.features.STORED`, row by row, and their first byte.

        Their checksum is not compared, as for `parts`.

        Raises:
            SettingsError: the index stores none.
            IndexCorrupt: the file does not hold what the manifest says.
        """
        require_objects(self.folder, self.objects)
        count = count_in(self.features_path, self.entry.files[FEATURES].bytes)
        return map_embeddings(self.features_path, (count,), STORED)
