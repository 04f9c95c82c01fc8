from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from pytest_replication.embedders.catalogue import CLIP_MEAN, ENTRIES, Input
from pytest_replication.embedders.pooling import POOLS
from pytest_replication.embedders.weights import PUBLISHED, cached

ROOT = Path(__file__).parents[3]


def test_every_entry_is_registered_and_nothing_else_is() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    points = project["entry-points"]["pytest_replication.embedders"]
    ours = {name for name, value in points.items() if value == "pytest_replication.embedders.vision:load"}
    assert ours == {*ENTRIES, "timm"}


def test_files_in_the_cache_do_not_overwrite_each_other() -> None:
    files = [entry.file for entry in ENTRIES.values()] + [cached("sscd").name]
    assert len(set(files)) == len(files)


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=lambda entry: entry.name)
def test_entries_are_complete(entry: object) -> None:
    from pytest_replication.embedders.catalogue import Entry

    assert isinstance(entry, Entry)
    assert entry.pool in POOLS
    assert entry.licence
    assert entry.url or entry.hub
    assert (entry.name in PUBLISHED) == bool(entry.url)
    if entry.url:
        assert entry.url.startswith("https://")
        assert cached(entry.name).name == entry.file


@pytest.mark.parametrize("name", [entry.name for entry in ENTRIES.values() if entry.architecture != "blip"])
def test_architectures_have_the_width_that_the_table_says(name: str) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("timm")
    from pytest_replication.embedders.backbones import build_timm

    with torch.device("meta"):  # shapes without weights
        assert build_timm(ENTRIES[name]).num_features == ENTRIES[name].width


def test_inputs_become_presets() -> None:
    assert (
        Input()
        .preset(224)
        .describe()
        .startswith("own: bicubic to short side 256 (long side cut off, at most 8-fold), centre crop 224 ")
    )
    squared = Input(384, 1.0, "bicubic", CLIP_MEAN, CLIP_MEAN, square=True).preset(384)
    assert squared.describe().startswith("own: bicubic to 384 x 384, mean (0.48145466,")
    cut = Input(200, 0.8, "bilinear", square=True).preset(200)
    assert (cut.square, cut.crop, cut.side) == (250, 200, 200)
