"""Names of many files in one string: ``{00000..00041}``, ``{a,b}`` and wildcards."""

from __future__ import annotations

import glob
import itertools
import os
import re
from pathlib import Path

from pytest_replication.errors import SourceError
from pytest_replication.images.sources.base import exists

_MOST = 1_000_000
"""Names that one pattern may stand for; more is a slip of the keyboard, and would fill the memory."""

_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d{1,18})\.\.(\d{1,18})")


def expand(pattern: str) -> list[str]:
    """Write out the braces of a pattern, as a shell does.

    ``{8..11}`` is 8, 9, 10, 11; ``{08..11}`` is 08, 09, 10, 11; ``{a,b}`` is a, b. Several braces
    give every combination, the last one running fastest. Other braces stay as they are.

    Raises:
        SourceError: braces in braces, or more than a million names.
    """
    pieces = _BRACES.split(pattern)  # text, inside of braces, text, …
    choices = [_choices(piece) if number % 2 else [piece] for number, piece in enumerate(pieces)]
    if any("{" in piece or "}" in piece for piece in pieces[::2]):
        raise SourceError(f"{pattern} has braces in braces or braces without a partner: write it out")
    total = 1
    for choice in choices:
        total *= len(choice)
    if total > _MOST:
        raise SourceError(f"{pattern} stands for {total:,} names, more than {_MOST:,}: check its ranges")
    return ["".join(combination) for combination in itertools.product(*choices)]


def files(pattern: str) -> list[Path]:
    """Find the files that a pattern names, in its order; those of a wildcard are sorted.

    A name without a wildcard is passed on whether the file exists or not.

    Raises:
        SourceError: a wildcard matches nothing, or a file is named twice.
    """
    if exists(pattern):
        return [Path(pattern)]
    found: list[Path] = []
    for name in expand(pattern):
        if glob.has_magic(name) and not exists(name):
            matches = sorted(glob.glob(name, recursive=True))  # noqa: PTH207 - pathlib takes no absolute pattern
            if not matches:
                raise SourceError(f"{name} matches no file: check the pattern")
            found += map(Path, matches)
        else:
            found.append(Path(name))
    seen: set[Path] = set()
    for path in found:
        if path in seen:
            raise SourceError(f"{pattern} names {path} twice: make its parts distinct")
        seen.add(path)
    return found


def ids(paths: list[Path]) -> list[str]:
    """Name files by their path below the deepest folder that holds them all."""
    parents = [os.path.normpath(path.parent.absolute()) for path in paths]
    common = os.path.commonpath(parents)
    return [
        Path(os.path.relpath(parent, common), path.name).as_posix()
        for parent, path in zip(parents, paths, strict=True)
    ]


def _choices(inside: str) -> list[str]:
    if match := _RANGE.fullmatch(inside):
        return _numbers(*match.groups())
    return inside.split(",") if "," in inside else ["{" + inside + "}"]


def _numbers(first: str, last: str) -> list[str]:
    """Numbers from first to last, as wide as the wider of the two where one has leading zeros."""
    low, high = int(first), int(last)
    if abs(high - low) >= _MOST:
        raise SourceError(
            f"{{{first}..{last}}} stands for {abs(high - low) + 1:,} names, more than {_MOST:,}: check it"
        )
    padded = any(len(end) > 1 and end.startswith("0") for end in (first, last))
    width = max(len(first), len(last)) if padded else 0
    step = 1 if low <= high else -1
    return [f"{number:0{width}d}" for number in range(low, high + step, step)]
