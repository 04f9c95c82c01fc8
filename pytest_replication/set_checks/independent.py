"""Which samples are evidence of their own: those that repeat no other, and one of each prompt."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from pytest_replication.search import Subject
from pytest_replication.set_checks.running import Features
from pytest_replication.set_verdicts import Finding
from pytest_replication.stats.bootstrap import worth
from pytest_replication.verdicts import Outcome


def keys_of(vectors: Features) -> list[bytes]:
    """What tells images apart: equal for the same image, up to rounding."""
    rows = vectors.reshape(len(vectors), -1).round(4) + np.float32(0)  # no -0
    return [row.tobytes() for row in np.ascontiguousarray(rows)]


def first_of_each(vectors: Features) -> NDArray[np.int64]:
    """Numbers of the images that no earlier one equals."""
    seen: dict[bytes, int] = {}
    for number, key in enumerate(keys_of(vectors)):
        seen.setdefault(key, number)
    return np.array(sorted(seen.values()), np.int64)


def independent(subject: Subject) -> int:
    """Samples that are independent evidence: those that are distinct, and no more than prompts are worth.

    Samples of one prompt count once, and where some prompts have more samples than others, for less.
    """
    count = len(subject.samples)
    prompts = int(worth(list(Counter(subject.prompts).values())) + 1e-9) if subject.prompts else count
    return min(count, subject.distinct or count, prompts)


def one_a_prompt(subject: Subject, seed: int = 0) -> NDArray[np.int64]:
    """Numbers of samples that are independent: one of each prompt, drawn at random; all if none is shared.

    A test of samples that share prompts takes what one prompt does many times for what the model does.
    """
    places: dict[object, list[int]] = {}
    for number in range(len(subject.samples)):
        places.setdefault(subject.prompts[number] if subject.prompts else number, []).append(number)
    rng = np.random.default_rng(seed)
    return np.array(sorted(int(rng.choice(several)) for several in places.values()), np.int64)


def told_of_prompts(samples: int, prompts: int, p: float, alpha: float) -> tuple[Finding, ...]:
    """What all samples together say where a test is of one a prompt: nothing, unless they share prompts.

    What only the samples of a few prompts show is no property of the model, but nothing passes on it either.

    Args:
        samples: number of all.
        prompts: number of those that were tested.
        p: of the same tests of all samples, adjusted, the lowest.
        alpha: p from which on downwards a test fails.
    """
    if samples == prompts:
        return ()
    told = (
        f"{samples} samples share {prompts} prompts, of each of which one is tested; all together p {p:.3g}"
    )
    return (Finding("prompts", told, Outcome.INCONCLUSIVE if p <= alpha else None, p),)
