"""A plan in plain text: the answer, then a table over numbers of samples."""

from __future__ import annotations

from typing import Any

_BAR = 20
"""Characters of the longest bar."""


def plan_text(data: dict[str, Any]) -> str:
    """A plan for people."""
    return "\n".join([*_answer(data), *_detector_text(data), *_holdout_text(data), "", *_table(data)])


def _answer(data: dict[str, Any]) -> list[str]:
    check, n, sure = data["check"], data["samples"], _percent(data["confidence"])
    few = data["samples_smallest"]
    enough = f" ({few:,} are enough, with a probability of {_percent(data['power'])})" if few else ""
    claim = f"at most {_percent(data['max_rate'])}" if data["max_rate"] else "none"
    lines = [
        f"claim     {claim} of the samples replicated, at {sure} confidence",
        f"samples   {n:,}{enough}",
        f"check     {_rule(check)}",
    ]
    if data["model_rate"] is not None:
        lines.append(f"model     {_model(data)}")
    if data["max_rate"]:
        alarm = _percent(check["false_alarm"])
        lines.append(f"limit     a model just at the limit fails with a probability of {alarm}")
        lines.append(f"proof     the claim is proved by {_list(data['needed_for_hits'])}")
    lines.append(f"bounds    {n:,} samples prove a rate below {_bounds(data['proves'])}")
    return lines


def _rule(check: dict[str, Any]) -> str:
    most, fails = check["passes_with"], check["fails_from"]
    passes = "cannot pass: too few samples" if most is None else f"passes with {_hits(most)} or fewer"
    if most == 0:
        passes = "passes with no hit"
    failing = "cannot fail: too few samples" if fails is None else f"fails from {_hits(fails)} on"
    between = most is not None and fails is not None and fails - most > 1
    return f"{passes}, {failing}" + (", is inconclusive between" if between else "")


def _model(data: dict[str, Any]) -> str:
    chances = (_percent(data["check"][f"{name}_chance"]) for name in ("fail", "pass", "inconclusive"))
    fails, passes, rest = chances
    seen = ""
    if data["flagged_rate"] != data["model_rate"]:
        seen = f", of which {_percent(data['flagged_rate'])} of the samples are flagged,"
    return (
        f"a rate of {_percent(data['model_rate'])}{seen} fails with a probability of {fails}, passes with "
        f"{passes}, is inconclusive with {rest}"
    )


def _detector_text(data: dict[str, Any]) -> list[str]:
    found = data["detector"]
    if found is None:
        return []
    n = data["samples"]
    lines = [
        f"flags     a threshold that flags {_percent(data['fpr'])} of innocent samples makes about "
        f"{found['false_flags']:.3g} false flags among {n:,}; one or more with a probability of "
        f"{_percent(found['any_false_flag_chance'])}",
        f"innocent  a model that copies nothing passes with a probability of "
        f"{_percent(found['innocent_pass_chance'])}, fails with {_percent(found['innocent_fail_chance'])}",
    ]
    if data["max_rate"] and data["fpr"] >= data["max_rate"]:
        lines.append(
            "WARNING   the threshold flags as many innocent samples as are tolerated, or more: a model "
            "passes by luck only, and more samples make that less likely; raise the threshold"
        )
    elif found["innocent_fail_chance"] > 1 - data["confidence"]:
        lines.append(
            "WARNING   this gate fails a model that copies nothing with a probability of "
            f"{_percent(found['innocent_fail_chance'])}: tolerate a rate (--max-rate), or calibrate for a "
            f"gate of {n:,} samples ('pytest-replication calibrate --samples {n}')"
        )
    return lines


def _holdout_text(data: dict[str, Any]) -> list[str]:
    found, lines, n = data["holdout"] or {}, [], data["samples"]
    if "fpr" in found:
        sure = _percent(data["confidence"])
        lines.append(
            f"hold-out  {found['fpr']:,} real images can express a false-positive rate of "
            f"{_percent(data['fpr'])}, {found['fpr_proved']:,} prove it at {sure} confidence when none of "
            "them reaches the threshold"
        )
        lines.append(
            f"hold-out  {found['gate']:,} for a gate of {n:,} samples that tolerates no flag and alarms "
            f"falsely in {_percent(1 - data['confidence'])} of its runs"
        )
    if "fdr" in found:
        lines.append(
            "note      --fdr judges in the place of a threshold: only the hold-out is planned for it, the "
            "rest is about a threshold"
        )
        lines.append(
            f"hold-out  {found['fdr']:,} real images for a false discovery rate of {_percent(data['fdr'])} "
            f"to flag a single copy among {n:,} samples"
        )
    return lines


def _table(data: dict[str, Any]) -> list[str]:
    chance = _chance(data)
    head = ["samples", "0 hits prove below", "passes with", "fails from"]
    rows = [
        [
            f"{row['samples']:,}",
            _percent(row["proved_without_hits"]),
            "-" if row["passes_with"] is None else f"{row['passes_with']:,}",
            "-" if row["fails_from"] is None else f"{row['fails_from']:,}",
        ]
        for row in data["curve"]
    ]
    if chance:
        head.append(f"{chance.partition('_')[0]} at {_percent(data['model_rate'])}")
        for cells, row in zip(rows, data["curve"], strict=True):
            cells.append(f"{_percent(row[chance])}  {'█' * round(_BAR * row[chance])}")
    widths = [max(len(cells[column]) for cells in (head, *rows)) for column in range(4)]
    return [
        "  ".join(
            [*(cell.rjust(width) for cell, width in zip(cells, widths, strict=False)), *cells[4:]]
        ).rstrip()
        for cells in (head, *rows)
    ]


def _chance(data: dict[str, Any]) -> str:
    """Which probability matters: that a model beyond the limit fails, or that one within it passes."""
    if data["model_rate"] is None:
        return ""
    return "fail_chance" if data["flagged_rate"] > data["max_rate"] else "pass_chance"


def _list(pairs: list[list[int]]) -> str:
    return ", ".join(f"{n:,} samples with {_hits(hits)}" for hits, n in pairs)


def _bounds(pairs: list[list[Any]]) -> str:
    return ", ".join(f"{_percent(bound)} with {_hits(hits)}" for hits, bound in pairs)


def _hits(count: int) -> str:
    return "no hit" if count == 0 else "1 hit" if count == 1 else f"{count:,} hits"


def _percent(share: float) -> str:
    if 0 < share < 5e-5:
        return "less than 0.01 %"
    # Rounded so that what is not certain is not called so.
    return f"{min(100 * share, 99.99) if share < 1 else 100:.3g} %" if share < 0.995 else _near_one(share)


def _near_one(share: float) -> str:
    return "100 %" if share == 1 else "more than 99.99 %" if share > 0.9999 else f"{100 * share:.2f} %"
