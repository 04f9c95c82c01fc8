"""Networks of timm and transformers as embedders: ``dino-vitb16``, ``blip``, ``timm:MODEL`` and others.

``NAME`` takes weights from the cache or a package, ``NAME:PATH`` from a file, ``NAME:hub@COMMIT`` from
the hub; ``NAME?layer=2&pool=gem&scales=3&size=320`` changes how they are used. Scores of these say how
alike two images are, not whether one copies the other: there is no default threshold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pytest_replication.embedders.backbones import Backbone, open_backbone, require_timm
from pytest_replication.embedders.base import Embedder, EmbedderOptions, EmbedderSpec, Prepared
from pytest_replication.embedders.catalogue import ENTRIES, OWN, Entry, Input
from pytest_replication.embedders.locate import locate
from pytest_replication.embedders.pooling import POOLS, over_scales, pooled, whitened
from pytest_replication.embedders.presets import Preset, preset_named
from pytest_replication.embedders.runtime import TorchNetwork, in_equal_shapes, require_torch
from pytest_replication.errors import EmbedderError, SettingsError, UnknownName

GENERIC = "timm"
SIZES = range(32, 1025)


@dataclass(frozen=True, slots=True)
class Use:
    """How a network is used.

    Attributes:
        pool: how tokens become a vector, one of `pooling.POOLS`.
        layer: which block counts as the last, from the end.
        scales: 1, or 3 for the mean over three sizes of the input.
        size: width and height of the input, under the network's own preset.
    """

    pool: str
    layer: int
    scales: int
    size: int

    @classmethod
    def of(cls, parameters: Mapping[str, str], entry: Entry) -> Use:
        """Read the parameters of an embedder's name.

        Raises:
            SettingsError: an unknown parameter, or a value that it cannot have.
        """
        usual = cls(entry.pool, 1, 1, entry.input.size)
        unknown = [key for key in parameters if key not in cls.__slots__]
        if unknown:
            raise SettingsError(
                f"{entry.name} has no parameter {unknown[0]!r}; it has {', '.join(cls.__slots__)}"
            )
        pool = parameters.get("pool", usual.pool)
        if pool not in (usual.pool, *POOLS):
            raise SettingsError(f"{entry.name} cannot pool by {pool!r}; pool is one of {', '.join(POOLS)}")
        numbers = {}
        for key, allowed in (("layer", range(1, 1000)), ("scales", (1, 3)), ("size", SIZES)):
            text = parameters.get(key, str(getattr(usual, key)))
            if not (text.isascii() and text.isdigit()) or int(text) not in allowed:
                wanted = "1 or 3" if key == "scales" else f"a number from {allowed[0]} to {allowed[-1]}"
                raise SettingsError(f"{key} of {entry.name} has to be {wanted}, not {text!r}")
            numbers[key] = int(text)
        return replace(usual, pool=pool, **numbers)

    def query(self, entry: Entry) -> str:
        """What differs from the usual, sorted, as it is written behind a name; empty if nothing does."""
        usual = Use.of({}, entry)
        changed = [k for k in sorted(self.__slots__) if getattr(self, k) != getattr(usual, k)]
        return "?" * bool(changed) + "&".join(f"{key}={getattr(self, key)}" for key in changed)


class VisionEmbedder(Embedder):
    """A network of timm or transformers over one preset.

    Args:
        backbone: the network with its weights.
        use: pooling, layer and scales.
        power: exponent of the generalised mean.
        preset: how images are resized and normalised.
        name: of the spec.
        weights_sha256: digest of the weights file.
        location: how to load the same again.
        device: ``auto``, ``cpu``, ``mps``, ``cuda`` or ``cuda:N``.

    Raises:
        SettingsError: the network has no class token, or cannot take the size of the preset.
    """

    batch_size = 16

    def __init__(
        self,
        backbone: Backbone,
        use: Use,
        power: float,
        preset: Preset,
        name: str,
        weights_sha256: str,
        location: str,
        device: str,
    ) -> None:
        if "cls" in use.pool and not backbone.class_token:
            raise SettingsError(f"{name} has no class token: give pool=avg or pool=gem")
        self._backbone, self._use, self._power, self._preset = backbone, use, power, preset
        self._vectors = TorchNetwork(backbone.module, device, self._describe)
        self._cells = TorchNetwork(backbone.module, device, self._tokens)
        self._both = TorchNetwork(backbone.module, device, self._describe_with_tokens)
        dim = self._try(name)
        self.spec = EmbedderSpec(name, dim, weights_sha256, preset.describe(), location, preset.name)

    def prepare(self, image: Image.Image) -> Prepared:
        """Resize and normalise."""
        return self._preset.normalised(self._preset.pixels(image))

    def forward(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        """Run the network over each group of equal shapes."""
        return in_equal_shapes(self._vectors, batch)

    def tokens(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        """Tokens after the final norm, or cells of the last map, row by row: (n, tokens, width).

        Always of the input itself: scales and pooling have no part in them.

        Raises:
            EmbedderError: the preset gives images of several shapes, which have no common tokens.
        """
        if self.token_shape is None:
            raise EmbedderError(
                f"{self.spec.name} with the preset {self._preset.name} sees each image in its own shape, so "
                f"that tokens cannot be compared: take the preset {OWN}, or another that crops or squares"
            )
        return in_equal_shapes(self._cells, batch)

    def forward_with_tokens(
        self, batch: Sequence[Prepared]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Both from one run, unless the vector is a mean over several sizes of the input."""
        if self._use.scales != 1 or self.token_shape is None:
            return super().forward_with_tokens(batch)
        rows = in_equal_shapes(self._both, batch)
        vectors, tokens = np.split(rows, [self.spec.dim], axis=1)
        return vectors, tokens.reshape(len(batch), *self.token_shape)

    def _describe(self, images: Any) -> Any:
        if self._use.scales == 1:
            return self._pool(self._backbone.raw(images))
        return over_scales(images, lambda scaled: self._pool(self._backbone.raw(scaled)))

    def _tokens(self, images: Any) -> Any:
        return self._backbone.tokens(self._backbone.raw(images))

    def _describe_with_tokens(self, images: Any) -> Any:
        """Vector and tokens of each image in one row."""
        import torch

        raw = self._backbone.raw(images)
        return torch.cat([self._pool(raw), self._backbone.tokens(raw).flatten(1)], dim=1)

    def _pool(self, raw: Any) -> Any:
        backbone, pool = self._backbone, self._use.pool
        if pool == "avg":
            return backbone.mean(raw)
        rows = pooled(backbone.tokens(raw), pool, class_token=backbone.class_token, power=self._power)
        return whitened(rows, *backbone.whitening) if backbone.whitening else rows

    def _try(self, name: str) -> int:
        """Describe one blank image: sets `token_shape`, returns the length of a vector."""
        side = self._preset.side or self._preset.short_side
        blank = np.zeros((1, 3, side, side), np.float32)
        try:
            dim = self._vectors(blank).shape[1]
            chunks, width = self._cells(blank).shape[1:]
        except (RuntimeError, ValueError, AssertionError) as error:
            raise SettingsError(
                f"{name} cannot take images of {side} x {side} pixels ({str(error).splitlines()[0]}): leave "
                "size, scales and preset at what is usual for it"
            ) from error
        self.token_shape = (chunks, width) if self._preset.side else None
        self.hides_tokens = self.token_shape is None
        return int(dim)


