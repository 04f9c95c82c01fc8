"""Entries of a manifest: files, sources, shards, what is attached, what is stored of parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_replication.images.views import View


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of the index.

    Attributes:
        bytes: its size, checked whenever the index is opened.
        sha256: checked by ``pytest-replication verify``.
        xxh3: fast checksum, 16 hex digits; every search checks it on the vectors that it reads.
    """

    bytes: int
    sha256: str
    xxh3: str


@dataclass(frozen=True, slots=True)
class SourceEntry:
    """Where some of the training images came from.

    Attributes:
        name: what the source calls itself.
        listed: images that it lists; None while that is not known yet.
        max_rejected: unreadable images that may be left out.
        added: when it was added, ISO 8601, UTC.
        imported: its vectors were made elsewhere; the embedder is declared by the user.
        proved: images of an import that were embedded again and agreed; 0 for none, so that
            nothing vouches for the declared embedder.
        lowest: lowest cosine between the imported and the new vector of these images.
    """

    name: str
    listed: int | None
    max_rejected: int = 0
    added: str = ""
    imported: bool = False
    proved: int = 0
    lowest: float | None = None

    @property
    def unproved(self) -> bool:
        """Whether nothing but the user's word says which embedder made the vectors."""
        return self.imported and self.proved == 0


@dataclass(frozen=True, slots=True)
class ShardEntry:
    """One shard: a run of listed training images of one source.

    Attributes:
        name: folder below ``shards/``.
        rows: images that were embedded.
        rejected: images that could not be read.
        listing: digest of the ids and sizes of all its listed images.
        files: entries by file name.
        source: number of its source.
        dropped: listed images that are gone because they were removed from the index.
        content: digest of its images (`index.shard.content_of`), the same wherever they lay; empty in
            indexes of before there was one.
    """

    name: str
    rows: int
    rejected: int
    listing: str
    files: Mapping[str, FileEntry]
    source: int = 0
    dropped: int = 0
    content: str = ""

    @property
    def listed(self) -> int:
        """Images that were listed for it, whatever became of them."""
        return self.rows + self.rejected + self.dropped


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file beside the shards that the manifest names; its content is in its name.

    Attributes:
        name: of the file in the folder of the index.
        rows: entries in it.
        file: size and checksums.
        of: `Manifest.generation` that it was made for, empty where it holds for any.
        threshold: for duplicates, the score from which on two images are.
        clusters: for duplicates, groups of them.
        content: for what was removed, digest of rows and images, the same whenever that was; empty as
            for shards.
    """

    name: str
    rows: int
    file: FileEntry
    of: str = ""
    threshold: float | None = None
    clusters: int = 0
    content: str = ""


@dataclass(frozen=True, slots=True)
class Pin:
    """What somebody expects of an index that is open, and was found (`index.fingerprint`).

    Attributes:
        source: where that was set, for people.
        measured: whether it covers calibration and canaries, too.
    """

    source: str
    measured: bool


@dataclass(frozen=True, slots=True)
class ObjectsEntry:
    """What is stored of each training image so that copies of a part of it are found.

    Attributes:
        grid: name of the grid of parts (`images.parts`).
        parts: its boxes, in the order of their vectors.
        features: local features an image, at most.
        detector: what found them and how (`images.local.DETECTOR`).
    """

    grid: str
    parts: tuple[View, ...]
    features: int
    detector: str
