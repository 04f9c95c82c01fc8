"""What lies beside an index to search it faster: what there is, and whether it is sound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_replication.errors import IndexCorrupt, SearchError
from pytest_replication.index.reader import Index
from pytest_replication.search import codes
from pytest_replication.search.engines import Certificate, built_engines, damage, read_entry


@dataclass(frozen=True, slots=True)
class Cache:
    """Codes, or an approximate engine.

    Attributes:
        name: ``int8``, or the name of the engine.
        bytes: size on disk.
        certificates: of the recall of an engine.
        fault: why it is of no use as it is, or not for all shards; empty if it is fit.
        in_part: whether it is used all the same, for some shards.
    """

    name: str
    bytes: int
    certificates: Sequence[Certificate] = ()
    fault: str = ""
    in_part: bool = False


def caches(index: Index) -> list[Cache]:
    """List the codes and engines of an index; their files are not read."""
    made = [_codes(index)] if codes.folder_of(index).is_dir() else []
    return made + [_engine(index, name) for name in built_engines(index)]


def damages(index: Index, *, sound: bool = True) -> list[str]:
    """Compare every file of the codes and engines of an index with its digest, and codes with the vectors.

    Args:
        index: an index.
        sound: whether its vectors are the ones that were written.

    Returns:
        One sentence a fault. Codes or an engine of vectors that the index holds no more are none:
        nothing uses them.
    """
    return codes.damages(index, sound=sound) + [
        fault for name in built_engines(index) if (fault := damage(index, name)) is not None
    ]


def _codes(index: Index) -> Cache:
    try:
        there = codes.sizes(index)
    except (IndexCorrupt, SearchError) as error:
        return Cache(codes.NAME, 0, fault=str(error))
    fault = ""
    if (missing := len(index.shards) - len(there)) > 0:
        again = f"'pytest-replication engine {index.path} int8' makes them"
        fault = f"{missing} of {len(index.shards)} shards have none: {again}"
    return Cache(codes.NAME, sum(there), fault=fault, in_part=missing > 0 and len(there) > 0)


def _engine(index: Index, name: str) -> Cache:
    try:
        entry = read_entry(index, name)
    except SearchError as error:
        return Cache(name, 0, fault=str(error))
    return Cache(name, sum(file.bytes for file in entry.files.values()), entry.certificates)
