"""What the plugin does: settings, hooks, and the run that checks ask."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType


class _Plain:
    """Finds modules of this package as Python does by itself."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find one, and leave all others to who comes next."""
        return PathFinder.find_spec(name, path, target) if name.startswith("pytest_replication.") else None


@contextmanager
def plainly() -> Iterator[None]:
    """Import what every suite pays for without the rewriting of assertions, of which it has none.

    pytest rewrites all modules of a plugin, and reads them back byte by byte: most of what an import takes.
    """
    sys.meta_path.insert(0, _Plain)
    try:
        yield
    finally:
        sys.meta_path.remove(_Plain)
