"""Products of 8-bit integers, for the first look at stored vectors.

The product is that of onnxruntime (``MatMulInteger``), which has kernels for many processors. Left
operands are of 8 bits, right ones of 7: then no kernel can saturate, with or without the
instructions that add up in 32 bits, and the result is the same on every machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_replication.embedders.base import threads

CODE_MAX = 127
"""Codes of stored vectors lie in [-127, 127], stored with 128 added."""
QUERY_MAX = 63
"""Codes of queries: 255 * 63 * 2 stays below 32,768."""
_GAIN = 1.15
"""How much faster than float32 the integers have to be on this machine to be worth the detour."""

IntegerProduct = Callable[[NDArray[np.uint8], NDArray[np.int8]], NDArray[np.int32]]


@cache
def integer_product() -> IntegerProduct | None:
    """The product of codes (m, dim) with codes of queries (dim, n); None if this machine has none.

    It runs in one thread and may be called from several. It is checked against 64-bit arithmetic
    and timed against float32 when it is first asked for.
    """
    product = onnx_product()
    return product if product is not None and is_right(product) and _gain(product) >= _GAIN else None


def onnx_product() -> IntegerProduct | None:
    """The product of onnxruntime, whether it is right or fast or not; None if it has none."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    try:
        model = Path(__file__).with_name("matmul_integer.onnx")
        session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception:  # onnxruntime's errors share no public base class; float32 is always there
        return None

    def product(codes: NDArray[np.uint8], queries: NDArray[np.int8]) -> NDArray[np.int32]:
        found: NDArray[np.int32] = session.run(None, {"codes": codes, "queries": queries})[0]
        return found

    return product


def is_right(product: IntegerProduct) -> bool:
    """Compare a product with 64-bit arithmetic, on extremes and on noise, in several shapes."""
    rng = np.random.default_rng(0)
    for rows, dim, columns in ((1, 7, 1), (70, 512, 33), (257, 769, 64)):
        extremes = (np.full((rows, dim), 255, np.uint8), np.ones((rows, dim), np.uint8))
        for codes in (*extremes, rng.integers(1, 256, (rows, dim), dtype=np.uint8)):
            queries = rng.choice(np.array([-QUERY_MAX, 0, QUERY_MAX - 1, QUERY_MAX], np.int8), (dim, columns))
            for right in (queries, np.full_like(queries, QUERY_MAX)):
                expected = (codes.astype(np.int64) - 128) @ right.astype(np.int64)
                if not np.array_equal(product(codes, right), expected):
                    return False
    return True


def _gain(product: IntegerProduct, rows: int = 8192, dim: int = 512, columns: int = 256) -> float:
    """How many times as fast as float32 a product is, both on all cores: best of some turns."""
    rng = np.random.default_rng(0)
    codes = rng.integers(1, 256, (rows, dim), dtype=np.uint8)
    queries = rng.integers(-QUERY_MAX, QUERY_MAX + 1, (dim, columns)).astype(np.int8)
    left, right = codes.astype(np.float32), queries.astype(np.float32)
    workers = threads()
    parts = np.array_split(codes, workers)
    with ThreadPoolExecutor(workers) as pool:
        turns = [
            (
                _time(lambda: left @ right),
                _time(lambda: list(pool.map(lambda part: product(part, queries), parts))),
            )
            for _ in range(4)
        ]
    floats, integers = (min(times) for times in zip(*turns[1:], strict=True))  # the first warms up
    return float(floats / integers)


def _time(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
