"""One set and one extractor of a benchmark: embedded, and scored in each way that is wanted."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_replication import __version__
from pytest_replication.benchmark.background_overlap import Side, check_vectors, near_negatives
from pytest_replication.benchmark.features import Features, features, key_of
from pytest_replication.benchmark.metrics import summarise_judged, thresholds
from pytest_replication.benchmark.ranked import CELLS, Blocks, rank
from pytest_replication.benchmark.results import POINTS, Row
from pytest_replication.benchmark.scores import VERSION, Score
from pytest_replication.benchmark.sets import Picture, RetrievalSet
from pytest_replication.embedders import Embedder


@dataclass(frozen=True, slots=True)
class Background:
    """Pictures that are in no set.

    Attributes:
        pictures: may be none.
        name: what results call them.
        digest: of their content.
    """

    pictures: Sequence[Picture]
    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class Extractor:
    """An extractor.

    Attributes:
        embedder: ready to embed.
        written: what the user calls it.
        identity: as `identity_of` has it.
    """

    embedder: Embedder
    written: str
    identity: str


@dataclass(frozen=True, slots=True)
class Task:
    """One set and one extractor.

    Attributes:
        made: the set.
        digests: of its queries and its database.
        extractor: what embeds it.
        background: what scores learn from.
        cache: folder of features.
        progress: show bars.
        say: told of what comes near.
    """

    made: RetrievalSet
    digests: tuple[str, str]
    extractor: Extractor
    background: Background
    cache: Path
    progress: bool
    say: Callable[[str], None] | None

    def key(self, score: Score) -> str:
        """All that decides the numbers of a row."""
        queries, database = self.digests
        truth = [[q.picture.id, sorted(q.positives), sorted(q.junk)] for q in self.made.queries]
        parts = [
            __version__,
            VERSION,
            self.made.name,
            score.name,
            truth,
            self.extractor.identity,
            queries,
            database,
            self.background.digest if score.needs_background else "",
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def measure(self, scores: Sequence[Score]) -> Iterator[Row]:
        """Embed what the cache does not hold, and score."""
        if not scores:
            return
        made, spec, started = self.made, self.extractor.embedder.spec, time.monotonic()
        tokens = any(score.needs_tokens for score in scores)
        queries = self._embed("queries", [query.picture for query in made.queries], self.digests[0], tokens)
        database = self._embed("database", made.database, self.digests[1], tokens)
        background = self._background(scores, queries, database)
        if self.say is not None and len(made.queries) * len(made.database) <= CELLS:
            near_negatives(made, queries, database, self.extractor.written, self.say)
        embedding = time.monotonic() - started
        for score in scores:
            started = time.monotonic()
            compared = score.compare(queries, database, background and background[0])
            about = {**made.about, **compared.about}
            if background is not None and score.needs_background:
                about["background"] = background[1]
            title = f"{made.name}, {self.extractor.written}, {score.name}"
            judged, curve = rank(Blocks(made, compared, title=title, progress=self.progress))
            yield Row(
                set=made.name,
                extractor=spec.name,
                score=score.name,
                metrics=summarise_judged(judged, curve),
                curve=_thin(curve.recall, curve.precision),
                queries=len(made.queries),
                database=len(made.database),
                seconds=round(embedding + time.monotonic() - started, 3),
                key=self.key(score),
                preprocessing=spec.preprocessing,
                weights_sha256=spec.weights_sha256,
                about=about,
                thresholds=thresholds(judged, curve),
            )

    def _background(
        self, scores: Sequence[Score], queries: Features, database: Features
    ) -> tuple[Features, dict[str, Any]] | None:
        """Features of the background, apart from the set, and what is said of it; None if not needed."""
        if not any(score.needs_background for score in scores):
            return None
        pictures, written = self.background.pictures, self.extractor.written
        behind = self._embed("background", pictures, self.background.digest, tokens=False)
        sides = (
            Side("database", self.made.database, database.vectors),
            Side("queries", [query.picture for query in self.made.queries], queries.vectors),
        )
        near = check_vectors(behind, pictures, sides, self.made.name, written, self.say)
        about = {
            "name": self.background.name,
            "images": len(pictures),
            "sha256": self.background.digest,
            **{f"near_{side}": count for side, count in near.items()},
        }
        return behind, about

    def _embed(self, name: str, pictures: Sequence[Picture], digest: str, tokens: bool) -> Features:
        return features(
            pictures,
            self.extractor.embedder,
            self.cache,
            key=key_of(self.extractor.identity, digest),
            tokens=tokens,
            title=f"{self.made.name}, {self.extractor.written}, {name}",
            progress=self.progress,
        )


def _thin(recall: NDArray[np.float64], precision: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Some points of a curve, its ends among them."""
    chosen = np.unique(np.linspace(0, len(recall) - 1, min(POINTS, len(recall))).astype(int))
    return [(round(float(recall[i]), 6), round(float(precision[i]), 6)) for i in chosen]
