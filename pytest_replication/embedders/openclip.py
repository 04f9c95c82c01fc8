"""``openclip``: the image tower of any open_clip model, with that model's own preprocessing.

``openclip:MODEL/PRETRAINED`` takes weights that open_clip knows, ``openclip:MODEL/PRETRAINED:PATH`` the same
from a local file, with the activation and preprocessing that they were trained with; ``openclip:MODEL:PATH``
is for weights of one's own, with those of MODEL. Scores of CLIP say how alike two images are in content, not
whether one copies the other: there is no default threshold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pytest_replication.embedders.base import (
    Embedder,
    EmbedderOptions,
    EmbedderSpec,
    Prepared,
    sha256_of,
)
from pytest_replication.embedders.runtime import Network, TorchNetwork, in_equal_shapes, require_torch
from pytest_replication.embedders.weight_files import first_line, refuse_other_files, why_unread
from pytest_replication.errors import EmbedderUnavailable, SettingsError, UnknownName
from pytest_replication.hub import quiet_hub

_PREPROCESSING = ("mean", "std", "interpolation", "resize_mode")
"""What a tag says of the images that its weights were trained with."""


class OpenClipEmbedder(Embedder):
    """Image tower of an open_clip model.

    Args:
        network: the tower, from normalised images to vectors.
        transform: the preprocessing of the model, from an RGB image to a normalised tensor.
        spec: its identity.
    """

    batch_size = 16

    def __init__(self, network: Network, transform: Any, spec: EmbedderSpec) -> None:
        self.spec = spec
        self._transform, self._network = transform, network

    def prepare(self, image: Image.Image) -> Prepared:
        """Apply the model's own preprocessing."""
        tensor: Prepared = self._transform(image).numpy()
        return tensor

    def forward(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        """Run the image tower."""
        return in_equal_shapes(self._network, batch)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What follows ``openclip:``: a model, a tag or none, a file or none."""

    model: str
    tag: str
    path: Path | None

    @classmethod
    def of(cls, argument: str) -> _Asked:
        front, colon, file = argument.partition(":")
        model, slash, tag = front.partition("/")
        if not model or bool(slash) != bool(tag) or not (tag or file) or bool(colon) != bool(file):
            raise SettingsError(
                f"openclip:{argument} is not complete: write openclip:MODEL/PRETRAINED, "
                "openclip:MODEL/PRETRAINED:PATH or openclip:MODEL:PATH"
            )
        return cls(model, tag, Path(file) if file else None)


def load(options: EmbedderOptions) -> Embedder:
    """Entry point of ``openclip``."""
    options.refuse_parameters()
    if options.preset:
        raise SettingsError("openclip uses each model's own preprocessing; it takes no preset")
    require_torch("openclip", "openclip")
    try:
        import open_clip
    except ImportError as error:
        raise EmbedderUnavailable(
            f"openclip needs open_clip_torch ({error}): install the extra [openclip] of pytest-replication"
        ) from error

    asked = _Asked.of(options.argument)
    known = open_clip.list_models()
    if asked.model not in known:
        raise UnknownName(
            f"open_clip has no model {asked.model!r}; open_clip.list_models() lists {len(known)}"
        )
    trained = _trained(open_clip, asked)
    file = asked.path or _fetch(open_clip, asked, trained)
    refuse_other_files(file, f"weights of open_clip's {asked.model}")
    digest = sha256_of(file)
    if options.weights_sha256 not in (None, digest):
        raise EmbedderUnavailable(
            f"{file} has sha256 {digest[:12]}…, but {str(options.weights_sha256)[:12]}… is wanted: name the "
            f"file that has it as openclip:{asked.model}{'/' * bool(asked.tag)}{asked.tag}:PATH"
        )
    quick = bool(trained.get("quick_gelu"))
    try:
        model, transform = open_clip.create_model_from_pretrained(
            asked.model,
            pretrained=str(file),
            weights_only=True,
            force_quick_gelu=quick,
            **{f"image_{key}": trained[key] for key in _PREPROCESSING if trained.get(key) is not None},
        )
    except Exception as error:  # torch, safetensors and open_clip share no base class
        raise _unloaded(asked, file, why_unread(error)) from error
    network = TorchNetwork(model, options.device, model.encode_image)
    quick = quick or bool(open_clip.get_model_config(asked.model).get("quick_gelu"))
    spec = EmbedderSpec(
        name=f"openclip:{asked.model}",
        dim=_dim(asked, file, network, transform),
        weights_sha256=digest,
        # Not of an image, but the vectors are others with another activation, and nothing else shows it.
        preprocessing=_describe(transform) + "; QuickGELU" * quick,
        location=f"openclip:{options.argument}",
    )
    return OpenClipEmbedder(network, transform, spec)


def _trained(open_clip: Any, asked: _Asked) -> Mapping[str, Any]:
    """What open_clip knows of the training of the weights of a tag; nothing without a tag."""
    if not asked.tag:
        return {}
    config: Mapping[str, Any] = open_clip.get_pretrained_cfg(asked.model, asked.tag)
    if not config:
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(asked.model))
        raise UnknownName(f"open_clip has no weights {asked.tag!r} for {asked.model}; known are {tags}")
    return config


def _fetch(open_clip: Any, asked: _Asked, config: Mapping[str, Any]) -> Path:
    try:
        with quiet_hub():
            return Path(open_clip.download_pretrained(config))
    except Exception as error:  # whatever the hub client raises when offline
        raise EmbedderUnavailable(
            f"the weights {asked.tag} of {asked.model} are not in open_clip's cache and cannot be fetched "
            f"({first_line(error)}): download them on another machine and name the file as "
            f"openclip:{asked.model}/{asked.tag}:PATH"
        ) from error


def _dim(asked: _Asked, file: Path, network: Network, transform: Any) -> int:
    """Length of the vector of a blank image: towers do not agree on how they name it."""
    blank = transform(Image.new("RGB", (64, 64), "grey")).numpy()
    try:
        return int(network(blank[None]).shape[1])
    except Exception as error:  # whatever a network meets
        raise _unloaded(asked, file, first_line(error)) from error


def _unloaded(asked: _Asked, file: Path, why: str) -> EmbedderUnavailable:
    return EmbedderUnavailable(
        f"open_clip cannot load {file} as {asked.model} ({why}): fetch it again, or name the file of "
        f"{asked.model}"
    )


def _describe(transform: Any) -> str:
    parts = (f"{step!r}" if hasattr(step, "__dict__") else step.__name__ for step in transform.transforms)
    return "open_clip: " + ", ".join(" ".join(part.split()) for part in parts)
