"""A model from what the user wrote after ``--replication-model``."""

from __future__ import annotations

from pathlib import Path

from pytest_replication.errors import ModelLoadError
from pytest_replication.models.base import Model
from pytest_replication.models.callable import CallableModel
from pytest_replication.models.folder import FolderModel


def load_model(name: str) -> Model:
    """Load a model.

    Args:
        name: ``module:function``, or a folder of ready samples, with or without ``folder:``.

    Raises:
        ModelLoadError: nothing of that name can be loaded.
        SampleError: the folder holds no samples.
    """
    kind, separator, rest = name.partition(":")
    if kind == "folder" and separator:
        return FolderModel(Path(rest))
    if Path(name).is_dir():
        return FolderModel(Path(name))
    if separator and kind.replace(".", "").replace("_", "").isalnum():
        return CallableModel(name)
    raise ModelLoadError(
        f"there is no model {name!r}: give module:function, or an existing folder of ready samples"
    )
