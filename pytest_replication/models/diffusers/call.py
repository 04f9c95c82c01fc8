"""What a pipeline is called with, and what comes back: pipelines differ in what they take."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from pytest_replication.errors import ModelError, SampleError, meant
from pytest_replication.images.memory import UnusableImages, images_in_memory
from pytest_replication.models.base import Request
from pytest_replication.models.options import ModelOptions

_NAMES = {
    "steps": "num_inference_steps",
    "guidance": "guidance_scale",
    "negative_prompt": "negative_prompt",
    "height": "height",
    "width": "width",
}
"""Options, and what pipelines call them."""
OURS = (
    "prompt",
    "class_labels",
    "batch_size",
    "generator",
    "output_type",
    "return_dict",
    "num_images_per_prompt",
)
"""Arguments that are not the user's to give."""
_BLACK = ("nsfw_content_detected", "nsfw_detected")
"""What pipelines call the flags of their safety checkers."""


class Call:
    """How one pipeline is called.

    Args:
        pipeline: loaded.
        options: of the model.
        name: of the model, for messages.

    Attributes:
        takes_prompts: it makes images from texts.
        takes_labels: it makes images of classes.
        needs_labels: it makes none without.

    Raises:
        ModelError: it does not take an option, or makes images from something else.
    """

    def __init__(self, pipeline: Any, options: ModelOptions, name: str) -> None:
        self._name, self._kind = name, type(pipeline).__name__
        self._known = _parameters(pipeline)
        self.takes_prompts = "prompt" in self._known
        classes = _classes(pipeline)
        labelled = self._known.get("class_labels")
        # A network without classes makes nothing of labels, and nothing says so.
        self.takes_labels = labelled is not None and (
            labelled.default is labelled.empty or classes is not None
        )
        self.needs_labels = self.takes_labels
        self._classes, self._ids = classes, getattr(pipeline, "labels", None) or {}
        self._refuse_strangers()
        self._given = self._arguments(options)

    def __call__(self, pipeline: Any, requests: Sequence[Request]) -> list[Image.Image]:
        """Make an RGB image for each request.

        Raises:
            ModelError: it gives no images.
            SampleError: too few, blackened or unusable ones.
        """
        import torch

        given: dict[str, Any] = dict(self._given)
        given["generator"] = [torch.Generator("cpu").manual_seed(request.seed) for request in requests]
        if self.takes_prompts:
            given["prompt"] = [request.prompt for request in requests]
            if isinstance(given.get("negative_prompt"), str):
                given["negative_prompt"] = [given["negative_prompt"]] * len(requests)
        elif self.takes_labels:
            given["class_labels"] = [self._label(request.label) for request in requests]
        if "batch_size" in self._known:
            given["batch_size"] = len(requests)
        output = pipeline(**given, output_type="np", return_dict=True)
        if not hasattr(output, "images"):
            raise ModelError(
                f"the model {self._name} gives no images, but {', '.join(output.keys())}: a "
                "pipeline that makes pictures is wanted"
            )
        self._refuse_blackened(output, requests)
        return self._images(output.images, requests)

    def _label(self, label: Any) -> int:
        """Number of a class, by its name if it is a text."""
        number = label
        if isinstance(label, str):
            number = int(label) if label.isdecimal() else self._ids.get(label)
        if number is None:
            raise ModelError(
                f"the model {self._name} has no class {label!r}{meant(str(label), self._ids)}: give its "
                "number"
            )
        if number < 0 or (self._classes is not None and number >= self._classes):
            raise ModelError(
                f"the model {self._name} has the classes 0 to {(self._classes or 0) - 1}, not {number}"
            )
        return int(number)

    def _refuse_strangers(self) -> None:
        if "generator" not in self._known:
            raise ModelError(
                f"the pipeline {self._kind} of {self._name} takes no generator: its samples have no seeds"
            )
        needed = [p.name for p in self._known.values() if p.default is p.empty and p.name not in OURS]
        if needed or not {"prompt", "class_labels", "batch_size"} & self._known.keys():
            raise ModelError(
                f"the pipeline {self._kind} of {self._name} makes images from "
                f"{', '.join(needed) or 'something else'}; expected one that makes them from nothing, "
                "classes or prompts"
            )

    def _arguments(self, options: ModelOptions) -> dict[str, Any]:
        """Options under the names of the pipeline."""
        given = {theirs: getattr(options, ours) for ours, theirs in _NAMES.items()}
        given = {key: value for key, value in given.items() if value is not None}
        for ours, theirs in _NAMES.items():
            if theirs in given and theirs not in self._known:
                raise ModelError(
                    f"the pipeline {self._kind} of {self._name} takes no {ours}: leave it away (it takes "
                    f"{', '.join(self._open())})"
                )
        for key, value in options.arguments.items():
            if key not in self._open() or key in given:
                raise ModelError(
                    f"the pipeline {self._kind} of {self._name} takes no argument {key} here"
                    f"{meant(key, self._open())}: it takes {', '.join(self._open())}"
                )
            given[key] = value
        return given

    def _open(self) -> list[str]:
        """Arguments that are the user's to give."""
        return [name for name in self._known if name not in OURS]

    def _refuse_blackened(self, output: Any, requests: Sequence[Request]) -> None:
        flags = next((f for name in _BLACK if (f := getattr(output, name, None)) is not None), None)
        if flags is None:
            return
        if len(flags) != len(requests):
            raise SampleError(
                f"the safety checker of {self._name} tells of {len(flags)} of {len(requests)} samples: which "
                "it blackened is not known, load the model without it (safety_checker=false)"
            )
        for flag, request in zip(flags, requests, strict=True):
            if flag:
                raise SampleError(
                    f"the safety checker of {self._name} blackened the sample {_told(request)}, so that it "
                    "cannot be compared: leave the prompt out, or load the model without it "
                    "(safety_checker=false)"
                )

    def _images(self, images: Any, requests: Sequence[Request]) -> list[Image.Image]:
        array = np.asarray(images)
        if len(array) != len(requests):
            raise SampleError(
                f"the model {self._name} gave {len(array)} images where {len(requests)} were asked for"
            )
        if array.ndim == 3:
            array = array[..., None]
        if np.issubdtype(array.dtype, np.floating):
            array = array.astype(np.float32)
            for number, request in enumerate(requests):
                if not np.isfinite(array[number]).all():
                    raise SampleError(
                        f"the model {self._name} gave values that are not finite for the sample "
                        f"{_told(request)}: sample it with dtype=float32, or check its weights"
                    )
        try:
            return images_in_memory(array)
        except UnusableImages as error:
            raise SampleError(f"the model {self._name}: {error}") from error


def _told(request: Request) -> str:
    prompt = f" of the prompt {request.prompt!r}" if request.prompt is not None else ""
    return f"with seed {request.seed}{prompt}"


def _parameters(pipeline: Any) -> Mapping[str, inspect.Parameter]:
    found = inspect.signature(pipeline.__call__).parameters
    plain = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {name: parameter for name, parameter in found.items() if parameter.kind in plain}


def _classes(pipeline: Any) -> int | None:
    """How many classes the network knows; None for one without, or one that does not say."""
    for part, key in (("transformer", "num_embeds_ada_norm"), ("unet", "num_class_embeds")):
        number = getattr(getattr(getattr(pipeline, part, None), "config", None), key, None)
        if isinstance(number, int):
            return number
    return None
