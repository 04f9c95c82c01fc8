"""Guided matching: where a few pairs say how a part lies, which others lie as they say?

A pair whose description stands out little proves nothing by itself. Where the transform that clear pairs
agree on foretells its place, its size and its direction, it is one more point of the part (guided matching:
Hartley and Zisserman, Multiple View Geometry, 2004, chapter 4). The transform is then fitted again, on all of
them. Only the nearest description of each is asked: of what repeats (bricks, letters) one of many is the
nearest, and that it is the one in the right place is unlikely.

A part that was sheared agrees with a move, turn and scale near its middle only. The farther from there, the
more a place may lie off; an affine transform is fitted to what lies so, and taken where more agree with it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_replication.scoring.transforms import PointPairs, Points, affine, scale, similarity

_ROUNDS = 2
"""Fits, each on what agreed with the one before."""
SHEAR = 0.25
"""What a place may lie off for shear, as a share of its distance from the middle of those that agree."""
STRETCH = 1.6
"""Most that a part may be longer in one direction than in another, as the sample is laid on it."""
_SEEDS = 4
"""Pairs from which on shear is looked for."""
_GAIN = 2
"""Pairs that have to agree more: two more numbers are fitted."""
_DRAWS, _CONFIDENCE = 500, 0.99


def guided(matrix: Points, pairs: PointPairs, tolerance: float) -> tuple[Points, NDArray[np.bool_]]:
    """Find all pairs that lie as a similarity transform says, and fit it again on them.

    Args:
        matrix: (2, 3) of the sample to the training image.
        pairs: n of them.
        tolerance: pixels by which a place may lie off.

    Returns:
        The transform, (2, 3), an affine one where more agree with that, and (n,) which pairs agree; those
        that were given, and what agrees with them, where fewer agree with the one fitted again.
    """
    agree = pairs.agree(matrix, tolerance)
    for _ in range(_ROUNDS):
        again = similarity(pairs.points[agree], pairs.others[agree])
        if again is None or (now := pairs.agree(again, tolerance)).sum() < agree.sum():
            break
        matrix, agree = again, now
    return _sheared(matrix, agree, pairs, tolerance)


def _sheared(
    matrix: Points, agree: NDArray[np.bool_], pairs: PointPairs, tolerance: float
) -> tuple[Points, NDArray[np.bool_]]:
    """The same with an affine transform, where clearly more agree with one."""
    fewest = int(agree.sum()) + _GAIN
    if agree.sum() < _SEEDS:
        return matrix, agree
    middle = pairs.points[agree].mean(axis=0)
    reach = np.hypot(*(pairs.points - middle).T) * scale(matrix)
    loose = pairs.agree(matrix, tolerance + SHEAR * reach)
    if loose.sum() < fewest:
        return matrix, agree
    found, now = _drawn(pairs.points[loose], pairs.others[loose], tolerance), np.zeros_like(agree)
    for _ in range(_ROUNDS + 1):
        if found is None or not stretched_little(found):
            break
        then = pairs.agree(found, tolerance)
        if then.sum() <= now.sum():
            break
        best, now = found, then
        found = affine(pairs.points[now], pairs.others[now])
    return (best, now) if now.sum() >= fewest else (matrix, agree)


def stretched_little(matrix: Points) -> bool:
    """Whether an affine transform mirrors nothing and is a similarity transform up to `STRETCH`."""
    longest, shortest = np.linalg.svd(matrix[:, :2], compute_uv=False)
    return bool(np.linalg.det(matrix[:, :2]) > 0 and shortest > 1e-6 and longest / shortest <= STRETCH)


def _drawn(points: Points, others: Points, tolerance: float) -> Points | None:
    """The affine transform on which most pairs agree, by draws: (2, 3)."""
    import cv2

    opencv: Any = cv2  # it draws by a fixed seed: the same pairs give the same verdict
    matrix, _ = opencv.estimateAffine2D(
        points,
        others,
        method=opencv.RANSAC,
        ransacReprojThreshold=tolerance,
        maxIters=_DRAWS,
        confidence=_CONFIDENCE,
    )
    return None if matrix is None or not np.isfinite(matrix).all() else np.asarray(matrix, np.float64)
