"""AuthPct, FLD's generalisation gap and MiFID, beside what their formulas give."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pytest_replication.stats.authenticity import authentic_share
from pytest_replication.stats.features import Blocks, blocks_of
from pytest_replication.stats.fld import MOST, generalisation
from pytest_replication.stats.mifid import Mifid, mifid

from .conftest import Sets


def in_pieces(features: np.ndarray, rows: int = 37) -> Blocks:
    return lambda: (features[i : i + rows] for i in range(0, len(features), rows))


def test_authenticity_is_the_formula(sets: Sets) -> None:
    train = np.unique(sets.train.astype(np.float64), axis=0)
    between = np.linalg.norm(train[:, None] - train[None], axis=2)
    np.fill_diagonal(between, np.inf)
    for features in (sets.samples, sets.holdout):
        authentic = []
        for x in features.astype(np.float64):
            away = np.linalg.norm(train - x, axis=1)
            authentic.append(between[away.argmin()].min() < away.min())
        assert authentic_share(features, in_pieces(sets.train)) == pytest.approx(np.mean(authentic))


def test_copies_are_not_authentic_even_of_images_that_stand_twice(random_sets: Sets) -> None:
    copies = random_sets.train[:50]
    twice = np.concatenate([random_sets.train, random_sets.train])
    assert authentic_share(copies, blocks_of(random_sets.train)) == 0
    assert authentic_share(copies, blocks_of(twice)) == 0
    assert authentic_share(random_sets.holdout + 9, blocks_of(twice)) == 1


def test_one_training_image_has_no_neighbour() -> None:
    with pytest.raises(ValueError, match="fewer than two distinct"):
        authentic_share(np.ones((3, 2)), blocks_of(np.zeros((5, 2))))


def fld_by_torch(sets: Sets) -> float:
    """The gap with the gradients and the Adam of torch."""
    torch = pytest.importorskip("torch")
    train, test, gen = (
        torch.tensor(s, dtype=torch.float64) for s in (sets.train, sets.holdout, sets.samples)
    )
    mean, std = test.mean(0), test.std(0)
    train, test, gen = ((s - mean) / std for s in (train, test, gen))
    dim, origin = gen.shape[1], train.mean(0, keepdim=True)

    def away(x: object, y: object) -> object:
        return torch.stack([((x - row) ** 2).sum(1) for row in y], dim=1)

    d = away(train, torch.cat([gen, origin]))
    logs = torch.log((d.min(0).values + 1e-3) / dim).requires_grad_()
    d[:, -1] *= 0.81
    adam, losses = torch.optim.Adam([logs], lr=0.5), []

    def likelihood(d: object, logs: object) -> object:
        parts = -d * torch.exp(-logs) / 2 - dim / 2 * (logs + math.log(2 * math.pi))
        return torch.logsumexp(parts, 1) - math.log(d.shape[1])

    for epoch in range(50):
        adam.zero_grad()
        loss = -likelihood(d, logs).mean() / dim
        loss.backward()
        adam.step()
        with torch.no_grad():
            logs.clamp_(-40, 40)
        losses.append(float(loss.detach()))
        if epoch > 5 and abs(losses[-1] - losses[-6]) < 5e-4:
            break
    fitted = logs.detach()[:-1]
    seen = likelihood(d[:, :-1], fitted).mean()
    unseen = likelihood(away(test, gen), fitted).mean()
    return float(100 * (unseen - seen) / dim)


def test_the_gap_of_fld_is_that_of_a_fit_with_torch(sets: Sets) -> None:
    varying = sets.holdout.std(axis=0) > 1e-6
    same = Sets(*(s[:, varying] for s in (sets.train, sets.holdout, sets.samples)))
    found = generalisation(same.train, same.holdout, same.samples)
    assert found.gap == pytest.approx(fld_by_torch(same), rel=1e-4, abs=1e-3)


def test_copies_have_a_gap_below_zero_and_are_told_one_by_one(random_sets: Sets) -> None:
    found = generalisation(random_sets.train, random_sets.holdout, random_sets.samples)
    assert found.gap < -1
    assert found.memorised[60:].mean() > found.memorised[:60].mean()
    half = len(random_sets.holdout) // 2
    fresh = generalisation(random_sets.train, random_sets.holdout[:half], random_sets.holdout[half:])
    assert abs(fresh.gap) < abs(found.gap)


def test_dimensions_that_do_not_vary_are_left_out(random_sets: Sets) -> None:
    flat = [np.concatenate([s, np.ones((len(s), 1))], axis=1) for s in vars(random_sets).values()]
    plain = generalisation(random_sets.train, random_sets.holdout, random_sets.samples)
    assert generalisation(*flat).gap == pytest.approx(plain.gap)


@pytest.mark.parametrize("bad", ["nan", "constant", "one", "many"])
def test_fld_refuses_what_it_cannot_use(random_sets: Sets, bad: str) -> None:
    holdout = random_sets.holdout.copy()
    if bad == "nan":
        holdout[0, 0] = np.nan
    elif bad == "constant":
        holdout[:] = 1
    elif bad == "one":
        holdout = holdout[:1]
    else:
        holdout = np.zeros((MOST + 1, 80))
    with pytest.raises(ValueError):
        generalisation(random_sets.train, holdout, random_sets.samples)


def test_mifid_is_that_of_torchmetrics(sets: Sets) -> None:
    reference = pytest.importorskip("torchmetrics.image.mifid")
    import torch

    # More samples than dimensions: an eigenvalue of 0 of a product is not told from a small one.
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.normal(size=(sets.train.shape[1], 12)))[0]
    train, samples = (s.astype(np.float64) @ turn for s in (sets.train, sets.samples))
    for cut in (0.1, 1.0):
        expected = reference._mifid_compute(
            *(torch.tensor(x) for x in (samples.mean(0), np.cov(samples.T), samples)),
            *(torch.tensor(x) for x in (train.mean(0), np.cov(train.T), train)),
            cosine_distance_eps=cut,
        )
        found = mifid(samples, in_pieces(train.astype(np.float32)), cut=cut)
        assert found.value == pytest.approx(float(expected), rel=1e-3)
    away = reference._compute_cosine_distance(torch.tensor(samples), torch.tensor(train), 1.0)
    assert found.memorisation == pytest.approx(float(away), abs=1e-5)


def test_copies_are_worse_by_mifid(random_sets: Sets) -> None:
    train = blocks_of(random_sets.train)
    copies = mifid(random_sets.train[:100] + np.float32(0.01), train)
    assert copies.memorisation < 0.001
    assert copies.value > 100 * copies.frechet
    assert mifid(random_sets.holdout, train).memorisation > 0.01
    assert Mifid(1e-9, 0.0).value == 0


@pytest.mark.parametrize("bad", [[[0.0, 0.0]] * 3, [[1.0, 0.0]], [[math.nan, 1.0]] * 3])
def test_mifid_refuses_what_it_cannot_use(bad: list[list[float]]) -> None:
    good = np.eye(2)
    with pytest.raises(ValueError):
        mifid(bad, blocks_of(good))
    with pytest.raises(ValueError):
        mifid(good, lambda: iter([np.array(bad, np.float32)]))
