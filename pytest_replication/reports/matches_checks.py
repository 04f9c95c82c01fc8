"""Whether matches that were read can be what a search found: `judge` trusts their order and numbers."""

from __future__ import annotations

import re

from pytest_replication.search.match import Match
from pytest_replication.search.matches import Matches, NullTail
from pytest_replication.search.neighbours import SearchedBy
from pytest_replication.search.objects_found import ObjectsFound
from pytest_replication.search.sightings import PartSightings, Sightings
from pytest_replication.search.subject import Subject

_ROUNDING = 2e-6
"""By how much two scores of one pair may differ, both rounded to 6 decimals."""
_SHA256 = re.compile("[0-9a-f]{64}")


def check_matches(matches: Matches) -> None:
    """Compare the parts of matches with each other.

    Raises:
        ValueError: no search gives such matches; says which part.
    """
    if not matches.of:
        raise ValueError("it holds no samples")
    if matches.searched < 1:
        raise ValueError(f"{matches.searched} rows of the index were searched")
    _check_subject(matches.subject, len(matches.of))
    _check_recall(matches.by)
    _check_p_values(matches)
    _check_canaries(matches.canaries)
    _check_low(matches)
    if len(matches.complexity) not in (0, len(matches.of)):
        raise ValueError(f"{len(matches.of)} samples have {len(matches.complexity)} complexities")
    _check_own(matches)
    _check_objects(matches.objects, len(matches.of), matches.searched)
    for number, found in enumerate(matches.of):
        _check_found(number, found, matches.searched)


def _check_subject(subject: Subject, samples: int) -> None:
    for name, values in (
        ("names", subject.samples),
        ("seeds", subject.seeds),
        ("sums", subject.sample_sha256),
        ("prompts", subject.prompts),
        ("labels", subject.labels),
    ):
        if len(values) != samples and (values or name == "names"):
            raise ValueError(f"{samples} samples have {len(values)} {name}")
    if not 0 <= subject.distinct <= samples:
        raise ValueError(f"{subject.distinct} of {samples} samples are distinct")
    if min(subject.rejected, subject.removed) < 0:
        raise ValueError("a negative number of training images is missing")
    if not all(_SHA256.fullmatch(text) for text in subject.sample_sha256):
        raise ValueError("the sum of a sample is no sha256")


def _check_p_values(matches: Matches) -> None:
    p_values, least = matches.p_values, matches.p_least
    if len(p_values) not in (0, len(matches.of)) or not 0 < least <= 1:
        raise ValueError(f"{len(matches.of)} samples have {len(p_values)} p-values of {least} or more")
    behind = matches.p_behind
    if behind and [len(each) + 1 for each in behind] != [len(found) for found in matches.of if p_values]:
        raise ValueError("not every match behind the best has a p-value, or more have one")
    if not all(0 < p <= 1 for p in (*p_values, *(p for each in behind for p in each))):
        raise ValueError("a p-value is none")
    _check_null(matches)


def _check_null(matches: Matches) -> None:
    null, samples = matches.null, len(matches.of)
    if (null is None) == bool(matches.p_values):
        raise ValueError("there are p-values without a null, or a null without p-values")
    if null is None:
        return
    if null.images < 1 or len(null.scores) != NullTail.needed(null.images, samples):
        raise ValueError(f"{len(null.scores)} scores are there of a null of {null.images} images")
    if not all(-1 <= score <= 1 for score in null.scores) or list(null.scores) != sorted(
        null.scores, reverse=True
    ):
        raise ValueError("the scores of its null are no cosines, or out of order")
    if matches.p_least < 1 / (null.images + 1):
        raise ValueError(f"a p-value of {matches.p_least} is less than {null.images} images give")


def _check_recall(by: SearchedBy) -> None:
    if by.exact and (by.recall, by.threshold, by.confidence) != (1, None, 1):
        raise ValueError("an exact search overlooks nothing, but a recall is stated")
    if by.recall is not None and not 0 < by.recall <= 1:
        raise ValueError(f"{by.recall} is no recall")
    if not 0 < by.confidence <= 1 or not 0 <= by.misses <= by.planted:
        raise ValueError("what is said of the recall cannot be")


def _check_canaries(seen: Sightings) -> None:
    if bool(seen.of) == bool(seen.absent):
        raise ValueError(
            f"{len(seen.of)} canaries are there, and absent because {seen.absent or 'of nothing'}"
        )
    if not len(seen.of) <= seen.reachable <= (seen.stored or 0) and seen.of:
        raise ValueError(f"{len(seen.of)} canaries are of {seen.reachable} of {seen.stored}")
    if not 0 <= seen.found <= seen.tried or not 0 <= seen.allowance < 1:
        raise ValueError("what is said of the planted copies cannot be")
    scores = [one.planted for one in seen.of] + [one.match.score for one in seen.of if one.match is not None]
    if not all(-1 <= score <= 1 for score in scores):
        raise ValueError("a score of a canary is no cosine")


