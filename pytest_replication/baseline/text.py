"""A comparison in words: lines for a terminal, and the sentence that makes a run red."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_replication.baseline.changes import NOT_ALIKE, Change, Compared, Comparison, Test
from pytest_replication.baseline.images import Image
from pytest_replication.baseline.measured import Measured
from pytest_replication.score_text import score_text
from pytest_replication.stats.releases import percentiles

_IMAGES = 10
"""New training images that are named."""
_LEVELS = (0.5, 0.95, 0.99, 1.0)


def lines(comparison: Comparison, *, images: int = _IMAGES) -> list[tuple[Change | None, str]]:
    """Tell a comparison, a line each, with what became of the check that it is about.

    Args:
        comparison: what to tell.
        images: training images of a check that are named.
    """
    told: list[tuple[Change | None, str]] = [
        (
            None,
            f"baseline {comparison.old} (written {comparison.old_written}, {comparison.old_outcome}); "
            f"a change is one at a level of {comparison.level:g}, over all tests together",
        )
    ]
    told += [(None, f"  {note}") for note in comparison.notes]
    for check in comparison.checks:
        told.append((check.change, f"{check.change.value.upper()}  {check.new.label}"))
        told += [(None, f"      {line}") for line in _about(check, images)]
    told += [(None, f"MISSING  {name}: only in the baseline") for name in comparison.missing]
    told += [(None, f"ADDED  {name}: not in the baseline") for name in comparison.added]
    return told


def regression(comparison: Comparison) -> str:
    """One sentence about what became worse; empty where nothing did."""
    if not comparison.worse:
        return ""
    return f"worse than the baseline {comparison.old}: " + "; ".join(
        _reason(check, comparison.level) for check in comparison.worse
    )


def _reason(check: Compared, level: float) -> str:
    found = [(p, test) for p, test in zip(check.worse, check.tests, strict=True) if p <= level]
    if not found:
        return f"{check.new.label} was {check.old.outcome}, is {check.new.outcome}"
    p, test = found[0]  # the rate, where it rose
    new = f", {_count(len(check.new_images), 'new training image')} replicated" if check.new_images else ""
    return f"{check.new.label}: {_change(test)} (p {_p(p)}){new}"


def _about(check: Compared, images: int) -> Iterator[str]:
    unlike = [note for note in check.notes if note.startswith(NOT_ALIKE)]
    for note in unlike:  # before figures, which then mean something else
        yield f"note        {note}"
    if check.new.kind:
        yield f"{check.new.kind}: {check.old.outcome} then, {check.new.outcome} now"
        if check.tests:
            yield f"extracted   {_rate(check.old)} then, {_rate(check.new)} now"
    else:
        yield f"replicated  {_rate(check.old)} then, {_rate(check.new)} now"
        yield f"scores      {_scores(check)}"
    for test, worse, better in zip(check.tests, check.worse, check.better, strict=True):
        yield f"tested      {_change(test)}: {_verdict(test, worse, better)}"
    yield from _images(
        "new training images that are replicated", check.new_images, images, "then", check.new.threshold
    )
    if check.gone_images:
        gone = _count(len(check.gone_images), "training image")
        yield f"gone        {gone} of the baseline not replicated any more"
    for note in check.notes:
        if note not in unlike:
            yield f"note        {note}"


def _images(
    what: str, found: tuple[Image, ...], most: int, when: str, threshold: float | None
) -> Iterator[str]:
    if not found:
        return
    yield f"{what}: {len(found)}"
    for image in found[:most]:
        samples = "" if image.samples == 1 else f" and {_count(image.samples - 1, 'sample')} more"
        before = "" if image.other is None else f"; {score_text(image.other, threshold)} {when}"
        score = score_text(image.score, threshold)
        yield f"  {score}  {image.uri or image.id}  by {image.sample}{samples}{before}"
    if len(found) > most:
        yield f"  and {len(found) - most} more"


def _rate(one: Measured) -> str:
    (low, high), proved = one.bounds, []
    if not one.fdr:
        proved += [f"above {100 * low:.3g} %"] if low > 0 else []
        proved += [f"below {100 * high:.3g} %"] if high < 1 else []
    bounds = f": proves a rate {' and '.join(proved)}" if proved else ""
    return f"{one.replicated} of {one.samples} ({100 * one.replicated / one.samples:.3g} %{bounds})"


def _scores(check: Compared) -> str:
    then, now = (percentiles(one.scores, _LEVELS) for one in (check.old, check.new))
    names = ["median", *(f"{100 * level:g} %" for level in _LEVELS[1:-1]), "highest"]
    each = [
        f"{name} {score_text(a, check.old.threshold)} → {score_text(b, check.new.threshold)}"
        for name, a, b in zip(names, then, now, strict=True)
    ]
    return ", ".join(each)


def _change(test: Test) -> str:
    return f"{test.what} {100 * test.old:.3g} % → {100 * test.new:.3g} %"


def _verdict(test: Test, worse: float, better: float) -> str:
    told = f"p {_p(worse)} for a rise" if test.new >= test.old else f"p {_p(better)} for a fall"
    if test.found is None:
        return f"{told}; so few samples could show no rise"
    return f"{told}; from {100 * test.found:.3g} % on a rise would be found in 4 of 5 runs"


def _p(p: float) -> str:
    return f"{p:.2g}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
