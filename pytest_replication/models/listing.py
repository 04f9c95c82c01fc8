"""``samples.jsonl``: what ready samples were made from, a line of JSON for each file, read strictly."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

from pytest_replication.errors import SampleError, meant
from pytest_replication.escape import one_line
from pytest_replication.models.samples import Label
from pytest_replication.strict_json import no_repeats

NAME = "samples.jsonl"
LARGEST = 1 << 28
"""Bytes of a listing that are read."""
_KEYS = ("file", "prompt", "seed", "label")


@dataclass(frozen=True, slots=True)
class Listed:
    """One line.

    Attributes:
        file: of the sample, relative to the listing, with forward slashes.
        prompt: that it was made from, None if it is not told.
        seed: that it was made from, None if it is not told.
        label: its class, None if it is not told.
    """

    file: str
    prompt: str | None = None
    seed: int | None = None
    label: Label | None = None


def read_listing(content: bytes, where: str, files: Sequence[str]) -> list[Listed]:
    """Read a listing, and compare it with the files that are there.

    Args:
        content: of the listing.
        where: its name, for messages.
        files: names of the samples beside it.

    Raises:
        SampleError: a line is malformed, a file is named twice, missing or not named, or something is told
            of some samples only.
    """
    listed = [_line(text, f"{where}, line {n}") for n, text in enumerate(_lines(content, where), 1)]
    seen: set[str] = set()
    for number, entry in enumerate(listed, 1):
        if entry.file in seen:
            raise SampleError(
                f"{where} names {one_line(entry.file)} twice, again in line {number}: name each file once"
            )
        seen.add(entry.file)
    there = set(files)
    if missing := sorted(seen - there):
        raise SampleError(
            f"{where} names {one_line(missing[0])}, which is not there ({len(missing)} in all): make it "
            "again, or take out its line"
        )
    if extra := sorted(there - seen):
        raise SampleError(
            f"{where} does not name {one_line(extra[0])}, which is there ({len(extra)} in all): add a line "
            "for it, or move it away"
        )
    for key in ("prompt", "seed", "label"):
        without = [entry.file for entry in listed if getattr(entry, key) is None]
        if 0 < len(without) < len(listed):
            raise SampleError(
                f"{where} tells no {key} of {one_line(without[0])}, but of others: tell it of all, or of none"
            )
    return listed


def write_listing(listed: Sequence[Listed]) -> bytes:
    """The content of a listing; what is not told is left away."""
    lines = [{key: value for key, value in asdict(entry).items() if value is not None} for entry in listed]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def _lines(content: bytes, where: str) -> list[str]:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SampleError(f"{where} is no text in UTF-8: write it again") from error
    lines = text.split("\n")  # not splitlines: prompts may hold other breaks
    return lines[:-1] if lines and not lines[-1].strip() else lines


def _line(text: str, where: str) -> Listed:
    try:
        data = json.loads(text, object_pairs_hook=no_repeats)
    except (ValueError, RecursionError) as error:
        raise SampleError(f"{where} is no line of JSON ({error}): write one object a sample") from error
    if not isinstance(data, dict):
        raise SampleError(f'{where} holds no object; expected such as {{"file": "0.png", "seed": 0}}')
    for key, value in data.items():
        if key not in _KEYS:
            raise SampleError(f"{where} has the key {key!r}{meant(key, _KEYS)}: there are {', '.join(_KEYS)}")
        if not _fits(key, value):
            raise SampleError(f"{where} has {key} = {value!r}; expected {_EXPECTED[key]}")
    if "file" not in data:
        raise SampleError(f'{where} names no file: "file" is its name, relative to {NAME}')
    return Listed(**data)


_EXPECTED = {
    "file": "a path below its folder, with forward slashes",
    "prompt": "a text",
    "seed": "a whole number",
    "label": "a whole number or a text",
}


def _fits(key: str, value: Any) -> bool:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if key == "seed":
        return whole
    if key == "label":
        return whole or isinstance(value, str)
    if key == "prompt" or not isinstance(value, str):
        return isinstance(value, str)
    path = PurePosixPath(value)
    return str(path) == value and not path.is_absolute() and ".." not in path.parts and value != "."
