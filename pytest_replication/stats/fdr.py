"""Benjamini-Hochberg: which of many p-values are rejected so that few rejections are false.

Benjamini and Hochberg, "Controlling the false discovery rate", Journal of the Royal Statistical Society
B 57 (1995). The share of false ones among the rejections is at most q on average, where p-values are
independent or positively dependent; conformal p-values from one null are the latter (Bates et al.,
Annals of Statistics 51, 2023, theorem 2).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def adjusted(p_values: object) -> NDArray[np.float64]:
    """The smallest q at which each of n p-values is rejected, in the order given: (n,) in (0, 1].

    Raises:
        ValueError: there are none, or one is not a probability.
    """
    given = np.asarray(p_values, np.float64)
    if given.ndim != 1 or not len(given) or not ((given >= 0) & (given <= 1)).all():
        raise ValueError(f"{given.size} p-values, not all of them from 0 to 1")
    order = np.argsort(given, kind="stable")
    scaled = given[order] * len(given) / np.arange(1, len(given) + 1)
    found = np.empty_like(given)
    found[order] = np.minimum(1, np.minimum.accumulate(scaled[::-1])[::-1])
    return found


def benjamini_hochberg(p_values: object, q: float) -> NDArray[np.bool_]:
    """Which of n p-values are rejected at a false discovery rate of `q`: (n,) bool.

    With the p-values sorted, the largest i with p_i <= q i / n is sought; those up to it are rejected.

    Raises:
        ValueError: as `adjusted`, or q outside (0, 1).
    """
    if not 0 < q < 1:
        raise ValueError(f"a false discovery rate of {q} must be in (0, 1)")
    given = np.asarray(p_values, np.float64)
    adjusted(given)  # refuses what are no p-values
    count = len(given)
    ordered = np.sort(given)
    # Compared as p <= q i / n and not through `adjusted`, whose rounding could tip a p-value at the line.
    below = np.flatnonzero(ordered <= q * np.arange(1, count + 1) / count)
    limit = ordered[below[-1]] if len(below) else -1.0
    return np.asarray(given <= limit)
