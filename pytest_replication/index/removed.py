"""Training images that were taken out of an index: masked in every search, and not to come back."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import IndexCorrupt, SettingsError
from pytest_replication.index.entries import Attachment
from pytest_replication.index.manifest import Manifest, now
from pytest_replication.index.selection import Selection, StoredImage, count_copies, find_images
from pytest_replication.index.shard import describe_file, read_columns
from pytest_replication.index.writer import IndexWriter


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed from an index.

    Attributes:
        rows: sorted numbers of the stored rows that are masked.
        sha256: digests of the images, also of those that `compact` has deleted since.
    """

    rows: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    sha256: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RemovedEntry:
    """One removed image.

    Attributes:
        row: its stored row, None once `compact` has deleted that.
        sha256: digest of its file, None where only its vector was imported.
        removed: when, ISO 8601, UTC.
    """

    row: int | None
    sha256: str | None
    removed: str

    def moved(self, by: int) -> Self:
        """The same image in an index where its row has a higher number."""
        return replace(self, row=None if self.row is None else self.row + by)


@dataclass(frozen=True, slots=True)
class RemoveReport:
    """What `remove_images` did.

    Attributes:
        removed: images that are masked now and were not before.
        already: images that were named and had been removed before.
        rows: images that are left.
        copies: those of them whose file is byte for byte that of an image named by its id or uri.
    """

    removed: int
    already: int
    rows: int
    copies: int = 0


def remove_images(
    index: str | os.PathLike[str],
    *,
    ids: Sequence[str] = (),
    sha256: Sequence[str] = (),
    source: int | str | None = None,
    all_sources: bool = False,
) -> RemoveReport:
    """Take training images out of an index, such as those of people who opted out.

    They are masked in every search from then on, and `append` leaves out every file with the sha256
    of one of them; `compact` deletes their vectors and records. Every verdict says how many were
    removed.

    Args:
        index: folder of the index.
        ids: ids or uris of images. Ids are unique within a source only.
        sha256: digests of image files; every copy goes.
        source: number or name of the source that all of this is about, None for any.
        all_sources: an id that stands in several sources, or for several images of one, means all of
            these images.

    Raises:
        SettingsError: nothing was named, or an image that is not in the index, or an id that stands
            in several sources or for several images (then none is removed), or nothing would be left.
        IndexUnavailable: there is no complete index, it is damaged, or another process writes it.
    """
    digests = frozenset(digest.lower() for digest in sha256)
    wanted = Selection(frozenset(ids), digests, source, all_sources)
    folder = Path(index)
    with IndexWriter(folder) as writer:
        manifest = writer.edit()
        before = read_removed(folder, manifest)
        found = find_images(folder, manifest, wanted)
        new = [found[row] for row in sorted(found.keys() - set(before.rows.tolist()))]
        left = manifest.rows - len(new)
        if left == 0:
            raise SettingsError(
                f"no image would be left in {folder}: an index of nothing would pass any model; delete the "
                "folder"
            )
        copies = count_copies(folder, manifest, found, before.rows) if ids else 0
        if new:
            _commit(writer, folder, new)
    return RemoveReport(len(new), len(found) - len(new), left, copies)


def read_removed(folder: Path, manifest: Manifest) -> Removed:
    """Read what was removed from an index.

    Raises:
        IndexCorrupt: the file is not the one that was written.
    """
    if manifest.removed is None:
        return Removed()
    entries = removed_entries(folder, manifest)
    rows = np.array(sorted({entry.row for entry in entries if entry.row is not None}), np.int64)
    inside = len(rows) == 0 or (rows[0] >= 0 and rows[-1] < manifest.stored)
    if len(rows) != manifest.hidden or not inside:
        raise IndexCorrupt(
            f"{folder / manifest.removed.name} masks {len(rows)} rows, expected {manifest.hidden}: restore it"
        )
    return Removed(rows, frozenset(entry.sha256 for entry in entries if entry.sha256))


def removed_entries(folder: Path, manifest: Manifest) -> list[RemovedEntry]:
    """Read the list of removed images.

    Raises:
        IndexCorrupt: the file is not the one that was written.
    """
    if manifest.removed is None:
        return []
    path = folder / manifest.removed.name
    try:
        found = describe_file(path)
    except OSError as error:
        raise IndexCorrupt(f"{path} cannot be read ({error.strerror}): restore it") from error
    if found != manifest.removed.file:
        raise IndexCorrupt(
            f"{path} has changed since it was written (its checksum differs): restore it, or build the index "
            "again with --overwrite"
        )
    entries = [
        RemovedEntry(*values)
        for values in islice(read_columns(path, ("row", "sha256", "removed")), manifest.removed.rows + 1)
    ]
    if len(entries) != manifest.removed.rows:
        raise IndexCorrupt(f"{path} does not list {manifest.removed.rows} images: restore it")
    # The fingerprint is about the content in the manifest, not about the file.
    if manifest.removed.content not in ("", _content_of(entries)):
        raise IndexCorrupt(f"{path} lists other images than the manifest says: restore it")
    return entries


def attach_removed(writer: IndexWriter, entries: Sequence[RemovedEntry]) -> Attachment | None:
    """Write a list of removed images beside the shards; `commit` has to name it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not entries:
        return None
    schema = pa.schema([("row", pa.int64()), ("sha256", pa.string()), ("removed", pa.string())])
    columns = {name: [getattr(entry, name) for entry in entries] for name in schema.names}
    content = io.BytesIO()
    pq.write_table(pa.Table.from_pydict(columns, schema=schema), content)
    attachment = writer.attach("removed", ".parquet", content.getvalue(), len(entries))
    return replace(attachment, content=_content_of(entries))


def _content_of(entries: Sequence[RemovedEntry]) -> str:
    """Digest of what was removed, whenever and in whatever order that was."""
    what = sorted(f"{'' if entry.row is None else entry.row} {entry.sha256 or ''}" for entry in entries)
    return hashlib.sha256("\n".join(what).encode()).hexdigest()


def _commit(writer: IndexWriter, folder: Path, new: Sequence[StoredImage]) -> None:
    when, manifest = now(), writer.manifest
    entries = removed_entries(folder, manifest)
    entries += [RemovedEntry(image.row, image.sha256, when) for image in new]
    hidden = len({entry.row for entry in entries if entry.row is not None})
    attachment = attach_removed(writer, entries)
    writer.commit(replace(manifest, removed=attachment, hidden=hidden, duplicates=None))
