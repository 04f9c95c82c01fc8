"""Checks of pixels in a suite of a user."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_replication import BuildOptions, build_index

from .conftest import RunSuite

SUITE = """
    import pytest
    from pytest_replication import assert_no_extraction as imported, check_extraction

    def test_copies(assert_no_extraction):
        assert_no_extraction("photos/training", neighbours=10)

    @pytest.mark.xfail(strict=True)
    def test_broken():
        imported([], neighbours=10)

    def test_unrelated():
        imported("photos/unrelated", "tiled", 0.05, neighbours=10, name="others")

    def test_measured():
        assert not check_extraction("photos/training", neighbours=10).passed
"""


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory, training: Path) -> Path:
    """Index of the training photographs with their pixels."""
    folder = tmp_path_factory.mktemp("stored") / "index"
    return build_index(training, folder, BuildOptions(embedder="pixels", pixels=32, progress=False)).index


def test_checks_of_pixels_are_in_the_summary(run_suite: RunSuite, stored: Path) -> None:
    result = run_suite(SUITE, "--replication-require-checks", index=stored)
    result.assert_outcomes(failed=1, passed=2, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*ReplicationDetected: 20 of 20 samples are extracted training images*",
            "FAIL *::test_copies *20 of 20 extracted *closest 0.000 *nearest over second nearest < 0.333 (default*",
            "FAIL (measured only) *::test_measured *20 of 20 extracted *",
            "PASS *::test_unrelated [[]others] *0 of 11 extracted *tiled L2 <= 0.05 (call)*rate <= 23.8 %",
            "index *: 20 training images, pixels*",
        ]
    )
