"""Embedders: one image → one unit vector whose inner products say how alike two images are."""

from pytest_replication.embedders.base import Embedder, EmbedderOptions, EmbedderSpec, Threshold
from pytest_replication.embedders.registry import embedder_names, load_embedder, register_embedder

__all__ = [
    "Embedder",
    "EmbedderOptions",
    "EmbedderSpec",
    "Threshold",
    "embedder_names",
    "load_embedder",
    "register_embedder",
]
