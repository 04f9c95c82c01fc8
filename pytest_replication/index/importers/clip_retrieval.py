"""``clip-retrieval:FOLDER``: the layout of clip-retrieval and of LAION.

``img_emb/img_emb_{i}.npy`` and ``metadata/metadata_{i}.parquet``, or both in one folder. The number
in the name pairs them and gives the order: 2 comes before 10, and 7 belongs to 0007.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import SourceError
from pytest_replication.index.importers.base import Embeddings
from pytest_replication.index.importers.files import RowFile, open_npy
from pytest_replication.index.importers.names import ParquetNames
from pytest_replication.index.shard import Record

VECTORS, METADATA = "img_emb", "metadata"
_IDS = ("image_path", "url", "key")
_URIS = ("url", "image_path", "key")
_TEXT_VECTORS = "text_emb_"


@dataclass(frozen=True, slots=True)
class _Part:
    vectors: RowFile
    names: ParquetNames


class ClipRetrievalEmbeddings(Embeddings):
    """Vectors and metadata in numbered pairs of files.

    A row is named by its ``image_path``, else ``url``, else ``key``, else ``img_emb_{i}#{row}``;
    ``url`` comes first for the place where a person finds it.

    Raises:
        SourceError: a file is damaged or has no partner, a number is missing, or lengths differ.
    """

    kind = "clip-retrieval"

    def __init__(self, folder: Path) -> None:
        pairs = _paired(folder)
        self._parts = [_open_part(number, *pair) for number, pair in enumerate(pairs)]
        self._starts = np.cumsum([0, *(part.vectors.rows for part in self._parts)])
        first = self._parts[0].vectors
        for part in self._parts:
            if part.vectors.dim != first.dim:
                raise SourceError(
                    f"{part.vectors.path} holds vectors of {part.vectors.dim} numbers, {first.path} of "
                    f"{first.dim}: they are of two models; import each into an index of its own"
                )
        self.dtype = max((part.vectors.dtype for part in self._parts), default="<f4")
        super().__init__(folder, int(self._starts[-1]), first.dim, [path for pair in pairs for path in pair])

    def _vectors(self, start: int, stop: int) -> NDArray[np.float32]:
        found = [part.vectors.vectors(a, b) for part, a, b in self._spans(start, stop)]
        return np.concatenate(found) if found else np.empty((0, self.dim), np.float32)

    def _records(self, start: int, stop: int) -> list[Record]:
        return [record for part, a, b in self._spans(start, stop) for record in part.names.records(a, b)]

    def _spans(self, start: int, stop: int) -> list[tuple[_Part, int, int]]:
        """The parts that some rows lie in, with the rows of each."""
        first = int(np.searchsorted(self._starts, start, side="right")) - 1
        spans = []
        for number in range(first, len(self._parts)):
            begin = int(self._starts[number])
            if begin >= stop:
                break
            end = min(stop, int(self._starts[number + 1]))
            spans.append((self._parts[number], max(start, begin) - begin, end - begin))
        return spans


def looks_like(folder: Path) -> bool:
    """Whether a folder has this layout."""
    return (folder / VECTORS).is_dir() or any(folder.glob(f"{VECTORS}_*.npy"))


def _open_part(number: int, vectors: Path, metadata: Path) -> _Part:
    part = _Part(open_npy(vectors), ParquetNames(metadata, _IDS, _URIS, spare=f"{VECTORS}_{number}"))
    if part.vectors.rows != part.names.rows:
        raise SourceError(
            f"{vectors} has {part.vectors.rows} vectors and {metadata} has {part.names.rows} rows: they do "
            "not belong together; fetch or write both again"
        )
    return part


def _paired(folder: Path) -> list[tuple[Path, Path]]:
    """Vectors and metadata of each number, from 0 on without a gap."""
    beside = any(folder.glob(f"{VECTORS}_*.npy"))
    if beside and (folder / VECTORS).is_dir():
        raise SourceError(
            f"{folder} holds {VECTORS}_*.npy files and a folder {VECTORS}: name the one of them that counts"
        )
    vectors = _numbered(folder if beside else folder / VECTORS, VECTORS, ".npy")
    metadata = _numbered(folder if beside else folder / METADATA, METADATA, ".parquet")
    for one, other, missing in ((vectors, metadata, METADATA), (metadata, vectors, VECTORS)):
        for number in sorted(one.keys() - other.keys()):
            raise SourceError(
                f"{one[number]} has no partner: there is no {missing} file numbered {number}; add it"
            )
    if not vectors:
        raise SourceError(
            f"{folder} holds no {VECTORS}_0.npy, in a folder {VECTORS} or by itself: name its folder"
        )
    for number in range(len(vectors)):
        if number not in vectors:
            raise SourceError(
                f"{folder} has numbers up to {max(vectors)} but no {VECTORS} file numbered {number}: its "
                "images would be absent; add it, or number the part that is to be imported from 0 on"
            )
    return [(vectors[number], metadata[number]) for number in sorted(vectors)]


def _numbered(folder: Path, stem: str, suffix: str) -> dict[int, Path]:
    """Files by the number in their names; another file of that type might be one that is overlooked."""
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix == suffix and path.name[0] != ".")
    except OSError as error:
        raise SourceError(f"{folder} cannot be listed: {error.strerror}") from error
    found: dict[int, Path] = {}
    for path in files:
        match = re.fullmatch(rf"{stem}_([0-9]+)", path.stem)
        if match is None and path.name.startswith(_TEXT_VECTORS):
            continue
        if match is None:
            raise SourceError(
                f"{path} is not named {stem}_NUMBER{suffix} as its neighbours are: move it elsewhere"
            )
        other = found.setdefault(int(match[1]), path)
        if other != path:
            raise SourceError(f"{other} and {path} have the same number: remove one of the two")
    return found
