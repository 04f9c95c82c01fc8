"""What a measurement of recall came to: a certificate that a gate may rely on, or a refusal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_replication.stats.intervals import lower_bound

MIN_PLANTED = 3000
"""Fewest planted queries of a certificate: without a miss they prove a recall of 0.999."""
CONFIDENCE = 0.95
"""Lowest confidence of a certificate."""
DECIMALS = 6
"""Thresholds are the same when they agree to this, like scores."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """Proof that an engine finds stored vectors at a threshold.

    A query was planted at exactly the threshold from a random stored vector, and is found when one
    of k candidates reaches the threshold. Copies that are nearer are found at least as easily. The
    planted queries are turned away in random directions: the certificate is about those, and not
    about a model that would aim at what the engine overlooks.

    Attributes:
        threshold: cosine at which queries were planted, rounded to 6 decimals.
        k: candidates that were asked for each query. It covers a search that asks for k or more.
        planted: planted queries.
        misses: of them, those that were not found.
        bound: lower Clopper-Pearson bound of the recall.
        confidence: of the bound, one-sided.
        min_recall: what the bound had to reach.
        engine: name of the engine.
        library: name and version of the library that made its files.
        parameters: that it was built with.
        effort: with which it was measured, and has to be searched.
        generation: digest of the shards that it was built from.
        files: digest of its files. The same shards and parameters do not always give the same files.
        seed: of the planted queries; `planted` makes the same again.
        created: ISO 8601, UTC.
    """

    threshold: float
    k: int
    planted: int
    misses: int
    bound: float
    confidence: float
    min_recall: float
    engine: str
    library: str
    parameters: Mapping[str, int]
    effort: int
    generation: str
    files: str
    seed: int
    created: str

    @property
    def sound(self) -> bool:
        """Whether its numbers agree with each other and prove what it says."""
        found = self.planted - self.misses
        return (
            self.planted >= MIN_PLANTED
            and 0 <= found <= self.planted
            and CONFIDENCE <= self.confidence < 1
            and self.k >= 1
            and self.effort >= 1
            and abs(self.bound - lower_bound(found, self.planted, self.confidence)) < 1e-9
            and self.bound >= self.min_recall
        )

    def covers(
        self,
        threshold: float,
        min_recall: float,
        k: int,
        generation: str,
        files: str,
        confidence: float = CONFIDENCE,
    ) -> bool:
        """Whether a gate may rely on it.

        Args:
            threshold: of the gate; the same to 6 decimals.
            min_recall: that the gate demands.
            k: candidates that the gate asks for each vector: at least those of the certificate.
            generation: digest of the shards as they are now.
            files: digest of the files of the engine that is searched.
            confidence: that the gate demands.
        """
        return (
            self.sound
            and round(self.threshold, DECIMALS) == round(threshold, DECIMALS)
            and self.bound >= min_recall
            and self.confidence >= confidence
            and self.k <= k
            and self.generation == generation
            and self.files == files
        )


@dataclass(frozen=True, slots=True)
class Refusal:
    """No effort of an engine proved the recall that was asked for.

    Attributes:
        engine: name of the engine.
        threshold: cosine at which queries were planted.
        k: candidates that were asked for each query.
        min_recall: what the bound had to reach.
        confidence: of the bound.
        planted: queries that were tried at the best effort; a hopeless one is given up early.
        misses: of them, those that were not found.
        bound: the best lower bound of the recall that was reached.
        effort: with which it was reached.
    """

    engine: str
    threshold: float
    k: int
    min_recall: float
    confidence: float
    planted: int
    misses: int
    bound: float
    effort: int

    @property
    def reason(self) -> str:
        """One sentence for people."""
        return (
            f"{self.engine} missed {self.misses} of {self.planted} queries planted at {self.threshold:g} "
            f"with effort {self.effort}, its best: a recall of {self.bound:.5f} is proved, expected "
            f"{self.min_recall:g} (at {self.confidence:g} confidence); search exactly, or ask for more "
            f"candidates than {self.k}"
        )
