"""``openclip``: the image tower of any open_clip model, with that model's own preprocessing.

``openclip:MODEL/PRETRAINED`` takes weights that open_clip knows, ``openclip:MODEL:PATH`` a local
file. Scores of CLIP say how alike two images are in content, not whether one copies the other:
there is no default threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
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
from pytest_replication.embedders.runtime import TorchNetwork, in_equal_shapes, require_torch
from pytest_replication.errors import EmbedderUnavailable, SettingsError, UnknownName
from pytest_replication.hub import quiet_hub


class OpenClipEmbedder(Embedder):
    """Image tower of an open_clip model.

    Args:
        model: the loaded model.
        transform: its own preprocessing, from an RGB image to a normalised tensor.
        spec: its identity.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    """

    batch_size = 16

    def __init__(self, model: Any, transform: Any, spec: EmbedderSpec, device: str) -> None:
        self.spec = spec
        self._transform = transform
        self._network = TorchNetwork(model.visual, device)

    def prepare(self, image: Image.Image) -> Prepared:
        """Apply the model's own preprocessing."""
        tensor: Prepared = self._transform(image).numpy()
        return tensor

    def forward(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        """Run the image tower."""
        return in_equal_shapes(self._network, batch)


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

    name, tag, path = _parse(options.argument)
    known = open_clip.list_models()
    if name not in known:
        raise UnknownName(f"open_clip has no model {name!r}; open_clip.list_models() lists {len(known)}")
    file = path if path is not None else _fetch(open_clip, name, tag)
    digest = sha256_of(file)
    if options.weights_sha256 not in (None, digest):
        raise EmbedderUnavailable(
            f"{file} has sha256 {digest[:12]}…, but {str(options.weights_sha256)[:12]}… is wanted"
        )
    try:
        model, transform = open_clip.create_model_from_pretrained(
            name, pretrained=str(file) if path is not None else tag, weights_only=True
        )
    except Exception as error:  # torch, safetensors and open_clip share no base class
        raise EmbedderUnavailable(f"open_clip cannot load {file} as {name}: {error}") from error
    spec = EmbedderSpec(
        name=f"openclip:{name}",
        dim=_dim(model),
        weights_sha256=digest,
        preprocessing=_describe(transform),
        location=f"openclip:{options.argument}",
    )
    return OpenClipEmbedder(model, transform, spec, options.device)


def _parse(argument: str) -> tuple[str, str, Path | None]:
    if ":" in argument:
        name, _, file = argument.partition(":")
        path = Path(file)
        if not path.is_file():
            raise EmbedderUnavailable(f"there are no open_clip weights at {path}")
        return name, "", path
    name, _, tag = argument.partition("/")
    if not (name and tag):
        raise SettingsError(
            f"openclip:{argument} is not complete: write openclip:MODEL/PRETRAINED or openclip:MODEL:PATH"
        )
    return name, tag, None


def _fetch(open_clip: Any, name: str, tag: str) -> Path:
    config = open_clip.get_pretrained_cfg(name, tag)
    if not config:
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(name))
        raise UnknownName(f"open_clip has no weights {tag!r} for {name}; known are {tags}")
    try:
        with quiet_hub():
            return Path(open_clip.download_pretrained(config))
    except Exception as error:  # whatever the hub client raises when offline
        raise EmbedderUnavailable(
            f"the weights {tag} of {name} are not in open_clip's cache and cannot be fetched ({error}): "
            f"download them on another machine and name the file as openclip:{name}:PATH"
        ) from error


def _dim(model: Any) -> int:
    return int(model.visual.output_dim)


def _describe(transform: Any) -> str:
    parts = (f"{step!r}" if hasattr(step, "__dict__") else step.__name__ for step in transform.transforms)
    return "open_clip: " + ", ".join(" ".join(part.split()) for part in parts)
