"""``annoy:FILE.ann``: the vectors in an annoy index, read without annoy.

A file is a row of nodes of one size and nothing else: items 0 to n - 1, each with one descendant;
then the inner nodes of the trees, each with as many descendants as there are items below it; in the
end a copy of every root. Neither n, nor the length of a vector, nor the metric is written down. annoy
takes the number of descendants of the last node for n, which after a cut is a smaller number; here
the items, the roots and their copies must all tell the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import SettingsError, SourceError
from pytest_replication.index.importers.base import Embeddings
from pytest_replication.index.importers.files import RowFile, layout_of
from pytest_replication.index.importers.names import open_names
from pytest_replication.index.shard import Record

METRICS = ("angular", "euclidean")
_BLOCK = 1 << 25


class AnnoyEmbeddings(Embeddings):
    """Items of an annoy index.

    Args:
        path: the file.
        dim: length of a vector.
        metric: one of `METRICS`, as the index was made with.
        names: a ``.txt`` list or ``.parquet`` table of names, None for row numbers.

    Raises:
        SettingsError: ``dim`` or ``metric`` is missing or cannot be read.
        SourceError: the file is not a whole index of this length and metric.
    """

    kind = "annoy"

    def __init__(self, path: Path, dim: int | None, metric: str | None, names: Path | None = None) -> None:
        if dim is None or metric is None:
            raise SettingsError(
                f"{path} says neither the length of its vectors nor its metric: give both, as AnnoyIndex was "
                "given them"
            )
        if metric not in METRICS:
            raise SettingsError(
                f"{path}: annoy indexes of metric {metric!r} are not read, only {' and '.join(METRICS)} "
                "('dot' is laid out differently by different versions of annoy): save the vectors as .npy"
            )
        self._metric = metric
        nodes = _open_nodes(path, dim, metric)
        items = _count_items(nodes)
        self._file = RowFile(path, nodes.layout, 0, items)
        self._names = open_names(names, path, items)
        super().__init__(path, items, dim, (path, *self._names.files))
        self._vectors(0, min(items, 1024))  # another metric shows at once

    def _vectors(self, start: int, stop: int) -> NDArray[np.float32]:
        nodes = self._file.map(start, stop)
        vectors = np.array(nodes["vector"], np.float32)
        if self._metric == "angular":  # the squared length is kept where inner nodes have children
            lengths = np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)
            sound = (nodes["rest"] == 0) & np.isclose(
                nodes["norm"], lengths, rtol=1e-3, atol=1e-30, equal_nan=True
            )
        else:
            sound = (nodes["rest"] == 0).all(axis=1)
        if not sound.all():
            raise SourceError(
                f"{self._file.path}: item {start + int(np.argmin(sound))} is not laid out as one of dim "
                f"{self.dim} and metric {self._metric}: give the dim and metric that the index was made with"
            )
        return vectors

    def _records(self, start: int, stop: int) -> list[Record]:
        return self._names.records(start, stop)


def _open_nodes(path: Path, dim: int, metric: str) -> RowFile:
    """All nodes of a file."""
    if metric == "angular":
        layout = layout_of(dim, before=12, descendants=("<i4", 0), norm=("<f4", 4), rest=("<u4", 8))
    else:
        layout = layout_of(dim, before=16, descendants=("<i4", 0), rest=("(3,)<u4", 4))
    try:
        size = path.stat().st_size
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error
    if size == 0 or size % layout.itemsize:
        raise SourceError(
            f"{path} has {size} bytes, which is no multiple of the {layout.itemsize} of a node of dim {dim} "
            f"and metric {metric}: dim or metric is wrong, or the file was cut"
        )
    return RowFile(path, layout, 0, size // layout.itemsize)


def _count_items(nodes: RowFile) -> int:
    """Number of items, on which everything in the file has to agree."""
    items = int(nodes.map(nodes.rows - 1, nodes.rows)["descendants"][0])
    if not 1 <= items < nodes.rows:
        raise _not_whole(nodes, f"its last node has {items} descendants among {nodes.rows} nodes")
    if items == 1:
        return _one_item(nodes)
    roots: list[int] = []
    for start, block in _blocks(nodes, 0):
        counts = np.array(block["descendants"])
        number = np.arange(start, start + len(counts))
        item = number < items
        if (gap := item & (counts == 0)).any():
            raise SourceError(
                f"{nodes.path} has no item {int(number[gap][0])}, though it has later ones: annoy's ids need "
                "to be 0 to n - 1; save the vectors as .npy with a list of names"
            )
        wrong = np.where(item, counts != 1, (counts < 2) | (counts > items))
        if wrong.any():
            at = int(np.argmax(wrong))
            raise _not_whole(
                nodes, f"node {start + at} has {counts[at]} descendants, though {items} items end it"
            )
        roots += number[~item & (counts == items)].tolist()
    _compare_roots(nodes, items, roots)
    return items


def _compare_roots(nodes: RowFile, items: int, roots: list[int]) -> None:
    """The file ends with one copy of each root, and with nothing else."""
    trees, odd = divmod(len(roots), 2)
    copies = list(range(nodes.rows - trees, nodes.rows))
    if odd or roots[trees:] != copies or _digests(nodes, roots[:trees]) != _digests(nodes, copies):
        raise _not_whole(nodes, f"its {len(roots)} roots are not {trees} roots and their copies")


def _one_item(nodes: RowFile) -> int:
    """Nothing sets apart the counts of one item and its roots from those of many items: a root is empty."""
    root = np.zeros(nodes.layout.itemsize, np.uint8)
    root[0] = 1
    for _, block in _blocks(nodes, 1):
        if (block.view(np.uint8).reshape(len(block), -1) != root).any():
            raise _not_whole(nodes, "its last node is an item, or it has a root with a vector")
    if nodes.rows % 2 == 0:
        raise _not_whole(nodes, f"its {nodes.rows - 1} roots are not roots and as many copies")
    return 1


def _digests(nodes: RowFile, numbers: list[int]) -> list[bytes]:
    """Digests of nodes, sorted: trees that were grown in parallel end in any order."""
    return sorted(hashlib.sha256(nodes.map(i, i + 1).tobytes()).digest() for i in numbers)


def _blocks(nodes: RowFile, first: int) -> Iterator[tuple[int, NDArray[Any]]]:
    step = max(1, _BLOCK // nodes.layout.itemsize)
    for start in range(first, nodes.rows, step):
        yield start, nodes.map(start, min(start + step, nodes.rows))


def _not_whole(nodes: RowFile, found: str) -> SourceError:
    return SourceError(
        f"{nodes.path} is not a whole annoy index of dim {nodes.dim} ({found}): it was cut, or dim or metric "
        "is wrong; give those that it was made with, or build it again"
    )
