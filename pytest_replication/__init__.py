"""Does a generative image model copy its training images? A gate for pytest.

Importing the package costs next to nothing: every public name is loaded at first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_replication.assertions import assert_no_replication
    from pytest_replication.check import check_replication
    from pytest_replication.embedders import Embedder, load_embedder, register_embedder
    from pytest_replication.errors import (
        Inconclusive,
        ReplicationDetected,
        ReplicationError,
    )
    from pytest_replication.index import (
        BuildOptions,
        BuildReport,
        Index,
        Record,
        build_index,
        open_index,
    )
    from pytest_replication.models import Model, Samples, load_model
    from pytest_replication.search import Match, Matches
    from pytest_replication.surroundings import EngineChoice
    from pytest_replication.verdicts import Outcome, Policy, Verdict, judge

__version__ = "0.1.0"

_HOMES = {
    "assertions": ("assert_no_replication",),
    "check": ("check_replication",),
    "embedders": ("Embedder", "load_embedder", "register_embedder"),
    "errors": ("Inconclusive", "ReplicationDetected", "ReplicationError"),
    "index": ("BuildOptions", "BuildReport", "Index", "Record", "build_index", "open_index"),
    "models": ("Model", "Samples", "load_model"),
    "search": ("Match", "Matches"),
    "surroundings": ("EngineChoice",),
    "verdicts": ("Outcome", "Policy", "Verdict", "judge"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "BuildOptions",
    "BuildReport",
    "Embedder",
    "EngineChoice",
    "Inconclusive",
    "Index",
    "Match",
    "Matches",
    "Model",
    "Outcome",
    "Policy",
    "Record",
    "ReplicationDetected",
    "ReplicationError",
    "Samples",
    "Verdict",
    "__version__",
    "assert_no_replication",
    "build_index",
    "check_replication",
    "judge",
    "load_embedder",
    "load_model",
    "open_index",
    "register_embedder",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return __all__
