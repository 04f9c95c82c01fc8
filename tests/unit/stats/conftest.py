"""Features for the tests of sets: random ones, and real ones of photographs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_replication.embedders import load_embedder


@dataclass(frozen=True)
class Sets:
    """Features of training images, a hold-out and samples, of which some are near training images."""

    train: np.ndarray
    holdout: np.ndarray
    samples: np.ndarray


def _random() -> Sets:
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 3, (3, 80))

    def draw(count: int) -> np.ndarray:
        return centres[rng.integers(0, 3, count)] + rng.normal(0, 1, (count, 80))

    train = draw(400)
    copies = train[:90] + rng.normal(0, 0.4, (90, 80))
    sets = (train, draw(150), np.concatenate([draw(60), copies]))
    return Sets(*(features.astype(np.float32) for features in sets))


def _crops(folder: Path, seed: int) -> Iterator[Image.Image]:
    rng = np.random.default_rng(seed)
    for path in sorted(folder.glob("*.jpg")):
        with Image.open(path) as photo:
            small = photo.convert("RGB").resize((64, 64))
        for _ in range(8):
            left, top = rng.integers(0, 24, 2)
            yield small.crop((left, top, left + 40, top + 40))


@pytest.fixture(scope="session")
def random_sets() -> Sets:
    """Three clouds of random vectors."""
    return _random()


@pytest.fixture(scope="session")
def real_sets(training: Path, unrelated: Path) -> Sets:
    """Crops of photographs, embedded with pixels; the samples are other crops of the training photographs."""
    embedder = load_embedder("pixels")

    def embed(images: Iterator[Image.Image]) -> np.ndarray:
        return embedder.embed([embedder.prepare(image) for image in images])

    return Sets(embed(_crops(training, 0)), embed(_crops(unrelated, 1)), embed(_crops(training, 2)))


@pytest.fixture(params=["random", "real"])
def sets(request: pytest.FixtureRequest) -> Sets:
    """Random and real features in turn."""
    found: Sets = request.getfixturevalue(f"{request.param}_sets")
    return found
