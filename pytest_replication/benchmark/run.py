"""Run a benchmark: sets x extractors x scores → rows. Killed, it goes on where it was."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pytest_replication import __version__
from pytest_replication.benchmark.features import Features, digest_of, features, identity_of, key_of
from pytest_replication.benchmark.metrics import masks, pair_curve, summarise
from pytest_replication.benchmark.results import POINTS, Row, add_results, read_results
from pytest_replication.benchmark.scores import VERSION, Score, score_named
from pytest_replication.benchmark.sets import Picture, RetrievalSet
from pytest_replication.embedders import Embedder, load_embedder
from pytest_replication.errors import BenchmarkError
from pytest_replication.reports.words import plural

RESULTS = "results.json"
CELLS = 200_000_000
"""Most comparisons of queries with the database: scores, truth and their copies take about 30 bytes each."""
SAME = 0.9999
"""Cosine from which on a background image is one of the database."""
NEAR = 0.95
"""Cosine from which on it may be an edited copy of one: counted and told."""
_ROWS = 1024
"""Background vectors that are compared at once."""


def run_benchmark(
    sets: Sequence[RetrievalSet],
    embedders: Sequence[str],
    scores: Sequence[str],
    out: Path,
    *,
    background: Sequence[Picture] = (),
    preset: str | None = None,
    device: str = "auto",
    progress: bool = True,
    say: Callable[[str], None] | None = None,
    tell: Callable[[str], None] | None = None,
) -> list[Row]:
    """Measure how well extractors and scores find what sets hold.

    Features are cached below ``out``, results are written after every row; what an earlier run in the
    same folder measured on the same pictures with the same weights is not measured again.

    Args:
        sets: with names that differ.
        embedders: names as `load_embedder` takes them.
        scores: names as `scores.score_named` takes them. One that compares parts is left out for an
            extractor without tokens whose vector is of bits, or cannot be cut into slices.
        out: folder for results and features.
        background: pictures that are in no set, for scores that are normalised or whitened.
        preset: preprocessing preset of all extractors; None for the own one of each.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        progress: show progress bars when standard error is a terminal.
        say: called with a sentence for each score that is left out for an extractor.
        tell: called with a line for each set that was measured with an extractor.

    Returns:
        One row for each set, extractor and score that fit, in this order of loops: extractors, sets,
        scores.

    Raises:
        BenchmarkError: nothing to do, sets of the same name or too large, an extractor given twice, a
            score without its background, or a background that holds images of a database.
        EmbedderError, SettingsError: an extractor cannot be loaded or misbehaves.
    """
    wanted = [score_named(name) for name in scores]
    _check(sets, embedders, wanted, background)
    pictures = {made.name: _digests(made) for made in sets}
    behind = digest_of(background)
    known = {row.key: row for row in read_results(out / RESULTS)}
    found: list[tuple[str, Row]] = []
    names: dict[str, str] = {}
    for written in embedders:
        embedder = load_embedder(written, preset=preset, device=device)
        names[written] = embedder.spec.name
        fit = [score for score in wanted if not score.misfit(embedder)]
        for score in wanted:
            if (reason := score.misfit(embedder)) and say is not None:
                say(f"the score {score.name} is left out for {written}, {reason}")
        identity = identity_of(embedder, out / "features")
        for made in sets:
            digests = (*pictures[made.name], behind)
            task = _Task(made, embedder, identity, digests, background, out / "features", progress)
            missing = [score for score in fit if task.key(score) not in known]
            started = time.monotonic()
            for row in task.measure(missing):
                known[row.key] = row
                add_results(out / RESULTS, [row])
            if tell is not None and fit:
                took = f"{plural(len(missing), 'score')} in {time.monotonic() - started:.1f} s"
                tell(f"{made.name}, {written}: {took if missing else 'measured before'}")
            found += [(written, known[task.key(score)]) for score in dict.fromkeys(fit)]
    if not found:
        raise BenchmarkError(f"none of the scores {', '.join(scores)} fits any of {', '.join(embedders)}")
    labels = _labels(names)
    rows = [replace(row, extractor=labels[written]) for written, row in found]
    if rows != [row for _, row in found]:
        add_results(out / RESULTS, rows)
    return rows


def _check(
    sets: Sequence[RetrievalSet],
    embedders: Sequence[str],
    scores: Sequence[Score],
    background: Sequence[Picture],
) -> None:
    if not (sets and embedders and scores):
        raise BenchmarkError(
            f"{len(sets)} sets, {len(embedders)} extractors and {len(scores)} scores are no benchmark: give "
            "at least one of each"
        )
    for what, names in (("sets are named", [made.name for made in sets]), ("extractors are", embedders)):
        name, times = Counter(names).most_common(1)[0]
        if times > 1:
            raise BenchmarkError(f"two {what} {name}: results could not be told apart, leave one out")
    for made in sets:
        cells = len(made.queries) * len(made.database)
        if cells > CELLS:
            raise BenchmarkError(
                f"the set {made.name} asks for {len(made.queries)} x {len(made.database)} = {cells} "
                f"comparisons, and at most {CELLS} are held in memory: take a part of its queries"
            )
    for score in scores:
        if score.needs_background and not background:
            raise BenchmarkError(f"the score {score.name} needs a background set: give --background IMAGES")
        if score.least > len(background):
            raise BenchmarkError(
                f"the score {score.name} needs {score.least} background images at least, and there are "
                f"{len(background)}: add some to --background"
            )


@dataclass(frozen=True, slots=True)
class _Task:
    """One set and one extractor.

    Attributes:
        made: the set.
        embedder: the extractor.
        identity: of the extractor, as `identity_of` has it.
        digests: of queries, database and background.
        background: pictures, may be none.
        cache: folder of features.
        progress: show bars.
    """

    made: RetrievalSet
    embedder: Embedder
    identity: str
    digests: tuple[str, str, str]
    background: Sequence[Picture]
    cache: Path
    progress: bool

    def key(self, score: Score) -> str:
        """All that decides the numbers of a row."""
        queries, database, background = self.digests
        truth = [[q.picture.id, sorted(q.positives), sorted(q.junk)] for q in self.made.queries]
        parts = [
            __version__,
            VERSION,
            self.made.name,
            score.name,
            truth,
            self.identity,
            queries,
            database,
            background if score.needs_background else "",
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def measure(self, scores: Sequence[Score]) -> Iterator[Row]:
        """Embed what the cache does not hold, and score."""
        if not scores:
            return
        made, started = self.made, time.monotonic()
        tokens = any(score.needs_tokens for score in scores)
        queries = self._embed([query.picture for query in made.queries], 0, tokens)
        database = self._embed(made.database, 1, tokens)
        behind, near = None, 0
        if any(score.needs_background for score in scores):
            behind = self._embed(self.background, 2, False)
            near = self._check_disjoint(behind, database)
        positives, junk = masks(made)
        embedding = time.monotonic() - started
        for score in scores:
            started = time.monotonic()
            compared = score.compare(queries, database, behind)
            matrix = compared.matrix
            curve = pair_curve(matrix, positives, junk)
            yield Row(
                set=made.name,
                extractor=self.embedder.spec.name,
                score=score.name,
                metrics=summarise(matrix, positives, junk, curve=curve),
                curve=_thin(curve.recall, curve.precision),
                queries=len(made.queries),
                database=len(made.database),
                seconds=round(embedding + time.monotonic() - started, 3),
                key=self.key(score),
                preprocessing=self.embedder.spec.preprocessing,
                weights_sha256=self.embedder.spec.weights_sha256,
                about={
                    **made.about,
                    **({"background_near": near} if score.needs_background else {}),
                    **compared.about,
                },
            )

    def _embed(self, pictures: Sequence[Picture], side: int, tokens: bool) -> Features:
        name = ("queries", "database", "background")[side]
        return features(
            pictures,
            self.embedder,
            self.cache,
            key=key_of(self.identity, self.digests[side]),
            tokens=tokens,
            title=f"{self.made.name}, {self.embedder.spec.name}, {name}",
            progress=self.progress,
        )

    def _check_disjoint(self, background: Features, database: Features) -> int:
        """Refuse a background with images of the database, which would hide their copies.

        Returns:
            How many come nearer than `NEAR`: edited copies, or what the extractor takes for such.
        """
        same: list[tuple[int, int, float]] = []
        near = 0
        for first in range(0, len(background.vectors), _ROWS):
            scores = background.vectors[first : first + _ROWS] @ database.vectors.T
            best = scores.argmax(axis=1)
            tops = scores[np.arange(len(scores)), best]
            # Not below, rather than reached: what is no number is refused as well.
            found = np.flatnonzero(~(tops < SAME))
            same += [(first + int(row), int(best[row]), float(tops[row])) for row in found]
            near += int((tops >= NEAR).sum())
        if same:
            one, other, score = same[0]
            raise BenchmarkError(
                f"{len(same)} of {len(self.background)} background images are in the database of "
                f"{self.made.name}, or {self.embedder.spec.name} takes them for the same, such as "
                f"{self.background[one].path} and {self.made.database[other].path} ({score:.4f}): leave them "
                "out of --background"
            )
        return near


def _digests(made: RetrievalSet) -> tuple[str, str]:
    return digest_of([query.picture for query in made.queries]), digest_of(made.database)


def _labels(names: Mapping[str, str]) -> dict[str, str]:
    """What the extractors are called: by their identity, or as they were written where that is not one's own.

    Args:
        names: names by what was written.
    """
    times = Counter(names.values())
    return {written: written if times[name] > 1 else name for written, name in names.items()}


def _thin(recall: NDArray[np.float64], precision: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Some points of a curve, its ends among them."""
    chosen = np.unique(np.linspace(0, len(recall) - 1, min(POINTS, len(recall))).astype(int))
    return [(round(float(recall[i]), 6), round(float(precision[i]), 6)) for i in chosen]
