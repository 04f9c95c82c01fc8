from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_replication.errors import SourceError
from pytest_replication.index.importers.dcr import DcrEmbeddings

Make = Callable[..., np.ndarray]
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def write(path: Path, value: Any, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(value, protocol))
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "embedding.pkl"


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8"])
def test_features_and_indexes_come_back(path: Path, made: Make, protocol: int, dtype: str) -> None:
    features = made(9).astype(dtype)
    keys = [f"train/{row}.png" for row in range(9)]
    found = DcrEmbeddings(write(path, {"features": features, "indexes": keys}, protocol))
    assert (found.rows, found.dim, found.dtype, found.name) == (9, 5, dtype, f"dcr {path}")
    blocks = list(found.blocks(4))
    assert np.array_equal(np.concatenate([b.vectors for b in blocks]), features.astype(np.float32))
    assert [r.id for b in blocks for r in b.records] == keys
    assert blocks[0].vectors.dtype == np.float32


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("keys", "ids"),
    [
        (["é", b"caf\xe9", 7], ["é", "caf\\xe9", "7"]),
        (("a", "b", "c"), ["a", "b", "c"]),
        (np.array(["a", "bb", "c"]), ["a", "bb", "c"]),
        (np.array([5, 6, 7]), ["5", "6", "7"]),
        (list(np.array(["a", "bb", "c"])), ["a", "bb", "c"]),
        (["\ud800", "b", "c"], ["\\ud800", "b", "c"]),
    ],
)
def test_keys_of_every_form_become_ids(
    path: Path, made: Make, protocol: int, keys: Any, ids: list[str]
) -> None:
    found = DcrEmbeddings(write(path, {"features": made(3), "indexes": keys}, protocol))
    assert [r.id for r in found.block(0, 3).records] == ids


def test_a_transposed_array_comes_back(path: Path, made: Make) -> None:
    features = np.asfortranarray(made(6))
    found = DcrEmbeddings(write(path, {"features": features, "indexes": list("abcdef")}))
    assert np.array_equal(found.block(2, 5).vectors, features[2:5])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1], "holds no dict of 'features' and 'indexes'"),
        ({"features": np.ones((2, 2))}, "holds no dict of 'features' and 'indexes'"),
        ({"features": [[1, 2]], "indexes": ["a"]}, "'features' are no two-dimensional array"),
        ({"features": np.ones(2), "indexes": ["a", "b"]}, "'features' are no two-dimensional array"),
        (
            {"features": np.ones((2, 2), int), "indexes": ["a", "b"]},
            "'features' are no two-dimensional array",
        ),
        ({"features": np.ones((2, 2)), "indexes": "ab"}, "'indexes' are no list of keys"),
        ({"features": np.ones((2, 2)), "indexes": np.ones((2, 2))}, "'indexes' are no list of keys"),
        ({"features": np.ones((2, 2)), "indexes": ["a", None]}, "key 1 is a NoneType"),
        ({"features": np.ones((2, 2)), "indexes": [True, "a"]}, "key 0 is a bool"),
        ({"features": np.ones((2, 2)), "indexes": np.ones(2)}, "key 0 is a float"),
        ({"features": np.ones((2, 2)), "indexes": ["a"]}, "has 2 features and 1 indexes"),
        ({"features": np.ones((2, 0)), "indexes": ["a", "b"]}, "row 0 .* is zero"),
    ],
)
def test_other_content_is_refused(path: Path, value: Any, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        list(DcrEmbeddings(write(path, value)).blocks(4))


def test_no_features_are_an_error(path: Path) -> None:
    with pytest.raises(SourceError, match="holds no vectors"):
        DcrEmbeddings(write(path, {"features": np.ones((0, 3)), "indexes": []}))


def test_a_number_that_no_float32_holds_is_an_error(path: Path) -> None:
    features = np.array([[1.0, 2.0], [1e300, 1.0]])
    with pytest.raises(SourceError, match=r"row 1 \(b\) is not finite"):
        list(DcrEmbeddings(write(path, {"features": features, "indexes": ["a", "b"]})).blocks(2))


def test_a_pickle_that_calls_is_refused(path: Path) -> None:
    path.write_bytes(b"cposix\nsystem\n(Vtouch owned\ntR.")
    with pytest.raises(SourceError, match="its pickle holds posix.system"):
        DcrEmbeddings(path)
    assert not Path("owned").exists()
