from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pytest_replication.errors import EmbedderError, SettingsError
from pytest_replication.scoring.whitening import KINDS, Kind, Whitening


def vectors(rows: int = 400, dim: int = 12, seed: int = 0) -> np.ndarray:
    """Unit rows of one domain: a common part, and directions of very different variance."""
    rng = np.random.default_rng(seed)
    mixed = rng.standard_normal((rows, dim)) * np.geomspace(1, 0.01, dim)
    turned = mixed @ np.linalg.qr(np.random.default_rng(7).standard_normal((dim, dim)))[0] + 3
    return (turned / np.linalg.norm(turned, axis=1, keepdims=True)).astype(np.float32)


def test_whitened_vectors_have_the_identity_as_covariance() -> None:
    given = vectors()
    found = Whitening.learn(given, dim=8)
    projected = found.project(given)
    assert (found.dim, projected.shape) == (8, (400, 8))
    assert projected.mean(axis=0) == pytest.approx(0, abs=1e-9)
    assert np.cov(projected.T) == pytest.approx(np.eye(8), abs=1e-8)


def test_principal_components_keep_the_largest_variances_in_order() -> None:
    given = vectors().astype(np.float64)
    projected = Whitening.learn(given, dim=5, kind="pca").project(given)
    variances = np.sort(np.linalg.eigvalsh(np.cov(given.T)))[::-1]
    assert np.cov(projected.T) == pytest.approx(np.diag(variances[:5]), abs=1e-9)


def test_all_components_keep_all_distances() -> None:
    given = vectors(dim=6)
    found = Whitening.learn(given, kind="pca")
    assert found.dim == 6
    before = given[:1].astype(np.float64) - given
    after = found.project(given[:1]) - found.project(given)
    assert np.linalg.norm(after, axis=1) == pytest.approx(np.linalg.norm(before, axis=1), abs=1e-9)


def test_centred_vectors_have_lost_what_is_common() -> None:
    given = vectors()
    found = Whitening.learn(given, kind="centre")
    assert found.project(given).mean(axis=0) == pytest.approx(0, abs=1e-9)
    scores = found.apply(given) @ found.apply(given).T
    assert (given @ given.T).mean() > 0.9
    assert abs(scores.mean()) < 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_unit_rows_come_out_and_a_file_gives_the_same(kind: Kind, tmp_path: Path) -> None:
    found = Whitening.learn(vectors(), kind=kind)
    applied = found.apply(vectors(30, seed=1))
    assert applied.dtype == np.float32
    assert np.linalg.norm(applied, axis=1) == pytest.approx(1, abs=1e-6)
    found.save(tmp_path / "w.npz")
    again = Whitening.load(tmp_path / "w.npz")
    assert (again.kind, again.learnt_from, again.digest) == (kind, 400, found.digest)
    assert np.array_equal(again.apply(vectors(30, seed=1)), applied)
    assert len({Whitening.learn(vectors(), kind=kind).digest for kind in KINDS}) == len(KINDS)


def test_directions_without_variance_are_left_out() -> None:
    flat = np.concatenate([vectors(dim=6), vectors(dim=6)[:, :2]], axis=1)  # of rank 6
    assert Whitening.learn(flat).dim == 6
    with pytest.raises(SettingsError, match="vary in 6 directions, and 7 are to be kept"):
        Whitening.learn(flat, dim=7)
    with pytest.raises(SettingsError, match="vary in 0 directions"):
        Whitening.learn(np.tile(vectors(1), (50, 1)))


@pytest.mark.parametrize(
    ("given", "dim", "kind", "message"),
    [
        (vectors(23), None, "pca-whiten", "23 vectors are too few .* of 12 dimensions: give 24 or more"),
        (vectors(9), 5, "pca", "9 vectors are too few .* of 5 dimensions: give 10 or more"),
        (vectors(1), None, "centre", "1 vectors are too few"),
        (vectors(40), 13, "pca", "of 12 numbers cannot keep 13"),
        (vectors(40), 0, "pca", "cannot keep 0"),
        (vectors(40), 3, "centre", "and none for centre"),
        (vectors(40) * np.nan, None, "centre", "learns from finite vectors"),
        (vectors(40)[0], None, "centre", r"not shape \(12,\)"),
        (vectors(40), None, "zca", "there is no whitening 'zca'"),
    ],
)
def test_what_cannot_be_learnt(given: np.ndarray, dim: int | None, kind: Kind, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Whitening.learn(given, dim, kind)


def test_what_cannot_be_whitened() -> None:
    found = Whitening.learn(vectors(), kind="centre")
    with pytest.raises(EmbedderError, match="of vector 1 whitening leaves nothing"):
        found.apply(np.stack([vectors()[0].astype(np.float64), found.mean]))
    with pytest.raises(EmbedderError, match="of vector 0"):
        found.apply(vectors(1) * np.nan)
    with pytest.raises(SettingsError, match=r"expected \(n, 12\)"):
        found.apply(vectors(3, dim=5))


def test_damaged_files(tmp_path: Path) -> None:
    found, path = Whitening.learn(vectors(), kind="pca"), tmp_path / "w.npz"
    with pytest.raises(SettingsError, match="holds no whitening"):
        Whitening.load(path)
    found.save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SettingsError, match="holds no whitening"):
        Whitening.load(path)
    head = np.array(["pca", "400", found.digest])
    parts = {"head": head, "mean": found.mean, "matrix": found.matrix}
    for name, value in (
        ("mean", found.mean + 1e-9),
        ("mean", found.mean.astype(np.float32)),
        ("mean", found.mean[:5]),
        ("mean", found.mean[None]),
        ("head", np.array(["pca-whiten", "400", found.digest])),
        ("head", np.array(["zca", "400", found.digest])),
        ("head", np.array(["pca", "x", found.digest])),
        ("head", np.array(["pca"])),
        ("more", found.mean),
    ):
        np.savez(path, **parts | {name: value})
        with pytest.raises(SettingsError, match="holds no whitening"):
            Whitening.load(path)
    np.savez(path, head=replace(found, matrix=None).digest, mean=found.mean)
    with pytest.raises(SettingsError, match="holds no whitening"):
        Whitening.load(path)


def test_nothing_is_executed(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (Path(tmp_path / "ran"),))  # type: ignore[return-value]

    np.savez(tmp_path / "w.npz", head=np.array([Evil()], dtype=object))
    with pytest.raises(SettingsError, match="holds no whitening"):
        Whitening.load(tmp_path / "w.npz")
    (tmp_path / "w.npz").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(SettingsError, match="holds no whitening"):
        Whitening.load(tmp_path / "w.npz")
    assert not (tmp_path / "ran").exists()


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be written"):
        Whitening.learn(vectors(), kind="centre").save(tmp_path / "nowhere" / "w.npz")
