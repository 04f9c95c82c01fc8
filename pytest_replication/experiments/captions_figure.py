"""The figure of captions and duplicates: own image against best match, copies, and rates by duplication."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pytest_replication.experiments.captions import CaptionsResult, Split
from pytest_replication.experiments.figures import GENERATED, OTHER, TRAINING, bars, edges, pyplot, save
from pytest_replication.experiments.judged import Interval


def draw_captions(result: CaptionsResult, path: Path) -> None:
    """Three panels.

    Raises:
        ExperimentError: matplotlib is missing, or the file cannot be written.
    """
    plt = pyplot()
    figure, (scores, copies, rates) = plt.subplots(1, 3, figsize=(10.5, 3.3), width_ratios=(1.5, 1, 1.3))
    bins = edges(result.own, result.best_of_own)
    scores.hist(
        result.own, bins=bins, density=True, alpha=0.5, color=OTHER, label="with the image of its caption"
    )
    scores.hist(
        result.best_of_own,
        bins=bins,
        density=True,
        alpha=0.5,
        color=GENERATED,
        label="with the nearest image",
    )
    scores.axvline(result.verdict.policy.threshold, color="black", linewidth=1, label="threshold")
    scores.set(xlabel="score of a sample", ylabel="density")
    scores.legend(frameon=False, fontsize=7)
    _bars(
        copies,
        [
            ("random", result.random_copies),
            ("matched", result.matched_copies),
            ("replicated", result.replicated_copies),
        ],
        TRAINING,
    )
    copies.set(ylabel=f"images like it (score >= {result.alike_from:g})")
    _bars(rates, [*_rates("caption's", result.by_caption), *_rates("nearest", result.by_match)], GENERATED)
    rates.set(ylabel="share of replicated samples", ylim=(0, 1.03))
    for panel in (scores, copies, rates):
        panel.tick_params(labelsize=8)
    figure.tight_layout()
    save(plt, figure, path)


def _rates(which: str, split: Split) -> list[tuple[str, Interval | None]]:
    return [(f"{which}\nduplicated", split.duplicated), (f"{which}\nalone", split.alone)]


def _bars(panel: Any, of: list[tuple[str, Interval | None]], colour: str) -> None:
    known = [(name, one) for name, one in of if one is not None]
    names, values = [name for name, _ in known], [one for _, one in known]
    panel.bar(names, [one.value for one in values], color=colour, alpha=0.6)
    panel.errorbar(
        names,
        [one.value for one in values],
        yerr=bars(values),
        fmt="none",
        ecolor="black",
        capsize=3,
        linewidth=1,
    )
