"""A real pipeline of diffusers, opened up: what screens see of it is what the pipeline itself does."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pytest_replication.errors import ModelError
from pytest_replication.screens.options import ScreenOptions
from pytest_replication.screens.registry import named
from pytest_replication.screens.run import open_denoiser
from pytest_replication.screens.stable_diffusion import StableDiffusion, check_layout
from pytest_replication.screens.trace import score_prompts

OPTIONS = ScreenOptions(seeds=3, steps=4, batch=5, progress=False)
PROMPTS = ["a cat", "two dogs"]


def test_pictures_are_those_of_the_pipeline(tiny_pipeline: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    seen: list[np.ndarray] = []
    decode = StableDiffusion.decode
    monkeypatch.setattr(StableDiffusion, "decode", lambda self, x: seen.append(decode(self, x)) or seen[-1])
    denoiser = StableDiffusion(tiny_pipeline, OPTIONS)
    score_prompts(denoiser, PROMPTS, named("seed-agreement", OPTIONS), OPTIONS)
    tiny_pipeline.set_progress_bar_config(disable=True)
    theirs = tiny_pipeline(
        prompt=PROMPTS[1],
        num_inference_steps=4,
        guidance_scale=7.5,
        generator=torch.Generator("cpu").manual_seed(2),
        output_type="np",
    ).images[0]
    ours = np.concatenate(seen)[5]  # the second prompt with its third seed
    assert ours.shape == (16, 16, 3)
    assert ours.std() > 1
    np.testing.assert_allclose(ours / 255, theirs, atol=0.005)


def test_batches_give_the_same_up_to_rounding(tiny_pipeline: Any) -> None:
    screens, found = named(("noise-magnitude", "anisotropy", "seed-agreement"), OPTIONS), []
    for batch in (1, 6):
        options = ScreenOptions(seeds=3, steps=4, batch=batch, progress=False)
        found.append(score_prompts(StableDiffusion(tiny_pipeline, options), PROMPTS, screens, options))
    for name in found[0]:
        np.testing.assert_allclose(found[0][name], found[1][name], rtol=1e-4, atol=1e-4)
    assert (found[0]["noise-magnitude"] > 0).all()


def test_the_pipeline_is_left_as_it_was(tiny_pipeline: Any) -> None:
    before = tiny_pipeline.scheduler
    tiny_pipeline.unet.train()
    try:
        denoiser = open_denoiser(tiny_pipeline, OPTIONS)
        first = denoiser.embed("a cat")
        noise = denoiser.noise([0])
        found = denoiser.predict(noise, 1, first[None])
        assert tiny_pipeline.unet.training
    finally:
        tiny_pipeline.unet.eval()
    assert (found == denoiser.predict(noise, 1, first[None])).all()  # no dropout took part
    assert tiny_pipeline.scheduler is before
    assert denoiser.name == "StableDiffusionPipeline"


def test_what_breaks_inside_is_one_sentence(tiny_pipeline: Any) -> None:
    denoiser = StableDiffusion(tiny_pipeline, OPTIONS)
    with pytest.raises(ModelError, match="StableDiffusionPipeline raised RuntimeError for timestep 1"):
        denoiser.predict(denoiser.noise([0])[:, :3], 1, denoiser.embed("a cat")[None])


def test_a_decoder_that_gives_nan_is_an_error(tiny_pipeline: Any) -> None:
    denoiser = StableDiffusion(tiny_pipeline, OPTIONS)
    with pytest.raises(ModelError, match="the decoder of StableDiffusionPipeline gives NaN"):
        denoiser.decode(np.full((1, 4, 8, 8), np.nan, np.float32))


def like(pipeline: Any, **changed: Any) -> Any:
    """A pipeline that differs in some parts, or in some entries of its network's configuration."""
    config = dict(pipeline.unet.config) | changed.pop("unet", {})
    parts = {name: getattr(pipeline, name) for name in ("vae", "text_encoder", "tokenizer", "scheduler")}
    parts |= {"encode_prompt": pipeline.encode_prompt, "unet": SimpleNamespace(config=config)} | changed
    return SimpleNamespace(**parts)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"unet": {"addition_embed_type": "text_time"}}, "as SDXL and Kandinsky do"),
        ({"unet": {"class_embed_type": "timestep"}}, "takes a class beside the prompt"),
        ({"unet": {"time_cond_proj_dim": 256}}, "is distilled and takes its guidance as a number"),
        ({"unet": {"encoder_hid_dim_type": "image_proj"}}, "takes images beside the prompt"),
        ({"unet": {"in_channels": 9}}, "takes 9 channels and its latents have 4"),
        ({"text_encoder_2": object()}, "has two text encoders"),
        ({"vae": None}, "has no vae"),
        ({"encode_prompt": None}, "has no encode_prompt"),
    ],
)
def test_other_layouts_are_refused(tiny_pipeline: Any, changed: dict[str, Any], said: str) -> None:
    check_layout(like(tiny_pipeline), "it")
    with pytest.raises(ModelError, match=f"cannot look into it: .*{said}.*Stable Diffusion 1 or 2"):
        check_layout(like(tiny_pipeline, **changed), "it")


def test_a_transformer_is_refused_by_name() -> None:
    class FluxPipeline:
        components: tuple[str, ...] = ()
        transformer = vae = text_encoder = tokenizer = scheduler = object()

        def encode_prompt(self) -> None: ...

    with pytest.raises(ModelError, match="FluxPipeline has no unet; expected"):
        open_denoiser(FluxPipeline(), OPTIONS)


def test_what_gives_images_only_cannot_be_looked_into() -> None:
    with pytest.raises(ModelError, match="gives images only"):
        open_denoiser(lambda seeds: [], OPTIONS)
