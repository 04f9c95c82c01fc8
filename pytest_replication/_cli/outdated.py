"""What a change of an index puts out of use, and what it lacks, told by the verb that changed it."""

from __future__ import annotations

import os
from pathlib import Path

from pytest_replication.escape import one_line
from pytest_replication.index.manifest_file import read_manifest
from pytest_replication.index.recalibrate import calibrate_again, outdated
from pytest_replication.index.sizes import usual_side

_WITH_DEFAULT = "sscd"
"""How embedders are called that have a default threshold, which is of photographs."""
_SMALL = 64
"""Side in pixels from which on images are told to be small."""


def out_of_use(index: str | os.PathLike[str]) -> list[str]:
    """``calibration`` and ``canaries`` of an index, those of them that were made before it changed."""
    return list(outdated(read_manifest(Path(index))))


def outdated_lines(index: str | os.PathLike[str]) -> list[str]:
    """The same in words, with the command that makes them again; no line where there are none."""
    folder = Path(index)
    manifest = read_manifest(folder)
    if not (found := outdated(manifest)):
        return []
    were = "were" if found != ("calibration",) else "was"
    told = (
        f"  WARNING: {' and '.join(found)} {were} made before the index changed and NOT in use any more: "
        f"{calibrate_again(folder, manifest)} makes them again"
    )
    return [one_line(told)]


def small_lines(index: str | os.PathLike[str]) -> list[str]:
    """That images are small where a default threshold would judge them; no line where they are not."""
    folder = Path(index)
    manifest = read_manifest(folder)
    if manifest.calibration is not None or not manifest.embedder.name.startswith(_WITH_DEFAULT):
        return []
    side = usual_side(folder, manifest)
    if side is None or side > _SMALL:
        return []
    told = (
        f"  WARNING: the images are small (the median side has {side} pixels): the default threshold of "
        f"{manifest.embedder.name} was not measured for such images, and samples that copy nothing may reach "
        f"it; calibrate before the gate is run: {calibrate_again(folder, manifest)}"
    )
    return [one_line(told)]
