"""How scores and thresholds are written, in every report and message alike. Standard library only."""

from __future__ import annotations

_PLACES = (3, 4, 5, 6, 9)


def score_text(score: float, threshold: float | None = None, *, digits: int = 3) -> str:
    """A score in three digits, or in more where these would tell something else than the score.

    A score below 1 is not written as 1.000, one that is not the threshold not as the threshold, and one that
    reaches it not as less.

    Args:
        score: a cosine.
        threshold: beside which it stands; None for none.
        digits: how many are enough elsewhere.
    """
    limits = [1.0] if threshold is None else [1.0, threshold]
    for places in _PLACES:
        told = f"{score:.{places}f}"
        if places >= digits and all(_tells(told, score, limit, places) for limit in limits):
            return told
    return repr(float(score))  # not np.float64(…)


def _tells(told: str, score: float, limit: float, places: int) -> bool:
    """Whether the text of a score lies on its side of a limit, and is not that of the limit."""
    beyond = (float(told) >= limit) == (score >= limit)
    return beyond and (score == limit or told != f"{limit:.{places}f}")


def threshold_text(threshold: float) -> str:
    """A threshold as it was given."""
    return f"{threshold:.9g}"