def _check_own(matches: Matches) -> None:
    if len(matches.own) not in (0, len(matches.of)):
        raise ValueError(f"{len(matches.of)} samples have {len(matches.own)} images of their captions")
    for number, own in enumerate(matches.own):
        if own is None:
            continue
        if own.match.sample != number or own.match.row < 0 or not 1 <= own.images <= matches.searched:
            raise ValueError(f"the image of the caption of sample {number} belongs to another, or to no row")
        if not -1 <= own.match.score <= 1:
            raise ValueError(f"a score of sample {number} is no cosine")
        if own.match.score > matches.of[number][0].score + _ROUNDING:
            raise ValueError(f"the image of its caption is nearer to sample {number} than its best match")


def _check_objects(found: ObjectsFound | None, samples: int, searched: int) -> None:
    if found is None:
        return
    if {len(found.of), len(found.unchecked), len(found.features)} != {samples}:
        raise ValueError(f"parts were looked at of other samples than these {samples}")
    if found.searched != searched or min(*found.unchecked, *found.features, found.checked, 0) < 0:
        raise ValueError("what is said of the search for parts cannot be")
    _check_part_canaries(found.canaries)
    for number, alike in enumerate(found.of):
        points, rows = [one.points for one in alike], {one.row for one in alike}
        if any(one.sample != number or one.row < 0 for one in alike) or len(rows) != len(alike):
            raise ValueError(f"a part of sample {number} belongs to another, or to no row")
        if not all(map(_is_of_parts, alike)):
            raise ValueError(f"sample {number} has a match of no parts of two images among those of parts")
        if points != sorted(points, reverse=True) or min(points, default=1) < 1:
            raise ValueError(f"the parts of sample {number} are not in the order of their points")
        if len(alike) + found.unchecked[number] > searched:
            raise ValueError(f"sample {number} has more parts than there are training images")


def _check_part_canaries(seen: PartSightings) -> None:
    if bool(seen.of) == bool(seen.absent):
        raise ValueError(
            f"{len(seen.of)} canaries of parts are there, and {seen.absent or 'nothing'} says why"
        )
    if not len(seen.of) <= seen.stored or (seen.of and not seen.stored <= seen.found <= seen.tried):
        raise ValueError(
            f"{len(seen.of)} canaries of parts are of {seen.stored}, of {seen.found} that were found"
        )
    if not all(one.row >= 0 <= one.points and one.planted > 0 for one in seen.of):
        raise ValueError("a canary of a part has no such points")


def _is_of_parts(match: Match) -> bool:
    if match.part is None:
        return False
    how = match.part.alignment
    corners = [value for corner in (*how.sample, *how.training) for value in corner]
    return -1 <= match.score <= 1 and all(0 <= value <= 1 for value in corners)


def _check_low(matches: Matches) -> None:
    samples = [entry.sample for entry in matches.low]
    if samples != sorted(set(samples)) or not all(0 <= sample < len(matches.of) for sample in samples):
        raise ValueError("samples with next to nothing in them are none, or out of order")
    for entry in matches.low:
        if entry.added is not None and entry.added not in {match.row for match in matches.of[entry.sample]}:
            raise ValueError(f"row {entry.added} was added to the matches of a sample and is not among them")


def _check_found(number: int, found: tuple[Match, ...], searched: int) -> None:
    if not found or len(found) > searched:
        raise ValueError(f"sample {number} has {len(found)} matches of {searched} training images")
    if any(match.sample != number or match.row < 0 for match in found):
        raise ValueError(f"a match of sample {number} belongs to another, or to no row")
    if any(match.part is not None for match in found):
        raise ValueError(
            f"a match of sample {number} is one of parts, and stands among those of whole images"
        )
    scores = [match.score for match in found]
    if not all(-1 <= score <= 1 for score in scores):
        raise ValueError(f"a score of sample {number} is no cosine")
    seen = [match.pixels for match in found if match.pixels is not None]
    if not all(0 <= pixels.rmse <= pixels.tiled + 1e-6 <= 1 + 1e-6 for pixels in seen):
        raise ValueError(f"the pixels of sample {number} have no such distances")
    if not all(0 <= pixels.alike <= 1 for pixels in seen if pixels.alike is not None):
        raise ValueError(f"the pixels of sample {number} have no such correlation")
    if scores != sorted(scores, reverse=True) or len({match.row for match in found}) != len(found):
        raise ValueError(f"the matches of sample {number} are not in the order of their scores")
