"""From which score on an image of a hold-out is taken for a copy of a training image.

An embedder with a documented threshold was made to tell copies, and duplicates are known of it. Of any
other the score of a re-encoded file is unknown: it is measured, on images of the hold-out and copies made
of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pytest_replication.controls.planting import shrunk
from pytest_replication.images.edits import EDITS, differs
from pytest_replication.index.reader import Index
from pytest_replication.search.duplicates import DUPLICATE
from pytest_replication.search.embed import embed_images
from pytest_replication.shares import allowed

SAME = 0.999
"""Score that next to nothing but the same image reaches; no line is above it."""
MAX_COPIED = 0.05
"""Share of a hold-out that may be copies of training images; of more it is doubtful that it is one."""
RE_ENCODED = ("jpeg-20", "thumbnail-64", "thumbnail-64-long")
"""Edits that a file goes through on its way to another folder."""
LOOKED_AT = 64
"""Images of which copies are made."""
_QUARTILE = 0.25
_STEPS = 1e4


def copies_line(index: Index, given: float | None, images: Iterable[Image.Image]) -> float:
    """Score from which on a hold-out image counts as a copy.

    Args:
        index: an open index.
        given: what the user says; it decides.
        images: upright RGB images of the kind in question, of which the first `LOOKED_AT` are looked at
            if the embedder documents no threshold.

    Returns:
        The given score; else 0.95 where the embedder documents a threshold; else the lowest quartile of the
        scores of re-encoded copies with their originals, four decimals, at most `SAME`.
    """
    if given is not None:
        return given
    if index.embedder.default_threshold is not None:
        return DUPLICATE
    scores = re_encoded_scores(index, images)
    if not len(scores):
        return SAME
    line = float(np.floor(np.quantile(scores, _QUARTILE) * _STEPS) / _STEPS)
    return min(SAME, max(line, 1 / _STEPS))


def too_many_copies(copied: int, of: int, line: float, most: float, what: str, setting: str) -> str:
    """What is wrong with a hold-out of which many images are copies; empty where nothing is.

    Args:
        copied: images that are copies.
        of: all images.
        line: score from which on they are.
        most: share that may be.
        what: the hold-out, for people.
        setting: where they can allow more.
    """
    if copied <= allowed(most, of):
        return ""
    return (
        f"{copied} of {of} images of {what} are copies of training images (score >= {line:g}); at most "
        f"{100 * most:g} % may be: did you swap samples and hold-out? Give images that the model was not "
        f"trained on, or {setting} if so many are to be left out"
    )


def re_encoded_scores(index: Index, images: Iterable[Image.Image]) -> NDArray[np.float64]:
    """Score of each re-encoded copy with the image that it was made of, where it differs: (copies,)."""
    of: list[int] = []
    rows: list[int] = []

    def stream() -> Iterator[Image.Image]:
        for image in itertools.islice(images, LOOKED_AT):
            original = shrunk(image)
            copies = [
                copy for copy in (EDITS[name](original) for name in RE_ENCODED) if differs(original, copy)
            ]
            first = rows[-1] + 1 if rows else 0
            rows.extend(range(first, first + 1 + len(copies)))
            of.extend([first] * (1 + len(copies)))
            yield original
            yield from copies

    pictures = stream()
    head = next(pictures, None)
    if head is None:
        return np.empty(0)
    vectors = embed_images(index, itertools.chain([head], pictures)).astype(np.float64)
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    copies = np.flatnonzero(np.array(of) != np.array(rows))
    pairs = np.einsum("nsd,nvd->nsv", vectors[copies], vectors[np.array(of)[copies]])
    return np.asarray(pairs.reshape(len(copies), -1).max(axis=1, initial=-1.0), np.float64)
