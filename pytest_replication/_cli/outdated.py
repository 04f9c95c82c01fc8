"""What a change of an index puts out of use, told by the verb that changed it."""

from __future__ import annotations

import os
from pathlib import Path

from pytest_replication.escape import one_line
from pytest_replication.index.again import calibrate_again, outdated
from pytest_replication.index.manifest import read_manifest


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
