"""Text-conditional noise magnitude: how far a prompt moves the predicted noise.

Wen, Liu, Chen and Lyu, "Detecting, Explaining, and Mitigating Memorization in Diffusion Models" (ICLR 2024,
arXiv 2407.21720):

    d = mean over generations and steps of || eps(x_t, prompt) - eps(x_t, no prompt) ||_2

with the norm over the whole latent, along guided DDIM sampling. High for memorised prompts.

A network that predicts v is taken by its v. It moves with a prompt as its noise does, times 1 / sqrt(a), so
that it tells prompts apart on pure noise too, where a is 0 and the noise is the same for all of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def norms(differences: NDArray[np.floating]) -> NDArray[np.float64]:
    """Euclidean norm of each difference of predictions, over all channels and places.

    Args:
        differences: (n, channels, height, width).

    Returns:
        (n,) from 0 on.
    """
    flat = np.asarray(differences, np.float64).reshape(len(differences), -1)
    return np.asarray(np.sqrt((flat**2).sum(axis=1)))


def noise_magnitude(norms_of: NDArray[np.float64]) -> float:
    """Mean over generations and steps.

    Args:
        norms_of: (generations, steps) of `norms`.
    """
    return float(norms_of.mean())
