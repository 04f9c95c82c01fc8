"""An index, opened: checked in milliseconds, vectors memory-mapped, nothing written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_replication.embedders import Embedder, load_embedder
from pytest_replication.errors import (
    EmbedderUnavailable,
    IndexCorrupt,
    IndexIncomplete,
    IndexMismatch,
    SettingsError,
    UnknownName,
)
from pytest_replication.images.decode import DECODER
from pytest_replication.images.local import Features
from pytest_replication.index.calibration import Calibration, read_calibration
from pytest_replication.index.canaries import Canaries, read_canaries, require_none
from pytest_replication.index.checksums import check_file
from pytest_replication.index.duplicates import Duplicates, read_duplicates
from pytest_replication.index.features import STORED, count_in, of_row
from pytest_replication.index.layout import SHARDS
from pytest_replication.index.manifest import (
    FEATURES,
    PARTS,
    PIXELS,
    TOKENS,
    FileEntry,
    Manifest,
    ObjectsEntry,
    ShardEntry,
    read_manifest,
)
from pytest_replication.index.objects import require_objects
from pytest_replication.index.probe import NAME as PROBE
from pytest_replication.index.probe import check_probe
from pytest_replication.index.rejections import Rejections, count_rejections
from pytest_replication.index.removed import read_removed
from pytest_replication.index.shard import (
    BYTE,
    EMBEDDINGS,
    HALF,
    RECORDS,
    Record,
    files_of,
    map_embeddings,
    read_records,
)
from pytest_replication.index.unfinished import describe_unfinished, remake, restore
from pytest_replication.tidy import tidied


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
    """

    folder: Path
    entry: ShardEntry
    first: int
    shape: tuple[int, int, int]
    dtype: str
    token_shape: tuple[int, int] | None = None
    side: int | None = None
    objects: ObjectsEntry | None = None

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


