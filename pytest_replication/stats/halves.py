"""The A/A control: the first and the second half of a null, in the order in which it is listed.

Images of one kind in no order give two halves that differ by chance alone. Where they differ by more, the
null mixes kinds of images that lie one after the other: its threshold is right for that mixture, and for no
part of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pytest_replication.stats.null import Null, Scores
from pytest_replication.stats.twosample import mann_whitney

LIMIT = 0.001
"""A p-value below it fails the control: at most one null in 500 of images in no order does by chance."""


@dataclass(frozen=True, slots=True)
class Halves:
    """Two halves of one set of scores, compared.

    Attributes:
        p: two-sided Mann-Whitney p-value.
        reached: scores of the second half that reach the threshold of the first.
        of: scores of the second half.
        tail_p: two-sided p-value of that number under the beta-binomial distribution that it has where
            both halves come from one distribution.
    """

    p: float
    reached: int
    of: int
    tail_p: float

    @property
    def passed(self) -> bool:
        """Whether they do not differ."""
        return self.p >= LIMIT and self.tail_p >= LIMIT


def compare_halves(scores: Scores, rate: float) -> Halves:
    """Compare the first half of scores with the second.

    Args:
        scores: (H,), two or more, in the order in which their images are listed.
        rate: false-positive rate of the threshold that the first half sets; the smallest that it can
            tell, where it is too small for this one.

    Raises:
        ValueError: fewer than two scores.
    """
    if len(scores) < 2:
        raise ValueError(f"{len(scores)} scores have no halves")
    first, second = Null.of(scores[: len(scores) // 2]), scores[len(scores) // 2 :]
    rate = max(rate, first.resolution)
    reached = int((second >= first.threshold(rate)).sum())
    return Halves(_differ(first.scores, second), reached, len(second), _tail(first, rate, reached, second))


def _differ(first: Scores, second: Scores) -> float:
    if min(first.min(), second.min()) == max(first.max(), second.max()):
        return 1.0
    return min(1.0, 2 * min(mann_whitney(first, second).p, mann_whitney(second, first).p))


def _tail(first: Null, rate: float, reached: int, second: Scores) -> float:
    """Of n new scores, those above the k-th highest of H are beta-binomial with Beta(k, H + 1 - k).

    Ties make fewer reach the threshold, which is no fault: then only too many count against it.
    """
    from scipy.stats import betabinom

    k = first.rank(rate)
    law = betabinom(len(second), k, len(first) + 1 - k)
    above, below = float(law.sf(reached - 1)), float(law.cdf(reached))
    everything = np.concatenate([first.scores, second])
    ties = len(np.unique(everything)) < len(everything)
    return min(1.0, above if ties else 2 * min(above, below))
