"""``faiss:FILE``: the vectors in a faiss index that keeps them as they were given.

Read are ``IndexFlatIP``, ``IndexFlatL2``, ``IndexHNSWFlat`` and ``IndexIVFFlat``, also behind an
``IndexIDMap``. An index that quantises or transforms its vectors cannot give them back: it is refused.
Rows come in the order of their faiss ids. Where the ids are 0 to n - 1 they are the rows that a list
of names counts; where they are not, they become the ids of the records (``id:NNN``), and a list of
names is refused, because its lines would be anybody's guess.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import BuildError, SettingsError, SourceError
from pytest_replication.index.importers.base import Embeddings
from pytest_replication.index.importers.names import open_names
from pytest_replication.index.shard import Record

_FLAT = ("IndexFlatIP", "IndexFlatL2")
_FLAT_FILES = (b"IxFI", b"IxF2", b"IxFl")
_GRAPH_FILES = (b"IHNf",)
_LEAST_LIMIT = 1 << 20  # some limits are on products: small files exceed their own size


class FaissEmbeddings(Embeddings):
    """Vectors of a faiss index.

    Args:
        path: the file.
        names: a ``.txt`` list or ``.parquet`` table of names, for ids 0 to n - 1.

    Raises:
        BuildError: faiss is not installed.
        SourceError: the file is damaged, or its vectors are not kept as they were.
        SettingsError: names for ids that are no rows.
    """

    kind = "faiss"

    def __init__(self, path: Path, names: Path | None = None) -> None:
        self._index = _read(path)  # held: the arrays below lie in its memory
        self._kept, ids = _unwrap(self._index, path)
        self._order = np.argsort(ids, kind="stable")
        self._ids = ids[self._order]
        self._named = np.array_equal(self._ids, np.arange(len(ids)))
        if names is not None and not self._named:
            raise SettingsError(
                f"{path} has ids that are not 0 to {len(ids) - 1} (they go from {self._ids[0]} to "
                f"{self._ids[-1]}), so that the lines of {names} cannot be told apart: leave the names away, "
                "the records are called id:NNN"
            )
        self._names = open_names(names, path, len(ids))
        super().__init__(path, len(ids), int(self._index.d), (path, *self._names.files))

    def _vectors(self, start: int, stop: int) -> NDArray[np.float32]:
        return self._kept.take(self._order[start:stop])

    def _records(self, start: int, stop: int) -> list[Record]:
        if self._named:
            return self._names.records(start, stop)
        return [Record(f"id:{id_}", f"id:{id_}") for id_ in self._ids[start:stop].tolist()]


class _Kept(Protocol):
    """Vectors of an index by their position in it."""

    def take(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """Copy some vectors: (n, dim)."""


class _Flat:
    def __init__(self, index: Any) -> None:
        self._index = index

    def take(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = self._index.reconstruct_batch(positions)
        return found


class _Lists:
    """Inverted lists of whole vectors; the position of a vector is its place in all lists joined."""

    def __init__(self, index: Any, path: Path) -> None:
        import faiss

        self._lists, self._dim = index.invlists, int(index.d)
        kind = faiss.downcast_InvertedLists(self._lists)
        where = getattr(kind, "filename", "")  # empty for lists in the index file itself
        if where:
            raise SourceError(
                f"{path} keeps its vectors in {where}: merge the two into one file with faiss.write_index"
            )
        if self._lists.code_size != 4 * self._dim:
            raise SourceError(
                f"{path} keeps {self._lists.code_size} bytes a vector, expected {4 * self._dim}"
            )
        self._sizes = [int(self._lists.list_size(number)) for number in range(self._lists.nlist)]
        self._starts = np.cumsum([0, *self._sizes])

    def ids(self) -> NDArray[np.int64]:
        """Ids of the vectors by position."""
        import faiss

        found = [
            faiss.rev_swig_ptr(self._lists.get_ids(number), size).copy()
            for number, size in enumerate(self._sizes)
            if size
        ]
        return np.concatenate(found) if found else np.empty(0, np.int64)

    def take(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        import faiss

        rows = np.empty((len(positions), self._dim), np.float32)
        owner = np.searchsorted(self._starts, positions, side="right") - 1
        for number in np.unique(owner).tolist():
            here = owner == number
            size = self._sizes[number] * self._lists.code_size
            codes = faiss.rev_swig_ptr(self._lists.get_codes(number), size)
            vectors = codes.view("<f4").reshape(self._sizes[number], self._dim)
            rows[here] = vectors[positions[here] - self._starts[number]]
        return rows


def _read(path: Path) -> Any:
    """Read an index with faiss, mapped where faiss notices a file that was cut."""
    try:
        import faiss
    except ImportError as error:
        raise BuildError(f"{path} needs faiss to be read: pip install 'pytest-replication[faiss]'") from error
    try:
        with path.open("rb") as file:
            start = file.read(4)
        with _limits(path.stat().st_size):
            return faiss.read_index(str(path), _flags(start))
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}") from error
    except (RuntimeError, ValueError, MemoryError) as error:
        reason = str(error).rpartition("Error: ")[2]
        raise SourceError(f"{path} is no whole faiss index ({reason}): copy or write it again") from error


def _flags(start: bytes) -> int:
    """How faiss should open a file that starts like this.

    Zero-copy mapping reads behind the end of a cut file of lists or ids (seen with faiss 1.15.1), and
    mapping of lists does not: each is used for those files only where a cut is an error.
    """
    import faiss

    if start in _FLAT_FILES:
        return int(getattr(faiss, "IO_FLAG_MMAP_IFC", 0))
    return 0 if start in _GRAPH_FILES else int(faiss.IO_FLAG_MMAP)


@contextmanager
def _limits(size: int) -> Iterator[None]:
    """Nothing in a file is larger than the file: keeps faiss from believing a damaged count."""
    import faiss

    names = [f"deserialization_{what}_limit" for what in ("vector_byte", "loop")]
    names = [name for name in names if hasattr(faiss, f"set_{name}")]
    before = {name: getattr(faiss, f"get_{name}")() for name in names}
    try:
        for name in names:
            getattr(faiss, f"set_{name}")(max(size, _LEAST_LIMIT))
        yield
    finally:
        for name, value in before.items():
            getattr(faiss, f"set_{name}")(value)


def _unwrap(index: Any, path: Path) -> tuple[_Kept, NDArray[np.int64]]:
    """The vectors of an index, and the id at each of their positions."""
    import faiss

    inner, outer_ids = index, None
    if type(index).__name__ in ("IndexIDMap", "IndexIDMap2"):
        inner, outer_ids = faiss.downcast_index(index.index), faiss.vector_to_array(index.id_map)
    kind = type(inner).__name__
    kept: _Kept
    if kind == "IndexIVFFlat":
        kept = _Lists(inner, path)
        ids = kept.ids()
    else:
        flat = faiss.downcast_index(inner.storage) if kind == "IndexHNSWFlat" else inner
        if type(flat).__name__ not in _FLAT:
            raise SourceError(
                f"{path} is an {kind}, which does not keep its vectors as they were: give the vectors that "
                "it was made from, or an IndexFlat or IndexIVFFlat of them"
            )
        kept, ids = _Flat(flat), np.arange(flat.ntotal)
    if outer_ids is not None:
        if len(outer_ids) != len(ids) or (len(ids) and (ids.min() < 0 or ids.max() >= len(ids))):
            raise SourceError(f"{path} maps {len(outer_ids)} ids to {len(ids)} vectors: write it again")
        ids = outer_ids[ids]
    if len(ids) != index.ntotal:
        raise SourceError(f"{path} should hold {index.ntotal} vectors and holds {len(ids)}: write it again")
    return kept, ids
