"""A small training set with labels, captions, duplicates and pixels, indexed once."""

from __future__ import annotations

import io
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pytest_replication import BuildOptions, Index, build_index, find_duplicates, open_index, store_duplicates

CLASSES = ("bag", "boot", "coat", "dress", "shirt")
SEEDS = (*range(20), 0, 0, 1)
"""Pictures 0 and 1 are there three times and twice."""


@pytest.fixture(scope="session")
def captioned(tmp_path_factory: pytest.TempPathFactory, picture: Callable[..., Image.Image]) -> Index:
    """Index of 23 pictures with ``pixels``: five classes, a caption each, two of them duplicated."""
    folder = tmp_path_factory.mktemp("captioned")
    rows = []
    for number, seed in enumerate(SEEDS):
        data = io.BytesIO()
        picture(seed, (32, 32)).save(data, "PNG")
        label = CLASSES[seed % 4] if seed < 19 else CLASSES[4]
        rows.append(
            {"image": data.getvalue(), "caption": f"picture {seed}", "label": label, "number": number}
        )
    pq.write_table(pa.Table.from_pylist(rows), folder / "set.parquet")
    build_index(folder / "set.parquet", folder / "index", BuildOptions(embedder="pixels", pixels=32))
    index = open_index(folder / "index")
    store_duplicates(index, find_duplicates(index, 0.95, progress=False))
    return open_index(folder / "index")


@pytest.fixture(scope="session")
def unlike(picture: Callable[..., Image.Image]) -> list[Image.Image]:
    """Eight pictures that are in no training set."""
    return [picture(500 + seed, (32, 32)) for seed in range(8)]
