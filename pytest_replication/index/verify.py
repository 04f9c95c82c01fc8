"""Check every byte of an index against its manifest."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import IndexCorrupt
from pytest_replication.index.contents import content_fault
from pytest_replication.index.features import fault_of
from pytest_replication.index.manifest import TOKENS, Manifest
from pytest_replication.index.mapped_shard import Shard
from pytest_replication.index.opening import check_counts, index_as_it_is
from pytest_replication.index.probe import NAME as PROBE
from pytest_replication.index.reader import Index
from pytest_replication.index.shard import describe_file
from pytest_replication.index.unfinished import describe_unfinished

_BLOCK = 16384
_TOKEN_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What `verify_index` found.

    Attributes:
        files: files whose digest was compared.
        bytes: their total size.
        faults: one sentence for each fault; empty for a sound index.
        unfinished: what has not finished and how it goes on; empty for an index that is complete.
    """

    files: int
    bytes: int
    faults: list[str] = field(default_factory=list)
    unfinished: str = ""

    @property
    def sound(self) -> bool:
        """Whether there is no fault, and nothing is missing yet."""
        return not self.faults and not self.unfinished


def verify_files(index: str | os.PathLike[str], *, progress: bool = True) -> VerifyReport:
    """Compare every file with its sha256, and check lengths of vectors and numbers of records.

    Args:
        index: folder of the index, which may be damaged or not finished.
        progress: show a progress bar when standard error is a terminal.

    Raises:
        IndexNotFound: there is no index.
        IndexCorrupt: its manifest is damaged.
        IndexVersionUnsupported: it was written in another format.
    """
    from tqdm import tqdm

    opened = index_as_it_is(index)
    files = size = 0
    faults: list[str] = []
    expected = [(opened.path / PROBE, opened.manifest.probe)]
    expected += [(opened.path / entry.name, entry.file) for entry in opened.manifest.attachments]
    for shard in opened.shards:
        expected += [(shard.folder / name, entry) for name, entry in shard.entry.files.items()]
    for path, entry in tqdm(expected, unit="file", disable=None if progress else True):
        files += 1
        size += entry.bytes
        fault = _compare(path, entry.sha256)
        if fault:
            faults.append(fault)
    if not faults:  # the content of a changed file says nothing
        faults = [fault for shard in opened.shards for fault in _check_content(shard)]
        faults += _check_removed(opened)
    manifest = opened.manifest
    if manifest.complete:
        faults += _check_counts(opened.path, manifest)
    unfinished = "" if manifest.complete else describe_unfinished(opened.path, manifest)
    return VerifyReport(files, size, faults, unfinished)


def _compare(path: Path, sha256: str) -> str | None:
    try:
        found = describe_file(path).sha256
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    return (
        None if found == sha256 else f"{path} has changed: sha256 is {found[:12]}…, expected {sha256[:12]}…"
    )


def _check_counts(folder: Path, manifest: Manifest) -> list[str]:
    try:
        check_counts(folder, manifest)
    except IndexCorrupt as error:
        return [str(error)]
    return []


def _check_removed(index: Index) -> list[str]:
    try:
        _ = index.removed
    except IndexCorrupt as error:
        return [str(error)]
    return []


def _check_content(shard: Shard) -> list[str]:
    try:
        vectors, _ = shard.embeddings()
        fault = content_fault(shard)
    except IndexCorrupt as error:
        return [str(error)]
    faults = [fault] if fault else []
    faults += _check_lengths(vectors, shard.embeddings_path)
    return faults + _check_tokens(shard) + _check_pixels(shard) + _check_objects(shard)


def _check_lengths(vectors: NDArray[Any], path: Path) -> list[str]:
    for start in range(0, len(vectors), _BLOCK):
        block = np.asarray(vectors[start : start + _BLOCK], dtype=np.float32)
        if not (np.abs(np.linalg.norm(block, axis=-1) - 1) < 1e-3).all():
            return [f"{path} holds vectors that are not of unit length"]
    return []


def _check_objects(shard: Shard) -> list[str]:
    if shard.objects is None:
        return []
    try:
        parts, features = shard.parts()[0], shard.features()[0]
    except IndexCorrupt as error:
        return [str(error)]
    fault = fault_of(features, shard.entry.rows, shard.objects.features)
    faults = [f"{shard.features_path} holds {fault}"] if fault else []
    return _check_lengths(parts, shard.parts_path) + faults


def _check_tokens(shard: Shard) -> list[str]:
    if shard.token_shape is None:
        return []
    try:
        tokens = shard.tokens()
    except IndexCorrupt as error:
        return [str(error)]
    step = max(1, _TOKEN_BYTES // (tokens[:1].nbytes or 1))
    if all(np.isfinite(tokens[start : start + step]).all() for start in range(0, len(tokens), step)):
        return []
    return [f"{shard.folder / TOKENS} holds tokens that are not finite"]


def _check_pixels(shard: Shard) -> list[str]:
    """Every byte is a pixel: there is nothing to look at but their number."""
    try:
        if shard.side is not None:
            shard.pixels()
    except IndexCorrupt as error:
        return [str(error)]
    return []
