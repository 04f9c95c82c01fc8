"""Two sets of real images: does one hold images of the other?"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_replication.asked import index_for
from pytest_replication.errors import ReplicationError
from pytest_replication.images.memory import describe
from pytest_replication.index.build import BuildOptions, build_index
from pytest_replication.index.manifest import NAME as MANIFEST
from pytest_replication.index.opening import open_index
from pytest_replication.index.reader import Index
from pytest_replication.surroundings import current


@contextmanager
def training_index(train: object, embedder: str) -> Iterator[Index]:
    """An index as it is given, or one of images that is there as long as it is needed.

    Args:
        train: an open index, the folder of one, or what `build_index` takes.
        embedder: of an index that has to be built.

    Raises:
        ReplicationError: it cannot be opened or built.
    """
    if isinstance(train, Index) or (
        isinstance(train, (str, os.PathLike)) and (Path(train) / MANIFEST).exists()
    ):
        yield index_for(train, current())
        return
    with tempfile.TemporaryDirectory(prefix="replication-leak-") as folder:
        try:
            build_index(train, Path(folder) / "index", BuildOptions(embedder=embedder))
            index = open_index(Path(folder) / "index")
        except ReplicationError:
            if (run := current()) is not None:
                run.broke()
            raise
        index.label = f"{len(index)} images of {told(train)}, indexed for this check"
        yield index


def told(given: object) -> str:
    """A set of images in a few words."""
    return str(given) if isinstance(given, (str, os.PathLike)) else describe(given)
