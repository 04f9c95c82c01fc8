from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_replication.errors import SettingsError
from pytest_replication.scoring import background as module
from pytest_replication.scoring.background import Background, NormSpec


@pytest.fixture(scope="module")
def unit() -> Callable[..., np.ndarray]:
    def make(rows: int, dim: int = 8, seed: int = 0) -> np.ndarray:
        found = np.random.default_rng(seed).standard_normal((rows, dim))
        return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)

    return make


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 99),
    queries=st.integers(1, 5),
    rows=st.integers(1, 40),
    beta=st.floats(0, 3),
    ranks=st.tuples(st.integers(0, 39), st.integers(0, 39)),
)
def test_the_definition(
    unit: Callable[..., np.ndarray], seed: int, queries: int, rows: int, beta: float, ranks: tuple[int, int]
) -> None:
    first, last = sorted(rank % rows for rank in ranks)
    b, q = unit(rows, seed=seed), unit(queries, seed=seed + 100)
    scores = np.random.default_rng(seed).uniform(-1, 1, (queries, 3))
    found = Background(b, "b").normalise(scores, q, NormSpec(beta, first, last))
    for i in range(queries):
        near = sorted((float(q[i].astype(np.float64) @ row) for row in b.astype(np.float64)), reverse=True)
        expected = scores[i] - beta * np.mean(near[first : last + 1])
        assert found[i] == pytest.approx(expected, abs=2e-6)


def test_blocks_change_nothing(unit: Callable[..., np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    background, queries = Background(unit(50), "b"), unit(4, seed=1)
    whole = background.penalties(queries, NormSpec(1, 1, 4))
    monkeypatch.setattr(module, "_ROWS", 3)
    assert background.penalties(queries, NormSpec(1, 1, 4)) == pytest.approx(whole, abs=1e-7)


def test_what_is_no_neighbour_stays_none(unit: Callable[..., np.ndarray]) -> None:
    scores = np.array([[0.5, -np.inf]])
    assert Background(unit(5), "b").normalise(scores, unit(1), NormSpec())[0, 1] == -np.inf


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("1.00[0,2]", NormSpec(1, 0, 2)),
        ("0.50[1,9]", NormSpec(0.5, 1, 9)),
        ("0.125[0,0]", NormSpec(0.125, 0, 0)),
        ("0.00[3,3]", NormSpec(0, 3, 3)),
    ],
)
def test_specs_are_read_and_written(text: str, spec: NormSpec) -> None:
    assert NormSpec.parse(text) == spec
    assert str(spec) == text


@settings(deadline=None)
@given(st.floats(0, 1e300), st.integers(0, 100), st.integers(0, 100))
def test_every_spec_comes_back(beta: float, first: int, more: int) -> None:
    spec = NormSpec(beta, first, first + more)
    assert NormSpec.parse(str(spec)) == spec


@pytest.mark.parametrize(
    "text", ["", "1.00", "1[0]", "-1[0,2]", "1[0,2] ", "1[0,-1]", "x[0,1]", "1.[a,b]", ".[0,1]"]
)
def test_text_that_is_no_spec(text: str) -> None:
    with pytest.raises(SettingsError, match="is no score normalisation"):
        NormSpec.parse(text)


@pytest.mark.parametrize("values", [(-1, 0, 1), (np.nan, 0, 1), (np.inf, 0, 1), (1, 2, 1), (1, -1, 1)])
def test_specs_that_make_no_sense(values: tuple[float, int, int]) -> None:
    with pytest.raises(SettingsError, match="makes no sense"):
        NormSpec(*values)


def test_a_background_is_what_it_was(unit: Callable[..., np.ndarray]) -> None:
    vectors = unit(6)
    background = Background(vectors, "b")
    assert background.fingerprint == Background(vectors.copy(), "other").fingerprint
    assert background.fingerprint != Background(vectors[::-1], "b").fingerprint
    with pytest.raises(ValueError, match="read-only"):
        background.vectors[0] = 0
    vectors[0] = 0  # a copy is kept
    assert np.linalg.norm(background.vectors[0]) == pytest.approx(1)
    assert np.array_equal(background.without(np.array([0, 4])).vectors, unit(6)[[1, 2, 3, 5]])
    with pytest.raises(SettingsError, match=r"shape \(0, 8\)"):
        background.without(np.arange(6))


def test_what_cannot_be_used(unit: Callable[..., np.ndarray]) -> None:
    with pytest.raises(SettingsError, match=r"vectors of shape \(8,\)"):
        Background(unit(1)[0], "b")
    for bad in (2.0, np.nan):
        with pytest.raises(SettingsError, match="not of unit length"):
            Background(unit(3) * np.float32(bad), "b")
    background = Background(unit(3), "b")
    with pytest.raises(SettingsError, match=r"asks for 4 neighbours, and the background b has 3"):
        background.penalties(unit(1), NormSpec(1, 0, 3))
    with pytest.raises(SettingsError, match="embed both alike"):
        background.penalties(unit(1, dim=4), NormSpec())
    with pytest.raises(SettingsError, match="not finite"):
        background.penalties(unit(1) * np.float32(np.nan), NormSpec())
    with pytest.raises(SettingsError, match="are not those of 2 queries"):
        background.normalise(np.zeros((1, 3)), unit(2), NormSpec())
