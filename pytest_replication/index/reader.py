"""An index, opened: checked in milliseconds, vectors memory-mapped, nothing written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_replication.embedders import Embedder, load_embedder
from pytest_replication.errors import EmbedderUnavailable, IndexMismatch, SettingsError, UnknownName
from pytest_replication.images.local import Features
from pytest_replication.index.calibration import Calibration
from pytest_replication.index.calibration_file import read_calibration
from pytest_replication.index.canaries import Canaries
from pytest_replication.index.canaries_file import read_canaries, require_none
from pytest_replication.index.checksums import check_file
from pytest_replication.index.contents import check_records
from pytest_replication.index.duplicates import Duplicates, read_duplicates
from pytest_replication.index.entries import ObjectsEntry, Pin
from pytest_replication.index.features import of_row
from pytest_replication.index.layout import SHARDS
from pytest_replication.index.manifest import FEATURES, PARTS, Manifest
from pytest_replication.index.mapped_shard import Shard
from pytest_replication.index.objects import require_objects
from pytest_replication.index.probe import check_probe
from pytest_replication.index.rejections import Rejections, count_rejections
from pytest_replication.index.removed import read_removed
from pytest_replication.index.shard import RECORDS, Record, read_records


class Index:
    """The index of a training set. Open one with `open_index`.

    An index owns its embedder: whatever is compared with it has to be embedded by `embedder`.

    Attributes:
        path: its folder.
        manifest: what it holds.
        shards: its shards, in the order of rows.
        label: what reports call it; empty for its folder.
        pinned: what is pinned of it, None for nothing. Nothing that vouches for itself counts then: 8-bit
            codes are not used, certificates of engines prove nothing, files are compared with their sha256.
    """

    def __init__(self, path: Path, manifest: Manifest, embedder: str | None, device: str) -> None:
        self.path = path
        self.manifest = manifest
        self._wanted, self._device = embedder, device
        self.label = ""
        self.pinned: Pin | None = None
        self.shards: list[Shard] = []
        first = 0
        for entry in manifest.shards:
            shape = (entry.rows, len(manifest.views), manifest.embedder.dim)
            folder = path / SHARDS / entry.name
            beside = (manifest.tokens, manifest.pixels, manifest.objects)
            self.shards.append(Shard(folder, entry, first, shape, manifest.dtype, *beside))
            first += entry.rows
        self._ends = np.array([shard.first + shard.entry.rows for shard in self.shards])

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

    def pin(self, pin: Pin) -> None:
        """Take nothing from it that its fingerprint does not vouch for, from now on."""
        self.pinned = pin
        self.shards = [replace(shard, pinned=True) for shard in self.shards]

    def records(self, rows: Sequence[int]) -> dict[int, Record]:
        """Look up training images by row number.

        Files are compared with their checksums, and of a pinned index what they hold with the manifest, too,
        which takes longer.

        Raises:
            IndexCorrupt: the records do not hold them, or, where the index is pinned, are about other images
                than the manifest.
        """
        found: dict[int, Record] = {}
        for shard in self.shards:
            here = [row for row in set(rows) if shard.first <= row < shard.first + shard.entry.rows]
            if here:
                if shard.pinned:
                    check_records(shard)
                else:
                    check_file(shard.folder / RECORDS, shard.checksum_of(RECORDS))
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
        for shard, places, numbers in self.homes(rows):
            check_file(shard.parts_path, shard.checksum_of(PARTS))
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
        for shard, places, numbers in self.homes(rows):
            check_file(shard.features_path, shard.checksum_of(FEATURES))
            stored = shard.features()[0]
            found |= {
                place: of_row(stored, number)
                for place, number in zip(places.tolist(), numbers.tolist(), strict=True)
            }
        return [found[place] for place in range(len(rows))]

    def homes(self, rows: NDArray[np.int64]) -> Iterator[tuple[Shard, NDArray[np.int64], NDArray[np.int64]]]:
        """Look up which shards hold some rows.

        Args:
            rows: (n,) stored rows, in any order; one may stand there more than once.

        Yields:
            A shard, the places among `rows` of those that it holds, and their numbers within it: each shard
            that holds some once, in the order of shards.

        Raises:
            SettingsError: the index does not store all of them.
        """
        if len(rows) and (rows.min() < 0 or rows.max() >= self.manifest.stored):
            raise SettingsError(f"{self.path} stores rows 0 to {self.manifest.stored - 1}, not all of {rows}")
        homes = np.searchsorted(self._ends, rows, side="right")  # a shard without rows is nobody's home
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
                self._wanted if self._wanted is not None else pinned.location,
                preset=pinned.preset,
                device=self._device,
                # An embedder that the user names is loaded as it is, so that both sides are told.
                weights_sha256=None if self._wanted is not None else pinned.weights_sha256,
                named=self._wanted is not None,
            )
        except (EmbedderUnavailable, UnknownName) as error:
            # A name that the index holds is no wrong usage.
            kind = type(error) if self._wanted is not None else EmbedderUnavailable
            raise kind(
                f"{self.path} needs its embedder {pinned.name} (weights sha256 "
                f"{str(pinned.weights_sha256)[:12]}…), which cannot be loaded: {error}"
            ) from error
