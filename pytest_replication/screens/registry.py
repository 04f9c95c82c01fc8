"""The screens by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import SettingsError, UnknownName, meant
from pytest_replication.screens.agreement import seed_agreement
from pytest_replication.screens.anisotropy import anisotropy
from pytest_replication.screens.denoiser import Pictures
from pytest_replication.screens.edges import edge_agreement
from pytest_replication.screens.magnitude import noise_magnitude
from pytest_replication.screens.options import ScreenOptions


@dataclass(frozen=True, slots=True)
class Trace:
    """What was seen of one prompt; what no screen asked for is empty.

    Attributes:
        norms: (seeds, steps) how far the prompt moved the predicted noise.
        late: (seeds,) cosines near the last step, on pure noise.
        one_step: (seeds, height, width, 3) pictures after one step.
        pictures: (seeds, height, width, 3) pictures after all steps.
    """

    norms: NDArray[np.float64]
    late: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    one_step: Pictures = field(default_factory=lambda: np.empty(0, np.uint8))
    pictures: Pictures = field(default_factory=lambda: np.empty(0, np.uint8))


@dataclass(frozen=True, slots=True)
class Screen:
    """A score of a prompt, high where it behaves as memorised ones do.

    Attributes:
        name: of the screen.
        score: from what was seen.
        steps: of the schedule that it takes.
        late: whether it looks at pure noise near the last step.
        one_step: whether it looks at pictures after one step.
        pictures: whether it looks at finished pictures.
        ceiling: the highest score that there is.
    """

    name: str
    score: Callable[[Trace, ScreenOptions], float]
    steps: Callable[[ScreenOptions], int] = lambda options: 1
    late: bool = False
    one_step: bool = False
    pictures: bool = False
    ceiling: float = math.inf


def _magnitude(trace: Trace, options: ScreenOptions) -> float:
    return noise_magnitude(trace.norms[:, : options.first])


def _anisotropy(trace: Trace, options: ScreenOptions) -> float:
    return anisotropy(trace.norms[:, 0], trace.late)


def _edges(trace: Trace, options: ScreenOptions) -> float:
    return edge_agreement(trace.one_step)


def _agreement(trace: Trace, options: ScreenOptions) -> float:
    return seed_agreement(trace.pictures, options.clique)


MAGNITUDE = "noise-magnitude"
AGREEMENT = "seed-agreement"
SCREENS = {
    screen.name: screen
    for screen in (
        Screen(MAGNITUDE, _magnitude, steps=lambda options: options.first or options.steps),
        Screen("anisotropy", _anisotropy, late=True),
        Screen("edge-agreement", _edges, one_step=True, ceiling=1.0),
        Screen(AGREEMENT, _agreement, steps=lambda options: options.steps, pictures=True, ceiling=0.0),
    )
}


def named(names: Sequence[str] | str, options: ScreenOptions) -> tuple[Screen, ...]:
    """Screens by their names.

    Raises:
        UnknownName: there is none of that name.
        SettingsError: none is named, one twice, or there are too few seeds for one.
    """
    wanted = [names] if isinstance(names, str) else list(names)
    for name in wanted:
        if name not in SCREENS:
            raise UnknownName(
                f"there is no screen {name!r}{meant(str(name), SCREENS)}: name some of {', '.join(SCREENS)}"
            )
    if not wanted or len(set(wanted)) < len(wanted):
        raise SettingsError(f"screens are {wanted!r}: name each once, one or more of {', '.join(SCREENS)}")
    if AGREEMENT in wanted and options.seeds < options.clique:
        raise SettingsError(
            f"{AGREEMENT} looks for {options.clique} generations that agree, of {options.seeds}: give more "
            "seeds"
        )
    return tuple(SCREENS[name] for name in wanted)
