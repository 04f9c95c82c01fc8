"""engine.json: what an engine was built from, with the digests of its files and its certificates."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from pytest_replication.index.entries import FileEntry
from pytest_replication.index.reader import Index
from pytest_replication.index.shard import EMBEDDINGS
from pytest_replication.sealed import digest, seal, unseal
from pytest_replication.search.engines.certificate import CONFIDENCE, Certificate

FORMAT = 2
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

    @property
    def digest(self) -> str:
        """Digest of its files: their names, sizes and checksums."""
        return digest({name: asdict(file) for name, file in self.files.items()})

    def owns(self, certificate: Certificate) -> bool:
        """Whether a certificate adds up, and was measured on the very files of this engine."""
        told = (certificate.engine, certificate.library, certificate.generation, certificate.files)
        same = told == (self.engine, self.library, self.generation, self.digest)
        return same and certificate.sound and dict(certificate.parameters) == dict(self.parameters)

    def certificate_for(
        self, threshold: float, min_recall: float, k: int, confidence: float = CONFIDENCE
    ) -> Certificate | None:
        """Look up the certificate that lets a gate pass on the word of this engine.

        Args:
            threshold: of the gate. Only a certificate for the same one (to 6 decimals) will do.
            min_recall: that the gate demands.
            k: candidates that the gate asks for each vector. Asking for more than was certified
                finds more, so certificates for k or fewer will do.
            confidence: that the gate demands.

        Returns:
            The one with the least effort; the engine has to be searched with that. None if none
            will do.
        """
        question = (threshold, min_recall, k, self.generation, self.digest, confidence)
        fit = [one for one in self.certificates if one.covers(*question)]
        return min(fit, key=lambda certificate: certificate.effort, default=None)

    def with_certificate(self, certificate: Certificate) -> Self:
        """Add a certificate; one for the same threshold, candidates, recall and confidence is replaced."""

        def purpose(one: Certificate) -> tuple[float, int, float, float]:
            return one.threshold, one.k, one.min_recall, one.confidence

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
        if not entry.owns(certificate):
            raise ValueError(f"its certificate for {certificate.threshold:g} does not add up")


def _from_body(body: dict[str, Any]) -> EngineEntry:
    body["files"] = {name: FileEntry(**values) for name, values in body["files"].items()}
    body["certificates"] = tuple(Certificate(**values) for values in body["certificates"])
    return EngineEntry(**body)
