"""The command that makes the calibration of an index again, as it was made."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_replication.index.manifest import Manifest

_MOST_BYTES = 64 << 20
_BY_PATH = ("folder", "list", "npy", "npz")
"""Sources that a name such as ``folder unseen/`` says all of."""


def calibrate_again(folder: Path, manifest: Manifest) -> str:
    """The command in quotes, with the hold-out and the rate of the calibration that is or was in use.

    Nothing rests on what is read here: where the file says nothing, the command is that of a new calibration.
    """
    command = f"pytest-replication calibrate {shlex.quote(str(folder))}"
    made = _made(folder, manifest)
    if made is None:
        return f"'{command} --holdout IMAGES'"
    rest = ""
    if made.get("origin") != "training":
        kind, _, path = str(made.get("source") or "").partition(" ")
        known = kind in _BY_PATH and path != ""
        command += f" --holdout {shlex.quote(path) if known else 'IMAGES'}"
        rest = f" (IMAGES were {made['source']})" if made.get("source") and not known else ""
    command += "".join(
        f" --{name} {shlex.quote(str(value))}"
        for name in ("fpr", "samples", "by")
        if (value := made.get(name)) not in (None, "", 1)
    )
    return f"'{command}'{rest}"


def outdated(manifest: Manifest) -> tuple[str, ...]:
    """What of an index was measured before it changed and is not in use any more, in words."""
    measured = (("calibration", manifest.calibration), ("canaries", manifest.canaries))
    return tuple(name for name, entry in measured if entry and entry.of != manifest.generation)


def _made(folder: Path, manifest: Manifest) -> Mapping[str, Any] | None:
    entry = manifest.calibration
    if entry is None or entry.file.bytes > _MOST_BYTES:
        return None
    try:
        body = json.loads((folder / entry.name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return body if isinstance(body, dict) else None
