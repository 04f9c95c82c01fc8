"""A false discovery rate in the place of a threshold: what it may be asked, and which samples it rejects."""

from __future__ import annotations

from pytest_replication.errors import CalibrationError, SettingsError
from pytest_replication.policy import Policy
from pytest_replication.search.matches import Matches
from pytest_replication.stats.fdr import benjamini_hochberg
from pytest_replication.stats.null import needed as null_needed


def check_claim(policy: Policy) -> None:
    """Refuse to claim a rate of what a false discovery rate finds.

    Whether Benjamini-Hochberg rejects a sample depends on all others: it rejects fewer than are as close, so
    that no bound of their number is one of a rate of the model.

    Raises:
        SettingsError: so it is.
    """
    if policy.fdr is not None and policy.max_rate > 0:
        raise SettingsError(
            f"a false discovery rate of {policy.fdr:g} ({policy.fdr_source}) decides which samples are "
            f"replicated, and proves no rate of the model: a rate of {policy.max_rate:g} "
            f"({policy.max_rate_source}) takes a threshold; give threshold= in the call, or leave one of the "
            "two out"
        )


def check_least(fdr: float, samples: int, least: float, index: str) -> None:
    """Refuse a false discovery rate at which no sample alone could be told among so many.

    Args:
        fdr: the false discovery rate.
        samples: how many there are.
        least: the smallest p-value that there can be.
        index: for the message.

    Raises:
        CalibrationError: so it is.
    """
    rate = fdr / samples
    if not least <= rate:
        raise CalibrationError(
            f"a false discovery rate of {100 * fdr:g} % among {samples} samples takes "
            f"{null_needed(rate)} images in the calibration of {index} (or in a group of it), which has "
            f"{round(1 / least) - 1}: no single sample could be told; calibrate with more images "
            f"('pytest-replication calibrate {index} --holdout IMAGES'), give fewer samples or a threshold"
        )


def rejected(matches: Matches, fdr: float) -> list[bool]:
    """Which samples Benjamini-Hochberg rejects."""
    n, again = len(matches.of), f"'pytest-replication calibrate {matches.subject.index} --holdout IMAGES'"
    if len(matches.p_values) != n or not all(0 < p <= 1 for p in matches.p_values):
        raise CalibrationError(
            f"{n} samples have {len(matches.p_values)} p-values from 0 to 1, and a false discovery rate "
            f"takes one of each: calibrate the index ({again}), or give a threshold"
        )
    check_least(fdr, n, matches.p_least, matches.subject.index)
    return [bool(taken) for taken in benjamini_hochberg(matches.p_values, fdr)]
