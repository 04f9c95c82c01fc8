"""Read and write manifest.json."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pytest_replication.durable import replace_file
from pytest_replication.embedders import EmbedderSpec
from pytest_replication.errors import IndexCorrupt, IndexNotFound, IndexVersionUnsupported
from pytest_replication.images.views import View
from pytest_replication.index.entries import Attachment, FileEntry, ObjectsEntry, ShardEntry, SourceEntry
from pytest_replication.index.manifest import ATTACHED, DTYPES, FORMAT, MAX_SIDE, MIN_SIDE, NAME, Manifest
from pytest_replication.sealed import digest

_PLAIN_NAME = re.compile(r"\w[\w.-]*", re.ASCII)


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
    rebuild = (
        "restore the index from a copy, or build it again with its options and embedder: "
        f"'pytest-replication build IMAGES --out {path.parent} --overwrite ...'"
    )
    try:
        body = json.loads(text)
        if not isinstance(body, dict) or "format" not in body:
            raise IndexCorrupt(f"{path} is not the manifest of an index: {rebuild}")
        if body["format"] != FORMAT:
            raise IndexVersionUnsupported(
                f"{path} is in format {body['format']}, this version reads format {FORMAT}: install "
                f"the version of pytest-replication that wrote it ({body.get('writer')}), or {rebuild}"
            )
        written = body.pop("sha256", None)
        if written != digest(body):
            raise IndexCorrupt(f"{path} has changed since it was written (its digest differs): {rebuild}")
        del body["format"]
        return _from_body(body)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise IndexCorrupt(f"{path} is damaged ({error}): {rebuild}") from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest by one rename, after its bytes are on disk."""
    replace_file(folder / NAME, manifest.to_json().encode())


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
