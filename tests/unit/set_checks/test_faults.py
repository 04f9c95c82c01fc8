"""Nothing that is broken may pass an assertion about a set."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pytest_replication import (
    Index,
    assert_no_data_copying,
    assert_no_duplicates_within,
    assert_not_closer_than_holdout,
    assert_percentile_below,
    open_index,
)
from pytest_replication.errors import IndexCorrupt, IndexNotFound, SampleError, SettingsError

from .conftest import Many

Assertion = Callable[[Any, Any, Any], object]
SEARCHING: dict[str, Assertion] = {
    "holdout": lambda samples, holdout, index: assert_not_closer_than_holdout(
        samples, holdout=holdout, index=index
    ),
    "copying": lambda samples, holdout, index: assert_no_data_copying(
        samples, holdout=holdout, index=index, cells=1
    ),
    "percentile": lambda samples, holdout, index: assert_percentile_below(samples, 95, 0.9, index=index),
}
ALL: dict[str, Assertion] = SEARCHING | {
    "within": lambda samples, holdout, index: assert_no_duplicates_within(samples, 0.95, index=index),
}


@pytest.mark.parametrize("name", SEARCHING)
@pytest.mark.parametrize("damage", ["flipped", "truncated"])
def test_a_damaged_index_is_an_error(
    made_up: Index, many: Many, tmp_path: Path, name: str, damage: str
) -> None:
    folder = Path(shutil.copytree(made_up.path, tmp_path / "index"))
    index, path = open_index(folder), folder / "shards" / "000000" / "embeddings.npy"
    if damage == "flipped":
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    else:
        os.truncate(path, 1000)
    with pytest.raises(IndexCorrupt):
        SEARCHING[name](many(2000, 150), many(1000, 150), index)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("unreadable", r"1\.png cannot be read"),
        ("black", "all 150 samples of a list of Image are black"),
        ("none", "an empty list holds no samples"),
        ("nan", "values that are not finite"),
    ],
)
def test_samples_that_cannot_be_judged_are_an_error(
    made_up: Index, many: Many, tmp_path: Path, name: str, given: str, message: str
) -> None:
    samples: object = []
    if given == "unreadable":
        for number, image in enumerate(many(2000, 3)):
            image.save(tmp_path / f"{number}.png")
        (tmp_path / "1.png").write_bytes(b"no image")
        samples = tmp_path
    elif given == "black":
        samples = [Image.new("RGB", (24, 24))] * 150
    elif given == "nan":
        samples = np.full((150, 8, 8, 3), np.nan)
    with pytest.raises(SampleError, match=message):
        ALL[name](samples, many(1000, 150), made_up)


@pytest.mark.parametrize("name", ALL)
def test_an_index_that_is_not_there_is_an_error(many: Many, tmp_path: Path, name: str) -> None:
    with pytest.raises(IndexNotFound, match=f"there is no index at {tmp_path}"):
        ALL[name](many(2000, 3), many(1000, 3), tmp_path)
    with pytest.raises(SettingsError, match="there is no index to check against"):
        ALL[name](many(2000, 3), many(1000, 3), None)
