"""A small suite of a user, run against a small index."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet
import pytest
import scipy.special
import xxhash

import pytest_replication.assertions
import pytest_replication.embedders.pixels
import pytest_replication.models
from pytest_replication import cli

LOADED = (pyarrow.parquet, scipy.special, xxhash, pytest_replication, cli._parser())
"""Loaded here once: a suite in process drops what it was first to import, and would load it anew.

The parser loads all verbs, and with them what a run takes of the package.
"""

WITHOUT_XDIST = ("-p", "no:xdist")
XDIST = [
    pytest.param(WITHOUT_XDIST, id="no-xdist"),
    pytest.param(("-n0",), id="n0"),
    pytest.param(("-n2",), id="n2"),
]
"""Every way in which pytest-xdist can be there or not; for `plugin_args`."""
ACROSS = [pytest.param(WITHOUT_XDIST, id="no-xdist"), pytest.param(("-n1",), id="n1")]
"""Here, and in a worker; for `across`."""

RunSuite = Callable[..., pytest.RunResult]


@pytest.fixture(params=XDIST)
def plugin_args(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Arguments for one way in which pytest-xdist can be there or not, for what comes of several workers.

    Each worker takes seconds to start: where only the way from a worker to the report matters, `across` does.
    """
    args: tuple[str, ...] = request.param
    return args


@pytest.fixture(params=ACROSS)
def across(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Arguments for a run in this process, and for one whose tests run in a worker."""
    args: tuple[str, ...] = request.param
    return args


@pytest.fixture
def photos(pytester: pytest.Pytester, training: Path, unrelated: Path) -> Path:
    """Folder ``photos`` beside the suite, with ``training`` and ``unrelated``."""
    folder = pytester.path / "photos"
    folder.mkdir()
    (folder / "training").symlink_to(training)
    (folder / "unrelated").symlink_to(unrelated)
    return folder


@pytest.fixture
def run_suite(
    pytester: pytest.Pytester, photos: Path, built_pixels: Path, monkeypatch: pytest.MonkeyPatch
) -> RunSuite:
    """Run a test module in process, against the shared index unless another is named."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def run(code: str, *args: str, index: Path | str | None = built_pixels) -> pytest.RunResult:
        pytester.makepyfile(code)
        named = () if index is None else (f"--replication-index={index}",)
        # In the order in which the module has them, also where pytest-randomly is installed.
        always = ("-p", "no:cacheprovider", "-p", "no:randomly")
        return pytester.runpytest_inprocess(*always, *named, *args)

    return run


PASSING = """
    def test_unrelated(assert_no_replication):
        assert_no_replication("photos/unrelated", threshold=0.9)
"""
FAILING = """
    def test_copies(assert_no_replication):
        assert_no_replication("photos/training", threshold=0.9)
"""
MODEL = """
import numpy as np
from PIL import Image

calls = []

def unrelated(seeds):
    calls.append(len(seeds))
    return [Image.fromarray(np.random.default_rng(s).integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize((64, 48)) for s in seeds]

def copying(seeds):
    images = unrelated(seeds)
    images[-1] = Image.open("photos/training/cat.jpg")
    return images
"""
"""A model of a user: unrelated images, and one that copies a photograph."""
