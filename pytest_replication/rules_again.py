"""Which rule decides when matches that were stored are judged again: that of then, or what is given now."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pytest_replication.errors import CalibrationError, SettingsError
from pytest_replication.object_rules import object_rule_again
from pytest_replication.policy import Policy
from pytest_replication.rules import settle_by
from pytest_replication.search.matches import Matches, NullTail
from pytest_replication.stats.null import Null


def policy_again(
    policy: Policy,
    matches: Matches,
    *,
    file: str,
    threshold: float | None = None,
    fdr: float | None = None,
    max_rate: float | None = None,
    object_points: int | None = None,
    allow_unproved: bool = False,
) -> Policy:
    """The policy of then, with what the command line changes of it.

    Args:
        policy: that of then.
        matches: what was measured.
        file: where they were read from, for people.
        threshold: given now; what followed from a calibration does not hold for it.
        fdr: given now; thresholds of groups do not hold for it, and the score from which on one sample alone
            is replicated, which canaries have to reach, follows from the null of then.
        max_rate: given now.
        object_points: given now, from how many points on a part is a copy.
        allow_unproved: leave to pass on vectors that nothing proves, which has to be given each time.

    Raises:
        SettingsError: a value that cannot be used, or two rules.
        CalibrationError: the matches hold no null, or one that is too small for this false discovery rate.
    """
    if threshold is not None and fdr is not None:
        raise SettingsError("both --threshold and --fdr are given: give one of the two")
    then = f", as in {file}"
    if threshold is not None:
        policy = policy.at(threshold, "command line")
    elif fdr is not None:
        given = replace(policy, fdr=fdr, fdr_source="command line", groups=None, false_rate=None)
        policy = _settle(given, matches, file)
    else:
        policy = replace(policy, threshold_source=policy.threshold_source + then)
    return replace(
        policy,
        max_rate=policy.max_rate if max_rate is None else max_rate,
        max_rate_source=policy.max_rate_source + then if max_rate is None else "command line",
        allow_unproved=allow_unproved,
        objects=object_rule_again(policy.objects, object_points, file),
    )


def _settle(policy: Policy, matches: Matches, file: str) -> Policy:
    if matches.null is None:
        raise CalibrationError(
            f"the samples of {file} have no p-values, which a false discovery rate takes: they were checked "
            "against an index without a calibration; calibrate it and check again, or give --threshold"
        )
    null, samples = whole(matches.null), len(matches.of)
    return settle_by(policy, null, matches.null.described, samples, matches.subject.index)


def whole(tail: NullTail) -> Null:
    """A null with the same upper end; what lies below no rate among these samples looks at."""
    return Null.of(np.concatenate([np.full(tail.images - len(tail.scores), -1.0), tail.scores]))
