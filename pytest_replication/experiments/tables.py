"""What experiments found, as tables for people."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_replication.experiments.captions import CaptionsResult, Split
from pytest_replication.experiments.classes import ClassesResult
from pytest_replication.experiments.judged import Interval
from pytest_replication.experiments.size import SizeResult

_CLASS_WORDS = {"mean": "mean score", "highest": "highest score", "rate": "share of replicated samples"}


def size_table(results: Sequence[SizeResult]) -> str:
    """The models of training-set size as a table."""
    head = (
        "training images",
        "samples",
        "threshold",
        "replicated",
        "by pixels",
        "median",
        "of training images",
        "of unseen images",
        "scores above a training image",
    )
    rows = [
        (
            f"{one.images:,}",
            str(one.verdict.samples),
            f"{one.verdict.policy.threshold:.4f}",
            percent(one.rate),
            percent(one.extracted),
            number(one.median),
            number(one.training_median),
            number(one.unseen_median),
            percent(one.superiority),
        )
        for one in results
    ]
    return table(head, rows)


def classes_table(result: ClassesResult) -> str:
    """Classes as a table, with the correlations below it."""
    head = ("class", "training images", "alike", "samples", "mean score", "highest score", "replicated")
    rows = [
        (
            one.name,
            str(one.images),
            f"{one.similarity:.3f}",
            str(one.samples),
            f"{one.mean:.3f}",
            f"{one.highest:.3f}",
            percent(one.rate),
        )
        for one in result.classes
    ]
    lines = [table(head, rows), ""]
    for name, (linear, ranked) in result.correlations.items():
        for words, found in (("Pearson's r", linear), ("Spearman's rho", ranked)):
            told = (
                "cannot be told"
                if found is None
                else f"{found.value:.2f} ({found.lower:.2f} to {found.upper:.2f})"
            )
            lines.append(f"{words} of how alike a class is with its {_CLASS_WORDS[name]}: {told}")
    if result.left_out:
        lines.append(f"left out, with fewer than two training images: {', '.join(result.left_out)}")
    return "\n".join(lines)


def captions_table(result: CaptionsResult) -> str:
    """Captions and duplicates as a table."""
    by = (("the image of its caption", result.by_caption), ("the nearest image", result.by_match))
    rows = [
        ("mean score with the image of its own caption", number(result.own_mean)),
        ("mean score with the nearest training image", number(result.best_mean)),
        ("nearest to another image than that of its caption", percent(result.elsewhere)),
        (
            f"images like it (score >= {result.alike_from:g}): a random training image",
            number(result.random_copies),
        ),
        ("the same: the nearest image of a sample", number(result.matched_copies)),
        ("the same: that of a replicated sample", number(result.replicated_copies)),
        *(row for words, split in by for row in _split_rows(words, split)),
    ]
    return table(("", "with interval"), rows)


def _split_rows(words: str, split: Split) -> list[tuple[str, str]]:
    return [
        (
            f"replicated where {words} has duplicates ({split.samples_duplicated} samples)",
            percent(split.duplicated),
        ),
        (f"replicated where {words} has none ({split.samples_alone} samples)", percent(split.alone)),
    ]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def percent(of: Interval | None) -> str:
    """A share with its interval, in per cent."""
    if of is None:
        return "-"
    return f"{100 * of.value:.1f} % ({_end(of.lower, 100, 1)} to {_end(of.upper, 100, 1)})"


def number(of: Interval | None) -> str:
    """A number with its interval."""
    return "-" if of is None else f"{of.value:.3f} ({_end(of.lower, 1, 3)} to {_end(of.upper, 1, 3)})"


def _end(value: float | None, times: int, digits: int) -> str:
    return "?" if value is None else f"{times * value:.{digits}f}"
