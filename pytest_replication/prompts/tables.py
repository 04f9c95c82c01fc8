"""Rows of a file of prompts, one after the other, as they stand in it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pytest_replication.errors import SettingsError, SourceError
from pytest_replication.images.read import read_file
from pytest_replication.strict_json import no_repeats

Row = tuple[int, Mapping[str, Any]]
"""Number of the line or row, from 1 on, and its values by column."""

MAX_BYTES = 256 << 20
"""Largest file of prompts that is read: some million of them."""


def read_txt(path: Path) -> Iterator[Row]:
    """A prompt a line; nothing in it is a comment.

    Raises:
        SettingsError: the file cannot be read.
    """
    lines = _text(path).split("\n")
    if lines and not lines[-1]:  # behind the end of the last line
        lines.pop()
    for number, line in enumerate(lines, 1):
        yield number, {"prompt": line.removesuffix("\r")}


def read_jsonl(path: Path) -> Iterator[Row]:
    """An object a line.

    Raises:
        SettingsError: the file cannot be read, or a line is no object.
    """
    for number, line in read_txt(path):
        if not line["prompt"].strip():
            raise SettingsError(f"line {number} of {path} is blank: remove it")
        try:
            row = json.loads(line["prompt"], object_pairs_hook=no_repeats)
        except (ValueError, RecursionError) as error:
            raise SettingsError(
                f"line {number} of {path} is no JSON ({error}): give an object a line"
            ) from error
        if not isinstance(row, dict):
            raise SettingsError(
                f"line {number} of {path} is a {type(row).__name__}; expected an object such as "
                '{"prompt": "a cat", "seed": 3}'
            )
        yield number, row


def read_csv(path: Path) -> Iterator[Row]:
    """A table with names of columns in its first line.

    Raises:
        SettingsError: the file cannot be read, or a row has another number of values.
    """
    try:
        lines = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
        names = next(lines, None)
        if names is None:
            return
        if len(set(names)) != len(names):
            raise SettingsError(f"{path} has two columns of one name in its first line: rename one")
        for values in lines:
            if len(values) != len(names):
                raise SettingsError(
                    f"line {lines.line_num} of {path} has {len(values)} values and the first line names "
                    f"{len(names)} columns: a text with commas needs quotes"
                )
            yield lines.line_num, dict(zip(names, values, strict=True))
    except csv.Error as error:
        raise SettingsError(f"{path} cannot be read as CSV ({error})") from error


def read_parquet(path: Path, columns: Callable[[frozenset[str]], list[str]]) -> Iterator[Row]:
    """Columns of a parquet file, a batch of rows in memory at a time.

    Args:
        path: the file.
        columns: chooses from the names of those that hold one plain value a row.

    Raises:
        SettingsError: the file cannot be read.
    """
    from pytest_replication.images.sources.tables import Table

    try:
        table = Table.open(path)
        yield from enumerate(table.rows(columns(table.plain)), 1)
    except SourceError as error:
        raise SettingsError(str(error)) from error


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SettingsError(f"{path} has more than {MAX_BYTES:,} bytes: it is no file of prompts")
        return read_file(path).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise SettingsError(f"the prompts of {path} cannot be read as text in UTF-8 ({error})") from error
