"""``onnx:PATH`` and ``torchscript:PATH``: any network in a file, from a batch of images to vectors.

Parameters say how images are brought to it: ``size=224`` (width and height, changing the aspect), or
``preset=NAME``; ``mean`` and ``std``, each ``imagenet``, ``half`` or ``none``. An ONNX network with a
fixed input needs no size; one that takes uint8 pixels normalises by itself. An output of tokens or of
a map is averaged into the vector. There is no default threshold.
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
    require_cpu,
    sha256_of,
)
from pytest_replication.embedders.outputs import averaged, checked
from pytest_replication.embedders.presets import HALF, IMAGENET_MEAN, IMAGENET_STD, Preset, preset_named
from pytest_replication.embedders.runtime import (
    Network,
    OnnxNetwork,
    TorchNetwork,
    in_equal_shapes,
    require_torch,
)
from pytest_replication.embedders.weight_files import (
    PROGRAM,
    first_line,
    open_torchscript,
    refuse_other_files,
)
from pytest_replication.errors import EmbedderError, EmbedderUnavailable, SettingsError

ONNX = "onnx"
LARGEST = 4096
"""Largest width and height that can be asked for."""

NONE = "none"
MEANS = {"imagenet": IMAGENET_MEAN, "half": HALF, NONE: (0.0, 0.0, 0.0)}
STDS = {"imagenet": IMAGENET_STD, "half": HALF, NONE: (1.0, 1.0, 1.0)}


class FileEmbedder(Embedder):
    """A network in a file.

    Args:
        network: the loaded network.
        preset: how images are brought to it.
        name: of the spec.
        weights_sha256: digest of the file.
        location: how to load the same again.
        named: the preset is one that can be asked for by name.

    Raises:
        EmbedderError: the network cannot take such images, or gives something else than vectors.
    """

    def __init__(
        self, network: Network, preset: Preset, name: str, weights_sha256: str, location: str, *, named: bool
    ) -> None:
        self._network, self._preset, self._what = network, preset, location
        self.drift = 1e-2 if network.quantised else 1e-4
        side = preset.crop or preset.square
        # Two images, so that a network made for batches of one is found out here.
        blank = [self.prepare(Image.new("RGB", (64, 64), "grey"))] * 2
        output = self._run(np.stack(blank))
        if output.ndim == 3 and side:
            self.token_shape = (output.shape[1], output.shape[2])
        self.hides_tokens = output.ndim == 3 and not side
        described = preset.describe()
        if network.takes_pixels:
            described = described.rpartition(", mean ")[0] + ", uint8: the network normalises"
        preset_name = preset.name if named else None
        self.spec = EmbedderSpec(name, output.shape[-1], weights_sha256, described, location, preset_name)

    def prepare(self, image: Image.Image) -> Prepared:
        """Resize, and normalise unless the network does."""
        pixels = self._preset.pixels(image)
        return pixels if self._network.takes_pixels else self._preset.normalised(pixels)

    def forward(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        """Run the network over each group of equal shapes, and average tokens."""
        return in_equal_shapes(lambda images: averaged(self._run(images)), batch)

    def tokens(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        """Tokens, or cells of a map row by row: (n, chunks, length).

        Raises:
            EmbedderError: the network gives vectors only, or the preset gives images of several
                shapes, which have no common tokens.
        """
        if self.token_shape is None:
            return Embedder.tokens(self, batch)
        return in_equal_shapes(self._run, batch)

    def _run(self, images: NDArray[Any]) -> NDArray[np.float32]:
        try:
            output = self._network(images)
        except Exception as error:  # onnxruntime's errors share no base class, torch's are of many
            height, width = images.shape[1:3] if self._network.takes_pixels else images.shape[2:]
            raise EmbedderError(
                f"{self._what} cannot embed {len(images)} images of {width} x {height} pixels "
                f"({first_line(error)}): give the size it was made for, and export it with an open batch axis"
            ) from error
        return checked(output, len(images), self._what)


def load(options: EmbedderOptions) -> Embedder:
    """Entry point of ``onnx`` and ``torchscript``."""
    unknown = set(options.parameters) - {"size", "mean", "std", "preset"}
    if unknown:
        raise SettingsError(
            f"the embedder {options.name} has no parameter {', '.join(sorted(unknown))}: it takes size, "
            "mean, std and preset"
        )
    if not options.argument:
        raise SettingsError(f"{options.name} needs a file: write {options.name}:PATH")
    if options.name != ONNX:
        options.require_named(PROGRAM)
    path = Path(options.argument)
    refuse_other_files(path, "an ONNX network" if options.name == ONNX else "a TorchScript module")
    digest = sha256_of(path)
    if options.weights_sha256 not in (None, digest):
        raise EmbedderUnavailable(
            f"{path} has sha256 {digest[:12]}…, but {str(options.weights_sha256)[:12]}… is wanted: name "
            f"the file that has it as {options.name}:PATH"
        )
    network = _network(options, path)
    preset, named = _preset(options, network)
    query = "&".join(f"{key}={options.parameters[key]}" for key in sorted(options.parameters))
    return FileEmbedder(
        network,
        preset,
        # Not its path: a file that is moved stays the same embedder.
        f"{options.name}:{digest[:12]}",
        digest,
        f"{options.name}{'?' * bool(query)}{query}:{path}",
        named=named,
    )


def _network(options: EmbedderOptions, path: Path) -> Network:
    if options.name == ONNX:
        require_cpu(options.device, f"the ONNX file {path.name}")
        return OnnxNetwork(path)
    require_torch(f"torchscript:{path.name}", "torch")
    return TorchNetwork(open_torchscript(path), options.device)


def _preset(options: EmbedderOptions, network: Network) -> tuple[Preset, bool]:
    """How images are brought to the network, and whether that has a name of its own."""
    asked, fixed = dict(options.parameters), _fixed_side(options, network)
    name = asked.pop("preset", options.preset)
    if name is None:
        preset = _own_preset(options, network, fixed)
    elif options.preset not in (None, name) or asked:
        raise SettingsError(
            f"{options.name} got the preset {name} and beside it {', '.join(asked) or options.preset}: a "
            "preset has size, mean and std of its own, give one alone"
        )
    else:
        preset = preset_named(name)
        if network.takes_pixels and preset.mean != IMAGENET_MEAN:
            raise SettingsError(
                f"{options.argument} takes uint8 pixels and normalises by itself, so the preset {name} "
                "cannot be served: give size=N"
            )
    side = preset.crop or preset.square
    if fixed not in (None, side):
        raise SettingsError(
            f"{options.argument} takes images of {fixed} x {fixed} pixels, not {side or 'any'}: leave size "
            "and preset away"
        )
    return preset, name is not None


def _own_preset(options: EmbedderOptions, network: Network, fixed: int | None) -> Preset:
    asked = options.parameters
    mean, std = asked.get("mean"), asked.get("std")
    if (mean is None) != (std is None) or mean not in (None, *MEANS) or std not in (None, *STDS):
        raise SettingsError(
            f"{options.name} got mean={mean}, std={std}: give both or none, each one of {', '.join(MEANS)}"
        )
    if mean is not None and network.takes_pixels:
        raise SettingsError(
            f"{options.argument} takes uint8 pixels and normalises by itself: leave mean and std away"
        )
    text = asked.get("size")
    if text is None and fixed is None:
        raise SettingsError(
            f"{options.argument} takes images of any size: say which it was trained for, as "
            f"{options.name}?size=224:PATH, or name a preset"
        )
    if text is not None and not (text.isascii() and text.isdigit() and 1 <= int(text) <= LARGEST):
        raise SettingsError(f"size of {options.name} has to be a number from 1 to {LARGEST}, not {text!r}")
    side = int(text) if text is not None else int(fixed or 0)
    return Preset("square", side, 0, 0, MEANS[mean or "imagenet"], STDS[std or "imagenet"])


def _fixed_side(options: EmbedderOptions, network: Network) -> int | None:
    """Width and height that an ONNX file declares, None if it leaves them open."""
    if not isinstance(network, OnnxNetwork):
        return None
    shape = network.input_shape
    batch, *rest = shape
    sides, channels = (rest[:2], rest[2]) if network.takes_pixels else (rest[1:], rest[0])
    numbers = {side for side in sides if isinstance(side, int)}
    if (isinstance(channels, int) and channels != 3) or len(numbers) > 1:
        raise EmbedderUnavailable(
            f"{options.argument} takes batches of shape {shape}, expected square images of 3 channels, float "
            "(n, 3, h, w) or uint8 (n, h, w, 3): export it so"
        )
    if isinstance(batch, int) and batch != 1:
        raise EmbedderUnavailable(
            f"{options.argument} takes batches of {batch} images only: export it with an open batch axis"
        )
    return numbers.pop() if numbers else None
