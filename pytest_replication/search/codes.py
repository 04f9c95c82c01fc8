"""8-bit codes of stored vectors with a bound of their error: derived, checksummed, rebuildable.

A vector x is stored as integers c with one scale s for its shard, x ~ s * c, and with the length of
what that leaves out, |x - s * c|. With this length no score can hide: for any query q the score
differs from that of the codes by at most the length times |q| (Cauchy-Schwarz). Codes live in
``engines/int8/SHARD`` and name the vectors that they were made from by sha256. The scale and the
lengths decide what is passed over, so all of it is under a digest.
"""

from __future__ import annotations

import os
from collections.abc import Set
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_replication.durable import sync_folder
from pytest_replication.errors import BuildError, IndexCorrupt, SearchError
from pytest_replication.index.entries import FileEntry
from pytest_replication.index.layout import ENGINES, drop_engine
from pytest_replication.index.mapped_shard import Shard
from pytest_replication.index.own import is_of_engine, is_shard
from pytest_replication.index.reader import Index
from pytest_replication.index.shard import EMBEDDINGS, describe_file
from pytest_replication.index.writer import IndexWriter
from pytest_replication.sealed import seal, unseal
from pytest_replication.search.blocks import blocks
from pytest_replication.search.kernel import CODE_MAX

NAME = "int8"
_FORMAT = 2
_CODES, _ERRORS, _CHECKSUMS, _JSON = "codes.npy", "errors.npy", "checksums.npy", "codes.json"


@dataclass(frozen=True, slots=True)
class _Entry:
    """codes.json.

    Attributes:
        of: sha256 of the vectors that the codes were made from.
        scale: what a step of a code is worth.
        length: largest length of a vector.
        files: size and checksums of the other files.
    """

    of: str
    scale: float
    length: float
    files: dict[str, FileEntry]


class Codes:
    """The codes of one shard, memory-mapped.

    Attributes:
        folder: where they lie.
        scale: what a step of a code is worth.
        length: largest length of a vector.
    """

    def __init__(self, folder: Path, entry: _Entry, shape: tuple[int, int]) -> None:
        self.folder, self.scale, self.length = folder, entry.scale, entry.length
        self._entry, self._shape = entry, shape

    @property
    def path(self) -> Path:
        """File of the codes."""
        return self.folder / _CODES

    @property
    def checksum(self) -> str:
        """What xxh3 must give over the file of the codes."""
        return self._entry.files[_CODES].xxh3

    @cached_property
    def codes(self) -> NDArray[np.uint8]:
        """(vectors, dim) codes with 128 added."""
        found: NDArray[np.uint8] = np.load(self.path, mmap_mode="r", allow_pickle=False)
        if found.dtype != np.uint8 or found.shape != self._shape or not found.flags.c_contiguous:
            raise self._damaged(_CODES)
        return found

    @cached_property
    def errors(self) -> NDArray[np.float32]:
        """(vectors,) length of what each code leaves out, rounded up."""
        return self._small(_ERRORS, np.dtype("<f4"))

    @cached_property
    def checksums(self) -> NDArray[np.uint64]:
        """(vectors,) xxh3 of the stored bytes of each vector."""
        return self._small(_CHECKSUMS, np.dtype("<u8"))

    def _small(self, name: str, dtype: np.dtype[Any]) -> NDArray[Any]:
        """A file that is small enough to be read and checked whole."""
        if describe_file(self.folder / name) != self._entry.files[name]:
            raise self._damaged(name)
        found: NDArray[Any] = np.load(self.folder / name, allow_pickle=False)
        if found.dtype != dtype or found.shape != self._shape[:1]:
            raise self._damaged(name)
        return found

    def _damaged(self, name: str) -> IndexCorrupt:
        return IndexCorrupt(
            f"{self.folder / name} is not the file that was written: delete {self.folder.parent} (it is "
            "derived), or make it anew with 'pytest-replication engine INDEX int8'"
        )


