"""Counts that a share allows."""

from __future__ import annotations


def allowed(share: float, of: int) -> int:
    """The greatest count whose share of a number is no larger than tolerated.

    Shares are compared, as reports show them, and not products: 29 of 100 are 0.29 of them, while 0.29 * 100
    is 28.999999999999996.

    Args:
        share: from 0 to 1.
        of: the number, 0 or more.
    """
    count = int(share * of)
    if count < of and (count + 1) / of <= share:
        return count + 1
    return count - 1 if count and count / of > share else count
