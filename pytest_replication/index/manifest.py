"""manifest.json: what an index holds, and the digests of every file of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Self

from pytest_replication.embedders import EmbedderSpec
from pytest_replication.images.views import View
from pytest_replication.index.entries import Attachment, FileEntry, ObjectsEntry, ShardEntry, SourceEntry
from pytest_replication.sealed import digest, seal

VECTORS = "embeddings.npy"
TOKENS = "tokens.npy"
PIXELS = "pixels.npy"
PARTS = "parts.npy"
FEATURES = "features.npy"
NAMING = ("records.parquet", "rejected.parquet")
"""Files of a shard that hold names and places of images."""
FORMAT = 2
ATTACHED = ("removed", "duplicates", "calibration", "canaries")
"""Files beside the shards that a manifest may name."""
NAME = "manifest.json"
MIN_SIDE, MAX_SIDE = 8, 512
"""Sides of stored pixels."""
DTYPES = {"float32": "<f4", "float16": "<f2"}


@dataclass(frozen=True, slots=True)
class Manifest:
    """The whole state of an index; replaced by one rename, never edited.

    Attributes:
        embedder: what every vector was made with, and every sample has to be.
        decoder: how images were decoded.
        views: the boxes of each image that were embedded, in the order of the vectors.
        dtype: of the stored vectors, ``<f4`` or ``<f2``.
        shard_rows: listed images a shard.
        created: when the first build began, ISO 8601, UTC.
        writer: version of this package.
        probe: the file of probe images.
        sources: where the images came from, in the order in which they were added.
        complete: the build, or what was added last, has finished. An index that is not complete
            is never searched.
        thumbnails: longest side of the small pictures in the records, 0 for none.
        shards: entries in the order of their rows.
        removed: rows that are masked in every search, and images that must not come back.
        hidden: number of stored rows that are masked.
        duplicates: how often each training image stands in the index, where that was counted.
        tokens: chunks of a view and length of a chunk, where tokens are stored beside the vectors.
        pixels: side of the squares of pixels that are stored beside the vectors, where they are.
        objects: parts and local features that are stored beside the vectors, where they are.
        calibration: how high real images score that the model never saw, where that was measured.
        canaries: edited copies of training images that a gate has to find, where there are some.
    """

    embedder: EmbedderSpec
    decoder: str
    views: tuple[View, ...]
    dtype: str
    shard_rows: int
    created: str
    writer: str
    probe: FileEntry
    sources: tuple[SourceEntry, ...]
    complete: bool = False
    thumbnails: int = 0
    shards: tuple[ShardEntry, ...] = field(default=())
    removed: Attachment | None = None
    hidden: int = 0
    duplicates: Attachment | None = None
    tokens: tuple[int, int] | None = None
    pixels: int | None = None
    calibration: Attachment | None = None
    canaries: Attachment | None = None
    objects: ObjectsEntry | None = None

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """Files beside the shards."""
        found = (getattr(self, name) for name in ATTACHED)
        return tuple(entry for entry in found if entry is not None)

    @property
    def stored(self) -> int:
        """Rows that are stored, those that are masked included."""
        return sum(shard.rows for shard in self.shards)

    @property
    def rows(self) -> int:
        """Training images that are searched."""
        return self.stored - self.hidden

    @property
    def rejected(self) -> int:
        """Training images that could not be read and are not in the index."""
        return sum(shard.rejected for shard in self.shards)

    @property
    def opted_out(self) -> int:
        """Training images that were removed and are not searched."""
        return self.hidden + sum(shard.dropped for shard in self.shards)

    @property
    def listed(self) -> int:
        """Training images that all sources listed, as far as they were read."""
        return sum(shard.listed for shard in self.shards)

    @property
    def unproved(self) -> bool:
        """Whether vectors are in it whose embedder is only declared."""
        return any(source.unproved for source in self.sources)

    @property
    def fingerprint(self) -> str:
        """Digest of all that can change a verdict: the same training set gives the same, wherever it lies.

        Vectors, images (by sha256, caption and label), masked rows and how all was made are in it; names,
        places, times and pictures for reports are not. Where a shard has no `ShardEntry.content`, they are.
        """
        content = self._body()
        for volatile in ("created", "writer", "probe", "duplicates", "calibration", "canaries"):
            content.pop(volatile, None)
        for local in ("location", "preset"):
            del content["embedder"][local]
        for source in content["sources"]:
            del source["added"]
        if all(shard.content for shard in self.shards):
            _leave_out_places(content)
        return digest({"format": FORMAT, **content})

    @property
    def generation(self) -> str:
        """Digest of the rows that are searched: what is derived from them holds for no others."""
        vectors = [(shard.name, shard.rows, shard.files[VECTORS].sha256) for shard in self.shards]
        removed = self.removed.file.sha256 if self.removed else ""
        return digest({"vectors": vectors, "removed": removed})

    def shards_of(self, source: int) -> tuple[ShardEntry, ...]:
        """Shards of one source."""
        return tuple(shard for shard in self.shards if shard.source == source)

    def with_shard(self, shard: ShardEntry) -> Self:
        """Append a shard."""
        return replace(self, shards=(*self.shards, shard))

    def to_json(self) -> str:
        """Serialise, with a digest of the content as the last key."""
        return seal(FORMAT, self._body())

    def _body(self) -> dict[str, Any]:
        body = asdict(self)
        for later in ("tokens", "pixels", "calibration", "canaries", "objects"):
            if body[later] is None:  # manifests without them are as they were before there were any
                del body[later]
        for entry in (*body["shards"], *(body.get(name) or {} for name in ATTACHED)):
            if entry.get("content") == "":  # so it is here
                del entry["content"]
        return body


def now() -> str:
    """The time, ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _leave_out_places(content: dict[str, Any]) -> None:
    """Take out of the body of a manifest what depends on where and when its images were read."""
    for source in content["sources"]:
        del source["name"]
    for shard in content["shards"]:
        for local in ("name", "listing"):
            del shard[local]
        for named in NAMING:
            shard["files"].pop(named, None)
    if (removed := content["removed"]) and "content" in removed:
        content["removed"] = {"rows": removed["rows"], "content": removed["content"]}
