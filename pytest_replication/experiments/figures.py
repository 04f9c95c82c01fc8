"""What the figures of experiments share: one look, one way to save them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pytest_replication.errors import ExperimentError
from pytest_replication.experiments.judged import Interval, Scores

FORMATS = ("png", "svg", "pdf")
GENERATED, TRAINING, UNSEEN, OTHER = "tab:red", "tab:blue", "0.35", "tab:green"
"""Colours: one thing has one colour in every figure."""
BINS = 60
_TAIL = 0.01


def pyplot() -> Any:
    """Load matplotlib.

    Raises:
        ExperimentError: it is missing.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise ExperimentError(
            f"figures need matplotlib ({error}): pip install 'pytest-replication[bench]', or do without them "
            "(--no-figures)"
        ) from error
    matplotlib.use("Agg", force=False)
    matplotlib.rcParams["svg.hashsalt"] = "pytest-replication"  # equal figures are equal files
    from matplotlib import pyplot as plt

    return plt


def save(plt: Any, figure: Any, path: Path) -> None:
    """Write a figure and let go of it.

    Raises:
        ExperimentError: the file cannot be written.
    """
    try:
        figure.savefig(path, bbox_inches="tight", dpi=120, metadata=_undated(path))
    except (OSError, ValueError) as error:
        raise ExperimentError(f"the figure {path} cannot be written ({error}): name another --out") from error
    finally:
        plt.close(figure)


def bars(of: list[Interval]) -> Any:
    """How far each interval reaches below and above its value, (2, n): what ``errorbar`` takes."""
    below = [0.0 if one.lower is None else one.value - one.lower for one in of]
    above = [0.0 if one.upper is None else one.upper - one.value for one in of]
    return np.maximum(0.0, np.array([below, above]))


def edges(*scores: Scores) -> Any:
    """Common bins of sets of scores, from where 99 % of each lie above, to 1: few low ones take no room."""
    lowest = min(float(np.quantile(some, _TAIL)) for some in scores if len(some))
    return np.linspace(min(lowest, 1 - 1e-3), 1, BINS + 1)


def _undated(path: Path) -> dict[str, None] | None:
    return {"Date": None} if path.suffix == ".svg" else None
