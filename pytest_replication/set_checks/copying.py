"""Do samples lie closer to training images than hold-out images do, region by region?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pytest_replication.choices import CanaryChoice
from pytest_replication.controls.copies import MAX_COPIED, copies_line
from pytest_replication.errors import SampleError, SettingsError
from pytest_replication.index.reader import Index
from pytest_replication.models.samples import Samples
from pytest_replication.search import Subject
from pytest_replication.search.blocks import blocks, hidden_in
from pytest_replication.set_checks.closeness import POWER
from pytest_replication.set_checks.holdout import usable
from pytest_replication.set_checks.independent import first_of_each, one_a_prompt, told_of_prompts
from pytest_replication.set_checks.running import (
    Call,
    Features,
    check_levels,
    run_check,
    search_holdout,
    search_samples,
)
from pytest_replication.set_checks.unseen import check_copies, holdout_samples, keep_apart
from pytest_replication.set_verdicts import CopyingVerdict, Finding, overall
from pytest_replication.stats.authenticity import SAME, authentic_share
from pytest_replication.stats.data_copying import CELLS, Cell, DataCopying, data_copying
from pytest_replication.stats.features import Blocks
from pytest_replication.stats.fld import MOST, generalisation
from pytest_replication.stats.holm import holm
from pytest_replication.stats.mifid import mifid
from pytest_replication.verdicts import Outcome

NAME = "assert_no_data_copying"


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyingRule:
    """How regions are tested.

    Attributes:
        alpha: false alarms of the tests of all cells together, in (0, 0.5].
        cells: into which the training images are cut.
        detect: probability that a sample lies closer than a hold-out image which the test of each cell must
            be able to find; else a pass is inconclusive.
        seed: of the cells, and of the part of large sets that FLD looks at.
        copies: score from which on a hold-out image is a copy of a training image, and is left out; None for
            0.95 where the embedder documents a threshold, else for what re-encoded copies score.
        max_copied: share of the hold-out that may be such copies, in [0, 1].
    """

    alpha: float = 0.05
    cells: int = CELLS
    detect: float = 0.7
    seed: int = 0
    copies: float | None = None
    max_copied: float = MAX_COPIED

    def check(self) -> None:
        """Refuse values outside their range.

        Raises:
            SettingsError: there are some.
        """
        check_levels(self.alpha, self.detect)
        if self.cells < 1:
            raise SettingsError(f"{self.cells} cells are wanted; expected 1 or more")
        check_copies(self.copies, self.max_copied)


def measure_copying(samples: object, holdout: object, rule: CopyingRule, call: Call) -> CopyingVerdict:
    """Test the distances of samples against those of a hold-out, cell by cell.

    Raises:
        ReplicationError: the samples, the hold-out, the index or the settings do not allow a verdict.
    """

    def work(index: Index, choice: CanaryChoice) -> CopyingVerdict:
        rule.check()
        found = search_samples(index, Samples.of(samples), call.name, choice)
        others = holdout_samples(holdout)
        vectors, scores = search_holdout(index, others)
        kept, notes = usable(
            vectors, scores, copies_line(index, rule.copies, others), rule.max_copied, others
        )
        keep_apart(found.vectors, vectors[kept], found.subject, others.source)
        theirs, mine, train = vectors[kept, 0], found.vectors[:, 0], training_features(index)
        drawn = mine[one_a_prompt(found.subject, rule.seed)]
        distinct = first_of_each(drawn[:, None])
        try:
            copying = data_copying(train, theirs, drawn, cells=rule.cells, seed=rule.seed)
            together = alone = copying
            if len(drawn) < len(mine):
                together = data_copying(train, theirs, mine, cells=rule.cells, seed=rule.seed)
            # Repeats find what is there, but do not show that nothing is.
            if len(distinct) < len(drawn):
                alone = data_copying(train, theirs, drawn[distinct], cells=rule.cells, seed=rule.seed)
            figures = _figures(index, train, theirs, mine, rule.seed)
        except ValueError as error:
            raise SampleError(f"samples and hold-out cannot be compared: {error}") from error
        source, told = others.source, (*found.notes, *notes, *_notes(copying))
        figures = (*_prompts(together, copying, rule), *figures)
        return judge_copying(copying, alone, figures, rule, found.subject, source, told)

    return run_check(call, work)


def training_features(index: Index) -> Blocks:
    """First view of each training image of an index, block by block; vectors are checked on the way."""
    views = len(index.manifest.views)

    def stream() -> Iterator[Features]:
        for shard in index.shards:
            for first, block in blocks(shard):
                numbers = np.arange(first, first + len(block))
                wanted = numbers % views == 0
                wanted[hidden_in(index, first, len(block))] = False
                lengths = np.linalg.norm(block[wanted].astype(np.float64), axis=1, keepdims=True)
                yield (block[wanted] / lengths).astype(np.float32)

    return stream


def judge_copying(
    copying: DataCopying,
    alone: DataCopying,
    figures: tuple[Finding, ...],
    rule: CopyingRule,
    subject: Subject,
    source: str,
    notes: tuple[str, ...],
) -> CopyingVerdict:
    """Let the cells decide, over all of them by Holm; all else informs.

    Args:
        copying: of all samples; of one a prompt where several share one.
        alone: of those of them that are distinct, for how much could be found.
        figures: what stands beside the cells.
        rule: how it is decided.
        subject: what was compared with what.
        source: of the hold-out.
        notes: what a reader has to know.
    """
    adjusted = _adjusted(copying)
    judged = list(adjusted)
    findings = [
        _cell(i, cell, alone.cells[i], adjusted.get(i), rule, max(1, len(judged)))
        for i, cell in enumerate(copying.cells)
    ]
    outcome = overall((*findings, *figures))
    if copying.c_t is not None:
        findings.append(
            Finding(
                "C_T",
                f"{copying.c_t:+.2f} over {len(judged)} of {len(copying.cells)} cells (below 0: closer)",
                numbers={"c_t": copying.c_t},
            )
        )
    held = sum(cell.holdout for cell in copying.cells)
    return CopyingVerdict(
        outcome=outcome,
        assertion=NAME,
        story=_story(outcome, copying, adjusted, rule),
        findings=(*findings, *figures),
        subject=subject,
        searched=copying.train,
        holdout=held,
        holdout_source=source,
        notes=(*notes, f"alpha {rule.alpha:g} over all cells (Holm)"),
        to_settle=_needed(alone, rule) if outcome is Outcome.INCONCLUSIVE else "",
        copying=copying,
        alpha=rule.alpha,
    )


def _adjusted(copying: DataCopying) -> dict[int, float]:
    """P-values of the cells that are judged, adjusted for each other, by the numbers of the cells."""
    judged = [i for i, cell in enumerate(copying.cells) if cell.judged]
    return dict(zip(judged, holm([copying.cells[i].p or 0.0 for i in judged]), strict=True))


def _prompts(together: DataCopying, copying: DataCopying, rule: CopyingRule) -> tuple[Finding, ...]:
    """What all samples say where those that share a prompt are not all tested."""
    all_of, tested = (sum(cell.samples for cell in each.cells) for each in (together, copying))
    # A cell that the drawn samples miss is one that nothing was shown of.
    missed = any(
        one.samples and not other.samples for one, other in zip(together.cells, copying.cells, strict=True)
    )
    p = 0.0 if missed else min(_adjusted(together).values(), default=1.0)
    return told_of_prompts(all_of, tested, p, rule.alpha)


def _cell(number: int, cell: Cell, alone: Cell, p: float | None, rule: CopyingRule, tests: int) -> Finding:
    sizes = f"{cell.train} training, {cell.holdout} hold-out images, {cell.samples} samples"
    counts = {"train": cell.train, "holdout": cell.holdout, "samples": cell.samples}
    name = f"cell {number + 1}"
    if cell.samples == 0:
        return Finding(name, f"{sizes}: nothing to judge", None, None, counts)
    if p is None or cell.z is None or cell.superiority is None:
        return Finding(name, f"{sizes}: too small to judge", Outcome.INCONCLUSIVE, None, counts)
    least = alone.detectable(rule.alpha / tests, POWER) if alone.judged else math.inf
    outcome = Outcome.PASS if least <= rule.detect else Outcome.INCONCLUSIVE
    return Finding(
        name,
        f"z {cell.z:+.2f}, p {p:.3g}; a sample is closer with probability {cell.superiority:.3f} "
        f"({100 * POWER:g} % power from {min(1.0, least):.3f} on); {sizes}",
        Outcome.FAIL if p <= rule.alpha else outcome,
        p,
        {**counts, "z": cell.z, "superiority": cell.superiority, "detectable": min(1.0, least)},
    )


def _figures(
    index: Index, train: Blocks, holdout: Features, samples: Features, seed: int
) -> tuple[Finding, ...]:
    """What is told beside the test: AuthPct, the gap of FLD, MiFID."""
    known = index.duplicates
    same = SAME if known is None else max(SAME, float(np.sqrt(2 - 2 * known.threshold)))
    mine, theirs = (100 * authentic_share(x, train, same=same) for x in (samples, holdout))
    found = [
        Finding(
            "AuthPct",
            f"{mine:.1f} % of samples are authentic, {theirs:.1f} % of hold-out images",
            numbers={"samples": mine, "holdout": theirs},
        )
    ]
    part = _part(train, index.rows, seed)
    rng = np.random.default_rng(seed)
    gap = generalisation(
        part, *(x if len(x) <= MOST else x[rng.permutation(len(x))[:MOST]] for x in (holdout, samples))
    ).gap
    found.append(
        Finding(
            "FLD gap",
            f"{gap:+.2f} on {len(part)} training images (below 0: explained better than the hold-out)",
            numbers={"gap": gap, "train": len(part)},
        )
    )
    if len(samples) > 1 and index.rows > 1:
        frechet = mifid(samples, train)
        found.append(
            Finding(
                "MiFID",
                f"{frechet.value:.4g} (Fréchet {frechet.frechet:.4g}, memorisation distance "
                f"{frechet.memorisation:.4f}; of these features, not comparable with published values)",
                numbers={
                    "mifid": frechet.value,
                    "frechet": frechet.frechet,
                    "memorisation": frechet.memorisation,
                },
            )
        )
    return tuple(found)


def _part(train: Blocks, rows: int, seed: int) -> Features:
    """All training features, or as many as FLD looks at, drawn from a seed."""
    chosen = np.sort(np.random.default_rng(seed).permutation(rows)[:MOST])
    taken, first = [], 0
    for block in train():
        here = chosen[(chosen >= first) & (chosen < first + len(block))] - first
        taken.append(block[here])
        first += len(block)
    return np.concatenate(taken)


def _notes(copying: DataCopying) -> tuple[str, ...]:
    told = f"distances are to all {copying.train} training images, in {copying.dims} dimensions"
    if copying.learnt_from < copying.train:
        told += f"; the cells were learnt from {copying.learnt_from} of them"
    return (told,)


def _story(outcome: Outcome, copying: DataCopying, adjusted: dict[int, float], rule: CopyingRule) -> str:
    n = sum(cell.samples for cell in copying.cells)
    if outcome is Outcome.FAIL:
        closer = sum(p <= rule.alpha for p in adjusted.values())
        return (
            f"{n} samples copy: in {closer} of {len(copying.cells)} cells they lie closer to training images"
        )
    if outcome is Outcome.PASS:
        return f"{n} samples lie no closer to training images than the hold-out, in {len(adjusted)} cells"
    return (
        f"inconclusive: {len(copying.too_small)} of {len(copying.cells)} cells are too small to judge, or "
        f"others are too small to find a probability of {rule.detect:g}"
    )


def _needed(alone: DataCopying, rule: CopyingRule) -> str:
    small = [
        f"cell {i + 1} has {cell.holdout} hold-out images and {cell.samples} distinct samples"
        for i, cell in enumerate(alone.cells)
    ]
    return f"more of both, or fewer cells than {rule.cells}: {'; '.join(small)}"
