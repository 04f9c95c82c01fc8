"""Where the test of a check stands: a file of the repository, and a line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from pytest_replication.escape import one_line


def place(check: Mapping[str, Any]) -> tuple[str, int]:
    """File and line of the test of a check; an empty file where that is not known."""
    line = check.get("test_line")
    file = relative(check.get("test_file") or file_of(check["test"]))
    return file, line if type(line) is int and line > 0 else 1


def relative(path: object) -> str:
    """A relative path of a file, with forward slashes; empty for what is none, or leads out of its folder.

    Ready tests stand in no file, and their node has no suffix.
    """
    text = str(path or "").removeprefix("./")
    outside = PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute()
    odd = (
        outside
        or not PurePosixPath(text).suffix
        or ".." in text.split("/")
        or "\\" in text
        or one_line(text) != text
    )
    return "" if odd else text


def file_of(test: str) -> str:
    """The file of a test, by its id; empty where there is none."""
    return relative(test.partition("::")[0]) if "::" in test else ""
