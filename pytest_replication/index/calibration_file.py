"""A calibration as it is stored beside the shards: a JSON file, which the manifest names."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_replication.choices import EXACT
from pytest_replication.errors import CalibrationError, IndexCorrupt
from pytest_replication.index.calibration import (
    GROUPINGS,
    HOLDOUT,
    MOST_SCORES,
    TRAINING,
    Calibration,
    Copy,
    Found,
    HalvesControl,
    embedder_of,
    is_stale,
)
from pytest_replication.index.canaries import Canaries
from pytest_replication.index.canaries_file import attach_canaries
from pytest_replication.index.manifest import Manifest
from pytest_replication.index.object_calibration import parse_objects
from pytest_replication.index.shard import describe_file
from pytest_replication.index.writer import IndexWriter
from pytest_replication.strict_json import no_constant

if TYPE_CHECKING:
    from pytest_replication.index.reader import Index

FORMAT = 1

_MOST_BYTES = 64 << 20


def store_calibration(index: Index, found: Calibration, canaries: Canaries | None = None) -> Calibration:
    """Put the calibration of an index and its canaries beside the shards, by one rename.

    Args:
        index: the index as it was opened to calibrate it.
        found: its calibration.
        canaries: what was planted with it; those of an earlier one go in any case.

    Returns:
        What was stored: it says how many canaries there are.

    Raises:
        IndexCorrupt: the index has changed since.
        IndexUnavailable: it is not there, not complete, or being written.
    """
    generation = index.manifest.generation
    found = replace(found, canaries=None if canaries is None else len(canaries.kept))
    with IndexWriter(index.path) as writer:
        manifest = writer.edit()
        if manifest.generation != generation:
            raise IndexCorrupt(f"{index.path} has changed while it was calibrated: calibrate it again")
        entry = writer.attach("calibration", ".json", _to_json(found), len(found))
        entry = replace(entry, of=generation, threshold=found.threshold, clusters=len(found.names))
        planted = None if canaries is None else attach_canaries(writer, canaries, generation)
        writer.commit(replace(manifest, calibration=entry, canaries=planted))
    return found


def drop_calibration(path: Path) -> bool:
    """Take the calibration and its canaries out of an index; returns whether there were any.

    Raises:
        IndexUnavailable: it is not there, not complete, or being written.
    """
    with IndexWriter(path) as writer:
        manifest = writer.edit()
        there = manifest.calibration is not None or manifest.canaries is not None
        if there:
            writer.commit(replace(manifest, calibration=None, canaries=None))
    return there


def read_calibration(folder: Path, manifest: Manifest) -> Calibration | None:
    """Read the calibration of an index; None if it has none, or one from before it changed.

    Raises:
        IndexCorrupt: the file is not the one that was written.
    """
    entry = manifest.calibration
    if entry is None or is_stale(manifest):
        return None
    path = folder / entry.name
    try:
        if entry.file.bytes > _MOST_BYTES:
            raise ValueError(f"it has {entry.file.bytes} bytes, more than a calibration may have")
        if describe_file(path) != entry.file:
            raise ValueError("its checksum differs")
        found = _from_json(path.read_text(encoding="utf-8"))
        if (len(found), found.threshold) != (entry.rows, entry.threshold):
            raise ValueError("it holds another number of scores or another threshold than its manifest says")
        if found.embedder != embedder_of(manifest):
            raise ValueError(f"it was made with {found.embedder[0]}, the index with {manifest.embedder.name}")
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise IndexCorrupt(
            f"{path} is damaged, or was replaced while the index was open ({error}): open the index again; "
            f"if it stays so, calibrate again, or drop it with 'pytest-replication calibrate {folder} --drop'"
        ) from error
    return found


def _to_json(found: Calibration) -> bytes:
    values = {"scores": found.scores.tolist(), "group_of": found.group_of.tolist()}
    body = {"format": FORMAT, **asdict(replace(found, scores=np.empty(0), group_of=np.empty(0, np.int64)))}
    content = json.dumps({**body, **values}, allow_nan=False).encode()
    if len(content) > _MOST_BYTES:
        raise CalibrationError(
            f"the calibration has {len(found)} scores in {len(found.names)} groups, which is more than can "
            "be stored: give fewer images, or no --by"
        )
    return content


def _from_json(text: str) -> Calibration:
    body = json.loads(text, parse_constant=no_constant)
    if not isinstance(body, dict) or body.pop("format", None) != FORMAT:
        raise ValueError(f"it is not in format {FORMAT}")
    body["copies"] = tuple(Copy(**copy) for copy in body["copies"])
    body["closest"] = tuple(Copy(**copy) for copy in body["closest"])
    body["control"] = HalvesControl(**body["control"])
    body["planted"] = tuple(map(_found, body["planted"]))
    body["objects"] = parse_objects(body.get("objects"))
    body["names"], body["embedder"] = tuple(body["names"]), tuple(body["embedder"])
    body["scores"] = np.array(body["scores"], np.float64)
    body["group_of"] = np.array(body["group_of"], np.int64)
    body["asked"] = tuple(tuple(pair) for pair in body.get("asked", ()))
    found = Calibration(**body)
    _check(found)
    return found


def _found(values: dict[str, Any]) -> Found:
    kind = Found(**{**values, "scores": tuple(values["scores"])})
    if not 0 <= kind.found <= kind.planted or len(kind.scores) != kind.planted:
        raise ValueError(f"{kind.found} of {kind.planted} planted copies were found")
    if not all(-1 <= score <= 1 for score in kind.scores):
        raise ValueError("a planted copy has no score")
    return kind


def _check(found: Calibration) -> None:
    scores, groups = found.scores, found.group_of
    if scores.ndim != 1 or not 0 < len(scores) <= MOST_SCORES or not np.isfinite(scores).all():
        raise ValueError("its scores are not numbers")
    if (np.diff(scores) < 0).any() or not (np.abs(scores) <= 1).all():
        raise ValueError("its scores are not sorted, or no cosines")
    if groups.shape != scores.shape or not ((groups >= -1) & (groups < len(found.names))).all():
        raise ValueError("its groups are not those of its scores")
    if not (math.isfinite(found.threshold) and 0 < found.rate < 1 and found.samples >= 1):
        raise ValueError("its threshold or its rate is no number")
    if found.origin not in (HOLDOUT, TRAINING) or found.by not in ("", *GROUPINGS):
        raise ValueError(f"its null is {found.origin!r} by {found.by!r}")
    if found.canaries is not None and not (type(found.canaries) is int and found.canaries >= 0):
        raise ValueError(f"{found.canaries} canaries were stored with it")
    if not all(len(pair) == 2 and all(isinstance(text, str) for text in pair) for pair in found.asked):
        raise ValueError("its options are no pairs of texts")
    if found.engine != EXACT or found.score != "inner product":
        raise ValueError(f"it is about {found.score} as {found.engine} finds it")
