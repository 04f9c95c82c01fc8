"""A model from what the user wrote after ``--replication-model``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pytest_replication.errors import ModelError
from pytest_replication.models.base import Model
from pytest_replication.models.batches import BatchedModel
from pytest_replication.models.cache import SampleCache
from pytest_replication.models.callable import CallableModel
from pytest_replication.models.folder import FolderModel
from pytest_replication.models.options import ModelOptions, read_toml, refuse_options, with_options
from pytest_replication.models.ready import is_image
from pytest_replication.models.samples import Label, Samples

MANIFEST = "model_index.json"
"""File that a folder of a pipeline of diffusers has."""
_CONFIGURATIONS = ("config.json", "scheduler_config.json", "tokenizer_config.json")
COUNT = 256
"""Samples of a model where nobody says how many."""


def load_model(
    name: str,
    options: Sequence[str] = (),
    *,
    device: str = "auto",
    cache: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> Model:
    """Load a model.

    Args:
        name: the folder of a pipeline of diffusers or ``diffusers:PLACE``, ``torchscript:PATH``,
            ``onnx:PATH``, ``module:function``, a folder, tar or image file of ready samples, with
            or without ``folder:``, or a ``.toml`` file that names one of these with its options.
        options: ``KEY=VALUE``, before those of the file.
        device: ``auto``, ``cpu``, ``mps``, ``cuda`` or ``cuda:N``, where the options do not say.
        cache: folder that keeps its samples, None to make them every time.
        progress: show bars on a terminal.

    Raises:
        ModelError: nothing of that name can be loaded, or an option does not fit.
        SampleError: the folder holds no samples, or its ``samples.jsonl`` does not fit.
    """
    if not name:
        raise ModelError("an empty name was given for a model or a folder of samples")
    notes: tuple[str, ...] = ()
    place, chosen = name, ModelOptions()
    if name.endswith(".toml"):
        place, chosen = read_toml(Path(name))
        notes = (_told(chosen),)
    chosen = with_options(chosen, options)
    model = _loaded(name, place, chosen, tuple(options), device)
    model.notes = (*notes, *model.notes)
    if isinstance(model, BatchedModel):
        model.progress = progress
    if cache is not None and not model.ready:
        _cached(model, Path(cache))
    return model


def _loaded(name: str, place: str, options: ModelOptions, given: tuple[str, ...], device: str) -> Model:
    kind, separator, rest = place.partition(":")
    kind = kind if separator and not Path(place).exists() else ""
    if kind == "diffusers" or (not kind and (Path(place) / MANIFEST).is_file()):
        from pytest_replication.models.diffusers import DiffusersModel

        return DiffusersModel(name, rest if kind else place, options, given, device)
    if kind in ("torchscript", "onnx"):
        from pytest_replication.models.generator import GeneratorModel

        return GeneratorModel(name, kind, Path(rest), options, given, device)
    ready = Path(rest if kind == "folder" else place)
    if kind == "folder" or ready.is_dir() or is_image(ready) or (ready.suffix == ".tar" and ready.is_file()):
        refuse_options(name, options, (), "a folder of ready samples")
        _refuse_weights(ready)
        return FolderModel(ready)
    if kind.replace(".", "").replace("_", "").isalnum():
        refuse_options(name, options, (), "a function")
        return CallableModel(place)
    if ready.is_file():
        raise ModelError(
            f"{place} is a file and no image: give the folder or .tar that samples are in, "
            f"torchscript:{place} or onnx:{place} for a generator, or module:function"
        )
    raise ModelError(
        f"there is no model {place!r}: give module:function, the folder of a pipeline of diffusers, or an "
        "existing folder of ready samples"
    )


def _told(options: ModelOptions) -> str:
    """Options of a file, for a verdict: those of the command line are told apart from them."""
    given = ", ".join(f"{name}={value}" for name, value in options.given().items())
    return f"by its file {given or 'nothing is set'}"


def _refuse_weights(folder: Path) -> None:
    """Tell a folder of samples from one of an index, of pipelines, or of a part of one."""
    if (folder / "manifest.json").is_file() and (folder / "shards").is_dir():
        raise ModelError(f"{folder} is an index, and holds no samples: name the model, or its samples")
    below = sorted(path.parent.name for path in folder.glob(f"*/{MANIFEST}")) if folder.is_dir() else []
    if below:
        named = ", ".join(below[:5]) + (", …" if len(below) > 5 else "")
        raise ModelError(
            f"{folder} is no folder of samples, but one of pipelines: name one of them ({named})"
        )
    if folder.is_dir() and any((folder / name).is_file() for name in _CONFIGURATIONS):
        raise ModelError(
            f"{folder} holds a model, but no {MANIFEST}: give the folder of the whole pipeline, as "
            "save_pretrained writes it"
        )


def _cached(model: Model, folder: Path) -> None:
    if isinstance(model, BatchedModel) and model.fingerprint is not None:
        model.cache = SampleCache(folder, model.fingerprint, model.libraries, model.place)
    else:
        model.notes += ("its samples are not kept in the cache: nothing tells whether the function changed",)


def draw(
    model: Model,
    count: int | None,
    seed: int,
    prompts: Sequence[str] = (),
    labels: Sequence[Label] = (),
) -> Samples:
    """Draw samples: as many as wanted, else one a prompt or label, else all ready ones, else 256.

    Raises:
        ModelError: the model fails, or prompts or labels do not fit it.
        SampleError: it gives too few samples, or unusable ones.
    """
    if count is None and isinstance(model, FolderModel) and not prompts and not labels:
        return model.everything()
    wanted = (len(prompts) or len(labels) or COUNT) if count is None else count
    return model.sample(wanted, seed, prompts=prompts, labels=labels)
