from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pytest_replication.search import kernel


def reference(codes: np.ndarray, queries: np.ndarray) -> np.ndarray:
    return (codes.astype(np.int64) - 128) @ queries.astype(np.int64)


def test_the_product_of_this_machine_is_right() -> None:
    product = kernel.onnx_product()
    assert product is not None
    assert kernel.is_right(product)


def test_a_product_that_saturates_is_wrong() -> None:
    def saturating(codes: np.ndarray, queries: np.ndarray) -> np.ndarray:
        """Adds pairs up in 16 bits, as the oldest instructions do with operands of 8 bits."""
        left, right = codes.astype(np.int64), 2 * queries.astype(np.int64)
        if left.shape[1] % 2:
            left, right = np.pad(left, ((0, 0), (0, 1))), np.pad(right, ((0, 1), (0, 0)))
        pairs = left[:, ::2, None] * right[::2] + left[:, 1::2, None] * right[1::2]
        return pairs.clip(-(2**15), 2**15 - 1).sum(axis=1) // 2 - 128 * right.sum(axis=0) // 2

    assert not kernel.is_right(saturating)
    assert kernel.is_right(reference)


@pytest.mark.parametrize(("seconds", "expected"), [(1.0, True), (0.01, False)])
def test_a_product_is_used_where_it_is_faster(
    monkeypatch: pytest.MonkeyPatch, seconds: float, expected: bool
) -> None:
    clock = iter([(seconds if i % 2 == 0 else 0.1) for i in range(8)])
    monkeypatch.setattr(kernel, "_time", lambda work: next(clock))
    kernel.integer_product.cache_clear()
    try:
        assert (kernel.integer_product() is not None) is expected
    finally:
        kernel.integer_product.cache_clear()


def test_without_the_model_there_is_no_product(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(kernel, "__file__", str(tmp_path / "kernel.py"))
    assert kernel.onnx_product() is None


def test_the_model_is_one_product() -> None:
    onnx = pytest.importorskip("onnx")
    path = Path(kernel.__file__).with_name("matmul_integer.onnx")
    model = onnx.load(path)
    onnx.checker.check_model(model)
    (node,) = model.graph.node
    assert (node.op_type, list(node.input)) == ("MatMulInteger", ["codes", "queries", "offset"])
    (offset,) = model.graph.initializer
    assert onnx.numpy_helper.to_array(offset) == 128
