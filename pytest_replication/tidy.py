"""Paths as people write them: without the folders that they enter and leave. Standard library only."""

from __future__ import annotations

import os
from pathlib import Path


def tidied(path: str) -> str:
    """A path without ``..`` behind another folder, which names the same place.

    Where such a folder is a link, what lies above it is not what its name tells: the path is resolved then.

    Args:
        path: absolute or relative; a relative one stays so unless it goes through a link.
    """
    if os.pardir not in Path(path).parts:
        return path
    plain = os.path.normpath(path)
    real = os.path.realpath(path)
    return plain if os.path.realpath(plain) == real else real
