"""The file of accepted matches: TOML that people review, read strictly and changed entry by entry.

::

    format = 1

    [[accepted]]
    sample = "…"                  # sha256 of the size and pixels of the sample
    sample_name = "out/7.png"     # for readers, as are training_uri, score (or points, of parts) and embedder
    training = "…"                # sha256 of the file of the training image
    training_uri = "photos/sky.jpg"
    score = 0.734512
    embedder = "sscd"
    reason = "both are blank"
    by = "A. Person <a@example.org>"
    decided = 2026-11-28
    expires = 2027-05-28          # the last day on which it counts

What accepts a match is never guessed: a file with an unknown key, a missing value or a pair that stands in it
twice is an error as a whole.
"""

from __future__ import annotations

import itertools
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from pytest_replication.accepted.entries import Acceptance, Accepted, Pair, today
from pytest_replication.durable import locked, replace_file
from pytest_replication.errors import AcceptedFileError
from pytest_replication.escape import one_line
from pytest_replication.images.read import read_file

FORMAT = 1
MAX_BYTES = 1 << 24
NEW = f"""\
# Matches that were looked at and accepted; 'pytest-replication accept' adds to it, people review it.
# They do not count as replicated, every verdict shows them, and they count again when they expire.
format = {FORMAT}
"""
_HEAD = re.compile(r"\s*\[\[\s*accepted\s*\]\]\s*(#.*)?")
_TYPES: dict[str, type] = {
    "sample": str,
    "sample_name": str,
    "training": str,
    "training_uri": str,
    "score": float,
    "points": int,
    "embedder": str,
    "reason": str,
    "by": str,
    "decided": date,
    "expires": date,
}
"""Keys of an entry, in the order in which they are written."""
_NEEDED = ("sample", "training", "reason", "by", "decided", "expires")


def read_accepted(path: str | Path, day: date | None = None) -> Accepted:
    """Read a file of accepted matches.

    Args:
        path: of the file.
        day: on which it is asked what is in force, None for this one.

    Raises:
        AcceptedFileError: there is no such file, or it is not exactly as this module says.
    """
    return _parse(_text(Path(path)), Path(path), day)


def add_accepted(path: str | Path, new: Sequence[Acceptance]) -> Accepted:
    """Add entries to a file, or replace those of the same pairs; all other lines stay as they are.

    Whoever else changes the file meanwhile waits, so that no entries are lost. New entries stand in the
    order of their digests, so that two branches seldom add at one place.

    Args:
        path: of the file, made where there is none.
        new: entries.

    Returns:
        What is in it now.

    Raises:
        AcceptedFileError: the file cannot be used or written.
    """
    place = Path(path)
    with _changing(place):
        text = _text(place) if place.exists() else NEW
        before = _parse(text, place, None)
        replaced = {entry.pair for entry in new}
        kept = [entry for entry in before.entries if entry.pair not in replaced]
        head, blocks = _blocks(text, before.entries, place)
        blocks = [(pair, block) for pair, block in blocks if pair not in replaced]
        for entry in new:
            at = next((i for i, (pair, _) in enumerate(blocks) if pair > entry.pair), len(blocks))
            blocks.insert(at, (entry.pair, _written(entry)))
        return _replace(place, head, blocks, kept, replaced)


def drop_accepted(path: str | Path, pairs: Iterable[Pair]) -> Accepted:
    """Remove entries from a file; all other lines stay as they are. Others wait, as in `add_accepted`.

    Raises:
        AcceptedFileError: the file cannot be used or written.
    """
    place, gone = Path(path), set(pairs)
    with _changing(place):
        text = _text(place)
        before = _parse(text, place, None)
        head, blocks = _blocks(text, before.entries, place)
        left = [(pair, block) for pair, block in blocks if pair not in gone]
        kept = [entry for entry in before.entries if entry.pair not in gone]
        return _replace(place, head, left, kept, set())


