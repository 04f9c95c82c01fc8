"""The positive control by itself: does a check with these settings find the copies that were planted?"""

from __future__ import annotations

from pytest_replication.asked import breakage_told, choose_canaries, index_for
from pytest_replication.controls import draw
from pytest_replication.controls.judged import Control, judge_control
from pytest_replication.errors import ControlFailed, SettingsError
from pytest_replication.index.reader import Index
from pytest_replication.index.recalibrate import calibrate_again
from pytest_replication.rules import find_policy, settle
from pytest_replication.search import search
from pytest_replication.search.embed import embed_images
from pytest_replication.search.match import Match
from pytest_replication.surroundings import current

_NEIGHBOURS = 5


def check_control(index: Index | str | None = None) -> Control:
    """Find the canaries that a check of this run would take, without any samples.

    Args:
        index: an open index or its folder; None for that of the pytest run.

    Returns:
        The control, with one canary or more, all found.

    Raises:
        SettingsError: the run wants no canaries.
        ControlFailed: none were planted, none or too few can reach the threshold, or not all are found.
        ReplicationError: the index or the settings do not allow a check.
    """
    run = current()
    with breakage_told(run, "control"):
        return _control(index)


def _control(given: Index | str | None) -> Control:
    run = current()
    index, choice = index_for(given, run), choose_canaries(None, run)
    if choice.count == 0:
        raise SettingsError(f"a control is to be checked, and canaries are 0 ({choice.source}): ask for some")
    if index.canaries is None:
        raise ControlFailed(
            f"a control is to be checked, and no canaries were planted in {index.path}: "
            f"{calibrate_again(index.path, index.manifest)} plants some"
        )
    policy = settle(find_policy(None, None, None, 0.95, index, run), index, 1)
    guard = draw(index, policy.line, choice)
    if not guard.canaries:
        raise ControlFailed(f"a control is to be checked, and no canary of {index.path} was drawn")
    vectors = embed_images(index, (canary.picture() for canary in guard.canaries))
    seen = guard.seen(index, search(index, vectors, _NEIGHBOURS))

    def line(match: Match) -> float:
        return policy.threshold_near(match.record)

    found, reason = judge_control(seen, line)
    if reason or found.found != found.asked or found.asked != len(guard.canaries):
        raise ControlFailed(
            f"of {len(guard.canaries)} copies that were planted in {index.path}, {found.found} were found: "
            f"{reason or 'the others control nothing at this threshold'}; no check against this index is to "
            f"be trusted: 'pytest-replication verify {index.path}' looks at its files"
        )
    return found
