"""A check as a file of results tells it, read strictly: what a comparison needs, or an error."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pytest_replication.errors import BaselineError

_EXTRACTION = "extraction"
"""Kind of the checks that count samples as those of each sample do."""
_SLACK = 1e-3
"""By how much a cosine may be beyond 1."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one check has measured.

    Attributes:
        id: of the check within its run.
        outcome: ``pass``, ``inconclusive``, ``error`` or ``fail``.
        asserted: whether it fails its test.
        kind: empty for a check of each sample. Of others only the rule, embedder and index are known; of
            extraction the numbers of samples, and of those that were extracted as replicated, too.
        samples: number of samples.
        replicated: those that are replicated.
        distinct: number of different samples.
        prompts: number of prompts, 0 where they are not known.
        replicated_prompts: those with a replicated sample.
        bounds: one-sided bounds of the rate.
        confidence: of these.
        scores: highest score of each sample.
        clusters: number of the prompt of each sample; empty where each has its own, or it is not known.
        rule: what makes a sample replicated.
        fdr: whether that is a false discovery rate.
        engine: what searched.
        embedder: name, sha256 of the weights, preprocessing.
        index: fingerprint of the index.
        index_path: where it was.
        prompts_source: where prompts came from; empty for none.
        accepted: number of matches that were set aside.
        pairs: best match of each replicated sample.
        near: closest ones below the threshold.
        name: that the check was given; empty for none.
        rerun: whether it is of a run of its test that was repeated.
    """

    id: str
    outcome: str
    asserted: bool
    kind: str = ""
    samples: int = 0
    replicated: int = 0
    distinct: int = 0
    prompts: int = 0
    replicated_prompts: int = 0
    bounds: tuple[float, float] = (0.0, 1.0)
    confidence: float = 0.95
    scores: tuple[float, ...] = ()
    clusters: tuple[int, ...] = ()
    rule: str = ""
    threshold: float | None = None
    fdr: bool = False
    engine: str = ""
    embedder: tuple[str, str, str] = ("", "", "")
    index: str = ""
    index_path: str = ""
    prompts_source: str = ""
    accepted: int = 0
    pairs: tuple[Mapping[str, Any], ...] = ()
    near: tuple[Mapping[str, Any], ...] = ()
    name: str = ""
    rerun: bool = False

    @property
    def label(self) -> str:
        """Its id and its name, as people are told of it."""
        return f"{self.id} [{self.name}]" if self.name else self.id

    @property
    def clustered(self) -> bool:
        """Whether several samples share a prompt."""
        return 0 < self.prompts < self.samples

    @property
    def counted(self) -> tuple[int, int]:
        """Hits and number of what is independent: prompts where samples share them, else samples."""
        return (self.replicated_prompts, self.prompts) if self.clustered else (self.replicated, self.samples)


def measured(check: Mapping[str, Any], file: str) -> Measured:
    """Read a check.

    Args:
        check: of a file of results.
        file: its name, for the error.

    Raises:
        BaselineError: something that is needed is not there, or cannot be.
    """
    try:
        return _measured(check)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        told = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise BaselineError(
            f"the check {check.get('id')!r} of {file} cannot be compared ({told}): write the file again, "
            "with 'pytest --replication-update-baseline' or 'pytest --replication-report FOLDER'"
        ) from error


def _measured(check: Mapping[str, Any]) -> Measured:
    found = _of_kind(check) if "kind" in check else _of_samples(check)
    return replace(found, name=str(check["check"]), rerun=bool(check["rerun"]))


def _of_kind(check: Mapping[str, Any]) -> Measured:
    kind, index = check["kind"], check.get("index") or {}
    if not isinstance(kind, str) or not kind:
        raise ValueError(f"its kind is {str(kind)[:40]!r}")
    found = Measured(
        str(check["id"]),
        str(check["outcome"]),
        bool(check["asserted"]),
        kind=kind,
        embedder=(
            str(index.get("embedder") or ""),
            str(index.get("weights_sha256") or ""),
            str(index.get("preprocessing") or ""),
        ),
        index=str(index.get("fingerprint") or ""),
        index_path=str(index.get("path") or ""),
        rule=_rule_of_kind(check),
    )
    if kind != _EXTRACTION:
        return found
    found = replace(
        found,
        samples=_count(check, "samples"),
        replicated=_count(check, "extracted"),
        distinct=_count(check, "distinct_samples"),
        bounds=(float(check["rate_lower"]), float(check["rate_upper"])),
        confidence=float(check["confidence"]),
    )
    _require_counts(found)
    return found


def _rule_of_kind(check: Mapping[str, Any]) -> str:
    """What was asserted, and from which limit on: another limit gives another outcome."""
    said = [str(check["assertion"])] if check.get("assertion") else []
    for name in ("rule", "limit", "screens", "fpr", "per"):
        if (value := check.get(name)) is not None:
            told = ", ".join(map(str, value)) if isinstance(value, list) else value
            said.append(f"{name} {f'{told:.6g}' if isinstance(told, float) else told}")
    return ", ".join(said)


def _of_samples(check: Mapping[str, Any]) -> Measured:
    name, outcome, asserted = str(check["id"]), str(check["outcome"]), bool(check["asserted"])
    counts, index, search = check["counts"], check["index"], check["search"]
    found = Measured(
        name,
        outcome,
        asserted,
        samples=_count(check, "samples"),
        replicated=_count(check, "replicated"),
        distinct=_count(check, "distinct_samples"),
        prompts=_count(counts, "prompts"),
        replicated_prompts=_count(counts, "replicated_prompts"),
        bounds=(float(check["rate_lower"]), float(check["rate_upper"])),
        confidence=float(check["confidence"]),
        scores=tuple(float(score) for score in check["scores"]),
        clusters=tuple(int(number) for number in check.get("clusters") or ()),
        rule=_rule(check),
        threshold=_threshold(check),
        fdr=check["fdr"] is not None,
        engine=str(search["engine"]),
        embedder=(str(index["embedder"]), str(index["weights_sha256"] or ""), str(index["preprocessing"])),
        index=str(index["fingerprint"]),
        index_path=str(index["path"]),
        prompts_source=str(check["prompts_source"] or ""),
        accepted=len((check["accepted"] or {"matches": ()})["matches"]),
        pairs=tuple(map(_pair, check["pairs"])),
        near=tuple(map(_pair, check["near_pairs"])),
    )
    _require_whole(found)
    return found


def _require_counts(found: Measured) -> None:
    if found.samples < 1 or found.replicated > found.samples or found.distinct > found.samples:
        raise ValueError(
            f"{found.replicated} replicated and {found.distinct} distinct of {found.samples} samples"
        )


def _require_whole(found: Measured) -> None:
    _require_counts(found)
    if found.replicated_prompts > found.prompts or found.prompts > found.samples:
        raise ValueError(f"{found.replicated_prompts} of {found.prompts} prompts, {found.samples} samples")
    if len(found.scores) != found.samples:
        raise ValueError(f"it has {len(found.scores)} scores of {found.samples} samples")
    if not all(math.isfinite(score) and abs(score) <= 1 + _SLACK for score in found.scores):
        raise ValueError("not all of its scores are cosines")
    if found.clusters and len(found.clusters) != found.samples:
        raise ValueError(f"it has prompts of {len(found.clusters)} of {found.samples} samples")
    if len(found.pairs) != found.replicated:
        raise ValueError(f"it names {len(found.pairs)} pairs for {found.replicated} replicated samples")
    if not found.index or not found.embedder[0]:
        raise ValueError("it does not say by which embedder, or against which index, it was measured")


def _rule(check: Mapping[str, Any]) -> str:
    """What makes a sample replicated, in words that are alike where the rules are."""
    groups, parts = check["group_thresholds"], check["objects"]
    said = f"score >= {float(check['threshold']):.6g}"
    if check["fdr"] is not None:
        said = f"FDR {float(check['fdr']):g}"
    elif groups is not None:
        each = ", ".join(f"{name} {value:.6g}" for name, value in sorted(groups["thresholds"].items()))
        said = f"thresholds by {groups['by']} ({each}, others {groups['rest']:.6g})"
    return said if parts is None else f"{said}, or {parts['points']} points of a part"


def _threshold(check: Mapping[str, Any]) -> float | None:
    """The one threshold of a check; None where there are several, or it follows from the scores."""
    several = check["fdr"] is not None or check["group_thresholds"] is not None
    return None if several else float(check["threshold"])


def _pair(pair: Mapping[str, Any]) -> Mapping[str, Any]:
    _ = (
        float(pair["score"]),
        pair["training_sha256"],
        pair["training_uri"],
        pair["training_id"],
        pair["sample"],
    )
    return pair


def _count(data: Mapping[str, Any], name: str) -> int:
    value = data[name]
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{name} is {str(value)[:40]!r}")
    return value
