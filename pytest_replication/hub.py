"""The client of the Hugging Face hub, kept quiet."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_CLIENT = "huggingface_hub"


@contextmanager
def quiet_hub() -> Iterator[None]:
    """Let the client of the hub print no warning for each retry: the error that ends them says it all."""
    client = logging.getLogger(_CLIENT)
    before = client.level
    client.setLevel(logging.ERROR)
    try:
        yield
    finally:
        client.setLevel(before)
