"""The command that makes the calibration of an index again, as it was made, with canaries."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_replication.index.manifest import Manifest

GATE = 256
"""Samples of a gate that nobody spoke of: what a model draws by default."""
ALARM = 0.05
"""How often such a gate may fail a model that copies nothing."""
_MOST_BYTES = 64 << 20
_BY_PATH = ("folder", "list", "npy", "npz")
"""Sources that a name such as ``folder unseen/`` says all of."""
_PACKED = {
    "npy": "an array",
    "npz": "an array",
    "idx": "an array",
    "parquet": "a table",
    "webdataset": "tars",
    "img2dataset": "tars or tables",
}
"""Sources whose images are no files, and what they lie in: planting copies takes ``--images``."""
_UNSAID = (None, "", 1)


def calibrate_again(folder: Path, manifest: Manifest) -> str:
    """The command in quotes, with what was given for the calibration that is or was in use.

    Where that was not written down, it is told what can be known; where there is no calibration, the
    command is one for a gate of 256 samples that tolerates no copy. The training set is named where copies
    could not be planted without; ``--plant 0`` is never part of it.
    Nothing rests on what is read here.
    """
    made = last_calibration(folder, manifest)
    given, rest = _given(made), ""
    if "holdout" not in given and (made is None or made.get("origin") != "training"):
        source = str((made or {}).get("source") or "")
        path = _path(source)
        given["holdout"] = path or "IMAGES"
        rest = f" (IMAGES were {source})" if source and not path else ""
    if "images" not in given and (images := _training_set(manifest)):
        given["images"] = images
    if manifest.calibration is None:
        given = {"samples": str(GATE), "fpr": f"{ALARM:g}"} | given
    words = ["pytest-replication", "calibrate", str(folder)]
    for name in ("holdout", "fpr", "samples", *sorted(given.keys() - {"holdout", "fpr", "samples"})):
        if name in given:
            words += [f"--{name}", given[name]]
    return f"'{' '.join(map(shlex.quote, words))}'{rest}"


def without_images(manifest: Manifest) -> str:
    """Why training images cannot be read again from where an index has them from, and what to give then."""
    images = _training_set(manifest)
    if not images:
        return "their files cannot be read here: name the training set with --images"
    packed = dict.fromkeys(_PACKED[kind] for kind in _kinds(manifest) if kind in _PACKED)
    return f"training images lie inside {' and '.join(packed)}: give --images {shlex.quote(images)}"


def outdated(manifest: Manifest) -> tuple[str, ...]:
    """What of an index was measured before it changed and is not in use any more, in words."""
    measured = (("calibration", manifest.calibration), ("canaries", manifest.canaries))
    return tuple(name for name, entry in measured if entry and entry.of != manifest.generation)


def last_calibration(folder: Path, manifest: Manifest) -> Mapping[str, Any] | None:
    """What the file of a calibration says, in use or not; None where none can be read."""
    entry = manifest.calibration
    if entry is None or entry.file.bytes > _MOST_BYTES:
        return None
    try:
        body = json.loads((folder / entry.name).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _given(made: Mapping[str, Any] | None) -> dict[str, str]:
    """Options of a calibration by name: those that were written down, else what follows from its figures."""
    if made is None:
        return {}
    given = {name: str(made[name]) for name in ("fpr", "samples", "by") if made.get(name) not in _UNSAID}
    try:
        given |= {str(name): str(value) for name, value in made.get("asked") or ()}
    except (TypeError, ValueError):  # written by somebody else
        return given
    if given.get("plant") == "0":
        del given["plant"]
    return given


def _training_set(manifest: Manifest) -> str:
    """What to give as ``--images``; empty where the images lie in files of their own."""
    kinds = zip(manifest.sources, _kinds(manifest), strict=True)
    packed = [source.name for source, kind in kinds if kind in _PACKED]
    if not packed:
        return ""
    return (_path(packed[0]) if len(packed) == 1 else "") or "TRAINING_SET"


def _kinds(manifest: Manifest) -> list[str]:
    return [source.name.partition(" ")[0] for source in manifest.sources]


def _path(source: str) -> str:
    kind, _, path = source.partition(" ")
    return path if kind in _BY_PATH else ""
