"""LoRA and textual inversion: small files on top of a pipeline."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pytest_replication.embedders.base import sha256_of
from pytest_replication.errors import ModelError
from pytest_replication.models.diffusers.load import telling
from pytest_replication.models.options import ModelOptions

_DOWN = re.compile(r"lora_A\b|lora_down\b|lora\.down\b|lora_linear_layer\.down\b|_lora\.down\b|lora_a\b")
"""The first of the two matrices of a layer, by the names that trainers give it."""


def adapter_files(options: ModelOptions) -> Iterator[tuple[str, Path]]:
    """Kind and file of each adapter.

    Raises:
        ModelError: a file is missing, or is a pickle.
    """
    for kind, paths in (("lora", options.lora), ("textual_inversion", options.textual_inversion)):
        for text in paths:
            path = Path(text)
            if not path.is_file():
                raise ModelError(f"there is no file {path} of {kind}: give a safetensors file")
            if path.suffix != ".safetensors":
                raise ModelError(
                    f"{path} of {kind} is no safetensors file: a pickle can run code, save it as safetensors"
                )
            yield kind, path


def adapter_digests(options: ModelOptions) -> list[str]:
    """Kind and sha256 of each adapter, in order.

    Raises:
        ModelError: as `adapter_files`.
    """
    return [f"{kind} {sha256_of(path)}" for kind, path in adapter_files(options)]


def put_adapters(pipeline: Any, options: ModelOptions, name: str) -> None:
    """Load adapters into a pipeline.

    Raises:
        ModelError: the pipeline takes none, a file does not fit, or peft is missing.
    """
    names = []
    for number, (kind, path) in enumerate(adapter_files(options)):
        loader = "load_lora_weights" if kind == "lora" else "load_textual_inversion"
        if not hasattr(pipeline, loader):
            raise ModelError(
                f"the pipeline {type(pipeline).__name__} of {name} takes no {kind}: leave it away"
            )
        with telling(f"{path} of {kind} cannot be put into {name}"):
            if kind == "lora":
                _require_peft(path)
                names.append(f"lora{number}")
                before = _adapted(pipeline)
                pipeline.load_lora_weights(
                    str(path.parent),
                    weight_name=path.name,
                    adapter_name=names[-1],
                    local_files_only=True,
                    use_safetensors=True,
                )
                _require_all(path, name, _adapted(pipeline) - before)
            else:
                before = len(pipeline.tokenizer)
                pipeline.load_textual_inversion(str(path), local_files_only=True, use_safetensors=True)
                if len(pipeline.tokenizer) == before:
                    raise ModelError(f"{path} of textual_inversion adds no token to {name}")
    if options.lora_scale is not None and not names:
        raise ModelError(f"lora_scale is set for {name} without a lora: name its file")
    if names:
        with telling(f"the adapters of {name} cannot be used"):
            scale = 1.0 if options.lora_scale is None else options.lora_scale
            pipeline.set_adapters(names, [scale] * len(names))


def _require_all(path: Path, name: str, put: int) -> None:
    """Refuse a LoRA of which layers went nowhere: that of another model, or one that was renamed.

    The library passes over what it has no place for, and a model without its LoRA may copy nothing of what it
    was tuned on.

    Raises:
        ModelError: so it is.
    """
    from safetensors import safe_open

    with safe_open(str(path), framework="numpy") as file:
        held = sum(1 for key in file.keys() if _DOWN.search(key))  # noqa: SIM118 - no dictionary
    if put == 0 or put < held:  # a layer for query, key and value at once becomes three
        raise ModelError(
            f"only {put} of {held} layers of the lora {path} have a place in {name}: it is of another model, "
            "or its names were changed"
        )


def _adapted(pipeline: Any) -> int:
    """Number of layers, over all parts, that adapters are in."""
    parts = [part for part in pipeline.components.values() if hasattr(part, "modules")]
    layers: list[Any] = [getattr(module, "lora_A", None) for part in parts for module in part.modules()]
    return sum(len(layer) for layer in layers if layer is not None)


def _require_peft(path: Path) -> None:
    try:
        import peft  # noqa: F401
    except ImportError as error:
        raise ModelError(
            f"{path} of lora needs peft ({error}): pip install 'pytest-replication[diffusers]'"
        ) from error
