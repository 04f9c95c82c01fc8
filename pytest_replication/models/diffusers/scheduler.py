"""Another scheduler in a pipeline, where it does what the pipeline expects of one."""

from __future__ import annotations

from typing import Any

from pytest_replication.errors import ModelError, meant
from pytest_replication.models.diffusers.load import telling

_PLAIN = ("DDPMPipeline", "DDIMPipeline")
"""Pipelines that neither scale their noise nor the input of the network."""


def replace_scheduler(pipeline: Any, name: str, library: Any) -> None:
    """Put a scheduler in the place of the pipeline's own, made from its configuration.

    Args:
        pipeline: loaded.
        name: class of diffusers.
        library: diffusers.

    Raises:
        ModelError: there is no such scheduler, or the pipeline cannot work with it.
    """
    own = pipeline.scheduler
    known = {kind.__name__ for kind in own.compatibles} | {type(own).__name__}
    if name not in known:
        raise ModelError(
            f"{type(pipeline).__name__} cannot take the scheduler {name}{meant(name, known)}: with "
            f"{type(own).__name__} go {', '.join(sorted(known))}"
        )
    with telling(f"the scheduler {name} cannot be made from that of the pipeline"):
        pipeline.scheduler = getattr(library, name).from_config(own.config)


def check_scheduler(pipeline: Any) -> None:
    """Refuse a scheduler that makes other images than the model's, or draws noise that no seed is for.

    Raises:
        ModelError: it does.
    """
    scheduler: Any = getattr(pipeline, "scheduler", None)
    name, kind = type(scheduler).__name__, type(pipeline).__name__
    if "noise_sampler_seed" in getattr(scheduler, "config", {}):
        raise ModelError(
            f"the scheduler {name} draws noise of its own, so that no sample has a seed: name another with "
            "scheduler="
        )
    if kind not in _PLAIN:
        return
    import torch

    with telling(f"the scheduler {name} cannot be used"):
        scheduler.set_timesteps(2)
        probe = torch.ones(1, 1, 2, 2)
        scaled = scheduler.scale_model_input(probe, scheduler.timesteps[0])
        unscaled = float(scheduler.init_noise_sigma) == 1 and torch.equal(scaled, probe)
    if not unscaled:
        raise ModelError(
            f"{kind} does not scale its noise as the scheduler {name} wants it, and would draw rubbish: take "
            "DDPMScheduler or DDIMScheduler"
        )
