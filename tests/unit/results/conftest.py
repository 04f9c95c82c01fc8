"""Results to work with: a check of photographs, of which two are copies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_replication import Index, Samples, Verdict, check_replication
from pytest_replication.reports.data import verdict_data
from pytest_replication.reports.details import details
from pytest_replication.results.assembled import assemble
from pytest_replication.surroundings import surrounded_by

RUN: dict[str, Any] = {
    "command": ["pytest", "--replication-index=secret/index"],
    "started": "2026-11-29T12:00:00+00:00",
    "seconds": 1.5,
    "exit_status": 1,
    "environment": {"python": "3.11.7", "platform": "Linux", "packages": {"numpy": "2.0"}, "commit": None},
    "settings": [
        {"name": "threshold", "value": 0.9, "source": "command line"},
        {"name": "index", "value": "secret/index", "source": "ini file"},
        {"name": "model-option", "value": ["secret=1"], "source": "command line"},
    ],
    "faults": [],
    "caught": [],
    "errors": [],
}


@pytest.fixture(scope="session")
def copied(training: Path, unrelated: Path) -> Samples:
    """Two training photographs, then two others."""
    copies = [training / "cat.jpg", training / "coins.jpg"]
    return Samples.of([*copies, *sorted(unrelated.iterdir())[:2]], prompts=["a secret"] * 4)


@pytest.fixture(scope="session")
def copies(copied: Samples, pixels_index: Index) -> Verdict:
    """What a check says of them."""
    with surrounded_by(None):
        return check_replication(copied, 0.9, index=pixels_index)


@pytest.fixture(scope="session")
def row(copies: Verdict, pixels_index: Index) -> dict[str, Any]:
    """That check, as it comes home."""
    own = {"test": "test_gate.py::test_release[secret]", "asserted": True, "seconds": 0.5}
    return verdict_data(copies, neighbours=0) | details(copies, pixels_index) | own


@pytest.fixture
def put_together(row: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """Put results together of that check, or of others, in a run with something changed."""

    def make(*rows: dict[str, Any], **changed: Any) -> dict[str, Any]:
        return assemble(rows or (row,), RUN | changed)

    return make
