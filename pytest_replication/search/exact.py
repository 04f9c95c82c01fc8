"""The exact scan: every stored vector against every sample, in bounded memory.

Shards are read through memory maps, a block at a time, and given back to the system behind the
scan, so that memory does not grow with the index. A float32 product finds the candidates, or, where
a shard has 8-bit codes, the machine multiplies integers faster and no fingerprint is pinned, the
lossless first stage of `coarse`. Their scores are then computed again in float64 from the stored vectors.
While the vectors of a shard pass by for the first time in a process, their checksum is compared with the
manifest.

The product is numpy's: over memory-mapped blocks it was as fast as faiss over rows in memory
(benchmarks/scan.py), and it needs no second copy of the rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import SearchError
from pytest_replication.index.mapped_shard import Shard
from pytest_replication.index.reader import Index
from pytest_replication.search.blocks import advise, blocks, hidden_in
from pytest_replication.search.candidates import SPARE, Candidates, Vectors, require_equal_scores
from pytest_replication.search.coarse import CoarseScan
from pytest_replication.search.codes import open_codes
from pytest_replication.search.collect import collect, tidy, unit_queries
from pytest_replication.search.floats import Buffer, take_in
from pytest_replication.search.kernel import integer_product
from pytest_replication.search.neighbours import Neighbours


def search(index: Index, samples: NDArray[np.float32], k: int = 5) -> Neighbours:
    """Find the k nearest training images of each sample.

    Args:
        index: an open index.
        samples: (n, views, dim) unit vectors from the index's own embedder.
        k: training images a sample.

    Returns:
        Neighbours, each training image at most once a sample, with its best pair of views.

    Raises:
        SampleError: there are no samples, or vectors of another length or not finite.
        IndexCorrupt: a shard is damaged.
        SearchError: not every row was searched, or the two computations of a score differ.
    """
    queries = unit_queries(index, samples)
    views = samples.shape[1]
    best = Candidates.empty(len(queries), (k + SPARE) * len(index.manifest.views))
    scanned = coded = 0
    buffer, coarse = Buffer(), None
    for shard in index.shards:
        # Codes vouch for themselves alone: a pinned fingerprint is about vectors.
        codes = None if index.pinned else open_codes(index, shard)
        if codes is not None and (product := integer_product()) is not None:
            coarse = coarse or CoarseScan(index, queries, best, product, buffer)
        if codes is not None and coarse is not None and coarse.pays:
            coded += coarse.take_in(shard, codes)
        else:
            scanned += _scan(index, shard, queries, best, buffer)
    searched = (scanned + coded) // len(index.manifest.views) - len(index.removed)
    if searched != index.rows:
        raise SearchError(
            f"{searched} of {index.rows} rows of {index.path} were searched: no verdict from a part"
        )
    scores = _score_again(index, queries, best)
    return collect(best.vectors, scores, views, len(index.manifest.views), k, searched)


def _scan(index: Index, shard: Shard, queries: Vectors, best: Candidates, buffer: Buffer) -> int:
    """Score every stored vector of a shard in float32; returns how many."""
    scanned = 0
    for first, block in blocks(shard):
        take_in(queries, block, first, hidden_in(index, first, len(block)), best, buffer)
        scanned += len(block)
    return scanned


def _score_again(index: Index, queries: Vectors, best: Candidates) -> NDArray[np.float64]:
    """Cosines of all candidates in float64, from the stored vectors.

    Stored vectors are of unit length only up to their rounding, which in float16 would keep an
    exact copy below 1: their length is divided out.
    """
    views = len(index.manifest.views)
    products, scores = np.full(best.scores.shape, -np.inf), np.full(best.scores.shape, -np.inf)
    for shard in index.shards:
        mapped, _ = shard.embeddings()
        low, high = shard.first * views, (shard.first + shard.entry.rows) * views
        inside = (best.vectors >= low) & (best.vectors < high)
        for query in np.flatnonzero(inside.any(axis=1)):
            here = np.flatnonzero(inside[query])
            stored = mapped.reshape(-1, mapped.shape[2])[best.vectors[query, here] - low].astype(np.float64)
            wanted = queries[query].astype(np.float64)
            products[query, here] = np.einsum("ij,j->i", stored, wanted)
            lengths = np.linalg.norm(stored, axis=1) * np.linalg.norm(wanted)
            scores[query, here] = products[query, here] / lengths
        advise(mapped, "MADV_DONTNEED")
    found = best.vectors >= 0
    require_equal_scores(products[found], best.scores[found])
    return np.where(found, tidy(scores), -np.inf)
