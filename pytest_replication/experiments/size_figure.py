"""Figures of training-set size: two histograms a model, and the curve over all sizes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytest_replication.experiments.figures import (
    GENERATED,
    OTHER,
    TRAINING,
    UNSEEN,
    bars,
    edges,
    pyplot,
    save,
)
from pytest_replication.experiments.judged import Interval
from pytest_replication.experiments.size import RULE, SizeResult

_PANEL = (3.4, 2.6)
"""Inches."""
_ACROSS = 2


def draw_histograms(results: Sequence[SizeResult], path: Path) -> None:
    """One panel a model: samples and training images, each with its nearest training image but itself.

    Raises:
        ExperimentError: matplotlib is missing, or the file cannot be written.
    """
    plt = pyplot()
    across = min(_ACROSS, len(results))
    lines = -(-len(results) // across)
    size = (_PANEL[0] * across, _PANEL[1] * lines)
    figure, panels = plt.subplots(lines, across, figsize=size, squeeze=False, sharex=True)
    bins = edges(*(scores for one in results for scores in (one.generated, one.training, one.unseen)))
    for panel, result in zip(panels.flat, results, strict=False):
        _histogram(panel, result, bins)
    for panel in list(panels.flat)[len(results) :]:
        panel.axis("off")
    handles, labels = panels.flat[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, frameon=False, fontsize=8, ncols=2, loc="upper center", bbox_to_anchor=(0.5, 0.0)
    )
    figure.tight_layout()
    save(plt, figure, path)


def draw_curve(results: Sequence[SizeResult], path: Path) -> None:
    """Replication rate and median score over the number of training images, with their intervals.

    Raises:
        ExperimentError: matplotlib is missing, or the file cannot be written.
    """
    plt = pyplot()
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.2))
    sizes = [result.images for result in results]
    _line(left, sizes, [result.rate for result in results], GENERATED, "score reaches the threshold")
    pixels = [result.extracted for result in results if result.extracted is not None]
    if len(pixels) == len(results):
        _line(left, sizes, pixels, OTHER, f"pixels (rule {RULE})", "--")
    left.set(ylabel="share of replicated samples", ylim=(-0.03, 1.03))
    _line(right, sizes, [result.median for result in results], GENERATED, "samples")
    _line(right, sizes, [result.training_median for result in results], TRAINING, "training images", "--")
    unseen = [result.unseen_median for result in results if result.unseen_median is not None]
    if len(unseen) == len(results):
        _line(right, sizes, unseen, UNSEEN, "unseen real images", ":")
    right.set(ylabel="median of the highest score")
    for panel in (left, right):
        panel.set(xscale="log", xlabel="training images")
        panel.grid(color="0.9")
        panel.legend(frameon=False, fontsize=8)
    figure.tight_layout()
    save(plt, figure, path)


def _histogram(panel: Any, result: SizeResult, bins: Any) -> None:
    shown = {"bins": bins, "density": True}
    panel.hist(result.training, **shown, color=TRAINING, alpha=0.5, label="training images with the others")
    panel.hist(result.generated, **shown, color=GENERATED, alpha=0.5, label="samples with training images")
    if len(result.unseen):
        panel.hist(
            result.unseen,
            **shown,
            color=UNSEEN,
            histtype="step",
            label="unseen real images with training images",
        )
    threshold = result.verdict.policy.threshold
    panel.axvline(threshold, color="black", linewidth=1, label="threshold of a replicated sample")
    panel.set_title(f"{result.images:,} training images", fontsize=9)
    panel.set(xlabel="highest score", ylabel="density", xlim=(bins[0], bins[-1]))
    panel.tick_params(labelsize=8)


def _line(
    panel: Any, sizes: list[int], of: list[Interval], colour: str, label: str, style: str = "-"
) -> None:
    values = [one.value for one in of]
    panel.errorbar(
        sizes,
        values,
        yerr=bars(of),
        color=colour,
        linestyle=style,
        marker="o",
        markersize=4,
        capsize=3,
        label=label,
    )