def open_codes(index: Index, shard: Shard) -> Codes | None:
    """Open the codes of a shard; None if there are none, or none of these vectors.

    Raises:
        IndexCorrupt: they are there but damaged.
        SearchError: so is what describes them.
    """
    folder = folder_of(index) / shard.entry.name
    entry = _read(folder)
    if entry is None or entry.of != shard.entry.files[EMBEDDINGS].sha256:
        return None
    rows, views, dim = shard.shape
    codes = Codes(folder, entry, (rows * views, dim))
    for name, file in entry.files.items():
        if not (folder / name).is_file() or (folder / name).stat().st_size != file.bytes:
            raise codes._damaged(name)
    return codes


def write_codes(index: Index, *, rebuild: bool = False, progress: bool = True) -> int:
    """Make the codes of all shards that have none; those of shards that are gone are deleted.

    Args:
        index: an open index.
        rebuild: make the codes of all shards, also where they are sound.
        progress: show a progress bar when standard error is a terminal.

    Returns:
        The number of shards whose codes were made.

    Raises:
        IndexCorrupt: the vectors of a shard are not the ones that were written.
        IndexLocked: another process writes the index.
        BuildError: codes cannot be written, or something else lies where they belong.
    """
    from tqdm import tqdm

    root = folder_of(index)
    with IndexWriter(index.path):
        try:
            _make_root(root, {shard.entry.name for shard in index.shards})
            todo = [shard for shard in index.shards if rebuild or not _is_sound(index, shard)]
            for shard in tqdm(todo, unit="shard", disable=None if progress else True):
                _write(root, shard)
        except OSError as error:
            raise BuildError(
                f"the codes of {index.path} cannot be written ({error}): {root} has to be a folder that can "
                "be written, with free space; then give the command again"
            ) from error
    return len(todo)


def folder_of(index: Index) -> Path:
    """Where the codes of an index lie."""
    return index.path / ENGINES / NAME


def sizes(index: Index) -> list[int]:
    """Bytes of the codes of each shard that has them.

    Raises:
        IndexCorrupt, SearchError: as `open_codes`.
    """
    there = [codes for shard in index.shards if (codes := open_codes(index, shard)) is not None]
    return [sum(file.bytes for file in codes._entry.files.values()) for codes in there]


def damages(index: Index, *, sound: bool = True) -> list[str]:
    """Compare all codes with their checksums and with the vectors; one sentence a fault.

    A digest of their own would vouch for codes that hide vectors: so that each lies as near to its vector as
    it says is computed again, a block at a time. Codes that are not there are no fault.

    Args:
        index: an index.
        sound: whether its vectors are; else codes are not compared with them.
    """
    faults = []
    for shard in index.shards:
        try:
            if (codes := open_codes(index, shard)) is None:
                continue
            for name, file in codes._entry.files.items():
                if describe_file(codes.folder / name) != file:
                    raise codes._damaged(name)
            if sound:
                _check_bounds(shard, codes)
        except (IndexCorrupt, SearchError) as error:
            faults.append(str(error))
    return faults


def _check_bounds(shard: Shard, codes: Codes) -> None:
    """Refuse codes that are further from their vectors than they say, whatever their checksums are."""
    rows, views, dim = shard.shape
    stored = shard.embeddings()[0].reshape(rows * views, dim)
    for first, block in blocks(shard):
        here = slice(first - shard.first * views, first - shard.first * views + len(block))
        steps = codes.codes[here].astype(np.float64) - 128
        exact = block.astype(np.float64)
        lengths = np.linalg.norm(exact, axis=1)
        left_out = np.linalg.norm(exact - steps * codes.scale, axis=1)
        if not (np.abs(steps).max(initial=0) <= CODE_MAX and (left_out <= codes.errors[here]).all()):
            raise codes._damaged(_CODES)
        if not (lengths <= codes.length).all():
            raise codes._damaged(_JSON)
        if not np.array_equal(row_checksums(stored[here]), codes.checksums[here]):
            raise codes._damaged(_CHECKSUMS)


