"""Where a run was made: what may explain that another one says something else. Standard library only."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

_PACKAGES = (
    "pytest-replication",
    "pytest",
    "pytest-xdist",
    "numpy",
    "scipy",
    "pillow",
    "pyarrow",
    "onnxruntime",
    "torch",
    "torchvision",
    "open_clip_torch",
    "timm",
    "transformers",
    "diffusers",
    "faiss-cpu",
    "opencv-python-headless",
)
_COMMITS = ("GITHUB_SHA", "CI_COMMIT_SHA")
"""What GitHub and GitLab call the commit that they build."""


def environment_data(folder: Path) -> dict[str, Any]:
    """Python, platform, versions of the packages that figures depend on, and the commit.

    Args:
        folder: in the repository whose commit is meant.
    """
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: version for name in _PACKAGES if (version := _version(name))},
        "commit": _commit(folder),
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _commit(folder: Path) -> str | None:
    for name in _COMMITS:
        if os.environ.get(name):
            return os.environ[name]
    try:
        done = subprocess.run(  # noqa: S603
            ["git", "-C", str(folder), "rev-parse", "HEAD"],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
