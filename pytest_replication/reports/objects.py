"""Copies of parts in a verdict: which part of a sample lies on which of a training image."""

from __future__ import annotations

from typing import Any

from pytest_replication.controls.judged_parts import PartControl
from pytest_replication.images.parts import box_in_words, grid
from pytest_replication.objects import ObjectRule
from pytest_replication.reports.words import plural
from pytest_replication.scoring.geometry import Polygon
from pytest_replication.search.match import Match
from pytest_replication.search.objects_found import ObjectsFound
from pytest_replication.verdicts import Verdict


def part_data(match: Match) -> dict[str, Any] | None:
    """Turn the two parts of a match into plain data; None where the score of whole images speaks."""
    if (found := match.part) is None:
        return None
    how = found.alignment
    return {
        "points": int(how.points),
        "inliers": int(how.inliers),
        "kinds": float(how.kinds),
        "correlation": how.correlation,
        "two_tones": None if how.tones is None else how.tones.share,
        "roughness": None if how.tones is None else how.tones.roughness,
        "spread": float(how.spread),
        "mirrored": bool(how.mirrored),
        "scale": float(how.scale),
        "degrees": float(how.degrees),
        "sample": _corners(how.sample),
        "training": _corners(how.training),
        "source": found.source,
    }


def part_beside(verdict: Verdict, match: Match) -> Match | None:
    """The part that was found, too, of a sample whose score speaks; None without one."""
    if match.part is not None:
        return None
    return next((one for one in verdict.beside if one.sample == match.sample), None)


def beside_data(verdict: Verdict, match: Match) -> dict[str, Any]:
    """Turn the parts of a pair into plain data: its own, or those that were found beside its score.

    Returns:
        ``part``: of this training image. ``elsewhere``: of another one, with its id and path, which then is
        the likelier original.
    """
    beside = part_beside(verdict, match)
    if beside is None or beside.row == match.row:
        return {"part": part_data(match if beside is None else beside), "elsewhere": None}
    record = beside.record
    named = {
        "training_id": record.id,
        "training_uri": record.uri,
        "training_sha256": record.sha256,
        "caption": record.caption,
    }
    return {"part": None, "elsewhere": named | {"part": part_data(beside)}}


def objects_data(verdict: Verdict) -> dict[str, Any] | None:
    """Turn what was looked at for copies of parts into plain data; None where nothing was."""
    found, rule = verdict.matches.objects, verdict.policy.objects
    if found is None or rule is None:
        return None
    return {
        "points": int(rule.points),
        "points_source": rule.source,
        "points_overridden": _overridden(rule),
        "false_rate": None if rule.false_rate is None else float(rule.false_rate),
        "expected_false": None if rule.false_rate is None else float(rule.false_rate * verdict.samples),
        "replicated": len(_by_part(verdict)),
        "beside": len(verdict.beside),
        "most_points": max((each[0].points for each in found.of if each), default=0),
        "unchecked_samples": len(verdict.unchecked),
        "candidates": int(found.candidates),
        "checked": int(found.checked),
        "unchecked": int(sum(found.unchecked)),
        "featureless": sum(count < rule.points for count in found.features),
        "control": _control_data(verdict.part_control),
        "grid": found.grid,
        "stored": bool(found.stored),
        "voting": int(found.voting),
        "embedding_seconds": float(found.embedding_seconds),
        "searching_seconds": float(found.searching_seconds),
        "comparing_seconds": float(found.comparing_seconds),
    }


def part_lines(match: Match, sample: str, training: str) -> list[str]:
    """A pair of which a part is a copy, in two lines.

    Args:
        match: of the two.
        sample: the sample in words.
        training: the training image in words.
    """
    if match.part is None:
        return []
    how, score = match.part.alignment, plural(match.points, "point")
    told = ", mirrored" if how.mirrored else ""
    told += "" if how.correlation is None else f", correlation {how.correlation:.2f}"
    return [
        f"    {score}  sample    {sample}, {_place(how.sample)}",
        f"    {' ' * len(score)}  training  {training}, {_place(how.training)}{told}",
    ]


def beside_lines(found: Match, whole: Match, width: int) -> list[str]:
    """A part that was found of a sample whose score speaks, in two lines below its pair.

    Args:
        found: the part.
        whole: the pair.
        width: letters of the column of figures.
    """
    if found.part is None:
        return []
    how = found.part.alignment
    other = "it" if found.row == whole.row else f"{found.record.uri}, which is likelier the original,"
    told = ", mirrored" if how.mirrored else ""
    return [
        f"    {' ' * width}  part      {plural(found.points, 'point')} alike, {_place(how.sample)}",
        f"    {' ' * width}            of {other} {_place(how.training)}{told}",
    ]


