"""INRIA Copydays (Douze et al. 2009): 157 holiday photographs and copies of them.

The first four digits of a name (``200001.jpg``) say which original it is a copy of.
"""

from __future__ import annotations

import re

from pytest_replication.benchmark.real.base import RealSet, Request
from pytest_replication.benchmark.sets import Picture, Query, RetrievalSet
from pytest_replication.errors import BenchmarkError

_ORIGINALS, _STRONG = 157, 229
_QUALITIES = (3, 5, 8, 10, 15, 20, 30, 50, 75)
_CROPS = (10, 15, 20, 30, 40, 50, 60, 70, 80)
_FOLDERS = {
    "strong": "strong",
    **{f"jpeg-{quality}": f"jpegqual/{quality}" for quality in _QUALITIES},
    **{f"crop-{share}": f"crops/{share}" for share in _CROPS},
}
_NAME = re.compile(r"([0-9]{4})[0-9]{2}\.jpg")


def _load(about: RealSet, request: Request) -> RetrievalSet:
    originals: dict[str, Picture] = {}
    for name, block in _blocks(about, request, "original"):
        if block in originals:
            raise BenchmarkError(f"the set {about.name} has two originals of block {block}: {name} is one")
        originals[block] = Picture(name, request.root / "original" / name)
    about.expect(request, "originals", len(originals), _ORIGINALS)
    variants = list(_FOLDERS) if request.variant == "all" else [request.variant]
    queries = [query for variant in variants for query in _queries(about, request, originals, variant)]
    return RetrievalSet(about.name, tuple(queries), tuple(originals.values()))


def _queries(about: RealSet, request: Request, originals: dict[str, Picture], variant: str) -> list[Query]:
    queries = []
    for name, block in _blocks(about, request, _FOLDERS[variant]):
        if block not in originals:
            raise about.missing(f"the original of {_FOLDERS[variant]}/{name}")
        picture = Picture(f"{variant}/{name}", request.root / _FOLDERS[variant] / name)
        queries.append(Query(picture, frozenset({originals[block].id})))
    published = _STRONG if variant == "strong" else _ORIGINALS
    about.expect(request, f"pictures in {_FOLDERS[variant]}", len(queries), published)
    return queries


def _blocks(about: RealSet, request: Request, folder: str) -> list[tuple[str, str]]:
    """Names in a folder, and the block that each belongs to."""
    found = []
    for name in about.listed(request.root / folder):
        match = _NAME.fullmatch(name)
        if match is None:
            raise BenchmarkError(
                f"{request.root / folder / name} is not named with six digits, "
                f"as the pictures of {about.name} are"
            )
        found.append((name, match[1]))
    return found


COPYDAYS = RealSet(
    name="copydays",
    variants=(*_FOLDERS, "all"),
    home="https://thoth.inrialpes.fr/~jegou/data.php.html#copydays",
    licence="see its home page, where INRIA holds the copyright of the holiday photographs",
    files="original/, and of strong/, jpegqual/QUALITY/ and crops/PERCENT/ those that the variant needs",
    load=_load,
)
