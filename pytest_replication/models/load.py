"""A model from what the user wrote after ``--replication-model``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pytest_replication.errors import ModelError
from pytest_replication.models.base import Model
from pytest_replication.models.callable import CallableModel
from pytest_replication.models.folder import FolderModel
from pytest_replication.models.options import ModelOptions, read_toml, refuse_options, with_options
from pytest_replication.models.samples import Label, Samples

COUNT = 256
"""Samples of a model where nobody says how many."""


def load_model(
    name: str, options: Sequence[str] = (), *, device: str = "auto", progress: bool = True
) -> Model:
    """Load a model.

    Args:
        name: the folder of a pipeline of diffusers or ``diffusers:PLACE``, ``module:function``, a folder of
            ready samples, with or without ``folder:``, or a ``.toml`` file that names one of these with
            its options.
        options: ``KEY=VALUE``, before those of the file.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``, where the options do not say.
        progress: show bars on a terminal.

    Raises:
        ModelError: nothing of that name can be loaded, or an option does not fit.
        SampleError: the folder holds no samples.
    """
    place, chosen = name, ModelOptions()
    if name.endswith(".toml") and Path(name).is_file():
        place, chosen = read_toml(Path(name))
    chosen, given = with_options(chosen, options), tuple(options)
    kind, separator, rest = place.partition(":")
    if kind == "folder" and separator:
        refuse_options(name, chosen, (), "a folder of ready samples")
        return FolderModel(Path(rest))
    if (kind == "diffusers" and separator) or (Path(place) / "model_index.json").is_file():
        from pytest_replication.models.diffusers import DiffusersModel

        model = DiffusersModel(name, rest if kind == "diffusers" else place, chosen, given, device)
        model.progress = progress
        return model
    if Path(place).is_dir():
        refuse_options(name, chosen, (), "a folder of ready samples")
        return FolderModel(Path(place))
    if separator and kind.replace(".", "").replace("_", "").isalnum():
        refuse_options(name, chosen, (), "a function")
        return CallableModel(place)
    if Path(place).is_file():
        raise ModelError(f"{place} is a file: give the folder that the samples are in, or module:function")
    raise ModelError(
        f"there is no model {place!r}: give module:function, the folder of a pipeline of diffusers, or an "
        "existing folder of ready samples"
    )


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
