"""Agreement among seeds: a small version of the clique test, not that of the paper.

Carlini et al., "Extracting Training Data from Diffusion Models" (USENIX Security 2023, arXiv 2301.13188),
section 4: of 500 generations of a prompt, two are joined where their tiled l2 is below a line, and a prompt
is memorised where 10 are all joined with each other. The line is not published. Here generations are few
and so are those that have to agree, and the line comes from clean prompts: the score is minus the smallest
line at which so many generations are all joined, so that a threshold of the score is that line. High for
memorised prompts.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from pytest_replication.scoring.pixel import tiled, unit_range


def seed_agreement(pictures: NDArray[np.uint8], clique: int) -> float:
    """Minus the smallest largest distance among `clique` of the pictures.

    Args:
        pictures: (generations, height, width, 3), `clique` or more of 4 x 4 pixels or more.
        clique: how many have to agree.

    Returns:
        In [-1, 0]; 0 where so many are identical.
    """
    images = unit_range(pictures)
    count = len(images)
    distances = np.zeros((count, count))
    for i in range(count - 1):
        distances[i, i + 1 :] = distances[i + 1 :, i] = tiled(images[i], images[i + 1 :])
    return -smallest_clique(distances, clique)


def smallest_clique(distances: NDArray[np.float64], size: int) -> float:
    """The smallest line at which `size` of n things are all within it of each other.

    Pairs are joined in the order of their distance, until one completes a clique.

    Args:
        distances: (n, n), symmetric.
        size: of the clique, from 2 to n.

    Raises:
        ValueError: there are fewer things.
    """
    count = len(distances)
    if not 2 <= size <= count:
        raise ValueError(f"a clique of {size} among {count}")
    joined: list[set[int]] = [set() for _ in range(count)]
    pairs = sorted(itertools.combinations(range(count), 2), key=lambda pair: float(distances[pair]))
    for i, j in pairs:
        joined[i].add(j)
        joined[j].add(i)
        if _holds_clique(joined[i] & joined[j], size - 2, joined):
            return float(distances[i, j])
    raise AssertionError("all are joined")


def _holds_clique(among: set[int], size: int, joined: list[set[int]]) -> bool:
    if size == 0:
        return True
    if len(among) < size:
        return False
    return any(_holds_clique({k for k in among & joined[i] if k > i}, size - 1, joined) for i in among)
