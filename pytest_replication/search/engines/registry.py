"""Engines by name."""

from __future__ import annotations

from importlib import import_module

from pytest_replication.errors import SettingsError
from pytest_replication.search.engines.base import Engine

_KNOWN = {
    "annoy": ("pytest_replication.search.engines.annoy", "Annoy"),
    "faiss-hnsw": ("pytest_replication.search.engines.faiss", "FaissHnsw"),
    "faiss-ivf": ("pytest_replication.search.engines.faiss", "FaissIvf"),
}


def engine_names() -> list[str]:
    """Names of the approximate engines, whether or not their libraries are installed."""
    return sorted(_KNOWN)


def engine_class(name: str) -> type[Engine]:
    """The engine of a name.

    Raises:
        SettingsError: there is none.
    """
    if name not in _KNOWN:
        codes = "; 8-bit codes are no engine, the exact scan uses them by itself" if name == "int8" else ""
        raise SettingsError(
            f"there is no engine {name!r}; known are exact, {', '.join(engine_names())}{codes}"
        )
    module, attribute = _KNOWN[name]
    found: type[Engine] = getattr(import_module(module), attribute)
    return found
