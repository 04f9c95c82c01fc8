"""Files of weights as they come: what is none is told by its first bytes, before a library sees it."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

from pytest_replication.errors import EmbedderUnavailable

PROGRAM = "a TorchScript file is a program"
"""Why one is loaded for its user alone."""


def refuse_other_files(path: Path, what: str) -> None:
    """Recognise what lies in the place of weights when a download went wrong.

    Args:
        path: the file.
        what: what was expected, for the message.

    Raises:
        EmbedderUnavailable: it is missing, empty, a web page or a Git LFS pointer.
    """
    if not path.is_file():
        kind = "a folder" if path.is_dir() else "no file"
        raise EmbedderUnavailable(f"there is {kind} at {path}, where {what} was expected: check the path")
    with path.open("rb") as file:
        head = file.read(512)
    if not head.strip():
        raise EmbedderUnavailable(f"{path} is empty, expected {what}: fetch it again")
    if head.lstrip().startswith(b"<"):
        raise EmbedderUnavailable(
            f"{path} is a web page, expected {what}: fetch the file itself from its own address"
        )
    if head.startswith(b"version https://git-lfs"):
        raise EmbedderUnavailable(
            f"{path} is a Git LFS pointer, expected {what}: run 'git lfs pull' where it came from"
        )


def open_torchscript(path: Path) -> Any:
    """Load a TorchScript module. It is a program: only for a file that the user named.

    Raises:
        EmbedderUnavailable: the file is none, such as a state dict or a whole pickled model.
    """
    import warnings

    import torch

    refuse_other_files(path, "a TorchScript module")
    try:
        with warnings.catch_warnings(action="ignore"):
            # torch would have it exported anew; the published file is what it is.
            return torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError) as error:
        raise EmbedderUnavailable(
            f"{path} cannot be loaded as TorchScript ({first_line(error)}): save the model with "
            "torch.jit.trace(model, images).save(PATH)"
        ) from error


def read_tensors(path: Path) -> Any:
    """Read what torch has saved, without running anything in it.

    Raises:
        Exception: of any kind that torch lets through; `why_unread` says what it means.
    """
    import torch

    with warnings.catch_warnings(action="ignore"):  # of a plain pickle, which is refused anyway
        return torch.load(path, map_location="cpu", weights_only=True)


def why_unread(error: BaseException) -> str:
    """Why torch took no weights from a file, in one line and without its advice to run what is in it."""
    text = str(error)
    if "TorchScript" in text:
        return "it is a TorchScript program, not tensors"
    if keys := re.search(r"(Missing|Unexpected) key\(s\) in state_dict: (.*)", text):
        names = re.findall(r'"([^"]+)"', keys[2])
        return f"it {'lacks' if keys[1] == 'Missing' else 'has'} {names[0]!r} ({len(names)} in all)"
    if shapes := re.search(r"size mismatch for (\S+): .*?Size\(\[(.*?)\]\).*?Size\(\[(.*?)\]\)", text):
        return f"{shapes[1]!r} has the shape ({shapes[2]}), expected ({shapes[3]})"
    if wanted := re.search(r"GLOBAL (\S+)", text):
        return f"it asks for {wanted[1]}, which is no tensor"
    return "it is no file that torch saved" if "weights_only" in text else first_line(error)


def first_line(error: BaseException) -> str:
    """What an error says, in one line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
