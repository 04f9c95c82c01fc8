"""The deterministic DDIM schedule that screens run, and what a network's output says at each of its steps.

Song, Meng and Ermon, "Denoising Diffusion Implicit Models" (ICLR 2021), equation 12 with sigma = 0;
Salimans and Ho, "Progressive Distillation" (ICLR 2022), appendix D, for v. With a the cumulative product of
alphas:

    x = sqrt(a) x0 + sqrt(1 - a) noise        v = sqrt(a) noise - sqrt(1 - a) x0
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Latents = NDArray[np.float32]
PREDICTIONS = ("epsilon", "v_prediction", "sample")
"""What a network may predict: the noise, v, or the clean latents."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Timesteps with how much of the clean latents is left at each.

    Attributes:
        timesteps: (steps,) what the network is told, noisiest first.
        alphas: (steps,) cumulative product at each, in [0, 1); above 0 where noise is predicted.
        after: (steps,) cumulative product after the step, in (0, 1].
        prediction: one of `PREDICTIONS`.
        clip: range that clean latents are clipped to; None for none.
    """

    timesteps: tuple[int, ...]
    alphas: tuple[float, ...]
    after: tuple[float, ...]
    prediction: str = "epsilon"
    clip: float | None = None

    def __len__(self) -> int:
        return len(self.timesteps)

    def noise(self, output: Latents, latents: Latents, step: int) -> Latents:
        """The noise that an output of the network says, of the shape of the latents."""
        a = self.alphas[step]
        if self.prediction == "epsilon":
            return output
        if self.prediction == "v_prediction":
            return _single(np.sqrt(a) * output + np.sqrt(1 - a) * latents)
        return _single((latents - np.sqrt(a) * output) / np.sqrt(1 - a))

    def clean(self, output: Latents, latents: Latents, step: int) -> Latents:
        """The clean latents that an output says."""
        a = self.alphas[step]
        if self.prediction == "epsilon":
            found = (latents - np.sqrt(1 - a) * output) / np.sqrt(a)
        elif self.prediction == "v_prediction":
            found = np.sqrt(a) * latents - np.sqrt(1 - a) * output
        else:
            found = output
        return _single(found if self.clip is None else np.clip(found, -self.clip, self.clip))

    def next(self, output: Latents, latents: Latents, step: int) -> Latents:
        """The latents after one step."""
        a, noise = self.after[step], self.noise(output, latents, step)
        return _single(np.sqrt(a) * self.clean(output, latents, step) + np.sqrt(1 - a) * noise)


def _single(values: NDArray[np.floating]) -> Latents:
    return np.asarray(values, np.float32)
