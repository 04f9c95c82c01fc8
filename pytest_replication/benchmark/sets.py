"""A retrieval set: queries, a database, and which of it each query should find.

On disk a set is a folder that any other tool can read: ``queries/`` and ``database/`` with
pictures, ``set.json`` that says what it is and how it was made, and ``truth.jsonl`` with one line a
query. Both hold the sha256 of each picture, and ``set.json`` that of ``truth.jsonl``: a truth is read with
the pictures that it was written for, or not at all.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from pytest_replication.embedders.base import threads
from pytest_replication.errors import BenchmarkError
from pytest_replication.images.decode import UndecodableImage, decode

FORMAT = 2
TRUTH, DESCRIPTION = "truth.jsonl", "set.json"

_ROUNDING = 1.0
"""Pixels by which a box may reach over the edge of its picture: published ones count from 0 or from 1."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a set.

    Attributes:
        id: unique among the queries, or among the database.
        path: of its file.
        box: left, upper, right, lower edge in pixels of the part that is meant; None for all of it.
    """

    id: str
    path: Path
    box: tuple[float, float, float, float] | None = None

    def load(self) -> Image.Image:
        """Decode it: upright, RGB.

        Raises:
            BenchmarkError: it cannot be read, or its box does not lie in it.
        """
        try:
            image = decode(self.path.read_bytes())
        except (OSError, UndecodableImage) as error:
            raise BenchmarkError(f"the picture {self.path} cannot be read: {error}") from error
        if self.box is None:
            return image
        return image.crop(self._edges(self.box, *image.size))

    def _edges(self, box: tuple[float, ...], width: int, height: int) -> tuple[int, int, int, int]:
        limits = (width, height, width, height)
        if all(-_ROUNDING <= edge <= limit + _ROUNDING for edge, limit in zip(box, limits, strict=True)):
            left, upper, right, lower = (
                min(max(round(edge), 0), limit) for edge, limit in zip(box, limits, strict=True)
            )
            if left < right and upper < lower:
                return left, upper, right, lower
        raise BenchmarkError(
            f"the box {', '.join(f'{edge:g}' for edge in box)} of the picture {self.path} holds no part of "
            f"its {width} x {height} pixels: expected left, upper, right and lower edge within them, in "
            "this order"
        )

    def sha256(self) -> str:
        """Digest of its file.

        Raises:
            BenchmarkError: it cannot be read.
        """
        try:
            with self.path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise BenchmarkError(f"the picture {self.path} cannot be read: {error}") from error


@dataclass(frozen=True, slots=True)
class Query:
    """One picture that is searched for.

    Attributes:
        picture: the picture.
        positives: ids in the database that it should find; none for one that should find nothing.
        junk: ids that count neither for it nor against it.
        made: how it was made, for synthetic sets.
    """

    picture: Picture
    positives: frozenset[str]
    junk: frozenset[str] = frozenset()
    made: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RetrievalSet:
    """Queries and a database.

    Attributes:
        name: of the set, such as ``cutmix``.
        queries: in a fixed order.
        database: in a fixed order, ids unique.
        about: how it was made: source, seed, parameters.

    Raises:
        BenchmarkError: ids that are not unique, positives or junk that are not in the database, a
            id that is both, or an empty side.
    """

    name: str
    queries: tuple[Query, ...]
    database: tuple[Picture, ...]
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.queries or not self.database:
            raise BenchmarkError(
                f"the set {self.name} has {len(self.queries)} queries and {len(self.database)} others: "
                "it needs one of each at least"
            )
        known = {picture.id for picture in self.database}
        if len(known) != len(self.database) or len({q.picture.id for q in self.queries}) != len(self.queries):
            raise BenchmarkError(f"the set {self.name} has an id twice")
        for query in self.queries:
            strange = (query.positives | query.junk) - known
            if strange or query.positives & query.junk:
                raise BenchmarkError(
                    f"the truth of query {query.picture.id} of the set {self.name} names "
                    f"{min(strange or query.positives & query.junk)!r}, which is "
                    + ("not in its database" if strange else "both a positive and junk")
                )


def sha256s(pictures: Iterable[Picture]) -> list[str]:
    """Digests of the files of pictures, in their order.

    Raises:
        BenchmarkError: one cannot be read.
    """
    with ThreadPoolExecutor(threads(), "digest") as pool:
        return list(pool.map(Picture.sha256, pictures))


def write_truth(folder: Path, made: RetrievalSet) -> None:
    """Write the description and the truth of a set whose pictures lie below a folder.

    Raises:
        BenchmarkError: a picture lies elsewhere, or cannot be read.
    """
    places = [_place(folder, query.picture) for query in made.queries]
    lines = [
        {
            "query": query.picture.id,
            **place,
            "sha256": digest,
            "positives": sorted(query.positives),
            "junk": sorted(query.junk),
            "made": dict(query.made),
        }
        for query, place, digest in zip(
            made.queries, places, sha256s(query.picture for query in made.queries), strict=True
        )
    ]
    truth = "".join(json.dumps(line) + "\n" for line in lines).encode()
    description = {
        "format": FORMAT,
        "name": made.name,
        "queries": len(made.queries),
        "truth": hashlib.sha256(truth).hexdigest(),
        "about": dict(made.about),
        "database": [
            {"id": picture.id, **_place(folder, picture), "sha256": digest}
            for picture, digest in zip(made.database, sha256s(made.database), strict=True)
        ],
    }
    (folder / TRUTH).write_bytes(truth)
    # Last: a folder without it is no set, so that a kill leaves none that is cut short.
    (folder / DESCRIPTION).write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")


def read_set(folder: Path) -> RetrievalSet:
    """Read a set that `write_truth` wrote.

    Raises:
        BenchmarkError: there is none, or it has been damaged, or a picture is not the one that it was
            written for.
    """
    try:
        description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        truth = (folder / TRUTH).read_bytes()
        if description["format"] != FORMAT:
            raise ValueError(f"it has format {description['format']}, expected {FORMAT}")
        if hashlib.sha256(truth).hexdigest() != description["truth"]:
            raise ValueError(f"{TRUTH} is not the one that {DESCRIPTION} was written for")
        lines = [json.loads(line) for line in truth.decode().splitlines()]
        if len(lines) != description["queries"]:
            raise ValueError(f"{TRUTH} has {len(lines)} lines, expected {description['queries']}")
        database = tuple(_picture(folder, entry["id"], entry) for entry in description["database"])
        queries = tuple(_query(folder, line) for line in lines)
        name, about = str(description["name"]), dict(description["about"])
        _check_files([query.picture for query in queries], lines)
        _check_files(database, description["database"])
    except FileNotFoundError as error:
        raise BenchmarkError(
            f"there is no retrieval set at {folder} ({error.filename} is missing)"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BenchmarkError(f"the retrieval set at {folder} is damaged ({error}): make it again") from error
    return RetrievalSet(name, queries, database, about)


def _query(folder: Path, line: Mapping[str, Any]) -> Query:
    return Query(
        _picture(folder, line["query"], line),
        frozenset(map(str, line["positives"])),
        frozenset(map(str, line["junk"])),
        dict(line["made"]),
    )


def _picture(folder: Path, name: Any, entry: Mapping[str, Any]) -> Picture:
    path = folder / str(entry["path"])
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{entry['path']} leads out of the folder")
    box = entry["box"]
    if box is None:
        return Picture(str(name), path)
    edges = [float(edge) for edge in box]
    if len(edges) != 4 or not all(map(math.isfinite, edges)):
        raise ValueError(f"the box of {name} is {box}, expected four numbers")
    return Picture(str(name), path, (edges[0], edges[1], edges[2], edges[3]))


def _check_files(pictures: Iterable[Picture], entries: Iterable[Mapping[str, Any]]) -> None:
    pictures = list(pictures)
    for picture, digest, entry in zip(pictures, sha256s(pictures), entries, strict=True):
        if digest != entry["sha256"]:
            raise ValueError(f"{picture.path} is not the picture that its truth was written for")


def _place(folder: Path, picture: Picture) -> dict[str, Any]:
    return {"path": _inside(folder, picture.path), "box": picture.box}


def _inside(folder: Path, path: Path) -> str:
    try:
        return path.relative_to(folder).as_posix()
    except ValueError as error:
        raise BenchmarkError(f"{path} does not lie in {folder}: copy it there first") from error
