"""What a screen needs of a text-to-image model: a network that predicts noise, and what stands around it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pytest_replication.screens.schedule import Latents, Schedule

Embeddings = NDArray[np.float32]
Pictures = NDArray[np.uint8]


class Denoiser(ABC):
    """A network with classifier-free guidance, its text encoder and its decoder.

    All that goes in and out are numpy arrays, so that formulas do not depend on where the network runs.

    Attributes:
        name: of the model.
        fingerprint: sha256 of its weights and options; None where it is not known.
        guidance: that it was loaded to be sampled with; None where it does not say.
        notes: what a verdict has to tell of it.
        schedule: the steps to run.
    """

    name: str
    fingerprint: str | None = None
    guidance: float | None = None
    notes: tuple[str, ...] = ()
    schedule: Schedule

    @abstractmethod
    def embed(self, prompt: str) -> Embeddings:
        """What the network is told of a prompt: (tokens, dim)."""

    @abstractmethod
    def noise(self, seeds: Sequence[int]) -> Latents:
        """Pure noise, one a seed and from that seed alone: (n, channels, height, width)."""

    @abstractmethod
    def predict(self, latents: Latents, timestep: int, embeddings: Embeddings) -> Latents:
        """Ask the network.

        Args:
            latents: (n, channels, height, width).
            timestep: of the schedule.
            embeddings: (n, tokens, dim).

        Returns:
            Its output, as it is: (n, channels, height, width).

        Raises:
            ModelError: the network fails.
        """

    @abstractmethod
    def decode(self, latents: Latents) -> Pictures:
        """Pictures of clean latents: (n, height, width, 3)."""
