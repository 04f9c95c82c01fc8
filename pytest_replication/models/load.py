"""A model from what the user wrote after ``--replication-model``."""

from __future__ import annotations

from pathlib import Path

from pytest_replication.errors import ModelError
from pytest_replication.models.base import Model
from pytest_replication.models.callable import CallableModel
from pytest_replication.models.folder import FolderModel
from pytest_replication.models.samples import Samples

_COUNT = 256


def load_model(name: str) -> Model:
    """Load a model.

    Args:
        name: ``module:function``, or a folder of ready samples, with or without ``folder:``.

    Raises:
        ModelError: nothing of that name can be loaded.
        SampleError: the folder holds no samples.
    """
    kind, separator, rest = name.partition(":")
    if kind == "folder" and separator:
        return FolderModel(Path(rest))
    if Path(name).is_dir():
        return FolderModel(Path(name))
    if separator and kind.replace(".", "").replace("_", "").isalnum():
        return CallableModel(name)
    if Path(name).is_file():
        raise ModelError(f"{name} is a file: give the folder that the samples are in, or module:function")
    raise ModelError(
        f"there is no model {name!r}: give module:function, or an existing folder of ready samples"
    )


def draw(model: Model, count: int | None, seed: int) -> Samples:
    """Draw samples: as many as wanted, else all of a folder, else 256.

    Raises:
        ModelError: the model fails.
        SampleError: it gives too few samples, or unusable ones.
    """
    if count is None and isinstance(model, FolderModel):
        return model.everything()
    return model.sample(_COUNT if count is None else count, seed)
