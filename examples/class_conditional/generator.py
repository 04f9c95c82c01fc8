"""The model: a Gaussian for each class (fixtures/train/class_gaussians.py)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

WEIGHTS = Path(__file__).resolve().parents[2] / "fixtures" / "models" / "fashion-mnist-classes" / "model.npz"


def generate(seeds: list[int], labels: list[str]) -> np.ndarray:
    """Make an image of each class, from a seed each."""
    with np.load(WEIGHTS) as archive:
        means, directions = archive["means"].astype(np.float64), archive["directions"].astype(np.float64)
    made = []
    for seed, label in zip(seeds, map(int, labels), strict=True):
        strength = np.random.default_rng(seed).normal(size=len(directions[label]))
        made.append(np.clip(means[label] + np.tensordot(strength, directions[label], 1), 0, 1))
    return np.stack(made)[..., None]
