"""The forms that a hold-out may have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_replication.errors import SampleError
from pytest_replication.models.samples import Samples
from pytest_replication.set_checks.unseen import holdout_samples


def test_a_named_array_is_the_array(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), np.uint8)
    np.save(tmp_path / "unseen.npy", images)
    wanted = [np.asarray(image).tolist() for image in Samples.of(images)]
    for given in (tmp_path / "unseen.npy", f"npy:{tmp_path / 'unseen.npy'}"):
        found = holdout_samples(given)
        assert [np.asarray(image).tolist() for image in found] == wanted
        assert found.source == f"npy {tmp_path / 'unseen.npy'}"
    assert [np.asarray(image).tolist() for image in holdout_samples(images)] == wanted


def test_a_folder_and_a_list_of_it_are_the_same(pictures: Path, tmp_path: Path) -> None:
    folder = holdout_samples(pictures)
    assert folder.names == Samples.of(pictures).names
    listed = tmp_path / "unseen.txt"
    listed.write_text("\n".join(folder.names))
    assert len(holdout_samples(listed)) == len(folder)


def test_what_is_no_holdout_is_refused(tmp_path: Path, picture: Callable[..., Image.Image]) -> None:
    with pytest.raises(SampleError, match="the hold-out cannot be used: nowhere.npy does not exist"):
        holdout_samples("nowhere.npy")
    picture(1).save(tmp_path / "whole.png")
    (tmp_path / "torn.png").write_bytes(b"\x89PNG")
    (tmp_path / "unseen.txt").write_text(f"{tmp_path / 'whole.png'}\n{tmp_path / 'torn.png'}\n")
    with pytest.raises(SampleError, match=r"torn\.png of the hold-out cannot be read: .*; mend it"):
        holdout_samples(tmp_path / "unseen.txt")


def test_samples_are_read_from_no_array_file(tmp_path: Path) -> None:
    np.save(tmp_path / "samples.npy", np.zeros((2, 8, 8, 3), np.uint8))
    with pytest.raises(SampleError, match=r"is a file \(load an array first, with numpy\.load\)"):
        Samples.of(tmp_path / "samples.npy")
