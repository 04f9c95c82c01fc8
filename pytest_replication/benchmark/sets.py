"""A retrieval set: queries, a database, and which of it each query should find.

On disk a set is a folder that any other tool can read: ``queries/`` and ``database/`` with
pictures, ``set.json`` that says what it is and how it was made, and ``truth.jsonl`` with one line a
query.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from pytest_replication.errors import BenchmarkError
from pytest_replication.images.decode import UndecodableImage, decode

FORMAT = 1
TRUTH, DESCRIPTION = "truth.jsonl", "set.json"


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
            BenchmarkError: it cannot be read.
        """
        try:
            image = decode(self.path.read_bytes())
        except (OSError, UndecodableImage) as error:
            raise BenchmarkError(f"the picture {self.path} cannot be read: {error}") from error
        if self.box is None:
            return image
        left, upper, right, lower = (round(edge) for edge in self.box)
        return image.crop((left, upper, right, lower))


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


def write_truth(folder: Path, made: RetrievalSet) -> None:
    """Write the description and the truth of a set whose pictures lie below a folder.

    Raises:
        BenchmarkError: a picture lies elsewhere.
    """
    lines = [
        {
            "query": query.picture.id,
            "path": _inside(folder, query.picture.path),
            "box": query.picture.box,
            "positives": sorted(query.positives),
            "junk": sorted(query.junk),
            "made": dict(query.made),
        }
        for query in made.queries
    ]
    description = {
        "format": FORMAT,
        "name": made.name,
        "queries": len(made.queries),
        "about": dict(made.about),
        "database": [{"id": p.id, "path": _inside(folder, p.path), "box": p.box} for p in made.database],
    }
    (folder / TRUTH).write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    # Last: a folder without it is no set, so that a kill leaves none that is cut short.
    (folder / DESCRIPTION).write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")


def read_set(folder: Path) -> RetrievalSet:
    """Read a set that `write_truth` wrote.

    Raises:
        BenchmarkError: there is none, or it has been damaged.
    """
    try:
        description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        lines = [json.loads(line) for line in (folder / TRUTH).read_text(encoding="utf-8").splitlines()]
        if description["format"] != FORMAT:
            raise ValueError(f"it has format {description['format']}, expected {FORMAT}")
        if len(lines) != description["queries"]:
            raise ValueError(f"{TRUTH} has {len(lines)} lines, expected {description['queries']}")
        database = tuple(_picture(folder, entry["id"], entry) for entry in description["database"])
        queries = tuple(_query(folder, line) for line in lines)
        name, about = str(description["name"]), dict(description["about"])
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
    if box is not None and len(box) != 4:
        raise ValueError(f"the box of {name} has {len(box)} edges")
    return Picture(str(name), path, None if box is None else (box[0], box[1], box[2], box[3]))


def _inside(folder: Path, path: Path) -> str:
    try:
        return path.relative_to(folder).as_posix()
    except ValueError as error:
        raise BenchmarkError(f"{path} does not lie in {folder}: copy it there first") from error
