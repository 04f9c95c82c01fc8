"""The figure of classes: highest and mean score over how alike the training images of a class are."""

from __future__ import annotations

from pathlib import Path

from pytest_replication.experiments.classes import ClassesResult
from pytest_replication.experiments.figures import GENERATED, OTHER, pyplot, save

_NAMED = 20
"""Classes up to which each is named."""


def draw_classes(result: ClassesResult, path: Path) -> None:
    """A point for the highest and one for the mean score of each class.

    Raises:
        ExperimentError: matplotlib is missing, or the file cannot be written.
    """
    plt = pyplot()
    figure, panel = plt.subplots(figsize=(6.0, 4.0))
    across = [one.similarity for one in result.classes]
    for name, colour, values in (
        ("highest", GENERATED, [one.highest for one in result.classes]),
        ("mean", OTHER, [one.mean for one in result.classes]),
    ):
        found = result.correlations[name][0]
        r = "" if found is None else f" (r {found.value:.2f}, {found.lower:.2f} to {found.upper:.2f})"
        panel.scatter(across, values, color=colour, s=18, label=f"{name} score of its samples{r}")
    if len(result.classes) <= _NAMED:
        for one in result.classes:
            panel.annotate(
                one.name, (one.similarity, one.highest), xytext=(3, 3), textcoords="offset points", fontsize=7
            )
    panel.axhline(result.verdict.policy.threshold, color="black", linewidth=1, label="threshold")
    panel.set(
        xlabel="mean score of pairs of training images of the class", ylabel="score with the nearest image"
    )
    panel.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.16))
    save(plt, figure, path)
