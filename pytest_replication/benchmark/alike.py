"""Which pictures show the same, whatever their size, file format or compression? Told without an extractor.

Pictures are decoded and brought to 16 x 16 pixels. Two show the same if these differ by no more than what
resizing and compressing leave: an edited copy, brighter or cropped, is another picture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pytest_replication.benchmark.features import load_array, save_array
from pytest_replication.benchmark.sets import Picture, RetrievalSet
from pytest_replication.embedders.base import threads
from pytest_replication.errors import BenchmarkError

SIDE = 16
"""Pixels of the small form, across and down."""
LEVELS = 1.5
"""Root mean square difference, in grey levels, up to which two small forms are the same picture, …"""
SHARE = 0.05
"""… if it is no more than this share of the contrast of either, …"""
FLAT = 1.0
"""… or no more than this in any case: two flat pictures have no contrast."""
SHOWN = 50
"""Pictures that a refusal names."""
_CELLS = 4_000_000
"""Comparisons that are made at once."""

Forms = NDArray[np.uint8]
Loader = Callable[[], Image.Image]


@dataclass(frozen=True, slots=True)
class Group:
    """Pictures that play one part.

    Attributes:
        part: such as ``database of cutmix``.
        names: of the pictures, as a message shows them.
        forms: (n, SIDE * SIDE * 3) uint8, in the same order.
    """

    part: str
    names: Sequence[str]
    forms: Forms


def small_forms(images: Sequence[Loader], file: Path | None = None) -> Forms:
    """Bring images to their small form.

    Args:
        images: each gives an upright RGB image.
        file: where the forms of exactly these are kept; None to keep them nowhere.

    Raises:
        BenchmarkError: an image cannot be read, or the file cannot be written or is damaged.
    """
    shape = (len(images), SIDE * SIDE * 3)
    if file is not None and file.is_file():
        kept: Forms = load_array(file, shape)
        return kept
    with ThreadPoolExecutor(threads(), "small") as pool:
        rows = list(pool.map(_form, images))
    forms = np.stack(rows) if rows else np.empty(shape, np.uint8)
    if file is not None:
        save_array(file, forms)
    return forms


def alike(one: Forms, other: Forms) -> list[tuple[int, int]]:
    """Pairs of rows that show the same: for each row of the first that has any, the nearest of the other."""
    if not len(one) or not len(other):
        return []
    found = []
    others = other.astype(np.float32) - 128
    lengths = np.einsum("ij,ij->i", others, others)
    rows = max(1, _CELLS // len(others))
    for first in range(0, len(one), rows):
        mine = one[first : first + rows].astype(np.float32) - 128
        # The length of each of mine is the same for all others, and left out.
        best = (lengths - 2 * (mine @ others.T)).argmin(axis=1)
        found += [(first + row, int(place)) for row, place in enumerate(best)]
    return [(row, place) for row, place in found if _same(one[row], other[place])]


def check_apart_from(background: Group, groups: Sequence[Group]) -> None:
    """Refuse a background with pictures that play a part in a set, and name all of them.

    Args:
        background: its pictures.
        groups: databases, queries and hosts of all sets.

    Raises:
        BenchmarkError: there are some.
    """
    found: dict[int, str] = {}
    for each in groups:
        for row, place in alike(background.forms, each.forms):
            found.setdefault(row, f"{background.names[row]} ({each.part}: {each.names[place]})")
    if found:
        shown = [found[row] for row in sorted(found)]
        more = f" and {len(shown) - SHOWN} more" if len(shown) > SHOWN else ""
        raise BenchmarkError(
            f"{len(shown)} of {len(background.names)} background images show pictures of the sets, at "
            f"whatever size: {', '.join(shown[:SHOWN])}{more}: leave them out of --background"
        )


def same_negatives(made: RetrievalSet, queries: Group, database: Group) -> str:
    """Which queries that should find nothing show a picture of the database, as a sentence; empty for none.

    Args:
        made: the set.
        queries: all of its queries.
        database: its database.
    """
    rows = [row for row, query in enumerate(made.queries) if not query.positives and not query.junk]
    pairs = [
        (queries.names[rows[place]].removeprefix("negative/"), database.names[other])
        for place, other in alike(queries.forms[rows], database.forms)
    ]
    return _warning(pairs, f"{len(rows)} queries of {made.name} that should find nothing")


def same_hosts(made: RetrievalSet, hosts: Group, database: Group) -> str:
    """Which hosts of copies show a picture of the database, as a sentence; empty for none.

    A copy that finds its host there is right, and would be counted as wrong. Where the truth of a copy knows
    already that its host is a twin of the picture, there is nothing to say.

    Args:
        made: the set.
        hosts: images that parts were pasted into.
        database: of the set.
    """
    pairs = []
    for row, place in alike(hosts.forms, database.forms):
        host, picture = hosts.names[row], database.names[place]
        copies = [query for query in made.queries if query.made.get("host") == host]
        if not all(picture in query.junk | query.positives for query in copies):
            pairs.append((host, picture))
    return _warning(pairs, f"{len(hosts.names)} hosts of {made.name}")


def _warning(pairs: Sequence[tuple[str, str]], of: str) -> str:
    if not pairs:
        return ""
    shown = ", ".join(f"{one} = {other}" for one, other in pairs[:SHOWN])
    more = f" and {len(pairs) - SHOWN} more" if len(pairs) > SHOWN else ""
    return (
        f"{len(pairs)} of {of} show a picture of its database, at whatever size: {shown}{more}; leave them "
        "out of --others, or name the pairs in a file for --twins, or finding them is counted as an error"
    )


def sides_of(made: RetrievalSet, digests: Mapping[str, str], cache: Path) -> tuple[Group, Group]:
    """Queries and database of a set.

    Args:
        made: the set.
        digests: of ``queries`` and ``database``, under which their forms are kept.
        cache: folder for features of all sets and extractors.

    Raises:
        BenchmarkError: a picture cannot be read, or the cache cannot be written or is damaged.
    """

    def side(name: str, pictures: Sequence[Picture]) -> Group:
        forms = small_forms([p.load for p in pictures], cache / "small" / f"{digests[name][:24]}.npy")
        return Group(f"{name} of {made.name}", [picture.id for picture in pictures], forms)

    queries = side("queries", [query.picture for query in made.queries])
    return queries, side("database", made.database)


def _form(load: Loader) -> Forms:
    small = load().convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(small, np.uint8).reshape(-1)


def _same(one: Forms, other: Forms) -> bool:
    a, b = one.astype(np.float64), other.astype(np.float64)
    difference = float(np.sqrt(((a - b) ** 2).mean()))
    contrast = min(float(a.std()), float(b.std()))
    return difference <= max(FLAT, min(LEVELS, SHARE * contrast))
