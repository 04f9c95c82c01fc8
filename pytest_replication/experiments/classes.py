"""Classes: are those whose training images are alike copied more? Section 6 of Somepalli et al. (ImageNet).

How alike the images of a class are is the mean inner product of all pairs of different ones. It takes no
pairs: the sum of m unit vectors has the squared length m + m (m - 1) mean.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import ExperimentError
from pytest_replication.experiments.judged import Asked, Interval, Scores, best_scores, judged
from pytest_replication.index.contents import shard_columns
from pytest_replication.index.reader import Index
from pytest_replication.models.samples import Samples
from pytest_replication.search.vectors import take
from pytest_replication.stats.correlation import Correlation, pearson, spearman
from pytest_replication.stats.intervals import lower_bound, upper_bound
from pytest_replication.verdicts import Verdict

FEWEST = 2
"""Training images of a class that make a pair."""
_NAMED = 8
"""Classes that an error lists."""


@dataclass(frozen=True, slots=True)
class ClassResult:
    """One class.

    Attributes:
        name: label of its training images.
        images: training images of it in the index.
        similarity: mean score of pairs of different ones, of those that were drawn.
        samples: samples of it.
        mean: of their highest scores.
        highest: of these.
        replicated: samples of it that are replicated.
        rate: share of them.
    """

    name: str
    images: int
    similarity: float
    samples: int
    mean: float
    highest: float
    replicated: int
    rate: Interval


@dataclass(frozen=True, slots=True)
class ClassesResult:
    """All classes that have samples and two training images or more.

    Attributes:
        verdict: of all samples.
        by: what says which class a sample is of: ``label`` (what it was made from) or ``match`` (the label of
            its nearest training image).
        classes: one each, the least alike first.
        left_out: classes of samples with fewer than two training images.
        correlations: of the similarity of a class with ``mean``, ``highest`` and ``rate``: Pearson's and
            Spearman's; None where fewer than four classes, or classes that never vary, tell nothing.
    """

    verdict: Verdict
    by: str
    classes: tuple[ClassResult, ...]
    left_out: tuple[str, ...]
    correlations: dict[str, tuple[Correlation | None, Correlation | None]]


def measure_classes(samples: Samples, index: Index, asked: Asked) -> ClassesResult:
    """Measure samples class by class.

    Args:
        samples: with labels where the model was told which class to make; else each is of the class of its
            nearest training image.
        index: of training images with labels.
        asked: threshold, confidence, and how many training images are drawn of each class.

    Raises:
        ExperimentError: the training images have no labels, or no class has samples and two of them.
        ReplicationError: the samples, the index or the settings do not allow it.
    """
    labels = labels_of(index)
    verdict = judged(samples, index, asked)
    by = "label" if samples.labels else "match"
    of = [str(label) for label in samples.labels] or [
        match.record.label or "" for match in verdict.matches.best
    ]
    _check_known(of, labels, index)
    rows: dict[str, list[int]] = defaultdict(list)
    for row, label in labels.items():
        rows[label].append(row)
    usable = [name for name in sorted(set(of)) if len(rows[name]) >= FEWEST]
    if not usable:
        raise ExperimentError(f"no class of the samples has two training images or more in {index.path}")
    found = [_class(name, rows[name], of, verdict, index, asked) for name in usable]
    found.sort(key=lambda one: one.similarity)
    left_out = tuple(sorted(set(of) - set(usable)))
    return ClassesResult(verdict, by, tuple(found), left_out, _correlations(found, asked))


def labels_of(index: Index) -> dict[int, str]:
    """The label of each row that is searched and has one.

    Raises:
        ExperimentError: none has.
        IndexCorrupt: the records cannot be read.
    """
    removed, found = set(index.removed.tolist()), {}
    for shard in index.shards:
        for place, (label,) in enumerate(shard_columns(shard, ("label",))):
            if label and shard.first + place not in removed:
                found[shard.first + place] = str(label)
    if not found:
        raise ExperimentError(
            f"the training images of {index.path} have no labels: build it from a source that has some "
            "(idx:, torchvision:, a parquet file with a column label; docs/sources.md)"
        )
    return found


def similarity_of(index: Index, rows: Sequence[int], most: int, seed: int = 0) -> float:
    """Mean score of all pairs of different ones among some rows, by their first view.

    Args:
        index: an open index.
        rows: two or more.
        most: rows that are drawn, all if there are no more.
        seed: of the draw.
    """
    drawn: NDArray[np.int64] = np.array(rows, np.int64)
    if len(drawn) > most:
        drawn = np.sort(np.random.default_rng(seed).choice(drawn, max(most, FEWEST), replace=False))
    vectors = take(index, drawn * len(index.manifest.views))
    m = len(drawn)
    length = float(np.square(vectors.sum(axis=0)).sum())
    return (length - m) / (m * (m - 1))


def _class(
    name: str, rows: Sequence[int], of: Sequence[str], verdict: Verdict, index: Index, asked: Asked
) -> ClassResult:
    here = [sample for sample, label in enumerate(of) if label == name]
    scores: Scores = best_scores(verdict.matches.best)[here]
    among = set(here)
    hits, n = sum(match.sample in among for match in verdict.replicated), len(here)
    unsure = sum(match.sample in among for match in verdict.undecided)
    distinct = distinct_of(verdict, here)
    rate = Interval(
        hits / n,
        lower_bound(hits * distinct // n, distinct, asked.one_sided),
        upper_bound(min(hits + unsure, distinct), distinct, asked.one_sided),
    )
    return ClassResult(
        name=name,
        images=len(rows),
        similarity=similarity_of(index, rows, asked.training, asked.seed),
        samples=n,
        mean=float(scores.mean()),
        highest=float(scores.max()),
        replicated=hits,
        rate=rate,
    )


def distinct_of(verdict: Verdict, samples: Sequence[int]) -> int:
    """How many of some samples differ from each other: one image given again and again is one observation."""
    digests = verdict.matches.subject.sample_sha256
    return len({digests[sample] for sample in samples}) if digests else len(samples)


def _correlations(
    found: Sequence[ClassResult], asked: Asked
) -> dict[str, tuple[Correlation | None, Correlation | None]]:
    alike = np.array([one.similarity for one in found], np.float64)
    told = {
        "mean": [one.mean for one in found],
        "highest": [one.highest for one in found],
        "rate": [one.rate.value for one in found],
    }
    return {
        name: (
            pearson(alike, np.array(values, np.float64), asked.confidence),
            spearman(alike, np.array(values, np.float64), asked.confidence),
        )
        for name, values in told.items()
    }


def _check_known(of: Sequence[str], labels: dict[int, str], index: Index) -> None:
    known = sorted(set(labels.values()))
    unknown = Counter(label for label in of if label not in known)
    if unknown:
        name, count = unknown.most_common(1)[0]
        some = ", ".join(known[:_NAMED]) + (" …" if len(known) > _NAMED else "")
        raise ExperimentError(
            f"{unknown.total()} samples are of classes that no training image of {index.path} has, {count} "
            f"of them of {name!r}: its classes are {some}"
        )
