"""The file of results: JSON of one object, written whole or not at all.

What stands in it is told in docs/results.md, and by `schema.json` beside this module.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_replication.durable import replace_file
from pytest_replication.errors import ResultsError
from pytest_replication.images.read import read_file
from pytest_replication.results.sound import FORMAT, require_sound
from pytest_replication.strict_json import no_constant

NAME = "results.json"
"""Of the file in the folder of a report."""
MAX_BYTES = 1 << 29
"""Largest file that is read."""
_AGAIN = "write one with 'pytest --replication-report FOLDER' or 'pytest-replication check … --report FOLDER'"


@dataclass(frozen=True, slots=True)
class Results:
    """The results of a run.

    Whoever can write the file can write anything into it: renderers escape what they show of it. What they
    need is there, in its type, and pictures lie in the folder beside the file and nowhere else.

    Attributes:
        path: the file.
        data: what it holds; see docs/results.md.
    """

    path: Path
    data: Mapping[str, Any]

    @property
    def outcome(self) -> str:
        """Worst of all: ``pass``, ``fail``, ``inconclusive``, ``error``, or ``none`` for no check."""
        return str(self.data["outcome"])

    @property
    def checks(self) -> list[dict[str, Any]]:
        """All checks, those of runs that were repeated among them (``rerun``)."""
        found: list[dict[str, Any]] = self.data["checks"]
        return found

    @property
    def counted(self) -> list[dict[str, Any]]:
        """The checks of the last run of each test."""
        return [check for check in self.checks if not check["rerun"]]

    @property
    def run(self) -> dict[str, Any]:
        """What was run, where, and with what settings."""
        found: dict[str, Any] = self.data["run"]
        return found

    @property
    def private(self) -> bool:
        """Whether names, captions and pictures were left out."""
        return bool(self.data["private"])

    @property
    def folder(self) -> Path:
        """The folder that pictures are named from: ``folder / pair["pictures"]["sample"]``."""
        return self.path.parent


def write_results(path: str | os.PathLike[str], data: Mapping[str, Any]) -> Results:
    """Write a file of results, by one rename.

    Args:
        path: of the file; its folder has to be there.
        data: what it is to hold; numbers that are not finite become null.

    Raises:
        ResultsError: they are no results, or the file cannot be written.
    """
    target = Path(path)
    try:
        body = _finite(dict(data))
        require_sound(body)
        text = json.dumps(body, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ResultsError(f"the results cannot be stored in {target}: {error}") from error
    try:
        replace_file(target, text.encode() + b"\n")
    except (OSError, ValueError) as error:
        raise ResultsError(f"{target} cannot be written ({error}): name another folder") from error
    return Results(target, body)


def read_results(path: str | os.PathLike[str]) -> Results:
    """Read what `write_results` has written.

    Args:
        path: the file, or the folder of a report.

    Raises:
        ResultsError: there is none, it is damaged, of another format, or lacks what reports are made of.
    """
    return read_results_or(path, _AGAIN)


def read_results_or(path: str | os.PathLike[str], remedy: str) -> Results:
    """The same as `read_results`; errors end with what mends them here.

    Args:
        path: the file, or the folder of a report.
        remedy: what to do where it cannot be read, in words.

    Raises:
        ResultsError: as there.
    """
    source = Path(path)
    if source.is_dir():
        source /= NAME
    text = _text(source, remedy)
    try:
        data = json.loads(text, parse_constant=no_constant)
        if isinstance(data, dict) and data.get("format") != FORMAT and "kind" in data:
            raise ResultsError(_other_format(source, data, remedy))
        require_sound(data)
    except (ValueError, RecursionError) as error:
        raise ResultsError(f"{source} is no sound file of results ({error}): {remedy}") from error
    return Results(source, data)


def _other_format(path: Path, data: Mapping[str, Any], remedy: str) -> str:
    found = data.get("format")
    newer = isinstance(found, int) and found > FORMAT
    by = f" (written by {str(data.get('writer'))[:60]})" if newer and data.get("writer") else ""
    mend = "upgrade pytest-replication to the version that wrote it" if newer else remedy
    return f"{path} is in format {str(found)[:20]} of results{by}, this version reads format {FORMAT}: {mend}"


def _text(path: Path, remedy: str) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ResultsError(f"{path} has more than {MAX_BYTES:,} bytes: it is no file of results")
        return read_file(path).decode()
    except FileNotFoundError as error:
        raise ResultsError(f"there is no file of results at {path}: {remedy}") from error
    except (OSError, ValueError) as error:
        raise ResultsError(f"{path} cannot be read as a file of results ({error}): {remedy}") from error


def _finite(data: Any) -> Any:
    """Plain data without NaN and infinity, which JSON has not."""
    if isinstance(data, dict):
        return {name: _finite(value) for name, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data
