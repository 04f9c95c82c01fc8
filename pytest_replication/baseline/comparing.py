"""Two files of results → what became of each check. Pure.

A change is one beyond what chance explains: each test of each check has a p-value, which is adjusted for the
number of all of them (Holm), so that releases that are alike are called worse in one comparison of 1 / level,
at most.
"""

from __future__ import annotations

from dataclasses import dataclass

from pytest_replication.baseline.changes import NOT_ALIKE, Change, Compared, Comparison, Test
from pytest_replication.baseline.comparable import differences, remarks, require_alike
from pytest_replication.baseline.images import only_in
from pytest_replication.baseline.matching import earlier, last
from pytest_replication.baseline.measured import Measured
from pytest_replication.baseline.tested import rate_of, tests_of
from pytest_replication.errors import BaselineError
from pytest_replication.results import Results
from pytest_replication.results.private import without_private
from pytest_replication.results.sound import OUTCOMES
from pytest_replication.stats.holm import holm

LEVEL = 0.05
"""Adjusted p-value from which on a change is one."""
_MOST_TESTS = 3
"""Of a check."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a comparison may overlook.

    Attributes:
        other_index: another index, embedder, rule or privacy: what remains is compared.
        missing: checks that only one of the runs has.
        nothing: that they have no check in common, or none at all.
        added: checks that only the run has, as one that becomes the baseline may.
    """

    other_index: bool = False
    missing: bool = False
    nothing: bool = False
    added: bool = False


NOTHING_ALLOWED = Allowed()


def compare(
    old: Results, new: Results, *, level: float = LEVEL, allowed: Allowed = NOTHING_ALLOWED
) -> Comparison:
    """Compare a run with an earlier one, check by check.

    A check that was made again, because its test was, is compared as often as it was made.

    Args:
        old: the baseline.
        new: the run.
        level: adjusted p-value from which on a change is one, in (0, 1).
        allowed: what may be overlooked.

    Returns:
        What became of each check that both have, in the order of the run.

    Raises:
        BaselineError: there is nothing to compare, a check is missing in one of them, or they were not
            measured alike, and that is not allowed; or one of them does not tell what is needed.
    """
    if not 0 < level < 1:
        raise BaselineError(f"the level {level:g} of a comparison is not between 0 and 1")
    notes = []
    if old.private != new.private:
        old, new = _both_private(old, new, allowed)
        notes.append("one of the files is private: images are told apart by digests")
    then, now, repeated = last(old), last(new), earlier(new)
    missing = tuple(one.label for key, one in then.items() if key not in now)
    added = tuple(one.label for key, one in (*now.items(), *repeated) if key not in then)
    _require_all(old, missing, added, allowed)
    pairs = [(then[key], one) for key, one in (*now.items(), *repeated) if key in then]
    if not (set(then) & set(now) or allowed.nothing):
        raise BaselineError(
            f"no check of this run is in the baseline {old.path}, so that nothing was compared: a test that "
            "is called otherwise needs a new baseline (--replication-update-baseline)"
        )
    if not allowed.other_index:
        for pair in pairs:
            require_alike(*pair, str(old.path))
    return Comparison(
        str(old.path),
        str(old.data["written"]),
        old.outcome,
        str(new.path),
        level,
        _compared(pairs, level),
        missing,
        added,
        tuple(notes),
        old.private and new.private,
    )


def _both_private(old: Results, new: Results, allowed: Allowed) -> tuple[Results, Results]:
    if not allowed.other_index:
        told = ("private", "not") if old.private else ("not private", "private")
        raise BaselineError(
            f"the baseline {old.path} is {told[0]} and this run is {told[1]}: write both alike (with or "
            "without --replication-report-private), or have them compared by digests with "
            "--replication-baseline-allow-other-index (compare: --allow-other-index)"
        )
    return Results(old.path, without_private(old.data)), Results(new.path, without_private(new.data))


def _require_all(old: Results, missing: tuple[str, ...], added: tuple[str, ...], allowed: Allowed) -> None:
    new = () if allowed.added else added
    if allowed.missing or not (missing or new):
        return
    told = [f"{name} was not made in this run" for name in missing]
    told += [f"{name} is not in the baseline" for name in added]
    ways = "leave out what is missing with --replication-baseline-allow-missing (compare: --allow-missing)"
    if not allowed.added:
        ways = f"write a new baseline with --replication-update-baseline, or {ways}"
    raise BaselineError(
        f"not all checks can be compared with the baseline {old.path}: {'; '.join(told)}: {ways}"
    )


def _compared(pairs: list[tuple[Measured, Measured]], level: float) -> tuple[Compared, ...]:
    each = level / max(1, _MOST_TESTS * len(pairs))
    tested = [_tested(old, new, each) for old, new in pairs]
    worse = holm([test.worse for tests, _ in tested for test in tests])
    better = holm([test.better for tests, _ in tested for test in tests])
    found, place = [], 0
    for (old, new), (tests, notes) in zip(pairs, tested, strict=True):
        end = place + len(tests)
        found.append(_one(old, new, tests, notes, worse[place:end], better[place:end], level))
        place = end
    return tuple(found)


def _tested(old: Measured, new: Measured, level: float) -> tuple[list[Test], list[str]]:
    if old.kind or new.kind:
        if old.kind == new.kind and old.samples and new.samples:
            return [rate_of(old, new, level)], []
        return [], ["not a check of each sample: outcomes alone are compared"]
    return tests_of(old, new, level)


def _one(
    old: Measured,
    new: Measured,
    tests: list[Test],
    notes: list[str],
    worse: tuple[float, ...],
    better: tuple[float, ...],
    level: float,
) -> Compared:
    change = Change.NO_DIFFERENCE
    by_outcome = bool(old.kind or new.kind)
    if any(p <= level for p in better) or (by_outcome and old.outcome != "pass" == new.outcome):
        change = Change.BETTER
    # What is worse in one respect is worse, whatever became better beside it.
    if any(p <= level for p in worse) or (by_outcome and _rank(new) > _rank(old)):
        change = Change.WORSE
    alike = [f"{NOT_ALIKE}{told}" for told in differences(old, new)]
    return Compared(
        old,
        new,
        change,
        tuple(tests),
        worse,
        better,
        only_in(new, old),
        only_in(old, new),
        (*alike, *remarks(old, new), *notes),
    )


def _rank(one: Measured) -> int:
    return OUTCOMES.index(one.outcome)
