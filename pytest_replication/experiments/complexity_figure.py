"""The figure of complexity: the score over each measure of the matched training image."""

from __future__ import annotations

from pathlib import Path

from pytest_replication.experiments.complexity import ComplexityResult
from pytest_replication.experiments.figures import GENERATED, pyplot, save
from pytest_replication.reports.complexity import FIGURES


def draw_complexity(result: ComplexityResult, path: Path) -> None:
    """One panel a measure, with Pearson's r and its interval.

    Raises:
        ExperimentError: matplotlib is missing, or the file cannot be written.
    """
    plt = pyplot()
    figure, panels = plt.subplots(2, 2, figsize=(7.2, 5.2), sharey=True)
    told = result.correlations["training_images"]["figures"]
    for panel, (name, words) in zip(panels.flat, FIGURES.items(), strict=True):
        panel.scatter(result.figures[name], result.scores, s=9, color=GENERATED, alpha=0.4, linewidths=0)
        found = told[name]["pearson"]
        r = (
            "no correlation"
            if found is None
            else f"r {found['value']:.2f} ({found['lower']:.2f} to {found['upper']:.2f})"
        )
        panel.set_title(r, fontsize=9)
        panel.set_xlabel(words, fontsize=9)
        panel.axhline(result.verdict.policy.threshold, color="black", linewidth=0.8)
        panel.tick_params(labelsize=8)
    for panel in panels[:, 0]:
        panel.set_ylabel("highest score", fontsize=9)
    figure.tight_layout()
    save(plt, figure, path)
