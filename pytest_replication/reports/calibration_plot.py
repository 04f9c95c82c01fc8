"""A calibration as a figure: the null, planted copies, and the threshold between them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pytest_replication.calibrated import Calibrated
from pytest_replication.errors import CalibrationError
from pytest_replication.index.calibration import Calibration

_SIZE = (7.0, 3.8)
"""Inches."""
_BINS = 80
_SUFFIXES = (".png", ".svg", ".pdf", ".jpg")


def check_plot(path: Path) -> None:
    """Find out whether a figure can be drawn, before hours of measuring.

    Raises:
        CalibrationError: matplotlib is missing, the name has no ending of a picture, or no folder.
    """
    if path.suffix.lower() not in _SUFFIXES or not path.absolute().parent.is_dir():
        raise CalibrationError(
            f"{path} cannot be drawn to: give a file in a folder that is there, ending in "
            f"{', '.join(_SUFFIXES)}"
        )
    _pyplot()


def draw_calibration(found: Calibration, path: Path) -> None:
    """Draw the scores of the null and of planted copies as densities, with the threshold and its bounds.

    Raises:
        CalibrationError: matplotlib is missing, or the file cannot be written.
    """
    plt = _pyplot()
    figure, panel = plt.subplots(figsize=_SIZE)
    copies = np.array([score for kind in found.planted for score in kind.scores])
    lowest = min(0.0, float(found.scores[0]), float(copies.min(initial=0.0)))
    edges = np.linspace(lowest, 1, _BINS + 1)
    _density(panel, found.scores, edges, "tab:blue", f"{found.described} (null)")
    if len(copies):
        _density(panel, copies, edges, "tab:red", f"{len(copies)} planted copies")
    low, high = Calibrated.of(found).null.quantile_bounds(found.rate)
    panel.axvspan(max(low, lowest), high, color="0.85", zorder=0, label=_band(low, high))
    panel.axvline(
        found.threshold, color="black", linewidth=1, label=f"threshold {found.threshold:.4g}, {_rate(found)}"
    )
    panel.set_xlabel(f"highest score with a training image ({found.embedder[0]})")
    panel.set_ylabel("density")
    panel.set_xlim(lowest, 1)
    panel.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2)
    try:
        figure.savefig(path, bbox_inches="tight", dpi=150)
    except (OSError, ValueError) as error:
        raise CalibrationError(f"{path} cannot be written ({error})") from error
    finally:
        plt.close(figure)


def _density(panel: Any, scores: Any, edges: Any, colour: str, label: str) -> None:
    panel.hist(scores, bins=edges, density=True, color=colour, alpha=0.55, label=label)


def _band(low: float, high: float) -> str:
    """What the grey band is; -1 and 1 are no bounds."""
    open_ends = [side for side, missing in (("below", low <= -1), ("above", high >= 1)) if missing]
    without = f" (none {' or '.join(open_ends)}: too few images)" if open_ends else ""
    return f"95 % bounds of the percentile{without}"


def _rate(found: Calibration) -> str:
    gate = f" for {found.samples} samples" if found.samples > 1 else ""
    return f"{100 * found.fpr:g} %{gate}"


def _pyplot() -> Any:
    try:
        import matplotlib
    except ImportError as error:
        raise CalibrationError(
            "--plot needs matplotlib, which is not installed: pip install 'pytest-replication[bench]'"
        ) from error
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt
