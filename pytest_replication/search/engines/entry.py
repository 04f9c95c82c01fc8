"""engine.json: what an engine was built from, with the digests of its files and its certificates."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from pytest_replication.index.manifest import FileEntry
from pytest_replication.index.reader import Index
from pytest_replication.index.shard import EMBEDDINGS
from pytest_replication.search.engines.certificate import Certificate
from pytest_replication.search.sealed import seal, unseal

FORMAT = 1
NAME = "engine.json"
METRIC = "cosine"


@dataclass(frozen=True, slots=True)
class EngineEntry:
    """One built engine.

    Attributes:
        engine: its name.
        library: name and version of the library that made the files.
        parameters: that shaped the files.
        effort: with which it is searched while no certificate asks for more.
        dim: length of a vector.
        views: vectors a training image.
        vectors: that it was built from.
        metric: always ``cosine``.
        generation: digest of the shards that it was built from.
        seconds: that the build took.
        created: ISO 8601, UTC.
        files: entries by file name.
        certificates: of its recall.
    """

    engine: str
    library: str
    parameters: Mapping[str, int]
    effort: int
    dim: int
    views: int
    vectors: int
    metric: str
    generation: str
    seconds: float
    created: str
    files: Mapping[str, FileEntry]
    certificates: tuple[Certificate, ...] = ()

    def with_certificate(self, certificate: Certificate) -> Self:
        """Add a certificate; one for the same threshold, candidates and recall is replaced."""

        def purpose(one: Certificate) -> tuple[float, int, float]:
            return one.threshold, one.k, one.min_recall

        others = tuple(one for one in self.certificates if purpose(one) != purpose(certificate))
        return replace(self, certificates=(*others, certificate))

    def to_json(self) -> str:
        """Serialise, with a digest of the content as the last key."""
        return seal(FORMAT, asdict(self))


def parse_entry(text: str) -> EngineEntry:
    """Parse the text of an engine.json.

    Raises:
        ValueError: it is none, is of another format, has changed, or contradicts itself.
    """
    try:
        body = unseal(text, FORMAT)
        if body is None:
            raise ValueError(f"it is not of format {FORMAT}")
        entry = _from_body(body)
        _check_certificates(entry)
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{error} does not fit") from error
    return entry


def generation_of(index: Index) -> str:
    """Digest of the vectors of an index: names of its shards and their sha256, in order.

    Nothing else of the manifest goes in: rows that are taken out later change no number of a vector.
    """
    content = [[shard.entry.name, shard.entry.files[EMBEDDINGS].sha256] for shard in index.shards]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _check_certificates(entry: EngineEntry) -> None:
    for certificate in entry.certificates:
        told = (certificate.engine, certificate.generation, dict(certificate.parameters))
        if not certificate.sound or told != (entry.engine, entry.generation, dict(entry.parameters)):
            raise ValueError(f"its certificate for {certificate.threshold:g} does not add up")


def _from_body(body: dict[str, Any]) -> EngineEntry:
    body["files"] = {name: FileEntry(**values) for name, values in body["files"].items()}
    body["certificates"] = tuple(Certificate(**values) for values in body["certificates"])
    return EngineEntry(**body)
