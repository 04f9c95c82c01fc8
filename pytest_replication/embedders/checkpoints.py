"""Files of weights: read without running anything, renamed, and put into a network whole or not at all."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pytest_replication.embedders.catalogue import Entry
from pytest_replication.embedders.weight_files import read_tensors, refuse_other_files, why_unread
from pytest_replication.errors import EmbedderUnavailable

CLASSIFIER = ("head.", "head_dist.", "fc.", "classifier.")
"""Beginnings of the names of a classifier, which no embedder needs."""

Weights = dict[str, Any]
"""Tensors by name."""


def read(path: Path) -> Mapping[str, Any]:
    """Read a .safetensors file or what torch has saved.

    Returns:
        What the file holds: tensors by name, or a dict that has them under one of its keys.

    Raises:
        EmbedderUnavailable: it is no file of weights, is cut short, or holds more than data.
    """
    refuse_other_files(path, "a file of weights")
    with path.open("rb") as file:
        head = file.read(9)
    content = _safetensors(path) if head[8:9] == b"{" else _torch(path)
    if not isinstance(content, Mapping):
        raise EmbedderUnavailable(
            f"{path} holds {type(content).__name__}, expected tensors by name: save the state_dict() of "
            "the model"
        )
    return content


def select(content: Mapping[str, Any], entry: Entry, path: Path) -> Weights:
    """Take the weights of the network out of what a checkpoint holds besides.

    Raises:
        EmbedderUnavailable: it holds something else than tensors there.
    """
    sections = [entry.section] if entry.section else ["model", "state_dict"]
    found = [content[s] for s in sections if isinstance(content.get(s), Mapping)]
    if len(found) > 1:
        raise EmbedderUnavailable(
            f"{path} holds two sets of weights ({' and '.join(sections)}): save the one you mean as a "
            ".safetensors file"
        )
    state = dict(found[0] if found else content)
    odd = next(
        (k for k, v in state.items() if not (isinstance(k, str) and hasattr(v, "is_floating_point"))), None
    )
    if odd is not None or not state:
        raise EmbedderUnavailable(
            f"{path} holds {f'{odd!r}, which is no tensor' if state else 'no tensors'}, where the weights of "
            f"{entry.name} were expected{f' under {entry.section!r}' if entry.section else ''}: "
            f"it holds {_first(content)}"
        )
    for prefix in entry.prefixes or ("module.",):
        if any(name.startswith(prefix) for name in state):
            # Names outside it belong to other parts: the momentum encoder, a decoder of text.
            return {name.removeprefix(prefix): v for name, v in state.items() if name.startswith(prefix)}
    return state


def fit(module: Any, state: Weights, entry: Entry, path: Path) -> None:
    """Put weights into a network: every one of its names, and no other but a classifier's.

    Raises:
        EmbedderUnavailable: names or shapes are not those of the architecture.
    """
    wanted = module.state_dict()
    if wrong := difference(wanted, state, (*CLASSIFIER, *entry.ignored)):
        raise EmbedderUnavailable(
            f"{path} is no checkpoint of {entry.name} ({entry.architecture}): {wrong}; expected is "
            f"{_source(entry)}"
        )
    module.load_state_dict({k: v for k, v in state.items() if k in wanted}, strict=False)


def difference(wanted: Weights, state: Weights, spare: tuple[str, ...] = ()) -> str:
    """What sets weights apart from those of a network, in one line; empty for nothing.

    Args:
        wanted: the state dict of the network.
        state: the weights.
        spare: beginnings of names that the network need not have.
    """
    # Counters of training steps, which checkpoints of old do not have and nobody needs.
    missing = [k for k in wanted if k not in state and not k.endswith("num_batches_tracked")]
    unexpected = [k for k in state if k not in wanted and not k.startswith(spare)]
    if missing or unexpected:
        parts = [f"lacks {missing[0]!r} ({len(missing)} in all)"] if missing else []
        parts += [f"has {unexpected[0]!r} ({len(unexpected)} in all)"] if unexpected else []
        return f"it {' and '.join(parts)}"
    wrong = next((k for k, v in state.items() if k in wanted and v.shape != wanted[k].shape), None)
    if wrong is None:
        return ""
    return f"{wrong!r} has the shape {tuple(state[wrong].shape)}, expected {tuple(wanted[wrong].shape)}"


def renamed(state: Weights, module: Any, rule: str, path: Path) -> Weights:
    """Turn the names that authors gave into those of the architecture.

    Args:
        state: the weights.
        module: the network, whose own rule is asked where `rule` is ``timm``.
        rule: ``timm``, ``vicregl``, ``efficientnet``, or empty to leave the names alone.
        path: the file, for messages.

    Raises:
        EmbedderUnavailable: timm's rule cannot make sense of them.
    """
    if not rule or set(module.state_dict()) <= set(state):
        return state
    if rule == "efficientnet":
        return {_efficientnet(name, module): value for name, value in state.items()}
    convert: Callable[..., Weights] | None
    convert = getattr(sys.modules[type(module).__module__], "checkpoint_filter_fn", None)
    if convert is None:
        return state
    try:
        state = convert(dict(state), module)
    except Exception as error:  # whatever a rule meets in names that it does not know
        raise EmbedderUnavailable(
            f"timm has no rule for the names in {path}, such as {next(iter(state))!r} "
            f"({type(error).__name__}: {error}): save a state_dict() of timm's own model"
        ) from error
    return _vicregl(state, module) if rule == "vicregl" else state


def _vicregl(state: Weights, module: Any) -> Weights:
    """Its final norm comes before pooling; its files may lack the scale of the layers, which then is one."""
    import torch

    state = {re.sub(r"^head\.norm\.", "norm_pre.", name): value for name, value in state.items()}
    if not any(name.endswith(".gamma") for name in state):
        scales = {k: torch.ones_like(v) for k, v in module.state_dict().items() if k.endswith(".gamma")}
        return {**state, **scales}
    return state


def _efficientnet(name: str, module: Any) -> str:
    """Name that timm gives to a weight of an EfficientNet in the style of TensorFlow's.

    There, blocks are counted through, and the norms of a block from the expansion on, which the first
    blocks do not have; timm counts the blocks of each stage, and the norms of each block from one.
    """
    found = re.match(r"_blocks\.(\d+)\._(\w+?)(\d?)\.", name)
    if found is None:
        stem = {
            "_conv_stem": "conv_stem",
            "_bn0": "bn1",
            "_conv_head": "conv_head",
            "_bn1": "bn2",
            "_fc": "classifier",
        }
        front, dot, rest = name.partition(".")
        return stem.get(front, front) + dot + rest
    places = [(s, b) for s, stage in enumerate(module.blocks) for b in range(len(stage))]
    number = int(found[1])
    if number >= len(places):
        return name
    stage, block = places[number]
    expands = hasattr(module.blocks[stage][block], "conv_pwl")
    first, last = ("conv_pw", "conv_pwl") if expands else ("", "conv_pw")
    layer = {"expand_conv": first, "depthwise_conv": "conv_dw", "project_conv": last}.get(found[2])
    if found[2] == "bn":
        layer = f"bn{int(found[3]) + expands}"
    return f"blocks.{stage}.{block}.{layer}.{name[found.end() :]}" if layer else name


def _safetensors(path: Path) -> Any:
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise EmbedderUnavailable(
            f"{path.name} needs safetensors ({error}): install the extra [timm] of pytest-replication"
        ) from error
    try:
        return load_file(path)
    except Exception as error:  # its error is no subclass of a common one
        raise EmbedderUnavailable(
            f"{path} cannot be read as safetensors ({error}): it is damaged or cut short, fetch it again"
        ) from error


def _torch(path: Path) -> Any:
    try:
        return read_tensors(path)
    except Exception as error:  # torch lets through what its unpickler meets
        raise EmbedderUnavailable(
            f"{path} cannot be read as weights ({why_unread(error)}): "
            "it is damaged, cut short, or holds a program or objects besides tensors, which are never run; "
            "fetch it again, or save its state_dict() with safetensors.torch.save_file(…) where you trust it"
        ) from error


def _first(content: Mapping[str, Any]) -> str:
    names = [repr(name) for name in content]
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "") or "nothing"


def _source(entry: Entry) -> str:
    if entry.url or entry.hub:
        return f"the file of {entry.url or f'the hub repository {entry.hub}'}"
    return "a state_dict() of that architecture"
