"""Samples of prompts: so many seeds of each, from any model."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

from pytest_replication.errors import ModelError, SampleError, SettingsError
from pytest_replication.models import Model, draw
from pytest_replication.models.prompted import Prompted
from pytest_replication.models.samples import Samples
from pytest_replication.prompts.base import Prompts, Wanted
from pytest_replication.prompts.choose import OpenIndex, load_prompts


def draw_samples(
    model: Model,
    prompts: object,
    index: OpenIndex | None = None,
    *,
    count: int | None = None,
    seeds_per_prompt: int | None = None,
    seed: int = 0,
) -> Samples:
    """Draw samples as a run wants them: of prompts where some are named, else without.

    Args:
        model: the model under test.
        prompts: what `load_prompts` takes, None for none.
        index: opens the index, for its captions and labels.
        count: samples in all; None for what prompts or model make by default.
        seeds_per_prompt: samples of each prompt, None for one.
        seed: of the first sample, and of a draw of captions.

    Raises:
        SettingsError: no such prompts, or a number of samples that they do not make.
        ModelError: the model fails, takes no prompts, or needs some.
        SampleError: it gives too few samples, or unusable ones.
    """
    if prompts is None:
        if seeds_per_prompt is not None:
            raise SettingsError(
                f"{seeds_per_prompt} seeds a prompt are wanted, and no prompts are named: give some "
                "(--replication-prompts in pytest, --prompts in pytest-replication check), or leave it out"
            )
        _require_none_needed(model)
        return draw(model, count, seed)
    seeds = 1 if seeds_per_prompt is None else seeds_per_prompt
    chosen = load_prompts(prompts, index, count=count, seeds_per_prompt=seeds, seed=seed)
    return sample_prompts(model, chosen, seeds, seed)


def sample_prompts(model: Model, prompts: object, seeds_per_prompt: int = 1, seed: int = 0) -> Samples:
    """Draw samples of prompts, so many of each, one prompt after the other.

    Sample i is made with the seed `seed` + i, those of a prompt with a seed of its own from that one on, so
    that each can be made again by itself.

    Args:
        model: takes prompts, or labels where the prompts are labels alone.
        prompts: what `Prompts.of` takes.
        seeds_per_prompt: samples of each. They are not independent: bounds of a rate draw whole prompts.
        seed: of the first sample.

    Returns:
        Samples that know their prompt, label, seed, and the training images that their prompt is the
        caption of.

    Raises:
        SettingsError: no usable prompts, or numbers of seeds.
        ModelError: the model fails, or takes no prompts.
        SampleError: it gives too few samples, or unusable ones.
    """
    chosen = Prompts.of(prompts)
    _require_fit(model, chosen)
    wanted = chosen.expand(seeds_per_prompt, seed)
    drawn = [_draw(model, chosen, part) for part in _runs(wanted)]
    samples = drawn[0] if len(drawn) == 1 else _joined(drawn)
    rows = tuple(one.prompt.rows for one in wanted)
    return replace(
        samples,
        prompted=Prompted(_told(chosen, seeds_per_prompt), chosen.generation, rows if any(rows) else ()),
    )


def _require_none_needed(model: Model) -> None:
    for what, needed in (("prompts", model.needs_prompts), ("labels", model.needs_labels)):
        if needed:
            example = "captions" if what == "prompts" else "labels"
            raise ModelError(
                f"the model {model.name} makes images from {what}, and none are named: give "
                f"--replication-prompts {example} in pytest, --prompts {example} in pytest-replication "
                f"check, or a file of {what} (docs/prompts.md)"
            )


def _require_fit(model: Model, prompts: Prompts) -> None:
    what, takes = ("prompts", model.takes_prompts) if prompts.texts else ("labels", model.takes_labels)
    if not takes:
        raise ModelError(
            f"the model {model.name} takes no {what}, but {len(prompts)} are given ({prompts.source}): leave "
            "them out, or name a model that takes some"
        )


def _told(prompts: Prompts, seeds: int) -> str:
    kind = "prompt" if prompts.texts else "label"
    each = f", {seeds} seeds each" if seeds > 1 else ""
    return f"{len(prompts)} {kind}{'s' if len(prompts) > 1 else ''}: {prompts.source}{each}"


def _draw(model: Model, prompts: Prompts, wanted: Sequence[Wanted]) -> Samples:
    """Samples with consecutive seeds, in one call."""
    texts = tuple(one.prompt.text for one in wanted if one.prompt.text is not None)
    labels = tuple(one.prompt.label for one in wanted if one.prompt.label is not None)
    given = labels if model.takes_labels or not prompts.texts else ()
    samples = model.sample(len(wanted), wanted[0].seed, prompts=texts, labels=given)
    if len(samples) != len(wanted):
        raise SampleError(
            f"{model.name} gave {len(samples)} samples of {len(wanted)} prompts: it has to give one of each"
        )
    if samples.prompts not in ((), texts):
        raise SampleError(f"{model.name} gave samples of other prompts than it was asked for")
    return replace(
        samples, prompts=texts, labels=samples.labels or (labels if len(labels) == len(wanted) else ())
    )


def _runs(wanted: Sequence[Wanted]) -> Iterator[list[Wanted]]:
    """Neighbours whose seeds follow one another: a model counts them from the first on."""
    pairs = enumerate(wanted)
    for _, run in itertools.groupby(pairs, lambda pair: pair[1].seed - pair[0]):
        yield [one for _, one in run]


def _joined(parts: Sequence[Samples]) -> Samples:
    """Samples of several calls as those of one, with names that tell them apart."""
    images = [image for part in parts for image in part.images]
    names = tuple(name for part in parts for name in part.names)
    if len(set(names)) != len(names):
        names = tuple(f"sample {number}" for number in range(len(images)))
    seeds = tuple(seed for part in parts for seed in part.seeds)
    labels = tuple(label for part in parts for label in part.labels)
    return replace(
        parts[0],
        images=images,
        names=names,
        seeds=seeds if len(seeds) == len(images) else (),
        prompts=tuple(prompt for part in parts for prompt in part.prompts),
        labels=labels if len(labels) == len(images) else (),
    )
