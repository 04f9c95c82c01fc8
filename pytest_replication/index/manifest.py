"""manifest.json: what an index holds, and the digests of every file of it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from pytest_replication.embedders import EmbedderSpec
from pytest_replication.errors import IndexCorrupt, IndexNotFound, IndexVersionUnsupported
from pytest_replication.images.views import View

FORMAT = 1
NAME = "manifest.json"
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
class ShardEntry:
    """One shard: a run of listed training images.

    Attributes:
        name: folder below ``shards/``.
        rows: images that were embedded.
        rejected: images that could not be read.
        listing: digest of the ids and sizes of all its listed images.
        files: entries by file name.
    """

    name: str
    rows: int
    rejected: int
    listing: str
    files: Mapping[str, FileEntry]


@dataclass(frozen=True, slots=True)
class Manifest:
    """The whole state of an index; replaced by one rename, never edited.

    Attributes:
        embedder: what every vector was made with, and every sample has to be.
        decoder: how images were decoded.
        views: the boxes of each image that were embedded, in the order of the vectors.
        dtype: of the stored vectors, ``<f4`` or ``<f2``.
        shard_rows: listed images a shard.
        listed: images that the source listed.
        source: where they came from.
        created: when the build began, ISO 8601, UTC.
        writer: version of this package.
        probe: the file of probe images.
        complete: the build has finished. An index that is not complete is never searched.
        max_rejected: unreadable images that the build was allowed to leave out.
        shards: entries in order.
    """

    embedder: EmbedderSpec
    decoder: str
    views: tuple[View, ...]
    dtype: str
    shard_rows: int
    listed: int
    source: str
    created: str
    writer: str
    probe: FileEntry
    complete: bool = False
    max_rejected: int = 0
    shards: tuple[ShardEntry, ...] = field(default=())

    @property
    def rows(self) -> int:
        """Training images that can be searched."""
        return sum(shard.rows for shard in self.shards)

    @property
    def rejected(self) -> int:
        """Training images that could not be read and are not in the index."""
        return sum(shard.rejected for shard in self.shards)

    @property
    def fingerprint(self) -> str:
        """Digest of all that can change a verdict: the same training set gives the same."""
        content = self._body()
        for volatile in ("created", "writer", "probe"):
            del content[volatile]
        for local in ("location", "preset"):
            del content["embedder"][local]
        return _digest(content)

    def with_shard(self, shard: ShardEntry) -> Self:
        """Append a shard."""
        return replace(self, shards=(*self.shards, shard))

    def to_json(self) -> str:
        """Serialise, with a digest of the content as the last key."""
        body = self._body()
        return json.dumps({**body, "sha256": _digest(body)}, indent=1) + "\n"

    def _body(self) -> dict[str, Any]:
        return {"format": FORMAT, **asdict(self)}


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
        raise IndexNotFound(
            f"there is no index at {folder} ({NAME} is missing): make one with "
            f"'pytest-replication build IMAGES --out {folder}'"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise IndexCorrupt(f"{path} cannot be read: {error}") from error
    return parse_manifest(text, path)


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
    temporary = folder / f".{NAME}.new"
    with temporary.open("w", encoding="utf-8") as file:
        file.write(manifest.to_json())
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, folder / NAME)
    sync_folder(folder)


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
    body["views"] = tuple(View(v["name"], tuple(v["box"])) for v in body["views"])
    body["shards"] = tuple(_shard(entry) for entry in body["shards"])
    manifest = Manifest(**body)
    if manifest.dtype not in DTYPES.values() or not manifest.views:
        raise ValueError(f"dtype {manifest.dtype}, {len(manifest.views)} views")
    return manifest


def _shard(entry: dict[str, Any]) -> ShardEntry:
    files = {name: FileEntry(**values) for name, values in entry.pop("files").items()}
    return ShardEntry(**entry, files=files)


def _digest(body: Mapping[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
