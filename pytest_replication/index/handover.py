"""Images on their way to a worker process, tokens, pixels, parts on their way back: on disk, not in memory.

A worker embeds a whole shard, so that all workers together have workers + 2 shards at hand. A source
that reads bytes to list its images (parquet, a compressed tar) would hold as many shards of them, and
so would the process that writes hold what is stored beside their vectors, such as tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import BuildError
from pytest_replication.images.sources import ImageRef
from pytest_replication.index.layout import SHARDS, drop_handed
from pytest_replication.index.own import HANDED
from pytest_replication.index.side_arrays import FILE_OF


@dataclass(frozen=True, slots=True)
class Parcel:
    """The images of one shard, without the bytes that their source had read.

    Attributes:
        path: file with these bytes, one image behind the other; there is none where there are no bytes.
        images: in order, each with the number of its bytes in the file.
    """

    path: Path
    images: tuple[tuple[ImageRef, int], ...]

    def __len__(self) -> int:
        return len(self.images)

    def open(self) -> Iterator[ImageRef]:
        """Give the images with their bytes, in order, each read when it is asked for.

        Raises:
            BuildError: the bytes are not all there. (An image that cannot be read would only be rejected.)
        """
        with ExitStack() as stack:
            file: IO[bytes] | None = None
            for ref, size in self.images:
                if size:
                    try:
                        file = file or stack.enter_context(self.path.open("rb"))
                        data = file.read(size)
                    except OSError as error:
                        raise BuildError(f"{self.path} cannot be read ({error}): {_AGAIN}") from error
                    if len(data) != size:
                        raise BuildError(f"{self.path} was cut off: {_AGAIN}")
                    ref = replace(ref, content=data)
                yield ref

    def leave(self, what: str, found: NDArray[Any]) -> None:
        """Put something that the images have become into a file beside that of their bytes.

        Args:
            what: its kind, a key of `index.side_arrays.FILE_OF`.
            found: it.

        Raises:
            BuildError: the disk cannot be written.
        """
        path = self._left(what)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, found, allow_pickle=False)
        except OSError as error:
            raise BuildError(f"{path} cannot be written ({error}): {_AGAIN}") from error

    def take(self, what: str) -> NDArray[Any]:
        """Read what `leave` has left.

        Raises:
            BuildError: it is not all there.
        """
        path = self._left(what)
        try:
            found: NDArray[Any] = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise BuildError(f"{path} cannot be read ({error}): {_AGAIN}") from error
        return found

    def drop(self) -> None:
        """Delete the files."""
        self.path.unlink(missing_ok=True)
        for what in FILE_OF:
            self._left(what).unlink(missing_ok=True)

    def _left(self, what: str) -> Path:
        return self.path.with_name(f"{self.path.name}-{what}.npy")


class Handover:
    """Makes parcels in the folder of an index.

    Args:
        index: folder of the index, whose lock is held.
    """

    def __init__(self, index: Path) -> None:
        self._index, self._folder = index, index / SHARDS / HANDED
        self._count = 0

    def pack(self, refs: Iterable[ImageRef]) -> Parcel:
        """List images; those that come with their bytes leave them on disk.

        Raises:
            BuildError: the disk cannot be written.
        """
        path = self._folder / f"{self._count:06d}"
        self._count += 1
        images: list[tuple[ImageRef, int]] = []
        with ExitStack() as stack:
            file: IO[bytes] | None = None
            for ref in refs:
                size = len(ref.content) if isinstance(ref.content, bytes) else 0
                if isinstance(ref.content, bytes) and size:
                    try:
                        file = file or stack.enter_context(self._create(path))
                        file.write(ref.content)
                        file.flush()
                    except OSError as error:
                        raise BuildError(f"{path} cannot be written ({error}): {_AGAIN}") from error
                    ref = replace(ref, content=b"")
                images.append((ref, size))
        return Parcel(path, tuple(images))

    def close(self) -> None:
        """Delete what is left."""
        drop_handed(self._index)

    def _create(self, path: Path) -> IO[bytes]:
        self._folder.mkdir(parents=True, exist_ok=True)
        return path.open("wb")


_AGAIN = (
    "see that the disk has room and nothing else deletes files there, and give the same command again; it "
    "goes on after the last finished shard"
)