def load(options: EmbedderOptions) -> Embedder:
    """Entry point of all names of `catalogue.ENTRIES`, and of ``timm``."""
    require_torch(options.name, "timm")
    entry, place = _entry(options)
    use = Use.of(options.parameters, entry)
    preset = _preset(options.preset, use, entry)
    path, digest = locate(entry, place, options)
    backbone = open_backbone(entry, path, use.layer)
    if not entry.pool:
        entry = replace(entry, pool=backbone.usual_pool)
        use = Use.of(options.parameters, entry)
    query = use.query(entry)
    _, colon, model = entry.name.partition(":")
    return VisionEmbedder(
        backbone,
        use,
        4.0 if backbone.class_token else 3.0,
        preset,
        f"{options.name}{query}{colon}{model}",
        digest,
        f"{options.name}{query}" + (f":{options.argument}" if options.argument else ""),
        options.device,
    )


def _entry(options: EmbedderOptions) -> tuple[Entry, str]:
    if options.name != GENERIC:
        if options.name not in ENTRIES:
            raise UnknownName(f"there is no network {options.name!r}; known are {', '.join(ENTRIES)}")
        return ENTRIES[options.name], options.argument
    model, _, place = options.argument.partition(":")
    if not model:
        raise SettingsError("timm needs a model: write timm:MODEL, timm:MODEL:PATH or timm:MODEL:hub@COMMIT")
    if "?" in model:
        bare, _, query = model.partition("?")
        raise SettingsError(
            f"the parameters of {options.argument!r} stand in the wrong place: write timm?{query}:{bare}"
            + (f":{place}" if place else "")
        )
    return generic(model), place


def generic(model: str) -> Entry:
    """Entry of any model of timm, with its own preprocessing.

    Raises:
        EmbedderUnavailable: timm is missing.
        UnknownName: it has no such model.
        SettingsError: its preprocessing is of a kind that presets do not have.
    """
    timm = require_timm(GENERIC)
    try:
        found = timm.get_pretrained_cfg(model, allow_unregistered=True)
    except RuntimeError:  # a tag that the architecture does not have
        found = None
    if found is None:
        raise UnknownName(
            f"timm {timm.__version__} has no model {model!r}; timm.list_models(), list_pretrained() name all"
        )
    config = found.to_dict()
    data = timm.data.resolve_data_config(pretrained_cfg=config)
    (_, height, width), interpolation = data["input_size"], data["interpolation"]
    crop_mode = data.get("crop_mode", "center")
    if (
        height != width
        or interpolation not in ("bilinear", "bicubic")
        or crop_mode not in ("center", "squash")
    ):
        raise SettingsError(
            f"timm prepares images for {model} as no preset does (size {height} x {width}, {interpolation}, "
            f"{crop_mode}): take another model"
        )
    return Entry(
        f"{GENERIC}:{model}",
        model,
        0,
        str(config.get("license")),
        hub=config.get("hf_hub_id") or "",
        rename=GENERIC,
        ignored=("mask_token",),
        pool="",
        input=Input(
            width, data["crop_pct"], interpolation, data["mean"], data["std"], square=crop_mode == "squash"
        ),
    )


def _preset(name: str | None, use: Use, entry: Entry) -> Preset:
    if name in (None, OWN):
        return entry.input.preset(use.size)
    if use.size != entry.input.size:
        raise SettingsError(
            f"the preset {name} has a size of its own, {entry.name} cannot take size={use.size} beside it: "
            "give one of the two"
        )
    return preset_named(str(name))
