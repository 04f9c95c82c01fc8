from __future__ import annotations

from pathlib import Path

import pytest

from pytest_replication import build_index
from pytest_replication._cli import outdated
from pytest_replication._cli.build import _text
from pytest_replication.index.build import BuildOptions
from pytest_replication.index.manifest_file import read_manifest
from pytest_replication.index.sizes import usual_side


def test_the_usual_side_is_that_of_shards_spread_over_all(
    built_pixels: Path, pictures: Path, tmp_path: Path
) -> None:
    assert (usual_side(built_pixels, read_manifest(built_pixels)) or 0) > 64
    build_index(pictures, tmp_path / "index", BuildOptions(embedder="pixels", shard_rows=1))
    manifest = read_manifest(tmp_path / "index")
    assert usual_side(tmp_path / "index", manifest) == 32


def test_small_images_are_told_when_they_are_built(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = build_index(pictures, tmp_path / "index", BuildOptions(embedder="pixels"))
    assert "WARNING" not in _text(built, "from")  # this one has no default threshold
    monkeypatch.setattr(outdated, "_WITH_DEFAULT", "pixels")
    told = _text(built, "from").splitlines()[-1]
    assert told.startswith("  WARNING: the images are small (the median side has 32 pixels)")
    assert (
        f"'pytest-replication calibrate {tmp_path / 'index'} --holdout IMAGES --fpr 0.05 --samples 256'"
        in told
    )
