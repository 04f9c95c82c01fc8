"""The libraries, kept quiet: what matters of what they would print is an error of ours."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pytest_replication.errors import ModelError
from pytest_replication.hub import quiet_hub

_LOGGERS = ("diffusers", "transformers", "peft", "accelerate")


def require_diffusers(name: str) -> Any:
    """The library.

    Raises:
        ModelError: it is not installed.
    """
    try:
        import diffusers
    except ImportError as error:
        raise ModelError(
            f"the model {name} needs diffusers ({error}): pip install 'pytest-replication[diffusers]'"
        ) from error
    return diffusers


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Let the libraries log errors only, show no bars and warn of nothing."""
    import diffusers.utils.logging
    import transformers.utils.logging

    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    bars = [
        (library, library.is_progress_bar_enabled())
        for library in (diffusers.utils.logging, transformers.utils.logging)
    ]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        for library, _ in bars:
            library.disable_progress_bar()
        with quiet_hub(), warnings.catch_warnings(action="ignore"):
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        for library, shown in bars:
            if shown:
                library.enable_progress_bar()


def offline() -> bool:
    """Whether the client of the hub was told to stay off it."""
    return os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on")
