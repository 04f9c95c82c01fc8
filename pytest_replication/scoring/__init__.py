"""The similarity of two images beyond the inner product of their vectors."""

from pytest_replication.scoring.background import Background, NormSpec
from pytest_replication.scoring.rerank import Reranked, rerank
from pytest_replication.scoring.split import cross_split_product, split_product
from pytest_replication.scoring.tokens import NORMS, Norm, slices
from pytest_replication.scoring.whitening import Whitening

__all__ = [
    "NORMS",
    "Background",
    "Norm",
    "NormSpec",
    "Reranked",
    "Whitening",
    "cross_split_product",
    "rerank",
    "slices",
    "split_product",
]
