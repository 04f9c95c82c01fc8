"""Functions of the user, ``module:function``: imported by their names.

The command line looks for their modules where it is called as well, behind everything that is installed, and
only once such a function is named: a folder ``datasets`` beside the images is not the library of that name.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import ModuleType

_beside_the_user = False


@contextmanager
def working_folder_searched() -> Iterator[None]:
    """Let modules of functions stand in the working folder, for what is imported inside the block."""
    global _beside_the_user
    before, _beside_the_user = _beside_the_user, True
    try:
        yield
    finally:
        _beside_the_user = before


def import_named(name: str) -> tuple[ModuleType, object]:
    """Import what ``module:attribute`` names: gives the module, and what it has by that name.

    Raises:
        BaseException: whatever a module raises while it is imported, `SystemExit` as well; `AttributeError`
            where it has nothing of that name.
    """
    module, _, attribute = name.partition(":")
    if _beside_the_user:
        with suppress(FileNotFoundError):  # somebody has deleted it: nothing is there to be imported
            folder = os.getcwd()
            if folder not in sys.path:  # it stays there: the function may import more when it is called
                sys.path.append(folder)
    found = importlib.import_module(module)
    return found, getattr(found, attribute)
