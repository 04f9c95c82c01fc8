"""Which rule decides a check, and where it comes from.

Precedence, told in every verdict: call > marker > command line > ini file > calibration of the index >
default of the embedder. A threshold and a false discovery rate are two rules: the nearer one decides.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from pytest_replication.calibrated import Calibrated
from pytest_replication.discovery import check_claim, check_least
from pytest_replication.errors import CalibrationError, SettingsError, ThresholdMissing
from pytest_replication.index.calibration import is_stale, stale
from pytest_replication.index.fingerprint import require_measured
from pytest_replication.index.reader import Index
from pytest_replication.index.recalibrate import calibrate_again
from pytest_replication.policy import GroupThresholds, Policy
from pytest_replication.search.match import Match
from pytest_replication.search.matches import Matches, NullTail
from pytest_replication.stats.null import Null
from pytest_replication.surroundings import Surroundings

_LEVELS = ("call", "marker", "command line", "ini file")
Rule = tuple[float, str]


class _Tolerated(NamedTuple):
    max_rate: float
    max_rate_source: str
    confidence: float

    def with_threshold(self, value: float, source: str) -> Policy:
        return Policy(value, source, self.max_rate, self.max_rate_source, self.confidence)


def find_policy(
    threshold: object,
    fdr: object,
    max_rate: object,
    confidence: float,
    index: Index,
    run: Surroundings | None,
) -> Policy:
    """Resolve what a call leaves open.

    Raises:
        SettingsError: a value that cannot be used, two rules of one level, a rate claimed of what a false
            discovery rate finds, or a calibration that the fingerprint that is pinned does not cover.
        ThresholdMissing: there is no threshold anywhere.
        CalibrationError: the threshold or the p-values would come from a calibration that there is not,
            or that was made before the index changed.
    """
    rate = (number(max_rate, "max_rate"), "call") if max_rate is not None else None
    if rate is None and run is not None:
        rate = run.max_rate()
    tolerated = _Tolerated(*(rate or (0.0, "default")), confidence)
    fixed = _given(threshold, "threshold", run.threshold() if run is not None else None)
    discovery = _given(fdr, "fdr", run.fdr() if run is not None else None)
    if fixed and discovery:
        fixed, discovery = _nearer(fixed, discovery)
    if discovery:
        ready = _calibrated(index, "a false discovery rate")
        unreached = ready.null.threshold(ready.calibration.rate)
        policy = tolerated.with_threshold(unreached, "calibration")
        policy = replace(policy, fdr=discovery[0], fdr_source=discovery[1])
        check_claim(policy)
        return policy
    if fixed:
        return _compared(tolerated.with_threshold(*fixed), index)
    if index.manifest.calibration is not None:
        return _from_calibration(_calibrated(index, "the threshold"), tolerated)
    if (default := index.embedder.default_threshold) is not None:
        return replace(tolerated.with_threshold(default.value, default.source), unmeasured=True)
    why = f" ({index.embedder.undocumented})" if index.embedder.undocumented else ""
    raise ThresholdMissing(
        f"no threshold: the embedder {index.manifest.embedder.name} of {index.path} has no documented "
        f"one{why}; give threshold= in the call, --replication-threshold to pytest, or --threshold to "
        "pytest-replication check, or measure one with "
        f"{calibrate_again(index.path, index.manifest)}, IMAGES being real ones that the model never saw"
    )


def number(given: object, name: str) -> float:
    """Take a number of a call.

    Raises:
        SettingsError: it is none.
    """
    if isinstance(given, bool) or not isinstance(given, (int, float, np.integer, np.floating)):
        raise SettingsError(f"{name} is {given!r}; expected a number")
    return float(given)


def settle(policy: Policy, index: Index, samples: int) -> Policy:
    """Tell with a false discovery rate from which score on one sample alone would be rejected.

    Raises:
        CalibrationError: the null is too small for that.
    """
    if policy.fdr is None:
        return policy
    ready = _calibrated(index, "a false discovery rate")
    return settle_by(policy, ready.null, ready.calibration.described, samples, str(index.path))


def settle_by(policy: Policy, null: Null, described: str, samples: int, index: str) -> Policy:
    """The same by a null that is at hand.

    Raises:
        CalibrationError: it is too small for that.
    """
    if policy.fdr is None:
        return policy
    check_least(policy.fdr, samples, null.resolution, index)
    return replace(
        policy,
        threshold=min(1.0, null.threshold(policy.fdr / samples)),
        threshold_source=f"Benjamini-Hochberg over {samples} samples, {described}",
    )


def with_p_values(matches: Matches, index: Index) -> Matches:
    """Give each sample its conformal p-value, where the index is calibrated as it is now."""
    ready = Calibrated.of_index(index)
    if ready is None:
        return matches
    least = max(ready.null_of(ready.group_of(match)).resolution for match in matches.best)
    behind = tuple(tuple(_behind(ready, match, least) for match in found[1:]) for found in matches.of)
    best = tuple(ready.p_values(matches.best).tolist())
    highest = ready.null.scores[::-1][: NullTail.needed(len(ready.null), len(matches.of))]
    tail = NullTail(len(ready.null), tuple(highest.tolist()), ready.calibration.described)
    lower = ready.lower(matches.best)
    return replace(matches, p_values=best, p_behind=behind, p_least=least, null=tail, lower=lower)


def _behind(ready: Calibrated, match: Match, least: float) -> float:
    """P-value of a match behind the best; it may be in a group that is too small to tell, and then counts."""
    null = ready.null_of(ready.group_of(match))
    found = float(null.p_values(match.score))
    return found if found > null.resolution else min(found, least)


def _given(value: object, name: str, of_run: Rule | None) -> Rule | None:
    return (number(value, name), "call") if value is not None else of_run


def _nearer(threshold: Rule, fdr: Rule) -> tuple[Rule | None, Rule | None]:
    """The one of two rules that is set nearer to the check."""
    levels = [_LEVELS.index(rule[1]) if rule[1] in _LEVELS else len(_LEVELS) for rule in (threshold, fdr)]
    if levels[0] == levels[1]:
        raise SettingsError(
            f"both a threshold and a false discovery rate are set ({threshold[1]}): set one of the two"
        )
    return (threshold, None) if levels[0] < levels[1] else (None, fdr)


def _calibrated(index: Index, what: str) -> Calibrated:
    """The calibration of an index, which something rests on."""
    if is_stale(index.manifest):
        raise stale(index.path, index.manifest)
    if index.manifest.calibration is not None:
        require_measured(index, what, "give a threshold")
    ready = Calibrated.of_index(index)
    if ready is None:
        raise CalibrationError(
            f"{index.path} is not calibrated, which {what} takes: "
            f"{calibrate_again(index.path, index.manifest)} does it"
        )
    return ready


def _from_calibration(ready: Calibrated, tolerated: _Tolerated) -> Policy:
    found = ready.calibration
    source = f"calibration, {100 * found.fpr:g} % of {found.described}"
    if found.samples > 1:
        source += f" for a gate of {found.samples}"
    groups = None
    if found.by:
        thresholds = {name: ready.threshold_of(name) for name in found.names}
        groups = GroupThresholds(found.by, thresholds, ready.threshold_of(None))
        lowest, highest = min(thresholds.values()), max(thresholds.values())
        source += f"; by {found.by} from {lowest:g} to {highest:g}"
    rate = found.rate if groups else ready.null.rank(found.rate) / (len(ready.null) + 1)
    policy = tolerated.with_threshold(found.threshold, source)
    return replace(policy, groups=groups, false_rate=rate, gate=found.samples)


def _of_calibration(ready: Calibrated) -> tuple[str, float]:
    """The threshold of a calibration, in words and as a number; the lowest where groups have their own."""
    found = ready.calibration
    if not found.names:
        return "the calibration", found.threshold
    lowest = min(ready.threshold_of(group) for group in (None, *found.names))
    return f"the lowest of the calibration by {found.by}", lowest


def _compared(policy: Policy, index: Index) -> Policy:
    """Tell of a threshold that somebody chose what it took the place of, and its false-positive rate."""
    ready = Calibrated.of_index(index)
    if ready is not None:
        rate = float(ready.null.p_values(policy.threshold))
        return replace(policy, false_rate=rate, overridden=_of_calibration(ready))
    if (default := index.embedder.default_threshold) is not None:
        return replace(policy, overridden=(f"the default of {index.manifest.embedder.name}", default.value))
    return policy
