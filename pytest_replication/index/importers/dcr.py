"""``dcr:FILE.pkl``: what the code released with *Diffusion Art or Digital Forgery?* saves.

A pickle of ``{'features': array of shape (rows, dim), 'indexes': [keys]}``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import SourceError
from pytest_replication.index.importers.base import Embeddings
from pytest_replication.index.importers.pickle_notes import Array
from pytest_replication.index.importers.pickles import read_pickle
from pytest_replication.index.shard import Record


class DcrEmbeddings(Embeddings):
    """Features and keys of a pickle, which is read without running it; it stays in memory.

    Raises:
        SourceError: the file is damaged, or holds anything but features and keys.
    """

    kind = "dcr"

    def __init__(self, path: Path) -> None:
        found = read_pickle(path)
        if not isinstance(found, dict) or not {"features", "indexes"} <= found.keys():
            raise SourceError(
                f"{path} holds no dict of 'features' and 'indexes', as embedding.pkl of DCR does"
            )
        features = found["features"].values if isinstance(found["features"], Array) else None
        if features is None or features.ndim != 2 or features.dtype.kind != "f":
            raise SourceError(f"{path}: 'features' are no two-dimensional array of floats: save them as .npy")
        self._features = features
        self._keys = _keys(path, found["indexes"])
        if len(self._keys) != len(features):
            raise SourceError(
                f"{path} has {len(features)} features and {len(self._keys)} indexes: they do not belong "
                "together; write it again"
            )
        self.dtype = features.dtype.str
        super().__init__(path, len(features), features.shape[1], (path,))

    def _vectors(self, start: int, stop: int) -> NDArray[np.float32]:
        with np.errstate(over="ignore"):  # what no float32 can hold becomes infinite, and is refused
            return np.array(self._features[start:stop], np.float32, order="C")

    def _records(self, start: int, stop: int) -> list[Record]:
        return [Record(key, key) for key in map(_text, self._keys[start:stop])]


def _keys(path: Path, given: Any) -> list[Any]:
    if isinstance(given, Array) and given.values is not None and given.values.ndim == 1:
        given = given.values.tolist()
    if not isinstance(given, list | tuple):
        raise SourceError(
            f"{path}: 'indexes' are no list of keys: save the vectors as .npy with a list of names"
        )
    for row, key in enumerate(given):
        if type(key) not in (str, bytes, int):
            raise SourceError(
                f"{path}: key {row} is a {type(key).__name__}, expected text, bytes or a whole number: save "
                "the vectors as .npy with a list of names"
            )
    return list(given)


def _text(key: str | bytes | int) -> str:
    if isinstance(key, bytes):
        return key.decode("utf-8", "backslashreplace")
    return str(key).encode("utf-8", "backslashreplace").decode()
