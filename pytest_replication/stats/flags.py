"""What a detector's false positives do to a gate, and the hold-out that tells them."""

from __future__ import annotations

from pytest_replication.stats.null import needed
from pytest_replication.stats.power import more_than, samples_for_hits


def false_flags(samples: int, fpr: float) -> tuple[float, float]:
    """What a detector with a false-positive rate does to samples of which none is a copy.

    Args:
        samples: their number.
        fpr: share of innocent samples that it flags, in [0, 1).

    Returns:
        The expected number of false flags, and the probability of one or more: how often a gate that
        tolerates none fails by chance.
    """
    return samples * fpr, more_than(0, samples, fpr)


def flagged_rate(rate: float, fpr: float, recall: float = 1.0) -> float:
    """Share of samples that a detector flags, of a model with a rate of copies: pi TPR + (1 - pi) FPR."""
    return rate * recall + (1 - rate) * fpr


def fpr_for_gate(samples: int, alarm: float) -> float:
    """False-positive rate of one sample with which a gate of so many alarms falsely that often at most.

    ``alarm / samples`` (Bonferroni), for a gate that tolerates no flag: what `calibrate` takes.
    """
    return alarm / samples


def holdout_for_fpr(fpr: float, confidence: float | None = None) -> int:
    """Real images that a hold-out needs for a threshold with a false-positive rate.

    Args:
        fpr: of one sample, in (0, 1).
        confidence: None for the size that can express the rate at all (conformal p-values are multiples of
            1 / (H + 1)); else the size with which, none of the hold-out reaching the threshold, the bound
            of its false-positive rate is within `fpr`.

    Raises:
        ValueError: a number outside its range.
    """
    return needed(fpr) if confidence is None else samples_for_hits(0, fpr, confidence)


def holdout_for_fdr(fdr: float, samples: int) -> int:
    """Real images that a hold-out needs for Benjamini-Hochberg to flag a single copy among the samples.

    The smallest conformal p-value is 1 / (H + 1), which has to be within ``fdr / samples``; with a smaller
    hold-out a check is an error.

    Raises:
        ValueError: a number outside its range.
    """
    if not 0 < fdr < 1 or samples < 1:
        raise ValueError(f"a false discovery rate of {fdr} among {samples} samples")
    return needed(fdr / samples)
