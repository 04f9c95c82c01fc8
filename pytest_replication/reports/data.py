"""A verdict as plain data: str, int, float, bool, None, list and dict only.

Everything that leaves a worker process, and every ``--json``, comes from here: numpy numbers,
paths or enums would be lost, or would kill a worker of pytest-xdist.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pytest_replication.accepted import Acceptance
from pytest_replication.accepted.sorting import pair_of
from pytest_replication.policy import Policy
from pytest_replication.reports.captions import captions_data, own_data
from pytest_replication.reports.chance import as_many_by_chance
from pytest_replication.reports.complexity import complexity_data
from pytest_replication.reports.objects import beside_data, objects_data
from pytest_replication.reports.pixel_evidence import evidence_data, information_data
from pytest_replication.reports.remade import model_data
from pytest_replication.search.match import Match
from pytest_replication.search.matches import Stored
from pytest_replication.search.subject import Subject
from pytest_replication.stats.bootstrap import FEW
from pytest_replication.verdicts import Outcome, Verdict


def verdict_data(verdict: Verdict, *, neighbours: int | None = None) -> dict[str, Any]:
    """Turn a verdict into plain data.

    Args:
        verdict: what to turn.
        neighbours: nearest training images of every sample to include, None for all that were kept.
    """
    subject, policy = verdict.matches.subject, verdict.policy
    data: dict[str, Any] = {
        "check": subject.check,
        "outcome": verdict.outcome.value,
        "samples": verdict.samples,
        "replicated": len(verdict.replicated),
        "rate": float(verdict.rate),
        "counts": counts_data(verdict),
        "low_information": information_data(verdict),
        "complexity": complexity_data(verdict),
        "objects": objects_data(verdict),
        "rate_lower": float(verdict.rate_lower),
        "rate_upper": float(verdict.rate_upper),
        "confidence": float(verdict.confidence),
        "samples_needed": verdict.needed,
        "threshold": float(policy.threshold),
        "threshold_source": str(policy.threshold_source),
        "below_holdout": None if verdict.matches.lower is None else asdict(verdict.matches.lower),
        "threshold_overridden": _overridden(policy),
        "threshold_unmeasured": bool(policy.unmeasured),
        "fdr": None if policy.fdr is None else float(policy.fdr),
        "fdr_source": policy.fdr_source,
        "group_thresholds": _groups(policy),
        "false_rate": None if policy.false_rate is None else float(policy.false_rate),
        "expected_false": None if verdict.expected_false is None else float(verdict.expected_false),
        "chance_of_as_many": as_many_by_chance(verdict),
        "calibrated_gate": int(policy.gate),
        "beyond_gate": verdict.beyond_gate,
        "unprovable": policy.unprovable and verdict.outcome is not Outcome.PASS,
        "max_rate": float(policy.max_rate),
        "max_rate_source": str(policy.max_rate_source),
        "worst_score": float(verdict.worst.score),
        "closest_score": float(verdict.closest.score),
        "searched": int(verdict.matches.searched),
        "search": search_data(verdict),
        "control": control_data(verdict),
        "matches_file": _stored_data(verdict.matches.stored),
        "sample_source": subject.source,
        "model": model_data(subject.model),
        "prompts_source": subject.prompted,
        "captions": captions_data(verdict),
        "distinct_samples": int(subject.distinct),
        "index": index_data(subject) | {"canaries": verdict.control.stored},
        "accepted": accepted_data(verdict),
        "pairs": [pair_data(verdict, match) for match in verdict.replicated],
        "undecided_pairs": [pair_data(verdict, match) for match in verdict.undecided],
    }
    if neighbours != 0:
        data["neighbours"] = [
            [pair_data(verdict, match) for match in found[:neighbours]] for found in verdict.matches.of
        ]
    return data


def index_data(subject: Subject) -> dict[str, Any]:
    """Turn what is known of the index into plain data."""
    return {
        "path": subject.index,
        "rejected": int(subject.rejected),
        "removed": int(subject.removed),
        "unproved": bool(subject.unproved),
        "stale_calibration": bool(subject.stale),
        "fingerprint": subject.fingerprint,
        "embedder": subject.embedder,
        "preprocessing": subject.preprocessing,
        "weights_sha256": subject.weights_sha256,
    }


def _overridden(policy: Policy) -> dict[str, Any] | None:
    """What the threshold took the place of."""
    if policy.overridden is None or policy.fdr is not None:
        return None
    name, value = policy.overridden
    return {"name": str(name), "threshold": float(value), "laxer": bool(policy.laxer)}


def _groups(policy: Policy) -> dict[str, Any] | None:
    if policy.groups is None:
        return None
    thresholds = {str(name): float(value) for name, value in policy.groups.thresholds.items()}
    return {"by": policy.groups.by, "thresholds": thresholds, "rest": float(policy.groups.rest)}


def counts_data(verdict: Verdict) -> dict[str, Any]:
    """Turn what was replicated, by sample, prompt and training image, into plain data."""
    counted, per = verdict.tally, verdict.policy.per
    clustered = per == "prompt" or counted.clustered
    return {
        "per": per,
        "prompts": counted.prompts,
        "few_prompts": clustered and counted.prompts < FEW,
        "replicated_prompts": counted.replicated_prompts,
        "training_images": counted.training_images,
        "most_of_one": counted.largest,
    }


def search_data(verdict: Verdict) -> dict[str, Any]:
    """Turn what searched, and what is known of its recall, into plain data."""
    by = verdict.matches.by
    return {
        "engine": by.engine,
        "recall": None if by.recall is None else float(by.recall),
        "threshold": None if by.threshold is None else float(by.threshold),
        "planted": int(by.planted),
        "misses": int(by.misses),
        "confidence": float(by.confidence),
        "note": by.note,
    }


def _p_value(verdict: Verdict, match: Match) -> float | None:
    """That of the sample, told with its best match; where matches are accepted, with each of them."""
    if match.part is not None:
        return None
    place = verdict.matches.of[match.sample].index(match)
    if place and not verdict.policy.accepted.entries:
        return None
    found = verdict.matches.p_value(match.sample, place)
    return None if found is None else float(found)


def control_data(verdict: Verdict) -> dict[str, Any]:
    """Turn the positive control into plain data."""
    control = verdict.control
    return {
        "asked": int(control.asked),
        "found": int(control.found),
        "lowest": None if control.lowest is None else float(control.lowest),
        "reachable": int(control.reachable),
        "stored": control.stored,
        "planted": int(control.tried),
        "planted_found": int(control.tried_found),
        "absent": control.absent,
        "beyond": int(control.beyond),
    }


def accepted_data(verdict: Verdict) -> dict[str, Any] | None:
    """Turn accepted matches, those that have expired, and entries that nothing needs into plain data.

    None where no file of accepted matches is in use.
    """
    book = verdict.policy.accepted
    if not book.path and not book.entries:
        return None
    entries = book.by_pair()

    def decided(match: Match) -> dict[str, Any]:
        return pair_data(verdict, match) | entry_data(entries[pair_of(verdict.matches, match) or ("", "")])

    return {
        "file": book.path,
        "day": book.day.isoformat(),
        "entries": len(book.entries),
        "matches": [decided(match) for match in verdict.accepted],
        "expired": [decided(match) for match in verdict.expired],
        "unused": [entry_data(entry) | {"in_force": book.in_force(entry)} for entry in verdict.unused],
    }


def entry_data(entry: Acceptance) -> dict[str, Any]:
    """Turn what was decided about a pair into plain data."""
    return {
        "sample_sha256": entry.sample,
        "training_sha256": entry.training,
        "reason": entry.reason,
        "by": entry.by,
        "decided": entry.decided.isoformat(),
        "expires": entry.expires.isoformat(),
        "accepted_as": [entry.sample_name, entry.training_uri],
    }


def _stored_data(stored: Stored | None) -> dict[str, str] | None:
    if stored is None:
        return None
    return {
        "path": stored.path,
        "written": stored.written,
        "sha256": stored.sha256,
        "version": stored.version,
    }


def pair_data(verdict: Verdict, match: Match) -> dict[str, Any]:
    """Turn one match into plain data."""
    subject, record = verdict.matches.subject, match.record
    return {
        "sample": subject.samples[match.sample],
        "sample_number": int(match.sample),
        "sample_sha256": subject.sample_sha256[match.sample] if subject.sample_sha256 else None,
        "seed": int(subject.seeds[match.sample]) if subject.seeds else None,
        "prompt": subject.prompts[match.sample] if subject.prompts else None,
        "class": subject.labels[match.sample] if subject.labels else None,
        "score": float(match.score),
        "own": own_data(verdict, match),
        "threshold": float(verdict.policy.threshold_for(verdict.matches.of[match.sample][0])),
        "p_value": _p_value(verdict, match),
        "training_id": record.id,
        "training_uri": record.uri,
        "training_sha256": record.sha256,
        "caption": record.caption,
        "label": record.label,
        "view": match.view,
        "sample_view": match.sample_view,
        "copies": match.copies,
        "exact_copies": match.exact,
        "copies_threshold": match.alike,
        "pixels": evidence_data(match.pixels),
        "kind": match.kind,
        **beside_data(verdict, match),
    }
