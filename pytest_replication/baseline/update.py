"""A run becomes the baseline."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from pytest_replication.errors import BaselineError
from pytest_replication.results import Results, write_results


def write_baseline(path: str | os.PathLike[str], results: Results) -> Results:
    """Write the results of a run as a baseline, by one rename, without what lies beside them.

    Args:
        path: of the file.
        results: of the run.

    Raises:
        BaselineError: no check was made, so that everything to come would be new.
        ResultsError: it cannot be written.
    """
    if not results.counted:
        raise BaselineError(f"no check was made, so that the baseline {os.fspath(path)} was not written")
    return write_results(path, _without_pictures(results.data))


def _without_pictures(data: Mapping[str, Any]) -> dict[str, Any]:
    """The same with pairs that name no picture: the file goes where no pictures are."""
    checks = [_plain(check) for check in data["checks"]]
    return {**data, "checks": checks}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items() if name != "pictures"}
    return [_plain(each) for each in value] if isinstance(value, (list, tuple)) else value
