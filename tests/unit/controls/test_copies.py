"""From which score on an image of a hold-out is a copy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from pytest_replication import BuildOptions, CalibrateOptions, Index, build_index, calibrate_index, open_index
from pytest_replication.controls.copies import (
    LOOKED_AT,
    SAME,
    copies_line,
    re_encoded_scores,
    too_many_copies,
)
from pytest_replication.errors import CalibrationError
from pytest_replication.images.edits import jpeg
from pytest_replication.search.embed import embed_images

Picture = Callable[..., Image.Image]


@pytest.fixture(scope="module")
def leaky(tmp_path_factory: pytest.TempPathFactory, picture: Picture) -> Path:
    """Index of 40 made-up images; beside it ``clean.npy``, and ``leaked.npy`` with six re-encoded copies."""
    folder = tmp_path_factory.mktemp("leaky")
    train = [picture(seed) for seed in range(40)]
    clean = [np.asarray(picture(1000 + seed)) for seed in range(150)]
    np.save(folder / "train.npy", np.stack([np.asarray(image) for image in train]))
    np.save(folder / "clean.npy", np.stack(clean))
    copies = [np.asarray(jpeg(image, 50)) for image in train[:6]]
    np.save(folder / "leaked.npy", np.stack([*clean, *copies]))
    build_index(f"npy:{folder / 'train.npy'}", folder / "index", BuildOptions(embedder="pixels"))
    return folder


def test_the_line_lies_below_three_of_four_re_encoded_copies(pixels_index: Index, picture: Picture) -> None:
    images = [picture(seed, (96, 80)) for seed in range(8)]
    scores = re_encoded_scores(pixels_index, images)
    assert len(scores) == 24
    line = copies_line(pixels_index, None, images)
    assert line <= min(SAME, np.quantile(scores, 0.25))
    assert line > np.quantile(scores, 0.25) - 1e-3 or line == SAME
    pair = embed_images(pixels_index, [images[0], jpeg(images[0])])[:, 0]
    assert scores[0] == pytest.approx(float(pair[0] @ pair[1]), abs=1e-6)


def test_a_copy_that_is_the_image_itself_says_nothing(pixels_index: Index, picture: Picture) -> None:
    assert len(re_encoded_scores(pixels_index, [picture(0, (48, 32))])) == 1  # no thumbnail is smaller
    assert copies_line(pixels_index, None, [Image.new("RGB", (16, 16), (90, 90, 90))]) == SAME
    assert copies_line(pixels_index, None, []) == SAME


def test_what_is_given_or_documented_decides(pixels_index: Index) -> None:
    nobody_looks = iter(())
    assert copies_line(pixels_index, 0.7, nobody_looks) == 0.7
    documented = SimpleNamespace(embedder=SimpleNamespace(default_threshold=0.5))
    assert copies_line(documented, None, nobody_looks) == 0.95  # type: ignore[arg-type]


def test_only_the_first_are_looked_at(pixels_index: Index, picture: Picture) -> None:
    seen = []

    def images() -> object:
        for seed in range(LOOKED_AT + 5):
            seen.append(seed)
            yield picture(seed, (16, 16))

    copies_line(pixels_index, None, images())  # type: ignore[arg-type]
    assert len(seen) == LOOKED_AT


def test_re_encoded_copies_in_a_holdout_do_not_set_the_threshold(leaky: Path) -> None:
    def calibrated(name: str, **given: object) -> tuple[float, int]:
        asked = CalibrateOptions(f"npy:{leaky / name}.npy", fpr=0.02, plant=0)
        found = calibrate_index(open_index(leaky / "index"), replace(asked, **given))  # type: ignore[arg-type]
        return found.threshold, found.copied

    clean, none = calibrated("clean")
    assert none == 0
    with pytest.raises(CalibrationError, match=r"6 of 156 images .* score like re-encoded copies") as refused:
        calibrated("leaked")
    assert f"without them the threshold is {clean:g}, with them 0.9" in str(refused.value)
    assert "the highest 0.9" in str(refused.value)
    stored = open_index(leaky / "index").calibration
    assert stored is not None
    assert stored.threshold == clean  # the refusal changed nothing
    assert calibrated("leaked", copies_from=0.97) == (clean, 6)
    threshold, copied = calibrated("leaked", copies_from=SAME)
    assert (threshold > 0.97, copied) == (True, 0)


def test_a_holdout_of_which_too_little_would_be_left_is_refused(leaky: Path, tmp_path: Path) -> None:
    train = np.load(leaky / "train.npy")
    np.save(tmp_path / "same.npy", np.stack([np.asarray(jpeg(Image.fromarray(one), 50)) for one in train]))
    with pytest.raises(CalibrationError, match="without them too few are left for a threshold, with them"):
        calibrate_index(
            open_index(leaky / "index"), CalibrateOptions(f"npy:{tmp_path / 'same.npy'}", fpr=0.2, plant=0)
        )


def test_as_many_copies_as_the_share_says_are_tolerated() -> None:
    assert too_many_copies(29, 100, 0.95, 0.29, "a folder", "--max-copied") == ""
    assert "at most 29 % may be" in too_many_copies(30, 100, 0.95, 0.29, "a folder", "--max-copied")
