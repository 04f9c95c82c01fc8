"""Samples with a part that is a copy: judged by how many distinct points say so. Pure.

Local features of any two images agree in a few points by chance; those of a part that was copied in many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from pytest_replication.choices import FEWEST_POINTS
from pytest_replication.errors import SearchError, SettingsError
from pytest_replication.search.match import Match
from pytest_replication.search.matches import Matches
from pytest_replication.search.objects_found import ObjectsFound
from pytest_replication.stored_fields import stored_as

POINTS = 12
"""Points from which on a part counts as a copy, where no calibration says so.

Unrelated photographs have 8 at most; of a thousand pictures of lettering, emblems and patterns one has as
many (docs/objects.md).
"""


@dataclass(frozen=True, slots=True)
class ObjectRule:
    """From how many distinct points on a part of a sample counts as a copy.

    Attributes:
        points: distinct points.
        source: where the number comes from, for people.
        false_rate: upper bound of the share of samples that copy nothing and reach it, at 95 % confidence;
            None where that was not measured.
        overridden: what the number took the place of, the calibration or the default, and the number there;
            None where it is that.

    Raises:
        SettingsError: no such number.
    """

    points: int = field(default=POINTS, metadata=stored_as("inliers"))
    source: str = "default"
    false_rate: float | None = None
    overridden: tuple[str, int] | None = None

    def __post_init__(self) -> None:
        if type(self.points) is not int or self.points < FEWEST_POINTS:
            raise SettingsError(
                f"{self.points!r} points ({self.source}) tell no copy of a part: give a whole number from "
                f"{FEWEST_POINTS} on"
            )
        if self.false_rate is not None and not 0 <= self.false_rate <= 1:
            raise SettingsError(f"{self.false_rate} is no share of samples: give 0 to 1")

    @property
    def laxer(self) -> bool:
        """Whether it takes more points than what it took the place of, so that more passes."""
        return self.overridden is not None and self.points > self.overridden[1]


@dataclass(frozen=True, slots=True)
class ObjectsJudged:
    """What parts say of samples.

    Attributes:
        hits: best object match of each sample that is replicated by a part alone, most points first.
        accepted: object matches that reach the rule and are accepted.
        expired: those that were accepted until that expired; they count.
        beside: best object match of each sample that is replicated by its score, and of which a part reaches
            the rule, too; one with the training image that the score names, where there is one.
        unchecked: numbers of the samples of which some candidates could not be looked at, and that are not
            replicated.
        open: numbers of samples of which all candidates reach the rule and are accepted, while others, that
            were not looked at, may do so too.
    """

    hits: tuple[Match, ...] = ()
    accepted: tuple[Match, ...] = ()
    expired: tuple[Match, ...] = ()
    beside: tuple[Match, ...] = ()
    unchecked: tuple[int, ...] = ()
    open: tuple[int, ...] = ()


def judge_objects(
    matches: Matches,
    rule: ObjectRule | None,
    replicated: Iterable[Match],
    accepts: Callable[[Match], bool | None],
) -> ObjectsJudged:
    """Judge samples by their parts.

    Args:
        matches: everything that was measured.
        rule: from how many points on; None to judge by whole images only.
        replicated: matches of samples that are replicated already.
        accepts: whether a match is accepted, so that it does not count; False where that has expired, None
            where nobody ever did.

    Raises:
        SearchError: parts are to be judged and were not looked at, or not of all samples.
    """
    if rule is None:
        return ObjectsJudged()
    found = _found(matches)
    whole = {match.sample: match.row for match in replicated}
    settled = set(whole)
    each = found.candidates // len(found.of)
    hits, beside, told, left_open = [], [], [], []
    for sample in range(len(found.of)):
        near = parts_in_reach(matches, rule, sample)
        told += [(match, accepts(match)) for match in near]
        left = [match for match in near if not accepts(match)]
        if left and sample in whole:
            beside.append(next((match for match in left if match.row == whole[sample]), left[0]))
        elif left:
            hits.append(left[0])
        elif not left and len(near) == each < found.searched:
            left_open.append(sample)
    settled |= {match.sample for match in hits}
    hits.sort(key=lambda match: (-match.points, match.sample))
    return ObjectsJudged(
        hits=tuple(hits),
        accepted=tuple(match for match, accepted in told if accepted),
        expired=tuple(match for match, accepted in told if accepted is False),
        beside=tuple(beside),
        unchecked=tuple(n for n, count in enumerate(found.unchecked) if count and n not in settled),
        open=tuple(n for n in left_open if n not in settled),
    )


def parts_in_reach(matches: Matches, rule: ObjectRule | None, sample: int) -> tuple[Match, ...]:
    """Object matches of a sample that reach a rule, most points first; none without a rule.

    Raises:
        SearchError: parts were not looked at, or not of all samples.
    """
    if rule is None:
        return ()
    return tuple(match for match in _found(matches).of[sample] if match.points >= rule.points)


def _found(matches: Matches) -> ObjectsFound:
    found, count = matches.objects, len(matches.of)
    if found is None:
        raise SearchError("copies of parts are asked for, and were not looked for: nothing can pass")
    if (len(found.of), len(found.unchecked), len(found.features)) != (count,) * 3 or found.searched < 1:
        raise SearchError(f"parts of {len(found.of)} of {count} samples were looked at, so nothing can pass")
    return found
