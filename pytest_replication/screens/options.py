"""How prompts are screened."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pytest_replication.errors import SettingsError

GUIDANCE = 7.5
"""Scale of guidance where neither the call nor the model has one: that of Wen et al."""


@dataclass(frozen=True, slots=True)
class ScreenOptions:
    """What is measured of each prompt.

    The defaults are those of Wen et al. (ICLR 2024): 4 generations of 50 DDIM steps.

    Attributes:
        seeds: generations of each prompt, the same seeds for all prompts.
        seed: the first of them; generation j starts from the noise of seed + j, made on the processor.
        steps: of the DDIM schedule, 3 or more.
        first: steps of it that ``noise-magnitude`` runs and averages, from the noisiest on; None for all.
        guidance: scale of classifier-free guidance, above 0; None for the one that the model was loaded
            with, else 7.5.
        negative_prompt: what stands for no prompt, in guidance and in all differences.
        clique: generations that have to agree in ``seed-agreement``.
        batch: generations that go through the model at once. It changes results by rounding only.
        progress: show a progress bar when standard error is a terminal.

    Raises:
        SettingsError: a value outside its range.
    """

    seeds: int = 4
    seed: int = 0
    steps: int = 50
    first: int | None = None
    guidance: float | None = None
    negative_prompt: str = ""
    clique: int = 3
    batch: int = 4
    progress: bool = True

    def __post_init__(self) -> None:
        for name, least in (("seeds", 1), ("seed", 0), ("steps", 3), ("clique", 2), ("batch", 1)):
            _whole(name, getattr(self, name), least)
        if self.first is not None:
            _whole("first", self.first, 1)
            if self.first > self.steps:
                raise SettingsError(
                    f"first is {self.first} of {self.steps} steps: give {self.steps} or fewer"
                )
        number = self.guidance
        if number is not None and not _is_scale(number):
            raise SettingsError(f"guidance is {number!r}; expected a number above 0, such as 7.5")
        if not isinstance(self.negative_prompt, str):
            raise SettingsError(f"negative_prompt is {self.negative_prompt!r}; expected a text")


def _is_scale(number: object) -> bool:
    return isinstance(number, (int, float)) and not isinstance(number, bool) and 0 < number < math.inf


def _whole(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise SettingsError(f"{name} is {value!r}; expected a whole number of {least} or more")
