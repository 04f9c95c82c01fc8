"""Does a model give one image again and again?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pytest_replication.choices import CanaryChoice
from pytest_replication.errors import SettingsError, ThresholdMissing
from pytest_replication.index.reader import Index
from pytest_replication.models.samples import Samples
from pytest_replication.search import Subject
from pytest_replication.search.collect import tidy
from pytest_replication.search.duplicates import DUPLICATE
from pytest_replication.set_checks.running import Call, Features, embed_only, run_check
from pytest_replication.set_verdicts import Finding, WithinVerdict
from pytest_replication.shares import allowed
from pytest_replication.verdicts import Outcome

NAME = "assert_no_duplicates_within"
_ROWS = 512
_SHOWN = 5


def measure_within(
    samples: object, *, threshold: float | None, max_share: float, call: Call
) -> WithinVerdict:
    """Compare samples with each other.

    Raises:
        ReplicationError: the samples, the index or the settings do not allow a verdict.
    """

    def work(index: Index, choice: CanaryChoice) -> WithinVerdict:
        line, source = _threshold(threshold, index)
        if not 0 <= max_share < 1:
            raise SettingsError(f"max_share {max_share}: give a share from 0 to below 1")
        vectors, subject = embed_only(index, Samples.of(samples), call.name)
        return judge_within(vectors, line, source, max_share, subject)

    return run_check(call, work)


def judge_within(
    vectors: Features, threshold: float, source: str, max_share: float, subject: Subject
) -> WithinVerdict:
    """Group samples that are one image, and compare the share of repeats with what is tolerated."""
    n, groups = len(vectors), group(vectors, threshold)
    several = sorted((tuple(g) for g in groups if len(g) > 1), key=lambda g: (-len(g), g))
    repeated = n - len(groups)
    outcome = Outcome.PASS if repeated <= allowed(max_share, n) else Outcome.FAIL
    outcome = Outcome.INCONCLUSIVE if n < 2 else outcome
    repeat = f"{repeated} of {n} samples repeat another"
    findings = [
        Finding(
            "repeats",
            f"{repeat}; score >= {threshold:.9g} ({source}), tolerated share {100 * max_share:g} %",
            outcome,
            None,
            {
                "repeated": repeated,
                "groups": len(several),
                "largest": len(several[0]) if several else 1,
                "threshold": threshold,
                "max_share": max_share,
            },
        )
    ]
    findings += [
        Finding("one image", f"{len(g)} times: {', '.join(subject.samples[i] for i in g[:_SHOWN])}")
        for g in several[:_SHOWN]
    ]
    return WithinVerdict(
        outcome=outcome,
        assertion=NAME,
        story="inconclusive: one sample alone repeats nothing"
        if n < 2
        else f"{repeat} ({len(groups)} images)",
        findings=tuple(findings),
        subject=subject,
        to_settle="2 samples or more" if n < 2 else "",
        threshold=threshold,
        threshold_source=source,
        groups=tuple(several),
        repeated=repeated,
        max_share=max_share,
    )


def group(vectors: Features, threshold: float) -> list[list[int]]:
    """Put each sample to the first image that it repeats, or let it begin a group of its own.

    The score of two samples is that of their best pair of views. Memory holds a block of scores.
    """
    groups: list[list[int]] = []
    for start in range(0, len(vectors), _ROWS):
        block = vectors[start : start + _ROWS]
        leaders = [g[0] for g in groups]
        old = np.concatenate(
            [_scores(block, vectors[leaders[i : i + _ROWS]]) for i in range(0, len(leaders), _ROWS)]
            or [np.empty((len(block), 0))],
            axis=1,
        )
        own = _scores(block, block)
        homes: list[int] = []
        for place, row in enumerate(old):
            scores = np.concatenate([row, own[place][homes]])
            hit = np.flatnonzero(scores >= threshold)
            if len(hit):
                groups[int(hit[0])].append(start + place)
            else:
                homes.append(place)
                groups.append([start + place])
    return groups


def _scores(left: Features, right: Features) -> NDArray[np.float64]:
    """(n, m) scores of the best pair of views, in float64."""
    a, b = (v.reshape(-1, v.shape[2]).astype(np.float64) for v in (left, right))
    products = (a @ b.T).reshape(len(left), left.shape[1], len(right), right.shape[1])
    lengths = (
        np.linalg.norm(a, axis=1).reshape(len(left), -1),
        np.linalg.norm(b, axis=1).reshape(len(right), -1),
    )
    scores = products / lengths[0][:, :, None, None] / lengths[1][None, None]
    return tidy(scores.max(axis=(1, 3)))


def _threshold(given: float | None, index: Index) -> tuple[float, str]:
    if given is not None:
        if not -1 < given <= 1:
            raise SettingsError(f"threshold {given} can never decide: give a score above -1 and at most 1")
        return float(given), "call"
    if index.embedder.default_threshold is None:
        raise ThresholdMissing(
            f"no threshold: from which score on two samples are one image is not documented for the embedder "
            f"{index.manifest.embedder.name} of {index.path}; give {NAME}(samples, threshold)"
        )
    return DUPLICATE, "duplicates of Somepalli et al. 2023"
