"""Where paths of settings begin: at the folder of the command, the ini file or the test that names them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pytest_replication._plugin.settings.declared import Setting
from pytest_replication.tidy import tidied

_OF_INDEX = ("captions", "labels")
"""How prompts begin that are those of an index, not of a file."""


def placed(setting: Setting, value: Any, folder: Path) -> Any:
    """Fix where a path begins: a test that changes the working directory must not change what is meant."""
    if setting.metavar == "PATH":
        return tidied(str(folder / value)) if value else None
    if setting.name == "prompts":
        return placed_prompts(str(value), folder)
    return _placed_model(str(value), folder) if setting.name == "model" else value


def placed_prompts(name: str, folder: Path) -> str:
    """The same for prompts, of which only those of a file have a place."""
    of_index = name.partition(":")[0] in _OF_INDEX
    return tidied(str(folder / name)) if Path(name).suffix and not of_index else name


def _placed_model(name: str, folder: Path) -> str:
    kind, separator, rest = name.partition(":")
    if (folder / name).exists():
        return tidied(str(folder / name))
    if separator and kind in ("diffusers", "torchscript", "onnx", "folder") and (folder / rest).exists():
        return f"{kind}:{tidied(str(folder / rest))}"
    return name