def objects_line(verdict: Verdict) -> str:
    """What was looked at, and how long it took; empty where nothing was."""
    found, rule = verdict.matches.objects, verdict.policy.objects
    if found is None or rule is None:
        return ""
    pairs = f"{found.checked} of {plural(found.candidates, 'pair')} compared"
    bare = sum(count < rule.points for count in found.features)
    told = f"; {plural(bare, 'sample')} with too few points to tell" if bare else ""
    return f"{_proposers(found)}; {pairs} {_times(found)}{told}"


def _proposers(found: ObjectsFound) -> str:
    """What proposed the pairs."""
    vectors = f"parts ({found.grid})" if grid(found.grid) else "whole images"
    if not found.stored:
        return f"by {vectors} of samples only, the index has none"
    return f"by {vectors} and {found.voting} features an image" if found.voting else f"by {vectors}"


def objects_story(verdict: Verdict) -> str:
    """What the first line of a verdict says of parts; empty where nothing is to be said."""
    hits, rule = _by_part(verdict), verdict.policy.objects
    if rule is None:
        return ""
    told = f", {len(verdict.beside)} of them by a part, too" if verdict.beside else ""
    if hits:
        return f"{told}, {len(hits)} by a part alone: {hits[0].points} points, {rule.points} are enough"
    return told if verdict.replicated else ", nor a part of one"


def unchecked_story(verdict: Verdict) -> str:
    """What it says of samples whose parts could not be looked at; empty where there are none."""
    if not verdict.unchecked:
        return ""
    return f"parts of {plural(len(verdict.unchecked), 'sample')} were not checked"


def rule_words(verdict: Verdict) -> str:
    """When a part counts as a copy; empty where none does."""
    if (rule := verdict.policy.objects) is None:
        return ""
    other = rule.overridden
    told = "" if other is None or other[1] == rule.points else f"; {other[0]}: {other[1]}"
    return f"; or a part with {rule.points} points alike ({rule.source}{told})"


def part_chance_lines(verdict: Verdict) -> list[str]:
    """How many samples of a model that copies nothing have a part that counts; empty if not measured."""
    rule = verdict.policy.objects
    if rule is None or rule.false_rate is None:
        return []
    return [
        f"  by chance  {rule.points} points of a part: at most {100 * rule.false_rate:.3g} % of real images "
        f"that the model never saw have as many (95 % confidence): of {verdict.samples} samples of a model "
        f"that copies nothing, at most {rule.false_rate * verdict.samples:.2g} are expected"
    ]


def part_control_lines(verdict: Verdict) -> list[str]:
    """What was found of the copies of parts that were put among the samples; empty without any."""
    control, rule = verdict.part_control, verdict.policy.objects
    if rule is None or control is None or not control.asked:
        return []
    return [
        f"  control    {plural(control.asked, 'planted part')} found (fewest points {control.fewest}, "
        f"{rule.points} are enough; {control.tried_found} of {control.tried} were found when the index was "
        "calibrated)"
    ]


def _control_data(control: PartControl | None) -> dict[str, Any] | None:
    if control is None:
        return None
    return {
        "asked": int(control.asked),
        "fewest_points": None if control.fewest is None else int(control.fewest),
        "stored": int(control.stored),
        "planted": int(control.tried),
        "planted_found": int(control.tried_found),
        "absent": control.absent,
    }


def _overridden(rule: ObjectRule) -> dict[str, Any] | None:
    if rule.overridden is None:
        return None
    name, points = rule.overridden
    return {"name": str(name), "points": int(points), "laxer": bool(rule.laxer)}


def to_check(verdict: Verdict) -> str:
    """What makes parts that were not checked be checked."""
    found, index = verdict.matches.objects, verdict.matches.subject.index
    count = 0 if found is None else sum(found.unchecked)
    return (
        f"{plural(count, 'pair')} could not be compared, since {index} holds no local features and the "
        "training images are no files where it names them: build it again with --objects"
    )


def _times(found: ObjectsFound) -> str:
    """How long pairs took to find and to compare, and the vectors that led to them."""
    beyond = found.searching_seconds + found.comparing_seconds
    each = 1000 * beyond / max(1, len(found.of))
    return f"in {beyond:.1f} s, {each:.0f} ms a sample; vectors of parts {found.embedding_seconds:.1f} s"


def _by_part(verdict: Verdict) -> list[Match]:
    return [match for match in verdict.replicated if match.part is not None]


def _place(corners: Polygon) -> str:
    across, down = [x for x, _ in corners], [y for _, y in corners]
    return f"at {box_in_words((min(across), min(down), max(across), max(down)))}"


def _corners(polygon: Polygon) -> list[list[float]]:
    return [[float(x), float(y)] for x, y in polygon]
