"""Does a generative image model copy its training images? A gate for pytest.

Importing the package costs next to nothing: every public name is loaded at first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

    from pytest_replication.accepted import Acceptance, Accepted
    from pytest_replication.accepted.file import read_accepted
    from pytest_replication.assertions import (
        assert_no_extraction,
        assert_no_replication,
        assert_replication_rate_below,
    )
    from pytest_replication.calibrate import CalibrateOptions, calibrate_index
    from pytest_replication.check import check_replication
    from pytest_replication.choices import EngineChoice
    from pytest_replication.embedders import Embedder, load_embedder, register_embedder
    from pytest_replication.errors import (
        Inconclusive,
        ReplicationDetected,
        ReplicationError,
    )
    from pytest_replication.extraction import check_extraction
    from pytest_replication.extraction_verdicts import ExtractionPolicy, ExtractionVerdict
    from pytest_replication.index import (
        BuildOptions,
        BuildReport,
        Index,
        Record,
        build_index,
        open_index,
    )
    from pytest_replication.index.abandon import AbandonReport, abandon_append
    from pytest_replication.index.append import AppendOptions, append_index
    from pytest_replication.index.calibration import Calibration
    from pytest_replication.index.calibration_file import drop_calibration
    from pytest_replication.index.compact import CompactReport, compact_index
    from pytest_replication.index.duplicates import Duplicates, store_duplicates
    from pytest_replication.index.imported import ImportOptions, ImportReport, import_index
    from pytest_replication.index.merge import MergeReport, merge_indexes
    from pytest_replication.index.removed import RemoveReport, remove_images
    from pytest_replication.index.verify import VerifyReport
    from pytest_replication.judging import judge
    from pytest_replication.models import Model, Samples, load_model
    from pytest_replication.objects import ObjectRule
    from pytest_replication.policy import Policy
    from pytest_replication.prompts import Prompt, Prompts, load_prompts, sample_prompts
    from pytest_replication.reports.matches_file import SavedMatches, read_matches, save_matches
    from pytest_replication.results.file import Results, read_results
    from pytest_replication.screen_assertions import assert_prompts_not_memorized
    from pytest_replication.screen_verdicts import ScreenVerdict
    from pytest_replication.screens.options import ScreenOptions
    from pytest_replication.screens.run import screen_prompts
    from pytest_replication.search import Match, Matches
    from pytest_replication.search.duplicates import find_duplicates
    from pytest_replication.search.make import EngineReport, make_engine
    from pytest_replication.search.verify import verify_index
    from pytest_replication.set_assertions import (
        assert_no_data_copying,
        assert_no_duplicates_within,
        assert_no_leak,
        assert_not_closer_than_holdout,
        assert_percentile_below,
    )
    from pytest_replication.set_verdicts import SetVerdict
    from pytest_replication.verdicts import Outcome, Verdict

__version__ = "0.1.0"

_HOMES = {
    "accepted": ("Acceptance", "Accepted"),
    "accepted.file": ("read_accepted",),
    "assertions": ("assert_no_extraction", "assert_no_replication", "assert_replication_rate_below"),
    "calibrate": ("CalibrateOptions", "calibrate_index"),
    "check": ("check_replication",),
    "embedders": ("Embedder", "load_embedder", "register_embedder"),
    "errors": ("Inconclusive", "ReplicationDetected", "ReplicationError"),
    "extraction": ("check_extraction",),
    "extraction_verdicts": ("ExtractionPolicy", "ExtractionVerdict"),
    "index": ("BuildOptions", "BuildReport", "Index", "Record", "build_index", "open_index"),
    "index.abandon": ("AbandonReport", "abandon_append"),
    "index.append": ("AppendOptions", "append_index"),
    "index.calibration": ("Calibration",),
    "index.calibration_file": ("drop_calibration",),
    "index.compact": ("CompactReport", "compact_index"),
    "index.duplicates": ("Duplicates", "store_duplicates"),
    "index.imported": ("ImportOptions", "ImportReport", "import_index"),
    "index.merge": ("MergeReport", "merge_indexes"),
    "index.removed": ("RemoveReport", "remove_images"),
    "index.verify": ("VerifyReport",),
    "judging": ("judge",),
    "objects": ("ObjectRule",),
    "models": ("Model", "Samples", "load_model"),
    "prompts": ("Prompt", "Prompts", "load_prompts", "sample_prompts"),
    "policy": ("Policy",),
    "reports.matches_file": ("SavedMatches", "read_matches", "save_matches"),
    "results.file": ("Results", "read_results"),
    "screen_assertions": ("assert_prompts_not_memorized",),
    "screen_verdicts": ("ScreenVerdict",),
    "screens.options": ("ScreenOptions",),
    "screens.run": ("screen_prompts",),
    "search": ("Match", "Matches"),
    "search.duplicates": ("find_duplicates",),
    "search.make": ("EngineReport", "make_engine"),
    "search.verify": ("verify_index",),
    "set_assertions": (
        "assert_no_data_copying",
        "assert_no_duplicates_within",
        "assert_no_leak",
        "assert_not_closer_than_holdout",
        "assert_percentile_below",
    ),
    "set_verdicts": ("SetVerdict",),
    "choices": ("EngineChoice",),
    "verdicts": ("Outcome", "Verdict"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "AbandonReport",
    "Acceptance",
    "Accepted",
    "AppendOptions",
    "BuildOptions",
    "BuildReport",
    "CalibrateOptions",
    "Calibration",
    "CompactReport",
    "Duplicates",
    "Embedder",
    "EngineChoice",
    "EngineReport",
    "ExtractionPolicy",
    "ExtractionVerdict",
    "ImportOptions",
    "ImportReport",
    "Inconclusive",
    "Index",
    "Match",
    "Matches",
    "MergeReport",
    "Model",
    "ObjectRule",
    "Outcome",
    "Policy",
    "Prompt",
    "Prompts",
    "Record",
    "RemoveReport",
    "ReplicationDetected",
    "ReplicationError",
    "Results",
    "Samples",
    "SavedMatches",
    "ScreenOptions",
    "ScreenVerdict",
    "SetVerdict",
    "Verdict",
    "VerifyReport",
    "__version__",
    "abandon_append",
    "append_index",
    "assert_no_data_copying",
    "assert_no_duplicates_within",
    "assert_no_extraction",
    "assert_no_leak",
    "assert_no_replication",
    "assert_not_closer_than_holdout",
    "assert_percentile_below",
    "assert_prompts_not_memorized",
    "assert_replication_rate_below",
    "build_index",
    "calibrate_index",
    "check_extraction",
    "check_replication",
    "compact_index",
    "drop_calibration",
    "find_duplicates",
    "import_index",
    "judge",
    "load_embedder",
    "load_model",
    "load_prompts",
    "make_engine",
    "merge_indexes",
    "open_index",
    "read_accepted",
    "read_matches",
    "read_results",
    "register_embedder",
    "remove_images",
    "sample_prompts",
    "save_matches",
    "screen_prompts",
    "store_duplicates",
    "verify_index",
]


def load_module(module: str) -> ModuleType:
    """Import a module of this package; what cannot be loaded leaves a gate broken, which no xfail may hide.

    Raises:
        PackageUnavailable: it, or a package that it needs, cannot be loaded.
    """
    try:
        return importlib.import_module(f"{__name__}.{module}")
    except (Exception, SystemExit) as error:  # a broken package raises anything
        from pytest_replication.errors import unloadable

        raise unloadable(f"{__name__}.{module}", error) from error


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(load_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return __all__
