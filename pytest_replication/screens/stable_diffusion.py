"""Pipelines of diffusers in the layout of Stable Diffusion 1 and 2, opened up for screens.

Only what diffusers documents is used: the components of a pipeline, ``encode_prompt``, and a scheduler of
our own that is made from the configuration of the pipeline's. Neither the loop of the pipeline nor its
callbacks take part, and nothing of the pipeline is changed but for the time of a call.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pytest_replication.errors import ModelError, SettingsError, is_breakage
from pytest_replication.models.batches import out_of_memory
from pytest_replication.models.diffusers.quiet import quiet_libraries
from pytest_replication.screens.denoiser import Denoiser, Embeddings, Pictures
from pytest_replication.screens.options import ScreenOptions
from pytest_replication.screens.schedule import PREDICTIONS, Latents, Schedule

_PARTS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")
_LAYOUT = "expected a pipeline in the layout of Stable Diffusion 1 or 2 (StableDiffusionPipeline)"
_LEAST = 1e-6
"""Share of the clean latents below which noise is all that there is."""


class StableDiffusion(Denoiser):
    """A loaded pipeline.

    Args:
        pipeline: of diffusers, loaded.
        options: whose steps to run.
        name: of the model; empty for the class of the pipeline.
        fingerprint: of the model, where it is known.
        size: height and width of pictures; None for what the network was made for.

    Raises:
        ModelError: the pipeline has another layout, or predicts something that cannot be turned into noise.
        SettingsError: it cannot run so many steps.
    """

    def __init__(
        self,
        pipeline: Any,
        options: ScreenOptions,
        name: str = "",
        fingerprint: str | None = None,
        size: tuple[int | None, int | None] = (None, None),
    ) -> None:
        self.name, self.fingerprint = name or type(pipeline).__name__, fingerprint
        check_layout(pipeline, self.name)
        self._pipeline = pipeline
        self.schedule = schedule_of(pipeline.scheduler, options.steps, self.name)
        self._shape = (int(pipeline.unet.config.in_channels), *_sides(pipeline, size))
        self._device = getattr(pipeline, "_execution_device", None) or pipeline.device

    def embed(self, prompt: str) -> Embeddings:
        """Encode one prompt by itself: a prompt beside it cannot change it."""
        with self._asking(f"the prompt {prompt!r}"):
            given = self._pipeline.encode_prompt(
                prompt=prompt, device=self._device, num_images_per_prompt=1, do_classifier_free_guidance=False
            )
        return np.asarray(given[0][0].float().cpu().numpy(), np.float32)

    def noise(self, seeds: Sequence[int]) -> Latents:
        """Draw with one generator a seed, on the processor, as pipelines do with such generators."""
        import torch

        drawn = [
            torch.randn(self._shape, generator=torch.Generator("cpu").manual_seed(seed)).numpy()
            for seed in seeds
        ]
        return np.stack(drawn)

    def predict(self, latents: Latents, timestep: int, embeddings: Embeddings) -> Latents:
        """Call the network."""
        import torch

        unet = self._pipeline.unet
        where = {"device": self._device, "dtype": unet.dtype}
        with self._asking(f"timestep {timestep}"):
            given = unet(
                torch.from_numpy(latents).to(**where),
                torch.tensor(timestep, device=self._device),
                encoder_hidden_states=torch.from_numpy(embeddings).to(**where),
                return_dict=False,
            )
        return np.asarray(given[0].float().cpu().numpy(), np.float32)

    def decode(self, latents: Latents) -> Pictures:
        """Decode, without the safety checker: its black pictures would agree with each other."""
        import torch

        vae = self._pipeline.vae
        scaled = latents / np.float32(vae.config.scaling_factor)
        with self._asking("its decoder"):
            given = vae.decode(
                torch.from_numpy(scaled).to(device=self._device, dtype=vae.dtype), return_dict=False
            )
        pictures = given[0].float().cpu().numpy().transpose(0, 2, 3, 1)
        if not np.isfinite(pictures).all():
            raise ModelError(f"the decoder of {self.name} gives NaN: load it in float32, or mend its weights")
        return np.asarray(np.rint(np.clip(pictures / 2 + 0.5, 0, 1) * 255), np.uint8)

    @contextlib.contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        """Without gradients and dropout, and with a sentence where the model breaks."""
        import torch

        parts = [getattr(self._pipeline, part) for part in ("unet", "vae", "text_encoder")]
        training = [part for part in parts if part.training]
        for part in training:
            part.eval()
        try:
            with torch.no_grad(), quiet_libraries():
                yield
        except BaseException as error:
            if out_of_memory(error) or not is_breakage(error):
                raise
            raise ModelError(
                f"the model {self.name} raised {type(error).__name__} for {what}: {error}; check its weights"
            ) from error
        finally:
            for part in training:
                part.train()


def check_layout(pipeline: Any, name: str) -> None:
    """Refuse what is not a text-to-image pipeline with one network of two inputs and guidance.

    Raises:
        ModelError: so it is.
    """
    missing = [part for part in _PARTS if getattr(pipeline, part, None) is None]
    kind = type(pipeline).__name__
    if missing or not callable(getattr(pipeline, "encode_prompt", None)):
        raise ModelError(
            f"screens cannot look into {name}: {kind} has no "
            f"{' and no '.join(missing or ['encode_prompt'])}; {_LAYOUT}"
        )
    config = pipeline.unet.config
    for key, what in (
        ("addition_embed_type", "takes embeddings beside the prompt, as SDXL and Kandinsky do"),
        ("class_embed_type", "takes a class beside the prompt"),
        (
            "time_cond_proj_dim",
            "is distilled and takes its guidance as a number, so that nothing is left to compare",
        ),
        ("encoder_hid_dim_type", "takes images beside the prompt"),
    ):
        if config.get(key) is not None:
            raise ModelError(f"screens cannot look into {name}: its network {what} ({key}); {_LAYOUT}")
    if getattr(pipeline, "text_encoder_2", None) is not None:
        raise ModelError(f"screens cannot look into {name}: {kind} has two text encoders; {_LAYOUT}")
    takes, has = config.get("in_channels"), pipeline.vae.config.get("latent_channels")
    if takes != has or config.get("out_channels") != has:
        raise ModelError(
            f"screens cannot look into {name}: its network takes {takes} channels and its latents have "
            f"{has}, as for inpainting or upscaling; {_LAYOUT}"
        )


def schedule_of(scheduler: Any, steps: int, name: str) -> Schedule:
    """The DDIM schedule of a pipeline, from the configuration of whatever scheduler it has.

    Raises:
        ModelError: it is none of discrete noise, or what the network predicts is not known.
        SettingsError: there are fewer timesteps than steps.
    """
    from diffusers import DDIMScheduler

    config: Mapping[str, Any] = scheduler.config
    kind, predicts = type(scheduler).__name__, config.get("prediction_type")
    if "beta_schedule" not in config or config.get("use_flow_sigmas"):
        raise ModelError(
            f"screens cannot look into {name}: its scheduler {kind} has no schedule of betas, as with flow "
            "matching and EDM; screens are defined for noise prediction (DDPM, DDIM, PNDM, Euler, DPM-Solver)"
        )
    if predicts not in PREDICTIONS:
        raise ModelError(
            f"screens cannot look into {name}: its network predicts {predicts!r}; expected "
            f"{', '.join(PREDICTIONS)}"
        )
    if config.get("thresholding"):
        raise ModelError(f"screens cannot look into {name}: its scheduler {kind} uses dynamic thresholding")
    if steps > config["num_train_timesteps"]:
        raise SettingsError(
            f"{steps} steps, but {name} has {config['num_train_timesteps']} timesteps: give fewer"
        )
    make: Any = DDIMScheduler.from_config
    ddim = make(config)
    ddim.set_timesteps(steps)
    # Not that of DDIM, which clips by default what other schedulers leave alone.
    clip = float(config.get("clip_sample_range", 1)) if config.get("clip_sample") else None
    return _schedule(ddim, predicts, clip, name)


def _schedule(ddim: Any, predicts: str, clip: float | None, name: str) -> Schedule:
    timesteps = [int(timestep) for timestep in ddim.timesteps]
    kept = ddim.alphas_cumprod.double().numpy()
    alphas = [float(kept[timestep]) for timestep in timesteps]
    if predicts == "epsilon" and min(alphas) < _LEAST:
        raise ModelError(
            f"screens cannot look into {name}: its schedule starts with pure noise (timestep "
            f"{timesteps[0]}), where predicted noise says nothing of the picture; expected another schedule, "
            "or v-prediction"
        )
    after = (*alphas[1:], float(ddim.final_alpha_cumprod))
    return Schedule(tuple(timesteps), tuple(alphas), after, predicts, clip)


def _sides(pipeline: Any, size: tuple[int | None, int | None]) -> tuple[int, int]:
    sides, factor = pipeline.unet.config.sample_size, int(pipeline.vae_scale_factor)
    own = (sides, sides) if isinstance(sides, int) else sides
    height, width = (given // factor if given else side for given, side in zip(size, own, strict=True))
    return int(height), int(width)
