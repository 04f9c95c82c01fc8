"""Prompts through a model: what screens look at, collected along the way."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import ModelError
from pytest_replication.models.batches import out_of_memory
from pytest_replication.screens.anisotropy import FROM_LAST, cosines
from pytest_replication.screens.denoiser import Denoiser, Embeddings, Pictures
from pytest_replication.screens.magnitude import norms
from pytest_replication.screens.options import GUIDANCE, ScreenOptions
from pytest_replication.screens.registry import Screen, Trace
from pytest_replication.screens.schedule import Latents

Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the screens look at, together."""

    steps: int
    late: bool
    one_step: bool
    pictures: bool

    @classmethod
    def by(cls, screens: Sequence[Screen], options: ScreenOptions) -> Wanted:
        """What some screens want."""
        return cls(
            max(screen.steps(options) for screen in screens),
            any(screen.late for screen in screens),
            any(screen.one_step for screen in screens),
            any(screen.pictures for screen in screens),
        )


@dataclass(slots=True)
class _Rows:
    """What was seen of some generations, in their order."""

    norms: list[NDArray[np.float64]] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    one_step: list[Pictures] = field(default_factory=list)
    pictures: list[Pictures] = field(default_factory=list)

    def add(self, others: _Rows) -> None:
        """Put others behind."""
        self.norms += others.norms
        self.late += others.late
        self.one_step += others.one_step
        self.pictures += others.pictures

    def take(self, count: int) -> Trace:
        """Take the first ones out, as those of one prompt."""
        found = Trace(
            np.stack(self.norms[:count]),
            np.array(self.late[:count]),
            np.array(self.one_step[:count]),
            np.array(self.pictures[:count]),
        )
        for seen in (self.norms, self.late, self.one_step, self.pictures):
            del seen[:count]
        return found


def score_prompts(
    denoiser: Denoiser,
    prompts: Sequence[str],
    screens: Sequence[Screen],
    options: ScreenOptions,
    title: str = "",
) -> dict[str, Scores]:
    """Score prompts by screens.

    Args:
        denoiser: the model.
        prompts: one or more.
        screens: which scores.
        options: of measuring.
        title: of the progress bar.

    Returns:
        Scores by the names of the screens, each (prompts,), of 6 significant digits, so that batches of other
        sizes give the same.

    Raises:
        ModelError: the model fails, or gives what is not finite.
    """
    from tqdm import tqdm

    found: dict[str, list[float]] = {screen.name: [] for screen in screens}
    traces = trace_prompts(denoiser, prompts, Wanted.by(screens, options), options)
    hidden = None if options.progress else True
    for trace in tqdm(traces, title or "screening", total=len(prompts), unit="prompt", disable=hidden):
        for screen in screens:
            found[screen.name].append(float(f"{screen.score(trace, options):.6g}"))
    return {name: np.array(scores) for name, scores in found.items()}


def trace_prompts(
    denoiser: Denoiser, prompts: Sequence[str], wanted: Wanted, options: ScreenOptions
) -> Iterator[Trace]:
    """Run each prompt with each seed, and give what was seen of it, prompt by prompt."""
    seeds = [options.seed + j for j in range(options.seeds)]
    rows = [(prompt, seed) for prompt in prompts for seed in seeds]
    nothing, size = denoiser.embed(options.negative_prompt), options.batch
    seen, done = _Rows(), 0
    while done < len(rows):
        batch = rows[done : done + size]
        found = _try(denoiser, batch, nothing, wanted, options)
        if found is None:
            size = _halved(len(batch), denoiser.name)
            continue
        seen.add(found)
        done += len(batch)
        while len(seen.norms) >= options.seeds:
            yield seen.take(options.seeds)


def _try(
    denoiser: Denoiser,
    rows: Sequence[tuple[str, int]],
    nothing: Embeddings,
    wanted: Wanted,
    options: ScreenOptions,
) -> _Rows | None:
    """Run some generations; None if the memory is too small for as many."""
    known = {prompt: denoiser.embed(prompt) for prompt in dict.fromkeys(prompt for prompt, _ in rows)}
    prompts = [prompt for prompt, _ in rows]
    told = np.stack([known[prompt] for prompt in prompts])
    scale = options.guidance or denoiser.guidance or GUIDANCE
    run = _Batch(denoiser, prompts, told, np.stack([nothing] * len(rows)), scale)
    try:
        return run.through(denoiser.noise([seed for _, seed in rows]), wanted)
    except Exception as error:
        if not out_of_memory(error):
            raise
    return None  # outside the handler, which holds on to what filled the memory


def _halved(tried: int, name: str) -> int:
    if tried == 1:
        raise ModelError(f"the memory is too small for one generation of {name}: load it with dtype=float16")
    print(
        f"out of memory with {tried} generations of {name} at a time: going on with {tried // 2} "
        f"(--batch-size {tried // 2} begins there)",
        file=sys.stderr,
    )
    return tried // 2


@dataclass(frozen=True, slots=True)
class _Batch:
    """Some generations that go through the model together."""

    denoiser: Denoiser
    prompts: list[str]
    told: Embeddings
    nothing: Embeddings
    guidance: float

    def through(self, latents: Latents, wanted: Wanted) -> _Rows:
        """Run them from pure noise on."""
        schedule, moved, seen = self.denoiser.schedule, [], _Rows()
        if wanted.late:
            step = len(schedule) - FROM_LAST
            noises = [schedule.noise(output, latents, step) for output in self._outputs(latents, step)]
            seen.late += cosines(noises[0], noises[1] - noises[0]).tolist()
        for step in range(wanted.steps):
            without, told = self._outputs(latents, step)
            moved.append(norms(told - without))
            guided = np.asarray(without + self.guidance * (told - without), np.float32)
            if step == 0 and wanted.one_step:
                seen.one_step += list(self._decode(schedule.clean(guided, latents, step)))
            latents = schedule.next(guided, latents, step)
        seen.norms += list(np.stack(moved, axis=1))
        if wanted.pictures:
            seen.pictures += list(self._decode(latents))
        return seen

    def _outputs(self, latents: Latents, step: int) -> tuple[Latents, Latents]:
        """What the network says without a prompt, and with it."""
        schedule, twice = self.denoiser.schedule, np.concatenate([latents, latents])
        told = np.concatenate([self.nothing, self.told])
        output = self.denoiser.predict(twice, schedule.timesteps[step], told)
        if output.shape != twice.shape:
            raise ModelError(
                f"the network of {self.denoiser.name} answers {twice.shape} with {output.shape}; expected "
                "the same"
            )
        self._check(output, f"at timestep {schedule.timesteps[step]}", 2)
        return output[: len(latents)], output[len(latents) :]

    def _decode(self, latents: Latents) -> Pictures:
        self._check(latents, "in its latents", 1)
        return self.denoiser.decode(latents)

    def _check(self, values: Latents, where: str, times: int) -> None:
        finite = np.isfinite(values).reshape(len(values), -1).all(axis=1)
        if not finite.all():
            prompt = (self.prompts * times)[int(np.argmin(finite))]
            raise ModelError(
                f"{self.denoiser.name} gives NaN or infinity {where} for the prompt {prompt!r}: nothing can "
                "be told from that; load it in float32, or mend its weights"
            )
