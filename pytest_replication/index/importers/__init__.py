"""Embeddings that users already have: opened, checked, read block by block, and proved."""

from pytest_replication.index.importers.base import Block, Embeddings
from pytest_replication.index.importers.kinds import KINDS, open_embeddings
from pytest_replication.index.importers.proof import Proof, prove_imported

__all__ = ["KINDS", "Block", "Embeddings", "Proof", "open_embeddings", "prove_imported"]
