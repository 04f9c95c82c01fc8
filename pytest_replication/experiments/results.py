"""What experiments found, as plain data for JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_replication import __version__
from pytest_replication.durable import replace_file
from pytest_replication.errors import ExperimentError
from pytest_replication.experiments.captions import CaptionsResult
from pytest_replication.experiments.classes import ClassesResult
from pytest_replication.experiments.complexity import ComplexityResult
from pytest_replication.experiments.judged import Asked
from pytest_replication.experiments.size import SizeResult, Summary
from pytest_replication.reports.plain import pack
from pytest_replication.verdicts import Verdict

Data = dict[str, Any]


def write_results(data: Mapping[str, Any], path: Path) -> None:
    """Write the results of an experiment, by one rename.

    Raises:
        ExperimentError: the file cannot be written.
    """
    try:
        replace_file(path, (json.dumps(data, indent=1, allow_nan=False) + "\n").encode())
    except OSError as error:
        raise ExperimentError(f"{path} cannot be written ({error}): name another --out") from error


def experiment_data(name: str, asked: Asked, found: Mapping[str, Any]) -> Data:
    """What every file of results begins with, and what was found."""
    return {
        "experiment": name,
        "version": __version__,
        "confidence": asked.confidence,
        "training_drawn": asked.training,
        "draw_seed": asked.seed,
        **found,
    }


def size_data(results: Sequence[SizeResult]) -> Data:
    """Turn models into plain data; statistics of histograms are named as in the code of the paper."""
    return {"models": [_size(result) for result in results]}


def classes_data(result: ClassesResult) -> Data:
    """Turn classes into plain data."""
    return {
        **subject_data(result.verdict),
        "class_of_a_sample": result.by,
        "left_out": list(result.left_out),
        "correlations": {
            name: {"pearson": pack(found[0]), "spearman": pack(found[1])}
            for name, found in result.correlations.items()
        },
        "classes": [pack(one) for one in result.classes],
    }


def captions_data(result: CaptionsResult) -> Data:
    """Turn captions and duplicates into plain data."""
    intervals = {
        name: pack(getattr(result, name))
        for name in (
            "own_mean",
            "best_mean",
            "elsewhere",
            "random_copies",
            "matched_copies",
            "replicated_copies",
        )
    }
    return {
        **subject_data(result.verdict),
        "with_own_image": len(result.own),
        "duplicates_from": result.alike_from,
        **intervals,
        "rate_by_caption": pack(result.by_caption),
        "rate_by_match": pack(result.by_match),
        "scores": result.best.tolist(),
        "own_scores": result.own.tolist(),
    }


def complexity_results(result: ComplexityResult) -> Data:
    """Turn complexity into plain data."""
    return {**subject_data(result.verdict), "complexity": dict(result.correlations)}


def subject_data(verdict: Verdict) -> Data:
    """What was compared with what, and what was replicated."""
    subject = verdict.matches.subject
    return {
        "samples_from": subject.source,
        "samples": verdict.samples,
        "distinct": subject.distinct,
        "prompts": len(set(subject.prompts)),
        "seeds": [min(subject.seeds), max(subject.seeds)] if subject.seeds else None,
        "index": subject.index,
        "index_fingerprint": subject.fingerprint,
        "training_images": verdict.matches.searched,
        "embedder": subject.embedder,
        "preprocessing": subject.preprocessing,
        "weights_sha256": subject.weights_sha256,
        "threshold": verdict.policy.threshold,
        "threshold_from": verdict.policy.threshold_source,
        "replicated": len(verdict.replicated),
        "undecided": len(verdict.undecided),
        "replicated_training_images": verdict.tally.training_images,
        "canaries": {"asked": verdict.control.asked, "found": verdict.control.found},
    }


def _size(result: SizeResult) -> Data:
    generated, training = Summary.of(result.generated), Summary.of(result.training)
    return {
        **subject_data(result.verdict),
        "rate": pack(result.rate),
        "median": pack(result.median),
        "training_median": pack(result.training_median),
        "unseen_median": pack(result.unseen_median),
        "superiority": pack(result.superiority),
        "extracted": pack(result.extracted),
        **_summary("sim", generated),
        **_summary("bg", training),
        "scores": result.generated.tolist(),
        "training_scores": result.training.tolist(),
    }


def _summary(name: str, of: Summary) -> Data:
    return {
        f"{name}_mean": of.mean,
        f"{name}_std": of.std,
        f"{name}_75pc": of.p75,
        f"{name}_90pc": of.p90,
        f"{name}_95pc": of.p95,
        f"{name}_gt_05pc": of.above_half,
    }
