"""The schedule against diffusers' own DDIM steps, for all that a network may predict."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pytest_replication.errors import ModelError, SettingsError
from pytest_replication.screens.schedule import PREDICTIONS
from pytest_replication.screens.stable_diffusion import schedule_of


def scheduler(kind: str = "DDIMScheduler", **config: Any) -> Any:
    diffusers = pytest.importorskip("diffusers")
    return getattr(diffusers, kind)(**config)


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("clip", [False, True])
def test_steps_are_those_of_diffusers(prediction: str, clip: bool) -> None:
    torch = pytest.importorskip("torch")
    theirs = scheduler(
        prediction_type=prediction, clip_sample=clip, steps_offset=1, beta_schedule="scaled_linear"
    )
    ours = schedule_of(theirs, 10, "it")
    theirs.set_timesteps(10)
    assert list(ours.timesteps) == theirs.timesteps.tolist()
    rng = np.random.default_rng(0)
    for step in (0, 4, 9):
        output, latents = rng.standard_normal((2, 1, 4, 3, 3)).astype(np.float32)
        given = [torch.from_numpy(output), ours.timesteps[step], torch.from_numpy(latents)]
        wanted = theirs.step(*given)
        np.testing.assert_allclose(ours.next(output, latents, step), wanted.prev_sample, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(
            ours.clean(output, latents, step), wanted.pred_original_sample, rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize("kind", ["PNDMScheduler", "EulerDiscreteScheduler", "DPMSolverMultistepScheduler"])
def test_any_scheduler_of_betas_gives_the_same_schedule(kind: str) -> None:
    config = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    ours = schedule_of(scheduler(kind, timestep_spacing="leading", steps_offset=1, **config), 20, "it")
    assert ours == schedule_of(scheduler(clip_sample=False, steps_offset=1, **config), 20, "it")


def test_velocity_is_taken_from_pure_noise_on() -> None:
    config = {"beta_schedule": "squaredcos_cap_v2", "timestep_spacing": "trailing", "clip_sample": False}
    ours = schedule_of(scheduler(prediction_type="v_prediction", **config), 20, "it")
    assert ours.timesteps[0] == 999
    latents, output = np.random.default_rng(0).standard_normal((2, 1, 4, 2, 2)).astype(np.float32)
    np.testing.assert_allclose(ours.clean(output, latents, 0), -output, atol=1e-3)
    with pytest.raises(ModelError, match=r"starts with pure noise \(timestep 999\)"):
        schedule_of(scheduler(prediction_type="epsilon", **config), 20, "it")


@pytest.mark.parametrize(
    ("kind", "config", "said"),
    [
        ("FlowMatchEulerDiscreteScheduler", {}, "FlowMatchEulerDiscreteScheduler has no schedule of betas"),
        ("EDMEulerScheduler", {}, "EDMEulerScheduler has no schedule of betas"),
        (
            "DPMSolverMultistepScheduler",
            {"use_flow_sigmas": True, "prediction_type": "flow_prediction"},
            "flow",
        ),
        ("EulerDiscreteScheduler", {"prediction_type": "odd"}, "network predicts 'odd'; expected epsilon"),
        ("DDIMScheduler", {"thresholding": True}, "dynamic thresholding"),
    ],
)
def test_what_is_no_noise_prediction_is_refused(kind: str, config: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        schedule_of(scheduler(kind, **config), 10, "it")


def test_there_are_no_more_steps_than_timesteps() -> None:
    with pytest.raises(SettingsError, match="1001 steps, but it has 1000 timesteps"):
        schedule_of(scheduler(), 1001, "it")