class Index:
    """The index of a training set. Open one with `open_index`.

    An index owns its embedder: whatever is compared with it has to be embedded by `embedder`.

    Attributes:
        path: its folder.
        manifest: what it holds.
        shards: its shards, in the order of rows.
        label: what reports call it; empty for its folder.
    """

    def __init__(self, path: Path, manifest: Manifest, embedder: str | None, device: str) -> None:
        self.path = path
        self.manifest = manifest
        self._wanted, self._device = embedder, device
        self.label = ""
        self.shards: list[Shard] = []
        first = 0
        for entry in manifest.shards:
            shape = (entry.rows, len(manifest.views), manifest.embedder.dim)
            folder = path / SHARDS / entry.name
            beside = (manifest.tokens, manifest.pixels, manifest.objects)
            self.shards.append(Shard(folder, entry, first, shape, manifest.dtype, *beside))
            first += entry.rows

    def __repr__(self) -> str:
        return f"Index({str(self.path)!r}, rows={self.rows}, embedder={self.manifest.embedder.name!r})"

    def __len__(self) -> int:
        return self.rows

    @property
    def rows(self) -> int:
        """Training images that are searched: those that are stored and were not removed."""
        return self.manifest.rows

    @property
    def token_shape(self) -> tuple[int, int] | None:
        """Chunks of a view and length of a chunk; None where no tokens are stored."""
        return self.manifest.tokens

    @property
    def side(self) -> int | None:
        """Side of the squares of pixels; None where no pixels are stored."""
        return self.manifest.pixels

    @property
    def objects(self) -> ObjectsEntry | None:
        """Parts and local features that are stored; None where none are."""
        return self.manifest.objects

    @cached_property
    def removed(self) -> NDArray[np.int64]:
        """Sorted numbers of the stored rows that no search may return.

        Raises:
            IndexCorrupt: the list is not the one that was written.
        """
        return read_removed(self.path, self.manifest).rows

    @cached_property
    def duplicates(self) -> Duplicates | None:
        """How often training images stand in it; None if that was not counted, or counted again since.

        Raises:
            IndexCorrupt: the file is not the one that was written.
        """
        return read_duplicates(self.path, self.manifest)

    @cached_property
    def calibration(self) -> Calibration | None:
        """How high unseen images score against it; None if that was not measured, or before it changed.

        Raises:
            IndexCorrupt: the file is not the one that was written.
        """
        return read_calibration(self.path, self.manifest)

    @cached_property
    def canaries(self) -> Canaries | None:
        """Edited copies of training images that a gate has to find; None if none were planted.

        Raises:
            ControlFailed: the index has changed since they were planted.
            IndexCorrupt: the file is not the one that was written.
        """
        if self.manifest.canaries is None and self.calibration is not None:
            require_none(self.path, self.manifest, self.calibration.canaries)
        return read_canaries(self.path, self.manifest)

    @cached_property
    def embedder(self) -> Embedder:
        """The embedder of this index, loaded and proved on the probe images at first use.

        Raises:
            IndexMismatch: the embedder at hand is not the one that made the index.
            UnknownName: none has the name that was given when the index was opened.
            EmbedderUnavailable: it cannot be loaded.
        """
        embedder = self._load_embedder()
        differences = embedder.spec.differences(self.manifest.embedder)
        if differences:
            raise IndexMismatch(
                f"{self.path} was made with another embedder than the one at hand: "
                f"{'; '.join(differences)} (at hand against index); name the right one with "
                "--replication-embedder or --embedder, or build the index again"
            )
        check_probe(self.path, self.manifest.probe, embedder)
        return embedder

    def records(self, rows: Sequence[int]) -> dict[int, Record]:
        """Look up training images by row number.

        Raises:
            IndexCorrupt: the records do not hold them.
        """
        found: dict[int, Record] = {}
        for shard in self.shards:
            here = [row for row in set(rows) if shard.first <= row < shard.first + shard.entry.rows]
            if here:
                records = read_records(shard.folder / RECORDS, [row - shard.first for row in here])
                found |= {row + shard.first: record for row, record in records.items()}
        return found

    def parts_of(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Vectors of the parts of training images, from files that are compared with their checksums.

        Args:
            rows: (n,) stored rows, in any order.

        Returns:
            (n, parts, dim) of the dtype of the index, unit rows.

        Raises:
            SettingsError: the index stores none.
            IndexCorrupt: a file is not the one that was written.
        """
        parts = require_objects(self.path, self.objects).parts
        taken = np.empty((len(rows), len(parts), self.manifest.embedder.dim), self.manifest.dtype)
        for shard, places, numbers in self._homes(rows):
            check_file(shard.parts_path, shard.entry.files[PARTS])
            taken[places] = shard.parts()[0][numbers]
        return taken

    def features_of(self, rows: NDArray[np.int64]) -> list[Features]:
        """Local features of training images, from files that are compared with their checksums.

        Args:
            rows: (n,) stored rows, in any order.

        Returns:
            For each row (m,) of `images.local.FEATURE`, strongest first; m may be 0.

        Raises:
            SettingsError: the index stores none.
            IndexCorrupt: a file is not the one that was written.
        """
        require_objects(self.path, self.objects)
        found: dict[int, Features] = {}
        for shard, places, numbers in self._homes(rows):
            check_file(shard.features_path, shard.entry.files[FEATURES])
            stored = shard.features()[0]
            found |= {
                place: of_row(stored, number)
                for place, number in zip(places.tolist(), numbers.tolist(), strict=True)
            }
        return [found[place] for place in range(len(rows))]

    def _homes(self, rows: NDArray[np.int64]) -> Iterator[tuple[Shard, NDArray[np.int64], NDArray[np.int64]]]:
        """The shards that rows are in, with the places of these among them, and their numbers within it."""
        ends = np.array([shard.first + shard.entry.rows for shard in self.shards])
        if len(rows) and (rows.min() < 0 or rows.max() >= self.manifest.stored):
            raise SettingsError(f"{self.path} stores rows 0 to {self.manifest.stored - 1}, not all of {rows}")
        homes = np.searchsorted(ends, rows, side="right")  # a shard without rows is nobody's home
        for home in np.unique(homes):
            shard, here = self.shards[int(home)], np.flatnonzero(homes == home)
            yield shard, here, rows[here] - shard.first

    def rejected(self) -> Rejections:
        """Count the training images that could not be read when the index was built."""
        return count_rejections(self.path / SHARDS, self.manifest.shards)

    def _load_embedder(self) -> Embedder:
        pinned = self.manifest.embedder
        try:
            return load_embedder(
                self._wanted or pinned.location,
                preset=pinned.preset,
                device=self._device,
                # An embedder that the user names is loaded as it is, so that both sides are told.
                weights_sha256=None if self._wanted else pinned.weights_sha256,
            )
        except (EmbedderUnavailable, UnknownName) as error:
            # A name that the index holds is no wrong usage.
            kind = type(error) if self._wanted else EmbedderUnavailable
            raise kind(
                f"{self.path} needs its embedder {pinned.name} (weights sha256 "
                f"{str(pinned.weights_sha256)[:12]}…), which cannot be loaded: {error}"
            ) from error


def open_index(path: str | os.PathLike[str], *, embedder: str | None = None, device: str = "auto") -> Index:
    """Open an index for searching.

    Takes milliseconds: sizes and counts of all files are checked, vectors are neither read nor
    copied, and nothing is written.

    Args:
        path: folder of the index.
        embedder: where to load the index's embedder from, such as ``sscd:/path/weights.onnx``;
            None for the place that the manifest names. It must be the same embedder.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        IndexNotFound: there is no index.
        IndexIncomplete: its build has not finished.
        IndexCorrupt: files are missing or have another size, counts disagree, or it is empty. The files of
            its calibration and canaries are looked at when they are used.
        IndexVersionUnsupported: another format.
        IndexMismatch: its images were decoded in another way.
    """
    index = index_as_it_is(path, embedder=embedder, device=device)
    folder, manifest = index.path, index.manifest
    if not manifest.complete:
        raise IndexIncomplete(describe_unfinished(folder, manifest))
    if manifest.decoder != DECODER:
        raise IndexMismatch(
            f"the images of {folder} were decoded as {manifest.decoder!r}, this version decodes as "
            f"{DECODER!r}: install pytest-replication {manifest.writer}, or build it again with --overwrite"
        )
    check_counts(folder, manifest)
    _check_sizes(folder, manifest)
    return index


def index_as_it_is(
    path: str | os.PathLike[str], *, embedder: str | None = None, device: str = "auto"
) -> Index:
    """Open an index whose files may be missing or damaged: for `verify`, never for a search.

    Raises:
        IndexNotFound: there is no index.
        IndexCorrupt: its manifest is damaged.
        IndexVersionUnsupported: another format.
    """
    folder = Path(tidied(os.fspath(path)))
    return Index(folder, read_manifest(folder), embedder, device)


def check_counts(folder: Path, manifest: Manifest) -> None:
    """Refuse a complete index that does not account for every image that was listed, or has none.

    Raises:
        IndexCorrupt: so it is.
    """
    for number, source in enumerate(manifest.sources):
        shards = manifest.shards_of(number)
        found, rejected = sum(shard.listed for shard in shards), sum(shard.rejected for shard in shards)
        if found != source.listed or rejected > source.max_rejected:
            raise IndexCorrupt(
                f"{folder} lists {source.listed} images of {source.name} but accounts for {found}, "
                f"{rejected} of "
                f"them unreadable ({source.max_rejected} may be): build it again with --overwrite"
            )
    if manifest.rows == 0:
        raise IndexCorrupt(
            f"{folder} is empty: an index of nothing would pass any model; build it again with --overwrite"
        )


def _check_sizes(folder: Path, manifest: Manifest) -> None:
    alone = [(folder / PROBE, manifest.probe)]
    # Who reads these compares their checksums; `calibrate`, which replaces them, has to open the index.
    measured = (manifest.calibration, manifest.canaries)
    alone += [(folder / entry.name, entry.file) for entry in manifest.attachments if entry not in measured]
    _compare_sizes(alone, restore(folder, manifest))
    in_shards: list[tuple[Path, FileEntry]] = []
    for shard in manifest.shards:
        if set(shard.files) != set(files_of(manifest)):
            raise IndexCorrupt(f"{folder}: shard {shard.name} does not name its files; build it again")
        in_shards += [(folder / SHARDS / shard.name / name, entry) for name, entry in shard.files.items()]
    _compare_sizes(in_shards, remake(folder, manifest))


def _compare_sizes(expected: Iterable[tuple[Path, FileEntry]], remedy: str) -> None:
    for path, entry in expected:
        try:
            size = path.stat().st_size
        except OSError as error:
            raise IndexCorrupt(f"{path} is missing ({error.strerror}): {remedy}") from error
        if size != entry.bytes:
            raise IndexCorrupt(f"{path} has {size} bytes, expected {entry.bytes}: {remedy}")
