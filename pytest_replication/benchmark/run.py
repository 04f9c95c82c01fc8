"""Run a benchmark: sets x extractors x scores → rows. Killed, it goes on where it was."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_replication import __version__
from pytest_replication.benchmark.asked import check_ways
from pytest_replication.benchmark.behind import Side, check_files, check_vectors, near_negatives
from pytest_replication.benchmark.features import Features, digest_of, features, identity_of, key_of
from pytest_replication.benchmark.metrics import summarise_judged, thresholds
from pytest_replication.benchmark.ranked import CELLS, Blocks, rank
from pytest_replication.benchmark.results import POINTS, Row, add_results, read_results
from pytest_replication.benchmark.scores import VERSION, Score, score_named
from pytest_replication.benchmark.sets import Picture, RetrievalSet, sha256s
from pytest_replication.embedders import Embedder, load_embedder
from pytest_replication.errors import BenchmarkError, SettingsError
from pytest_replication.reports.words import plural

RESULTS = "results.json"


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
        say: called with a sentence for each score that is left out for an extractor, and for background
            images or negatives that come near a picture of a set.
        tell: called with a line for each set that was measured with an extractor.

    Returns:
        One row for each set, extractor and score that fit, in this order of loops: extractors, sets,
        scores.

    Raises:
        BenchmarkError: nothing to do, a background that is too small or holds pictures of a set.
        EmbedderError: an extractor cannot be loaded or misbehaves.
        SettingsError: sets of the same name, an extractor given twice, a score that there is not or
            without its background, settings of an extractor.
    """
    _check(sets, embedders, scores)
    wanted = [score_named(name) for name in scores]
    check_ways(embedders, wanted, len(background))
    contents = sha256s(background)
    behind = digest_of(background, contents)
    files = dict(zip(contents, background, strict=True)) if any(s.needs_background for s in wanted) else {}
    pictures = {made.name: _digests(made, files) for made in sets}
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
            task = _Task(made, embedder, identity, digests, background, out / "features", progress, say)
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


def _check(sets: Sequence[RetrievalSet], embedders: Sequence[str], scores: Sequence[str]) -> None:
    if not (sets and embedders and scores):
        raise BenchmarkError(
            f"{len(sets)} sets, {len(embedders)} extractors and {len(scores)} scores are no benchmark: give "
            "at least one of each"
        )
    name, times = Counter(made.name for made in sets).most_common(1)[0]
    if times > 1:
        raise SettingsError(f"two sets are named {name}: results could not be told apart, leave one out")


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
        say: told of what comes near.
    """

    made: RetrievalSet
    embedder: Embedder
    identity: str
    digests: tuple[str, str, str]
    background: Sequence[Picture]
    cache: Path
    progress: bool
    say: Callable[[str], None] | None

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
        background = self._background(scores, queries, database)
        if self.say is not None and len(made.queries) * len(made.database) <= CELLS:
            near_negatives(made, queries, database, self.embedder.spec.name, self.say)
        embedding = time.monotonic() - started
        for score in scores:
            started = time.monotonic()
            compared = score.compare(queries, database, background and background[0])
            about = {**made.about, **compared.about}
            if background is not None and score.needs_background:
                about["background"] = background[1]
            title = f"{made.name}, {self.embedder.spec.name}, {score.name}"
            judged, curve = rank(Blocks(made, compared, title=title, progress=self.progress))
            yield Row(
                set=made.name,
                extractor=self.embedder.spec.name,
                score=score.name,
                metrics=summarise_judged(judged, curve),
                curve=_thin(curve.recall, curve.precision),
                queries=len(made.queries),
                database=len(made.database),
                seconds=round(embedding + time.monotonic() - started, 3),
                key=self.key(score),
                preprocessing=self.embedder.spec.preprocessing,
                weights_sha256=self.embedder.spec.weights_sha256,
                about=about,
                thresholds=thresholds(judged, curve),
            )

    def _background(
        self, scores: Sequence[Score], queries: Features, database: Features
    ) -> tuple[Features, dict[str, Any]] | None:
        """Features of the background, apart from the set, and what is said of it; None if not needed."""
        if not any(score.needs_background for score in scores):
            return None
        behind = self._embed(self.background, 2, False)
        sides = (
            Side("database", self.made.database, database.vectors),
            Side("queries", [query.picture for query in self.made.queries], queries.vectors),
        )
        name = self.embedder.spec.name
        near = check_vectors(behind, self.background, sides, self.made.name, name, self.say)
        about = {
            "images": len(self.background),
            "sha256": self.digests[2],
            **{f"near_{side}": count for side, count in near.items()},
        }
        return behind, about

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


def _digests(made: RetrievalSet, background: Mapping[str, Picture]) -> tuple[str, str]:
    """Digests of queries and database, none of which is in the background, by the sha256 of its files."""
    sides = {"database": made.database, "queries": [query.picture for query in made.queries]}
    contents = {name: sha256s(pictures) for name, pictures in sides.items()}
    by_content = {name: dict(zip(contents[name], sides[name], strict=True)) for name in sides}
    check_files(background, by_content, made.name)
    return digest_of(sides["queries"], contents["queries"]), digest_of(made.database, contents["database"])


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
