"""Two-timestep anisotropy: how far a prompt moves pure noise at first, and in which direction near the end.

Asthana and Belagiannis (ICLR 2026, arXiv 2601.20642). On one latent of pure noise x_T, without sampling:

    g1 || eps(x_T, t_first, prompt) - eps(x_T, t_first, none) ||_2
        + g2 mean over places of cos(eps(x_T, t_third_last, none), eps(x_T, t_third_last, prompt) - the same)

with the cosine over channels and (g1, g2) = (1, 2) for Stable Diffusion 1. High for memorised prompts.

The weights are not free of scale: they suit latents of 4 x 64 x 64. Of a network that predicts v the norm
is of v (see `magnitude`). The authors turn v into scores of another scale there, with other weights; here
they are kept.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WEIGHTS = (1.0, 2.0)
"""Of the norm and of the cosine: the authors' for Stable Diffusion 1."""
FROM_LAST = 3
"""The later of the two timesteps, counted from the end of the schedule."""
_LEAST = 1e-8


def cosines(unconditional: NDArray[np.floating], difference: NDArray[np.floating]) -> NDArray[np.float64]:
    """Mean over places of the cosine over channels.

    Args:
        unconditional: (n, channels, height, width) predicted noise without a prompt.
        difference: of the noise with a prompt from it, in the same shape.

    Returns:
        (n,) in [-1, 1]; a place where either is zero counts 0.
    """
    a, b = np.asarray(unconditional, np.float64), np.asarray(difference, np.float64)
    lengths = [np.maximum(np.sqrt((side**2).sum(axis=1)), _LEAST) for side in (a, b)]
    return np.asarray(((a * b).sum(axis=1) / (lengths[0] * lengths[1])).mean(axis=(1, 2)))


def anisotropy(first: NDArray[np.float64], late: NDArray[np.float64]) -> float:
    """The weighted sum; the mean over generations, of which the authors take one.

    Args:
        first: (generations,) norms at the first step.
        late: (generations,) `cosines` at the third-last step.
    """
    return float((WEIGHTS[0] * first + WEIGHTS[1] * late).mean())
