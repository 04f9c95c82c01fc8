"""A diffusers pipeline as a model under test."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from PIL import Image

from pytest_replication.embedders.runtime import torch_device, use_threads
from pytest_replication.embedders.weight_files import first_line
from pytest_replication.errors import EmbedderUnavailable, ModelError, ReplicationError, is_breakage
from pytest_replication.models.base import Request
from pytest_replication.models.batches import BatchedModel, out_of_memory
from pytest_replication.models.diffusers.adapters import adapter_digests, put_adapters
from pytest_replication.models.diffusers.call import Call
from pytest_replication.models.diffusers.files import read_folder
from pytest_replication.models.diffusers.load import find_folder, load_pipeline, telling
from pytest_replication.models.diffusers.quiet import quiet_libraries, require_diffusers
from pytest_replication.models.diffusers.scheduler import check_scheduler, replace_scheduler
from pytest_replication.models.options import ModelOptions, refuse_options

TAKEN = (
    "revision", "variant", "trust_remote_code", "safety_checker", "scheduler", "steps", "guidance",
    "negative_prompt", "height", "width", "dtype", "batch", "device", "offload", "lora", "lora_scale",
    "textual_inversion", "arguments",
)  # fmt: skip
_SAME_IMAGES = ("revision", "batch", "device", "offload", "lora", "textual_inversion")
"""Options that change no image, or whose files have digests of their own."""


class DiffusersModel(BatchedModel):
    """A pipeline that diffusers can load: from nothing, from classes, or from prompts to images.

    Sample i has a generator of its own, on the CPU, seeded with its seed: neither the batch nor the
    device decides on its noise.

    Args:
        name: what it was loaded by.
        place: its folder, or ``OWNER/NAME@COMMIT`` of the hub.
        options: how it is loaded and sampled.
        given: those of them that did not come from its file, as text.
        device: where it computes if the options do not say.

    Attributes:
        pipeline: the loaded pipeline, on its device, with its scheduler and adapters.
        chosen: how it is loaded and sampled.
        commit: of the hub, None for a folder.

    Raises:
        ModelError: it cannot be loaded as it is wanted.
    """

    def __init__(
        self,
        name: str,
        place: str,
        options: ModelOptions,
        given: tuple[str, ...] = (),
        device: str = "auto",
    ) -> None:
        refuse_options(name, options, TAKEN, "a pipeline of diffusers")
        library = require_diffusers(name)
        import torch

        use_threads()
        folder, self.commit = find_folder(place, options)
        files = read_folder(
            folder,
            variant=options.variant,
            trusted=options.trust_remote_code,
            checker=options.safety_checker,
        )
        self.name, self.options, self.chosen = name, given, options
        adapters = adapter_digests(options)
        self.fingerprint = _fingerprint(files.digest(), options, adapters)
        self.pipeline = load_pipeline(files, options, getattr(torch, options.dtype or "float32"))
        with quiet_libraries():
            if options.scheduler is not None:
                replace_scheduler(self.pipeline, options.scheduler, library)
            check_scheduler(self.pipeline)
        if options.dtype == "bfloat16" and getattr(self.pipeline, "vae", None) is None:
            raise ModelError(
                f"the pipeline {type(self.pipeline).__name__} of {name} hands its images to numpy, which has "
                "no bfloat16: give dtype=float16 or float32"
            )
        self._call = Call(self.pipeline, options, name)
        self.takes_prompts = self.needs_prompts = self._call.takes_prompts
        self.takes_labels = self.needs_labels = self._call.takes_labels
        with quiet_libraries():
            put_adapters(self.pipeline, options, name)
            self._put(options, device)
        self.pipeline.set_progress_bar_config(disable=True)
        self.batch = options.batch or _batch(self.pipeline)
        self.libraries = ("torch", "diffusers", "transformers", "peft")
        if files.code:
            self.notes = (f"code of {', '.join(path.name for path in files.code)} in its folder was run",)

    def make(self, requests: Sequence[Request]) -> list[Image.Image]:
        """Call the pipeline once.

        Raises:
            ModelError: it raises, or gives no images.
            SampleError: it gives too few images, or black or unusable ones.
        """
        try:
            with quiet_libraries():
                return self._call(self.pipeline, requests)
        except ReplicationError:
            raise
        except BaseException as error:
            if out_of_memory(error) or not is_breakage(error):
                raise
            seeds = f"seeds {requests[0].seed} to {requests[-1].seed}"
            raise ModelError(
                f"the model {self.name} failed for {seeds} ({type(error).__name__}: {first_line(error)}): "
                "check its options and its weights"
            ) from error

    def _put(self, options: ModelOptions, device: str) -> None:
        wanted = options.device or device
        try:
            place = torch_device(wanted)
        except EmbedderUnavailable as error:
            raise ModelError(f"the model {self.name} cannot be put on {wanted}: {error}") from error
        self.place = place.partition(":")[0]
        with telling(f"the model {self.name} cannot be put on {place}"):
            if options.offload is None:
                self.pipeline.to(place)
            elif self.place == "cpu":
                raise ModelError(f"offload={options.offload} of {self.name} needs a GPU: leave it away")
            elif options.offload == "model":
                self.pipeline.enable_model_cpu_offload(device=place)
            else:
                self.pipeline.enable_sequential_cpu_offload(device=place)


def _fingerprint(files: str, options: ModelOptions, adapters: Sequence[str]) -> str:
    changing = {key: value for key, value in options.given().items() if key not in _SAME_IMAGES}
    body = json.dumps([files, adapters, changing], sort_keys=True, default=dict)
    return hashlib.sha256(body.encode()).hexdigest()


def _batch(pipeline: Any) -> int:
    """Samples at a time, by the size of the latents."""
    network = getattr(pipeline, "unet", None) or getattr(pipeline, "transformer", None)
    side = getattr(getattr(network, "config", None), "sample_size", None)
    latent = getattr(pipeline, "vae", None) is not None
    if latent or not isinstance(side, int):
        return 4 if not isinstance(side, int) or side > 32 else 16
    return 32 if side <= 64 else 8