def _make_root(root: Path, names: Set[str]) -> None:
    """Make the folder of the codes, and delete the codes in it of shards that are gone."""
    root.mkdir(parents=True, exist_ok=True)
    for path in root.iterdir():
        if is_of_engine(path) or (is_shard(path) and path.name not in names):
            drop_engine(path)


def _is_sound(index: Index, shard: Shard) -> bool:
    try:
        codes = open_codes(index, shard)
    except (IndexCorrupt, SearchError):
        return False
    return codes is not None and all(
        describe_file(codes.folder / name) == file for name, file in codes._entry.files.items()
    )


def _write(root: Path, shard: Shard) -> None:
    temporary, final = root / f".new-{shard.entry.name}", root / shard.entry.name
    drop_engine(temporary)
    drop_engine(final)
    temporary.mkdir()
    rows, views, dim = shard.shape
    largest = max((float(np.abs(block).max()) for _, block in blocks(shard)), default=0.0)
    scale = largest / CODE_MAX or 1.0
    errors, checksums = np.empty(rows * views, "<f4"), np.empty(rows * views, "<u8")
    length = 0.0
    stored = shard.embeddings()[0].reshape(rows * views, dim)
    with (temporary / _CODES).open("wb") as codes:  # not mapped: a full disk would kill the process
        facts = {"descr": "|u1", "fortran_order": False, "shape": (rows * views, dim)}
        np.lib.format.write_array_header_1_0(codes, facts)
        for first, block in blocks(shard):
            here = slice(first - shard.first * views, first - shard.first * views + len(block))
            steps = np.rint(block / np.float32(scale)).clip(-CODE_MAX, CODE_MAX)
            codes.write((steps + 128).astype(np.uint8).tobytes())
            left_out = block.astype(np.float64) - steps.astype(np.float64) * scale
            errors[here] = np.nextafter(
                np.linalg.norm(left_out, axis=1).astype(np.float32) * 1.000001, np.inf
            )
            length = max(length, float(np.linalg.norm(block.astype(np.float64), axis=1).max(initial=0)))
            checksums[here] = row_checksums(stored[here])
    np.save(temporary / _ERRORS, errors)
    np.save(temporary / _CHECKSUMS, checksums)
    files = {name: describe_file(temporary / name) for name in (_CODES, _ERRORS, _CHECKSUMS)}
    entry = _Entry(shard.entry.files[EMBEDDINGS].sha256, scale, length * 1.000001, files)
    (temporary / _JSON).write_text(seal(_FORMAT, asdict(entry)), encoding="utf-8")
    for path in temporary.iterdir():
        with path.open("rb+") as file:
            os.fsync(file.fileno())
    temporary.rename(final)
    sync_folder(root)


def row_checksums(stored: NDArray[Any]) -> NDArray[np.uint64]:
    """xxh3 of the bytes of each row, as they are stored."""
    import xxhash

    rows = np.ascontiguousarray(stored).view(np.uint8)
    return np.fromiter(map(xxhash.xxh3_64_intdigest, rows), np.uint64, len(rows))


def _read(folder: Path) -> _Entry | None:
    try:
        body = unseal((folder / _JSON).read_text(encoding="utf-8"), _FORMAT)
        if body is None:
            return None
        files = {name: FileEntry(**body["files"][name]) for name in (_CODES, _ERRORS, _CHECKSUMS)}
        entry = _Entry(**{**body, "files": files})
        if not (entry.scale > 0 and entry.length >= 0 and np.isfinite([entry.scale, entry.length]).all()):
            raise ValueError(f"scale {entry.scale}, length {entry.length}")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise SearchError(
            f"{folder / _JSON} is damaged ({error}): delete {folder.parent} (it is derived), or make it anew "
            "with 'pytest-replication engine INDEX int8'"
        ) from error
    return entry
