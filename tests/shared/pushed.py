"""A model whose prompts move it by a known amount."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pytest_replication.screens.denoiser import Denoiser, Embeddings, Pictures
from pytest_replication.screens.schedule import Latents, Schedule

SHAPE = (4, 8, 8)
STEPS = 5


class Pushed(Denoiser):
    """A network that answers with half its latents, and with what the prompt adds: a number in the prompt."""

    name = "pushed"
    fingerprint = "f" * 64
    room = 1000

    def __init__(self, prediction: str = "epsilon") -> None:
        alphas = (0.02, 0.2, 0.5, 0.8, 0.95)
        self.schedule = Schedule((900, 700, 500, 300, 100), alphas, (*alphas[1:], 1.0), prediction)
        self.asked: list[tuple[int, int]] = []

    def embed(self, prompt: str) -> Embeddings:
        push = float(prompt.rpartition(" ")[2]) if prompt else 0.0
        return np.full((1, 1), push, np.float32)

    def noise(self, seeds: Sequence[int]) -> Latents:
        drawn = [np.random.default_rng(seed).standard_normal(SHAPE) for seed in seeds]
        return np.stack(drawn).astype(np.float32)

    def predict(self, latents: Latents, timestep: int, embeddings: Embeddings) -> Latents:
        self.asked.append((len(latents), timestep))
        if len(latents) > self.room:
            raise MemoryError
        direction = np.random.default_rng(timestep).standard_normal(SHAPE)
        return np.asarray(latents / 2 + embeddings[:, :, :, None] * direction, np.float32)

    def decode(self, latents: Latents) -> Pictures:
        pictures = np.clip(latents[:, :3].transpose(0, 2, 3, 1) * 40 + 128, 0, 255)
        return pictures.astype(np.uint8)
