"""The power of a check over its number of samples, as a figure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_replication.errors import SettingsError
from pytest_replication.reports.plan import Question, gate_data

_POINTS = 240
_SIZE = (7.2, 4.4)


def draw_power(question: Question, data: Mapping[str, Any], path: Path) -> None:
    """Draw how likely the model fails, passes and stays inconclusive, over the number of samples.

    Args:
        question: with a rate of the model.
        data: the plan that answers it.
        path: of the picture; its suffix is its format.

    Raises:
        SettingsError: no rate of the model was given, matplotlib is missing, or the file cannot be written.
    """
    if question.model_rate is None:
        raise SettingsError("--plot draws the probability that a model is noticed: give --model-rate")
    try:
        import matplotlib

        matplotlib.use("Agg", force=False)
        from matplotlib import pyplot as plt
    except ImportError as error:
        raise SettingsError(
            f"figures need matplotlib ({error}): pip install 'pytest-replication[bench]'"
        ) from error
    rows = [gate_data(question, n) for n in _numbers(data["samples"])]
    figure, panel = plt.subplots(figsize=_SIZE)
    for name, colour, style in (
        ("fail", "tab:red", "-"),
        ("pass", "tab:green", "--"),
        ("inconclusive", "0.5", ":"),
    ):
        panel.plot(
            [row["samples"] for row in rows],
            [row[f"{name}_chance"] for row in rows],
            color=colour,
            linestyle=style,
            label=name,
        )
    panel.axvline(data["samples"], color="0.8", linewidth=1, zorder=0)
    panel.axhline(question.power, color="0.8", linewidth=1, zorder=0)
    panel.set(xlabel="samples", ylabel="probability", ylim=(-0.02, 1.02))
    panel.set_title(
        f"max rate {100 * question.max_rate:g} %, model {100 * question.model_rate:g} %, "
        f"{100 * question.confidence:g} % confidence",
        fontsize=10,
    )
    panel.legend(frameon=False)
    try:
        figure.savefig(path, bbox_inches="tight", dpi=150)
    except (OSError, ValueError) as error:
        raise SettingsError(f"the figure {path} cannot be written ({error})") from error
    finally:
        plt.close(figure)


def _numbers(samples: int) -> list[int]:
    """Numbers of samples, from few to twice as many as planned."""
    most = max(2 * samples, 20)
    return sorted({max(1, most * step // _POINTS) for step in range(1, _POINTS + 1)})
