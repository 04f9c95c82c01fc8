"""Architectures of timm and transformers as one thing: images → tokens after the final norm."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_replication.embedders import checkpoints
from pytest_replication.embedders.catalogue import Entry
from pytest_replication.errors import EmbedderUnavailable, SettingsError


@dataclass(frozen=True, slots=True)
class Backbone:
    """A network with its weights.

    Attributes:
        module: the torch module.
        features: images (n, 3, height, width) → tokens (n, tokens, width), the class token first if
            there is one, else the cells of the last map, row by row.
        class_token: whether the first token is one.
        patch: sides of an image must be multiples of it; the rest is cut off.
        usual_pool: how the architecture makes one vector of them, ``cls`` or ``avg``.
        late_norm: final norm of a network that pools before it; None if `features` ends with its norm.
        whitening: mean and matrix that came with the weights, or None.
    """

    module: Any
    features: Callable[[Any], Any]
    class_token: bool
    patch: int
    usual_pool: str
    late_norm: Any = None
    whitening: tuple[Any, Any] | None = None

    def raw(self, images: Any) -> Any:
        """Tokens before a late norm: (n, tokens, width)."""
        height, width = (side - side % self.patch for side in images.shape[2:])
        if not (height and width):
            raise SettingsError(
                f"an input of {images.shape[3]} x {images.shape[2]} pixels is smaller than one patch of "
                f"{self.patch}: give a larger size, or scales=1"
            )
        return self.features(images[:, :, :height, :width])

    def tokens(self, raw: Any) -> Any:
        """Tokens after the final norm, of those before it: (n, tokens, width)."""
        return raw if self.late_norm is None else self.late_norm(raw)

    def mean(self, raw: Any) -> Any:
        """Mean of all tokens but the class token, the final norm where the network has it: (n, width)."""
        rows = (raw[:, 1:] if self.class_token else raw).mean(dim=1)
        return rows if self.late_norm is None else self.late_norm(rows)


def open_backbone(entry: Entry, path: Path, layer: int) -> Backbone:
    """Build the network of an entry and put the weights of a file into it.

    Args:
        entry: which.
        path: the weights file; of ``blip`` also a folder with config.json and model.safetensors.
        layer: which block from the end is the last, 1 for all of them.

    Raises:
        EmbedderUnavailable: a package is missing, or the file does not hold these weights.
        SettingsError: there are not so many blocks.
    """
    if entry.architecture == "blip":
        return _blip(entry, path, layer)
    return _timm(entry, path, layer)


def _timm(entry: Entry, path: Path, layer: int) -> Backbone:
    content = checkpoints.read(path)
    state = checkpoints.select(content, entry, path)
    module = build_timm(entry)
    checkpoints.fit(module, checkpoints.renamed(state, module, entry.rename, path), entry, path)
    if type(module).__name__ in ("VisionTransformer", "VisionTransformerDistilled", "Eva"):
        return _transformer(module, entry, layer)
    if layer != 1:
        raise SettingsError(
            f"{entry.name} is no plain transformer with equal blocks: leave layer at 1, not {layer}"
        )
    rows_last = getattr(module, "output_fmt", "NCHW") == "NHWC"

    def cells(images: Any) -> Any:
        found = module.forward_features(images)
        if found.ndim != 4 or found.shape[-1 if rows_last else 1] != module.num_features:
            raise EmbedderUnavailable(
                f"{entry.architecture} gives features of the shape {tuple(found.shape)}, expected a map of "
                f"{module.num_features} channels: take another model of timm"
            )
        return found.flatten(1, 2) if rows_last else found.flatten(2).transpose(1, 2)

    late = _over_last(getattr(getattr(module, "head", None), "norm", None))
    return Backbone(module, cells, False, _patch(module), "avg", late, _whitening(entry, content))


def build_timm(entry: Entry) -> Any:
    """Make the timm architecture of an entry, with random weights, that takes inputs of any size if it can.

    Raises:
        EmbedderUnavailable: timm is missing, or has no such model.
    """
    timm = require_timm(entry.name)
    if not timm.is_model(entry.architecture):
        raise EmbedderUnavailable(
            f"timm {timm.__version__} has no model {entry.architecture!r}: timm.list_models() names all"
        )
    error: TypeError | None = None
    for free in ({"dynamic_img_size": True}, {"strict_img_size": False}, {}):
        try:
            return timm.create_model(
                entry.architecture, pretrained=False, num_classes=0, **entry.arguments, **free
            )
        except TypeError as caught:
            error = caught
    raise EmbedderUnavailable(f"timm cannot make {entry.architecture}: {error}")


def require_timm(what: str) -> Any:
    """Import timm.

    Raises:
        EmbedderUnavailable: it is missing; says what to install.
    """
    try:
        import timm
    except (ImportError, RuntimeError) as error:  # RuntimeError: torch and torchvision do not fit
        raise EmbedderUnavailable(
            f"{what} needs timm ({error}): install the extra [timm] of pytest-replication"
        ) from error
    return timm


def _transformer(module: Any, entry: Entry, layer: int) -> Backbone:
    import torch

    prefix = module.num_prefix_tokens
    module.blocks = module.blocks[: _kept(len(module.blocks), layer, entry)]
    class_token = getattr(module, "cls_token", None) is not None

    def features(images: Any) -> Any:
        found = module.forward_features(images)
        patches = found[:, prefix:]  # registers and distillation tokens describe no part of the image
        return torch.cat([found[:, :1], patches], dim=1) if class_token else patches

    late = module.fc_norm if hasattr(module.fc_norm, "weight") else None
    pool = "cls" if class_token and module.global_pool == "token" else "avg"
    return Backbone(module, features, class_token, _patch(module), pool, late)


def _blip(entry: Entry, path: Path, layer: int) -> Backbone:
    try:
        from transformers import BlipVisionConfig, BlipVisionModel
    except (ImportError, RuntimeError) as error:
        raise EmbedderUnavailable(
            f"{entry.name} needs transformers ({error}): install the extra [timm] of pytest-replication"
        ) from error
    config = path.with_name("config.json")
    try:
        given: dict[str, Any] = {}
        if config.is_file() and path.name == "model.safetensors":
            given = json.loads(config.read_text("utf-8"))
            given = given.get("vision_config", given)
            given.pop("model_type", None)
        module = BlipVisionModel(BlipVisionConfig(**given))
    except Exception as error:  # a number that does not fit is met anywhere in the network
        text = str(error).strip()
        why = f"{type(error).__name__}: {' '.join(text.split())}" if text else type(error).__name__
        raise EmbedderUnavailable(f"{config} is no configuration of BLIP ({why}): fetch it again") from error
    state = checkpoints.select(checkpoints.read(path), entry, path)
    checkpoints.fit(module, state, entry, path)
    kept = _kept(len(module.encoder.layers), layer, entry)
    module.encoder.layers = module.encoder.layers[:kept]

    def features(images: Any) -> Any:
        return module(pixel_values=images, interpolate_pos_encoding=True).last_hidden_state

    return Backbone(module, features, True, _number(module.config.patch_size), "cls")


def _kept(blocks: int, layer: int, entry: Entry) -> int:
    if not 1 <= layer <= blocks:
        raise SettingsError(f"{entry.name} has {blocks} blocks: layer has to be 1 to {blocks}, not {layer}")
    return blocks - layer + 1


def _patch(module: Any) -> int:
    return _number(getattr(getattr(module, "patch_embed", None), "patch_size", 1))


def _number(size: Any) -> int:
    return int(size if isinstance(size, int) else size[0])


def _over_last(norm: Any) -> Any:
    """A norm over the channels of a map, as one over the last axis; None if it is none."""
    from torch.nn import LayerNorm
    from torch.nn.functional import layer_norm

    if not isinstance(norm, LayerNorm):
        return None
    return lambda rows: layer_norm(rows, (rows.shape[-1],), norm.weight, norm.bias, norm.eps)


def _whitening(entry: Entry, content: Mapping[str, Any]) -> tuple[Any, Any] | None:
    state = content.get(entry.section, content) if entry.section else content
    found = {str(k).rpartition(".")[2]: v for k, v in state.items() if str(k).endswith((".pca_m", ".pca_P"))}
    if not found:
        return None
    mean, matrix = found.get("pca_m"), found.get("pca_P")
    if mean is None or matrix is None or matrix.ndim != 2 or matrix.shape[0] != mean.numel():
        raise EmbedderUnavailable(
            f"the whitening in the checkpoint of {entry.name} is not whole: expected pca_m of a length d and "
            "pca_P of d rows; write it again, or leave both out"
        )
    return mean.flatten().float(), matrix.float()
