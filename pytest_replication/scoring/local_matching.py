"""Which local features of a sample are those of a training image: nearest descriptions, if they stand out.

The nearest description of a training image counts where the second nearest is clearly farther (the ratio test
of Lowe, IJCV 2004). What repeats within the training image (bricks, letters, a checkerboard) has a second one
just as near, and matches nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATIO = 0.85
"""Distance of the nearest as a share of that of the second nearest, up to which it counts.

It lets many false pairs through, on which geometry then does not agree.
"""

Descriptions = NDArray[np.float32]
Places = NDArray[np.int64]


def unit(descriptions: NDArray[np.uint8]) -> Descriptions:
    """Stored descriptions as unit vectors: (n, 128)."""
    found = descriptions.astype(np.float32)
    found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)
    return found


def match(sample: Descriptions, training: Descriptions, ratio: float = RATIO) -> tuple[Places, Places]:
    """Pair the features of a sample with those of a training image.

    Args:
        sample: (n, 128) unit rows.
        training: (m, 128) unit rows.
        ratio: see `RATIO`.

    Returns:
        Places of the paired features, (p,) each; a feature of the sample is in one pair at most. None with
        fewer than two features in the training image: nothing tells then whether a description stands out.
    """
    if not len(sample) or len(training) < 2:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    products = sample @ training.T
    rows = np.arange(len(sample))
    nearest = products.argmax(axis=1)
    first = _distance(products[rows, nearest])
    products[rows, nearest] = -np.inf
    second = _distance(products.max(axis=1))
    kept = np.flatnonzero(first < ratio * second)
    return kept, nearest[kept]


def _distance(products: NDArray[np.float32]) -> NDArray[np.float32]:
    """Euclidean distance of unit vectors."""
    found: NDArray[np.float32] = np.sqrt(np.maximum(2 - 2 * products, 0))
    return found
