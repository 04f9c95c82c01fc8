"""A run becomes the baseline."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from pytest_replication.errors import BaselineError
from pytest_replication.results import Results, write_results


def write_baseline(path: str | os.PathLike[str], results: Results) -> Results:
    """Write the results of a run as a baseline, by one rename, without pictures, command and settings.

    Args:
        path: of the file.
        results: of the run.

    Raises:
        BaselineError: no check was made, so that everything to come would be new.
        ResultsError: it cannot be written.
    """
    if not results.counted:
        raise BaselineError(f"no check was made, so that the baseline {os.fspath(path)} was not written")
    return write_results(path, _kept(results.data))


def _kept(data: Mapping[str, Any]) -> dict[str, Any]:
    """What a later run is compared with, no more.

    The file goes where no pictures are, and into a repository: neither the command nor the settings are
    needed there, and either may hold what is nobody's business.
    """
    checks = [_plain(check) for check in data["checks"]]
    return {**data, "run": {**data["run"], "command": None, "settings": []}, "checks": checks}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items() if name != "pictures"}
    return [_plain(each) for each in value] if isinstance(value, (list, tuple)) else value