@contextmanager
def _changing(path: Path) -> Iterator[None]:
    """Hold the lock of the file; errors of the disk are said to be about it."""
    try:
        with locked(path):
            yield
    except OSError as error:
        raise AcceptedFileError(f"{path} cannot be written ({error})") from error


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise AcceptedFileError(
                f"{path} has more than {MAX_BYTES:,} bytes: it is no file of accepted matches"
            )
        return read_file(path).decode().replace("\r\n", "\n")
    except FileNotFoundError as error:
        raise AcceptedFileError(
            f"there is no file of accepted matches at {path}: 'pytest-replication accept' makes one"
        ) from error
    except (OSError, ValueError) as error:
        raise AcceptedFileError(f"{path} cannot be read ({error})") from error


def _parse(text: str, path: Path, day: date | None) -> Accepted:
    try:
        body = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise AcceptedFileError(f"{path} is no TOML ({error}): mend it") from error
    if type(body.get("format")) is not int or body["format"] != FORMAT:
        raise AcceptedFileError(
            f"{path} is in format {str(body.get('format'))[:20]} of accepted matches, this version reads "
            f"format {FORMAT}: write 'format = {FORMAT}' at its top if it is as docs/accepted.md says"
        )
    entries = body.get("accepted", [])
    if body.keys() - {"format", "accepted"} or type(entries) is not list:
        raise AcceptedFileError(f"{path} has other keys than 'format' and tables [[accepted]]: mend it")
    found = []
    for number, values in enumerate(entries, 1):
        try:
            found.append(_entry(values))
        except AcceptedFileError as error:
            raise AcceptedFileError(f"entry {number} of {path}: {error}") from error
    try:
        return Accepted(tuple(found), str(path), day or today())
    except AcceptedFileError as error:
        raise AcceptedFileError(f"{path}: {error}") from error


def _entry(values: Any) -> Acceptance:
    if type(values) is not dict:
        raise AcceptedFileError("it is no table")
    for name in _NEEDED:
        if name not in values:
            raise AcceptedFileError(f"{name} is missing")
    for name, value in values.items():
        wanted = _TYPES.get(name)
        if wanted is None:
            raise AcceptedFileError(f"it has the unknown key {name!r}")
        if type(value) is not wanted:  # a time of day is no date, and True no number
            raise AcceptedFileError(f"{name} is a {type(value).__name__}, expected a {wanted.__name__}")
    return Acceptance(**values)


def _blocks(text: str, entries: Sequence[Acceptance], path: Path) -> tuple[str, list[tuple[Pair, str]]]:
    """What stands before the entries, and the lines of each with the comments above it."""
    lines = text.splitlines(keepends=True)
    starts = [number for number, line in enumerate(lines) if _HEAD.fullmatch(line.rstrip("\n"))]
    for place, start in enumerate(starts):
        while start > 0 and lines[start - 1].startswith("#"):
            start -= 1
        starts[place] = start
    blocks = ["".join(lines[start:end]) for start, end in itertools.pairwise([*starts, len(lines)])]
    if [_alone(block) for block in blocks] != list(entries):
        raise AcceptedFileError(
            f"{path} is not written entry by entry under [[accepted]]: change it by hand, or write it so"
        )
    head = "".join(lines[: starts[0]]) if starts else text
    return head, [(entry.pair, block) for entry, block in zip(entries, blocks, strict=True)]


def _alone(block: str) -> Acceptance | None:
    """The entry of a block, None if it is not one by itself."""
    try:
        body = tomllib.loads(block)
        (values,) = body["accepted"]
        return _entry(values) if len(body) == 1 else None
    except (ValueError, KeyError, TypeError, AcceptedFileError):
        return None


def _written(entry: Acceptance) -> str:
    lines = ["[[accepted]]"]
    for name in _TYPES:
        value = getattr(entry, name)
        if value is None or value == "":
            continue
        # What cannot be seen is written out: people have to review it.
        lines.append(f"{name} = {_quoted(one_line(value)) if isinstance(value, str) else value}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _replace(
    path: Path, head: str, blocks: Sequence[tuple[Pair, str]], kept: Sequence[Acceptance], new: set[Pair]
) -> Accepted:
    parts = [part.strip("\n") for part in (head, *(block for _, block in blocks))]
    text = "\n\n".join(part for part in parts if part) + "\n"
    written = _parse(text, path, None)
    if {entry for entry in written.entries if entry.pair not in new} != set(kept):
        raise AcceptedFileError(f"{path} cannot be changed entry by entry: change it by hand")
    replace_file(path, text.encode())
    return written
