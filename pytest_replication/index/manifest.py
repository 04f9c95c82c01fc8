"""manifest.json: what an index holds, and the digests of every file of it."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from pytest_replication.embedders import EmbedderSpec
from pytest_replication.errors import IndexCorrupt, IndexNotFound, IndexVersionUnsupported
from pytest_replication.images.views import View

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
_PLAIN_NAME = re.compile(r"\w[\w.-]*", re.ASCII)
DTYPES = {"float32": "<f4", "float16": "<f2"}


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
        return _digest(content)

    @property
    def generation(self) -> str:
        """Digest of the rows that are searched: what is derived from them holds for no others."""
        vectors = [(shard.name, shard.rows, shard.files[VECTORS].sha256) for shard in self.shards]
        removed = self.removed.file.sha256 if self.removed else ""
        return _digest({"vectors": vectors, "removed": removed})

    def shards_of(self, source: int) -> tuple[ShardEntry, ...]:
        """Shards of one source."""
        return tuple(shard for shard in self.shards if shard.source == source)

    def with_shard(self, shard: ShardEntry) -> Self:
        """Append a shard."""
        return replace(self, shards=(*self.shards, shard))

    def to_json(self) -> str:
        """Serialise, with a digest of the content as the last key."""
        body = self._body()
        return json.dumps({**body, "sha256": _digest(body)}, indent=1) + "\n"

    def _body(self) -> dict[str, Any]:
        body = {"format": FORMAT, **asdict(self)}
        for later in ("tokens", "pixels", "calibration", "canaries", "objects"):
            if body[later] is None:  # manifests without them are as they were before there were any
                del body[later]
        for entry in (*body["shards"], *(body.get(name) or {} for name in ATTACHED)):
            if entry.get("content") == "":  # so it is here
                del entry["content"]
        return body


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of an index folder.

    Raises:
        IndexNotFound: there is none.
        IndexVersionUnsupported: another format.
        IndexCorrupt: damaged.
    """
    path = folder / NAME
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        if any((folder / "shards").glob("[0-9]*")):
            raise IndexCorrupt(
                f"{path} is missing although there are shards beside it: the index is being replaced or was "
                "copied in part; restore it, or build it again with --overwrite"
            ) from error
        raise IndexNotFound(_missing(folder)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise IndexCorrupt(f"{path} cannot be read: {error}") from error
    return parse_manifest(text, path)


def _missing(folder: Path) -> str:
    """What to do where there is no index: not to build one into what is something else."""
    name = "name the folder that 'build' made (INDEX comes before SAMPLES)"
    if folder.is_file():
        return f"there is no index at {folder}, which is a file: {name}"
    try:
        other = next(folder.iterdir(), None)
    except OSError:  # it is not there
        other = None
    if other is not None:
        found = f"but other things, such as {other.name}"
        return f"there is no index at {folder} ({NAME} is missing), {found}: {name}"
    return (
        f"there is no index at {folder} ({NAME} is missing): make one with "
        f"'pytest-replication build IMAGES --out {folder}'"
    )


def parse_manifest(text: str, path: Path) -> Manifest:
    """Parse the text of a manifest; `path` is for messages. Raises as `read_manifest`."""
    rebuild = f"build the index again: 'pytest-replication build IMAGES --out {path.parent} --overwrite'"
    try:
        body = json.loads(text)
        if not isinstance(body, dict) or "format" not in body:
            raise IndexCorrupt(f"{path} is not the manifest of an index: {rebuild}")
        if body["format"] != FORMAT:
            raise IndexVersionUnsupported(
                f"{path} is in format {body['format']}, this version reads format {FORMAT}: install "
                f"the version of pytest-replication that wrote it ({body.get('writer')}), or {rebuild}"
            )
        digest = body.pop("sha256", None)
        if digest != _digest(body):
            raise IndexCorrupt(f"{path} has changed since it was written (its digest differs): {rebuild}")
        del body["format"]
        return _from_body(body)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise IndexCorrupt(f"{path} is damaged ({error}): {rebuild}") from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest by one rename, after its bytes are on disk."""
    replace_file(folder / NAME, manifest.to_json().encode())


def replace_file(path: Path, content: bytes) -> None:
    """Write a file by one rename, after its bytes are on disk."""
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    sync_folder(path.parent)


def now() -> str:
    """The time, ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def sync_folder(folder: Path) -> None:
    """Make a rename inside a folder durable, where the system can."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _from_body(body: dict[str, Any]) -> Manifest:
    body["embedder"] = EmbedderSpec(**body["embedder"])
    body["probe"] = FileEntry(**body["probe"])
    body["views"] = _views(body["views"])
    body["sources"] = tuple(SourceEntry(**entry) for entry in body["sources"])
    body["shards"] = tuple(_shard(entry) for entry in body["shards"])
    for name in ATTACHED:
        if body.get(name) is not None:
            body[name] = Attachment(**{**body[name], "file": FileEntry(**body[name]["file"])})
    if (tokens := body.get("tokens")) is not None:
        chunks, length = body["tokens"] = tuple(tokens)
        if not (type(chunks) is type(length) is int and min(chunks, length) >= 1):
            raise ValueError(f"tokens {tokens}")
    if (side := body.get("pixels")) is not None and not (type(side) is int and MIN_SIDE <= side <= MAX_SIDE):
        raise ValueError(f"pixels {side}")
    if body.get("objects") is not None:
        body["objects"] = _objects(body["objects"])
    manifest = Manifest(**body)
    if manifest.dtype not in DTYPES.values() or not manifest.views:
        raise ValueError(f"dtype {manifest.dtype}, {len(manifest.views)} views")
    if any(not 0 <= shard.source < len(manifest.sources) for shard in manifest.shards):
        raise ValueError("a shard belongs to no source")
    attached = (entry.name for entry in manifest.attachments)
    for name in (*attached, *(shard.name for shard in manifest.shards)):
        if not _PLAIN_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a file of an index")
    return manifest


def _views(entries: list[dict[str, Any]]) -> tuple[View, ...]:
    return tuple(View(entry["name"], tuple(entry["box"])) for entry in entries)


def _objects(values: dict[str, Any]) -> ObjectsEntry:
    entry = ObjectsEntry(**{**values, "parts": _views(values["parts"])})
    named = all(type(text) is str and text for text in (entry.grid, entry.detector))
    boxes = all(_inside(*part.box) for part in entry.parts)
    counted = type(entry.features) is int and entry.features >= 1
    if not (named and (entry.parts or entry.grid == "whole") and boxes and counted):
        raise ValueError(f"objects {values}")
    return entry


def _inside(left: float, top: float, right: float, bottom: float) -> bool:
    return 0 <= left < right <= 1 and 0 <= top < bottom <= 1


def _shard(entry: dict[str, Any]) -> ShardEntry:
    files = {name: FileEntry(**values) for name, values in entry.pop("files").items()}
    return ShardEntry(**entry, files=files)


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


def _digest(body: Mapping[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
